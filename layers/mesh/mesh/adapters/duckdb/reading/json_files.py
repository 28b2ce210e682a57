"""JSON lines, or one array of objects → staged texts: one for each field, of which the engine says how they are nested.

A field may be spelt in several ways; within one object that is a duplicate column.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mesh.adapters.duckdb.measuring.faults import first_line
from mesh.adapters.duckdb.measuring.fetching import Unreadable
from mesh.adapters.duckdb.measuring.rows import OBJECT
from mesh.adapters.duckdb.reading.faults import check_width
from mesh.adapters.duckdb.reading.staging import Staged
from mesh.adapters.duckdb.reading.texts import Text, rewrite_lines
from mesh.domain.onboarding.budgets import MAX_DEPTH, MAX_ROW
from mesh.domain.onboarding.quality.sql_text import identifier, text_literal
from mesh.domain.onboarding.reading.json_types import depth_of, has_large, json_field, with_text_leaves
from mesh.domain.schema import DuplicateColumns, EmptyColumnName, column_names
from mesh.domain.strict_json import strict_decoder

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LINES: Final = "mesh_lines"
_OBJECT: Final = identifier(OBJECT)
_REMEDY: Final = "Write one JSON object per line, or one array of objects."
_DIGITS: Final = "[0-9]{19}"
_OPENING: Final = "strlen(json) - strlen(replace(replace(CAST(json AS VARCHAR), '{', ''), '[', ''))"
"""Brackets that open, those within texts counted: more than levels."""
_TAIL: Final = 4096
"""More white space than this does not follow an array."""


@dataclass
class JsonLines:
    """All JSON objects of the reading. `nested`: column → struct keys of it that differ in case alone."""

    db: "DuckDBPyConnection"
    structures: dict[int, dict[str, Any]] = field(default_factory=dict)
    nested: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def stage(self, text: Text, index: int, key: str) -> None:
        """Keep an object's lines. Raises `Unreadable` (MalformedJson), `DuplicateColumns`, `EmptyColumnName`."""
        import duckdb  # noqa: PLC0415 - as in `database`

        array = text.head.lstrip().startswith("[")
        if not text.plain:
            rewrite_lines(text)
        if array and not _ends_with(text.file, b"]"):  # the engine takes an array that was cut off for a whole one
            raise _malformed("the array of objects does not end")
        layout = "array" if array else "newline_delimited"
        source = f"read_json_objects({text_literal(text.file)}, format = '{layout}', maximum_object_size = {MAX_ROW})"
        self.db.execute(f"CREATE TABLE IF NOT EXISTS {_LINES} (json JSON, {_OBJECT} INTEGER)")
        try:
            self.db.execute(f"INSERT INTO {_LINES} SELECT json, {index} FROM {source}")
            self._check_depth(index)
            self.structures[index] = self._structure(index, key)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            self.drop(index)
            if not array:
                _find_fault(text)
            raise _malformed(first_line(error)) from error
        except Exception:
            self.drop(index)
            raise

    def drop(self, index: int) -> None:
        """Forget an object's lines."""
        self.db.execute(f"DELETE FROM {_LINES} WHERE {_OBJECT} = {index}")

    def _check_depth(self, index: int) -> None:
        """Before the engine looks into an object. Raises `Unreadable`."""
        there = f"FROM {_LINES} WHERE {_OBJECT} = {index} AND {_OPENING} > {MAX_DEPTH}"
        found = self.db.execute(f"SELECT CAST(json AS VARCHAR) {there}")
        while row := found.fetchone():
            if (levels := depth_of(row[0])) > MAX_DEPTH:
                what = f"an object has {levels:,} levels of lists and objects in it, at most {MAX_DEPTH} are read"
                raise Unreadable("NestedTooDeep", what, "Make fields of what is nested, or text.")

    def _structure(self, index: int, key: str) -> dict[str, Any]:
        where = f"FROM {_LINES} WHERE {_OBJECT} = {index}"
        (row,) = self.db.execute(
            "SELECT count_if(json_type(json) <> 'OBJECT'), "
            "count_if(json_type(json) = 'OBJECT' AND len(json_keys(json)) <> len(list_distinct(list_transform("
            "json_keys(json), lambda name: lower(trim(name)))))), count(*), "
            f"json_group_structure(CASE WHEN json_type(json) = 'OBJECT' THEN json END) {where}"
        ).fetchall()
        others, twice, rows, found = row
        if others:
            raise _malformed(f"{others} of {rows} values are not JSON objects")
        if not rows:
            raise _malformed("there is no object")
        structure = json.loads(found) if found else {}
        if not isinstance(structure, dict) or not structure:
            raise _malformed("no object has a field")
        check_width(len(structure), _fields(structure))
        if twice:
            names = [name for name in structure if _folded(structure, name) > 1]
            column_names(names, key=key)  # names both, where they differ in case
            raise DuplicateColumns(f"{twice} objects have a duplicate field", key=key, remedy="Write each field once.")
        if any(not name.strip() for name in structure):
            raise EmptyColumnName("a field has no name", key=key, remedy="Name every field.")
        return structure

    def finish(self, table: str) -> Staged | None:
        """The fields of all objects as texts."""
        if not self.structures:
            return None
        spelt: dict[str, list[str]] = {}
        for structure in self.structures.values():
            for name in structure:
                written = spelt.setdefault(name.strip().lower(), [])
                if name not in written:
                    written.append(name)
        self._create(table, spelt)
        columns = {name: f"c{index}" for index, name in enumerate(spelt)}
        staged = Staged(table=table, columns=columns)
        self._types(staged, spelt)
        counted = self.db.execute(f"SELECT {_OBJECT}, count(*) FROM {table} GROUP BY 1 ORDER BY 1").fetchall()
        staged.rows.update(counted)
        return staged

    def _create(self, table: str, spelt: dict[str, list[str]]) -> None:
        values = [
            f"{_first([f'json_extract_string(json, {text_literal(_pointer(name))})' for name in names])} AS c{index}"
            for index, names in enumerate(spelt.values())
        ]
        self.db.execute(f"CREATE TABLE {table} AS SELECT {', '.join(values)}, {_OBJECT} FROM {_LINES}")
        self.db.execute(f"DROP TABLE {_LINES}")

    def _types(self, staged: Staged, spelt: dict[str, list[str]]) -> None:
        """What the structures say of each field in each object, and of all objects together."""
        structures = {name: [] for name in spelt}  # type: dict[str, list[tuple[int, Any]]]
        for index, structure in self.structures.items():
            staged.fixed[index] = {}
            for name, inner in structure.items():
                structures[name.strip().lower()].append((index, inner))
        for name, found in structures.items():
            merged = _merged([inner for _, inner in found])
            staged.json[name] = merged
            nested = isinstance(merged, dict | list)
            large = nested and has_large(merged) and self._has_large(staged, name)
            if nested and (collisions := json_field(merged).collisions):
                self.nested[name] = collisions
            for index, inner in found:
                before = staged.fixed[index].get(name)
                type_ = with_text_leaves(json_field(merged if nested else inner, large=large).type)
                staged.fixed[index][name] = type_ if not before or before == type_ else "string"

    def _has_large(self, staged: Staged, name: str) -> bool:
        sql = f"SELECT count_if(regexp_matches({staged.columns[name]}, '{_DIGITS}')) FROM {staged.table}"
        (row,) = self.db.execute(sql).fetchall()
        return bool(row[0])


