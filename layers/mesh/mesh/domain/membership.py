"""Who is a member of the mesh, and what a member may say. Decided on the envelope's account alone."""

from datetime import datetime
from typing import Literal

from mesh.domain.errors import Rejected
from mesh.domain.events import AccountId, Envelope, Model

Role = Literal["producer", "consumer", "both"]


class NotAMember(Rejected):
    """An event from an account that the mesh does not know, or has not admitted."""


class NotAllowedForRole(Rejected):
    """A member said what its role may not say: a consumer that declares a product, for instance."""


class NotTheOwner(Rejected):
    """A member spoke about a product, or a bucket, that is another account's."""


class ForgedSender(Rejected):
    """`detail` claims to come from another account than the envelope."""


class Member(Model):
    """An account of the mesh."""

    account: AccountId
    role: Role
    domain: str
    contact: str
    status: Literal["pending", "admitted"]
    topic_arn: str = ""
    since: datetime

    def may_produce(self) -> bool:
        """Whether it may declare products."""
        return self.role in ("producer", "both")

    def may_consume(self) -> bool:
        """Whether it may subscribe to and ask for products."""
        return self.role in ("consumer", "both")


PRODUCER_EVENTS = frozenset(
    {
        "ProductDeclared",
        "VersionProposed",
        "RetirementRequested",
        "RollbackRequested",
        "RollbackRefused",
        "PinReported",
    }
)
CONSUMER_EVENTS = frozenset(
    {
        "SubscriptionRequested",
        "SubscriptionEnded",
        "AccessRequested",
        "AccessReady",
        "AccessNotReady",
        "AccessReleased",
    }
)


def authorise(envelope: Envelope, member: Member | None, owner: str | None) -> Member:
    """The member behind an event, or a refusal.

    `owner` is the account that owns the product which the event is about, `None` while nobody does.
    Raises NotAMember, NotAllowedForRole, ForgedSender or NotTheOwner.
    """
    account = envelope.account
    if member is None or member.status != "admitted":
        raise NotAMember(
            f"account {account} is not an admitted member of this mesh",
            account=account,
            remedy=f"the data mesh owner can admit it: mesh admit {account} --role … --domain …",
        )
    claimed = claimed_account(envelope)
    if claimed is not None and claimed != account:
        raise ForgedSender(
            f"the event was sent by account {account}, but its detail claims account {claimed}",
            account=account,
            claimed=claimed,
            remedy="send events from the account they are about; an account in detail is never believed",
        )
    kind = envelope.detail_type
    if (kind in PRODUCER_EVENTS and not member.may_produce()) or (kind in CONSUMER_EVENTS and not member.may_consume()):
        raise NotAllowedForRole(
            f"account {account} is a {member.role} and may not send {kind}",
            account=account,
            remedy=f"mesh admit {account} --role both, if it should",
        )
    if kind in PRODUCER_EVENTS and owner is not None and owner != account:
        raise NotTheOwner(
            f"product {envelope.detail.get('data', {}).get('product')} belongs to account {owner}, not to {account}",
            account=account,
            owner=owner,
            remedy="choose another product name, or publish from the owning account",
        )
    return member


def claimed_account(envelope: Envelope) -> str | None:
    """An account that `detail` claims as its sender: no model has such a field, so any is a forgery or a mistake."""
    for part in (envelope.detail, envelope.detail.get("metadata"), envelope.detail.get("data")):
        if isinstance(part, dict):
            for field in ("account", "sender", "account_id"):
                if field in part:
                    return str(part[field])
    return None


def bucket_belongs_to(bucket: str, account: str, region: str) -> bool:
    """Producer buckets are named `<prefix>-<account>-<region>`: another account's bucket shows by its name."""
    return bucket.endswith(f"-{account}-{region}")
