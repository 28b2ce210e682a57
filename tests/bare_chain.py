"""What Step Functions itself takes: a machine of so many states that do nothing, in the mesh under test."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any, Final

from local.accounts import ACCOUNTS, REGION
from tests.mesh_driver import MeshDriver

_NOOP: Final = "def handler(event, context):\n    return event\n"
_POLL_SECONDS: Final = 0.01


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
    until(lambda: client.describe_execution(executionArn=arn)["status"] != "RUNNING")
    taken = time.perf_counter() - started
    if (status := client.describe_execution(executionArn=arn)["status"]) != "SUCCEEDED":
        raise RuntimeError(f"the bare chain ended as {status}")
    return taken


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Look every 10 ms. Raises TimeoutError."""
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
