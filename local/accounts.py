"""The accounts of the mesh on a laptop. On AWS the same names stand for profiles (`cli.session`)."""

from typing import Final

REGION: Final = "us-east-1"

ACCOUNTS: Final[dict[str, str]] = {
    "central": "111111111111",
    "producer": "222222222222",
    "consumer": "333333333333",
}

ADMIN_ROLE: Final = "Admin"
"""The role each account is born with, as a landing zone makes it; the mesh is deployed with it."""


def role_arn(account_id: str, role_name: str) -> str:
    return f"arn:aws:iam::{account_id}:role/{role_name}"
