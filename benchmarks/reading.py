"""What it costs to check, profile and write 1,000,000 rows of 20 columns of CSV, beside duckdb's SUMMARIZE and COPY.

    python benchmarks/reading.py [--rows 1000000] [--rounds 3]

Both are measured in one run, on one file, with a warm cache; the best of the rounds counts. Times are this machine's:
read the ratio. SUMMARIZE has no histograms, most frequent values or fingerprints of rows, and COPY takes the types that
a sample of the file has; a reading decides them from all rows.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from mesh.adapters.reading import DuckReadings
from mesh.domain.formats.model import ObjectRef, RangeReader
from mesh.domain.publishing.fields import FieldIds, assign_fields
from mesh.domain.reading.model import FilePlan, TableSources

KEY = "product/data/t/big.csv"
TYPES = {
    **{f"number_{n}": "double" for n in range(10)},
    **{f"code_{n}": "bigint" for n in range(7)},
    **{f"word_{n}": "string" for n in range(3)},
}


class FileReader:
    """A range reader of a local file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.size = path.stat().st_size

    def read(self, start: int, length: int) -> bytes:
        """As S3's range GET."""
        self._file.seek(start)
        return self._file.read(length)


class FileObjects:
    """`ports.Objects`, as far as measuring needs it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def reader(self, ref: ObjectRef) -> RangeReader:
        """The one file."""
        return FileReader(self._path)


def write_csv(path: Path, rows: int) -> None:
    """Ten numbers, seven codes of 10 to 100,000 values, three words of 20 to 100,000."""
    dice = random.Random(7)
    with path.open("w") as file:
        file.write(",".join(TYPES) + "\n")
        for _ in range(rows):
            numbers = [f"{dice.gauss(50, 20):.6f}" for _ in range(10)]
            codes = [str(dice.randrange(10 ** (1 + n % 5))) for n in range(7)]
            words = [f"w{dice.randrange(20 * 70**n)}" for n in range(3)]
            file.write(",".join([*numbers, *codes, *words]) + "\n")


def best(run: Callable[[Path], object], path: Path, rounds: int) -> float:
    """Seconds of the fastest round."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run(path)
        times.append(time.perf_counter() - start)
    return min(times)


def meshwork(path: Path) -> object:
    """Open, measure, write."""
    ref = ObjectRef(bucket="b", key=KEY, size=path.stat().st_size)
    objects: Any = FileObjects(path)
    with DuckReadings(objects).open(TableSources(table="t", refs=(ref,))) as reading:
        report = reading.measure(None, now=datetime.now(UTC))
        fields = assign_fields(reading.schema.columns, (), FieldIds(0))
        return report, reading.write([FilePlan(name="0.parquet", keys=(KEY,))], fields)


def summarize_and_copy(path: Path) -> object:
    """The engine alone, without any check."""
    with duckdb.connect(config={"threads": 2}) as db:
        summary = db.execute(f"SUMMARIZE SELECT * FROM read_csv('{path}')").fetchall()
        target = path.with_suffix(".parquet")
        db.execute(f"COPY (SELECT * FROM read_csv('{path}')) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        return summary


def main() -> None:
    """Print both, and the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.csv"
        write_csv(path, options.rows)
        engine = best(summarize_and_copy, path, options.rounds)
        ours = best(meshwork, path, options.rounds)
        print(f"{options.rows:,} rows, {path.stat().st_size / 2**20:.0f} MiB of CSV, {len(TYPES)} columns")
        print(f"duckdb SUMMARIZE + COPY  {engine:6.2f} s")
        print(f"Meshwork reading         {ours:6.2f} s  {ours / engine:5.2f} x")


if __name__ == "__main__":
    main()
