"""Merge data lake settings and LF-Tags, in any account of the mesh: as a custom resource at a deployment; in a spoke
once a day as well, should somebody have changed its settings. In central, check the governance before others use it."""

from typing import Any

from mesh.domain.governance.renewal import ProductRoles
from mesh.entry import governance_layer, wiring
from mesh.entry.custom_resource import answer_cloudformation
from mesh.entry.observability import logger
from mesh.entry.settings import AccountSettings, TableSettings, load
from mesh.usecases.governance.check_governance import adopt_governance
from mesh.usecases.governance.govern_lake import GovernLake, govern_lake, leave_lake, renew_grants, restore_settings


class Settings(AccountSettings, TableSettings):
    """The function's environment."""


def lambda_handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's own types
    """CloudFormation's request → its answer. Of a `Custom::Governance` with the `Layer` that has the files: the layer,
    once they are found in order. Properties of the other: `Admins`, `MoreAdmins`; in central `Ontology`, and the roles
    that work on products: `Registrar`, `Committers`. A scheduled event → settings as they were deployed."""
    if event.get("ResourceType") == "Custom::Governance":
        return answer_cloudformation(event, context, _adopt)
    if "RequestType" in event:
        return answer_cloudformation(event, context, _govern, _leave)
    settings = load(Settings)
    restore_settings(
        admins=wiring.lake_admins(settings), lake=wiring.lake(settings), principals=wiring.principals(settings)
    )
    return None


def _adopt(properties: dict[str, Any], _: dict[str, Any]) -> dict[str, Any]:
    """Raises GovernanceInvalid, GovernanceRefused: CloudFormation rolls back, and no other function has the layer."""
    settings = load(Settings)
    impacts = adopt_governance(
        governance_layer.document,
        record=wiring.governance_record(settings),
        registry=wiring.registry(settings),
        lake=wiring.lake(settings),
    )
    logger.info("governance in force", extra={"impacts": [impact.model_dump() for impact in impacts]})
    return {"Layer": properties["Layer"]}


def _govern(properties: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    command = GovernLake(admins=_admins(properties), previous_admins=_admins(old))
    ontology = governance_layer.ontology() if "Ontology" in properties else None
    settings = load(Settings)
    governed = govern_lake(
        command, lake=wiring.lake(settings), principals=wiring.principals(settings), ontology=ontology
    )
    wiring.lake_admins(settings).keep(command.admins)
    if "Registrar" in properties:
        roles = ProductRoles(registrar=properties["Registrar"], committers=tuple(properties["Committers"]))
        renew_grants(
            roles, catalog=settings.account_id, databases=wiring.product_databases(), lake=wiring.lake(settings)
        )
    return governed.model_dump(mode="json")


def _leave(properties: dict[str, Any]) -> None:
    """The stack's own administrators go with it; those whom people named stay."""
    settings = load(Settings)
    leave_lake(properties.get("Admins", ()), lake=wiring.lake(settings), principals=wiring.principals(settings))


def _admins(properties: dict[str, Any]) -> tuple[str, ...]:
    return tuple(arn for arn in (*properties.get("Admins", ()), *properties.get("MoreAdmins", ())) if arn)
