"""Who is on central's bus: an account from its admission until it is expelled; its stack waits meanwhile."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from cli.membership.members import admit, expel
from cli.mesh_context import MeshContext, mesh_context
from cli.output import CommandFailed
from tests.access_driver import AccessDriver
from tests.mesh_commands import mesh_command
from tests.mesh_driver import STRANGER, MeshDriver, contract
from tests.publishing_driver import PublishingDriver, csv

PRODUCER, CONSUMER = "222222222222", "333333333333"
OWN = {"mesh-OnlyStewardsDecide", "mesh-OnlyChecksPropose"}
"""Statements of the template."""


@pytest.fixture
def owner(mesh: MeshDriver) -> MeshContext:
    return mesh_context(port=urlsplit(mesh.endpoint).port, acting="central", role="DataMeshOwner")


def asked_by(mesh: MeshDriver, account: str) -> str:
    """The error code of an event to central's bus; empty where it was taken."""
    return str(mesh.put_event("SubscriptionRequested", {"product": "nothing"}, by=account).get("ErrorCode", ""))


def statements(mesh: MeshDriver) -> set[str]:
    policy = json.loads(mesh.client("central", "events").describe_event_bus(Name="mesh")["Policy"])
    return {statement["Sid"] for statement in policy["Statement"]}


def join(mesh: MeshDriver) -> dict[str, Any]:
    """What the schedule of the consumer's stack does every five minutes."""
    answer = mesh.client("consumer", "lambda").invoke(FunctionName=mesh.physical_id("consumer", "JoinMeshFunction"))
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return dict(payload)


@pytest.fixture
def expelled_at_the_end(owner: MeshContext) -> Iterator[None]:
    yield
    expel(owner, STRANGER, "the test is over")


@pytest.mark.usefixtures("expelled_at_the_end")
def test_an_account_of_no_organization_is_on_the_bus_from_its_admission_until_it_is_expelled(
    mesh: MeshDriver, owner: MeshContext
) -> None:
    before = statements(mesh)
    assert asked_by(mesh, STRANGER) == "AccessDeniedException"
    for _ in range(2):
        admit(owner, STRANGER, "consumer", ("risk",))
    assert asked_by(mesh, STRANGER) == ""
    assert statements(mesh) == before | {f"member-{STRANGER}"}
    for _ in range(2):
        expel(owner, STRANGER, "a test")
    assert asked_by(mesh, STRANGER) == "AccessDeniedException"
    assert statements(mesh) == before
    assert before >= OWN


def test_the_stack_of_an_account_that_is_not_on_the_bus_waits_and_joins_when_it_is_admitted(
    mesh: MeshDriver, owner: MeshContext
) -> None:
    kept = mesh.dead_letters()
    product = PublishingDriver(mesh, "mem-pinned")
    product.upload("a.csv", csv((1, 10)))
    product.share()
    assert mesh_command(mesh, "pin", "mem-pinned", "1", "--days", "30", "--reason", "scorecard 7")[0] == 0
    expel(owner, CONSUMER, "a test")
    try:
        assert join(mesh) == {"subscribed": False, "asked": False}
        mesh.until(lambda: "MembershipEnded" in dict(mesh.notified("consumer")), "the account is told")
        pinned = ("pins", "mem-pinned", "--account", "central")
        mesh.until(lambda: mesh_command(mesh, *pinned)[1]["pins"] == [], "its pin ends")
    finally:
        admit(owner, CONSUMER, "consumer", ("risk",), "risk-data@example.com")
    assert join(mesh) == {"subscribed": True, "asked": False}
    assert asked_by(mesh, "consumer") == ""
    assert mesh.dead_letters_since(kept) == {}


def test_a_producer_of_several_domains_publishes_for_each_and_for_no_other(
    mesh: MeshDriver, owner: MeshContext
) -> None:
    admit(owner, PRODUCER, "producer", ("consumer-banking", "payments"))
    try:
        mesh.prepare("mem-cards", domain="payments")
        mesh.prepare("mem-loans", domain="consumer-banking")
        mesh.put_contract("mem-risk", contract("mem-risk", domain="risk"))
        refused = mesh.wait_for_run("register-product", "mem-risk")
        with pytest.raises(CommandFailed, match=r"mem-cards \(payments\)"):
            admit(owner, PRODUCER, "producer", ("consumer-banking",))
    finally:
        AccessDriver(mesh).send("RetirementRequested", {"product": "mem-cards", "reason": "sold"}, by="producer")
        mesh.until(lambda: mesh.notices("mem-cards", "producer", "ProductRetired"), "its retirement")
        admit(owner, PRODUCER, "producer", ("consumer-banking",))
    assert mesh.tags("mem-cards")["domain"] == "payments"
    assert mesh.tags("mem-loans")["domain"] == "consumer-banking"
    assert (refused.outcome, refused.output["reason"]["code"]) == ("rejected", "DomainMismatch")
