"""Central verifies what a producer staged: is it what was proposed, does it fit, may it be published?

The event is trusted for nothing but which files to read: schema, totals and paths are read from the files themselves.
Of a table that a Glue crawler fills there is nothing staged: its columns are read from the catalog, and its totals are
as the owner reports them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mesh.domain.contracts.evolution import ContractDiff, together
from mesh.domain.contracts.product import NotYetReadable, Product, ProductVersion, TableSnapshot
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    ColumnRef,
    Envelope,
    Event,
    PersonalDataFinding,
    ProposalSettled,
    ProposedTable,
    Reason,
    TableChange,
    VersionProposed,
    read_event,
)
from mesh.domain.governance.column_findings import known_from
from mesh.domain.membership.authorisation import NotAllowedForRole, NotAMember, NotTheOwner
from mesh.domain.names import table_location
from mesh.domain.publishing.hive_table import own_file
from mesh.domain.publishing.iceberg_table import marks_of, own_metadata, pointer_of
from mesh.domain.publishing.proposals import (
    Commit,
    ProposalExpired,
    ProposalForged,
    ProposalRecord,
    TableCommit,
    TableDetails,
    TableRecord,
    Verified,
    refusal,
)
from mesh.domain.publishing.staging import TableContent
from mesh.domain.publishing.table_state import Marks
from mesh.domain.publishing.verification import metadata_location, verify_table
from mesh.domain.publishing.version_diff import breaking, diff_snapshots, new_major, require_compatible, severity
from mesh.ports import Catalog, Clock, MemberTopics, Proposals, Registry, TableContents, Trace
from mesh.usecases.authorisation import owned, refusals_told, sender_of
from mesh.usecases.publishing.published_tables import columns_of
from mesh.usecases.publishing.table_changes import partitions_added, table_change, table_record


class Rebase(Rejected):
    """The product's present version is not the one that the proposal was staged on."""


@dataclass(frozen=True)
class Verifier:
    """The ports that verifying a proposal needs."""

    registry: Registry
    proposals: Proposals
    catalog: Catalog
    contents: TableContents
    clock: Clock
    trace: Trace


def verify_proposal(envelope: Envelope, *, execution: str, using: Verifier, topics: MemberTopics) -> Verified:
    """Authorise the sender, read what was staged, compare it with the last version, and record the commit to be made.

    Raises what `authorise` raises, MalformedEvent, NotTheOwner: each is recorded, and the sender told; not where the
    commit began before the product was handed over, or its owner expelled. Everything else
    that is wrong with a proposal is its answer: `refused`, `held` for what would break readers, `rebase`.
    ConcurrentChange while another commit goes on, NotYetReadable for a crawled table that the catalog does not show.
    """
    with refusals_told(envelope, records=using, topics=topics):
        try:
            _, about, received = sender_of(envelope, execution=execution, records=using)
            event = read_event(VersionProposed, envelope)
            product = owned(about, event.data.product, envelope.account)
        except (NotAMember, NotAllowedForRole, NotTheOwner) as lost:
            if begun := _begun(envelope, lost, using):
                return begun
            raise
    proposed = event.data
    record = ProposalRecord(
        product=product.name, proposal=proposed.proposal, digest=_digest(proposed), at=using.clock.now()
    )
    found = Verified(product=product.name, proposal=proposed.proposal, next="commit")
    is_new = using.proposals.begin(record, received)
    if not is_new:
        record = using.proposals.open(record)
        if record.answer is not None:
            return found.repeats(record.answer)
        if record.committing:
            return found  # the first verification stands: a commit can be repeated at any point
    try:
        if record.digest != _digest(proposed):
            raise ProposalForged(
                f"proposal {proposed.proposal} was made before with other content", proposal=proposed.proposal
            )
        if not is_new:
            using.proposals.claim(product.name, proposed.proposal)
        if proposed.announces == "findings":
            _record_announced(proposed, product, using)
            return found.evolve(next="tag", answer=_tagged(proposed))
        commit, records = _commit(event, product, using)
    except Rejected as rejected:
        record = using.proposals.refuse(_answer(proposed, rejected))
        return found if record.answer is None else found.evolve(next="settle", answer=record.answer)
    if not using.proposals.keep_commit(record, commit, records):  # answered since we looked
        using.proposals.release(product.name, proposed.proposal)
        record = using.proposals.open(record)
        return found.repeats(record.answer)
    return found


