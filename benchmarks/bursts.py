"""Many uploads at once: versions, time until quiet and memory, beside a single product with as many uploads.

    make bursts ARGS="[--products 20] [--uploads 1000] [--port N]"

Starts a local mesh of its own, deployed by the real templates with their batching window, unless `--port` names one
that runs. `--products 0` measures the single product alone. Each upload is one object with one row. Times are this
machine's: read the ratio to the single product.
"""

import argparse
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mesh.domain.contracts.product import ProductVersion

from local.mesh import on_port
from tests.mesh_driver import MeshDriver
from tests.mesh_fixtures import running_mesh
from tests.publishing_driver import PublishingDriver, csv

UPLOADERS = 8
QUIET_SECONDS = 3_600.0
ALLOWED, SECONDS_OF_ONE_MORE = 3, 30.0
"""Versions of a product in a burst, and one more for so many seconds of uploading."""


@dataclass(frozen=True)
class Burst:
    """What became of one burst: seconds of uploading and until quiet, versions by product, rows that are missing."""

    uploads: int
    uploading: float
    quiet: float
    versions: dict[str, int]
    missing: dict[str, int]

    @property
    def most(self) -> float:
        """Versions that are allowed."""
        return ALLOWED + self.uploading // SECONDS_OF_ONE_MORE


class Memory:
    """The largest resident size of the server and of any process that it started, in MiB, looked at ten times a
    second."""

    def __init__(self, pid: int) -> None:
        self._pid, self._over = pid, threading.Event()
        self.server = self.functions = 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            self.server = max(self.server, resident(self._pid))
            self.functions = max([self.functions, *(resident(pid) for pid in children(self._pid))])


def resident(pid: int) -> float:
    """MiB; 0 for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def children(pid: int) -> list[int]:
    """Processes that a process started, and those that these started."""
    try:
        found = [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
                 for child in (task / "children").read_text("utf-8").split()]  # fmt: skip
    except OSError:
        return []
    return [*found, *(each for child in found for each in children(child))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--products", type=int, default=20)
    parser.add_argument("--uploads", type=int, default=1_000, help="of each product")
    parser.add_argument("--port", type=int, default=0, help="of a mesh that runs already")
    options = parser.parse_args()
    with running_mesh(options.port, wait_scale=1) as mesh:
        stamp = f"{int(time.time()) % 100_000}"
        alone = [PublishingDriver(mesh, f"burst-{stamp}-alone")]
        many = [PublishingDriver(mesh, f"burst-{stamp}-{number}") for number in range(options.products)]
        warm = PublishingDriver(mesh, f"burst-{stamp}-warm")
        warm.upload("a.csv", csv((1, 1)))
        dead, pid = mesh.dead_letters(), on_port(int(mesh.endpoint.rpartition(":")[2])).pid()
        assert pid, "the server is not on this machine"
        with Memory(pid) as memory:
            single = burst(mesh, alone, options.uploads)
            together = burst(mesh, many, options.uploads) if many else None
        show("one product", single)
        if together:
            show(f"{options.products} products at once", together)
            ratio = together.quiet / options.products / single.quiet
            print(f"  {'until quiet, by product, beside the single one':<52}{ratio:>8.2f} x")
        print(f"  {'largest server, largest function':<52}{memory.server:>8.0f} MiB {memory.functions:>6.0f} MiB")
        came = {name: count - dead[name] for name, count in mesh.dead_letters().items() if count != dead[name]}
        print(f"  {'dead letters':<52}{came or 'none'}")


def burst(mesh: MeshDriver, products: Sequence[PublishingDriver], uploads: int) -> Burst:
    """Upload to all of them at once, and wait until nothing runs or waits any more."""
    keys = [(product, number) for number in range(uploads) for product in products]
    before = {product.name: product.versions() for product in products}
    started = time.perf_counter()
    with ThreadPoolExecutor(UPLOADERS) as pool:
        list(pool.map(lambda each: each[0].put(f"{each[1]:06d}.csv", csv((each[1], 1))), keys))
    uploading = time.perf_counter() - started
    for product in products:
        mesh.until(lambda p=product: taken(p) == uploads, f"all uploads of {product.name}", QUIET_SECONDS)  # type: ignore[misc]
        mesh.until(product.at_rest, f"{product.name} at rest", QUIET_SECONDS)
        mesh.settled(product.name, QUIET_SECONDS)
    return Burst(
        uploads=uploads,
        uploading=uploading,
        quiet=time.perf_counter() - started,
        versions={product.name: product.versions() - before[product.name] for product in products},
        missing={product.name: uploads - published_rows(product) for product in products},
    )


def taken(product: PublishingDriver) -> int:
    """Uploads that its account has recorded."""
    return len(product.mesh.items("producer", f"SEEN#{product.name}"))


def published_rows(product: PublishingDriver) -> int:
    """Rows of the newest version."""
    items = product.mesh.items("central", f"PRODUCT#{product.name}")
    versions = sorted((item["sk"], item["body"]) for item in items if item["sk"].startswith("VERSION#"))
    return sum(table.rows for table in ProductVersion.model_validate_json(versions[-1][1]).tables) if versions else 0


def show(name: str, found: Burst) -> None:
    """Versions beside what is allowed, and times."""
    versions = sorted(found.versions.values())
    print(f"\n{name}, {found.uploads} uploads each")
    print(f"  {'uploading, until quiet':<52}{found.uploading:>8.1f} s {found.quiet:>8.1f} s")
    print(f"  {'versions: fewest, most, allowed':<52}{versions[0]:>8} {versions[-1]:>8} {found.most:>8.0f}")
    print(f"  {'products with rows that are missing or twice':<52}{sum(map(bool, found.missing.values())):>8}")


if __name__ == "__main__":
    main()
