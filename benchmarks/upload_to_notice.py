"""Time from an upload to its subscriber's notice, compared with a bare chain of no-op states, and its cost.

    python benchmarks/upload_to_notice.py [--uploads 15] [--no-imports] [--port N]

Starts a local mesh of its own, deployed by the real templates, unless `--port` names one that runs. Times are this
machine's: read the ratios. The bare chain is a machine of 21 states of which 15 call a function, in the same mesh.
Uploads are timed without the window in which they are gathered, and with it.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tests.bare_chain import make_chain, run_chain, until
from tests.measures import MeasuredUpload, artifacts, floor, import_of, measure_upload
from tests.mesh_driver import MeshDriver
from tests.mesh_fixtures import running_mesh
from tests.publishing_driver import PublishingDriver
from tools.list_prices import price

PRODUCT = "measured"
BARE_STATES, BARE_TASKS = 21, 15


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--uploads", type=int, default=15)
    parser.add_argument("--no-imports", action="store_true", help="leave out the functions' imports")
    parser.add_argument("--port", type=int, default=0, help="of a mesh that runs already")
    options = parser.parse_args()
    with running_mesh(options.port, wait_scale=1) as mesh:
        for number in range(3):  # every function warm, with its clients made
            upload(mesh, number)
        product = a_product(mesh, 3)
        measured = measure_upload(mesh, product, f"{product}/data/t1/counted.csv", b"a,b\n1,2\n")
        times(mesh, options.uploads)
        costs(measured)
        if not options.no_imports:
            imports(mesh.builds)


def a_product(mesh: MeshDriver, number: int) -> str:
    """One with a subscriber and no version: a third version within a minute would wait."""
    product = f"{PRODUCT}-{number}"
    PublishingDriver(mesh, product, columns={"a": "bigint", "b": "bigint"})
    mesh.subscribe(product)
    return product


def upload(mesh: MeshDriver, number: int) -> float:
    """Seconds from the upload to the notice in the subscriber's table."""
    product = a_product(mesh, number)
    started = time.perf_counter()
    mesh.put_object(f"{product}/data/t1/part-{number}.csv", f"a,b\n{number},2\n")
    until(lambda: bool(mesh.notices(product)))
    taken = time.perf_counter() - started
    mesh.settled(product)
    return taken


def times(mesh: MeshDriver, uploads: int) -> None:
    """Medians, interleaved, so that both see the same machine."""
    chain = make_chain(mesh, BARE_STATES, BARE_TASKS)
    run_chain(mesh, chain)
    taken, bare = [], []
    window = set_window(mesh, 0)
    for number in range(uploads):
        taken.append(upload(mesh, 100 + number))
        bare.append(run_chain(mesh, chain))
    set_window(mesh, window)
    gathered = [upload(mesh, 200 + number) for number in range(uploads)]
    print(f"\nupload to notice (median of {uploads}, warm)")
    base = statistics.median(bare)
    rows = {f"bare chain: {BARE_STATES} states, {BARE_TASKS} no-op functions": base}
    rows["upload to notice"] = statistics.median(taken)
    rows[f"the same, gathered for {window} s before"] = statistics.median(gathered)
    for name, median in rows.items():
        print(f"  {name:<52}{median * 1000:>9.0f} ms {median / base:>7.1f} x")


def set_window(mesh: MeshDriver, seconds: int) -> int:
    """For how long uploads are gathered before a run starts; returns how long it was."""
    functions = mesh.client("producer", "lambda")
    collects = mesh.physical_id("producer", "CollectUploadsFunction")
    [mapping] = functions.list_event_source_mappings(FunctionName=collects)["EventSourceMappings"]
    before: int = mapping["MaximumBatchingWindowInSeconds"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], MaximumBatchingWindowInSeconds=seconds)
    return before


def costs(measured: MeasuredUpload) -> None:
    """Transitions and calls of one upload."""
    calls = measured.calls_without_lineage
    print("\none upload (one object, one subscriber)")
    for run in measured.runs:
        print(f"  {run.machine:<52}{len(run.states):>9} state transitions")
    print(f"  {'all machines':<52}{measured.transitions:>9} state transitions")
    print(f"  {'AWS calls of all roles, without lineage':<52}{calls.total():>9}")
    for call, count in calls.most_common():
        print(f"    {call:<50}{count:>9}")
    print(f"  {'AWS calls of lineage':<52}{measured.calls.total() - calls.total():>9}")
    print(f"  {'by role':<52}")
    for (role, call), count in sorted(measured.by_role.items()):
        print(f"    {role:<36}{call:<32}{count:>5}")
    dollars = measured.transitions * price("states") + sum(price(call) * count for call, count in calls.items())
    # Without the time of functions, storage and free tiers.
    print(f"  {'list price of a thousand uploads, without lineage':<52}{dollars / 1000:>9.4f} US dollars")


def imports(builds: Path) -> None:
    """Import time and modules of each built function, beside the floor; the best of three."""
    print("\nimports of the built functions")
    with tempfile.TemporaryDirectory() as folder:
        least = min((floor(Path(folder), builds) for _ in range(3)), key=lambda found: found.milliseconds)
    print(f"  {least.name:<52}{least.milliseconds:>9.0f} ms {1:>7.1f} x {len(least.modules):>5} modules")
    for artifact in artifacts(builds):
        found = min((import_of(*artifact) for _ in range(3)), key=lambda found: found.milliseconds)
        ratio = found.milliseconds / least.milliseconds
        print(f"  {found.name:<52}{found.milliseconds:>9.0f} ms {ratio:>7.1f} x {len(found.modules):>5} modules")


if __name__ == "__main__":
    main()