def _fields(structure: Any) -> int:  # noqa: ANN401 - JSON
    """Of a structure, those of each level."""
    inner = structure.values() if isinstance(structure, dict) else structure if isinstance(structure, list) else ()
    return len(structure) * isinstance(structure, dict) + sum(map(_fields, inner))


def _merged(structures: list[Any]) -> Any:  # noqa: ANN401 - JSON
    """The structure that all of them fit in; JSON (text) where they have nothing in common."""
    known = [structure for structure in structures if structure != "NULL"]
    if not known:
        return "NULL"
    first, *others = known
    if all(other == first for other in others):
        return first
    if all(isinstance(each, dict) for each in known):
        names = dict.fromkeys(name for each in known for name in each)
        return {name: _merged([each[name] for each in known if name in each]) for name in names}
    if all(isinstance(each, list) for each in known):
        return [_merged([each[0] for each in known if each])]
    if all(isinstance(each, str) for each in known):
        return _merged_leaves({str(each) for each in known})
    return "JSON"


def _merged_leaves(leaves: set[str]) -> str:
    if leaves <= {"BIGINT", "UBIGINT"}:
        return "BIGINT" if "UBIGINT" not in leaves else "UBIGINT"
    return "DOUBLE" if leaves <= {"BIGINT", "UBIGINT", "DOUBLE"} else "JSON"


def _folded(structure: dict[str, Any], name: str) -> int:
    return sum(other.strip().lower() == name.strip().lower() for other in structure)


def _first(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"


def _pointer(name: str) -> str:
    """RFC 6901: any name, whatever signs it has."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _ends_with(file: Path, sign: bytes) -> bool:
    with file.open("rb") as content:
        content.seek(max(0, file.stat().st_size - _TAIL))
        return content.read().rstrip().endswith(sign)


def _find_fault(text: Text) -> None:
    """Raises `Unreadable` with the first line that is not a JSON object."""
    decoder = strict_decoder()
    for number, line in _numbered(text):
        try:
            record = decoder.decode(line)
        except (ValueError, RecursionError) as error:
            raise _malformed(f"line {number} is not JSON: {error}"[:300]) from error
        if not isinstance(record, dict):
            raise _malformed(f"line {number} is not a JSON object but {type(record).__name__}")


def _numbered(text: Text) -> Iterator[tuple[int, str]]:
    with text.file.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, line


def _malformed(what: str) -> Unreadable:
    return Unreadable("MalformedJson", what, _REMEDY)
