"""A raw object's rows, and the bytes that a recipe makes of them.

CSV has a header. JSON lines may differ in their fields: the columns are all of them, in the order in which they
first come.
"""

import csv
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mesh.domain.onboarding.budgets import MAX_CURATED, MAX_RAW_UNFOLDED, MAX_ROW
from mesh.domain.onboarding.curation.cells import Cell, Row, text, to_json
from mesh.domain.onboarding.curation.errors import RawTooLarge, RecipeTooCostly
from mesh.domain.onboarding.curation.text import (
    RawFormat,
    broken_gzip,
    csv_delimiter,
    csv_header,
    csv_records,
    detect,
    json_columns,
    json_objects,
    ragged,
    text_lines,
    unsupported,
)
from mesh.domain.onboarding.formats.errors import BinaryContent
from mesh.domain.onboarding.formats.model import MAX_TEXT_BYTES, MIB
from mesh.domain.onboarding.formats.text import inflate, read_text_head

SMALLER: Final = "Upload it in smaller parts, or leave it to the mesh: a DataBrew job takes what no function does."
_ENDINGS: Final[dict[RawFormat, str]] = {"csv": "csv", "json": "jsonl"}
_NAMES: Final[dict[str, RawFormat]] = {
    "csv": "csv",
    "tsv": "csv",
    "psv": "csv",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
}
_CONTENT_TYPES: Final[dict[RawFormat, str]] = {"csv": "text/csv", "json": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class RawRows:
    """`rows` can be gone through once."""

    format: RawFormat
    columns: tuple[str, ...]
    rows: Iterator[Row]


def raw_format(file: str, **where: str) -> RawFormat:
    """What a raw object's name says that it is. Raises RawFormatUnsupported."""
    stem, _, extension = file.removesuffix(".gz").removesuffix(".gzip").rpartition(".")
    found = _NAMES.get(extension.lower())
    if found is None or not stem:
        raise unsupported(f"no format is known by the name {file!r}", **where)
    return found


def curated_name(digest: str, format_: RawFormat) -> str:
    """The name of what comes of a raw object: its ending says the format."""
    return f"{digest}.{_ENDINGS[format_]}"


def content_type(format_: RawFormat) -> str:
    """Of the curated object."""
    return _CONTENT_TYPES[format_]


def read_raw(raw: bytes, *, bucket: str, key: str) -> RawRows:
    """Columns now, rows as they are asked for.

    Raises what the crawl raises for such an object (RaggedRows, UnclosedQuote, MalformedJson, …), also while the rows
    are gone through, and RawFormatUnsupported, RawTooLarge.
    """
    where = {"bucket": bucket, "key": key}
    detected = detect(raw, where)
    head = read_text_head(raw[:MAX_TEXT_BYTES], len(raw), detected.compression, **where)
    content = raw if detected.compression == "none" else _unfold(raw, where)
    if b"\0" in content:
        raise BinaryContent("the text holds NUL bytes", remedy="Upload it as UTF-8 text.", **where)
    if detected.format == "json":
        return _json_rows(content, where)
    return _csv_rows(content, csv_delimiter(head, where), where)


def write_rows(
    format_: RawFormat, columns: Sequence[str], rows: Iterable[Row], *, limit: int = MAX_CURATED
) -> tuple[bytes, int]:
    """The object's bytes, and how many rows it has. The same rows make the same bytes.

    Raises RecipeTooCostly for more than `limit` bytes, and for a row that is longer than readers take.
    """
    binary = io.BytesIO()
    out = io.TextIOWrapper(binary, encoding="utf-8", errors="surrogatepass", newline="", write_through=True)
    write = _csv_writer(out, columns) if format_ == "csv" else _json_writer(out, columns)
    count, end = 0, binary.tell()
    for count, row in enumerate(rows, start=1):
        write(row)
        begin, end = end, binary.tell()
        if end - begin > MAX_ROW:
            raise _too_much(f"row {count} has {end - begin:,} bytes, more than {MAX_ROW:,}", MAX_ROW, row=count)
        if end > limit:
            raise _too_much(f"the recipe makes more than {limit:,} bytes of the object", limit)
    return binary.getvalue(), count


def _csv_writer(out: io.TextIOWrapper, columns: Sequence[str]) -> Callable[[Row], object]:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    return lambda row: writer.writerow([text(cell) for cell in row])


def _json_writer(out: io.TextIOWrapper, columns: Sequence[str]) -> Callable[[Row], object]:
    names = [json.dumps(name, ensure_ascii=False) for name in columns]

    def write(row: Row) -> object:
        fields = (f"{name}: {to_json(cell)}" for name, cell in zip(names, row, strict=True))
        return out.write("{" + ", ".join(fields) + "}\n")

    return write


def _too_much(message: str, limit: int, **where: int) -> RecipeTooCostly:
    remedy = "Correct the steps that repeat its values, or upload the object in smaller parts."
    return RecipeTooCostly(message, limit=limit, remedy=remedy, **where)


def _csv_rows(content: bytes, delimiter: str, where: dict[str, str]) -> RawRows:
    names, rows = csv_header(csv_records(text_lines(io.BytesIO(content), where), delimiter, where), where)

    def cells() -> Iterator[Row]:
        for line, record in rows:
            if len(record) != len(names):
                raise ragged(line, len(record), len(names), where)
            yield [value or None for value in record]

    return RawRows("csv", tuple(names), cells())


def _json_rows(content: bytes, where: dict[str, str]) -> RawRows:
    columns = json_columns(json_objects(text_lines(io.BytesIO(content), where), where), where)
    records = json_objects(text_lines(io.BytesIO(content), where), where)
    rows: Iterator[Row] = ([_cell(record.get(name)) for name in columns] for record in records)
    return RawRows("json", columns, rows)


def _cell(value: Any) -> Cell:  # noqa: ANN401 - a JSON value
    checked: Cell = value
    return checked


def _unfold(raw: bytes, where: dict[str, str]) -> bytes:
    """A gzip object of one or more members, up to MAX_RAW_UNFOLDED bytes."""
    unfolded = bytearray()
    try:
        for content in inflate([raw]):
            unfolded += content
            if len(unfolded) > MAX_RAW_UNFOLDED:
                what = f"the object unfolds to more than {MAX_RAW_UNFOLDED // MIB} MiB"
                raise RawTooLarge(what, limit=MAX_RAW_UNFOLDED, remedy=SMALLER, **where)
    except zlib.error as error:
        raise broken_gzip(str(error), where) from error
    return bytes(unfolded)
