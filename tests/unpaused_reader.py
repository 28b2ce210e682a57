"""A reader who asks without pause while uploads come in: every answer is a published version, and none goes back."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import duckdb
from mesh.adapters.dynamodb.items import Table
from mesh.adapters.dynamodb.registry import DynamoRegistry
from mesh.adapters.iceberg.content import IcebergContents
from mesh.domain.publishing.places import bucket_and_key

from tests.publishing_driver import Analyst, PublishingDriver, csv
from tests.staged_tables import stager_role

PARTITIONS: Final = 4
"""To begin with; new ones are added."""
APART: Final = 20
"""Uploads between two that touch the same key: what waits is never replaced before it was taken."""


@dataclass(frozen=True)
class Seen:
    """A query's result: rows and the sum of their amounts. `began` and `ended` are seconds of the machine's clock."""

    rows: int
    total: int
    began: float
    ended: float


class UnpausedReader:
    """Asks `count(*)` and a sum in a loop, as the analyst, in a thread of its own until the `with` ends."""

    def __init__(self, analyst: Analyst) -> None:
        self._analyst = analyst
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader")
        self.seen: list[Seen] = []
        self.failures: list[BaseException] = []
        """What a query raised: there should be none."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                rows, total = self._analyst.totals()
            except Exception as error:
                self.failures.append(error)
            else:
                self.seen.append(Seen(rows, total, began, time.monotonic()))


class Uploads:
    """What a producer does all day: new keys, replaced ones, new partitions, deletions; every second upload is bad."""

    def __init__(self, product: PublishingDriver, seed: int = 7) -> None:
        self._product = product
        self._random = random.Random(seed)
        self._touched: dict[str, int] = {}
        self._partitions = PARTITIONS
        self.count = self._rows = 0
        self.accepted: dict[str, list[tuple[int, int]]] = {}
        """Key → the rows that should be published of it in the end."""
        self.bad: set[str] = set()
        """Keys of which a version should be held."""

    def begin(self) -> None:
        """A first version, so that there is something to read."""
        key, rows = self._key(0), self._some_rows()
        self.accepted[key], self._touched[key] = rows, -APART
        self._product.upload(key, csv(*rows))

    def step(self, waiting: int = 2) -> None:
        """One upload or deletion; then wait until no more than so many objects wait."""
        self.count += 1
        before = self._heard()
        if self.count % 2:
            self._good()
        else:
            self._broken()
        self._product.mesh.until(lambda: self._heard() != before, "the upload's event")
        self._product.mesh.until(lambda: len(self._product.pending()) <= waiting, "room for more uploads")

    def _heard(self) -> dict[str, str]:
        """Key → sequencer of the newest event that the producer's account knows."""
        items = self._product.mesh.items("producer", f"SEEN#{self._product.name}")
        return {item["sk"]: item["sequencer"] for item in items}

    def totals(self) -> tuple[int, int]:
        """Rows and sum that should be published in the end."""
        rows = [row for rows in self.accepted.values() for row in rows]
        return len(rows), sum(amount for _, amount in rows)

    def _good(self) -> None:
        what, known = self._random.randrange(10), self._old()
        if what == 0 and len(known) > 1:
            key = self._random.choice(known)
            del self.accepted[key]
            self._touched[key] = self.count
            self._product.delete(key)
            return
        if what == 1:
            self._partitions += 1
        new = self._key(self._partitions - 1 if what == 1 else self._random.randrange(self._partitions))
        key = self._random.choice(known) if what > 6 and known else new
        self.accepted[key] = self._some_rows()
        self._touched[key] = self.count
        self._product.put(key, csv(*self.accepted[key]))

    def _broken(self) -> None:
        known = self._old()
        replaced = self._random.random() < 0.7 and known
        key = self._random.choice(known) if replaced else self._key(self._random.randrange(self._partitions))
        rows = csv(*self._some_rows())
        broken = rows + self._random.choice(["7,many\n", "7,1,1,1\n", "seven,1\n"])
        self.bad.add(key)
        self._touched[key] = self.count
        self._product.put(key, broken)

    def _old(self) -> list[str]:
        """Keys of accepted rows that nothing touched for a while."""
        return sorted(key for key in self.accepted if self._touched[key] <= self.count - APART)

    def _key(self, partition: int) -> str:
        return f"dt=2026-11-{partition % 28 + 1:02}/{self.count:04}.csv"

    def _some_rows(self) -> list[tuple[int, int]]:
        first, count = self._rows, self._random.randint(5, 15)
        self._rows += count
        return [(first + n, self._random.randint(100, 900)) for n in range(count)]


def published_totals(product: PublishingDriver, folder: Path) -> list[tuple[int, int]]:
    """Rows and sum of each published version, the first one first: read from its files, past Athena and the catalog."""
    mesh, sums = product.mesh, dict[str, tuple[int, int]]()
    s3 = mesh.client("producer", "s3", stager_role(mesh))
    registry = DynamoRegistry(Table(mesh.client("central", "dynamodb"), mesh.output("central", "TableName")))
    found = []
    for version in sorted(registry.versions(product.name), key=lambda each: each.version):
        content = IcebergContents(s3).read(version.tables[0].metadata)
        for file in content.files:
            if file.path not in sums:
                bucket, key = bucket_and_key(file.path)
                s3.download_file(bucket, key, str(folder / "file.parquet"))
                sums[file.path] = _totals(folder / "file.parquet")
        totals = [sums[file.path] for file in content.files]
        found.append((sum(rows for rows, _ in totals), sum(total for _, total in totals)))
    return found


def _totals(file: Path) -> tuple[int, int]:
    with duckdb.connect(":memory:") as db:
        [[rows, total]] = db.execute(f"SELECT count(*), coalesce(sum(amount), 0) FROM '{file}'").fetchall()
    return int(rows), int(total)


def versions_seen(answers: Sequence[Seen], published: Sequence[tuple[int, int]]) -> list[int]:
    """The version that each answer shows. Fails for an answer that is not a version, or an earlier one than before."""
    at, found = 0, []
    for number, answer in enumerate(answers):
        later = [n for n in range(at, len(published)) if published[n] == (answer.rows, answer.total)]
        assert later, (
            f"answer {number} of {len(answers)} has {answer.rows} rows, sum {answer.total}: that is not a version from "
            f"{at + 1} on; they have {published[at : at + 5]} …"
        )
        at = later[0]
        found.append(at + 1)
    return found
