"""Readers who ask all the time: which columns they see, and how many rows, against what each may see at that moment."""

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from cli.access import query
from cli.output import CommandFailed
from tests.mesh_driver import MeshDriver

PAUSE_SECONDS: Final = 0.2


class Place(NamedTuple):
    """What one reader asks for."""

    role: str
    product: str
    table: str


class Seen(NamedTuple):
    """An answer: columns and rows, none where it was refused; when it was asked for, and when it came."""

    place: Place
    columns: frozenset[str]
    rows: int | None
    began: float
    ended: float


@dataclass
class Readers:
    """`history`: at each place, the beginning and the end of each change, and the columns that may be seen after it.
    While it goes on those of before may be seen as well."""

    mesh: MeshDriver
    seen: list[Seen] = field(default_factory=list)
    history: dict[Place, list[tuple[float, float, frozenset[str]]]] = field(default_factory=dict)
    _began: float = 0.0
    _changed: dict[Place, frozenset[str]] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self, role: str, product: str, table: str) -> Place:
        """Ask there from now on; nothing may be seen until `allow` says so."""
        place = Place(role, product, table)
        self.history = {**self.history, place: []}
        return place

    def allow(self, place: Place, columns: str) -> None:
        """By the change that goes on: these, as `id amount`."""
        self._changed[place] = frozenset(columns.split())

    @contextmanager
    def change(self) -> Iterator[None]:
        """Within it, what was allowed before and what is allowed after it may be seen; after it, what `allow` said is
        seen: no more, no less."""
        self._began, self._changed = time.monotonic(), {}
        yield
        for place, columns in self._changed.items():
            self.mesh.until(lambda: self.sees(place) == columns, lambda: f"{place} sees {set(columns)}")  # noqa: B023
            self.history[place].append((self._began, time.monotonic(), columns))

    def __enter__(self) -> "Readers":
        self._thread = threading.Thread(target=self._run, name="readers", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            for place in self.history:
                began = time.monotonic()
                if (answer := self.ask(place)) is not None:
                    self.seen.append(Seen(place, *answer, began, time.monotonic()))

    def ask(self, place: Place) -> tuple[frozenset[str], int | None] | None:
        """Columns and rows; no columns where it is refused; None where the question could not be put."""
        sql = f'SELECT * FROM "rl_{place.product}"."{place.table}"'
        try:
            athena = self.mesh.client("consumer", "athena", place.role)
            found = query.run(athena, sql, workgroup="consumer-workgroup", database="default", limit=0, role=place.role)
        except CommandFailed:
            return frozenset(), None
        except (ClientError, BotoCoreError, KeyError):  # a session ended with the time that was skipped
            return None
        return frozenset(column.name for column in found.columns), len(found.rows)

    def sees(self, place: Place) -> frozenset[str] | None:
        """The columns that are seen now."""
        answer = self.ask(place)
        return None if answer is None else answer[0]

    def leaks(self) -> list[str]:
        """What was seen and might not be at any moment of the question."""
        found = []
        for seen in self.seen:
            allowed = frozenset[str]()
            for began, ended, columns in self.history[seen.place]:
                if ended <= seen.began:
                    allowed = columns
                elif began <= seen.ended:
                    allowed |= columns
            if extra := seen.columns - allowed:
                found.append(f"{seen.place}: {', '.join(sorted(extra))}")
        return found

    def unrecorded(self, rows: Mapping[Place, Collection[int]]) -> list[str]:
        """Answers with another number of rows than any version of their table that is recorded."""
        counts = {(seen.place, seen.rows) for seen in self.seen if seen.rows is not None}
        return [f"{place}: {count} rows" for place, count in sorted(counts) if count not in rows[place]]
