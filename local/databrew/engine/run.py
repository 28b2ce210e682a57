"""A job's work: an object's bytes, a recipe's steps, the output's bytes.

What cannot be read ends the job: real DataBrew is more lenient in places that its guide does not describe.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from local.databrew.engine import columns, derived, values
from local.databrew.engine.frame import Frame, StepError
from local.databrew.engine.step import Step

OPERATIONS = columns.OPERATIONS | values.OPERATIONS | derived.OPERATIONS


def run(body: bytes, steps: Sequence[dict[str, Any]], *, source: dict[str, Any], target: dict[str, Any]) -> bytes:
    """`source` is a dataset (`Format`, `FormatOptions`), `target` an output. Raises StepError."""
    names, rows = _read(body, source)
    frame = Frame(names, rows)
    try:
        for number, written in enumerate(steps, start=1):
            _step(frame, Step.of(number, written))
        return _write(frame, target)
    finally:
        frame.close()


def _step(frame: Frame, step: Step) -> None:
    operation = OPERATIONS.get(step.operation)
    if operation is None:
        raise StepError(f"Step {step.number}: the operation {step.operation} is not supported")
    try:
        operation(frame, step)
    except StepError as error:
        raise StepError(f"Step {step.number} ({step.operation}): {error}") from error


def _read(body: bytes, source: dict[str, Any]) -> tuple[list[str], Iterable[Sequence[str | None]]]:
    try:
        text = (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode("utf-8-sig")
        return (_read_csv if source.get("Format", "CSV") == "CSV" else _read_json)(text, source)
    except (OSError, EOFError, ValueError, csv.Error) as error:
        raise StepError(f"Unable to read the dataset: {error}") from error


def _read_csv(text: str, source: dict[str, Any]) -> tuple[list[str], list[list[str | None]]]:
    options = (source.get("FormatOptions") or {}).get("Csv") or {}
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=options.get("Delimiter", ","), strict=True)
    limit = csv.field_size_limit(2**27)  # of the whole process, which has other readers
    try:
        records = [record for record in reader if record]
    finally:
        csv.field_size_limit(limit)
    if not records:
        raise StepError("Unable to read the dataset: it is empty")
    names = [name.strip() for name in records[0]]
    if any(len(record) != len(names) for record in records):
        raise StepError("Unable to read the dataset: rows differ in their number of fields")
    return names, [[f"s{value}" if value else None for value in record] for record in records[1:]]


def _read_json(text: str, source: dict[str, Any]) -> tuple[list[str], list[list[str | None]]]:
    decoder = json.JSONDecoder(parse_float=_Digits, parse_int=_Digits)
    records = [decoder.decode(line.strip()) for line in text.split("\n") if line.strip()]
    names = list(dict.fromkeys(name for record in records for name in record))
    return names, [[_cell(record.get(name)) for name in names] for record in records]


class _Digits(str):
    """A number as it is written."""

    __slots__ = ()


def _cell(value: Any) -> str | None:  # noqa: ANN401 - a JSON value
    match value:
        case None:
            return None
        case _Digits():
            return f"n{value}"
        case bool():
            return "btrue" if value else "bfalse"
        case str():
            return f"s{value}"
    return f"j{_nested(value)}"


def _nested(value: Any) -> str:  # noqa: ANN401 - a JSON value
    if isinstance(value, _Digits):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {_nested(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_nested, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _write(frame: Frame, target: dict[str, Any]) -> bytes:
    if target.get("Format", "CSV") == "JSON":
        return "".join(_json_lines(frame)).encode()
    out = io.StringIO(newline="")
    delimiter = ((target.get("FormatOptions") or {}).get("Csv") or {}).get("Delimiter", ",")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(frame.names)
    writer.writerows([cell[1:] if cell else "" for cell in row] for row in frame.rows())
    return out.getvalue().encode()


def _json_lines(frame: Frame) -> Iterator[str]:
    """As Spark writes them: a field that is null is left out."""
    for row in frame.rows():
        fields = (
            f"{json.dumps(name, ensure_ascii=False)}: {_as_json(cell)}"
            for name, cell in zip(frame.names, row, strict=True)
            if cell is not None
        )
        yield "{" + ", ".join(fields) + "}\n"


def _as_json(cell: str) -> str:
    return json.dumps(cell[1:], ensure_ascii=False) if cell[0] == "s" else cell[1:]
