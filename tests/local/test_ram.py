"""RAM beside Lake Formation: IAM on its calls, invitations that are not the caller's, pages."""

import pytest

from local import shares
from tests.local.lf_helpers import CENTRAL, CONSUMER, PRODUCER, REGION, error_of, reset, role, root

DATABASE = f"arn:aws:glue:{REGION}:{CENTRAL}:database/a"


@pytest.fixture(autouse=True)
def _empty() -> None:
    reset()


def invitation(receiver, **settings):
    shares.configure(organization_sharing=False, **settings)
    shares.share(CENTRAL, REGION, receiver, "Database", DATABASE)
    (found,) = root(receiver).ram.get_resource_share_invitations()["resourceShareInvitations"]
    return found["resourceShareInvitationArn"]


def test_a_role_needs_the_right_on_that_invitation():
    arn = invitation(CONSUMER)
    other = role(CONSUMER, "other", "ram:AcceptResourceShareInvitation", resources=f"{arn}x")
    code, _ = error_of(other.ram.accept_resource_share_invitation, resourceShareInvitationArn=arn)
    assert code == "AccessDeniedException"
    right = role(CONSUMER, "right", "ram:AcceptResourceShareInvitation", resources=arn)
    answer = right.ram.accept_resource_share_invitation(resourceShareInvitationArn=arn)
    assert answer["resourceShareInvitation"]["status"] == "ACCEPTED"


def test_another_accounts_invitation_is_unknown():
    arn = invitation(CONSUMER)
    code, _ = error_of(root(PRODUCER).ram.accept_resource_share_invitation, resourceShareInvitationArn=arn)
    assert code == "ResourceShareInvitationArnNotFoundException"
    assert root(PRODUCER).ram.get_resource_share_invitations()["resourceShareInvitations"] == []


def test_a_rejected_invitation_stays_rejected():
    arn = invitation(CONSUMER)
    root(CONSUMER).ram.reject_resource_share_invitation(resourceShareInvitationArn=arn)
    code, _ = error_of(root(CONSUMER).ram.accept_resource_share_invitation, resourceShareInvitationArn=arn)
    assert code == "ResourceShareInvitationAlreadyRejectedException"
    assert not shares.in_effect(CENTRAL, REGION, CONSUMER, "Database")


def test_within_an_organization_there_is_nothing_to_accept():
    root(CENTRAL).ram.enable_sharing_with_aws_organization()
    shares.share(CENTRAL, REGION, CONSUMER, "Database", DATABASE)
    assert root(CONSUMER).ram.get_resource_share_invitations()["resourceShareInvitations"] == []
    assert shares.in_effect(CENTRAL, REGION, CONSUMER, "Database")
    assert not shares.in_effect(CENTRAL, REGION, PRODUCER, "Database")


def test_shares_are_paged_and_only_their_owner_deletes_them():
    for receiver in (PRODUCER, CONSUMER):
        shares.share(CENTRAL, REGION, receiver, "Database", DATABASE)
    central = root(CENTRAL)
    first = central.ram.get_resource_shares(resourceOwner="SELF", maxResults=1)
    rest = central.ram.get_resource_shares(resourceOwner="SELF", maxResults=1, nextToken=first["nextToken"])
    arns = [share["resourceShareArn"] for share in first["resourceShares"] + rest["resourceShares"]]
    assert len(set(arns)) == 2
    code, _ = error_of(root(CONSUMER).ram.delete_resource_share, resourceShareArn=arns[0])
    assert code == "UnknownResourceException"
    assert central.ram.delete_resource_share(resourceShareArn=arns[0])["returnValue"] is True


def accept(arn):
    return root(CONSUMER).ram.accept_resource_share_invitation(resourceShareInvitationArn=arn)


def association():
    found = root(CENTRAL).ram.get_resource_share_associations(associationType="PRINCIPAL", principal=CONSUMER)
    return [each["status"] for each in found["resourceShareAssociations"]]


def test_accepting_associates_and_is_done_once():
    arn = invitation(CONSUMER)
    assert association() == ["ASSOCIATING"]
    accept(arn)
    assert association() == ["ASSOCIATED"]
    assert error_of(accept, arn=arn)[0] == "ResourceShareInvitationAlreadyAcceptedException"


def test_an_invitation_expires_and_the_next_grant_brings_another():
    arn = invitation(CONSUMER, invitation_seconds=0)
    assert error_of(accept, arn=arn)[0] == "ResourceShareInvitationExpiredException"
    (found,) = root(CONSUMER).ram.get_resource_share_invitations()["resourceShareInvitations"]
    assert found["status"] == "EXPIRED"
    assert association() == ["DISASSOCIATED"]
    shares.configure(organization_sharing=False)
    shares.share(CENTRAL, REGION, CONSUMER, "Database", DATABASE)
    statuses = root(CONSUMER).ram.get_resource_share_invitations()["resourceShareInvitations"]
    assert [each["status"] for each in statuses] == ["EXPIRED", "PENDING"]


def test_a_deleted_share_is_gone_with_its_invitation():
    arn = invitation(CONSUMER)
    central = root(CENTRAL)
    (share,) = central.ram.get_resource_shares(resourceOwner="SELF")["resourceShares"]
    central.ram.delete_resource_share(resourceShareArn=share["resourceShareArn"])
    assert root(CONSUMER).ram.get_resource_share_invitations()["resourceShareInvitations"] == []
    assert error_of(accept, arn=arn)[0] == "ResourceShareInvitationArnNotFoundException"
    assert association() == ["DISASSOCIATED"]
    kept = central.ram.get_resource_shares(resourceOwner="SELF", resourceShareStatus="ACTIVE")
    assert kept["resourceShares"] == []
