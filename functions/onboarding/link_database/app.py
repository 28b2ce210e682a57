"""Make the resource link and the roles' grants."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, TableSettings, load
from mesh.usecases.onboarding.prepare_product import CatalogRoles, link_database


class Settings(AccountSettings, TableSettings):
    """The function's environment."""

    looker_role_arns: str
    filler_role_arns: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope}` → Linked."""
    settings = load(Settings)
    return link_database(
        Envelope.model_validate(event["envelope"]),
        account=settings.account_id,
        roles=CatalogRoles(settings.looker_role_arns.split(","), settings.filler_role_arns.split(",")),
        catalog=wiring.catalog(),
        lake=wiring.lake(settings),
        uploads=wiring.uploads(settings),
        revisions=wiring.revisions(settings),
        trace=wiring.trace(settings),
    )
