"""The bus's own policy: who may put which events, from its own account and from another."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.shares import ORGANIZATION
from tests.local.running import RunningServer, allow

CENTRAL, PRODUCER = "111111111111", "222222222222"
BUS = f"arn:aws:events:us-east-1:{CENTRAL}:event-bus/guarded"
VOICE = f"arn:aws:iam::{CENTRAL}:role/service/voice"
STEWARD = f"arn:aws:iam::{PRODUCER}:role/steward"


@pytest.fixture(scope="module", autouse=True)
def _bus(server: RunningServer) -> None:
    events = server.client("events", CENTRAL)
    events.create_event_bus(Name="guarded")
    decided = {"ForAnyValue:StringEquals": {"events:detail-type": ["AccessDecided", "Overruled"]}}
    statements = [
        statement("Allow", {"AWS": f"arn:aws:iam::{PRODUCER}:root"}),
        statement("Deny", "*", decided | {"ArnNotLike": {"aws:PrincipalArn": [STEWARD, VOICE]}}, "decisions"),
        statement(
            "Deny",
            "*",
            {"StringEquals": {"events:detail-type": "Spoken"}, "ArnNotEquals": {"aws:PrincipalArn": VOICE}},
            "spoken",
        ),
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    events.put_permission(EventBusName="guarded", Policy=policy)
    for account, name in ((CENTRAL, "clerk"), (PRODUCER, "steward"), (PRODUCER, "intern")):
        server.make_role(account, name, f"arn:aws:iam::{account}:root", allow("events:PutEvents", resource=BUS))
    make_voice(server)


def make_voice(server: RunningServer) -> None:
    """A role with a path, which is part of its ARN, and not of its sessions'."""
    iam = server.client("iam", CENTRAL)
    trust = allow("sts:AssumeRole") | {"Principal": {"AWS": f"arn:aws:iam::{CENTRAL}:root"}}
    del trust["Resource"]
    iam.create_role(Path="/service/", RoleName="voice", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    may = json.dumps({"Statement": [allow("events:PutEvents", resource=BUS)]})
    iam.put_role_policy(RoleName="voice", PolicyName="may", PolicyDocument=may)


def statement(effect: str, principal: Any, condition: Any = None, sid: str = "members") -> dict[str, Any]:
    found = {"Sid": sid, "Effect": effect, "Principal": principal, "Action": "events:PutEvents", "Resource": BUS}
    return found | ({"Condition": condition} if condition else {})


def put(server: RunningServer, account: str, role: str | None, *detail_types: str, bus: str = BUS) -> list[str]:
    """The entries' error codes, empty where one was taken."""
    entries = [{"Source": "mesh", "DetailType": kind, "Detail": "{}", "EventBusName": bus} for kind in detail_types]
    answer = server.client("events", account, role).put_events(Entries=entries)
    codes = [entry.get("ErrorCode", "") for entry in answer["Entries"]]
    assert answer["FailedEntryCount"] == sum(bool(code) for code in codes)
    return codes


DENIED = "AccessDeniedException"


@pytest.mark.parametrize(
    ("account", "role", "expected"),
    [
        (PRODUCER, "steward", ["", "", DENIED]),
        (PRODUCER, "intern", ["", DENIED, DENIED]),
        (CENTRAL, "clerk", ["", DENIED, DENIED]),
        (CENTRAL, "service/voice", ["", "", ""]),
        (CENTRAL, None, ["", DENIED, DENIED]),
    ],
)
def test_an_explicit_deny_wins_in_every_account(
    server: RunningServer, account: str, role: str | None, expected: list[str]
) -> None:
    assert put(server, account, role, "AccessRequested", "AccessDecided", "Spoken") == expected


def test_the_own_bus_may_be_named_by_its_name(server: RunningServer) -> None:
    assert put(server, CENTRAL, "clerk", "AccessDecided", "Else", bus="guarded") == [DENIED, ""]
    assert put(server, CENTRAL, None, "AccessDecided", bus="default") == [""]


def test_who_is_not_allowed_across_accounts_is_refused(server: RunningServer) -> None:
    assert put(server, "999999999999", None, "AccessRequested") == [DENIED]


def test_a_rules_role_is_a_principal_like_any_other(server: RunningServer) -> None:
    """A rule of the bus's own account that forwards to the bus is refused what its role is denied."""
    role = server.make_role(CENTRAL, "forwards", "events.amazonaws.com", allow("events:PutEvents", resource=BUS))
    events, sqs = server.client("events", CENTRAL), server.client("sqs", CENTRAL)
    queue = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("guarded-dead", "guarded-in")}
    open_to_events = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": f"arn:aws:sqs:us-east-1:{CENTRAL}:*",
    }
    for url in queue.values():
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [open_to_events]})})
    arns = {name: f"arn:aws:sqs:us-east-1:{CENTRAL}:{name}" for name in queue}
    pattern = json.dumps({"source": ["mesh.forwarded"]})
    events.put_rule(Name="forwards", EventPattern=pattern)
    dead = {"DeadLetterConfig": {"Arn": arns["guarded-dead"]}}
    events.put_targets(Rule="forwards", Targets=[{"Id": "t", "Arn": BUS, "RoleArn": role} | dead])
    events.put_rule(Name="arrived", EventBusName="guarded", EventPattern=pattern)
    events.put_targets(Rule="arrived", EventBusName="guarded", Targets=[{"Id": "t", "Arn": arns["guarded-in"]}])
    for kind in ("AccessDecided", "Else"):
        events.put_events(Entries=[{"Source": "mesh.forwarded", "DetailType": kind, "Detail": "{}"}])
    for name, kind in (("guarded-dead", "AccessDecided"), ("guarded-in", "Else")):
        found = sqs.receive_message(QueueUrl=queue[name], WaitTimeSeconds=10)["Messages"]
        assert [json.loads(message["Body"])["detail-type"] for message in found] == [kind]


