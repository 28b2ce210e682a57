"""Rows → Parquet files with the field ids of an Iceberg table, and the statistics that its manifests hold.

Source: Apache Iceberg specification, "Parquet" (every field has its id, nested ones as well; microseconds; UTF8).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mesh.domain.onboarding.quality.sql_text import identifier, text_literal
from mesh.domain.onboarding.reading.model import Bound, ColumnStats
from mesh.domain.publishing.fields import Field

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ID: Final = "__duckdb_field_id"


def copy_to(
    db: "DuckDBPyConnection", select: str, file: Path, fields: Sequence[Field]
) -> tuple[int, int, dict[int, ColumnStats]]:
    """Write the rows of the query to `file`; rows, bytes, and statistics by field id."""
    file.parent.mkdir(parents=True, exist_ok=True)
    ids = "{" + ", ".join(f"{text_literal(field.name)}: {_ids(field)}" for field in fields) + "}"
    found = db.execute(
        f"COPY ({select}) TO {text_literal(file)} (FORMAT parquet, COMPRESSION zstd, FIELD_IDS {ids}, RETURN_STATS)"
    ).fetchall()
    if not found:  # the engine writes no statistics of a file without rows
        return 0, file.stat().st_size, {}
    _, rows, size, _, statistics, *_ = found[0]
    return int(rows), int(size), _statistics(statistics, fields)


def _ids(field: Field) -> str:
    if not field.children:
        return str(field.id)
    inner = ", ".join(f"{text_literal(child.name)}: {_ids(child)}" for child in field.children)
    return f"{{{text_literal(_ID)}: {field.id}, {inner}}}"


def _statistics(found: Mapping[str, Mapping[str, str]], fields: Sequence[Field]) -> dict[int, ColumnStats]:
    leaves = {path: leaf for field in fields for path, leaf in _leaves(field, "")}
    return {leaf.id: _column(found[path], leaf.type) for path, leaf in leaves.items() if path in found}


def _leaves(field: Field, above: str) -> list[tuple[str, Field]]:
    """The engine's path (`"a"."element"`) → the field."""
    path = f"{above}.{identifier(field.name)}" if above else identifier(field.name)
    if not field.children:
        return [(path, field)]
    return [leaf for child in field.children for leaf in _leaves(child, path)]


def _column(facts: Mapping[str, str], type_: str) -> ColumnStats:
    return ColumnStats(
        values=int(facts.get("num_values", 0)), nulls=int(facts.get("null_count", 0)),
        nans=int(facts.get("nan_count", 0)), low=_bound(facts.get("min"), type_), high=_bound(facts.get("max"), type_),
        exact=all(facts.get(f"{end}_is_exact", "true") == "true" for end in ("min", "max")),
        size=int(facts.get("column_size_bytes", 0)),
    )  # fmt: skip


def _bound(text: str | None, type_: str) -> Bound:
    """As Python has the value; None for binaries, and for timestamps beyond Python's range (year 9999)."""
    if text is None or type_ == "binary":
        return None
    try:
        bound: Bound = _parsed(text, type_)
    except (ValueError, InvalidOperation):
        return None
    return bound


def _parsed(text: str, type_: str) -> Any:  # noqa: ANN401 - one of `Bound`
    match type_:
        case "int" | "bigint":
            return int(text)
        case "float" | "double":
            return float(text)
        case "boolean":
            return text in {"1", "true"}
        case "date":
            return date.fromisoformat(text)
        case "timestamp":
            return datetime.fromisoformat(text)
    return Decimal(text) if type_.startswith("decimal(") else text
