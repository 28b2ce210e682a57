"""The rows of a batch in DuckDB: one table, filled object by object, and what was found while reading them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mesh.adapters.duckdb.engine import Clock, Limits, room_for_rules
from mesh.domain.onboarding.quality.model import Finding
from mesh.domain.onboarding.quality.sql_text import ROWS, identifier, text_literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OBJECT: Final = " mesh object"
"""Column of the row's object, by its position in the batch. No column of the data begins with a space."""
_NARROW: Final = '"mesh narrow"'
"""With a space, since a table of a product, which rules read by its name, may have any other."""
_NARROWER: Final = '"mesh narrower"'
"""Made of a narrow one."""
_WIDE: Final = 200
_COPY: Final = "rows.parquet"


@dataclass
class NotOfType:
    """Values of a column that are none of its type: how many, some of them, in which objects."""

    count: int = 0
    examples: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


@dataclass
class Rows:
    """`types`: column → Hive type, partition keys last. `lacking`: column → keys of objects without such a column.

    `in_place`: they are in files, and several times as many as memory holds. `infinite`: column → whether it has a
    number that is not finite, as far as it was asked. `folder`: one that the engine may write to;
    `clock`: the reading's.
    """

    db: "DuckDBPyConnection"
    folder: Path
    limits: Limits
    clock: Clock
    types: dict[str, str]
    columns: tuple[str, ...]
    keys: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    wrong: dict[str, NotOfType] = field(default_factory=dict)
    lacking: dict[str, list[str]] = field(default_factory=dict)
    exact: bool = True
    in_place: bool = False
    source: str = ROWS
    infinite: dict[str, bool] = field(default_factory=dict)

    @contextmanager
    def narrow(self, names: Sequence[str]) -> Iterator["Rows"]:
        """The same rows with a few columns. Each query of a table of thousands takes long before it reads anything."""
        if len(self.types) <= _WIDE:
            yield self
            return
        part = dict.fromkeys(name for name in names if name in self.types)
        shown = ", ".join(map(identifier, part))
        kind, name = "VIEW" if self.in_place else "TABLE", _NARROW if self.source == ROWS else _NARROWER
        self.db.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS SELECT {shown} FROM {self.source}")
        yield replace(self, source=name)

    @contextmanager
    def copied(self, folder: Path) -> Iterator[str]:
        """A query of a copy of these rows in `folder`, for another process; meanwhile the engine leaves it room."""
        file, shown = text_literal(folder / _COPY), ", ".join(map(identifier, self.types))
        self.db.execute(f"COPY (SELECT {shown} FROM {ROWS}) TO {file} (FORMAT parquet, COMPRESSION zstd)")
        with room_for_rules(self.db, self.limits):
            yield f"SELECT * FROM read_parquet({file}, hive_partitioning = false)"

    def finite(self, names: Sequence[str]) -> dict[str, str]:
        """Column → a condition that its finite numbers meet, for columns that have others."""
        new = [name for name in names if self.types[name] in {"float", "double"} and name not in self.infinite]
        if new:
            wanted = ", ".join(f"coalesce(bool_or(NOT isfinite({identifier(name)})), false)" for name in new)
            self.infinite |= zip(new, self.one(wanted), strict=True)
        return {name: f"isfinite({identifier(name)})" for name in names if self.infinite.get(name)}

    def one(self, select: str) -> tuple[Any, ...]:
        """The first row of `SELECT … FROM <the rows>`."""
        found = self.db.execute(f"SELECT {select} FROM {self.source}").fetchone()
        return found or ()

    def all(self, sql: str) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        return self.db.execute(sql).fetchall()
