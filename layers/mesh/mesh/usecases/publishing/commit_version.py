"""Central switches the table pointers to a verified proposal, all tables or none, and numbers the version.

In this order; each step is idempotent, and a crash in between leaves tables stricter, never laxer:

1. the columns: new ones are in the catalog, on the old pointer, and inherit `publication=pending`;
2. all LF-Tags that are new or stricter, after accesses by name to such columns were ended;
3. the pointers, each with exactly its version's columns, fenced by Glue's table version;
4. `publication=published` on new columns, and only then what is looser;
5. a look whether all of it is as it should be; if it is not, the pointers go back;
6. the next version number is claimed.

Of a table that a Glue crawler fills only 2, 4, 5 and 6 are left: columns and rows are in place before it is proposed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mesh.domain.contracts.claims import NameTaken
from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.product import (
    ConcurrentChange,
    NotYetReadable,
    Product,
    ProductVersion,
    TableSnapshot,
    product_lock,
)
from mesh.domain.errors import Rejected
from mesh.domain.governance.kept_tags import PresentTags, changed_columns
from mesh.domain.governance.ontology import Ontology
from mesh.domain.governance.tagging import TagPlan, loosens, split_by_strictness
from mesh.domain.publishing.fields import Field
from mesh.domain.publishing.iceberg_table import POINTER, iceberg_input, location_of, pointer_of
from mesh.domain.publishing.proposals import Commit, TableCommit, Verified
from mesh.domain.publishing.table_state import Marks
from mesh.ports import Catalog, Clock, LakeFormation, Locks, Note, Proposals, Registry
from mesh.usecases.named_accesses import NamedAccesses
from mesh.usecases.publishing.published_tables import table_faults
from mesh.usecases.publishing.tag_pins import Tagging, follow_pins
from mesh.usecases.publishing.tag_tables import (
    assign_plan,
    closed,
    columns_by_table,
    made_anew,
    plan_tags,
    present_tags,
    publish_columns,
    unpublished,
)


class ProposalGone(Rejected):
    """A proposal that was not verified, or that was answered meanwhile."""


class BaseMoved(Rejected):
    """A table's pointer is neither the one that was staged on nor the proposal's own: it has to be staged again."""


@dataclass(frozen=True)
class Committing:
    """The ports that a commit needs."""

    registry: Registry
    proposals: Proposals
    catalog: Catalog
    lake: LakeFormation
    ontology: Ontology
    clock: Clock
    named: NamedAccesses
    locks: Locks


def commit_version(verified: Verified, *, using: Committing) -> ProductVersion:
    """Publish the proposal's tables as the next version. Can be repeated at any point; what was
    published already is not swung again, since later versions may have come.

    Raises ProposalGone, BaseMoved, NameTaken (nothing is swung then), UnknownLFTag; NotYetReadable and ConcurrentChange
    are transient.
    """
    product, proposal = verified.product, verified.proposal
    published = using.registry.version(product, verified.version) if verified.version else None
    version = published or _commit(product, proposal, using)
    if version.rollback is not None:  # a proposal's turn ends with its answer
        using.registry.publish_rollback(product, version.rollback.request)
        using.proposals.release(product, proposal)
    return version


def _commit(product: str, proposal: str, using: Committing) -> ProductVersion:
    commit = using.proposals.commit(product, proposal)
    owner = using.registry.product(product)
    if commit is None or owner is None or _is_refused(commit, using):
        raise ProposalGone(f"there is no proposal {proposal} of {product} to commit", proposal=proposal)
    _Swing(commit, owner, using).run()
    version = commit.version(using.clock.now(), draft=owner.draft)
    facts = {"product": product, "proposal": proposal, "version": version.version, "tables": len(commit.tables)}
    note = Note(commit.correlation_id, "committed", facts)
    # A later contract's registration may not have seen the new columns: then tags are planned again.
    return using.registry.record_version(version, note, contract=owner.contract_sequencer)


def _is_refused(commit: Commit, using: Committing) -> bool:
    """A rollback that another run of the same event refused. A proposal that was answered has no commit to make."""
    order = using.registry.rollback(commit.product, commit.rollback.request) if commit.rollback else None
    return order is not None and order.status == "refused"


class _Tags(NamedTuple):
    """What is there, and what is set: of the database and by `tighter` before anything is shown, which changes the
    columns `changed`; by `looser` after it."""

    present: Mapping[str, PresentTags]
    database: Mapping[str, str]
    tighter: TagPlan
    looser: TagPlan
    changed: Mapping[str, Mapping[str, Mapping[str, str]]]

    @property
    def tighten(self) -> bool:
        return bool(self.database or self.tighter.tables or self.tighter.columns or self.changed)


class _Swing:
    def __init__(self, commit: Commit, product: Product, using: Committing) -> None:
        self._commit, self._product, self._using = commit, product, using
        self._catalog, self._lake = using.catalog, using.lake
        self._contract = Contract.model_validate(product.contract)
        self._database = commit.product
        self._found = using.registry.findings(commit.product)

    def run(self) -> None:
        before = {table.name: self._at_base(table) for table in self._staged}
        ready = {table.name: self._show_columns(table, before[table.name]) for table in self._staged}
        tags = self._tags()
        if tags.tighten:
            with self._using.locks.hold(product_lock(self._database)):
                tags = self._tags()
                self._tighten(tags)
        self._follow_pins()
        self._swing_all(ready)
        if self._show(tags.looser, tags.present):
            self._prove()

    @property
    def _staged(self) -> tuple[TableCommit, ...]:
        """Those with a pointer to switch. The others were filled by a Glue crawler and only need their tags."""
        return tuple(table for table in self._commit.tables if table.target)

    def _at_base(self, table: TableCommit) -> dict[str, Any] | None:
        current = self._catalog.table(self._database, table.name)
        if current is not None and not pointer_of(current):
            raise NameTaken(
                f"there is a table {self._database}.{table.name} that was not created by Meshwork",
                table=table.name,
                remedy="Ask the data mesh owner to rename it, or give the table another name in the contract.",
            )
        if pointer_of(current) not in {table.base, table.empty, table.target}:
            raise BaseMoved(
                f"{table.name} moved to {pointer_of(current) or 'no version'} while it was committed",
                table=table.name,
                remedy="It is staged again by itself.",
            )
        return current

    def _show_columns(self, table: TableCommit, current: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Add and tag new columns before they hold anything. Returns the table as it was read; None where it has to be
        read again: it was written, or another run of the same proposal switched it, and a later version may follow."""
        if current is None:
            self._catalog.create_table(self._database, self._input(table, table.empty, table.fields))
            return None
        if pointer_of(current) == table.target:
            return None
        names = {column["Name"] for column in current["StorageDescriptor"].get("Columns", ())}
        new = [field for field in table.fields if field.name not in names]
        if new:
            kept = dict(current["StorageDescriptor"])
            added = iceberg_input(table.name, "", new, marks=Marks())["StorageDescriptor"]["Columns"]
            columns = [*kept.get("Columns", ()), *added]
            self._update(table, current, {"StorageDescriptor": {**kept, "Columns": columns}})
        return None if new else current

    def _swing_all(self, ready: Mapping[str, Mapping[str, Any] | None]) -> None:
        swung: list[TableCommit] = []
        try:
            for table in self._staged:
                self._swing(table, ready[table.name])
                swung.append(table)
        except BaseMoved:
            self._swing_back(swung)
            raise

    def _swing(self, table: TableCommit, seen: Mapping[str, Any] | None) -> None:
        """`seen` is what was read before, and is not read again: Glue's version shows whether it has changed. Raises
        BaseMoved where a later version is there by now."""
        current = seen or self._at_base(table)
        if current is None:
            raise NotYetReadable(f"table {self._database}.{table.name} is not in the catalog yet")
        if pointer_of(current) != table.target:
            wanted = self._input(table, table.target, table.fields, previous=pointer_of(current))
            self._catalog.update_table(self._database, wanted, archive=False, version=current.get("VersionId"))

    def _swing_back(self, tables: Sequence[TableCommit]) -> None:
        """To where they were: the columns of the version before are those that its readers may see."""
        before = self._using.registry.latest_version(self._database)
        known = {snapshot.table: snapshot for snapshot in before.tables} if before else {}
        for table in tables:
            current = self._catalog.table(self._database, table.name)
            if current is None or pointer_of(current) != table.target:
                continue
            kept = {column.name for column in known[table.name].columns} if table.name in known else set()
            columns = [
                column for column in current["StorageDescriptor"].get("Columns", ())
                if not known or column["Name"] in kept
            ]  # fmt: skip
            pointer = table.base or table.empty
            parameters = {**current["Parameters"], POINTER: pointer}
            descriptor = {**current["StorageDescriptor"], "Columns": columns, "Location": location_of(pointer)}
            self._update(table, current, {"StorageDescriptor": descriptor, "Parameters": parameters})

    def _update(self, table: TableCommit, current: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
        shown = ("Description", "TableType", "PartitionKeys", "StorageDescriptor", "Parameters")
        kept = {name: current[name] for name in shown if name in current}
        wanted = {"Name": table.name, **kept, **changed}
        self._catalog.update_table(self._database, wanted, archive=False, version=current.get("VersionId"))

    def _input(
        self, table: TableCommit, pointer: str, fields: Sequence[Field], *, previous: str = ""
    ) -> dict[str, Any]:
        return iceberg_input(
            table.name,
            pointer,
            fields,
            marks=Marks.model_validate(table.marks),
            previous=previous,
            described=self._contract.table(table.name),
        )

    @property
    def _snapshots(self) -> list[TableSnapshot]:
        return [table.snapshot for table in self._commit.tables]

    def _tags(self) -> _Tags:
        present = present_tags(self._database, self._snapshots, self._lake)
        plan = plan_tags(
            self._database,
            self._contract,
            self._snapshots,
            closed(present, self._come_back(present), self._using.ontology),
            findings=self._found,
            registered=self._product.tags,
            ontology=self._using.ontology,
        )
        effective = {name: (tags.seen, tags.seen_columns) for name, tags in present.items()}
        tighter, looser = split_by_strictness(plan, effective, self._using.ontology)
        columns, batch = columns_by_table(self._snapshots), self._commit.proposal
        changed = changed_columns(tighter, columns, present, findings=self._found, batch=batch)
        return _Tags(present, self._of_database(present), tighter, looser, changed)

    def _tighten(self, tags: _Tags) -> None:
        """Before anything is shown. Not while a registration is at work, which may have planned laxer tags without what
        was found by now, and would set them later."""
        with self._using.named.overtaken_by(self._database, tags.changed):
            if tags.database:
                self._lake.tag_database(self._database, tags.database)
            assign_plan(self._database, tags.tighter, self._lake)

    def _of_database(self, present: Mapping[str, PresentTags]) -> dict[str, str]:
        """What is stricter by a contract that is recorded, and whose registration has not come to the database yet: new
        columns inherit from it."""
        ontology = self._using.ontology
        return {
            key: value
            for key, value in ontology.in_current_names(self._product.tags).items()
            for tags in present.values()
            if key not in tags.own and (now := tags.seen.get(key)) != value and not loosens(key, now, value, ontology)
        }

    def _come_back(self, present: Mapping[str, PresentTags]) -> dict[str, list[str]]:
        """Columns that come back by a rollback, or in a table of the last version that was made anew."""
        if self._commit.rollback:
            return {each.table: unpublished(each, present[each.table].own_columns) for each in self._snapshots}
        if not any(made_anew(self._snapshots, present).values()):
            return {}
        before = self._using.registry.latest_version(self._database)
        return made_anew(before.tables, present) if before else {}

    def _show(self, plan: TagPlan, present: Mapping[str, PresentTags]) -> bool:
        """Publish columns that are new, and loosen tags, unless the contract, or what was found, is another one by now:
        then it is planned again. False where the product was retired meanwhile: it stays hidden."""
        new = [column for table in self._snapshots for column in unpublished(table, present[table.table].own_columns)]
        if not (new or plan.tables or plan.columns):
            return True
        registry = self._using.registry
        with self._using.locks.hold(product_lock(self._database)):
            now = registry.product(self._database)
            if now is not None and now.status == "retired":
                return False
            same = now is not None and now.contract == self._product.contract
            if not same or registry.findings(self._database) != self._found:
                raise ConcurrentChange(f"what {self._database}'s tags follow from has changed", product=self._database)
            for table in self._snapshots:
                publish_columns(self._database, table, self._lake, present[table.table].own_columns)
            assign_plan(self._database, plan, self._lake)
        return True

    def _follow_pins(self) -> None:
        """Pinned versions are tightened as well, before anybody is notified."""
        using = self._using
        follow_pins(self._database, Tagging(using.catalog, using.lake, using.registry, using.ontology))

    def _prove(self) -> None:
        """Check pointer, columns and tags by reading them back. A retry checks again what is not visible yet."""
        for table in self._commit.tables:
            current = self._catalog.table(self._database, table.name)
            if pointer_of(current) != table.target:
                raise ConcurrentChange(f"{self._database}.{table.name} does not show the new version", table=table.name)
            if faults := table_faults(self._database, table.snapshot, current, self._lake):
                raise NotYetReadable(f"{self._database}.{table.name} cannot be read as committed", faults=faults)
