"""A raw object's rows, and the object that a recipe makes of it: its key and its bytes.

CSV has a header. JSON lines may differ in their fields: the columns are all of them, in the order in which they
first come.
"""

import csv
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, Never

from mesh.domain.curation.cells import Cell, Row, text, to_json
from mesh.domain.curation.errors import RawFormatUnsupported, RawTooLarge
from mesh.domain.formats.csv import inspect_csv
from mesh.domain.formats.detection import MAGIC_LENGTH, Detected, check_magic, detect_by_name
from mesh.domain.formats.model import MAX_TEXT_BYTES, MIB, Compression
from mesh.domain.formats.text import TextHead, read_text_head
from mesh.domain.keys import RawKey, check_safe
from mesh.domain.rejections import (
    ArchiveUnsupported,
    BinaryContent,
    FormatDeclined,
    InconsistentCompression,
    LineTooLong,
    MalformedJson,
    RaggedRows,
    UnclosedQuote,
    UnsupportedEncoding,
)
from mesh.domain.schema import column_names

MAX_RAW_BYTES: Final = 64 * MIB
"""What a function reads of one object."""
MAX_UNFOLDED: Final = 256 * MIB
"""What a gzip object may unfold to."""
SMALLER: Final = "Upload it in smaller parts, or leave it to the mesh: a DataBrew job takes what no function does."
type RawFormat = Literal["csv", "json"]
_ENDINGS: Final[dict[RawFormat, str]] = {"csv": "csv", "json": "jsonl"}
_NAMES: Final = {"csv": "csv", "tsv": "csv", "psv": "csv", "json": "json", "jsonl": "json", "ndjson": "json"}
_CONTENT_TYPES: Final[dict[RawFormat, str]] = {"csv": "text/csv", "json": "application/x-ndjson"}


class RawShape(NamedTuple):
    """What the head of a raw object says. `delimiter` is that of CSV."""

    format: RawFormat
    compression: Compression
    delimiter: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RawRows:
    """`rows` can be gone through once."""

    format: RawFormat
    columns: tuple[str, ...]
    rows: Iterator[Row]


def curated_key(key: RawKey) -> str:
    """`<product>/data/<table>/<same folders>/<name>-curated.csv`, or `.jsonl` for JSON lines.

    The ending goes only where it is that of the new object and no other is below it, so that no two raw objects have
    one curated key. Raises RawFormatUnsupported and UnsafeKey.
    """
    folders, _, file = key.key.rpartition("/")
    name = file.removesuffix(".gz").removesuffix(".gzip")
    stem, _, extension = name.rpartition(".")
    format_ = _NAMES.get(extension.lower())
    if format_ is None or not stem:
        raise _unsupported(f"no format is known by the name {file!r}", key=key.key)
    ending = _ENDINGS["csv" if format_ == "csv" else "json"]
    plain = file == f"{stem}.{ending}" and stem.rpartition(".")[2].lower() not in {*_NAMES, "gz", "gzip"}
    target = f"{folders.replace('/raw/', '/data/', 1)}/{stem if plain else file}-curated.{ending}"
    check_safe(target)
    return target


def content_type(format_: RawFormat) -> str:
    """Of the curated object."""
    return _CONTENT_TYPES[format_]


def read_raw_head(raw: bytes, size: int, *, bucket: str, key: str) -> RawShape:
    """What the first bytes of an object say, in the words in which `read_raw` refuses the whole of it.

    The columns of JSON lines are those of the head's lines.
    """
    where = {"bucket": bucket, "key": key}
    detected = _detected(raw, where)
    head = read_text_head(raw, size, detected.compression, **where)
    if detected.format == "json":
        lines = head.text if head.complete else head.text[: head.text.rfind("\n") + 1]
        return RawShape("json", detected.compression, "", _json_columns(_objects(lines.encode(), where), where))
    dialect = inspect_csv(TextHead(head.text, head.complete, head.share, bom=False), None, **where).dialect
    names, _ = _header(_records(head.text.encode(), dialect.delimiter, where), where)
    return RawShape("csv", detected.compression, dialect.delimiter, tuple(names))


def read_raw(raw: bytes, *, bucket: str, key: str) -> RawRows:
    """Columns now, rows as they are asked for.

    Raises what the crawl raises for such an object (RaggedRows, UnclosedQuote, MalformedJson, …), also while the rows
    are gone through, and RawFormatUnsupported, RawTooLarge.
    """
    where = {"bucket": bucket, "key": key}
    detected = _detected(raw, where)
    head = read_text_head(raw[:MAX_TEXT_BYTES], len(raw), detected.compression, **where)
    content = raw if detected.compression == "none" else _unfold(raw, where)
    if b"\0" in content:
        raise BinaryContent("the text holds NUL bytes", remedy="Upload it as UTF-8 text.", **where)
    if detected.format == "json":
        return _json_rows(content, where)
    # A byte order mark is no part of the header here: the rows are decoded without it.
    dialect = inspect_csv(TextHead(head.text, head.complete, head.share, bom=False), None, **where).dialect
    return _csv_rows(content, dialect.delimiter, where)


def _detected(raw: bytes, where: dict[str, str]) -> Detected:
    try:
        detected = check_magic(detect_by_name(where["key"], **where), raw[:MAGIC_LENGTH], **where)
    except (ArchiveUnsupported, FormatDeclined) as declined:
        raise _unsupported(declined.message, **where) from declined
    if detected.format not in {"csv", "json"}:
        raise _unsupported(f"{detected.format or 'this'} is no text that a recipe reads", **where)
    return detected


