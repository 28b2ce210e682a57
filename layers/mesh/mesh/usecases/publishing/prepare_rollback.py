"""A rollback as a commit: every table at the metadata file that it had, as a new version. Nothing is copied."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mesh.domain.contracts.evolution import Change, ContractDiff, together
from mesh.domain.contracts.product import Product, ProductVersion, RollbackOrder, TableSnapshot
from mesh.domain.errors import Rejected
from mesh.domain.events import ColumnRef, Envelope, Reason, Rollback, TableChange, metadata_of
from mesh.domain.publishing.iceberg_table import location_of, marks_of, pointer_of
from mesh.domain.publishing.keeping import VersionGone, require_kept, require_known, require_metadata
from mesh.domain.publishing.proposals import Commit, ProposalRecord, TableCommit, TableRecord, Verified
from mesh.domain.publishing.staging import TableContent
from mesh.domain.publishing.table_state import Marks
from mesh.domain.publishing.version_diff import breaking, diff_snapshots, severity
from mesh.usecases.central_context import CentralContext
from mesh.usecases.publishing.rollback_orders import read_order, rollback_id
from mesh.usecases.publishing.table_changes import partitions_added, table_change, table_record
from mesh.usecases.publishing.verify_proposal import Verifier

WAITS = timedelta(hours=2)
"""How long a rollback without an outcome blocks other rollbacks."""
LATE = timedelta(hours=1)
"""How long an order may be under way, beside a version that is being committed; EventBridge delivers for a day."""


class AlreadyThere(Rejected):
    """A rollback to the present version, whose tables are as it has them."""


class RollbackTooLate(Rejected):
    """An order that came long after it was given, and after another version was published."""


class RollbackInProgress(Rejected):
    """Another rollback of the product has not ended."""


class OrderRefused(Rejected):
    """The order stands as refused, by this delivery of the event or an earlier one; it keeps the reason."""


def prepare_rollback(envelope: Envelope, *, context: CentralContext, using: Verifier) -> Verified:
    """Record who requests which version and why; wait for its turn; record the commit that sets every table.

    Idempotent, also beside another run of the same event: a repetition builds the commit anew, and joins the version
    once there is one. Raises what `read_order` raises, ProductIsRetired, OrderRefused, UnknownVersion, VersionEnded,
    NeedsExpress, AlreadyThere, RollbackTooLate, VersionGone; ConcurrentChange while a proposal is being committed.
    """
    requested, product = read_order(envelope, context)
    product.require_not_retired()
    order, number = _begun(requested, context), rollback_id(requested.request)
    found = Verified(product=product.name, proposal=number, next="commit")
    if order.status == "started":
        using.proposals.claim(product.name, number, rollback=True)
    last = using.registry.latest_version(product.name)
    recorded = using.registry.version_of_run(product.name, number)  # read after `last`, so that it is not `last` itself
    if recorded is not None:
        return found.evolve(next="repeat", version=recorded.version)
    _require_in_time(order, metadata_of(envelope).time, last)
    opened = ProposalRecord(product=product.name, proposal=number, digest="", at=using.clock.now())
    using.proposals.keep_commit(using.proposals.open(opened), *_commit(order, product, last, number, using))
    return found


def _begun(order: RollbackOrder, context: CentralContext) -> RollbackOrder:
    """Recorded, one at a time for a product. Raises OrderRefused."""
    busy = RollbackInProgress(
        f"{order.product} is being rolled back already",
        product=order.product,
        remedy=f"Wait until it has ended: mesh history {order.product}.",
    )
    known = context.registry.begin_rollback(order, order.at + WAITS, Reason.model_validate(busy.to_dict()))
    if known.refusal is not None:
        raise OrderRefused(known.refusal.message, product=known.product, refusal=known.refusal.code)
    if known == order:
        facts = {"product": order.product, "version": order.version, "by": order.requested_by, "why": order.reason}
        context.trace.note(order.correlation_id, "rollback requested", **facts)
    return known


def _require_in_time(order: RollbackOrder, sent: datetime, last: ProductVersion | None) -> None:
    """Who gave the order did not know of a version that was published while it was under way for long."""
    if last is not None and order.at - sent > LATE and last.published > sent:
        raise RollbackTooLate(
            f"the order of {sent.isoformat()} came after version {last.version} was published",
            product=order.product,
            version=last.version,
            remedy=f"To go back all the same: mesh rollback {order.product} {order.version}",
        )


def _commit(
    order: RollbackOrder, product: Product, last: ProductVersion | None, number: str, using: Verifier
) -> tuple[Commit, list[TableRecord]]:
    wanted = require_known(using.registry.version(product.name, order.version), product.name, order.version)
    last = require_known(last, product.name, order.version)
    require_kept(wanted)
    require_metadata(wanted)
    if all(pointer_of(using.catalog.table(product.name, now.table)) == now.metadata for now in last.tables):
        require_other(product.name, wanted, last)
    before = {table.table: table for table in wanted.tables}
    backs = [_Back(product, now, before.get(now.table), using) for now in last.tables]
    differences: list[Change] = [change for back in backs for change in back.diff.changes]
    changes = tuple(back.change() for back in backs)
    commit = Commit(
        product=product.name,
        proposal=number,
        correlation_id=order.correlation_id,
        event_id=order.request,
        follows=last.version,
        generation=last.generation,
        tables=tuple(back.commit() for back in backs),
        changes=changes,
        compatibility=together(change.compatibility for change in differences),
        severity=severity(changes, bool(breaking(differences)), rollback=True),
        contract_version=product.contract_version,
        rollback=Rollback.model_validate(order.model_dump(include=set(Rollback.model_fields))),
    )
    return commit, [back.record() for back in backs]


def require_other(product: str, wanted: ProductVersion, last: ProductVersion) -> None:
    """Raises AlreadyThere where the rollback would change nothing."""
    then = {table.table: table.metadata for table in wanted.tables}
    if all(table.metadata == then.get(table.table, table.empty) for table in last.tables):
        same = "" if wanted.version == last.version else f", in version {last.version}"
        raise AlreadyThere(
            f"version {wanted.version} is what consumers read now{same}",
            product=product,
            version=wanted.version,
            present=last.version,
            remedy=f"mesh history {product} lists the versions.",
        )


@dataclass(frozen=True)
class _Target:
    content: TableContent
    snapshot: TableSnapshot


class _Back:
    """One table of the rollback. A table that did not exist then gets its initial metadata file without rows."""

    def __init__(self, product: Product, now: TableSnapshot, then: TableSnapshot | None, using: Verifier) -> None:
        self._product, self._now, self._using = product, now, using
        self._current = using.catalog.table(product.name, now.table)
        self._target = self._at(then) if then is not None else self._at_none()
        self.diff: ContractDiff = diff_snapshots(now, self._target.snapshot)

    def commit(self) -> TableCommit:
        """The table's part of the commit. The highest ids never decrease: ids given since are not reused."""
        target, pointer = self._target, pointer_of(self._current)
        return TableCommit(
            name=self._now.table,
            base=pointer,
            target=target.content.state.metadata,
            empty="" if pointer else (self._now.empty or target.content.state.metadata),
            fields=target.content.state.fields,
            snapshot=target.snapshot,
            marks=target.snapshot.marks,
        )

    def record(self) -> TableRecord:
        """Central's record of the metadata file."""
        return table_record(self._product.name, self._now.table, self._target.content)

    def change(self) -> TableChange:
        """The columns that readers see."""
        present = self._using.proposals.table(self._product.name, self._now.table, self._now.metadata)
        added = partitions_added(present, self._target.content)
        return table_change(self._now, self._target.snapshot, self.diff, added)

    def _at(self, then: TableSnapshot) -> _Target:
        content = self._read(then.metadata)
        if (content.rows, content.bytes) != (then.rows, then.bytes):
            raise self._gone(then.metadata, f"it has {content.rows} rows, and was published with {then.rows}")
        return _Target(content, self._renewed(then, content))

    def _at_none(self) -> _Target:
        content = self._read(self._now.empty)
        location = location_of(self._now.empty)
        if content.files or content.delete_files or content.state.location != location:
            raise self._gone(self._now.empty, "it is not the empty table")
        columns = tuple(ColumnRef(name=field.name, type=field.hive_type) for field in content.state.fields)
        gone = {"rows": 0, "bytes": 0, "objects": 0, "partitions": 0}
        nothing = self._now.evolve(columns=columns, metadata=self._now.empty, **gone)
        return _Target(content, self._renewed(nothing, content))

    def _renewed(self, then: TableSnapshot, content: TableContent) -> TableSnapshot:
        marks = marks_of(self._current).covering(Marks.model_validate(self._now.marks)).covering(content.state.marks)
        here = location_of(then.metadata) == location_of(self._now.empty)
        return then.evolve(empty=self._now.empty if here else then.empty, marks=marks.model_dump())

    def _read(self, metadata: str) -> TableContent:
        if not metadata:
            raise self._gone(metadata, "it did not exist then, and its initial metadata file is unknown")
        try:
            return self._using.contents.read(metadata)
        except Rejected as lost:
            raise self._gone(metadata, str(lost)) from lost

    def _gone(self, metadata: str, why: str) -> VersionGone:
        return VersionGone(
            f"{self._now.table} cannot go back: {why}",
            table=self._now.table,
            metadata=metadata,
            remedy=f"Nothing was changed. Choose another version: mesh history {self._product.name}.",
        )
