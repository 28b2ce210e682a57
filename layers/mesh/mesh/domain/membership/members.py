"""The accounts of the mesh, and which buckets are theirs."""

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
    status: Literal["pending", "admitted", "expelled"]
    topic_arn: str = ""
    since: datetime

    def roles(self) -> frozenset[str]:
        """Its roles one by one: `both` is two."""
        return frozenset({"producer", "consumer"}) if self.role == "both" else frozenset({self.role})


def bucket_belongs_to(bucket: str, account: str, region: str) -> bool:
    """Producer buckets are named `<prefix>-<account>-<region>`: another account's bucket shows by its name."""
    return bucket.endswith(f"-{account}-{region}")
