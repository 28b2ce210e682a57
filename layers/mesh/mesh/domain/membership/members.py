"""The accounts of the mesh, and which buckets are theirs."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from mesh.domain.events import AccountId
from mesh.domain.model import Model

Role = Literal["producer", "consumer", "both"]
Domains = Annotated[tuple[str, ...], Field(min_length=1, max_length=20)]
"""Lines of business, values of the LF-Tag `domain`. The first is that of contracts which name none."""


class Member(Model):
    """An account of the mesh."""

    account: AccountId
    role: Role
    domains: Domains
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