def _begun(envelope: Envelope, lost: Rejected, using: Verifier) -> Verified | None:
    """A commit that began when its sender was the product's owner, and a member, is completed: nobody else could end
    its turn, and nothing could be published after it. None where there is none; one that was not verified yet is
    refused."""
    product = using.registry.product(envelope.product) if envelope.product else None
    if product is None or envelope.account not in product.buckets.values():
        return None
    proposed = read_event(VersionProposed, envelope).data
    record = using.proposals.record(product.name, proposed.proposal)
    if record is None or record.digest != _digest(proposed):
        return None
    if record.answer is None:
        record = using.proposals.refuse(_answer(proposed, lost))
    found = Verified(product=product.name, proposal=proposed.proposal, next="commit")
    if record.answer is None:
        return found
    return found.repeats(record.answer) if record.answer.version else None


def _answer(proposed: VersionProposed, rejected: Rejected) -> ProposalSettled:
    return refusal(proposed.product, proposed.proposal, Reason.model_validate(rejected.to_dict()))


def _digest(proposed: VersionProposed) -> str:
    """Without `expires`, which a repeated proposal may change."""
    return hashlib.sha256(proposed.model_dump_json(exclude={"expires"}).encode()).hexdigest()


def _commit(event: Event[VersionProposed], product: Product, using: Verifier) -> tuple[Commit, list[TableRecord]]:
    """What is to be committed, and what was read in the tables' metadata files."""
    proposed, last = event.data, using.registry.latest_version(product.name)
    product.require_not_retired()
    _require_in_time(proposed, using)
    _require_newer(event, last)
    known = {snapshot.table: snapshot for snapshot in last.tables} if last else {}
    table_of = _crawled_table if _is_crawled(proposed, product) else _staged_table
    looks = [table_of(table, product, known.get(table.name), using) for table in proposed.tables]
    changes = tuple(_with_end(look.change, product) for look in looks)
    differences = [change for look in looks for change in look.diff.changes]
    _record_findings(proposed, looks, using)
    if last is not None and not (product.draft or last.draft or _new_major(last, product)):
        require_compatible(product.name, differences, product.contract_version)
    commit = Commit(
        product=product.name,
        proposal=proposed.proposal,
        correlation_id=event.metadata.correlation_id,
        event_id=event.metadata.id,
        follows=last.version if last else 0,
        generation=max(proposed.generation, last.generation if last else 0),
        tables=tuple(look.commit for look in looks),
        untouched=tuple(known[name] for name in known.keys() - {table.name for table in proposed.tables}),
        changes=changes,
        compatibility=together(change.compatibility for change in differences),
        severity=severity(changes, bool(breaking(differences)), rollback=False),
        contract_version=proposed.contract_version or product.contract_version,
    )
    commit.require_room()
    return commit, [look.record for look in looks if look.record]


def _with_end(change: TableChange, product: Product) -> TableChange:
    """Whether it is a table's last one: the contract dropped it, and this takes its rows out."""
    emptied = change.rows_total == 0 and (change.rows_delta or 0) < 0
    return change.evolve(dropped=emptied and change.table in product.dropped)


def _record_findings(proposed: VersionProposed, looks: "Sequence[_Look]", using: Verifier) -> None:
    """Whatever becomes of the proposal: the columns that it says something about are stricter from now on."""
    for look in looks:
        if look.findings:
            known = known_from(look.findings, proposed.proposal, using.clock.now())
            using.registry.add_findings(proposed.product, look.commit.name, known)


