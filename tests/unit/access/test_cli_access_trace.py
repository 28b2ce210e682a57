"""The trace of an access, by its id, through the machines of two accounts."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cli import tracing
from cli.app import app
from cli.tracing import MACHINES, TraceView
from local.accounts import FIRST
from tests.unit.access.cli_accesses import ID, NOW, access

MINE = json.dumps({"detail": {"data": {"access": ID}}})
ENDING = json.dumps({"ending": {"access": ID}})
OTHER = json.dumps({"detail": {"data": {"access": "ac-000000000001"}}})
NAMES = {output_name: f"machine:{name}" for name, (_, output_name) in MACHINES.items()}


class FakeStates:
    """Runs by machine: (name, seconds from the request, input)."""

    def __init__(self, runs):
        self.runs = runs
        self.described = []

    def list_executions(self, *, stateMachineArn, **_):  # noqa: N803 - boto3's
        machine = stateMachineArn.removeprefix("machine:")
        return {
            "executions": [
                {"executionArn": f"a:b:c:d:e:f:{machine}:{name}", "startDate": NOW + timedelta(seconds=after)}
                for name, after, _ in self.runs.get(machine, ())
            ]
        }

    def describe_execution(self, *, executionArn):  # noqa: N803 - boto3's
        self.described.append(executionArn)
        machine, name = executionArn.split(":")[6:]
        return {"input": next(text for known, _, text in self.runs[machine] if known == name)}

    def get_paginator(self, _):
        return self

    def paginate(self, *, executionArn):  # noqa: N803 - boto3's
        entered = {"type": "TaskStateEntered", "id": 1, "timestamp": NOW}
        return [{"events": [{**entered, "stateEnteredEventDetails": {"name": executionArn.split(":")[7]}}]}]


def a_site(runs, entries):
    states = FakeStates(runs)
    return SimpleNamespace(
        client=lambda *_: states,
        output=lambda _, name: NAMES[name],
        trace=lambda account: SimpleNamespace(entries=lambda _: iter(entries.get(account, []))),
        states=states,
    )


@pytest.fixture(autouse=True)
def _forget_inputs(monkeypatch):
    monkeypatch.setattr(tracing, "_inputs", {})


def test_runs_are_found_by_the_access_in_their_input():
    requested = {"time": NOW.isoformat(), "what": "access requested", "facts": {"access": ID}}
    runs = {
        "accept-share": [("accepted", 1, MINE), ("another", 2, OTHER)],
        "release-share": [("before", -3600, MINE)],
        "revoke-access": [("expired", 60, ENDING)],
    }
    site = a_site(runs, {"central": [requested]})
    steps, unseen = TraceView(site, FIRST).gather(["the-trace"])
    assert unseen == []
    found = {(step.account, step.machine, step.what) for step in steps if step.machine}
    assert found == {("consumer", "accept-share", "accepted"), ("central", "revoke-access", "expired")}
    described = list(site.states.described)
    TraceView(site, FIRST).gather(["the-trace"])
    assert site.states.described == described, "an input does not change: it is asked for once"


def test_a_trace_without_an_access_reads_no_access_runs():
    site = a_site({"accept-share": [("accepted", 1, MINE)]}, {"central": []})
    assert TraceView(site, FIRST).gather(["the-trace"])[0] == []
    assert site.states.described == []


def test_the_id_of_an_access_stands_for_its_story(monkeypatch):
    asked = []

    class Asked:
        def __init__(self, *_):
            pass

        def gather(self, ids):
            asked.extend(ids)
            return [tracing.TraceStep(NOW, 0, "central", "", "granted")], []

    monkeypatch.setattr(tracing, "mesh_context", lambda *_, **__: SimpleNamespace(names=lambda: FIRST))
    monkeypatch.setattr(tracing, "find", lambda _, number: access("live", number))
    monkeypatch.setattr(tracing, "TraceView", Asked)
    assert CliRunner().invoke(app, ["trace", ID]).exit_code == 0
    assert asked == ["the-trace"]
