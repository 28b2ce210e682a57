"""A trace is joined from three accounts' records and the histories of the runs they name, in order."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from cli import output, tracing
from cli.tracing import TraceStep, TraceView
from local.accounts import ACCOUNTS, FIRST

STORY = "00000000-0000-5000-8000-000000000001"
BEGAN = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
MACHINES = {
    "OnboardUploadArn": "arn:aws:states:us-east-1:222222222222:stateMachine:onboard-upload",
    "PrepareProductArn": "arn:aws:states:us-east-1:222222222222:stateMachine:prepare-product",
}
ONBOARDED = f"arn:aws:states:us-east-1:222222222222:execution:onboard-upload:credit-card-{STORY}"
PUBLISHED = "arn:aws:states:us-east-1:111111111111:execution:commit-version:abc"


def after(seconds):
    return BEGAN + timedelta(seconds=seconds)


def entry(seconds, what, **facts):
    return {"time": after(seconds).isoformat(), "what": what, "facts": facts}


def entered(number, seconds, name):
    details = {"name": name}
    return {"id": number, "timestamp": after(seconds), "type": "TaskStateEntered", "stateEnteredEventDetails": details}


class FakeStates:
    def __init__(self, histories, runs=()):
        self.histories = histories
        self.runs = list(runs)
        self.asked = []

    def get_paginator(self, name):
        assert name == "get_execution_history"
        return self

    def paginate(self, *, executionArn):  # noqa: N803 - boto3's
        self.asked.append(executionArn)
        if executionArn not in self.histories:
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist", "Message": "no"}}, "GetExecutionHistory")
        return [{"events": self.histories[executionArn]}]

    def list_executions(self, **_):
        return {"executions": [{"executionArn": arn, "startDate": at} for arn, at, _ in self.runs]}

    def describe_execution(self, *, executionArn):  # noqa: N803 - boto3's
        correlation_id = next(trace for arn, _, trace in self.runs if arn == executionArn)
        return {"input": json.dumps({"detail": {"metadata": {"correlation_id": correlation_id}}})}


class FakeTrace:
    def __init__(self, entries):
        self.found = entries

    def entries(self, correlation_id):
        assert correlation_id == STORY
        if isinstance(self.found, Exception):
            raise self.found
        return iter(self.found)


class FakeSite:
    def __init__(self, records, states):
        self.records = records
        self.states = states

    def trace(self, account):
        return FakeTrace(self.records.get(account, []))

    def client(self, account, service):
        assert service == "stepfunctions"
        return self.states

    def output(self, account, name):
        assert account.startswith("producer")
        return MACHINES[name].replace(ACCOUNTS["producer"], ACCOUNTS[account])


@pytest.fixture(autouse=True)
def _forget_runs(monkeypatch):
    monkeypatch.setattr(tracing, "_prepared", {})


def whole_story():
    records = {
        "producer": [entry(0, "uploads received", product="credit-card", objects=1)],
        "central": [entry(3, "received", event="VersionProposed", sender="222222222222", execution=PUBLISHED)],
        "consumer": [entry(5, "notice received", event="ProductUpdated")],
    }
    histories = {
        ONBOARDED: [entered(2, 1, "TakeBatch"), entered(5, 2, "Onboarded")],
        PUBLISHED: [entered(2, 2.5, "VerifyProposal"), entered(4, 4, "Published")],
    }
    return records, histories


def test_three_accounts_and_their_runs_make_one_story_in_order():
    records, histories = whole_story()
    steps, unseen = TraceView(FakeSite(records, FakeStates(histories)), FIRST).gather([STORY])
    assert unseen == []
    assert [(step.account, step.machine, step.what) for step in steps] == [
        ("producer", "", "uploads received"),
        ("producer", "onboard-upload", "TakeBatch"),
        ("producer", "onboard-upload", "Onboarded"),
        ("central", "commit-version", "VerifyProposal"),
        ("central", "", "received VersionProposed"),
        ("central", "commit-version", "Published"),
        ("consumer", "", "notice received ProductUpdated"),
    ]


def test_an_invisible_account_is_named_and_the_rest_is_shown():
    records, histories = whole_story()
    denied = {"Error": {"Code": "AccessDeniedException", "Message": "not yours"}}
    records["consumer"] = ClientError(denied, "Query")
    steps, unseen = TraceView(FakeSite(records, FakeStates(histories)), FIRST).gather([STORY])
    assert unseen == ["the consumer account's part (not yours)"]
    assert {step.account for step in steps} == {"producer", "central"}


def test_any_other_trouble_with_an_account_is_not_swallowed():
    records, histories = whole_story()
    records["consumer"] = ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "gone"}}, "Query")
    with pytest.raises(ClientError, match="gone"):
        TraceView(FakeSite(records, FakeStates(histories)), FIRST).gather([STORY])


def test_the_runs_of_a_second_producer_are_its_own():
    arn = ONBOARDED.replace(ACCOUNTS["producer"], ACCOUNTS["producer-2"])
    records = {"producer-2": [entry(0, "uploads received", product="credit-card", objects=1)]}
    site = FakeSite(records, FakeStates({arn: [entered(2, 1, "TakeBatch")]}))
    steps, _ = TraceView(site, (*FIRST, "producer-2")).gather([STORY])
    assert [(step.account, step.what) for step in steps] == [
        ("producer-2", "uploads received"),
        ("producer-2", "TakeBatch"),
    ]


def test_an_ended_run_is_read_once_and_a_running_one_again():
    records, histories = whole_story()
    histories[PUBLISHED].append({"id": 9, "timestamp": after(4), "type": "ExecutionSucceeded"})
    states = FakeStates(histories)
    trace = TraceView(FakeSite(records, states), FIRST)
    trace.gather([STORY])
    trace.gather([STORY])
    assert states.asked.count(PUBLISHED) == 1
    assert states.asked.count(ONBOARDED) == 2


def test_a_run_of_prepare_product_is_found_by_its_input_within_its_time():
    ours, theirs, old = (
        f"{MACHINES['PrepareProductArn']}:{name}".replace("stateMachine", "execution") for name in "abc"
    )
    runs = [(ours, after(2), STORY), (theirs, after(2), "another"), (old, after(-7200), STORY)]
    records = {"producer": [entry(0, "contract received", product="credit-card", sent=True)]}
    states = FakeStates({ours: [entered(2, 2, "PrepareProduct")], old: [entered(2, -7200, "PrepareProduct")]}, runs)
    steps, _ = TraceView(FakeSite(records, states), FIRST).gather([STORY])
    assert [(step.machine, step.what) for step in steps] == [
        ("", "contract received"),
        ("prepare-product", "PrepareProduct"),
    ]


def test_states_of_one_millisecond_keep_the_order_of_the_run():
    events = [entered(3, 1, "RouteBatch"), entered(5, 1, "CheckObjects"), entered(8, 1, "CheckChanges")]
    found = tracing.run_steps("producer", ONBOARDED, events)
    assert [step.what for step in sorted(set(found))] == ["RouteBatch", "CheckObjects", "CheckChanges"]


def test_a_failed_run_ends_with_its_error_in_one_line():
    cause = json.dumps({"errorMessage": json.dumps({"code": "X", "message": "no such key"}), "errorType": "ObjectGone"})
    event = {"id": 9, "timestamp": after(1), "type": "ExecutionFailed"}
    event["executionFailedEventDetails"] = {"error": "ObjectGone", "cause": cause}
    (step,) = tracing.run_steps("producer", ONBOARDED, [event])
    assert step == TraceStep(after(1), 9, "producer", "onboard-upload", "failed", "ObjectGone: no such key")


def test_a_rejection_is_shown_with_its_reason():
    refused = entry(1, "refused", event="ProductDeclared", reason={"code": "NotAMember", "message": "not admitted"})
    step = tracing.step_of("central", refused)
    assert (step.what, step.detail) == ("refused ProductDeclared", "NotAMember: not admitted")


def test_facts_are_readable_and_constant_ones_are_left_out():
    facts = {"product": "p", "bucket": "b", "execution": "arn", "members": ["1", "2"], "sent": True, "note": None}
    assert tracing.step_of("central", entry(1, "notified", **facts)).detail == "members 1 2, sent yes"
    nothing = {"held": [], "reason": None, "same": 0}
    assert tracing.step_of("producer", entry(1, "batch checked", **nothing)).detail == "same 0"


@pytest.mark.parametrize("width", [80, 120])
def test_a_timeline_fits_the_terminal(capsys, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    tracing.render(
        [
            TraceStep(BEGAN, 0, "producer", "", "uploads received", "objects 1 " * 30),
            TraceStep(after(1.5), 1, "central", "commit-version", "CommitVersion"),
        ]
    )
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= width
    assert "began 2026-11-21 18:00:00 UTC" in said
    assert "+1.50" in said
