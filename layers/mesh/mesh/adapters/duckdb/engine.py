"""A DuckDB database for one reading: in memory, it may spill to a folder; and what our SQL of it has in common."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mesh.domain.hive_types import map_types, struct_fields
from mesh.domain.onboarding.budgets import MAX_BATCH, MAX_IN_PLACE, MAX_OBJECT, MAX_ROWS, READING_SECONDS
from mesh.domain.onboarding.formats.detection import detect_by_name
from mesh.domain.onboarding.formats.model import MIB, ObjectRef
from mesh.domain.onboarding.quality.sql_text import identifier, text_literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CHUNK: Final = 100
"""Columns that one query of aggregates handles: its planning grows faster than their number."""
_BETWEEN_INTERRUPTS: Final = 0.05
_SETTINGS: Final = (
    "SET preserve_insertion_order = true",  # an object's rows keep their order: the index names them by position
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET TimeZone = 'UTC'",
)
_TYPES: Final = {
    "tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INTEGER", "bigint": "BIGINT", "float": "FLOAT",
    "double": "DOUBLE", "boolean": "BOOLEAN", "string": "VARCHAR", "date": "DATE", "timestamp": "TIMESTAMP",
    "binary": "BLOB",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """What one reading may take. What is beyond is held, never published unchecked.

    `memory` is what the engine may hold, `spill` what it may write to disk, as DuckDB writes sizes. Bytes, inflated: of
    one object (`max_object`), of all objects of a table (`max_batch`), and of all those, one or several, that are read
    where they lie (`max_in_place`: as many are written beside them). `max_rows` are those of one object that is copied,
    `seconds` the time in which a table's objects are read and checked. `memory_beside_rules` is what the engine may
    hold while another process runs the rules in SQL.
    """

    memory: str = "2200MB"
    memory_beside_rules: str = "1700MB"
    spill: str = "3GB"
    threads: int = 2
    max_object: int = MAX_OBJECT
    max_batch: int = MAX_BATCH
    max_in_place: int = MAX_IN_PLACE
    in_place_from: int = 256 * MIB
    max_rows: int = MAX_ROWS
    seconds: float = READING_SECONDS

    def in_place(self, ref: ObjectRef) -> bool:
        """Whether an object is read where it lies: copied, rows of Parquet take several times its space.

        Raises as `detect_by_name`.
        """
        return detect_by_name(ref.content.key).format == "parquet" and ref.content.size > self.in_place_from


@contextmanager
def database(folder: Path, limits: Limits) -> Iterator["DuckDBPyConnection"]:
    """Of its own, with its files below `folder`."""
    import duckdb  # noqa: PLC0415 - 190 ms that only a reading of data pays

    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": limits.memory, "threads": limits.threads, "temp_directory": str(folder / "spill"),
        "max_temp_directory_size": limits.spill,
    }  # fmt: skip
    with duckdb.connect(":memory:", config=config) as db:
        for setting in _SETTINGS:
            db.execute(setting)
        yield db


@contextmanager
def room_for_rules(db: "DuckDBPyConnection", limits: Limits) -> Iterator[None]:
    """While this is open the engine holds less: what it has read is spilled."""
    db.execute(f"SET memory_limit = '{limits.memory_beside_rules}'")
    try:
        yield
    finally:
        db.execute(f"SET memory_limit = '{limits.memory}'")


class Clock:
    """The time that one reading's statements may take in all. Beyond it each is interrupted, and `over` is true."""

    def __init__(self, db: "DuckDBPyConnection", seconds: float) -> None:
        self._db, self._left, self.seconds, self.over = db, seconds, seconds, False
        self._began: float | None = None

    @property
    def left(self) -> float:
        """Seconds."""
        spent = time.monotonic() - self._began if self._began is not None else 0.0
        return max(0.0, self._left - spent)

    @contextmanager
    def running(self) -> Iterator[None]:
        """While this is open time passes. Not within itself."""
        self._began, ended = time.monotonic(), threading.Event()
        watch = threading.Thread(target=self._watch, args=(ended,), daemon=True)
        watch.start()
        try:
            yield
        finally:
            ended.set()
            watch.join()
            self._left, self._began = self.left, None

    def _watch(self, ended: threading.Event) -> None:
        """Again and again: an interrupt ends the statement that runs, and another may follow."""
        wait = self._left
        while not ended.wait(wait):
            self.over, wait = True, _BETWEEN_INTERRUPTS
            self._db.interrupt()


@contextmanager
def planned_simply(db: "DuckDBPyConnection", columns: int) -> Iterator[None]:
    """For a statement that casts many columns: DuckDB carries what it knows of each column's values through the plan,
    in time that grows with their number squared (5,000 columns: 14 s instead of 1)."""
    if columns <= 2 * CHUNK:
        yield
        return
    db.execute("SET disabled_optimizers = 'statistics_propagation'")
    try:
        yield
    finally:
        db.execute("RESET disabled_optimizers")


def duck_of(hive: str) -> str:
    """The DuckDB type of a Hive type, nested ones as such."""
    if hive.startswith("array<"):
        return f"{duck_of(hive[6:-1])}[]"
    if hive.startswith("map<"):
        key, value = map_types(hive)
        return f"MAP({duck_of(key)}, {duck_of(value)})"
    if hive.startswith("struct<"):
        return f"STRUCT({', '.join(f'{identifier(name)} {duck_of(inner)}' for name, inner in struct_fields(hive))})"
    return hive.upper() if hive.startswith("decimal(") else _TYPES.get(hive, "VARCHAR")


def literal(value: Any) -> str:  # noqa: ANN401 - text, number, list or mapping
    """A value of DuckDB's own syntax: texts quoted, lists in brackets, mappings as structs."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{text_literal(name)}: {literal(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    return str(value) if isinstance(value, int | float) else text_literal(value)
