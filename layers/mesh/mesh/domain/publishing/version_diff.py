"""What changed between two versions of a product, and what may be published of it.

Contract changes are checked when the contract arrives (`domain.revision`), data when it is proposed. Express only
appends columns, and widens types that the contract leaves open; other changes in the catalog (by a crawler, or by
hand) must not reach readers unless the contract's major version says so.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import Field

from mesh.domain.contracts.contract_diff import diff_schemas
from mesh.domain.contracts.evolution import Change, Compatibility, ContractDiff, together
from mesh.domain.contracts.product import ProductVersion, Severity, TableSnapshot
from mesh.domain.errors import Rejected
from mesh.domain.events import ColumnRef, TableChange
from mesh.domain.hive_types import wider
from mesh.domain.model import Model
from mesh.domain.schema import Column, TableSchema
from mesh.domain.semver import SemanticVersion, bump_between

MAX_LISTED: Final = 20
MAX_NAMED: Final = 100
"""Partitions that a difference names; the counts are always whole."""
_WIDENED: Final = "type_widened"
"""Changes that do not hold data back: every earlier value is still valid, and the contract named no type."""


class BreakingSchemaChange(Rejected):
    """The proposed version would break readers of the last one, and the contract's major version is unchanged."""


class PartitionDiff(Model):
    """Partitions of a table by name (`dt=2026-11-21`), at most 100 of each; the counts are of all. `changed` have other
    rows in number."""

    added: tuple[str, ...] = ()
    added_count: int = 0
    removed: tuple[str, ...] = ()
    removed_count: int = 0
    changed: tuple[str, ...] = ()
    changed_count: int = 0


class TableDiff(Model):
    """One table in two versions; a number is None in a version that lacks the table. `by_partition` is None where
    central has no record of the partitions: tables that a Glue crawler fills."""

    table: str
    changes: tuple[Change, ...] = ()
    rows: tuple[int | None, int | None]
    bytes: tuple[int | None, int | None]
    objects: tuple[int | None, int | None]
    partitions: tuple[int | None, int | None]
    by_partition: PartitionDiff | None = None


class VersionDiff(Model):
    """Two versions of a product. `contract` are the contract's versions."""

    product: str
    versions: tuple[int, int]
    contract: tuple[str, str]
    compatibility: Compatibility
    tables: tuple[TableDiff, ...] = Field(default=())


def diff_snapshots(old: TableSnapshot, new: TableSnapshot) -> ContractDiff:
    """The semantic difference of a table's columns and partition keys.

    What two batches were merged to (`wider`, long and double to double as well) counts as widened: engines read the
    older files by it, and a contract that names no type promised none.
    """
    found = diff_schemas(_schema(old), _schema(new), new.table)
    return found.evolve(changes=tuple(map(_as_merged, found.changes)))


def _as_merged(change: Change) -> Change:
    if change.kind != "type_changed" or wider(str(change.before), str(change.after)) != change.after:
        return change
    return change.evolve(kind=_WIDENED, compatibility="backward")


def with_partitions(found: VersionDiff, rows: Mapping[str, tuple[Mapping[str, int], Mapping[str, int]]]) -> VersionDiff:
    """The same, with what became of each table's partitions; `rows` are by table, of both versions, by partition."""
    tables = tuple(
        table.evolve(by_partition=_partitions(*rows[table.table])) if table.table in rows else table
        for table in found.tables
    )
    return found.evolve(tables=tables)


def _partitions(old: Mapping[str, int], new: Mapping[str, int]) -> PartitionDiff:
    added, removed = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    changed = sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
    return PartitionDiff(
        added=tuple(added[:MAX_NAMED]),
        added_count=len(added),
        removed=tuple(removed[:MAX_NAMED]),
        removed_count=len(removed),
        changed=tuple(changed[:MAX_NAMED]),
        changed_count=len(changed),
    )


def diff_versions(old: ProductVersion, new: ProductVersion) -> VersionDiff:
    """Every table of either version."""
    before, after = ({table.table: table for table in version.tables} for version in (old, new))
    tables = tuple(_diff_table(name, before.get(name), after.get(name)) for name in sorted(before | after))
    return VersionDiff(
        product=new.product,
        versions=(old.version, new.version),
        contract=(old.contract_version, new.contract_version),
        compatibility=together(change.compatibility for table in tables for change in table.changes),
        tables=tables,
    )


def breaking(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Those for which the last version's readers would find a column gone, or with another meaning."""
    return tuple(change for change in changes if change.bump == "major" and change.kind != _WIDENED)


def new_major(old: str, new: str) -> bool:
    """Whether the contract's version says that readers have to look. What is not a semantic version promised
    nothing."""
    before, after = SemanticVersion.parse(old), SemanticVersion.parse(new)
    return before is None or after is None or bump_between(before, after) == "major"


def severity(changes: Sequence[TableChange], broken: bool, rollback: bool) -> Severity:
    """The severity of a version: see `ProductUpdated`."""
    broken = broken or any(change.dropped for change in changes)
    warned = any(change.compatibility != "full" or (change.quality and change.quality.warnings) for change in changes)
    return "breaking" if broken else "warning" if warned or rollback else "info"


def require_compatible(product: str, changes: Sequence[Change], contract_version: str) -> None:
    """Raises BreakingSchemaChange: `where` names the changes, and the columns by the names that readers know."""
    found = breaking(changes)
    if not found:
        return
    listed = "; ".join(change.text for change in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    raise BreakingSchemaChange(
        f"{listed}{more}: breaks readers of the last version, and the contract is still {contract_version}",
        product=product,
        contract=contract_version,
        changes=[change.text for change in found[:MAX_LISTED]],
        columns=[_place(change) for change in found],
        remedy="Raise the contract's major version and upload again.",
    )


def _place(change: Change) -> str:
    """`table.column` by the name that readers use; `table.` for what is about the whole table."""
    column = str(change.before) if change.kind == "column_renamed" else change.column.partition(".")[0]
    return f"{change.table}.{column}"


def _schema(snapshot: TableSnapshot) -> TableSchema:
    return TableSchema(columns=_columns(snapshot.columns), partition_keys=_columns(snapshot.partition_keys))


def _columns(columns: Sequence[ColumnRef]) -> tuple[Column, ...]:
    return tuple(Column(name=column.name, type=column.type) for column in columns)


def _diff_table(name: str, old: TableSnapshot | None, new: TableSnapshot | None) -> TableDiff:
    if old is not None and new is not None:
        changes = diff_snapshots(old, new).changes
    elif new is not None:
        changes = (Change(kind="table_added", table=name, after=name, compatibility="full", bump="minor"),)
    else:
        changes = (Change(kind="table_removed", table=name, before=name, compatibility="backward", bump="major"),)
    return TableDiff(
        table=name,
        changes=changes,
        rows=(old.rows if old else None, new.rows if new else None),
        bytes=(old.bytes if old else None, new.bytes if new else None),
        objects=(old.objects if old else None, new.objects if new else None),
        partitions=(old.partitions if old else None, new.partitions if new else None),
    )
