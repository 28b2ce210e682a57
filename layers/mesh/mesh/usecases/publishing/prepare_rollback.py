"""A rollback as a commit: every table at the metadata file that it had, as a new version. Nothing is copied."""

from dataclasses import dataclass

from mesh.domain.contracts.evolution import Change, ContractDiff, together
from mesh.domain.contracts.product import Product, ProductVersion, RollbackOrder, TableSnapshot
from mesh.domain.errors import Rejected
from mesh.domain.events import ColumnRef, Rollback, TableChange
from mesh.domain.model import Model
from mesh.domain.names import table_location
from mesh.domain.publishing.iceberg_table import marks_of, pointer_of
from mesh.domain.publishing.keeping import VersionGone, require_kept
from mesh.domain.publishing.proposals import Commit, ProposalRecord, TableCommit, TableRecord, Verified
from mesh.domain.publishing.staging import TableContent
from mesh.domain.publishing.table_state import Marks
from mesh.domain.publishing.version_diff import breaking, diff_snapshots, severity
from mesh.usecases.publishing.request_rollback import AlreadyThere, UnknownVersion, rollback_id
from mesh.usecases.publishing.table_changes import partitions_added, table_change, table_record
from mesh.usecases.publishing.verify_proposal import Verifier


class UnknownRollback(Rejected):
    """A rollback that was never requested, or was rejected."""


class RollbackRun(Model):
    """Input of `roll-back`: `request` is the id of the requesting event."""

    product: str
    request: str


def prepare_rollback(product: str, request: str, *, using: Verifier) -> Verified:
    """Wait for its turn, then record the commit that sets every table. Idempotent: a repetition builds it anew.

    Raises ConcurrentChange while a proposal is being committed, UnknownRollback, UnknownVersion, AlreadyThere,
    VersionGone.
    """
    order, owner = using.registry.rollback(product, request), using.registry.product(product)
    if order is None or owner is None or order.status == "refused":
        raise UnknownRollback(f"no rollback {request} of {product} was requested", product=product)
    number = rollback_id(request)
    found = Verified(product=product, proposal=number, next="commit")
    recorded = using.registry.version_of_run(product, number)
    if recorded is not None:
        return found.evolve(next="repeat", version=recorded.version)
    using.proposals.claim(product, number, rollback=True)
    record = using.proposals.open(ProposalRecord(product=product, proposal=number, digest="", at=using.clock.now()))
    using.proposals.keep_commit(record, *_commit(order, owner, number, using))
    return found


def _commit(order: RollbackOrder, product: Product, number: str, using: Verifier) -> tuple[Commit, list[TableRecord]]:
    wanted = using.registry.version(product.name, order.version)
    last = using.registry.latest_version(product.name)
    if wanted is None or last is None:
        raise UnknownVersion(f"{product.name} has no version {order.version}", version=order.version)
    require_kept(wanted)
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
        raise AlreadyThere(
            f"version {last.version}, the present one, is version {wanted.version} already",
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
        location = table_location(self._product.bucket, self._product.name, self._now.table)
        if content.files or content.delete_files or content.state.location != location:
            raise self._gone(self._now.empty, "it is not the empty table")
        columns = tuple(ColumnRef(name=field.name, type=field.hive_type) for field in content.state.fields)
        gone = {"rows": 0, "bytes": 0, "objects": 0, "partitions": 0}
        nothing = self._now.evolve(columns=columns, metadata=self._now.empty, **gone)
        return _Target(content, self._renewed(nothing, content))

    def _renewed(self, then: TableSnapshot, content: TableContent) -> TableSnapshot:
        marks = marks_of(self._current).covering(Marks(**self._now.marks)).covering(content.state.marks)
        return then.evolve(empty=self._now.empty, marks=marks.model_dump())

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
