"""The semantic difference of two contracts: what changes for the product's readers, not which lines changed."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from mesh.domain.contracts.column_diff import compare_columns, flatten, is_required, type_of
from mesh.domain.contracts.contract import Contract, ContractColumn, ContractTable
from mesh.domain.contracts.evolution import Change, Compatibility, ContractDiff, Direction, by_direction
from mesh.domain.contracts.renames import Rename, probable_renames
from mesh.domain.schema import TableSchema
from mesh.domain.semver import Bump

_PROMISES: Final = {"quality", "slaProperties", "relationships", "roles"}
_DETAILS: Final = (
    "id", "status", "domain", "owner", "description", "tags", "servers", "crawl", "crawler_prefix", "custom",
)  # fmt: skip


def diff_contracts(old: Contract, new: Contract) -> ContractDiff:
    """Tables are matched by their name in the catalog. Formatting is ignored."""
    changes = (*_tables(old.tables, new.tables), *_details(old, new))
    return ContractDiff(old_version=old.version, new_version=new.version, changes=changes)


def diff_schemas(old: TableSchema, new: TableSchema, table: str) -> ContractDiff:
    """The same for two crawled schemas of a table."""
    return ContractDiff(changes=tuple(_columns(_as_table(old, table), _as_table(new, table))))


def _as_table(schema: TableSchema, name: str) -> ContractTable:
    columns = [
        ContractColumn(name=column.name, hive_type=column.type, description=column.comment) for column in schema.columns
    ]
    keys = [
        ContractColumn(name=key.name, hive_type=key.type, partitioned=True, partition_position=position)
        for position, key in enumerate(schema.partition_keys, start=1)
    ]
    return ContractTable(name=name, columns=(*columns, *keys))


def _tables(old: Sequence[ContractTable], new: Sequence[ContractTable]) -> Iterator[Change]:
    before, after = ({table.catalog_name: table for table in tables} for tables in (old, new))
    for name in [name for name in before if name not in after]:
        yield Change(kind="table_removed", table=name, before=name, compatibility="backward", bump="major")
    for name in [name for name in after if name not in before]:
        yield Change(kind="table_added", table=name, after=name, compatibility="full", bump="minor")
    for name in [name for name in after if name in before]:
        yield from _columns(before[name], after[name])
        yield from _of_table(before[name], after[name])


def _columns(old: ContractTable, new: ContractTable) -> Iterator[Change]:
    table = new.catalog_name
    before, after = _flat(old), _flat(new)
    renames = {rename.after: rename for rename in probable_renames(before, after)}
    before = _under_new_names(before, renames.values())
    for path in outermost(before, after):
        facts = {"before": type_of(before[path]) or "any type", "compatibility": "backward", "bump": "major"}
        yield Change.model_validate({"kind": "column_removed", "table": table, "column": path, **facts})
    come = outermost(after, before)
    for path, column in after.items():
        if path in renames:
            yield _renamed(renames[path], column, table)
        if path in before:
            yield from compare_columns(before[path], column, table, path)
        elif path in come:
            yield _added(column, table, path)
    yield from _partitions(old, new)


def outermost(paths: Iterable[str], others: Container[str]) -> list[str]:
    """Paths that the others lack; for an object that they lack as a whole, only the object."""
    lacking = [path for path in paths if path not in others]
    return [path for path in lacking if path.rpartition(".")[0] not in lacking]


def _under_new_names(columns: Mapping[str, ContractColumn], renames: Iterable[Rename]) -> dict[str, ContractColumn]:
    """A renamed object renames its fields as well."""
    result = dict(columns)
    for rename in renames:
        inner = f"{rename.before}."
        result = {
            rename.after + path.removeprefix(rename.before)
            if path == rename.before or path.startswith(inner)
            else path: c
            for path, c in result.items()
        }
    return result


def _renamed(rename: Rename, column: ContractColumn, table: str) -> Change:
    """The old column is gone for its readers; rows of older files have NULL under the new name."""
    compatibility: Compatibility = "breaking" if is_required(column) else "backward"
    return Change(
        kind="column_renamed",
        table=table,
        column=rename.after,
        before=rename.before,
        after=rename.after,
        score=rename.score,
        compatibility=compatibility,
        bump="major",
    )


def _added(column: ContractColumn, table: str, path: str) -> Change:
    """Older files lack it: it reads as NULL, which a required column must not be."""
    compatibility: Compatibility = "forward" if is_required(column) else "full"
    kind, after = "column_added", type_of(column) or "any type"
    return Change(kind=kind, table=table, column=path, after=after, compatibility=compatibility, bump="minor")


def _partitions(old: ContractTable, new: ContractTable) -> Iterator[Change]:
    """Files are located by their partition keys: under other keys, or in another order, they are not found."""
    before, after = ([key.name for key in table.table_schema().partition_keys] for table in (old, new))
    if before != after:
        yield by_direction("changed", "partition_keys", table=new.catalog_name, before=before, after=after)


def _of_table(old: ContractTable, new: ContractTable) -> Iterator[Change]:
    table = new.catalog_name
    before, after = _key(old), _key(new)
    if set(before) != set(after):
        yield by_direction(_of_keys(set(before), set(after)), "primary_key", table=table, before=before, after=after)
    yield from _changed("meaning_changed", old.description, new.description, "patch", table)
    yield from _changed("lf_tags_changed", old.lf_tags, new.lf_tags, "minor", table)
    yield from _extras(old.extras, new.extras, table)
    for column in new.columns:
        if (was := old.column(column.catalog_name)) is not None:
            yield from _extras(was.extras, column.extras, table, column.catalog_name)


def _of_keys(old: set[str], new: set[str]) -> Direction:
    """A key with more columns promises less; no key promises nothing."""
    if not new or (old and old < new):
        return "widened"
    return "narrowed" if not old or new < old else "changed"


def _details(old: Contract, new: Contract) -> Iterator[Change]:
    """Changes of the product as a whole."""
    yield from _changed("lf_tags_changed", old.lf_tags, new.lf_tags, "minor")
    yield from _extras(old.extras, new.extras)
    before, after = ({**vars(contract), "custom": _other_custom(contract)} for contract in (old, new))
    if different := [name for name in _DETAILS if before[name] != after[name]]:
        yield Change(kind="details_changed", after=different, compatibility="full", bump="patch")


def _other_custom(contract: Contract) -> dict[str, Any]:
    return {name: value for name, value in contract.custom.items() if name != "lfTags"}


def _extras(old: Mapping[str, Any], new: Mapping[str, Any], table: str = "", column: str = "") -> Iterator[Change]:
    """Promises about quality, service levels and foreign keys: rows stay readable, the promise changes."""
    different = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    for name in different:
        promise = name in _PROMISES
        kind, bump = (f"{name}_changed", "minor") if promise else ("details_changed", "patch")
        facts: dict[str, Any] = {"table": table, "column": column, "compatibility": "full", "bump": bump}
        yield Change.model_validate({"kind": kind, **facts, "after": None if promise else [name]})


def _changed(kind: str, before: object, after: object, bump: Bump, table: str = "") -> Iterator[Change]:
    if before != after:
        yield Change(kind=kind, table=table, before=before, after=after, compatibility="full", bump=bump)


def _flat(table: ContractTable) -> dict[str, ContractColumn]:
    return {path: found for column in table.columns for path, found in flatten(column).items()}


def _key(table: ContractTable) -> list[str]:
    keys = sorted((c for c in table.columns if c.primary_key), key=lambda column: column.primary_key_position)
    return [column.catalog_name for column in keys]
