"""What must hold whenever nothing runs, whatever calls failed before: each a function of the mesh's state.

Each gives a sentence for every violation, which begins with the product that it is about, or with `mesh`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from mesh.domain.access.record import OVER

from tests.sweep.state import CONSUMER, MeshState, Seen

type Invariant = Callable[[MeshState], Iterator[str]]


def no_grant_without_a_current_approval(state: MeshState) -> Iterator[str]:
    """What the consumer was granted, or has granted to its analyst, belongs to a live access."""
    for name in sorted(state.grants | state.local_grants):
        if not _live(state.products[name]):
            where = "central" if name in state.grants else "the consumer"
            yield f"{name}: granted in {where}, and no access is live"


def a_live_access_is_granted(state: MeshState) -> Iterator[str]:
    """Who was told that the data can be read has the grants for it, on both sides, and the link."""
    for name, seen in state.products.items():
        if not _live(seen):
            continue
        missing = [
            what
            for what, there in (
                ("central's grant", state.grants),
                ("the analyst's grant", state.local_grants),
                ("link", state.links),
            )
            if name not in there
        ]
        if missing:
            yield f"{name}: an access is live without {', '.join(missing)}"


def no_notice_before_the_data_can_be_read(state: MeshState) -> Iterator[str]:
    """Readers get the version before its first notice leaves: the first change of the catalog comes first."""
    for name, seen in state.products.items():
        if seen.announced and seen.swung and min(seen.announced) < min(seen.swung):
            yield f"{name}: subscribers were notified {min(seen.swung) - min(seen.announced):.3f} s before the change"


def one_notice_for_each_version_and_consumer(state: MeshState) -> Iterator[str]:
    """Each subscriber, and the owner, has one notice of each version that is published, and of no other."""
    counts = Counter((each.product, each.account, each.version) for each in state.notices)
    for name, seen in state.products.items():
        published = {version.version for version in seen.versions}
        for account in seen.subscribers:
            for version in sorted(published):
                if version >= _first_since_subscribed(state, name, account) and counts[name, account, version] != 1:
                    yield f"{name}: {account} has {counts[name, account, version]} notices of version {version}"
        for product, account, version in counts:
            if product == name and version not in published:
                yield f"{name}: {account} has a notice of version {version}, which does not exist"
            elif product == name and counts[product, account, version] > 1 and account not in seen.subscribers:
                yield f"{name}: {account} has {counts[product, account, version]} notices of version {version}"


def _first_since_subscribed(state: MeshState, name: str, account: str) -> int:
    """Versions before the first notice may be older than the subscription."""
    notified = [each.version for each in state.notices if (each.product, each.account) == (name, account)]
    return min(notified, default=max((version.version for version in state.products[name].versions), default=0))


def every_event_is_done_or_kept(state: MeshState) -> Iterator[str]:
    """No queue holds a message, and nothing runs: what could not be done is in a dead letter queue."""
    for queue, depth in state.queues.items():
        yield f"mesh: {depth} messages are left in {queue}"
    for run in state.running:
        yield f"mesh: still running: {run}"


def no_orphans(state: MeshState) -> Iterator[str]:
    """No lease, lock, token or pinned table that belongs to nothing."""
    for name, seen in state.products.items():
        if seen.lease:
            yield f"{name}: leased to {seen.lease}, which does not run"
        if seen.pending:
            yield f"{name}: nobody works on {', '.join(seen.pending)}"
        pinned = {int(table.rpartition("__v")[2]) for table in seen.pointers if "__v" in table}
        if pinned != set(seen.pins):
            yield f"{name}: pinned tables of {sorted(pinned)}, pins {dict(seen.pins)}"
        if any(status != "ready" for status in seen.pins.values()):
            yield f"{name}: pins {dict(seen.pins)}"
    for lock in state.locks:
        yield f"mesh: locked: {lock}"
    for token in state.tokens:
        yield f"mesh: a task token is kept: {token}"


def nothing_of_an_access_that_is_over(state: MeshState) -> Iterator[str]:
    """No link, share, subscription or schedule is left of it, and none is half granted or half ended."""
    for name, seen in state.products.items():
        if name in state.links and not _live(seen):
            yield f"{name}: a link in the consumer's catalog, and no access is live"
        if name in state.shares and not _live(seen):
            yield f"{name}: shared with the consumer's account, and no access is live"
        if CONSUMER in seen.subscribers and seen.accesses and not _live(seen) and _was_live(seen):
            yield f"{name}: subscribed by {CONSUMER}, whose accesses are over"
        for access in seen.accesses:
            if access.status not in OVER and access.status != "live":
                yield f"{name}: {access.id} is {access.status}, and nothing runs"
            if access.status in OVER and any(access.id in schedule for schedule in state.schedules):
                yield f"{name}: {access.id} is {access.status}, and something is scheduled for it"


def nothing_readable_that_was_not_accepted(state: MeshState) -> Iterator[str]:
    """Readers get, of each table, the metadata file of the last version; of pinned tables that of the pinned one; of a
    table that is in no version yet the file without rows that it was created on."""
    for name, seen in state.products.items():
        versions = {each.version: {table.table: table.metadata for table in each.tables} for each in seen.versions}
        last = versions.get(max(versions, default=0), {})
        for table, pointer in seen.pointers.items():
            base, _, number = table.partition("__v")
            accepted = versions.get(int(number), {}).get(base) if number else last.get(base)
            if pointer != accepted and not (accepted is None and not number and _is_empty(pointer)):
                yield f"{name}: readers of {table} get {pointer}, accepted is {accepted}"


def every_row_can_be_read_once(state: MeshState) -> Iterator[str]:
    """All files of what readers get are there, and their rows are uploaded ones, each once."""
    for name, seen in state.products.items():
        for table, rows in seen.rows.items():
            if rows is None:
                yield f"{name}: a file of {table} is gone"
                continue
            for number, count in sorted(Counter(rows).items()):
                if count > 1:
                    yield f"{name}: readers of {table} get row {number} {count} times"
                if number not in seen.uploaded:
                    yield f"{name}: readers of {table} get row {number}, which nobody uploaded"


def _is_empty(pointer: str) -> bool:
    """The metadata file without rows, on which a new table is created."""
    return "empty" in pointer.rpartition("/")[2]


def _live(seen: Seen) -> bool:
    return any(access.status == "live" for access in seen.accesses)


def _was_live(seen: Seen) -> bool:
    """What was never granted brought no subscription; the account may have one of its own."""
    return any(access.status == "ended" and access.granted for access in seen.accesses)


INVARIANTS: Final[tuple[Invariant, ...]] = (
    no_grant_without_a_current_approval,
    a_live_access_is_granted,
    no_notice_before_the_data_can_be_read,
    one_notice_for_each_version_and_consumer,
    every_event_is_done_or_kept,
    no_orphans,
    nothing_of_an_access_that_is_over,
    nothing_readable_that_was_not_accepted,
    every_row_can_be_read_once,
)


def violations(state: MeshState) -> list[str]:
    """All of them."""
    return [found for invariant in INVARIANTS for found in invariant(state)]
