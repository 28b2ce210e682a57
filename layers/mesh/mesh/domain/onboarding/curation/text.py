"""The text of a raw object: its records, one after another, and how it is refused.

Everything goes by lines, so that an object may be read from memory or as it comes.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO, Literal

from mesh.domain.onboarding.budgets import MAX_LINE
from mesh.domain.onboarding.curation.cells import from_json
from mesh.domain.onboarding.curation.errors import RawFormatUnsupported
from mesh.domain.onboarding.formats.detection import MAGIC_LENGTH, Detected, check_magic, detect_by_name
from mesh.domain.onboarding.formats.errors import (
    ArchiveUnsupported,
    FormatDeclined,
    HeaderWithoutRows,
    InconsistentCompression,
    LineTooLong,
    MalformedJson,
    RaggedRows,
    UnclosedQuote,
    UnsupportedEncoding,
)
from mesh.domain.onboarding.formats.model import MAX_TEXT_BYTES
from mesh.domain.onboarding.formats.text import TextHead
from mesh.domain.onboarding.reading.dialect import layout_of
from mesh.domain.schema import column_names
from mesh.domain.strict_json import strict_decoder

type RawFormat = Literal["csv", "json"]
type Where = dict[str, str]
"""`bucket` and `key`, for errors."""


def detect(raw: bytes, where: Where) -> Detected:
    """Format and compression, by name and first bytes. Raises RawFormatUnsupported, InconsistentCompression, …"""
    try:
        detected = check_magic(detect_by_name(where["key"], **where), raw[:MAGIC_LENGTH], **where)
    except (ArchiveUnsupported, FormatDeclined) as declined:
        raise unsupported(declined.message, **where) from declined
    if detected.format not in {"csv", "json"}:
        raise unsupported(f"{detected.format or 'this'} is not text that a recipe reads", **where)
    return detected


def csv_delimiter(head: TextHead, where: Where) -> str:
    """What separates the fields, by the rows of the head; the first row is the header, whatever it looks like.

    Raises RaggedRows (a title above the header), LineTooLong, HeaderWithoutRows, RawFormatUnsupported.
    """
    text = head.text if head.complete else head.text[: head.text.rfind("\n") + 1]
    if not text:
        raise LineTooLong(
            f"the first row is longer than {MAX_TEXT_BYTES} bytes", remedy="End rows with a line feed.", **where
        )
    layout = layout_of(text)
    if layout.problem:
        code, message, remedy = layout.problem
        refusal = RaggedRows if code == "RaggedRows" else RawFormatUnsupported
        raise refusal(message, remedy=remedy, **where)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter)
    if head.complete and len(list(islice(filter(None, reader), 2))) < 2:
        raise HeaderWithoutRows("a header and no rows", remedy="Upload it with data.", line=1, **where)
    return layout.delimiter


def csv_header(
    rows: Iterator[tuple[int, list[str]]], where: Where
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Names, none empty and no two the same for Glue, and the records below them."""
    line, header = next(rows)
    names = [name.strip() for name in header]
    column_names(names, line=line, bucket=where["bucket"], key=where["key"])
    return names, rows


def csv_records(lines: Iterable[str], delimiter: str, where: Where) -> Iterator[tuple[int, list[str]]]:
    """Records that are not empty, with the line on which each begins. Raises UnclosedQuote, LineTooLong."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
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


def text_lines(content: BinaryIO, where: Where) -> Iterator[str]:
    """Lines with their ends, without a byte order mark. Raises UnsupportedEncoding, LineTooLong: what a gzip stream
    unfolds to may have no end of a line."""
    number, text = 0, io.TextIOWrapper(content, "utf-8-sig", newline="")
    try:
        while line := text.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                what = f"line {number} is longer than {MAX_LINE:,} characters"
                raise LineTooLong(what, line=number, remedy="Write one record on each line.", **where)
            yield line
    except UnicodeDecodeError as error:
        raise UnsupportedEncoding(
            f"after line {number} there are bytes that are not UTF-8",
            line=number + 1,
            remedy="Save the whole file as UTF-8.",
            **where,
        ) from error


def ragged(line: int, found: int, expected: int, where: Where) -> RaggedRows:
    """The error for a record of another width than the header."""
    return RaggedRows(
        f"line {line} has {found} fields, expected {expected}",
        line=line,
        remedy="Give every row the same number of fields; quote values that hold the delimiter.",
        **where,
    )


def json_columns(records: Iterable[dict[str, Any]], where: Where) -> tuple[str, ...]:
    """All fields, in the order in which they first come. Raises DuplicateColumns."""
    columns = tuple(dict.fromkeys(name for record in records for name in record))
    column_names(columns, bucket=where["bucket"], key=where["key"])
    return columns


def json_objects(lines: Iterable[str], where: Where) -> Iterator[dict[str, Any]]:
    """Records of JSON lines; numbers with a point as Decimal. Raises MalformedJson."""
    decoder = strict_decoder(parse_float=from_json)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = decoder.decode(line.strip())
        except (ValueError, RecursionError) as error:
            raise _malformed(f"line {number} is not JSON: {error}"[:300], number, where) from error
        if not isinstance(record, dict):
            raise _malformed(f"line {number} is not a JSON object but {type(record).__name__}", number, where)
        yield record


def _malformed(message: str, line: int, where: Where) -> MalformedJson:
    return MalformedJson(message, line=line, remedy="Write one JSON object on each line.", **where)


def broken_gzip(message: str, where: Where) -> InconsistentCompression:
    """The error for a gzip stream that cannot be unfolded."""
    return InconsistentCompression(f"the gzip stream is broken: {message}", remedy="Compress it again.", **where)


def unsupported(message: str, **where: str) -> RawFormatUnsupported:
    """The error for what no recipe reads."""
    return RawFormatUnsupported(message, remedy="Upload CSV with a header, or JSON lines; gzip is welcome.", **where)
