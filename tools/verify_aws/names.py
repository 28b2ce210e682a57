"""What a verification makes is named after its prefix, but for what the templates name themselves."""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

AccountName = Literal["central", "producer", "consumer"]
ACCOUNT_NAMES: Final[tuple[AccountName, ...]] = get_args(AccountName)
PERSONAL: Final = "holder"
"""The column of the synthetic product that is about persons."""
TABLE: Final = "loans"
PREFIX: Final = re.compile(r"[a-z][a-z0-9-]{2,18}[a-z0-9]")
"""Stacks, buckets, roles and databases take it, and what follows."""


@dataclass(frozen=True)
class Names:
    """Of one verification."""

    prefix: str

    @property
    def product(self) -> str:
        return f"{self.prefix}-loans"

    def stack(self, account: AccountName) -> str:
        return f"{self.prefix}-{account}"

    def artifacts(self, number: str, region: str) -> str:
        """The bucket that sam puts code into; sam's own is neither made nor used."""
        return f"{self.prefix}-artifacts-{number}-{region}"

    def data_bucket(self, number: str, region: str) -> str:
        return f"{self.prefix}-{number}-{region}"
