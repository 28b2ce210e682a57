"""What an upload takes until its subscriber is told: beside a bare chain of no-op states, and what it costs.

    python benchmarks/upload_to_notice.py [--uploads 15] [--no-imports]

Starts a local mesh of its own, deployed by the real templates. Times are this machine's: read the ratios. The bare
chain is a machine of as many states as an upload enters, of which as many call a function, in the same mesh.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tests.bare_chain import make_chain, run_chain, until
from tests.measures import Story, artifacts, floor, import_of, large_csv, large_parquet, story_of
from tests.mesh_driver import MeshDriver
from tests.mesh_fixtures import tested_mesh

PRODUCT = "measured"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--uploads", type=int, default=15)
    parser.add_argument("--no-imports", action="store_true", help="leave out the functions' imports")
    options = parser.parse_args()
    with tested_mesh(wait_scale=1) as mesh:
        mesh.prepare(PRODUCT)
        mesh.subscribe(PRODUCT)
        for number in range(3):  # every function warm, with its clients made
            upload(mesh, number)
        story = story_of(mesh, PRODUCT, f"{PRODUCT}/data/t1/counted.csv", b"a,b\n1,2\n")
        times(mesh, story, options.uploads)
        costs(story)
        bytes_read(mesh)
        if not options.no_imports:
            imports(mesh.builds)


def upload(mesh: MeshDriver, number: int) -> float:
    """Seconds from the upload to the notice in the subscriber's table."""
    version = len(mesh.notices(PRODUCT)) + 1
    started = time.perf_counter()
    mesh.put_object(f"{PRODUCT}/data/t1/part-{number}.csv", f"a,b\n{number},2\n")
    until(lambda: any(told["data"]["version"] == version for told in mesh.notices(PRODUCT)))
    taken = time.perf_counter() - started
    mesh.settled(PRODUCT)
    return taken


def times(mesh: MeshDriver, story: Story, uploads: int) -> None:
    """Medians, interleaved, so that both see the same machine."""
    tasks = sum(event["type"] in _CALLS for run in story.runs for event in run.events)
    chain = make_chain(mesh, story.transitions, tasks)
    run_chain(mesh, chain)
    ours, bare = [], []
    for number in range(uploads):
        ours.append(upload(mesh, 100 + number))
        bare.append(run_chain(mesh, chain))
    print(f"\nupload to notice (median of {uploads}, warm)")
    base = statistics.median(bare)
    for name, seconds in (
        (f"bare chain: {story.transitions} states, {tasks} no-op functions", base),
        ("meshwork: upload to notice", statistics.median(ours)),
    ):
        print(f"  {name:<52}{seconds * 1000:>9.0f} ms {seconds / base:>7.1f} x")


_CALLS = {"TaskSucceeded", "LambdaFunctionSucceeded"}


def costs(story: Story) -> None:
    """Transitions and calls of one upload."""
    print("\none upload (one object, one subscriber)")
    for run in story.runs:
        print(f"  {run.machine:<52}{len(run.states):>9} state transitions")
    print(f"  {'AWS calls of all roles':<52}{story.calls.total():>9}")
    for call, count in story.calls.most_common():
        print(f"    {call:<50}{count:>9}")


def bytes_read(mesh: MeshDriver) -> None:
    """Of large objects, by the crawl."""
    print("\nbytes read per object by the express crawl")
    for file, body in (("x.csv", large_csv(8)), ("x.parquet", large_parquet())):
        story = story_of(mesh, PRODUCT, f"{PRODUCT}/data/large_{file[2:]}/{file}", body)
        print(f"  {file[2:]} of {len(body) / 2**20:.1f} MiB {'':<34}{story.bytes_read / 1024:>12.1f} KiB")


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
