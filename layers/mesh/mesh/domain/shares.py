"""What central shares with an account: RAM's invitations, and what keeps a share from being used."""

from datetime import datetime
from typing import Final

from mesh.domain.errors import Rejected, Transient
from mesh.domain.model import Model

REFUSED: Final = frozenset({"REJECTED", "EXPIRED"})
"""States of an invitation after which its share has to be made anew."""


class Invitation(Model):
    """An invitation of RAM to a share of Lake Formation's."""

    arn: str
    status: str
    at: datetime


class NotYetShared(Transient):
    """The account does not see central's grant yet: RAM and Lake Formation take a moment."""


class ShareRefused(Rejected):
    """The account rejected central's share, or let the invitation expire: central has to share again."""
