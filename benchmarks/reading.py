"""What a check, profile, guard and the written file of 1,000,000 rows of CSV cost, beside duckdb's SUMMARIZE and COPY.

    python benchmarks/reading.py [--rows 1000000] [--rounds 3]
    python benchmarks/reading.py --alone [--parquet] [--rows 48000000]

Both are measured in one run, on one file, with a warm cache; the best of the rounds counts. Times are this machine's:
read the ratio. SUMMARIZE has no histograms, most frequent values or fingerprints of rows, and COPY takes the types that
a sample of the file has; a reading decides them from all rows. What was measured and what was written is compared with
what SUMMARIZE says and what the file holds: the exit code is 1 where it differs.

`--alone` takes one reading, within the limits of the function, and tells its memory, /tmp and list price.
"""

import argparse
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from mesh.adapters.duckdb.reading import DuckReadings
from mesh.domain.onboarding.formats.model import ObjectRef, RangeReader
from mesh.domain.onboarding.guard.evaluation import judge
from mesh.domain.onboarding.guard.history import History, edges_of, remember
from mesh.domain.onboarding.guard.settings import GuardSettings
from mesh.domain.onboarding.quality.model import TableProfile
from mesh.domain.onboarding.reading.model import FilePlan, TableSources
from mesh.domain.publishing.fields import FieldIds, assign_fields

FOLDER = "product/data/t/"
COLUMNS = {
    **{
        f"number_{n}": "round(50 + 20 * sqrt(-2 * ln(random() + 1e-12)) * cos(2 * pi() * random()), 6)"
        for n in range(10)
    },
    **{f"code_{n}": f"CAST(random() * {10 ** (1 + n % 5)} AS BIGINT)" for n in range(7)},
    **{f"word_{n}": f"'w' || CAST(random() * {20 * 70**n} AS INTEGER)" for n in range(3)},
}
"""Ten numbers, seven codes of 10 to 100,000 values, three words of 20 to 100,000."""
GIB_SECOND, TMP_SECOND = 0.0000166667, 0.0000000309
"""US dollars in us-east-1 for a GiB of memory, and of /tmp, for a second."""
FUNCTION_GIB, FUNCTION_TMP_GIB = 3008 / 1024, 10 - 0.5
"""What CheckObjects has; half a GiB of /tmp is free."""


class Read(NamedTuple):
    """What was measured, and the file that was written."""

    profile: TableProfile
    digest: tuple[Any, ...]


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


def write(path: Path, rows: int) -> None:
    """The same rows for the same number of them."""
    with duckdb.connect(config={"threads": 1}) as db:
        db.execute("SELECT setseed(0.7)")
        values = ", ".join(f"{value} AS {name}" for name, value in COLUMNS.items())
        format_ = "FORMAT csv, HEADER" if path.suffix == ".csv" else "FORMAT parquet"
        db.execute(f"COPY (SELECT {values} FROM range({rows})) TO '{path}' ({format_})")


def best(run: Callable[[Path], object], path: Path, rounds: int) -> float:
    """Seconds of the fastest round."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run(path)
        times.append(time.perf_counter() - start)
    return min(times)


def meshwork(path: Path, history: History | None = None, *, compare: bool = False) -> Read:
    """Open, measure, judge, write. The digest is left out where nobody compares."""
    key = FOLDER + path.name
    ref = ObjectRef(bucket="b", key=key, size=path.stat().st_size)
    history = history or History(table="t")
    sources = TableSources(table="t", refs=(ref,), edges=edges_of(history))
    objects: Any = FileObjects(path)
    with DuckReadings(objects).open(sources) as reading:
        report = reading.measure(None, now=datetime.now(UTC))
        judge(report.profile, history, GuardSettings())
        fields = assign_fields(reading.schema.columns, (), FieldIds(0))
        (written,) = reading.write([FilePlan(name="0.parquet", keys=(key,))], fields)
        return Read(report.profile, digest(f"read_parquet('{written.path}')") if compare else ())


def digest(source: str) -> tuple[Any, ...]:
    """Of all rows, in any order."""
    with duckdb.connect() as db:
        row = db.execute(f"SELECT count(*), bit_xor(hash({', '.join(COLUMNS)})) FROM {source}").fetchone()
        return row or ()


def summarize_and_copy(path: Path) -> object:
    """The engine alone, without any check."""
    with duckdb.connect(config={"threads": 2}) as db:
        summary = db.execute(f"SUMMARIZE SELECT * FROM read_csv('{path}')").fetchall()
        target = path.with_suffix(".parquet")
        db.execute(f"COPY (SELECT * FROM read_csv('{path}')) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        return summary


def differences(read: Read, path: Path) -> list[str]:
    """Between what a reading measured and wrote, and what the engine says of the file."""
    found = []
    with duckdb.connect() as db:
        source = f"read_csv('{path}', all_varchar = false)"
        for name, _, low, high, _, mean, _, _, _, _, count, nulls in db.execute(
            f"SUMMARIZE SELECT * FROM {source}"
        ).fetchall():
            column = read.profile.column(name)
            same: Callable[[Any], Any] = str if column.type == "string" else float
            ours = (column.rows, column.nulls, same(column.low), same(column.high))
            theirs = (count, round(count * float(nulls) / 100), same(low), same(high))
            if ours != theirs or (mean is not None and abs(float(mean) - (column.mean or 0)) > 1e-6 * abs(float(mean))):
                found.append(f"{name}: {ours} and {column.mean}, not {theirs} and {mean}")
    if read.digest != digest(source):
        found.append("the file that was written has other rows")
    return found


def alone(path: Path) -> None:
    """One reading."""
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            used = 0
            for file in Path(tempfile.gettempdir()).rglob("mesh-*/**/*"):
                try:
                    used += file.stat().st_blocks * 512
                except OSError:
                    continue
            peak[0] = max(peak[0], used)

    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        watcher = threading.Thread(target=watch)
        watcher.start()
        start = time.perf_counter()
        read = meshwork(path)
        seconds = time.perf_counter() - start
        done.set()
        watcher.join()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    price = seconds * (FUNCTION_GIB * GIB_SECOND + FUNCTION_TMP_GIB * TMP_SECOND)
    print(f"{read.profile.rows:,} rows, {path.stat().st_size / 2**20:,.0f} MiB of {path.suffix[1:]}")
    print(f"{seconds:.0f} s, {memory:.1f} GiB of memory, {peak[0] / 2**30:.1f} GiB of /tmp, ${price:.4f}")


def main() -> int:
    """Print both, and the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="one reading: its memory, /tmp and price")
    parser.add_argument("--parquet", action="store_true", help="of Parquet, with --alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("big.parquet" if options.parquet else "big.csv")
        write(path, options.rows)
        if options.alone:
            alone(path)
            return 0
        history, read = History(table="t"), meshwork(path, compare=True)
        for generation in range(1, 6):
            history = remember(history, generation, read.profile)
        engine = best(summarize_and_copy, path, options.rounds)
        ours = best(lambda file: meshwork(file, history), path, options.rounds)
        print(f"{options.rows:,} rows, {path.stat().st_size / 2**20:.0f} MiB of CSV, {len(COLUMNS)} columns")
        print(f"duckdb SUMMARIZE + COPY  {engine:6.2f} s")
        print(f"Meshwork reading         {ours:6.2f} s  {ours / engine:5.2f} x")
        wrong = differences(read, path)
        print("\n".join(wrong) or "all values as SUMMARIZE and the file have them")
        return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
