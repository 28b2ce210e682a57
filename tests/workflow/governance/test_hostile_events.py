"""Whatever a member sends to central's bus: refused, recorded, counted, told to its sender alone; nobody is paged."""

import itertools
from collections import Counter
from typing import Any

import pytest

from local.accounts import ACCOUNTS, ADMIN_ROLE, REGION
from tests.hostile_events import Hostile, hostile_events
from tests.mesh_commands import mesh_command
from tests.mesh_driver import MeshDriver
from tests.staged_tables import proposer_role, role_that_puts

BUS = f"arn:aws:events:{REGION}:{ACCOUNTS['central']}:event-bus/mesh"
OTHERS = {"producer": "consumer", "consumer": "producer"}


@pytest.mark.parametrize("sender", OTHERS)
def test_each_is_refused_once_and_told_to_its_sender_and_none_becomes_work_of_an_operator(
    mesh: MeshDriver, sender: str
) -> None:
    account, other = ACCOUNTS[sender], OTHERS[sender]
    dead, failed = mesh.dead_letters(), failed_runs(mesh)
    before, told, elsewhere = refusals(mesh, account), len(mesh.notified(sender)), len(mesh.notified(other))
    events = list(hostile_events(sender))
    unwelcome = [event for event in events if not (sender == "consumer" and is_harmless(event))]

    send(mesh, sender, events)

    mesh.until(lambda: failed_runs(mesh) != failed or mesh.at_rest(), "all of them handled", seconds=300)
    assert failed_runs(mesh) == failed
    wanted = Counter(event.detail_type for event in unwelcome)

    def missing() -> str:
        return f"refusals: {wanted - (refusals(mesh, account) - before)} are missing"

    mesh.until(lambda: not wanted - (refusals(mesh, account) - before), missing, seconds=300)
    mesh.until(lambda: len(mesh.notified(sender)) - told >= len(unwelcome), "all told", seconds=60)
    mesh.until(mesh.at_rest, "all of them handled", seconds=60)
    assert refusals(mesh, account) - before == wanted
    assert len(mesh.notified(sender)) - told == len(unwelcome)
    assert len(mesh.notified(other)) == elsewhere
    assert mesh.dead_letters_since(dead) == {}
    assert failed_runs(mesh) == failed
    _, found = mesh_command(mesh, "doctor")
    [line] = [check["found"] for check in found["checks"] if check["name"] == f"member {account}"]
    assert "events refused within a day: " in line


def is_harmless(event: Hostile) -> bool:
    """Who is no subscriber may end its subscription; fields of a later release are ignored."""
    return event.detail_type == "SubscriptionEnded" and event.fault in {"nobody has it", "an unknown field"}


def send(mesh: MeshDriver, sender: str, events: list[Hostile]) -> None:
    steward = "ProducerSteward" if sender == "producer" else role_that_puts(mesh, sender, "ProducerSteward")
    decisions = ("AccessDecided", "RetirementRequested", "RollbackRequested", "WithdrawalRequested")
    roles = {"VersionProposed": proposer_role(mesh, sender), **dict.fromkeys(decisions, steward)}
    for kind, some in itertools.groupby(events, lambda event: event.detail_type):
        client = mesh.client(sender, "events", roles.get(kind, ADMIN_ROLE))
        for batch in itertools.batched(some, 10, strict=False):
            entries = [
                {"EventBusName": BUS, "Source": "meshwork", "DetailType": event.detail_type, "Detail": event.detail}
                for event in batch
            ]
            answer: dict[str, Any] = client.put_events(Entries=entries)
            assert answer["FailedEntryCount"] == 0, answer["Entries"]


def refusals(mesh: MeshDriver, account: str) -> Counter[str]:
    """Of each type of event, how many."""
    return Counter(item["sk"].split("#")[1] for item in mesh.items("central", f"REFUSAL#{account}"))


def failed_runs(mesh: MeshDriver) -> dict[str, str]:
    """Of every machine of central's: each with its cause."""
    client = mesh.client("central", "stepfunctions")
    arns = [
        run["executionArn"]
        for machine in client.list_state_machines()["stateMachines"]
        for status in ("FAILED", "TIMED_OUT", "ABORTED")
        for run in client.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter=status)["executions"]
    ]
    return {arn: str(client.describe_execution(executionArn=arn).get("cause")) for arn in arns}