def _require_in_time(proposed: VersionProposed, using: Verifier) -> None:
    if using.clock.now() > proposed.expires:
        raise ProposalExpired(
            f"proposal {proposed.proposal} had to be answered by {proposed.expires.isoformat()}",
            proposal=proposed.proposal,
            remedy="It is staged again by itself; look at the owner's queues if it is not.",
        )


def _require_newer(event: Event[VersionProposed], last: ProductVersion | None) -> None:
    """An older batch that comes late never becomes a newer version. A producer whose table was made anew begins with
    generation 1 again: what it sent after the last version is no older batch. Raises Rebase."""
    proposed = event.data
    if last is not None and proposed.generation < last.generation and event.metadata.time <= last.published:
        raise Rebase(
            f"batch {proposed.generation} of {proposed.product} came after batch {last.generation} was published",
            generation=proposed.generation,
            published=last.generation,
            remedy="It is staged again by itself.",
        )


def _record_announced(proposed: VersionProposed, product: Product, using: Verifier) -> None:
    """What was found in tables that a Glue crawler will fill. Raises ProposalForged, ProposalExpired, ObjectGone."""
    _require_in_time(proposed, using)
    if not _is_crawled(proposed, product):
        raise ProposalForged(f"{product.name} is not filled by a Glue crawler, and announces nothing")
    for table in proposed.tables:
        details = _details_file(table, product, using)
        known = known_from(details.findings, proposed.proposal, using.clock.now())
        using.registry.add_findings(product.name, table.name, known)


def _tagged(proposed: VersionProposed) -> ProposalSettled:
    return ProposalSettled(product=proposed.product, proposal=proposed.proposal, outcome="tagged")


def _new_major(last: ProductVersion, product: Product) -> bool:
    return new_major(last.contract_version, product.contract_version)


def _is_crawled(proposed: VersionProposed, product: Product) -> bool:
    """Raises ProposalForged for tables that are not filled as the product's contract says."""
    crawled = product.crawl == "glue"
    wrong = [table.name for table in proposed.tables if crawled == bool(table.staged)]
    if wrong:
        raise ProposalForged(
            f"{wrong[0]} was {'staged' if crawled else 'crawled'}, and {product.name} is a product of crawl: "
            f"{'glue' if crawled else 'express'}",
            tables=wrong[:10],
        )
    return crawled


class _Look(NamedTuple):
    """One verified table; without a record where nothing is staged."""

    commit: TableCommit
    change: TableChange
    diff: ContractDiff
    findings: tuple[PersonalDataFinding, ...]
    record: TableRecord | None = None


def _crawled_table(proposed: ProposedTable, product: Product, last: TableSnapshot | None, using: Verifier) -> _Look:
    """A table that is in the catalog already. Raises NotYetReadable where it is not."""
    current = using.catalog.table(product.name, proposed.name)
    if current is None:
        raise NotYetReadable(f"table {product.name}.{proposed.name} is not in the catalog yet", table=proposed.name)
    details = _details_file(proposed, product, using)
    snapshot = TableSnapshot(
        table=proposed.name,
        columns=_read_columns(columns_of(current["StorageDescriptor"].get("Columns", [])), details, last),
        partition_keys=columns_of(current.get("PartitionKeys", [])),
        rows=proposed.rows,
        rows_exact=not details.unread,
        bytes=proposed.bytes,
        objects=details.sources,
        partitions=details.partitions,
    )
    diff = diff_snapshots(last, snapshot) if last else ContractDiff()
    change = table_change(last, snapshot, diff, details.partitions_added, brought=details)
    return _Look(TableCommit(name=proposed.name, snapshot=snapshot), change, diff, details.findings)


