"""Revoke central's grants of an access, except those that another access needs; then it has ended."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.access.end_access import revoke_grants


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{order}` → Ended."""
    settings = load(Settings)
    return revoke_grants(
        event["order"],
        context=wiring.central_context(settings),
        lake=wiring.lake(settings),
        locks=wiring.locks(settings),
        schedules=wiring.schedules(),
    )
