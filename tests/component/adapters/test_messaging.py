"""Buses, member topics and inboxes; every answer of 200 that is a failure is read."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mesh.adapters import bus_permissions
from mesh.adapters.bus_permissions import EventBusPermissions
from mesh.adapters.executions import StateMachine, resume
from mesh.adapters.messaging import DETAIL_TYPE, EventBus, EventNotAccepted, SnsInbox, SnsMemberTopics
from mesh.domain.contracts.product import ConcurrentChange, Throttled
from mesh.domain.membership.authorisation import BusPolicyFull, NotOnTheBus
from mesh.ports import Message

from tests.builders import CENTRAL, CONSUMER, REGION
from tests.fakes import topic_of

DLQ = f"arn:aws:sqs:{REGION}:{CONSUMER}:inbox-dlq"


@pytest.fixture
def stubbed(aws):
    """A client whose next answers are given: `answers(service, operation, answer or error code)`."""
    stubs = []

    def answers(service, operation, answer):
        client = boto3.client(service)
        stub = Stubber(client)
        if isinstance(answer, dict):
            stub.add_response(operation, answer)
        else:
            stub.add_client_error(operation, service_error_code=answer)
        stub.activate()
        stubs.append(stub)
        return client

    yield answers
    for stub in stubs:
        stub.assert_no_pending_responses()


def test_an_event_is_put_with_source_and_type(aws):
    client = aws("events")
    entry = {
        "EventBusName": "mesh",
        "Source": "meshwork",
        "DetailType": "VersionProposed",
        "Detail": '{"data": {"product": "loans"}}',
    }
    with Stubber(client) as stub:
        stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, {"Entries": [entry]})

        EventBus(client, "mesh").put("VersionProposed", '{"data": {"product": "loans"}}')

        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "error"), [("InternalFailure", Throttled), ("ThrottlingException", Throttled), ("Other", EventNotAccepted)]
)
def test_an_event_that_was_not_taken_is_an_error_though_the_answer_is_200(stubbed, code, error):
    answer = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "why"}]}

    with pytest.raises(error, match="why"):
        EventBus(stubbed("events", "put_events", answer), "mesh").put("VersionProposed", "{}")


def test_a_members_topic_lets_in_that_member_alone(aws):
    sns = aws("sns")
    topics = SnsMemberTopics(sns, account=CENTRAL, region=REGION)

    arn = topics.create(CONSUMER)

    assert arn == topics.create(CONSUMER) == topic_of(CONSUMER)
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert attributes["KmsMasterKeyId"]
    subscribing = [
        statement
        for statement in json.loads(attributes["Policy"])["Statement"]
        if statement["Effect"] == "Allow" and "sns:Subscribe" in statement["Action"]
    ]
    assert [statement["Principal"] for statement in subscribing] == [{"AWS": f"arn:aws:iam::{CONSUMER}:root"}]
    assert all(statement["Resource"] == arn for statement in subscribing)


def test_a_members_topic_is_deleted_with_its_subscriptions(aws):
    sns = aws("sns")
    topics = SnsMemberTopics(sns, account=CENTRAL, region=REGION)
    arn = topics.create(CONSUMER)
    SnsInbox(sns, f"arn:aws:sqs:{REGION}:{CONSUMER}:inbox", DLQ).subscribe(arn)

    for _ in range(2):
        topics.delete(CONSUMER)

    assert (sns.list_topics()["Topics"], sns.list_subscriptions()["Subscriptions"]) == ([], [])


def test_what_is_published_arrives_with_its_type_in_the_subscribed_inbox(aws):
    sns, sqs = aws("sns"), aws("sqs")
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics = SnsMemberTopics(sns, account=CENTRAL, region=REGION)
    arn = topics.create(CONSUMER)
    inbox = SnsInbox(sns, queue_arn, DLQ)

    assert inbox.subscribe(arn)
    assert inbox.subscribe(arn)
    [subscription] = sns.list_subscriptions()["Subscriptions"]
    kept = sns.get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])["Attributes"]
    assert json.loads(kept["RedrivePolicy"]) == {"deadLetterTargetArn": DLQ}
    topics.publish(arn, Message("ProductUpdated", '{"data": {}}'), Message("ProposalSettled", "{}"))

    message, other = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    body = json.loads(message["Body"])
    assert (body["TopicArn"], body["Message"]) == (arn, '{"data": {}}')
    assert body["MessageAttributes"][DETAIL_TYPE]["Value"] == "ProductUpdated"
    assert json.loads(other["Body"])["MessageAttributes"][DETAIL_TYPE]["Value"] == "ProposalSettled"


@pytest.mark.parametrize(("ours", "error"), [(True, EventNotAccepted), (False, Throttled)])
def test_a_message_of_several_that_was_not_taken_is_an_error_though_the_answer_is_200(stubbed, ours, error):
    failed = {"Id": "1", "Code": "InternalError", "Message": "why", "SenderFault": ours}
    answer = {"Successful": [{"Id": "0", "MessageId": "m"}], "Failed": [failed]}
    topics = SnsMemberTopics(stubbed("sns", "publish_batch", answer), account=CENTRAL, region=REGION)

    with pytest.raises(error, match="why"):
        topics.publish(topic_of(CONSUMER), Message("ProductUpdated", "{}"), Message("ProposalSettled", "{}"))


@pytest.mark.parametrize(("code", "error"), [("NotFound", EventNotAccepted), ("AuthorizationError", ClientError)])
def test_a_topic_that_is_gone_takes_nothing_and_a_missing_right_is_an_error(stubbed, code, error):
    topics = SnsMemberTopics(stubbed("sns", "publish_batch", code), account=CENTRAL, region=REGION)

    with pytest.raises(error, match=code):
        topics.publish(topic_of(CONSUMER), Message("ProductUpdated", "{}"))


def test_rejected_events_of_a_batch_are_identified(stubbed):
    failed = {"ErrorCode": "InternalFailure", "ErrorMessage": "why"}
    answer = {"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, failed, {"EventId": "3"}]}
    bus = EventBus(stubbed("events", "put_events", answer), "mesh")

    refused = bus.put_all([Message("ProductUpdated", f"{number}") for number in range(3)])
    assert {place: type(why) for place, why in refused.items()} == {1: Throttled}


@pytest.mark.parametrize(("size", "calls"), [(10, [10, 10, 3]), (60_000, [4] * 5 + [3]), (250_000, [1] * 23)])
def test_one_call_takes_ten_entries_and_256_kib_of_them(size, calls):
    taken = []

    class Client:
        def put_events(self, *, Entries):  # noqa: N803 - boto3's name
            taken.append(len(Entries))
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}

    assert EventBus(Client(), "mesh").put_all([Message("ProductUpdated", "x" * size)] * 23) == {}
    assert taken == calls


@pytest.mark.parametrize("code", ["NotFound", "AuthorizationError"])
def test_a_topic_that_is_not_there_or_not_ours_is_not_yet_ours(stubbed, code):
    assert not SnsInbox(stubbed("sns", "subscribe", code), "arn", DLQ).subscribe(topic_of(CONSUMER))


def test_another_refusal_of_the_subscription_is_an_error(stubbed):
    with pytest.raises(ClientError):
        SnsInbox(stubbed("sns", "subscribe", "InvalidParameter"), "arn", DLQ).subscribe(topic_of(CONSUMER))


MACHINE = f"arn:aws:states:{REGION}:{CENTRAL}:stateMachine:m"


def test_a_run_of_a_name_starts_once(stubbed):
    answer = {"executionArn": "arn:aws:states:x", "startDate": 0}

    assert StateMachine(stubbed("stepfunctions", "start_execution", answer), MACHINE).start("run", "{}")
    again = stubbed("stepfunctions", "start_execution", "ExecutionAlreadyExists")
    assert not StateMachine(again, MACHINE).start("run", "{}")


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist"])
def test_a_late_answer_to_a_task_is_not_an_error(stubbed, code):
    assert not resume(stubbed("stepfunctions", "send_task_success", code), "token", "{}")


def test_an_answer_to_a_waiting_task_resumes_it(stubbed):
    assert resume(stubbed("stepfunctions", "send_task_success", {}), "token", "{}")


CLOSED = "User: x is not authorized to perform: events:PutEvents because no resource-based policy allows the action"


def test_a_bus_that_does_not_let_the_account_in_says_so_whether_the_call_or_its_entry_is_refused(aws):
    entry = {"ErrorCode": "AccessDeniedException", "ErrorMessage": "You do not have access to the event bus."}
    for answer in ("entry", "call"):
        client = aws("events")
        with Stubber(client) as stub:
            if answer == "entry":
                stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": [entry]})
            else:
                stub.add_client_error("put_events", "AccessDeniedException", CLOSED)
            with pytest.raises(NotOnTheBus):
                EventBus(client, "mesh").put("MemberJoined", "{}")


def test_a_caller_without_the_right_of_its_own_is_not_taken_for_one_that_is_not_on_the_bus(aws):
    client = aws("events")
    with Stubber(client) as stub:
        stub.add_client_error("put_events", "AccessDeniedException", "because no identity-based policy allows it")
        with pytest.raises(ClientError):
            EventBus(client, "mesh").put("MemberJoined", "{}")


def test_a_role_that_the_bus_denies_this_event_is_not_taken_for_one_that_is_not_on_the_bus(stubbed):
    denied = {"ErrorCode": "AccessDeniedException", "ErrorMessage": "with an explicit deny in a resource-based policy"}
    client = stubbed("events", "put_events", {"FailedEntryCount": 1, "Entries": [denied]})
    with pytest.raises(EventNotAccepted):
        EventBus(client, "mesh").put("VersionProposed", "{}")


STATEMENT = {"EventBusName": "mesh", "StatementId": f"member-{CONSUMER}"}


@pytest.fixture
def permissions(aws, monkeypatch):
    """The adapter on a client that answers as told, and does not pause."""
    monkeypatch.setattr(bus_permissions, "_PAUSE_SECONDS", (0.0, 0.0))
    client = aws("events")
    with Stubber(client) as stub:
        yield EventBusPermissions(client, "mesh"), stub
        stub.assert_no_pending_responses()


def test_a_member_has_a_statement_of_its_own(permissions):
    adapter, stub = permissions
    stub.add_client_error("put_permission", "ConcurrentModificationException")
    stub.add_response("put_permission", {}, {**STATEMENT, "Action": "events:PutEvents", "Principal": CONSUMER})
    adapter.allow(CONSUMER)


def test_a_statement_is_not_put_for_ever(permissions):
    adapter, stub = permissions
    for _ in range(5):
        stub.add_client_error("put_permission", "ConcurrentModificationException")
    with pytest.raises(ConcurrentChange):
        adapter.allow(CONSUMER)


def test_a_policy_without_room_is_the_owners_to_deal_with(permissions):
    adapter, stub = permissions
    stub.add_client_error("put_permission", "PolicyLengthExceededException")
    with pytest.raises(BusPolicyFull):
        adapter.allow(CONSUMER)


def test_a_statement_that_is_gone_is_withdrawn(permissions):
    adapter, stub = permissions
    stub.add_response("remove_permission", {}, STATEMENT)
    stub.add_client_error("remove_permission", "ResourceNotFoundException")
    for _ in range(2):
        adapter.withdraw(CONSUMER)
