"""Objects' rows as they were read, before their types are decided: texts of CSV and JSON, values of Parquet.

Objects of the same columns share a table, so that what is asked of all of them is one query.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

from mesh.adapters.duckdb.engine import CHUNK
from mesh.adapters.duckdb.measuring.rows import OBJECT
from mesh.adapters.duckdb.reading.losses import invalid
from mesh.adapters.duckdb.reading.values import LADDER, converted, from_known_text, from_text, looks_like
from mesh.domain.onboarding.quality.sql_text import identifier

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SAMPLE: Final = 2000
_WIDE_CHUNK: Final = 1000
_NARROW: Final = "mesh_staged_part"
_OBJECT: Final = identifier(OBJECT)


@dataclass
class Facts:
    """Of one column in one object: its type ("" if all is NULL), and values that are none of the declared type."""

    type: str
    invalid: int = 0


@dataclass
class Staged:
    """Rows of one or more objects. `columns`: name → the table's column, in order. `types`: of columns that are no
    text, "" where all is NULL; `json`: structures of fields that were JSON; `fixed`: their types, by object.
    `in_place`: the table is a view of one object's file."""

    table: str
    columns: dict[str, str]
    types: dict[str, str] = field(default_factory=dict)
    json: dict[str, Any] = field(default_factory=dict)
    text: bool = True
    in_place: bool = False
    facts: dict[int, dict[str, Facts]] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)
    fixed: dict[int, dict[str, str]] = field(default_factory=dict)

    def keep(self, read: Container[int]) -> None:
        """Forget objects that were refused after they were staged."""
        self.rows = {index: rows for index, rows in self.rows.items() if index in read}

    def value(self, name: str, want: str, *, known: bool = False) -> str:
        """The column's value as one of that type; `known` where all of its texts were found to be such."""
        if self.text:
            read = from_known_text if known else from_text
            return read(self.columns[name], want, self.json.get(name))
        return converted(self.columns[name], self.types[name] or "string", want)

    def invalid(self, name: str, want: str) -> str:
        """Predicate: the column's value is none of that type."""
        have = "string" if self.text else self.types[name] or "string"
        return invalid(self.columns[name], self.value(name, want), have, want, self.json.get(name))


