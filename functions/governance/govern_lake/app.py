"""Custom resource: merge data lake settings and LF-Tags, in any account of the mesh."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.custom_resource import answer_cloudformation
from mesh.entry.settings import AccountSettings, load
from mesh.usecases.governance.govern_lake import GovernLake, govern_lake


class Settings(AccountSettings):
    """The function's environment."""


def lambda_handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's own types
    """CloudFormation's request → its answer. Properties: `Admins`, `MoreAdmins`, `Ontology` (central only)."""
    answer_cloudformation(event, context, _govern)


def _govern(properties: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    command = GovernLake(admins=_admins(properties), previous_admins=_admins(old))
    ontology = wiring.ontology() if "Ontology" in properties else None
    return govern_lake(command, lake=wiring.lake(load(Settings)), ontology=ontology).model_dump(mode="json")


def _admins(properties: dict[str, Any]) -> tuple[str, ...]:
    return tuple(arn for arn in (*properties.get("Admins", ()), *properties.get("MoreAdmins", ())) if arn)
