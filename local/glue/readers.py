"""What a crawler sees in one file: its classification, columns, row count. Independent of the product's own reader.

Rules: https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html (built-in CSV classifier, header detection).
"""

import csv
import io
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from local.glue.types import json_type, merged, parquet_type, text_type
from local.lakeformation.protocol import Json

SAMPLE = 1 << 20
DELIMITERS = ",|\t;\x01"
_COLUMN_NAME = re.compile(r"[A-Za-z0-9_ .#$%()/+*\-äöüÄÖÜß]+")


class UnknownFormatError(Exception):
    """No classifier recognises the file."""


@dataclass(frozen=True)
class FileSchema:
    """Columns as `(name, Hive type)`, in order; `rows` counted in the sample and scaled to the file's size."""

    classification: str
    columns: tuple[tuple[str, str], ...]
    rows: int
    compression: str = "none"
    delimiter: str = ""
    header: bool = False
    quoted: bool = False
    serde: str = ""
    quote: str = '"'


def read(data: bytes, classifiers: Sequence[Json] = ()) -> FileSchema:
    """Classify one file. Custom CSV classifiers go before the built-in one, for whatever is text.

    Raises:
        UnknownFormatError: it is neither Parquet, ORC, JSON lines nor CSV.
    """
    if data[:4] == b"PAR1":
        return _read_parquet(data)
    if data[:3] == b"ORC":
        return _read_orc(data)
    compression = "gzip" if data[:2] == b"\x1f\x8b" else "none"
    text, complete = _text(data, compression)
    if text.lstrip()[:1] == "{":
        return _read_json(text, compression)
    return _read_csv(text, compression, classifiers, complete=complete)


def _text(data: bytes, compression: str) -> tuple[str, bool]:
    """The head of the file as text, cut at a line's end; and whether that is all of it."""
    head, complete = data[:SAMPLE], len(data) <= SAMPLE
    if compression == "gzip":
        try:
            inflater = zlib.decompressobj(31)
            head = inflater.decompress(data, SAMPLE)
            complete = inflater.eof
        except zlib.error as error:
            raise UnknownFormatError(f"corrupt gzip: {error}") from error
    if not complete:
        head = head[: head.rfind(b"\n") + 1]
    if b"\x00" in head:
        raise UnknownFormatError("binary content")
    try:
        return head.decode("utf-8-sig"), complete
    except UnicodeDecodeError as error:
        raise UnknownFormatError(f"not UTF-8: {error}") from error


