"""A second delivery of the sample product."""

from pathlib import Path

from local.samples.credit import PRODUCT, TABLE, write_rows


def write_increment(folder: Path, dt: str, extra_column: str | None = None, rows: int = 200, seed: int = 8) -> Path:
    """One more file in the partition `dt=…`, with one more integer column at the end if named. Returns its path."""
    path = folder / PRODUCT / "data" / TABLE / f"dt={dt}" / f"part-{seed}.csv"
    path.parent.mkdir(parents=True)
    write_rows(path, rows, seed, extra_column)
    return path
