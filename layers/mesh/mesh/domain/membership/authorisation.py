"""Who may send which event. Decided on the envelope's account alone: an account in `detail` is never trusted."""

from collections.abc import Mapping
from typing import Final

from mesh.domain.errors import Rejected, Transient
from mesh.domain.events import Envelope, quoted
from mesh.domain.membership.members import Member


class NotAMember(Rejected):
    """An event from an account that the mesh does not know, or has not admitted."""


class NotOnTheBus(Transient):
    """Central's bus takes no events from this account: it is not admitted yet, or not any more."""


class BusPolicyFull(Rejected):
    """The policy of an event bus holds at most 10 KB: about forty members beside the mesh's own statements."""


class NotAllowedForRole(Rejected):
    """A member sent an event that its role does not allow: a consumer that declares a product, for instance."""


class NotTheOwner(Rejected):
    """A member sent an event about another account's product or bucket."""


class ForgedSender(Rejected):
    """`detail` claims to come from another account than the envelope."""


PRODUCER, CONSUMER, CENTRAL = "producer", "consumer", "central"
_ANY_MEMBER: Final = frozenset({PRODUCER, CONSUMER})
_ANYBODY: Final = frozenset({PRODUCER, CONSUMER, CENTRAL})

SENDERS: Final[Mapping[str, frozenset[str]]] = {
    "ProductDeclared": frozenset({PRODUCER}),
    "VersionProposed": frozenset({PRODUCER}),
    "RetirementRequested": frozenset({PRODUCER, CENTRAL}),
    "RollbackRequested": frozenset({PRODUCER, CENTRAL}),
    "WithdrawalRequested": frozenset({PRODUCER, CENTRAL}),
    "SubscriptionRequested": frozenset({CONSUMER}),
    "SubscriptionEnded": frozenset({CONSUMER}),
    "AccessRequested": frozenset({CONSUMER}),
    # A former consumer still reports on the accesses that it had.
    "AccessReady": _ANY_MEMBER,
    "AccessNotReady": _ANY_MEMBER,
    "AccessReleased": _ANY_MEMBER,
    "AccessChecked": _ANY_MEMBER,
    "AccessDecided": _ANYBODY,
    "RevocationRequested": _ANYBODY,
    "PinRequested": _ANYBODY,
    "UnpinRequested": _ANYBODY,
}
"""Which accounts may send an event to central, by their role. Ownership is checked afterwards."""

_OF_PRODUCTS: Final = frozenset({"VersionProposed", "RetirementRequested"})
"""Events that only the owner of the product may send. Who may declare one, the claim decides: it may be handed over."""


def authorise(envelope: Envelope, member: Member | None, owner: str | None = None) -> Member:
    """The member that sent an event.

    `owner` is the account that owns the product which the event is about, `None` if there is none.
    Raises NotAMember, ForgedSender, NotAllowedForRole or NotTheOwner.
    """
    account, kind = envelope.account, envelope.detail_type
    member = _admitted(account, member)
    require_no_other_account(envelope)
    if not SENDERS.get(kind, frozenset()) & member.roles():
        raise NotAllowedForRole(
            f"account {account} is a {member.role} and may not send {kind}",
            account=account,
            remedy=f"mesh admit {account} --role both, if it should",
        )
    if kind in _OF_PRODUCTS and owner is not None and owner != account:
        raise NotTheOwner(
            f"product {envelope.product} belongs to account {owner}, not to {account}",
            account=account,
            owner=owner,
            remedy="choose another product name, or publish from the owning account",
        )
    return member


def require_consumer(account: str, member: Member | None) -> Member:
    """The member, who may be granted access: looked at when an access is decided, and again before it is granted.

    Raises NotAMember, NotAllowedForRole.
    """
    member = _admitted(account, member)
    if CONSUMER not in member.roles():
        raise NotAllowedForRole(
            f"account {account} is a {member.role} and may not be granted access",
            account=account,
            remedy=f"mesh admit {account} --role both, if it should; then request it again",
        )
    return member


def _admitted(account: str, member: Member | None) -> Member:
    if member is None or member.status != "admitted":
        raise NotAMember(
            f"account {account} is not an admitted member of this mesh",
            account=account,
            remedy=f"the data mesh owner can admit it: mesh admit {account} --role … --domain …",
        )
    return member


def authorise_central(envelope: Envelope) -> None:
    """Central itself may send this event. Raises ForgedSender or NotAllowedForRole."""
    require_no_other_account(envelope)
    if CENTRAL not in SENDERS.get(envelope.detail_type, frozenset()):
        raise NotAllowedForRole(f"central may not send {envelope.detail_type}", account=envelope.account)


def require_no_other_account(envelope: Envelope) -> None:
    """No model has a field for its sender: any is a forgery or a mistake. Raises ForgedSender."""
    account = envelope.account
    for part in (envelope.detail, envelope.detail.get("metadata"), envelope.detail.get("data")):
        for field in ("account", "sender", "account_id"):
            if isinstance(part, dict) and field in part and str(part[field]) != account:
                raise ForgedSender(
                    f"the event was sent by account {account}, but its detail claims account {quoted(part[field])}",
                    account=account,
                    claimed=quoted(part[field]),
                    remedy="send events from the account they are about; an account in detail is never trusted",
                )
