"""`accept-share` between accounts that are in no organization: RAM invites, once for databases and once for tables."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cli.governance import stopped_work
from local.accounts import ACCOUNTS
from tests import mesh_fixtures
from tests.consumer_accesses import (
    CENTRAL,
    EventListener,
    Granted,
    accept,
    by_tags,
    grant,
    links,
    local_grants,
    publish,
    query,
    revoke,
    revoke_grants,
)
from tests.mesh_commands import mesh_command
from tests.mesh_driver import MeshDriver

PRODUCT = "invited-cards"


@pytest.fixture(scope="module")
def deployed_mesh() -> Iterator[MeshDriver]:
    """A mesh of its own."""
    with mesh_fixtures.tested_mesh(organization=False) as driver:
        yield driver


@pytest.fixture(scope="module")
def listener(deployed_mesh: MeshDriver) -> EventListener:
    publish(deployed_mesh, PRODUCT)
    return EventListener(deployed_mesh)


def invitations(mesh: MeshDriver, *statuses: str, account: str = "consumer") -> list[str]:
    """ARNs of central's invitations to the account in one of these states."""
    found = mesh.client(account, "ram").get_resource_share_invitations()["resourceShareInvitations"]
    return [
        one["resourceShareInvitationArn"]
        for one in found
        if one["senderAccountId"] == CENTRAL and one["status"] in statuses
    ]


def granted_again(mesh: MeshDriver) -> Granted:
    """A grant after which nothing else is shared: its shares, and invitations, are new."""
    granted = Granted(PRODUCT, by_tags(PRODUCT))
    grant(mesh, granted)
    assert len(invitations(mesh, "PENDING")) == 2
    return granted


def test_the_producers_are_accepted_when_its_product_is_prepared(mesh: MeshDriver, listener: EventListener) -> None:
    assert invitations(mesh, "PENDING", account="producer") == []
    accepted = [
        call["principal"]
        for call in mesh.record(0)
        if (call["account"], call["action"]) == (ACCOUNTS["producer"], "AcceptResourceShareInvitation")
    ]
    assert len(accepted) == len(invitations(mesh, "ACCEPTED", account="producer")) > 0
    assert all("PrepareProduct" in principal for principal in accepted)


def test_both_invitations_are_accepted_and_later_accesses_need_none(mesh: MeshDriver, listener: EventListener) -> None:
    granted = granted_again(mesh)
    run = accept(mesh, granted)
    assert (run.status, run.outcome) == ("SUCCEEDED", "ready")
    assert invitations(mesh, "PENDING") == []
    assert len(invitations(mesh, "ACCEPTED")) == 2
    later = Granted(PRODUCT, by_tags(PRODUCT), reader="DataScientist")
    grant(mesh, later)
    assert accept(mesh, later).outcome == "ready"
    assert query(mesh, f'SELECT id FROM "{later.link}".t1', "DataScientist") == ""
    for access in (granted, later):
        revoke(mesh, access)
    revoke_grants(mesh, granted)


def test_explain_names_the_share_that_was_not_accepted(mesh: MeshDriver, listener: EventListener) -> None:
    """With the grant, the command that fixes it, and what it is that waits; until then nothing can be read."""
    granted = granted_again(mesh)
    code, found = mesh_command(mesh, "explain", f"{PRODUCT}.t1.id", "--role", granted.reader)
    assert (code, found["can_read"], found["missing"]) == (1, False, "ShareNotAccepted")
    lacking = next(step for step in found["steps"] if step["missing"] == "ShareNotAccepted")
    waiting = invitations(mesh, "PENDING")
    assert any(arn in command for command in lacking["commands"] for arn in waiting)
    revoke_grants(mesh, granted)


def test_invitations_that_wait_are_told_with_a_command_that_works(
    mesh: MeshDriver, listener: EventListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the account's own role, which need not be let into central."""
    granted = granted_again(mesh)
    waiting = invitations(mesh, "PENDING")
    assert told(mesh) == []  # they are a few seconds old
    _, doctor = mesh_command(mesh, "doctor")
    [check] = [each for each in doctor["checks"] if (each["account"], each["name"]) == ("consumer", "central's shares")]
    assert check["found"].startswith("2 invitations pending since 2")
    assert check["remedy"].rpartition(" ")[2] in waiting

    monkeypatch.setattr(stopped_work, "LONG", timedelta(0))
    found = told(mesh)
    assert sorted(each["id"] for each in found) == sorted(waiting)
    for each in found:
        assert each["cause"]
        command, arn = each["next_step"].rsplit(" ", 1)
        assert command == "aws ram accept-resource-share-invitation --resource-share-invitation-arn"
        mesh.client("consumer", "ram", "ConsumerAdmin").accept_resource_share_invitation(resourceShareInvitationArn=arn)
    assert told(mesh) == []
    revoke_grants(mesh, granted)


def test_a_producer_s_steward_may_accept_them_too(mesh: MeshDriver) -> None:
    ram = mesh.client("producer", "ram", "ProducerSteward")
    [arn, *_] = invitations(mesh, "ACCEPTED", account="producer")
    with pytest.raises(ram.exceptions.ResourceShareInvitationAlreadyAcceptedException):
        ram.accept_resource_share_invitation(resourceShareInvitationArn=arn)


def told(mesh: MeshDriver) -> list[dict[str, Any]]:
    """The invitations that `mesh failures` lists."""
    found: Any = mesh_command(mesh, "failures", "--account", "consumer")[1]
    return [each for each in found if "share" in each["what"]]


def test_invitations_that_people_accepted_before_are_fine(mesh: MeshDriver, listener: EventListener) -> None:
    granted = granted_again(mesh)
    for arn in invitations(mesh, "PENDING"):
        mesh.client("consumer", "ram", "ConsumerAdmin").accept_resource_share_invitation(resourceShareInvitationArn=arn)
    assert accept(mesh, granted).outcome == "ready"
    revoke(mesh, granted)
    revoke_grants(mesh, granted)


def test_a_refused_share_is_said_and_a_new_one_accepted(mesh: MeshDriver, listener: EventListener) -> None:
    granted = granted_again(mesh)
    for arn in invitations(mesh, "PENDING"):
        mesh.client("consumer", "ram").reject_resource_share_invitation(resourceShareInvitationArn=arn)
    run = accept(mesh, granted)
    assert (run.status, run.outcome) == ("SUCCEEDED", "rejected")
    reason = listener.wait(granted, "AccessNotReady")["reason"]
    assert (reason["code"], reason["where"]["invitation"]) == ("ShareRefused", invitations(mesh, "REJECTED")[-1])
    assert granted.link not in links(mesh)
    assert local_grants(mesh, PRODUCT) == []
    revoke_grants(mesh, granted)
    later = granted_again(mesh)
    assert accept(mesh, later).outcome == "ready"
    revoke(mesh, later)
    revoke_grants(mesh, later)


def test_an_invitation_that_is_answered_at_the_same_moment_is_fine(mesh: MeshDriver, listener: EventListener) -> None:
    granted = granted_again(mesh)
    mesh.inject("lost_answer", "ram", "AcceptResourceShareInvitation", count=1)
    assert accept(mesh, granted).outcome == "ready"
    assert mesh.faults() == []
    revoke(mesh, granted)
    revoke_grants(mesh, granted)
