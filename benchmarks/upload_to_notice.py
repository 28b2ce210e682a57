"""What an upload takes until its subscriber is told: beside a bare chain of no-op states, and what it costs.

    python benchmarks/upload_to_notice.py [--uploads 15] [--no-imports]

Starts a local mesh of its own, deployed by the real templates. Times are this machine's: read the ratios. The bare
chain is a machine of as many states as an upload enters, of which as many call a function, in the same mesh.
"""

import argparse
import io
import json
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.accounts import ACCOUNTS, REGION
from tests.measures import Story, artifacts, floor, import_of, large_csv, large_parquet, story_of
from tests.mesh_driver import MeshDriver
from tests.mesh_fixtures import tested_mesh

PRODUCT = "measured"
_NOOP = "def handler(event, context):\n    return event\n"
_POLL_SECONDS = 0.01


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
    _until(lambda: any(told["data"]["version"] == version for told in mesh.notices(PRODUCT)))
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


def make_chain(mesh: MeshDriver, states: int, tasks: int) -> str:
    """A machine of `states` states in central, of which the first `tasks` invoke a function that does nothing."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNTS['central']}:function:noop"
    role = make_role(mesh, arn)
    mesh.client("central", "lambda").create_function(
        FunctionName="noop", Runtime="python3.13", Role=role, Handler="app.handler", Code={"ZipFile": _zip()}
    )
    invoke = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": arn}}
    chain: dict[str, Any] = {}
    for number in range(states):
        following: dict[str, Any] = {"Next": f"S{number + 1}"} if number + 1 < states else {"End": True}
        chain[f"S{number}"] = {**(invoke if number < tasks else {"Type": "Pass"}), **following}
    definition = {"QueryLanguage": "JSONata", "StartAt": "S0", "States": chain}
    machine = mesh.client("central", "stepfunctions").create_state_machine(
        name="bare-chain", definition=json.dumps(definition), roleArn=role
    )
    return str(machine["stateMachineArn"])


def make_role(mesh: MeshDriver, function: str) -> str:
    """For the machine and its function."""
    iam = mesh.client("central", "iam")
    services = {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}
    trust = {"Effect": "Allow", "Principal": services, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function}
    role = iam.create_role(RoleName="BareChain", AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="BareChain", PolicyName="Invoke", PolicyDocument=_policy(allow))
    return str(role)


def run_chain(mesh: MeshDriver, machine: str) -> float:
    """Seconds of one execution."""
    client = mesh.client("central", "stepfunctions")
    started = time.perf_counter()
    arn = client.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    _until(lambda: client.describe_execution(executionArn=arn)["status"] != "RUNNING")
    taken = time.perf_counter() - started
    if (status := client.describe_execution(executionArn=arn)["status"]) != "SUCCEEDED":
        raise RuntimeError(f"the bare chain ended as {status}")
    return taken


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


def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(_POLL_SECONDS)


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", _NOOP)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
