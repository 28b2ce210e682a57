"""What it costs to learn the schema of 1,000 Parquet files, and of a CSV of 200 MB: Meshwork beside its peers.

    python benchmarks/crawl.py [--files 1000] [--rounds 5] [--csv-mb 200]

Every peer is measured in the same run, on the same files, with a warm cache; the best of the rounds counts. Times are
this machine's: read the ratios. The default calls of pyarrow and duckdb read one file and cannot see that a schema
drifts; here all of them read all files.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from mesh.domain.formats.model import KIB, MIB, ObjectRef
from mesh.domain.inspection import inspect_object
from mesh.domain.merging import merge_inspections

TAIL = 64 * KIB


class FileReader:
    """A range reader of a local file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.size = path.stat().st_size

    def read(self, start: int, length: int) -> bytes:
        """As S3's range GET."""
        self._file.seek(start)
        return self._file.read(length)

    def close(self) -> None:
        """Give the descriptor back."""
        self._file.close()


def write_files(folder: Path, files: int) -> list[Path]:
    """Parquet files of 20 columns under two partition keys, about 126 KB each."""
    dice = random.Random(7)
    numbers = {f"number_{n}": [dice.gauss() for _ in range(800)] for n in range(14)}
    codes = {f"code_{n}": [dice.randrange(1000) for _ in range(800)] for n in range(5)}
    table = pa.table({**numbers, **codes, "label": [f"row {n}" for n in range(800)]})
    paths = []
    for number in range(files):
        path = folder / f"dt=2026-{number % 12 + 1:02}" / f"country={number % 20:02}" / f"part-{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
        paths.append(path)
    return paths


def raw_footers(paths: list[Path]) -> int:
    """The floor: the same bytes read, nothing understood."""
    total = 0
    for path in paths:
        reader = FileReader(path)
        total += len(reader.read(max(reader.size - TAIL // 2, 0), TAIL // 2))
        reader.close()
    return total


def meshwork(paths: list[Path], root: Path) -> int:
    """Inspect each file and merge all of them into a table with its partitions."""
    inspections = []
    for path in paths:
        reader = FileReader(path)
        key = f"p1/data/t/{path.relative_to(root).as_posix()}"
        inspections.append(inspect_object(ObjectRef(bucket="b", key=key, size=reader.size), reader))
        reader.close()
    return len(merge_inspections(None, inspections).table_schema.columns)


def pyarrow_loop(paths: list[Path]) -> int:
    """`read_schema` of each, unified."""
    return len(pa.unify_schemas([pq.read_schema(path) for path in paths]))


def duckdb_schema(root: Path) -> int:
    """duckdb's own view of all schemas."""
    query = f"select count(distinct name) from parquet_schema('{root}/**/*.parquet')"
    return int(duckdb.execute(query).fetchall()[0][0])


def duckdb_union(root: Path) -> int:
    """duckdb's table over all files, by name."""
    return len(
        duckdb.execute(f"describe select * from read_parquet('{root}/**/*.parquet', union_by_name=true)").fetchall()
    )


def best(call: Callable[[], int], rounds: int) -> float:
    """Seconds of the fastest round."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def report(title: str, results: dict[str, float], floor: str) -> None:
    """A table: milliseconds, and how many times the floor."""
    print(f"\n{title}")
    for name, seconds in results.items():
        print(f"  {name:<44}{seconds * 1000:>10.1f} ms {seconds / results[floor]:>8.1f} x")


def parquet(rounds: int, files: int, folder: Path) -> None:
    """All peers over the same Parquet files."""
    paths = write_files(folder, files)
    megabytes = sum(path.stat().st_size for path in paths) / MIB
    calls: dict[str, Callable[[], int]] = {
        "raw footers (floor)": lambda: raw_footers(paths),
        "meshwork: inspect and merge": lambda: meshwork(paths, folder),
        "pyarrow read_schema loop and unify": lambda: pyarrow_loop(paths),
        "duckdb parquet_schema": lambda: duckdb_schema(folder),
        "duckdb union_by_name": lambda: duckdb_union(folder),
    }
    results = {name: best(call, rounds) for name, call in calls.items()}
    report(f"schema of {files} Parquet files ({megabytes:.0f} MiB)", results, "raw footers (floor)")


def write_csv(path: Path, megabytes: int) -> None:
    """A CSV of about that size, ten columns."""
    rows = "".join(f"{n},{n * 7 % 1000},{n / 3:.4f},true,name {n % 50},2026-01-01,1,2,3,4\n" for n in range(20_000))
    with path.open("w") as file:
        file.write("id,code,ratio,flag,label,day,a,b,c,d\n")
        for _ in range(megabytes * MIB // len(rows)):
            file.write(rows)


def csv(rounds: int, megabytes: int, folder: Path) -> None:
    """The head of one large CSV file."""
    path = folder / "large.csv"
    write_csv(path, megabytes)

    def head() -> int:
        reader = FileReader(path)
        content = reader.read(0, MIB)
        reader.close()
        return len(content)

    def inspect() -> int:
        reader = FileReader(path)
        ref = ObjectRef(bucket="b", key="p1/data/t/large.csv", size=reader.size)
        found = inspect_object(ref, reader)
        reader.close()
        return found.rows

    calls: dict[str, Callable[[], int]] = {
        "read 1 MiB (floor)": head,
        "meshwork: inspect": inspect,
        "duckdb sniff_csv": lambda: len(duckdb.execute(f"from sniff_csv('{path}')").fetchall()),
        "duckdb describe read_csv": lambda: len(
            duckdb.execute(f"describe select * from read_csv('{path}')").fetchall()
        ),
    }
    results = {name: best(call, rounds) for name, call in calls.items()}
    report(f"columns of a CSV of {path.stat().st_size / MIB:.0f} MiB", results, "read 1 MiB (floor)")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--csv-mb", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        parquet(options.rounds, options.files, Path(name))
    with tempfile.TemporaryDirectory() as name:
        csv(options.rounds, options.csv_mb, Path(name))


if __name__ == "__main__":
    main()
