"""A table in DuckDB on which recipe steps are run.

A cell is NULL, or one letter for its JSON type followed by its text: `s` text, `n` number, `b` truth value, `j` nested.
So CSV and JSON lines are the same to every operation, and numbers keep their digits.
"""

import csv
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import duckdb


class StepError(Exception):
    """A step that cannot be run, in DataBrew's place: the job fails with it."""


def literal(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


class Frame:
    """Columns in order, each with the name that it has in DuckDB; `row_no` is the rows' order."""

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
        self._duckdb = duckdb.connect()
        self._duckdb.execute("SET threads = 1")
        self._made = 0
        self._places = {name: f"c{index}" for index, name in enumerate(columns)}
        self.names = list(columns)
        self._load(rows)

    def close(self) -> None:
        self._duckdb.close()

    def cell(self, name: str) -> str:
        """A column's cells, in SQL. Raises StepError for a column that is not there."""
        if name not in self._places:
            raise StepError(f"Column {name} does not exist")
        return self._places[name]

    def where(self, condition: str) -> None:
        """Keep the rows that meet it; NULL is no."""
        self._next([*self._places.values()], f"WHERE {condition}")

    def first_of(self, keys: Sequence[str]) -> None:
        """Keep the first row of each combination."""
        grouped = ", ".join(keys) or "1"
        self._next([*self._places.values()], f"QUALIFY row_number() OVER (PARTITION BY {grouped} ORDER BY row_no) = 1")

    def change(self, name: str, expression: str) -> None:
        """Other cells in a column."""
        place = self.cell(name)
        self._next([f"{expression} AS {place}" if one == place else one for one in self._places.values()])

    def add(self, name: str, expression: str, after: Sequence[str] = ()) -> None:
        """A new column, right after the last of those named, at the end without any."""
        if any(other.lower() == name.lower() for other in self.names):
            raise StepError(f"Column {name} exists already")
        index = max((self.names.index(one) for one in after), default=len(self.names) - 1) + 1
        self._made += 1
        place = f"d{self._made}"
        self._next([*self._places.values(), f"{expression} AS {place}"])
        self._places[name] = place
        self.names.insert(index, name)

    def rename(self, name: str, target: str) -> None:
        place = self.cell(name)
        if any(other.lower() == target.lower() for other in self.names if other != name):
            raise StepError(f"Column {target} exists already")
        del self._places[name]
        self._places[target] = place
        self.names[self.names.index(name)] = target

    def remove(self, name: str) -> None:
        self.cell(name)
        del self._places[name]
        self.names.remove(name)

    def move(self, name: str, index: int) -> None:
        """To another place; `index` counts without the column."""
        self.cell(name)
        self.names.remove(name)
        self.names.insert(index, name)

    def rows(self) -> Iterator[tuple[str | None, ...]]:
        """Cells in the columns' order."""
        chosen = ", ".join(self._places[name] for name in self.names) or "NULL"
        found = self._duckdb.execute(f"SELECT {chosen} FROM data ORDER BY row_no")  # noqa: S608 - names of our own
        while batch := found.fetchmany(10_000):
            yield from batch

    def _next(self, expressions: Sequence[str], rest: str = "") -> None:
        """Each step is worked out before the next: a hundred of them nested would be too much for any planner."""
        chosen = ", ".join(["row_no", *expressions])
        try:
            self._duckdb.execute(f"CREATE TABLE following AS SELECT {chosen} FROM data {rest}")  # noqa: S608
        except duckdb.Error as error:
            raise StepError(str(error)) from error
        self._duckdb.execute("DROP TABLE data; ALTER TABLE following RENAME TO data")

    def _load(self, rows: Iterable[Sequence[str | None]]) -> None:
        columns = ", ".join(["row_no BIGINT", *(f"{place} VARCHAR" for place in self._places.values())])
        self._duckdb.execute(f"CREATE TABLE data ({columns})")
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", suffix=".csv") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_NOTNULL)
            writer.writerows([str(at), *row] for at, row in enumerate(rows))
            file.flush()
            if Path(file.name).stat().st_size:
                self._duckdb.execute(
                    f"COPY data FROM {literal(file.name)} (HEADER false, DELIM ',', QUOTE '\"', ESCAPE '\"', "
                    "ALLOW_QUOTED_NULLS false, MAX_LINE_SIZE 16000000)"
                )