class Typing:
    """Finds what each column of each staged object holds."""

    def __init__(self, db: "DuckDBPyConnection", declared: Mapping[str, str]) -> None:
        self._db, self._declared = db, declared

    def measure(self, staged: Staged) -> None:
        """Fill `facts`."""
        for index in staged.rows:
            staged.facts[index] = {name: Facts(staged.types.get(name, "")) for name in staged.columns}
        if not any(staged.rows.values()):
            return
        free = [name for name in staged.columns if staged.text and self._tests(staged, name) is None]
        if wide := len(staged.columns) > 2 * CHUNK:
            self._unpivoted(staged, free)
        left = [name for name in staged.columns if not wide or name not in set(free)]
        for names in batched(left, CHUNK, strict=False):
            with self._narrow(staged, names) as part:
                if staged.text:
                    self._texts(part, names)
                else:
                    self._typed(part, names)

    @contextmanager
    def _narrow(self, staged: Staged, names: Sequence[str]) -> Iterator[Staged]:
        """The same rows with a few columns. Each query of a table of thousands takes long before it reads anything."""
        if len(staged.columns) <= 2 * CHUNK or staged.in_place:
            yield staged
            return
        columns = ", ".join(staged.columns[name] for name in names)
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE {_NARROW} AS SELECT {columns}, {_OBJECT} FROM {staged.table}")
        yield replace(staged, table=_NARROW)

    def _texts(self, staged: Staged, names: Sequence[str]) -> None:
        tests = {name: self._tests(staged, name) for name in names}
        open_ = [name for name in names if tests[name] is None]
        guesses = self._guesses(staged, open_)
        tests |= {name: _checks(guesses[name], len(staged.rows)) for name in open_}
        failed = self._apply(staged, {name: test or () for name, test in tests.items()})
        if again := [name for name in open_ if name in failed]:
            self._apply(staged, dict.fromkeys(again, LADDER))

    def _unpivoted(self, staged: Staged, names: Sequence[str]) -> None:
        """Facts of many columns as rows of one: what is planned for each column takes longer than a few rows of it."""
        for chunk in batched(names, _WIDE_CHUNK, strict=False):
            listed = ", ".join(staged.columns[name] for name in chunk)
            cells = (
                f"SELECT {_OBJECT} AS o, unnest([{listed}]) AS v, unnest(range({len(chunk)})) AS n FROM {staged.table}"
            )
            found = self._db.execute(f"SELECT o, n, {_counts('v', LADDER)} FROM ({cells}) GROUP BY o, n").fetchall()
            for index, place, *counts in found:
                staged.facts[index][chunk[place]] = Facts(_narrowest(LADDER, counts))

    def _tests(self, staged: Staged, name: str) -> tuple[str, ...] | None:
        """None for a column that its values alone decide."""
        structure = staged.json.get(name)
        if name in self._declared or (structure is not None and structure != "VARCHAR"):
            return ()
        return ("date", "timestamp") if structure == "VARCHAR" else None

    def _guesses(self, staged: Staged, names: Sequence[str]) -> dict[str, str]:
        """The type of the first rows."""
        if not names:
            return {}
        wanted = ", ".join(_counts(staged.columns[name], LADDER) for name in names)
        columns = ", ".join(staged.columns[name] for name in names)
        source = f"(SELECT {columns} FROM {staged.table} LIMIT {_SAMPLE})"
        (row,) = self._db.execute(f"SELECT {wanted} FROM {source}").fetchall()
        width = len(LADDER) + 1
        return {
            name: _narrowest(LADDER, part) for name, part in zip(names, batched(row, width, strict=True), strict=True)
        }

    def _apply(self, staged: Staged, tests: Mapping[str, tuple[str, ...]]) -> set[str]:
        """Facts of all rows; the names of columns with an object that none of its tests fits."""
        wanted = [self._wanted(staged, name, types) for name, types in tests.items()]
        grouped = len(staged.rows) > 1
        index = _OBJECT if grouped else str(next(iter(staged.rows), 0))
        sql = f"SELECT {index}, {', '.join(wanted)} FROM {staged.table}{' GROUP BY 1' if grouped else ''}"
        failed = set()
        for found, *values in self._db.execute(sql).fetchall():
            start = 0
            for name, types in tests.items():
                part = values[start : start + len(types) + 2]
                start += len(types) + 2
                type_ = self._type(staged, name, types, part[:-1], found)
                if type_ == "string" and types and name not in staged.json:
                    failed.add(name)
                staged.facts[found][name] = self._facts(staged, name, type_, int(part[-1] or 0))
        return failed

    def _facts(self, staged: Staged, name: str, type_: str, invalid: int) -> Facts:
        """JSON numbers that no number type can hold make the column text, if no type was declared."""
        if invalid and name in staged.json and name not in self._declared:
            return Facts("string")
        return Facts(type_, invalid)

    def _wanted(self, staged: Staged, name: str, types: Sequence[str]) -> str:
        column = staged.columns[name]
        invalid = "0"
        if name in self._declared:
            invalid = f"count_if({staged.invalid(name, self._declared[name])})"
        elif name in staged.json:
            invalid = f"count_if({_not_of_json(column, staged.json[name])})"
        return f"{_counts(column, types)}, {invalid}"

    def _type(self, staged: Staged, name: str, types: Sequence[str], part: Sequence[int], index: int) -> str:
        if name in self._declared:
            return self._declared[name] if part[0] else ""
        if name in staged.json and not types:
            return staged.fixed[index].get(name, "") if part[0] else ""
        return _narrowest(types, part)

    def _typed(self, staged: Staged, names: Sequence[str]) -> None:
        wanted = ", ".join(self._wanted_typed(staged, name) for name in names)
        found = self._db.execute(f"SELECT {_OBJECT}, {wanted} FROM {staged.table} GROUP BY 1").fetchall()
        for index, *values in found:
            for name, count in zip(names, values, strict=True):
                staged.facts[index][name] = Facts(staged.types[name], int(count or 0))

    def _wanted_typed(self, staged: Staged, name: str) -> str:
        want = self._declared.get(name, "")
        if not want or want == staged.types[name] or not staged.types[name]:
            return "0"
        return f"count_if({staged.invalid(name, want)})"


def _counts(column: str, types: Sequence[str]) -> str:
    """How many values there are, and how many look like each of the types."""
    return ", ".join([f"count({column})", *(f"count_if({looks_like(column, type_)})" for type_ in types)])


def _checks(guess: str, objects: int) -> tuple[str, ...]:
    """What to hold all rows against. Of several objects one may have the narrower type."""
    if objects > 1 or not guess:
        return LADDER
    return () if guess == "string" else (guess,)


def _narrowest(types: Sequence[str], counts: Sequence[int]) -> str:
    """`counts`: of all values, then of those that look like each type. None at all is not a type."""
    if not counts[0]:
        return ""
    for type_, count in zip(types, counts[1:], strict=True):
        if count == counts[0]:
            return type_
    return "string"


def _not_of_json(column: str, structure: Any) -> str:  # noqa: ANN401 - JSON
    """Numbers of JSON that their type does not hold."""
    if structure in ("BIGINT", "UBIGINT"):  # a structure may be a list, which no set can look for
        return f"{column} IS NOT NULL AND try_cast({column} AS BIGINT) IS NULL"
    if structure == "DOUBLE":
        return f"regexp_full_match({column}, '[+-]?[0-9]{{16,}}')"
    return "false"
