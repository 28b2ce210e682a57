"""An account accepts what central shares with it, and waits until it can see it."""

from collections.abc import Iterable

from mesh.domain.shares import REFUSED, NotYetShared, ShareRefused
from mesh.ports import ResourceLinks, Shares


def require_shared(
    central: str, databases: Iterable[str], *, shares: Shares, links: ResourceLinks, remedy: str
) -> None:
    """Accept central's pending invitations, and check that its databases can be seen. Idempotent.

    In an organization that shares through RAM there are no invitations
    (https://docs.aws.amazon.com/lake-formation/latest/dg/accepting-ram-invite.html).

    Raises NotYetShared (a share takes a while to arrive), and ShareRefused with `remedy` where the latest invitation
    was rejected or has expired.
    """
    invitations = shares.invitations(central)
    for invitation in invitations:
        if invitation.status == "PENDING":
            shares.accept(invitation.arn)
    hidden = [database for database in databases if not links.visible(central, database)]
    if hidden and invitations and invitations[-1].status in REFUSED:
        last = invitations[-1]
        raise ShareRefused(
            f"this account's invitation to central's share is {last.status}", invitation=last.arn, remedy=remedy
        )
    if hidden:
        raise NotYetShared(f"databases of {central} are not visible yet: {', '.join(hidden)}")
