"""Each kind of message says what failed and why, and where it has to go to be processed again."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from mesh.domain.governance.failures import (
    LARGEST_INPUT,
    FailedMessage,
    Failure,
    Invoke,
    NotRepeatable,
    Publish,
    Resend,
    Start,
    UnknownFailure,
    failure_of,
)
from mesh.usecases.central_context import CentralContext
from mesh.usecases.governance.redeliver_events import Places, Refusals, redeliver_events, redeliver_unread
from mesh.usecases.governance.settle_failure import Decision, settle_failure

from tests.builders import CENTRAL, PRODUCER, a_member
from tests.fakes import FakeAccessRegistry, FakeClock, FakeMemberTopics, FakeRegistry, FakeTrace
from tools.templates import ROOT

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
MACHINE = "arn:aws:states:eu-central-1:222222222222:stateMachine:prepare-product"
FUNCTION = "arn:aws:lambda:eu-central-1:222222222222:function:meshwork-producer-ReceiveVerdict"
EVENT = {
    "id": "e-1",
    "detail-type": "ProductRegistered",
    "detail": {"metadata": {"id": "m-1", "correlation_id": "c-1"}, "data": {"product": "loans"}},
}


def message(body, queue="EventDlq", **attributes):
    text = body if isinstance(body, str) else json.dumps(body)
    return FailedMessage("0a1b2c3d-0000", queue, NOON, text, attributes)


def ended(**detail):
    run = {
        "executionArn": "arn:run", "stateMachineArn": MACHINE, "name": "n" * 75 + "-retry-3", "status": "FAILED",
        "input": json.dumps(EVENT), "error": "Throttled", "cause": "slow down",
    }  # fmt: skip
    body = {"detail-type": "Step Functions Execution Status Change", "detail": run | detail}
    return message(body, "FailedRunsQueue")


def test_a_failed_run_is_started_again_with_its_input_under_a_name_of_its_own():
    failure = failure_of(ended())

    assert failure[:4] == ("run of prepare-product", "Throttled: slow down", "loans", "c-1")
    assert failure.redelivery == Start(MACHINE, "n" * 56 + "-again-0a1b2c3d", json.dumps(EVENT))
    retried = (ROOT / "statemachines" / "retry-run.yaml").read_text("utf-8")
    assert f"$substring($first, 0, {len(failure.redelivery.name)}) & '-retry-'" in retried, "the message's id stays"


@pytest.mark.parametrize(
    ("cause", "shown"),
    [
        ('{"errorType": "Runtime.ExitError", "errorMessage": "killed"}', "killed"),
        (json.dumps({"errorMessage": json.dumps({"code": "NotYetShared", "message": "no share"})}), "no share"),
        ("[not an object]", "[not an object]"),
    ],
)
def test_a_cause_is_what_people_can_read(cause, shown):
    assert failure_of(ended(cause=cause)).why == f"Throttled: {shown}"


@pytest.mark.parametrize("given", [None, ""])
def test_a_run_whose_input_is_too_large_for_an_event_cannot_be_started_again(given):
    failure = failure_of(ended(input=given, error=None, cause=None, status="TIMED_OUT"))

    assert (failure.redelivery, failure.why, failure.about) == (None, "TIMED_OUT: no cause is stated", "")


@pytest.mark.parametrize(
    ("target", "again"),
    [
        (FUNCTION, Invoke(FUNCTION, json.dumps(EVENT))),
        (MACHINE, Start(MACHINE, "e-1", json.dumps(EVENT))),
        ("arn:aws:sns:eu-central-1:2:people", Publish("arn:aws:sns:eu-central-1:2:people", json.dumps(EVENT))),
        ("arn:aws:sqs:eu-central-1:2:uploads", Resend("uploads", json.dumps(EVENT))),
        ("arn:aws:kinesis:eu-central-1:2:stream", None),
    ],
)
def test_an_event_that_could_not_be_delivered_goes_to_its_target(target, again):
    failure = failure_of(message(EVENT, TARGET_ARN=target, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="no right"))

    assert failure.redelivery == again
    assert (failure.why, failure.about, failure.correlation_id) == ("NO_PERMISSIONS: no right", "loans", "c-1")


def test_what_a_schedule_could_not_publish_is_published_with_its_attributes():
    call = {
        "TopicArn": "arn:aws:sns:eu-central-1:1:mesh-to-3", "Message": "{}",
        "MessageAttributes": {"detail-type": {"DataType": "String", "StringValue": "AccessExpiring"}},
    }  # fmt: skip
    target = "arn:aws:scheduler:::aws-sdk:sns:publish"

    again = failure_of(message(call, TARGET_ARN=target)).redelivery

    assert again == Publish("arn:aws:sns:eu-central-1:1:mesh-to-3", "{}", {"detail-type": "AccessExpiring"})


def test_a_function_that_failed_is_invoked_with_its_event():
    record = {
        "requestContext": {"functionArn": FUNCTION + ":$LATEST", "condition": "RetriesExhausted"},
        "requestPayload": EVENT,
        "responsePayload": {"errorType": "Throttled", "errorMessage": "slow down"},
    }

    failure = failure_of(message(record))

    assert failure.redelivery == Invoke(FUNCTION, json.dumps(EVENT))
    assert failure.what == "ProductRegistered for meshwork-producer-ReceiveVerdict"
    assert failure.why == "Throttled: slow down"


def test_what_a_function_failed_at_goes_back_to_the_queue():
    inner = json.dumps(EVENT["detail"])
    body = {"Message": inner, "MessageAttributes": {"detail-type": {"Value": "ProductUpdated"}}}

    failure = failure_of(message(body, "InboxDlq"))

    assert failure == Failure("ProductUpdated in InboxDlq", "", "loans", "c-1", Resend("InboxDlq", json.dumps(body)))


@pytest.mark.parametrize(
    "body", ["", "not JSON", "[1]", "null", '{"detail": 1}', '{"detail": {"data": [], "object": 1}}']
)
def test_any_text_is_a_failure(body):
    assert failure_of(message(body, "UploadsDlq")).redelivery == Resend("UploadsDlq", body)


@pytest.mark.parametrize("payload", [None, [], "text", 7])
def test_what_somebody_invoked_a_function_with_is_a_failure_and_keeps_no_other_from_being_redelivered(payload):
    broken = failed_three_times("AttributeError")
    broken = broken._replace(id="broken", body=json.dumps(json.loads(broken.body) | {"requestPayload": payload}))

    result, queue, _, _ = redelivered(broken, undelivered(1))

    assert (result.delivered, queue.deleted, queue.given_back) == (1, ["1"], ["broken"])
    assert failure_of(broken).what == "message for meshwork-producer-ReceiveVerdict"
    assert failure_of(broken).redelivery == Invoke(FUNCTION, json.dumps(payload))


def test_what_a_message_is_about_is_said_shortly():
    long = EVENT | {"detail": {"data": {"product": "x" * 200_000}}}
    assert len(failure_of(message(long, TARGET_ARN=FUNCTION)).about) == 1000


@pytest.mark.parametrize("chosen", ["c" * 3_000, "\ud800", "", "two words", ["c-1"], None])
def test_a_correlation_id_that_is_no_key_of_a_trace_is_not_used(chosen):
    event = EVENT | {"detail": {"metadata": {"correlation_id": chosen}, "data": {"product": "loans"}}}
    trace = FakeTrace()

    result, messages = settled(message(event, TARGET_ARN=FUNCTION), "discard", trace=trace)

    assert messages.left == {}
    assert [trace_id for trace_id, *_ in trace.notes] == [result.trace] == ["0a1b2c3d-0000"]


class Messages:
    def __init__(self, *found):
        self.left = {each.id: each for each in found}
        self.given_back = []

    def take(self, queue, message_id):
        found = self.left.get(message_id)
        return (found, "receipt") if found and found.queue == queue else None

    def give_back(self, queue, receipts):
        self.given_back.append(queue)

    def delete(self, queue, receipt):
        self.left.clear()


class Redeliveries(list):
    deliver = list.append


def settled(found, action, redeliveries=None, trace=None):
    messages = Messages(found)
    decision = Decision(queue=found.queue, message=found.id, action=action, reason="why", by="maria")
    result = settle_failure(
        decision, messages=messages, redeliveries=Redeliveries() if redeliveries is None else redeliveries,
        trace=trace or FakeTrace(),
    )  # fmt: skip
    return result, messages


def test_what_is_replayed_is_delivered_recorded_and_gone():
    redeliveries, trace = Redeliveries(), FakeTrace()

    result, messages = settled(ended(), "replay", redeliveries, trace)

    assert [type(each) for each in redeliveries] == [Start]
    assert messages.left == {}
    [(correlation_id, what, facts)] = trace.notes
    assert (correlation_id, what, facts["by"], facts["cause"]) == (
        "c-1",
        "message replayed",
        "maria",
        "Throttled: slow down",
    )
    assert (result.about, result.trace) == ("loans", "c-1")


def test_what_is_discarded_is_delivered_nowhere_and_the_reason_is_recorded():
    redeliveries, trace = Redeliveries(), FakeTrace()

    _, messages = settled(message("x", "UploadsDlq"), "discard", redeliveries, trace)

    assert (redeliveries, messages.left) == ([], {})
    [(correlation_id, what, facts)] = trace.notes
    assert (correlation_id, what, facts["reason"]) == ("0a1b2c3d-0000", "message discarded", "why")


def test_what_cannot_be_delivered_stays():
    found = ended(input=None)
    messages = Messages(found)
    decision = Decision(queue="FailedRunsQueue", message=found.id, action="replay")

    with pytest.raises(NotRepeatable):
        settle_failure(decision, messages=messages, redeliveries=Redeliveries(), trace=FakeTrace())
    assert list(messages.left) == [found.id]
    assert messages.given_back == ["FailedRunsQueue"]


def test_a_failing_delivery_leaves_the_message():
    class Failing:
        def deliver(self, _):
            raise TimeoutError

    found = ended()
    messages = Messages(found)
    with pytest.raises(TimeoutError):
        settle_failure(
            Decision(queue="FailedRunsQueue", message=found.id, action="replay"), messages=messages,
            redeliveries=Failing(), trace=FakeTrace(),
        )  # fmt: skip
    assert list(messages.left) == [found.id]


def test_a_message_that_is_not_there_is_unknown():
    with pytest.raises(UnknownFailure):
        settle_failure(
            Decision(queue="EventDlq", message="x", action="discard"), messages=Messages(),
            redeliveries=Redeliveries(), trace=FakeTrace(),
        )  # fmt: skip


class Queue:
    """Messages with their ids as receipts, and what became of each."""

    def __init__(self, *found):
        self.found, self.deleted, self.given_back = found, [], []

    def all(self, _):
        for each in self.found:
            assert self.given_back == [], "what is given back before all is looked at comes again"
            yield each, each.id

    def give_back(self, _, receipts):
        self.given_back += receipts

    def delete(self, _, receipt):
        self.deleted.append(receipt)


class Target(list):
    """Takes all but what is for `closed`."""

    def __init__(self, closed=""):
        super().__init__()
        self.closed = closed

    def deliver(self, redelivery):
        if self.closed and self.closed in str(redelivery):
            raise PermissionError
        self.append(redelivery)


def undelivered(number, *, target=MACHINE, minutes=5):
    attributes = {"ERROR_CODE": "NO_PERMISSIONS", "TARGET_ARN": target}
    return FailedMessage(str(number), "EventDlq", NOON - timedelta(minutes=minutes), json.dumps(EVENT), attributes)


def failed_three_times(error, *, minutes=5):
    event = EVENT | {"time": (NOON - timedelta(minutes=minutes)).isoformat()}
    answer = {"errorType": error, "errorMessage": "m"}
    return message({"requestContext": {"functionArn": FUNCTION}, "requestPayload": event, "responsePayload": answer})


def redelivered(*found, closed=""):
    queue, target, trace = Queue(*found), Target(closed), FakeTrace()
    result = redeliver_events("EventDlq", using=Places(queue, target, trace), clock=FakeClock(NOON))
    return result, queue, target, trace


def test_what_eventbridge_could_not_deliver_is_delivered_again_and_recorded():
    result, queue, target, trace = redelivered(undelivered(1), undelivered(2, target=FUNCTION))

    assert (result.delivered, result.failed) == (2, 0)
    assert target == [Start(MACHINE, "e-1", json.dumps(EVENT)), Invoke(FUNCTION, json.dumps(EVENT))]
    assert (queue.deleted, queue.given_back) == (["1", "2"], [])
    assert [(what, facts["by"]) for _, what, facts in trace.notes] == [("message replayed", "Meshwork")] * 2


@pytest.mark.parametrize("error", ["Throttled", "ClientError", "AccessDeniedException", "Runtime.ExitError"])
def test_what_a_function_failed_at_for_a_reason_that_passes_is_delivered_again(error):
    result, queue, target, _ = redelivered(failed_three_times(error))

    assert (result.delivered, [type(each) for each in target]) == (1, [Invoke])
    assert queue.given_back == []


def test_a_target_that_is_still_closed_keeps_no_other_event_from_its_own():
    result, queue, target, _ = redelivered(undelivered(1), undelivered(2, target=FUNCTION), closed=MACHINE)

    assert (result.delivered, result.failed, len(target)) == (1, 1, 1)
    assert (queue.deleted, queue.given_back) == (["2"], ["1"])


@pytest.mark.parametrize(
    "found",
    [
        undelivered(1, minutes=61),
        undelivered(1, target="arn:aws:kinesis:eu-central-1:222222222222:stream/s"),
        failed_three_times("KeyError"),
        failed_three_times("Throttled", minutes=61),
        failed_three_times("Runtime.ExitError", minutes=-600),
        message({"requestContext": {"functionArn": FUNCTION}, "requestPayload": EVENT}),
        message("no JSON"),
    ],
    ids=[
        "too old",
        "no way back",
        "a fault of ours",
        "an event too old",
        "a later time",
        "without a time",
        "what nobody knows",
    ],
)
def test_what_is_for_people_stays(found):
    result, queue, target, trace = redelivered(found)

    assert (result.delivered, result.failed, target, trace.notes) == (0, 0, [], [])
    assert (queue.deleted, queue.given_back) == ([], [found.id])


def too_large(*, account=PRODUCER, target=MACHINE, **attributes):
    event = EVENT | {"account": account, "source": "meshwork", "time": NOON.isoformat(), "version": "0"}
    event["detail"] = event["detail"] | {"padding": "x" * LARGEST_INPUT}
    return message(event, TARGET_ARN=target, ERROR_CODE="SDK_CLIENT_ERROR", **attributes)


def refused(*found):
    queue, trace, registry, topics = Queue(*found), FakeTrace(), FakeRegistry(a_member()), FakeMemberTopics()
    context = CentralContext(CENTRAL, registry, FakeAccessRegistry(), trace, FakeClock(NOON))
    target = Target()
    result = redeliver_events(
        "EventDlq", using=Places(queue, target, trace), clock=FakeClock(NOON), refusals=Refusals(context, topics)
    )
    assert target == []
    return result, queue, registry, topics


def test_a_members_event_that_no_state_machine_takes_is_refused_once_and_told():
    result, queue, registry, topics = refused(too_large(), too_large())

    assert (result.delivered, result.failed, queue.given_back) == (2, 0, [])
    assert set(registry.refusals(PRODUCER, NOON)) == {("ProductRegistered", "EventTooLarge")}
    assert {(kind, json.loads(detail)["data"]["reason"]["code"]) for _, kind, detail in topics.published} == {
        ("EventRefused", "EventTooLarge")
    }
    assert len({json.loads(detail)["metadata"]["id"] for *_, detail in topics.published}) == 1


HALF_A_CHARACTER = json.dumps({"detail": {"data": {"product": "\ud800"}}})[1:-1]


@pytest.mark.parametrize(
    ("change", "settled"),
    [
        (lambda body: body.replace('"source"', HALF_A_CHARACTER + ', "source"'), 2),
        (lambda body: body[:-1] + ', "detail": ' + "[" * 200_000 + "]" * 200_000 + "}", 1),
        (lambda body: body.replace('"account"', '"nobody"'), 1),
        (lambda body: body + "]", 1),
    ],
    ids=["half a character", "too deep", "no envelope", "no JSON"],
)
def test_an_event_that_is_too_large_and_cannot_be_read_keeps_no_other_from_being_settled(change, settled):
    broken = too_large()
    result, queue, _, _ = refused(broken._replace(id="broken", body=change(broken.body)), too_large())

    assert result.delivered == settled
    assert queue.given_back == (["broken"] if settled == 1 else [])


def test_what_central_itself_sent_or_a_function_takes_is_not_refused():
    result, queue, registry, _ = refused(too_large(account=CENTRAL))

    assert (result.delivered, queue.deleted) == (0, [])
    assert registry.refused == []
    assert failure_of(too_large()).redelivery is None
    assert isinstance(failure_of(too_large(target=FUNCTION)).redelivery, Invoke)


def in_the_inbox(kind, detail, **attributes):
    body = {"TopicArn": "t", "Message": json.dumps(detail), "MessageAttributes": {"detail-type": {"Value": kind}}}
    return message(body, "InboxDlq", **attributes)


def an_ended_subscription(*, days=13, **changes):
    sent = (NOON - timedelta(days=days)).isoformat()
    metadata = {"id": "m-2", "correlation_id": "c-2", "time": sent, **changes}
    return {"metadata": metadata, "data": {"product": "loans", "reason": "expelled"}}


def sent_again(*found, closed=""):
    queue, target, trace = Queue(*found), Target(closed), FakeTrace()
    result = redeliver_unread(using=Places(queue, target, trace), clock=FakeClock(NOON))
    return result, queue, target, trace


@pytest.mark.parametrize(("before", "after"), [({}, "1"), ({"sent-again": "2"}, "3")])
def test_what_the_release_before_could_not_read_is_sent_to_the_inbox_again(before, after):
    found = in_the_inbox("SubscriptionEnded", an_ended_subscription(), **before)

    result, queue, target, trace = sent_again(found)

    assert (result.delivered, result.failed) == (1, 0)
    assert target == [Resend("InboxDlq", found.body, {"sent-again": after})]
    assert (queue.deleted, queue.given_back) == ([found.id], [])
    assert [(what, facts["reason"]) for _, what, facts in trace.notes] == [
        ("message replayed", "this release can read it")
    ]


@pytest.mark.parametrize(
    "found",
    [
        in_the_inbox("OfALaterRelease", an_ended_subscription()),
        in_the_inbox("SubscriptionEnded", an_ended_subscription(version=2)),
        in_the_inbox("SubscriptionEnded", {"metadata": {}, "data": {"product": ["no", "name"]}}),
        in_the_inbox("SubscriptionEnded", an_ended_subscription(), **{"sent-again": "3"}),
        in_the_inbox("SubscriptionEnded", an_ended_subscription(days=15)),
        in_the_inbox("SubscriptionEnded", []),
        message("no JSON", "InboxDlq"),
        message({"Message": "{}"}, "InboxDlq"),
    ],
    ids=["unknown event", "unknown form", "invalid data", "often enough", "too old", "no event", "no JSON", "no kind"],
)
def test_what_this_release_cannot_read_either_stays_in_the_queue(found):
    result, queue, target, _ = sent_again(found)

    assert (result.delivered, result.failed, target) == (0, 0, [])
    assert (queue.deleted, queue.given_back) == ([], [found.id])
