"""JSON lines: one object per line, with Hive types as a Glue crawler gives them (`int`, `struct<>`, `array<>`)."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Never

from mesh.domain.formats.model import MAX_TEXT_BYTES
from mesh.domain.formats.text import TextHead
from mesh.domain.formats.values import sample
from mesh.domain.hive_types import wider
from mesh.domain.rejections import LineTooLong, MalformedJson, UnsupportedEncoding
from mesh.domain.schema import UNDECLARED, Column, column_names
from mesh.domain.strict_json import strict_decoder

_FIELD_NAME: Final = re.compile(r"[^\s<>:,()]+(?: [^\s<>:,()]+)*").fullmatch
_REMEDY: Final = "Write one JSON object per line, without a surrounding array."
_MAX_DEPTH: Final = 50


class JsonContent(NamedTuple):
    """What the head of a JSON lines file says."""

    columns: tuple[Column, ...]
    rows: int
    rows_exact: bool
    samples: dict[str, tuple[str, ...]]


def inspect_json(head: TextHead, *, bucket: str, key: str) -> JsonContent:
    """Columns in the order they appear first. Raises `MalformedJson`, `LineTooLong`, `DuplicateColumns`."""
    where = {"bucket": bucket, "key": key}
    if head.bom:
        raise UnsupportedEncoding(
            "JSON with a byte order mark", encoding="utf-8-sig", remedy="Save it as UTF-8 without a mark.", **where
        )
    types: dict[str, str] = {}
    scalars: dict[str, list[str]] = {}
    rows = 0
    for line, record in _records(head, where):
        rows += 1
        for name, value in record.items():
            types[name] = _merged(types.get(name, UNDECLARED), _hive(value, line, where))
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                values = scalars.setdefault(name, [])
                if len(values) < 1000:
                    values.append(str(value))
    if not types:
        _refuse("no object has a field", 1, where)
    names = column_names(types, bucket=bucket, key=key)
    return JsonContent(
        columns=tuple(Column(name=name, type=type_) for name, type_ in zip(names, types.values(), strict=True)),
        rows=rows if head.complete else max(round(rows / head.share), rows),
        rows_exact=head.complete,
        samples={name: sample(scalars.get(original, ())) for name, original in zip(names, types, strict=True)},
    )


def _records(head: TextHead, where: dict[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
    text = head.text
    if not head.complete:
        text = text[: text.rfind("\n") + 1]
        if not text.strip():
            raise LineTooLong(f"the first line is longer than {MAX_TEXT_BYTES} bytes", remedy=_REMEDY, **where)
    decoder = strict_decoder()
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            record = decoder.decode(content)
        except (ValueError, RecursionError) as error:
            _refuse(f"line {line} is no JSON: {error}"[:300], line, where, cause=error)
        if not isinstance(record, dict):
            _refuse(f"line {line} is no JSON object but {type(record).__name__}", line, where)
        yield line, record


def _hive(value: object, line: int, where: dict[str, str], depth: int = 0) -> str:
    if depth > _MAX_DEPTH:
        _refuse(f"line {line} is nested deeper than {_MAX_DEPTH} levels", line, where)
    match value:
        case None:
            return UNDECLARED
        case bool():
            return "boolean"
        case int():
            return _integer(value)
        case float():
            return "double"
        case str():
            return "string"
        case list():
            inner = UNDECLARED
            for item in value:
                inner = _merged(inner, _hive(item, line, where, depth + 1))
            return f"array<{inner}>"
        case dict():
            fields = {name.lower(): _hive(item, line, where, depth + 1) for name, item in value.items()}
            if not all(map(_FIELD_NAME, fields)):
                return "string"  # no Hive type can spell these names; the SerDe gives the object as text
            return f"struct<{','.join(f'{name}:{type_}' for name, type_ in fields.items())}>"
    raise TypeError(f"JSON has no {type(value).__name__}")


def _integer(value: int) -> str:
    if -(2**31) <= value < 2**31:
        return "int"
    return "bigint" if -(2**63) <= value < 2**63 else "string"  # as text it keeps its digits


def _merged(left: str, right: str) -> str:
    """Within one file, types that nothing holds together are strings: the SerDe gives any value as text."""
    if not left or not right:
        return left or right
    return wider(left, right) or "string"


def _refuse(message: str, line: int, where: dict[str, str], cause: Exception | None = None) -> Never:
    raise MalformedJson(message, line=line, remedy=_REMEDY, **where) from cause
