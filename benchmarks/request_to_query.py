"""Time until a requested access can be queried, and until an ended one is revoked, compared with a bare chain of
states.

    python benchmarks/request_to_query.py [--requests 10]

Starts a local mesh of its own, deployed by the real templates. Times are this machine's: read the ratios. The bare
chain is a machine of as many states as a request enters in both accounts, of which as many call a function, in the same
mesh. Waits are as on AWS (the verification query is polled after two seconds).
"""

import argparse
import statistics
import time
from collections import Counter

from tests.access_driver import AccessDriver
from tests.bare_chain import make_chain, run_chain, until
from tests.measures import now_in
from tests.mesh_driver import MeshDriver, Run
from tests.mesh_fixtures import tested_mesh

PRODUCT = "measured"
MACHINES = ("grant-access", "accept-share", "revoke-access", "release-share")
_CALLS = {"TaskSucceeded", "LambdaFunctionSucceeded"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=10)
    options = parser.parse_args()
    with tested_mesh(wait_scale=1) as mesh:
        mesh.prepare(PRODUCT)
        mesh.upload(PRODUCT, {f"{PRODUCT}/data/t1/a.csv": "a,b\n1,2\n"})
        access = AccessDriver(mesh)
        for _ in range(2):  # every function warm, with its clients made
            reaction(access)
        runs, calls = costs(mesh, access)
        times(mesh, access, runs, options.requests)
        print("\none access (one product, one reader)")
        for run in runs:
            print(f"  {run.machine:<52}{len(run.states):>9} state transitions")
        print(f"  {'AWS calls of all roles':<52}{calls.total():>9}")
        for call, count in calls.most_common(12):
            print(f"    {call:<50}{count:>9}")


def reaction(access: AccessDriver) -> tuple[float, float]:
    """Seconds from the request until it is live, and from the revocation until it has ended."""
    started = time.perf_counter()
    number = access.request(PRODUCT)
    until(lambda: is_now(access, number, "live"))
    live = time.perf_counter()
    access.revoke(number)
    until(lambda: is_now(access, number, "ended"))
    return live - started, time.perf_counter() - live


def is_now(access: AccessDriver, number: str, status: str) -> bool:
    """Whether the access has that status; a request takes a moment to be recorded."""
    return any(each.id == number and each.status == status for each in access.all())


def costs(mesh: MeshDriver, access: AccessDriver) -> tuple[list[Run], Counter[str]]:
    """The runs and AWS calls of one access, from its request to its end."""
    since = now_in(mesh)
    reaction(access)
    number = access.all()[0].id
    until(lambda: mesh.runs("release-share", number) != [])
    runs = [run for machine in MACHINES for run in mesh.runs(machine, number)]
    calls = [call for call in mesh.record(since) if call["principal"].rpartition("/")[2].startswith("meshwork-")]
    return runs, Counter(f"{call['service']}:{call['action']}" for call in calls)


def times(mesh: MeshDriver, access: AccessDriver, runs: list[Run], requests: int) -> None:
    """Medians, interleaved, so that all see the same machine."""
    granting = [run for run in runs if run.machine in ("grant-access", "accept-share")]
    states = sum(len(run.states) for run in granting)
    tasks = sum(event["type"] in _CALLS for run in granting for event in run.events)
    chain = make_chain(mesh, states, tasks)
    run_chain(mesh, chain)
    live, ended, bare = [], [], []
    for _ in range(requests):
        taken = reaction(access)
        live.append(taken[0])
        ended.append(taken[1])
        bare.append(run_chain(mesh, chain))
    print(f"\nrequest to query (median of {requests}, warm)")
    base = statistics.median(bare)
    for name, seconds in (
        (f"bare chain: {states} states, {tasks} no-op functions", base),
        ("meshwork: request to a reader that reads", statistics.median(live)),
        ("meshwork: revocation to nothing left", statistics.median(ended)),
    ):
        print(f"  {name:<52}{seconds * 1000:>9.0f} ms {seconds / base:>7.1f} x")


if __name__ == "__main__":
    main()