def test_a_role_s_own_policy_may_name_the_kind_of_event(server: RunningServer) -> None:
    server.client("events", CENTRAL).create_event_bus(Name="own")
    bus = BUS.replace("guarded", "own")
    condition = {"StringEquals": {"events:detail-type": "Decided", "events:source": "mesh"}}
    may = allow("events:PutEvents", resource=bus) | {"Condition": condition}
    server.make_role(CENTRAL, "decider", f"arn:aws:iam::{CENTRAL}:root", may)

    assert put(server, CENTRAL, "decider", "Decided", bus=bus) == [""]
    for kinds in (["Spoken"], ["Decided", "Spoken"]):
        with pytest.raises(ClientError, match="AccessDenied"):
            put(server, CENTRAL, "decider", *kinds, bus=bus)


def policy_of(server: RunningServer, bus: str) -> dict[str, dict[str, Any]]:
    """The bus's statements by their ids."""
    found = server.client("events", CENTRAL).describe_event_bus(Name=bus)
    return {each["Sid"]: each for each in json.loads(found.get("Policy", '{"Statement": []}'))["Statement"]}


def test_a_statement_of_its_own_lets_an_account_in_until_it_is_removed(server: RunningServer) -> None:
    events, member = server.client("events", CENTRAL), {"EventBusName": "open", "StatementId": "member"}
    events.create_event_bus(Name="open")
    bus = BUS.replace("guarded", "open")
    assert put(server, "222222222222", None, "Said", bus=bus) == [DENIED]
    for _ in range(2):
        events.put_permission(**member, Action="events:PutEvents", Principal=PRODUCER)
    [found] = policy_of(server, "open").values()
    assert (found["Principal"], found["Resource"]) == ({"AWS": f"arn:aws:iam::{PRODUCER}:root"}, bus)
    assert put(server, PRODUCER, None, "Said", bus=bus) == [""]
    events.remove_permission(**member)
    assert put(server, PRODUCER, None, "Said", bus=bus) == [DENIED]
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.remove_permission(**member)


