"""What a commit changes in a table, from what central read in its metadata files."""

from collections.abc import Sequence

from mesh.domain.contracts.evolution import ContractDiff
from mesh.domain.contracts.product import TableSnapshot
from mesh.domain.events import ColumnRef, TableChange
from mesh.domain.publishing.proposals import TableDetails, TableRecord
from mesh.domain.publishing.staging import TableContent
from mesh.domain.schema import Column, SchemaDiff, TableSchema, diff_schema
from mesh.usecases.publishing.published_tables import MAX_LISTED


def table_record(product: str, table: str, content: TableContent) -> TableRecord:
    """What central records of a metadata file before it points at it."""
    return TableRecord(
        product=product,
        table=table,
        metadata=content.state.metadata,
        fields=content.state.fields,
        partitions=partition_rows(content),
    )


def partition_rows(content: TableContent) -> dict[str, int]:
    """Rows by partition, by its name (`dt=2026-11-21`); {} for a table without partitions."""
    names = content.state.partition
    if not names:
        return {}
    return {
        "/".join(f"{name}={value}" for name, value in zip(names, values, strict=True)): rows
        for values, rows in sorted(content.partitions().items(), key=str)
    }


def partitions_added(before: TableRecord | None, now: TableContent) -> tuple[str, ...]:
    """Names of partitions that have rows now and had none before."""
    known = before.partitions if before else {}
    return tuple(name for name in partition_rows(now) if name not in known)


def table_change(
    last: TableSnapshot | None,
    now: TableSnapshot,
    semantic: ContractDiff,
    partitions: Sequence[str],
    *,
    brought: TableDetails | None = None,
) -> TableChange:
    """`brought` is what a batch added; nothing came with a rollback."""
    diff = diff_schema(_schema(last), _schema(now)) if last else SchemaDiff()
    return TableChange(
        table=now.table,
        new_table=last is None,
        added_columns=tuple(ColumnRef(name=column.name, type=column.type) for column in diff.added)[:MAX_LISTED],
        removed_columns=tuple(column.name for column in diff.removed)[:MAX_LISTED],
        changed_types=diff.type_changed[:MAX_LISTED],
        added_partitions=tuple(partitions)[:MAX_LISTED],
        added_partitions_count=len(partitions),
        columns=len(now.columns) + len(now.partition_keys),
        rows=brought.rows if brought else 0,
        rows_exact=now.rows_exact,
        bytes=brought.bytes if brought else 0,
        objects=brought.objects if brought else 0,
        rows_total=now.rows,
        rows_delta=now.rows - (last.rows if last else 0),
        compatibility=semantic.compatibility,
        schema_changes=tuple(change.text for change in semantic.changes)[:MAX_LISTED],
        quality=brought.quality if brought else None,
    )


def _schema(snapshot: TableSnapshot) -> TableSchema:
    return TableSchema(columns=tuple(Column(name=column.name, type=column.type) for column in snapshot.columns))
