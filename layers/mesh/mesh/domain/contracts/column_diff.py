"""Two columns of one name compared: type, NULLs, uniqueness, allowed values, meaning, classification."""

from collections.abc import Iterator
from typing import Any

from mesh.domain.contracts.contract import ContractColumn
from mesh.domain.contracts.evolution import Change, Compatibility, by_direction
from mesh.domain.contracts.value_ranges import compare_values
from mesh.domain.hive_types import hive_type, is_number, struct_fields, wider
from mesh.domain.semver import Bump

_INTEGERS = ("tinyint", "smallint", "int", "bigint")


def flatten(column: ContractColumn, prefix: str = "") -> dict[str, ContractColumn]:
    """The column and its parts, by path: an object's fields, an array's `items`, also those of a Hive type."""
    path = f"{prefix}{column.catalog_name}"
    result = {path: column}
    for field in column.fields or _from_type(column.hive_type):
        result |= flatten(field, f"{path}.")
    return result


def is_required(column: ContractColumn) -> bool:
    """Whether it may not be NULL: a primary key implies that as well."""
    return column.required or column.primary_key


def type_of(column: ContractColumn) -> str:
    """The Hive type; for nested types the outermost keyword, since their parts are compared one by one."""
    outer = column.hive_type.partition("<")[0]
    if column.fields:
        return outer or {"object": "struct"}.get(column.logical_type, column.logical_type)
    return outer if outer in {"struct", "array"} else column.hive_type


def compare_columns(old: ContractColumn, new: ContractColumn, table: str, path: str) -> Iterator[Change]:
    """Every difference except name and position."""
    where: dict[str, Any] = {"table": table, "column": path}
    yield from _type_change(old, new, where)
    if is_required(old) != is_required(new):
        facts = {"before": _null_text(old), "after": _null_text(new)}
        yield by_direction("narrowed" if is_required(new) else "widened", "nullability", **where, **facts)
    if old.unique != new.unique:
        facts = {"before": _unique_text(old), "after": _unique_text(new)}
        yield by_direction("narrowed" if new.unique else "widened", "uniqueness", **where, **facts)
    for found in compare_values(old, new):
        yield by_direction(found.direction, found.what, before=found.before, after=found.after, **where)
    yield from _described(old, new, where)


def _described(old: ContractColumn, new: ContractColumn, where: dict[str, Any]) -> Iterator[Change]:
    pairs: tuple[tuple[str, Any, Any, Bump], ...] = (
        ("meaning_changed", old.description, new.description, "patch"),
        ("classification_changed", old.classification, new.classification, "minor"),
        ("lf_tags_changed", _tags(old), _tags(new), "minor"),
    )
    for kind, before, after, bump in pairs:
        if before != after:
            yield Change(kind=kind, before=before, after=after, compatibility="full", bump=bump, **where)


def _type_change(old: ContractColumn, new: ContractColumn, where: dict[str, Any]) -> Iterator[Change]:
    before, after = type_of(old), type_of(new)
    facts = {"before": before, "after": after, **where}
    if before != after:
        yield _of_types(before, after, facts)
    elif old.logical_type != new.logical_type and old.logical_type and new.logical_type:
        facts |= {"before": old.logical_type, "after": new.logical_type}
        yield by_direction("changed", "logical_type", **facts)


def _of_types(before: str, after: str, facts: dict[str, Any]) -> Change:
    if not before or not after:
        return by_direction("narrowed" if after else "widened", "type", **facts)
    # A float does not hold a long or a decimal exactly, so that is not a widening.
    both = wider(before, after) if not _inexact(before, after) else None
    if both == after:
        bump: Bump = "minor" if promotes(before, after) else "major"
        return Change(kind="type_widened", compatibility="backward", bump=bump, **facts)
    if both == before:
        # Old readers can read narrower values, but files written before do not fit the catalog's new type.
        forward: Compatibility = "forward"
        return Change(kind="type_narrowed", compatibility=forward, bump="major", **facts)
    return by_direction("changed", "type", **facts)


def promotes(before: str, after: str) -> bool:
    """Whether Iceberg allows it for existing data: int → long, float → double, a decimal of more digits."""
    if before in _INTEGERS and after in _INTEGERS:
        return True
    if before.startswith("decimal(") and after.startswith("decimal("):
        return before.partition(",")[2] == after.partition(",")[2]
    return (before, after) == ("float", "double")


def _inexact(before: str, after: str) -> bool:
    return is_number(before) and is_number(after) and (before in _INTEGERS) != (after in _INTEGERS)


def _from_type(type_: str) -> tuple[ContractColumn, ...]:
    if type_.startswith("struct<"):
        pairs = struct_fields(type_)
    elif type_.startswith("array<"):
        pairs = [("items", type_[6:-1])]
    else:
        return ()
    return tuple(ContractColumn(name=name, hive_type=hive_type(inner, "") or inner) for name, inner in pairs)


def _null_text(column: ContractColumn) -> str:
    return "required" if is_required(column) else "optional"


def _unique_text(column: ContractColumn) -> str:
    return "unique" if column.unique else "not unique"


def _tags(column: ContractColumn) -> str:
    released = [f"released up to {column.released.pii}"] if column.released else []
    return " ".join([*(f"{key}={value}" for key, value in sorted(column.lf_tags.items())), *released])
