"""What a continuously querying reader sees during 200 uploads, half of them bad.

    python benchmarks/reader_without_pause.py [--uploads 200] [--seed 7] [--port N]

Starts a local mesh of its own, unless `--port` names one that runs. Ends with exit code 1 if any answer was no
published version, was older than the one before, or was an error. Times are this machine's.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

from tests.mesh_fixtures import running_mesh
from tests.publishing_driver import PublishingDriver
from tests.unpaused_reader import UnpausedReader, Uploads, published_totals, versions_seen

PROGRESS = 20


def main() -> None:
    """Upload, read, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with running_mesh(options.port) as mesh, tempfile.TemporaryDirectory() as folder:
        product = PublishingDriver(mesh, f"unpaused-{int(time.time()) % 100_000}", partitioned=True)
        uploads, started = Uploads(product, options.seed), time.monotonic()
        uploads.begin()
        with UnpausedReader(product.share()) as reader:
            for number in range(1, options.uploads + 1):
                uploads.step()
                if number % PROGRESS == 0:
                    print(f"  {number} uploads, {product.versions()} versions, {len(reader.seen)} answers", flush=True)
            mesh.until(product.at_rest, "the end of all work")
            mesh.settled(product.name)
        taken = time.monotonic() - started
        published = published_totals(product, Path(folder))
        shown = versions_seen(reader.seen, published)
        if reader.failures:
            raise SystemExit(f"{len(reader.failures)} queries failed, the first with: {reader.failures[0]!r}")
        if published[-1] != uploads.totals():
            raise SystemExit(f"the last version has {published[-1]}, and not {uploads.totals()}")
    report(uploads, published, reader, shown, taken)


def report(
    uploads: Uploads, published: list[tuple[int, int]], reader: UnpausedReader, shown: list[int], taken: float
) -> None:
    """Figures for people."""
    waits = [seen.ended - seen.began for seen in reader.seen]
    gaps = [later.ended - earlier.ended for earlier, later in itertools.pairwise(reader.seen)]
    for name, figure in (
        ("uploads and deletions", f"{uploads.count}, of which {uploads.count // 2} bad, in {taken:.0f} s"),
        ("versions published", f"{len(published)}, the last of {published[-1][0]} rows"),
        ("queries", f"{len(reader.seen)}, none failed, every answer a published version, in order"),
        ("versions that the reader saw", f"{len(set(shown))}"),
        ("seconds of a query (median, longest)", f"{statistics.median(waits):.2f}, {max(waits):.2f}"),
        ("longest time between two answers", f"{max(gaps):.2f} s"),
    ):
        print(f"  {name:<40}{figure}")


if __name__ == "__main__":
    main()
