"""What it costs to check, profile and write 1,000,000 rows of 20 columns of CSV, beside duckdb's SUMMARIZE and COPY.

    python benchmarks/reading.py [--rows 1000000] [--rounds 3]

Both are measured in one run, on one file, with a warm cache; the best of the rounds counts. Times are this machine's:
read the ratio. SUMMARIZE has no histograms, most frequent values or fingerprints of rows, and COPY takes the types that
a sample of the file has; a reading decides them from all rows.
"""

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from profile import KEY, TYPES, FileObjects, best, write_csv
from typing import Any

import duckdb
from mesh.adapters.reading import DuckReadings
from mesh.domain.formats.model import ObjectRef
from mesh.domain.publishing.fields import FieldIds, assign_fields
from mesh.domain.reading.model import FilePlan, TableSources


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
