"""Results as Athena writes and gives them: values as text, a CSV of quoted fields, columns by Trino's types.

https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from local.athena.engine import Result
from local.lakeformation.protocol import Json

type Line = list[str | None]
_TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "bigint",  # the sum of integers, which is a bigint in Trino
    "UBIGINT": "bigint",
    "UINTEGER": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "DATE": "date",
    "BLOB": "varbinary",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
}
_PRECISION = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "float": 17, "double": 17}
_TEXT_PRECISION = 2_147_483_647


def column_info(name: str, kind: str) -> Json:
    """A column of the ResultSetMetadata by its Athena type."""
    base, _, size = kind.partition("(")
    precision, scale = _PRECISION.get(base, _TEXT_PRECISION if base == "varchar" else 0), 0
    if base == "decimal" and size:
        precision, scale = (int(part) for part in size.rstrip(")").split(","))
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": base,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": base == "varchar",
    }


def athena_type(kind: str) -> str:
    """Athena's name of a DuckDB type."""
    if kind.endswith("]"):
        return "array"
    if kind.startswith("DECIMAL"):
        return kind.lower().replace(" ", "")
    if kind.startswith("TIMESTAMP") and "ZONE" not in kind:
        return "timestamp"
    for prefix, name in (("STRUCT", "row"), ("MAP", "map"), ("TIME", "time")):
        if kind.startswith(prefix) and not kind.startswith("TIMESTAMP"):
            return name
    return _TYPES.get(kind, "varchar")


def columns_of(result: Result) -> list[Json]:
    """The ResultSetMetadata's ColumnInfo."""
    return [column_info(name, athena_type(kind)) for name, kind in zip(result.names, result.types, strict=True)]


def lines_of(result: Result) -> list[Line]:
    """The rows as text; None is null."""
    return [[text(value) for value in row] for row in result.rows]


def text(value: Any) -> str | None:  # noqa: ANN401 - whatever a query yields
    """A value as Athena's results have it."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            return _java_double(value)
        case Decimal():
            return f"{value:f}"
        case datetime():
            zone = " UTC" if value.tzinfo else ""  # queries run in UTC
            return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}{zone}"
        case date():
            return value.isoformat()
        case bytes():
            return value.hex(" ")
        case list() | tuple():
            return f"[{', '.join(_inner(item) for item in value)}]"
        case dict():
            return f"{{{', '.join(f'{_inner(name)}={_inner(item)}' for name, item in value.items())}}}"
    return str(value)


def _inner(value: Any) -> str:  # noqa: ANN401
    return "null" if value is None else str(text(value))


def _java_double(value: float) -> str:
    """As Java's Double.toString: an exponent from 10^7 up and below 10^-3."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        plain = repr(value)
        return plain if "e" not in plain else f"{Decimal(plain):f}"
    digits, _, exponent = f"{Decimal(repr(value)).normalize():E}".partition("E")
    return f"{digits if '.' in digits else f'{digits}.0'}E{int(exponent)}"


def to_csv(names: Sequence[str], lines: Iterable[Line]) -> bytes:
    """Header and rows: every field in quotes, null nothing at all."""
    header: Line = list(names)
    return "".join(f"{','.join(_field(value) for value in line)}\n" for line in (header, *lines)).encode()


def _field(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


def from_csv(body: bytes) -> list[Line]:
    """Header and rows of `to_csv`."""
    found = csv.reader(io.StringIO(body.decode(), newline=""), quoting=csv.QUOTE_NOTNULL)
    # A row of one null is an empty line.
    return [list(line) if line else [None] for line in found]


def to_text(lines: Iterable[Line]) -> bytes:
    """What SHOW and DESCRIBE give: no header, fields by tabs."""
    return "".join("\t".join(field or "" for field in line) + "\n" for line in lines).encode()


def from_text(body: bytes) -> list[Line]:
    """Rows of `to_text`."""
    return [list(line.split("\t")) for line in body.decode().splitlines()]


def to_metadata(columns: list[Json]) -> bytes:
    """The columns, for `<result>.metadata`: Athena's own form is undocumented and binary."""
    return json.dumps({"ColumnInfo": columns}).encode()


def from_metadata(body: bytes) -> list[Json]:
    """The columns of `to_metadata`."""
    columns: list[Json] = json.loads(body)["ColumnInfo"]
    return columns
