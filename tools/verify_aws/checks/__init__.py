"""All checks, in the order in which they are made."""

from typing import Final

from tools.verify_aws.checks import buses, deliveries, lake, roles, shares, tables
from tools.verify_aws.checks.registry import REGISTRY

MODULES: Final = (lake, roles, shares, tables, buses, deliveries)
"""Their import registers the checks."""
CHECKS: Final = REGISTRY.checks

UNOBSERVABLE: Final[dict[str, str]] = {
    "A location role that Lake Formation assumes for another account's query": (
        "no log shows which account aws:SourceAccount named, and Lake Formation keeps a role's credentials for up to "
        "an hour"
    ),
}
"""The line in docs/aws.md, and why nothing that can be done in three accounts shows it."""
