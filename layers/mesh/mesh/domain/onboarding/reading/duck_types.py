"""DuckDB's names of types → Hive's. A type that a table cannot have becomes string (`Apache Iceberg specification`,
"Primitive Types": no TIME_NS, UUID stays text for Athena, no unsigned integers, no intervals).
"""

import re
from typing import Final

_LEAVES: Final = {
    "BOOLEAN": "boolean", "TINYINT": "int", "SMALLINT": "int", "INTEGER": "int", "BIGINT": "bigint",
    "UTINYINT": "int", "USMALLINT": "int", "UINTEGER": "bigint", "UBIGINT": "decimal(20,0)", "FLOAT": "float",
    "DOUBLE": "double", "VARCHAR": "string", "BLOB": "binary", "DATE": "date", "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp", "TIMESTAMP_MS": "timestamp", "TIMESTAMP_NS": "timestamp", "TIMESTAMPTZ_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp", '"NULL"': "", "NULL": "",
}  # fmt: skip
_FIXED: Final = re.compile(r"\[\d*\]$")
_PLAIN_NAME: Final = re.compile(r"[^\s<>:,()]+(?: [^\s<>:,()]+)*").fullmatch


def hive_of(duck: str) -> str:
    """The Hive type of a DuckDB type, as DESCRIBE writes it; names of struct fields are lower-case.

    A struct whose field names no Hive type can spell, or that differ in case alone, is a string.
    """
    duck = duck.strip()
    if _FIXED.search(duck):
        return f"array<{hive_of(_FIXED.sub('', duck))}>"
    if duck.startswith("STRUCT("):
        return _struct(fields_of(duck))
    if duck.startswith("MAP("):
        key, value = _split(duck[4:-1])
        return f"map<{hive_of(key)},{hive_of(value)}>"
    if duck.startswith("DECIMAL("):
        return duck.lower()
    return _LEAVES.get(duck, "string")


def fields_of(duck: str) -> list[tuple[str, str]]:
    """`STRUCT(a INTEGER, "b c" VARCHAR)` → [("a", "INTEGER"), ("b c", "VARCHAR")]."""
    return [_named(part.strip()) for part in _split(duck[7:-1])]


def _named(part: str) -> tuple[str, str]:
    if not part.startswith('"'):
        name, _, type_ = part.partition(" ")
        return name, type_
    end = 1
    while part[end] != '"' or part[end + 1 : end + 2] == '"':
        end += 2 if part[end] == '"' else 1
    return part[1:end].replace('""', '"'), part[end + 1 :].strip()


def _struct(fields: list[tuple[str, str]]) -> str:
    names = [name.strip().lower() for name, _ in fields]
    if not fields or len(set(names)) < len(names) or not all(map(_PLAIN_NAME, names)):
        return "string"
    return f"struct<{','.join(f'{name}:{hive_of(type_)}' for name, (_, type_) in zip(names, fields, strict=True))}>"


def _split(inner: str) -> list[str]:
    """At the commas of this level; names may be in double quotes."""
    parts, depth, start, quoted = [], 0, 0, False
    for position, character in enumerate(inner):
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(inner[start:position])
            start = position + 1
    return [*parts, inner[start:]] if inner.strip() else []
