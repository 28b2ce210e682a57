"""The shares between accounts: made by Lake Formation's grants, shown and answered through RAM's API."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass
class Share:
    """A resource share of `owner` with one `receiver`; `invitation` is None within an organization."""

    arn: str
    name: str
    owner: str
    region: str
    receiver: str
    kind: str
    resources: dict[str, float] = field(default_factory=dict)
    created: float = field(default_factory=time.time)
    status: str = "ACTIVE"
    invitation: dict[str, Any] | None = None
    answered: float = 0.0

    @property
    def association(self) -> str:
        """The state of the receiver's association, which takes a while from the share or its acceptance on."""
        states = {"PENDING": "ASSOCIATING", "REJECTED": "FAILED", "EXPIRED": "DISASSOCIATED"}
        if self.invited in states:
            return states[self.invited]
        return "ASSOCIATED" if time.time() >= self.associated else "ASSOCIATING"

    @property
    def associated(self) -> float:
        """When the receiver's association is through, from the share or its acceptance on."""
        return (self.answered if self.invitation else self.created) + mesh.association_seconds

    @property
    def updated(self) -> float:
        """When the receiver's association last changed."""
        return self.associated if self.association == "ASSOCIATED" else max(self.created, self.answered)

    @property
    def invited(self) -> str:
        """The state of the invitation, empty without one. What is not answered in time has expired."""
        found = self.invitation
        if found is None:
            return ""
        if found["status"] == "PENDING" and time.time() - found["invitationTimestamp"] >= mesh.invitation_seconds:
            found["status"] = "EXPIRED"
        return str(found["status"])


ASSOCIATION_SECONDS = 10.0
"""RAM associates asynchronously (`ASSOCIATING`), in no documented time; waits are scaled.

https://docs.aws.amazon.com/ram/latest/APIReference/API_ResourceShareAssociation.html
"""
INVITATION_SECONDS = 12 * 3600.0
"""Glue's databases, tables and catalogs are not among the resource types whose invitations last seven days.

https://docs.aws.amazon.com/ram/latest/userguide/working-with-shared-invitations.html: after twelve hours the invitation
expires and the principal is disassociated.
"""


ORGANIZATION: Final = "o-meshwork00"
"""The id of the organization whose member accounts the mesh's are, unless they are in none."""


class _Mesh:
    """Settings of RAM that are the mesh's, not an account's, and every share in it."""

    def __init__(self) -> None:
        self.organization_sharing = True
        self.invitation_seconds = INVITATION_SECONDS
        self.association_seconds = 0.0
        self.shares: dict[str, Share] = {}


mesh = _Mesh()


def configure(
    *, organization_sharing: bool, invitation_seconds: float = INVITATION_SECONDS, association_seconds: float = 0.0
) -> None:
    """Whether accounts share within an organization, without invitations (the default), and how long one takes."""
    mesh.organization_sharing = organization_sharing
    mesh.invitation_seconds = invitation_seconds
    mesh.association_seconds = association_seconds


def reset() -> None:
    """Forget every share, and share within an organization again."""
    mesh.__init__()  # type: ignore[misc]


def share(owner: str, region: str, receiver: str, kind: str, resource_arn: str) -> None:
    """Put a resource into the share of that `kind` (`Database`, `Table`) between two accounts, made if need be.

    The first share between accounts that are in no common organization brings the receiver an invitation; one that
    was refused or has expired is replaced by a new share with a new invitation.
    """
    found = share_of(owner, region, receiver, kind)
    if found is not None and found.association in ("FAILED", "DISASSOCIATED"):
        found.status = "DELETED"
        found = None
    if found is None:
        found = _new_share(owner, region, receiver, kind)
        mesh.shares[found.arn] = found
    found.resources.setdefault(resource_arn, time.time())


def unshare(owner: str, region: str, receiver: str, kind: str, resource_arn: str) -> None:
    """Take a resource out of its share; the last one takes the share with it."""
    found = share_of(owner, region, receiver, kind)
    if found is None:
        return
    found.resources.pop(resource_arn, None)
    if not found.resources:
        found.status = "DELETED"


def in_effect(owner: str, region: str, receiver: str, kind: str) -> bool:
    """Whether the receiver has what is in the share of that kind: it is associated."""
    found = share_of(owner, region, receiver, kind)
    return found is not None and found.association == "ASSOCIATED"


def share_of(owner: str, region: str, receiver: str, kind: str) -> Share | None:
    """The live share of that kind between two accounts."""
    wanted = (owner, region, receiver, kind)
    live = (s for s in mesh.shares.values() if s.status == "ACTIVE")
    return next((s for s in live if (s.owner, s.region, s.receiver, s.kind) == wanted), None)


def _new_share(owner: str, region: str, receiver: str, kind: str) -> Share:
    token, name = uuid.uuid4(), f"LakeFormation-V4-{uuid.uuid4().hex[:10].upper()}"
    made = Share(f"arn:aws:ram:{region}:{owner}:resource-share/{token}", name, owner, region, receiver, kind)
    if not mesh.organization_sharing:
        made.invitation = {
            "resourceShareInvitationArn": f"arn:aws:ram:{region}:{owner}:resource-share-invitation/{uuid.uuid4()}",
            "resourceShareName": name,
            "resourceShareArn": made.arn,
            "senderAccountId": owner,
            "receiverAccountId": receiver,
            "invitationTimestamp": time.time(),
            "status": "PENDING",
        }
    return made
