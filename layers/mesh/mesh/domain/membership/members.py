"""The accounts of the mesh, and what is told apart by their numbers."""

from datetime import datetime
from typing import Literal

from mesh.domain.events import AccountId
from mesh.domain.model import Model

Role = Literal["producer", "consumer", "both"]


class Member(Model):
    """An account of the mesh."""

    account: AccountId
    role: Role
    domain: str
    contact: str
    status: Literal["pending", "admitted"]
    topic_arn: str = ""
    since: datetime

    def roles(self) -> frozenset[str]:
        """Its roles one by one: `both` is two."""
        return frozenset({"producer", "consumer"}) if self.role == "both" else frozenset({self.role})

    def may_produce(self) -> bool:
        """Whether it may declare products."""
        return self.role in ("producer", "both")

    def may_consume(self) -> bool:
        """Whether it may subscribe to and ask for products."""
        return self.role in ("consumer", "both")


def bucket_belongs_to(bucket: str, account: str, region: str) -> bool:
    """Producer buckets are named `<prefix>-<account>-<region>`: another account's bucket shows by its name."""
    return bucket.endswith(f"-{account}-{region}")
