"""What the checks measured, what a query of the published file gives, and what an independent reader finds: compared.

`python -m benchmarks.agreement FOLDER…` takes each CSV, JSON and Parquet file below the folders as a table of its own.
Measured are rows and, of each flat column, nulls, distinct values, the least and the greatest. The query is DuckDB's on
the Parquet that was written, as Athena's is on a laptop. The independent reader is pyarrow for Parquet and Python's own
parsers for CSV and JSON, with the types that were decided and the dialect that was found.
"""

import argparse
import csv
import gzip
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from mesh.adapters.duckdb.reading import DuckReading, DuckReadings
from mesh.domain.onboarding.quality.model import TableReport
from mesh.domain.onboarding.quality.sql_text import identifier
from mesh.domain.onboarding.reading.model import FilePlan, SourceRead, TableSources
from mesh.domain.onboarding.reading.types import is_nested
from mesh.domain.publishing.fields import FieldIds, assign_fields

from tests.fakes import FakeObjects

ENDINGS: Final = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".csv.gz")
NOW: Final = datetime(2026, 11, 27, tzinfo=UTC)
SHOWN: Final = 200
"""Characters of a text that a report has."""
_ENCODINGS: Final = {"utf-8": "utf-8-sig", "windows-1252": "cp1252", "": "utf-8-sig"}

type Facts = dict[str, tuple[Any, ...]]
"""Column → (nulls, distinct, least, greatest); "" → (rows,)."""


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--verbose", action="store_true", help="each file")
    options = parser.parse_args()
    files = [file for folder in options.folders for file in sorted(folder.rglob("*")) if file.name.endswith(ENDINGS)]
    agreed, held, columns, apart = 0, dict[str, int](), 0, list[str]()
    for file in files:
        body = file.read_bytes()
        outcome = compare(file.name, body) if body else {"held": "EmptyFile"}
        if "held" in outcome:
            held[outcome["held"]] = held.get(outcome["held"], 0) + 1
        else:
            columns += outcome["columns"]
            agreed += not outcome["apart"]
            apart += [f"{file}: {each}" for each in outcome["apart"]]
        if options.verbose:
            print(file, {key: value for key, value in outcome.items() if value})
    print(f"{len(files)} files: {agreed} agree in all of {columns} columns; held back: {held or 'none'}")
    print(f"{len(apart)} disagreements")
    for each in apart:
        print(" ", each)


def compare(name: str, body: bytes) -> dict[str, Any]:
    """`held` with a code; else how many columns were compared, and what is `apart`."""
    objects = FakeObjects()
    ref = objects.put("b", f"product/data/t/{name}", body)
    with DuckReadings(objects).open(TableSources(table="t", refs=(ref,))) as reading:
        report = reading.measure(None, now=NOW)
        errors = [finding.code for finding in reading.findings if finding.severity == "error"]
        if errors or not reading.sources:
            return {"held": errors[0] if errors else "nothing"}
        [source] = reading.sources
        types = {column.name: column.type for column in reading.schema.columns}
        unknown = foreign(body) if source.format == "parquet" else set()
        flat = {name: type_ for name, type_ in types.items() if not is_nested(type_) and name not in unknown}
        ours, queried = measured(report, flat), by_query(reading, flat)
        try:
            independent = facts_of(list(by_other(name, body, source, types)), flat)
        except Exception as error:
            return {"columns": len(flat), "apart": [f"the independent reader fails: {str(error)[:150]}"]}
    apart = [
        f"{column or 'rows'}: measured {ours.get(column)}, query {queried.get(column)}, other {independent.get(column)}"
        for column in ("", *flat)
        if not (same(ours.get(column), queried.get(column)) and same(queried.get(column), independent.get(column)))
    ]
    return {"columns": len(flat), "apart": apart}


def same(left: Any, right: Any) -> bool:
    """Floating point numbers to seven digits (a `float` has no more); of long texts the report has the beginning."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-7)
    if isinstance(left, str) and isinstance(right, str) and len(left) >= SHOWN:
        return right.startswith(left[:SHOWN])
    return bool(left == right)


def measured(report: TableReport, flat: Mapping[str, str]) -> Facts:
    """As the report has it; the ends are text there, and are read as the column's type."""
    found: Facts = {"": (report.profile.rows,)}
    for column in report.profile.columns:
        if column.name in flat:
            ends = (typed(column.low, flat[column.name]), typed(column.high, flat[column.name]))
            found[column.name] = (column.nulls, column.distinct, *ends)
    return found


