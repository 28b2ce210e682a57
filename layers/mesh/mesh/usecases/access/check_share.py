"""A consumer account looks whether the reader of an access reads, and puts its own side in order, when central asks.

The query that verifies it is `verify_access`'s. A reader whose role is gone, or is another role of the same name,
loses what it was granted: whoever makes a role of that name would read as the one before.
"""

from mesh.domain.access.consumer_access import ConsumerAccess, ReaderGone, ReaderSuspended, still_needed
from mesh.domain.access.grants import unneeded
from mesh.domain.events import AccessCheckRequested, Envelope, Event
from mesh.domain.governance.product_rights import grant_entry
from mesh.ports import Catalog, ConsumerAccesses, LakeFormation, Locks, Readers, ResourceLinks, Shares
from mesh.usecases.access.accept_share import LOCK, Accepted, going_on, pass_on
from mesh.usecases.central_shares import require_shared


def check_share(
    envelope: Envelope,
    *,
    account: str,
    accesses: ConsumerAccesses,
    readers: Readers,
    shares: Shares,
    catalog: Catalog,
    links: ResourceLinks,
    lake: LakeFormation,
    locks: Locks,
) -> Accepted:
    """Look at the reader's role; where central asks for repair, accept, link and grant what is missing. Idempotent.

    Raises AccessOver, UnknownAccess, ReaderGone (nothing was changed), ReaderSuspended (what the reader had was taken
    back), ShareRefused, NotYetShared (retried), LinkTaken, ConcurrentChange, NotPropagated.
    """
    event = Event[AccessCheckRequested].model_validate(envelope.detail)
    order = event.data
    held = going_on(order.access, accesses)
    if order.repair:
        remedy = "mesh revoke it, and request it again: central then shares anew"
        require_shared(str(held.catalog_id), held.databases, shares=shares, links=links, remedy=remedy)
    with locks.hold(LOCK):
        held = _identified(order, going_on(order.access, accesses), accesses, readers)
        before, held = held, _as_ordered(event, held)
        if held.suspended:
            _take_back(before, account, accesses, lake)
            held = held if held == before else accesses.save(held)
            raise _suspended(held)
        if order.repair:
            pass_on(held, account=account, catalog=catalog, lake=lake)
        if held != before:
            needed = [held.passed_on(account), *still_needed(held, _others(held, accesses), account)]
            gone = unneeded(before.passed_on(account), needed)
            lake.revoke(grant_entry(held.reader, entry.resource, list(entry.permissions)) for entry in gone)
            held = accesses.save(held)
    return Accepted(access=held.access, outcome="accepted")


def _as_ordered(event: Event[AccessCheckRequested], held: ConsumerAccess) -> ConsumerAccess:
    """The record with the grants that it consists of by now; an order that comes late, or again, changes nothing."""
    order, at = event.data, event.metadata.time
    if not order.repair or not order.entries or (held.entries_of is not None and held.entries_of > at):
        return held
    return held if held.entries == order.entries else held.evolve(entries=order.entries, entries_of=at)


def _identified(
    order: AccessCheckRequested, held: ConsumerAccess, accesses: ConsumerAccesses, readers: Readers
) -> ConsumerAccess:
    """The record as it is from now on, saved where it changes. Raises ReaderGone, where it may not be changed."""
    now = readers.role(held.reader.rpartition("/")[2]) if held.reader else None
    there = now is not None and now.arn == held.reader
    known = not held.reader or (there and now is not None and now.id == (held.reader_id or now.id))
    confirmed = order.repair and order.same_role and there
    fresh = held if order.entries and not order.tables else held.evolve(tables=order.tables)
    if now is not None and (confirmed or (known and not held.suspended)):
        fresh = fresh.evolve(reader_id=now.id, suspended=False)
    elif not known and order.repair:
        fresh = fresh.evolve(suspended=True)
    elif not known and not held.suspended:
        raise ReaderGone(f"{_subject(held)}", role=held.reader, remedy="mesh reconcile suspends the access")
    return fresh if fresh == held else accesses.save(fresh)


def _take_back(held: ConsumerAccess, account: str, accesses: ConsumerAccesses, lake: LakeFormation) -> None:
    """What no other access of the reader needs. Links stay: they show nothing."""
    taken = unneeded(held.passed_on(account), still_needed(held, _others(held, accesses), account))
    lake.revoke(grant_entry(held.reader, entry.resource, list(entry.permissions)) for entry in taken)


def _others(held: ConsumerAccess, accesses: ConsumerAccesses) -> list[ConsumerAccess]:
    return [other for other in accesses.live() if other.access != held.access]


def _suspended(held: ConsumerAccess) -> ReaderSuspended:
    return ReaderSuspended(
        f"{_subject(held)}: the access is suspended",
        role=held.reader,
        remedy=f"if a role of that name is the same reader: mesh reconcile --same-role {held.access}; "
        f"else: mesh revoke {held.access}",
    )


def _subject(held: ConsumerAccess) -> str:
    return f"the role {held.reader} is gone, or is not the one that was granted access"
