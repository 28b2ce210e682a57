"""The accounts of a mesh by name: `central`, and producers and consumers by number (`producer`, `producer-2` …).

On the laptop each has a fixed id; on AWS the same names stand for profiles (`cli.session`).
"""

from typing import Final, Literal, cast

REGION: Final = "us-east-1"

type Kind = Literal["central", "producer", "consumer"]
"""What an account is for: its template, its `config-env`, its roles."""

FIRST: Final[tuple[Kind, ...]] = ("central", "producer", "consumer")
"""One of each kind, named as the kind is: the mesh that `mesh up` makes without options."""

_FIRST_IDS: Final[dict[Kind, str]] = {"central": "111111111111", "producer": "222222222222", "consumer": "333333333333"}
_DOMAINS: Final[dict[Kind, tuple[str, ...]]] = {
    "producer": (
        "consumer-banking",
        "corporate-banking",
        "wealth-management",
        "payments",
        "insurance",
        "capital-markets",
        "retail",
        "healthcare",
        "energy",
    ),
    "consumer": (
        "risk",
        "marketing",
        "finance",
        "compliance",
        "sales",
        "customer-service",
        "research",
        "technology",
        "supply-chain",
    ),
}
MOST: Final = 9
"""Producers, and consumers, that a laptop has room for."""

ADMIN_ROLE: Final = "Admin"
"""The role each account is born with, as a landing zone makes it; the mesh is deployed with it."""


def account_name(kind: Kind, number: int = 1) -> str:
    """`producer` for the first, `producer-2` for the second."""
    return kind if number == 1 else f"{kind}-{number}"


DOMAINS: Final[dict[str, str]] = {
    account_name(kind, number): domain for kind, found in _DOMAINS.items() for number, domain in enumerate(found, 1)
}
"""The line of business of each account on the laptop, a value of the LF-Tag `domain`."""


def kind_of(account: str) -> Kind:
    """`producer` for `producer-2`."""
    return cast("Kind", account.partition("-")[0])


def _account_id(account: str) -> str:
    """The kind's first, with the number in its last two digits: `producer-2` is 222222222202."""
    first, number = _FIRST_IDS[kind_of(account)], account.partition("-")[2]
    return f"{first[:-2]}{int(number):02}" if number else first


ACCOUNTS: Final[dict[str, str]] = {name: _account_id(name) for name in ("central", *DOMAINS)}
"""Name → id of every account that a laptop has room for."""


def contact_of(account: str) -> str:
    """The mail address of the account's team."""
    return f"{DOMAINS[account]}-data@example.com"


def role_arn(account_id: str, role_name: str) -> str:
    return f"arn:aws:iam::{account_id}:role/{role_name}"
