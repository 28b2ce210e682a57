"""What no document of AWS settles: the laptop does it one way or the other, and the tests try both.

Set through the gateway's control endpoint (`/_mesh/choices`); nothing in the product knows. What AWS may refuse without
a document that says so is tried with faults (`batch_failure`).
"""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass
class Choices:
    """creator_holds_all: the creator of a database or table holds all permissions on it, and may pass them on
    ("implicit permissions" in the Lake Formation guide, which does not say for how long). missing_column_is_null:
    Athena reads a column that the catalog has and the Iceberg table's metadata lacks as NULL, where it is none
    otherwise.
    """

    creator_holds_all: bool = True
    missing_column_is_null: bool = False


made = Choices()


def choose(wanted: dict[str, Any]) -> dict[str, bool]:
    """Change some; the others are as they were at the start. Raises `ValueError` for one that is not known."""
    if unknown := wanted.keys() - {each.name for each in fields(Choices)}:
        raise ValueError(f"unknown choices {sorted(unknown)}")
    for name, value in asdict(Choices(**wanted)).items():
        setattr(made, name, value)
    return asdict(made)
