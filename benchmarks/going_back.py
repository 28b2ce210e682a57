"""Time of a rollback and a pin for a product of many objects, and that neither copies data.

    python benchmarks/going_back.py [--objects 1000] [--mebibytes 1] [--port N]

Starts a local mesh of its own, unless `--port` names one that runs. Ends with exit code 1 if an object of the data was
copied, read or deleted. Times are this machine's.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests.access_driver import AccessDriver
from tests.measures import now_in
from tests.mesh_driver import MeshDriver
from tests.mesh_fixtures import running_mesh
from tests.publishing_driver import PublishingDriver

COLUMNS = {"id": "bigint", "amount": "double", "day": "date", "word": "string"}
ROWS = 32_000
"""Of these columns, about a mebibyte."""
MOVING = {"CopyObject", "UploadPartCopy", "DeleteObject", "DeleteObjects"}


def main() -> None:
    """Publish, go back, pin, count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--mebibytes", type=float, default=1, help="of each object")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with running_mesh(options.port) as mesh, tempfile.TemporaryDirectory() as folder:
        product = PublishingDriver(mesh, f"back-{int(time.time()) % 100_000}", columns=COLUMNS)
        size, began = 0, time.monotonic()
        for number, file in enumerate(_files(Path(folder), options.objects, int(ROWS * options.mebibytes))):
            body = file.read_bytes()
            size += len(body)
            product.put(f"{number:05d}.csv", body)
            file.unlink()
            if number % 100 == 99:
                print(f"  {number + 1} objects uploaded, {product.versions()} versions", flush=True)
        mesh.until(product.at_rest, "all of it published", 1800)
        mesh.settled(product.name)
        first, taken = product.versions(), time.monotonic() - began
        print(f"  {options.objects:,} objects, {size / 2**20:,.0f} MiB, published as {first} versions in {taken:.0f} s")
        product.upload("00000.csv", "id,amount,day,word\n1,1.5,2026-11-21,one\n")
        report("rollback", mesh, product, lambda: _roll_back(mesh, product, first))
        report("pin", mesh, product, lambda: _pin(mesh, product, first))


def report(what: str, mesh: MeshDriver, product: PublishingDriver, act: Callable[[], None]) -> None:
    """Do it, and print seconds and calls; what it did with the product's data ends the run."""
    mesh.settled(product.name)
    since, began = now_in(mesh), time.monotonic()
    act()
    taken = time.monotonic() - began
    mesh.settled(product.name)
    calls = [call for call in mesh.record(since) if "/data/" in str(call["resource"]) and call["service"] == "s3"]
    by_us = Counter(call["action"] for call in mesh.record(since) if not str(call["principal"]).endswith("/Admin"))
    print(f"  {what:<10}{taken:6.1f} s, {by_us.total()} AWS calls, of which on objects of data: {len(calls)}")
    if calls or MOVING & by_us.keys():
        raise SystemExit(f"{what}: {Counter(call['action'] for call in calls)}, {by_us}")


def _files(folder: Path, count: int, rows: int) -> Iterator[Path]:
    """CSV, each with rows of its own."""
    with duckdb.connect() as db:
        db.execute("SELECT setseed(0.7)")
        for number in range(count):
            file = folder / f"{number}.csv"
            select = (
                f"SELECT {number * rows} + i AS id, round(random() * 1000, 2) AS amount, "
                "DATE '2026-01-01' + (random() * 300)::INT AS day, 'w' || (random() * 500)::INT AS word "
                f"FROM range({rows}) AS r(i)"
            )
            db.execute(f"COPY ({select}) TO '{file}' (HEADER)")
            yield file


def _roll_back(mesh: MeshDriver, product: PublishingDriver, version: int) -> None:
    request = {"product": product.name, "version": version, "reason": "measured"}
    AccessDriver(mesh).send("RollbackRequested", request, by="producer")
    mesh.wait_for_notice(product.name, "producer", version=version + 2)


def _pin(mesh: MeshDriver, product: PublishingDriver, version: int) -> None:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    request = {"product": product.name, "version": version, "until": until, "reason": "measured"}
    AccessDriver(mesh).send("PinRequested", request, by="central")

    def ready() -> bool:
        found: list[Any] = [i for i in mesh.items("central", f"PRODUCT#{product.name}") if i["sk"] == "PINS"]
        return bool(found) and json.loads(found[0]["body"])["pins"][0]["status"] == "ready"

    mesh.until(ready, "the pinned version")


if __name__ == "__main__":
    main()