def test_a_template_s_statement_and_others_leave_each_other_alone(server: RunningServer) -> None:
    events, stacks = server.client("events", CENTRAL), server.client("cloudformation", CENTRAL)
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "shared"}}
    denied = statement("Deny", "*", {"StringEquals": {"events:detail-type": "Decided"}})
    rule = {"EventBusName": {"Ref": "Bus"}, "StatementId": "rule", "Statement": denied}
    resources = {"Bus": bus, "Rule": {"Type": "AWS::Events::EventBusPolicy", "Properties": rule}}
    stacks.create_stack(StackName="shared", TemplateBody=json.dumps({"Resources": resources}))
    stacks.get_waiter("stack_create_complete").wait(StackName="shared", WaiterConfig={"Delay": 1})
    events.put_permission(EventBusName="shared", StatementId="member", Action="events:PutEvents", Principal=PRODUCER)
    rule["Statement"] = denied | {"Effect": "Allow"}
    stacks.update_stack(StackName="shared", TemplateBody=json.dumps({"Resources": resources}))
    stacks.get_waiter("stack_update_complete").wait(StackName="shared", WaiterConfig={"Delay": 1})
    assert {sid: each["Effect"] for sid, each in policy_of(server, "shared").items()} == {
        "rule": "Allow",
        "member": "Allow",
    }
    del resources["Rule"]
    stacks.update_stack(StackName="shared", TemplateBody=json.dumps({"Resources": resources}))
    stacks.get_waiter("stack_update_complete").wait(StackName="shared", WaiterConfig={"Delay": 1})
    assert set(policy_of(server, "shared")) == {"member"}


def test_a_policy_has_room_for_ten_kilobytes(server: RunningServer) -> None:
    events = server.client("events", CENTRAL)
    events.create_event_bus(Name="full")

    def admit(number: int) -> None:
        events.put_permission(
            EventBusName="full", StatementId=f"member-{number}", Action="events:PutEvents", Principal=f"{number:012}"
        )

    for number in range(50):
        admit(number)
    with pytest.raises(events.exceptions.PolicyLengthExceededException):
        for number in range(50, 100):
            admit(number)


@pytest.mark.parametrize(
    "wrong",
    [
        {"Principal": f"arn:aws:iam::{PRODUCER}:root"},
        {"Action": "events:PutRule"},
        {"StatementId": "a member"},
        {"Condition": {"Type": "StringEquals", "Key": "events:source", "Value": "mesh"}},
    ],
)
def test_a_statement_says_who_and_at_most_of_which_organization(server: RunningServer, wrong: dict[str, Any]) -> None:
    member = {"EventBusName": "guarded", "StatementId": "member", "Action": "events:PutEvents", "Principal": PRODUCER}
    with pytest.raises(ClientError, match="ValidationException"):
        server.client("events", CENTRAL).put_permission(**(member | wrong))


def test_a_bus_that_is_made_again_has_no_policy(server: RunningServer) -> None:
    events = server.client("events", CENTRAL)
    events.create_event_bus(Name="again")
    events.put_permission(EventBusName="again", StatementId="m", Action="events:PutEvents", Principal=PRODUCER)
    events.delete_event_bus(Name="again")
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.put_permission(EventBusName="again", StatementId="m", Action="events:PutEvents", Principal=PRODUCER)
    events.create_event_bus(Name="again")
    assert policy_of(server, "again") == {}


def test_an_organization_is_let_in_by_its_id(server: RunningServer) -> None:
    """The mesh's accounts are in one; that they are in none is tested where a mesh is started so."""
    events = server.client("events", CENTRAL)
    arn = events.create_event_bus(Name="organized")["EventBusArn"]
    server.make_role(PRODUCER, "organized", f"arn:aws:iam::{PRODUCER}:root", allow("events:PutEvents", resource=arn))
    for organization, expected in (("o-somebodys0", [DENIED]), (ORGANIZATION, [""])):
        condition = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": organization}
        events.put_permission(
            EventBusName="organized", StatementId="all", Action="events:PutEvents", Principal="*", Condition=condition
        )
        assert put(server, PRODUCER, "organized", "Any", bus=arn) == expected
