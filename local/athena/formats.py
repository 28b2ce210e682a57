"""The rows of text objects as Athena's SerDes read them, before types.

LazySimpleSerDe splits at the delimiter and knows no quotes; OpenCSVSerDe knows quotes and escapes, within a line; the
OpenX JSON SerDe takes an object a line, its keys in any case.
https://docs.aws.amazon.com/athena/latest/ug/supported-serdes.html
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from local.athena.errors import DATA, QueryError
from local.lakeformation.protocol import Json

type Row = list[str | None]
LAZY = "lazysimpleserde"
OPEN_CSV = "opencsvserde"
PARQUET = "parquet"


@dataclass(frozen=True)
class Layout:
    """How a table's or partition's objects are written. `library` is the SerDe's class name, in lower case."""

    library: str
    parameters: Json
    columns: list[str]
    header_lines: int = 0
    types: dict[str, str] = field(default_factory=dict)

    @property
    def is_parquet(self) -> bool:
        return PARQUET in self.library

    @property
    def is_orc(self) -> bool:
        return self.library == "orcserde"

    @property
    def is_json(self) -> bool:
        return "json" in self.library


def layout(record: Json, descriptor: Json) -> Layout:
    """The layout by a table's record and the storage descriptor of it or of one of its partitions."""
    serde = descriptor.get("SerdeInfo") or {}
    library = (serde.get("SerializationLibrary") or "").rpartition(".")[2].lower()
    parameters = {**(descriptor.get("Parameters") or {}), **(record.get("Parameters") or {})}
    columns = record["StorageDescriptor"].get("Columns") or []
    return Layout(
        library=library,
        parameters=serde.get("Parameters") or {},
        columns=[column["Name"] for column in columns],
        header_lines=int(parameters.get("skip.header.line.count") or 0),
        types={column["Name"]: column.get("Type") or "string" for column in columns},
    )


def rows(form: Layout, key: str, body: bytes, wanted: list[str]) -> Iterator[Row]:
    """The wanted columns of each row as text, None for null; a nested JSON value as its JSON.

    Raises:
        QueryError: the object is not what its SerDe reads.
    """
    lines = _lines(key, body)
    for _ in range(form.header_lines if not form.is_json else 0):
        next(lines, None)
    if form.is_json:
        yield from _json_rows(key, lines, wanted)
    elif form.library == OPEN_CSV:
        yield from _picked(_quoted(form, lines), form, wanted)
    elif form.library == LAZY:
        delimiter = form.parameters.get("field.delim") or form.parameters.get("serialization.format") or "\x01"
        null = form.parameters.get("serialization.null.format") or "\\N"
        split = ([None if value == null else value for value in line.split(delimiter)] for line in lines)
        yield from _picked(split, form, wanted)
    else:
        raise QueryError(f"HIVE_UNSUPPORTED_FORMAT: Unable to read {key}: SerDe {form.library} is not emulated", DATA)


def _lines(key: str, body: bytes) -> Iterator[str]:
    """Lines without their ends. Hadoop chooses the decompression by the name's ending."""
    if key.endswith(".gz"):
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise QueryError(f"HIVE_CURSOR_ERROR: Failed to read file: {key}: {error}", DATA) from error
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", errors="replace", newline="\n")
    return (line.rstrip("\n").removesuffix("\r") for line in text)


def _picked(split: Iterator[Any], form: Layout, wanted: list[str]) -> Iterator[Row]:
    """Columns are by position: missing ones are null, surplus ones ignored."""
    positions = [form.columns.index(name) for name in wanted]
    for values in split:
        yield [values[at] if at < len(values) else None for at in positions]


def _quoted(form: Layout, lines: Iterator[str]) -> Iterator[list[str]]:
    options = form.parameters
    for line in lines:
        yield next(
            csv.reader(
                [line],
                delimiter=options.get("separatorChar") or ",",
                quotechar=options.get("quoteChar") or '"',
                escapechar=options.get("escapeChar") or "\\",
            ),
            [],
        )


def _json_rows(key: str, lines: Iterator[str], wanted: list[str]) -> Iterator[Row]:
    for line in lines:
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise QueryError(f"HIVE_CURSOR_ERROR: Row is not a valid JSON Object: {key}: {error}", DATA) from error
        if not isinstance(record, dict):
            raise QueryError(f"HIVE_CURSOR_ERROR: Row is not a valid JSON Object: {key}", DATA)
        folded = {name.lower(): value for name, value in record.items()}
        yield [_json_text(folded.get(name)) for name in wanted]


def _json_text(value: Any) -> str | None:  # noqa: ANN401 - whatever JSON has
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
