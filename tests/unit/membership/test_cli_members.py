"""Admitting, subscribing: refusals are shown as what they are, and answers are waited for."""

import json
from io import BytesIO
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from cli.function_calls import refusal_of
from cli.membership import members
from cli.membership.members import admit
from cli.output import CommandFailed
from cli.publishing import subscriptions

REFUSAL = {
    "code": "UnknownDomain",
    "message": "there is no domain 'x'",
    "where": {"domain": "x"},
    "remedy": "one of: risk",
}
LEFT = {
    "member": {"account": "444444444444", "role": "consumer", "domains": ["risk"], "contact": "", "status": "expelled",
               "topic_arn": "", "since": "2026-11-28"},
    "ending": ["ac-000000000001"],
    "products": ["orders", "loans"],
}  # fmt: skip
MEMBER = {"account": "444444444444", "role": "consumer", "domains": ["risk"], "status": "admitted"}
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Query")


class FakeCentral:
    def __init__(self, payload, error=None):
        self.answer = {"Payload": BytesIO(json.dumps(payload).encode()), **({"FunctionError": error} if error else {})}
        self.asked = None

    def output(self, account, name):
        return f"{account}.{name}"

    def client(self, _account, _service):
        return self

    def invoke(self, **arguments):
        self.asked = arguments
        return self.answer


def test_admitting_invokes_centrals_function_with_the_request():
    central = FakeCentral(MEMBER)
    assert admit(central, "444444444444", "consumer", ("risk",), "r@example.com") == MEMBER
    assert central.asked["FunctionName"] == "central.SetMembershipFunctionName"
    membership = {"role": "consumer", "domains": ["risk"], "contact": "r@example.com"}
    request = {"account": "444444444444", "membership": membership}
    assert json.loads(central.asked["Payload"]) == request


def test_expelling_invokes_centrals_function_and_shows_what_ends(monkeypatch, capsys):
    central = FakeCentral(LEFT)
    monkeypatch.setattr(members, "mesh_context", lambda *_, **__: central)
    members.expel_command(account_id="444444444444", reason="the contract ended")
    assert central.asked["FunctionName"] == "central.SetMembershipFunctionName"
    assert json.loads(central.asked["Payload"]) == {"account": "444444444444", "reason": "the contract ended"}
    said = capsys.readouterr().out
    assert "expelled" in said
    assert "ac-000000000001" in said
    assert "its products stay published: orders, loans" in said


def test_a_function_error_is_the_refusal_it_is():
    central = FakeCentral({"errorType": "UnknownDomain", "errorMessage": json.dumps(REFUSAL)}, "Unhandled")
    with pytest.raises(CommandFailed) as caught:
        admit(central, "444444444444", "consumer", ("x",))
    assert caught.value.to_dict() == REFUSAL


def test_a_failed_function_is_reported_with_its_error():
    failed = refusal_of({"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 30.00 seconds"})
    assert (failed.code, failed.message) == ("Sandbox.Timedout", "Task timed out after 30.00 seconds")


class FakeMesh:
    """Central answers by its trace, `entries`; the bus takes, or does not take, what is put."""

    def __init__(self, entries=(), subscribers=(), failed=0):
        self.entries_found = entries
        self.subscribers_now = subscribers
        self.failed = failed
        self.put = []

    def client(self, account, service):
        assert (account, service) == ("consumer", "events")
        return self

    def put_events(self, *, Entries):  # noqa: N803 - boto3's
        self.put += Entries
        failure = {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "not you"}
        return {"FailedEntryCount": self.failed, "Entries": [failure if self.failed else {"EventId": "1"}]}

    def stack(self, account):
        assert account == "consumer"
        bus = "arn:aws:events:us-east-1:111111111111:event-bus/mesh"
        return {"Parameters": [{"ParameterKey": "CentralBusArn", "ParameterValue": bus}]}

    def account_id(self, _account):
        return "333333333333"

    def registry(self):
        return SimpleNamespace(subscribers=lambda _: iter(self.subscribers_now))

    def trace(self, _account):
        return self

    def entries(self, _correlation_id):
        if isinstance(self.entries_found, Exception):
            raise self.entries_found
        return iter(self.entries_found)


def note(what, **facts):
    return {"time": "2026-11-21T18:00:00+00:00", "what": what, "facts": facts}


def test_a_subscription_is_requested_on_centrals_bus_and_confirmed_by_the_registry():
    mesh = FakeMesh([note("subscribed", product="fees", account="333333333333")], ["333333333333"])
    assert subscriptions.change(mesh, "consumer", "fees").status == "subscribed"
    (entry,) = mesh.put
    assert (entry["EventBusName"].rpartition(":")[2], entry["DetailType"]) == (
        "event-bus/mesh",
        "SubscriptionRequested",
    )
    assert json.loads(entry["Detail"])["data"] == {"product": "fees"}


def test_an_ended_subscription_is_removed_from_the_registry():
    mesh = FakeMesh([note("ended", product="fees", account="333333333333")])
    assert subscriptions.change(mesh, "consumer", "fees", end=True).status == "ended"
    assert mesh.put[0]["DetailType"] == "SubscriptionEnded"


def test_centrals_refusal_is_shown():
    mesh = FakeMesh([note("refused", event="SubscriptionRequested", reason={**REFUSAL, "code": "UnknownProduct"})])
    with pytest.raises(CommandFailed) as caught:
        subscriptions.change(mesh, "consumer", "fees")
    assert caught.value.code == "UnknownProduct"


def test_a_caller_without_access_to_central_sees_that_it_was_requested():
    assert subscriptions.change(FakeMesh(DENIED), "consumer", "fees").status == "requested"


def test_an_event_that_the_bus_does_not_take_is_an_error():
    with pytest.raises(Exception, match="NotAuthorizedForSourceException"):
        subscriptions.change(FakeMesh(failed=1), "consumer", "fees")


def test_no_answer_within_the_deadline_is_a_failure(monkeypatch):
    monkeypatch.setattr(subscriptions, "DEADLINE_SECONDS", 0.05)
    monkeypatch.setattr(subscriptions, "_POLL_SECONDS", 0.01)
    with pytest.raises(CommandFailed, match="no answer from the central account"):
        subscriptions.change(FakeMesh(), "consumer", "fees")
