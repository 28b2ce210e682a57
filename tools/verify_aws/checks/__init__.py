"""All checks, in the order in which they are made."""

from typing import Final

from tools.verify_aws.checks import buses, deliveries, lake, location, roles, shares, tables
from tools.verify_aws.checks.registry import REGISTRY

MODULES: Final = (lake, roles, shares, tables, location, buses, deliveries)
"""Their import registers the checks."""
CHECKS: Final = REGISTRY.checks

UNOBSERVABLE: Final[dict[str, str]] = {}
"""The line in docs/aws.md, and why nothing that can be done in three accounts shows it."""
