"""Whom central's bus, topics and queues let in: what differs from the members and the stack, and what is repaired."""

import pytest
from mesh.domain.membership.entrances import CHECKS_PROPOSE, ORGANIZATION, bus_statements, member_statement, same

from tests.builders import a_member
from tests.fakes import BUS_ARN
from tests.unit.access import requests
from tests.unit.governance.test_reconcile import World

OTHER = "444444444444"
ORG = {"StringEquals": {"events:source": "meshwork", "aws:PrincipalOrgID": "o-1"}}


def found(world):
    return [(drift.kind, drift.principal, drift.ours) for drift in world.drifts().drifts]


@pytest.mark.parametrize(
    "change", [lambda bus: bus.withdraw(requests.CONSUMER), lambda bus: bus.others.pop(CHECKS_PROPOSE)]
)
def test_a_statement_of_the_bus_that_is_gone_is_set_again(change):
    world = World()
    change(world.bus)
    [(kind, _, ours)] = found(world)
    assert (kind, ours) == ("bus", True)
    assert [drift.kind for drift in world.repair().repaired] == ["bus"]
    assert found(world) == []


def test_a_statement_of_the_bus_that_was_weakened_is_set_again():
    world = World()
    statement = dict(world.bus.others[CHECKS_PROPOSE])
    statement["Condition"] = {**statement["Condition"], "ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}
    world.bus.restore(statement)
    assert found(world) == [("bus", CHECKS_PROPOSE, True)]
    world.repair()
    assert found(world) == []


def test_an_account_on_the_bus_that_is_no_member_is_taken_off_it():
    world = World()
    world.registry.put_member(a_member(OTHER).evolve(status="expelled"))
    world.bus.allow(OTHER)
    world.bus.allow("555555555555")
    assert found(world) == [("bus", f"member-{OTHER}", True), ("bus", "member-555555555555", True)]
    world.repair()
    assert world.bus.allowed == [requests.PRODUCER, requests.CONSUMER]


def test_a_statement_that_the_mesh_did_not_make_is_reported_and_stays():
    world = World()
    open_to_all = {"Sid": "by-hand", "Effect": "Allow", "Principal": "*", "Action": "events:PutEvents"}
    world.bus.restore(open_to_all)
    [drift] = world.repair().left
    assert (drift.kind, drift.principal, drift.ours) == ("bus", "by-hand", False)
    assert world.bus.others["by-hand"] == open_to_all


def test_the_organization_of_the_stack_is_let_in_for_events_of_the_mesh_alone():
    world = World()
    statement = {"Sid": ORGANIZATION, "Effect": "Allow", "Principal": "*", "Condition": ORG}
    world.bus.restore(statement)
    assert found(world) == []
    world.bus.restore({**statement, "Condition": {}})
    assert found(world) == [("bus", ORGANIZATION, False)]


def test_a_statement_says_the_same_in_any_order_and_as_one_value_or_a_list_of_it():
    statement = bus_statements(BUS_ARN, requests.CENTRAL)["mesh-OnlyStewardsDecide"]
    condition = {
        operator: {key: list(reversed(values)) for key, values in keys.items()}
        for operator, keys in statement["Condition"].items()
    }
    assert same(statement, {**statement, "Action": [statement["Action"]], "Condition": condition})
    assert not same(statement, member_statement(BUS_ARN, OTHER))


def test_a_members_topic_is_made_again_as_long_as_it_is_a_member():
    world = World()
    world.topics.faults[requests.CONSUMER] = "its policy was changed"
    drifts = world.drifts()
    assert [(drift.kind, drift.principal) for drift in drifts.drifts] == [("topic", requests.CONSUMER)]
    world.repair()
    assert world.topics.created == [requests.CONSUMER]
    assert found(world) == []


TLS = {
    "Sid": "TlsOnly",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
RULES = {
    "Sid": "EventDlqFromItsRules",
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Condition": {"ArnEquals": {"aws:SourceArn": [f"arn:aws:events:us-east-1:{requests.CENTRAL}:rule/mesh/r"]}},
}
ANOTHERS = {"ArnEquals": {"aws:SourceArn": f"arn:aws:events:us-east-1:{OTHER}:rule/mesh/r"}}


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        ([TLS, RULES], ""),
        ([RULES], "its statement TlsOnly is gone"),
        ([TLS], "its statement EventDlqFromItsRules is gone"),
        ([TLS, RULES, {**RULES, "Sid": "by-hand"}], "its statement by-hand is not the stack's"),
        ([TLS, {**RULES, "Condition": {}}], "its statement EventDlqFromItsRules lets in others than this account"),
        (
            [TLS, {**RULES, "Condition": ANOTHERS}],
            "its statement EventDlqFromItsRules lets in others than this account",
        ),
        ([{**TLS, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, RULES], "its statement TlsOnly was changed"),
    ],
)
def test_the_policy_of_a_queue_is_compared_with_the_stacks(statements, fault):
    world = World()
    world.stack.found = {"queue EventDlq": tuple(statements)}
    left = world.repair().left
    assert [(drift.kind, drift.what) for drift in left] == ([("policy", fault)] if fault else [])