def by_query(reading: DuckReading, flat: Mapping[str, str]) -> Facts:
    """SQL on the file that was written."""
    fields = assign_fields(reading.schema.columns, (), FieldIds(0))
    keys = tuple(source.key for source in reading.sources)
    [written] = reading.write([FilePlan(name="x.parquet", keys=keys)], fields)
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        there = f"read_parquet('{written.path}')"
        [(rows,)] = db.execute(f"SELECT count(*) FROM {there}").fetchall()
        found: Facts = {"": (rows,)}
        for name, type_ in flat.items():
            column = identifier(name)
            ends = f"CASE WHEN NOT isnan({column}) THEN {column} END" if type_ in {"double", "float"} else column
            [(valued, distinct, low, high)] = db.execute(
                f"SELECT count({column}), count(DISTINCT {column}), min({ends}), max({ends}) FROM {there}"
            ).fetchall()
            found[name] = (rows - valued, distinct, plain(low, type_), plain(high, type_))
    return found


def facts_of(rows: list[Mapping[str, Any]], flat: Mapping[str, str]) -> Facts:
    """Of rows whose values have the column's Python type."""
    found: Facts = {"": (len(rows),)}
    for name, type_ in flat.items():
        values = [plain(row.get(name), type_) for row in rows]
        kept = [value for value in values if value is not None]
        numbers = [value for value in kept if not (isinstance(value, float) and math.isnan(value))]
        ordered = sorted(numbers, key=lambda v: v.encode() if isinstance(v, str) else v) if numbers else [None]
        distinct = len(set(numbers)) + (len(numbers) < len(kept))  # NaN is one value, as it is to the engines
        found[name] = (len(values) - len(kept), distinct, ordered[0], ordered[-1])
    return found


def by_other(name: str, body: bytes, source: SourceRead, types: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The rows by another reader; names in lower case, as the table has them."""
    if source.format == "parquet":
        for row in pq.read_table(io.BytesIO(body)).to_pylist():
            yield {key.lower(): value for key, value in row.items()}
        return
    body = gzip.decompress(body) if name.endswith(".gz") else body
    text = body.decode(_ENCODINGS.get(source.encoding, source.encoding))
    if source.format == "json":
        for row in json_rows(text):
            yield {key.lower(): typed_json(value, types.get(key.lower(), "string")) for key, value in row.items()}
        return
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=source.delimiter, strict=True)
    kept = [line for line in lines if line]
    for line in kept[1:] if source.header else kept:
        yield {
            column: typed(value or None, types[column])
            for column, value in zip(source.columns, line, strict=False)
            if column in types
        }


def foreign(body: bytes) -> set[str]:
    """Columns of types that pyarrow has no values of: geometries, and variants (a struct of bytes to it)."""
    try:
        file = pq.ParquetFile(io.BytesIO(body))
    except pa.ArrowInvalid:  # told where the rows are read
        return set()
    leaves = [file.schema.column(index) for index in range(len(file.schema))]
    shapes = {leaf.path for leaf in leaves if leaf.logical_type.type in {"GEOMETRY", "GEOGRAPHY"}}
    variants = {leaf.path.partition(".")[0] for leaf in leaves if leaf.path.endswith(".metadata")}
    return {name.lower() for name in shapes | variants}


def json_rows(text: str) -> Iterable[dict[str, Any]]:
    """Records of an array, or of lines."""
    try:
        found = json.loads(text)
    except ValueError:
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    return found if isinstance(found, list) else [found]


def typed_json(value: Any, type_: str) -> Any:
    """A JSON value as the column's type."""
    if value is None or isinstance(value, dict | list):
        return value if value is None else json.dumps(value)
    return typed(json.dumps(value) if not isinstance(value, str) else value, type_)


def typed(text: str | None, type_: str) -> Any:
    """Text as the Python value of a Hive type."""
    if text is None:
        return None
    if type_ in {"tinyint", "smallint", "int", "bigint"}:
        return int(text)
    if type_ in {"double", "float"}:
        return float(text)
    if type_.startswith("decimal"):
        return Decimal(text)
    if type_ == "boolean":
        return text.strip().lower() in {"true", "t", "1", "yes"}
    if type_ == "date":
        return date.fromisoformat(text.strip())
    if type_ == "timestamp":
        try:
            return plain(datetime.fromisoformat(text.strip()), type_)
        except ValueError:  # before the year 1, or after 9999: Python has no such time
            return text
    return text


def plain(value: Any, type_: str) -> Any:
    """As values of that type are compared: times in UTC without a zone, numbers of a column alike."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if type_ in {"double", "float"} and isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, bytes):  # as the report shows them
        return "".join(chr(b) if 32 <= b < 127 and chr(b) not in "\\'\"" else f"\\x{b:02X}" for b in value)
    return str(value) if type_ == "string" and value is not None else value


if __name__ == "__main__":
    main()