def _read_parquet(data: bytes) -> FileSchema:
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        columns = tuple((field.name.lower(), parquet_type(field.type)) for field in file.schema_arrow)
        return FileSchema("parquet", columns, file.metadata.num_rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnknownFormatError(f"corrupt Parquet: {error}") from error


def _read_orc(data: bytes) -> FileSchema:
    try:
        file = orc.ORCFile(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        raise UnknownFormatError(f"corrupt ORC: {error}") from error
    columns = tuple((field.name.lower(), parquet_type(field.type)) for field in file.schema)
    return FileSchema("orc", columns, file.nrows)


def _read_json(text: str, compression: str) -> FileSchema:
    kinds: dict[str, str] = {}
    rows = 0
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UnknownFormatError(f"malformed JSON: {error}") from error
        if not isinstance(record, dict):
            raise UnknownFormatError("a JSON line that is not an object")
        rows += 1
        for name, value in record.items():
            kinds[name.lower()] = merged((kinds.get(name.lower(), ""), json_type(value)))
    return FileSchema("json", tuple(kinds.items()), rows, compression)


def _read_csv(text: str, compression: str, classifiers: Sequence[Json], *, complete: bool) -> FileSchema:
    for classifier in sorted(classifiers, key=lambda each: -_likeness(text, each)):
        schema = _by_classifier(text, compression, classifier, complete=complete)
        if schema is not None:
            return schema
    delimiter = _delimiter(text)
    rows = _rows(text, delimiter, '"', complete=complete)
    header = len(rows) > 1 and len(rows[0]) > 1 and _is_header(rows)
    plain = FileSchema("csv", (), 0, compression, delimiter, header, _is_quoted(text, delimiter))
    return _with_columns(plain, rows, None)


def _likeness(text: str, classifier: Json) -> float:
    """How much of a classifier's header the file's first line has: classifiers of several tables share a crawler."""
    header = [name.lower() for name in classifier.get("Header") or ()]
    first = next(csv.reader([text.partition("\n")[0]], delimiter=classifier.get("Delimiter") or ","), [])
    known = {name.strip().strip("'\"").lower() for name in first}
    return len(known.intersection(header)) / len(header) if header else 0.0


def _by_classifier(text: str, compression: str, classifier: Json, *, complete: bool) -> FileSchema | None:
    """What a custom CSV classifier makes of the file; None where its delimiter does not split it.

    The classifier's header names the columns, but where the file's own header has names of it: then that is the order,
    and it may have grown.
    """
    delimiter, quote = classifier.get("Delimiter") or ",", classifier.get("QuoteSymbol") or '"'
    rows = _rows(text, delimiter, quote, complete=complete)
    if not rows or (len(rows[0]) < 2 and not classifier.get("AllowSingleColumn")):
        return None
    presence, names = classifier.get("ContainsHeader") or "UNKNOWN", classifier.get("Header")
    header = presence == "PRESENT" or (presence == "UNKNOWN" and len(rows) > 1 and _is_header(rows))
    if names and (len(names) != len(rows[0]) or (header and _likeness(text, classifier) > 0)):
        names = None
    if not classifier.get("DisableValueTrimming"):
        rows = [[value.strip() for value in row] for row in rows]
    serde = classifier.get("Serde") or ""
    serde = "" if serde == "None" else serde
    plain = FileSchema("csv", (), 0, compression, delimiter, header, _is_quoted(text, delimiter, quote), serde, quote)
    schema = _with_columns(plain, rows, names)
    types = classifier.get("CustomDatatypes") if classifier.get("CustomDatatypeConfigured") else None
    if not types or len(types) != len(schema.columns):
        return schema
    named = tuple((name, kind.lower()) for (name, _), kind in zip(schema.columns, types, strict=True))
    return replace(schema, columns=named)


def _with_columns(schema: FileSchema, rows: list[list[str]], names: list[str] | None) -> FileSchema:
    """The columns of CSV rows: named by `names`, else by the header, else `col0`, `col1`, ..."""
    width = max((len(row) for row in rows), default=0)
    if not width:
        raise UnknownFormatError("no columns")
    body = rows[1:] if schema.header else rows
    found = names or (rows[0] if schema.header else [f"col{index}" for index in range(width)])
    values = [[row[index] for row in body if index < len(row)] for index in range(len(found))]
    columns = tuple((name.strip().lower(), text_type(column)) for name, column in zip(found, values, strict=True))
    return replace(schema, columns=columns, rows=len(body))


def _rows(text: str, delimiter: str, quote: str, *, complete: bool) -> list[list[str]]:
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter, quotechar=quote) if row]
    except csv.Error as error:
        raise UnknownFormatError(f"malformed CSV: {error}") from error
    # A cut inside a quoted field leaves a row that is not one.
    return rows if complete or len(rows) < 2 or len(rows[-1]) == len(rows[0]) else rows[:-1]


def _is_quoted(text: str, delimiter: str, quote: str = '"') -> bool:
    """Whether any field begins with the quote."""
    return re.search(rf"(?:^|{re.escape(delimiter)}){re.escape(quote)}", text, re.MULTILINE) is not None


def _delimiter(text: str) -> str:
    """The delimiter that splits the first lines into the same number of columns, the more the better."""
    lines = [line for line in text.splitlines()[:20] if line]
    best, most = ",", 1
    for candidate in DELIMITERS:
        widths = {len(row) for row in csv.reader(lines, delimiter=candidate)}
        if len(widths) == 1 and (width := widths.pop()) > most:
            best, most = candidate, width
    if most == 1:
        raise UnknownFormatError("fewer than two columns by any delimiter")
    return best


def _is_header(rows: list[list[str]]) -> bool:
    """All strings, short, fit to be names, and at least one column below is not a string."""
    first = rows[0]
    fit = all(text_type([name]) == "string" and name.strip() for name in first)
    fit = fit and all(len(name) < 150 for name in first[:-1]) and all(_COLUMN_NAME.fullmatch(n.strip()) for n in first)
    below = ([row[index] for row in rows[1:] if index < len(row)] for index in range(len(first)))
    return fit and any(text_type(column) != "string" for column in below)
