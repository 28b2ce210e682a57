"""What it costs to profile 1,000,000 rows of 20 columns of CSV: Meshwork beside duckdb's SUMMARIZE and pandas.

    python benchmarks/profile.py [--rows 1000000] [--rounds 3]

Everybody is measured in one run, on one file, with a warm cache; the best of the rounds counts. Times are
this machine's: read the ratios. Neither SUMMARIZE nor pandas' `describe` has histograms, most frequent values or
fingerprints of rows.
"""

import argparse
import importlib.util
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from mesh.adapters.measuring import DuckMeasurements
from mesh.domain.formats.model import CsvDialect, ObjectRef, RangeReader, Storage
from mesh.domain.quality.model import TableData
from mesh.domain.schema import Column, TableSchema

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


def meshwork(path: Path) -> object:
    """The whole report: profile, histograms, most frequent values, fingerprints."""
    ref = ObjectRef(bucket="b", key=KEY, size=path.stat().st_size)
    schema = TableSchema(columns=tuple(Column(name=name, type=type_) for name, type_ in TYPES.items()))
    storage = Storage(format="csv", dialect=CsvDialect(delimiter=",", header=True))
    data = TableData(table="t", table_schema=schema, storage=storage, refs=(ref,))
    objects: Any = FileObjects(path)
    return DuckMeasurements(objects).measure(data, None, now=datetime.now(UTC))


def summarize(path: Path) -> object:
    """duckdb's own words for it."""
    with duckdb.connect(config={"threads": 2}) as db:
        return db.execute(f"SUMMARIZE SELECT * FROM read_csv('{path}')").fetchall()


def pandas(path: Path) -> object:
    """What a notebook does."""
    frame = importlib.import_module("pandas").read_csv(path)
    return frame.describe(include="all"), frame.nunique()


def best(run: Callable[[Path], object], path: Path, rounds: int) -> float:
    """Seconds of the fastest round."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run(path)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    peers: dict[str, Callable[[Path], object]] = {"duckdb SUMMARIZE": summarize, "Meshwork": meshwork}
    if importlib.util.find_spec("pandas"):
        peers["pandas describe + nunique"] = pandas
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.csv"
        write_csv(path, options.rows)
        seconds = {name: best(run, path, options.rounds) for name, run in peers.items()}
        print(f"{options.rows:,} rows, {path.stat().st_size / 2**20:.0f} MiB of CSV, {len(TYPES)} columns")
        for name, taken in seconds.items():
            print(f"{name:<28}{taken:8.2f} s  {taken / seconds['duckdb SUMMARIZE']:5.2f} x SUMMARIZE")


if __name__ == "__main__":
    main()
