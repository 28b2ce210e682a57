"""Whatever a member sends to central's bus: refused, recorded, counted, told to its sender alone, and nobody is paged."""

import itertools
import json
from typing import Any

import pytest

from local.accounts import ACCOUNTS, ADMIN_ROLE, REGION
from tests.hostile_events import Hostile, hostile_events
from tests.mesh_driver import MACHINES, MeshDriver
from tests.staged_tables import proposer_role

BUS = f"arn:aws:events:{REGION}:{ACCOUNTS['central']}:event-bus/mesh"


@pytest.mark.parametrize("sender", ["producer", "consumer"])
def test_none_fails_a_run_or_becomes_a_dead_letter(mesh: MeshDriver, sender: str) -> None:
    dead, failed = mesh.dead_letters(), failed_runs(mesh)
    known = len(mesh.items("central", f"REFUSAL#{ACCOUNTS[sender]}"))
    events = list(hostile_events(sender))
    send(mesh, sender, events)
    mesh.until(mesh.at_rest, "all of them handled", seconds=300)

    assert sorted(set(failed_runs(mesh)) - set(failed)) == []
    assert mesh.dead_letters() == dead
    assert len(mesh.items("central", f"REFUSAL#{ACCOUNTS[sender]}")) - known == len(events)


def send(mesh: MeshDriver, sender: str, events: list[Hostile]) -> None:
    roles = {"VersionProposed": proposer_role(mesh, sender)}
    for kind, some in itertools.groupby(events, lambda event: event.detail_type):
        client = mesh.client(sender, "events", roles.get(kind, ADMIN_ROLE))
        for batch in itertools.batched(some, 10):
            entries = [
                {"EventBusName": BUS, "Source": "meshwork", "DetailType": event.detail_type, "Detail": event.detail}
                for event in batch
            ]
            answer: dict[str, Any] = client.put_events(Entries=entries)
            assert answer["FailedEntryCount"] == 0, json.dumps(answer["Entries"])


def failed_runs(mesh: MeshDriver) -> list[str]:
    client = mesh.client("central", "stepfunctions")
    found = []
    for machine in client.list_state_machines()["stateMachines"]:
        for status in ("FAILED", "TIMED_OUT", "RUNNING"):
            runs = client.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter=status)
            found += [run["executionArn"] for run in runs["executions"]]
    return found