def write_rows(format_: RawFormat, columns: Sequence[str], rows: Iterable[Row]) -> tuple[bytes, int]:
    """The object's bytes, and how many rows it has. The same rows make the same bytes."""
    binary = io.BytesIO()
    out = io.TextIOWrapper(binary, encoding="utf-8", errors="surrogatepass", newline="", write_through=False)
    count = 0
    if format_ == "csv":
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([text(cell) for cell in row])
            count += 1
    else:
        names = [json.dumps(name, ensure_ascii=False) for name in columns]
        for row in rows:
            out.write(
                "{" + ", ".join(f"{name}: {to_json(cell)}" for name, cell in zip(names, row, strict=True)) + "}\n"
            )
            count += 1
    out.flush()
    return binary.getvalue(), count


def _csv_rows(content: bytes, delimiter: str, where: dict[str, str]) -> RawRows:
    rows = _records(content, delimiter, where)
    names, rows = _header(rows, where)

    def cells() -> Iterator[Row]:
        for line, record in rows:
            if len(record) != len(names):
                raise RaggedRows(
                    f"line {line} has {len(record)} fields, expected {len(names)}",
                    line=line,
                    remedy="Give every row the same number of fields; quote values that hold the delimiter.",
                    **where,
                )
            yield [value or None for value in record]

    return RawRows("csv", tuple(names), cells())


def _header(
    rows: Iterator[tuple[int, list[str]]], where: dict[str, str]
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Names, none empty and no two the same for Glue, and the records below them."""
    line, header = next(rows)
    names = [name.strip() for name in header]
    column_names(names, line=line, bucket=where["bucket"], key=where["key"])
    return names, rows


def _records(content: bytes, delimiter: str, where: dict[str, str]) -> Iterator[tuple[int, list[str]]]:
    """Records that are not empty, with the line on which each begins."""
    reader = csv.reader(_lines(content, where), delimiter=delimiter, strict=True)
    line = 1
    try:
        for record in reader:
            if record:
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            raise LineTooLong(f"a field on line {line} is too long: {error}", line=line, **where) from error
        raise UnclosedQuote(
            f"the record that begins on line {line} is broken: {error}",
            line=line,
            remedy="Close the quote before the next delimiter; write a quote inside a field twice.",
            **where,
        ) from error


def _lines(content: bytes, where: dict[str, str]) -> Iterator[str]:
    number = 0
    try:
        for line in io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline=""):
            number += 1
            yield line
    except UnicodeDecodeError as error:
        raise UnsupportedEncoding(
            f"after line {number} there are bytes that are no UTF-8",
            line=number + 1,
            remedy="Save the whole file as UTF-8.",
            **where,
        ) from error


def _json_rows(content: bytes, where: dict[str, str]) -> RawRows:
    columns = _json_columns(_objects(content, where), where)
    rows: Iterator[Row] = ([_cell(record.get(name)) for name in columns] for record in _objects(content, where))
    return RawRows("json", columns, rows)


def _json_columns(records: Iterable[dict[str, Any]], where: dict[str, str]) -> tuple[str, ...]:
    columns = tuple(dict.fromkeys(name for record in records for name in record))
    column_names(columns, bucket=where["bucket"], key=where["key"])
    return columns


def _cell(value: Any) -> Cell:  # noqa: ANN401 - a JSON value
    checked: Cell = value
    return checked


def _objects(content: bytes, where: dict[str, str]) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unique)
    for number, line in enumerate(_lines(content, where), start=1):
        if not line.strip():
            continue
        try:
            record = decoder.decode(line.strip())
        except (ValueError, RecursionError, ArithmeticError) as error:
            raise _malformed(f"line {number} is no JSON: {error}"[:300], number, where) from error
        if not isinstance(record, dict):
            raise _malformed(f"line {number} is no JSON object but {type(record).__name__}", number, where)
        yield record


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a field comes twice")
    return record


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")


def _malformed(message: str, line: int, where: dict[str, str]) -> MalformedJson:
    return MalformedJson(message, line=line, remedy="Write one JSON object on each line.", **where)


def _unfold(raw: bytes, where: dict[str, str]) -> bytes:
    """A gzip object of one or more members, up to MAX_UNFOLDED bytes."""
    unfolded = bytearray()
    rest = raw
    while rest:
        stream = zlib.decompressobj(wbits=31)
        try:
            unfolded += stream.decompress(rest, MAX_UNFOLDED + 1 - len(unfolded))
        except zlib.error as error:
            raise _broken_gzip(str(error), where) from error
        if len(unfolded) > MAX_UNFOLDED:
            raise RawTooLarge(
                f"the object unfolds to more than {MAX_UNFOLDED // MIB} MiB",
                limit=MAX_UNFOLDED,
                remedy=SMALLER,
                **where,
            )
        if not stream.eof:
            raise _broken_gzip("it ends in the middle", where)
        rest = stream.unused_data
    return bytes(unfolded)


def _broken_gzip(message: str, where: dict[str, str]) -> InconsistentCompression:
    return InconsistentCompression(f"the gzip stream is broken: {message}", remedy="Compress it again.", **where)


def _unsupported(message: str, **where: str) -> RawFormatUnsupported:
    return RawFormatUnsupported(message, remedy="Upload CSV with a header, or JSON lines; gzip is welcome.", **where)