def _read_columns(
    there: tuple[ColumnRef, ...], details: TableDetails, last: TableSnapshot | None
) -> tuple[ColumnRef, ...]:
    """The columns that are in the catalog, without those that came with an unpublished batch: only that batch knows
    what they contain. They belong to no version, and are not published."""
    if details.columns is None:
        return there
    known = {*details.columns, *(column.name for column in (last.columns if last else ()))}
    return tuple(column for column in there if column.name in known)


def _staged_table(proposed: ProposedTable, product: Product, last: TableSnapshot | None, using: Verifier) -> _Look:
    def place(name: str) -> str:
        return metadata_location(product.bucket, product.name, proposed.name, name)

    location = table_location(product.bucket, product.name, proposed.name)
    current = using.catalog.table(product.name, proposed.name)
    pointer, marks = pointer_of(current), marks_of(current).covering(Marks.model_validate(last.marks if last else {}))
    base = own_metadata(pointer, location)
    if base != (place(proposed.base) if proposed.base else ""):
        raise Rebase(
            f"{proposed.name} is at {pointer or 'no version'}, and was staged on {proposed.base or 'none'}",
            table=proposed.name,
            remedy="It is staged again by itself.",
        )
    published = _before(product.name, proposed.name, pointer, using)
    before = published if base else None
    content = using.contents.read(place(proposed.staged))
    verify_table(proposed, content, before.fields if before else (), marks, location=location)
    details = _details(proposed.name, content.state.details, content.state.metadata)
    marks = marks.covering(content.state.marks)
    first = {"empty": last.empty if last and base else place(proposed.empty) if proposed.empty else ""}
    snapshot = _snapshot(proposed.name, content, details).evolve(**first, marks=marks.model_dump())
    diff = diff_snapshots(last, snapshot) if last else ContractDiff()
    commit = TableCommit(
        name=proposed.name,
        base=pointer,
        target=content.state.metadata,
        empty="" if pointer else place(proposed.empty),
        fields=content.state.fields,
        snapshot=snapshot,
        marks=marks.model_dump(),
    )
    change = table_change(last, snapshot, diff, partitions_added(before, content), brought=details)
    return _Look(commit, change, diff, details.findings, table_record(product.name, proposed.name, content))


def _details_file(proposed: ProposedTable, product: Product, using: Verifier) -> TableDetails:
    """Those of a table of which nothing is staged. Raises ObjectGone, ProposalForged."""
    place = own_file(product.bucket, product.name, proposed.name, proposed.details)
    return _details(proposed.name, using.contents.details(place), place)


def _details(table: str, text: str | bytes, metadata: str) -> TableDetails:
    """The batch's details. Raises ProposalForged for a file without them."""
    try:
        return TableDetails.model_validate_json(text)
    except ValueError as fault:
        raise ProposalForged(
            f"{table}: the staged file lacks the details of its batch: {fault}",
            table=table,
            metadata=metadata,
            remedy="Nothing was published. Upload the data again; if that does not help, update the producer's stack.",
        ) from fault


def _before(product: str, table: str, pointer: str, using: Verifier) -> TableRecord | None:
    """Central's own record of the present metadata file. Raises ProposalForged for one that it never published."""
    record = using.proposals.table(product, table, pointer) if pointer else None
    if pointer and record is None:
        raise ProposalForged(
            f"{table} is at {pointer}, which central did not publish",
            table=table,
            metadata=pointer,
            remedy="The table was changed by hand. The data mesh owner can restore a version: mesh rollback.",
        )
    return record


def _snapshot(table: str, content: TableContent, details: TableDetails) -> TableSnapshot:
    return TableSnapshot(
        table=table,
        columns=tuple(ColumnRef(name=field.name, type=field.hive_type) for field in content.state.fields),
        rows=content.rows,
        bytes=content.bytes,
        objects=details.sources,
        partitions=len(content.partitions()) if content.state.partition else 0,
        metadata=content.state.metadata,
    )
