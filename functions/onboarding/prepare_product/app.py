"""Prepare this account for a product that central registered: resource link, Glue crawler, grants of its roles."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import receiver_wiring, wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, TableSettings, load
from mesh.usecases.onboarding.prepare_product import CatalogRoles, prepare_product


class Settings(AccountSettings, TableSettings):
    """The function's environment."""

    central_account_id: str
    looker_role_arns: str
    crawler_role_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope}` → Prepared."""
    settings = load(Settings)
    return prepare_product(
        Envelope.model_validate(event["envelope"]),
        account=settings.account_id,
        central=settings.central_account_id,
        roles=CatalogRoles(settings.looker_role_arns.split(","), settings.crawler_role_arn),
        catalog=wiring.catalog(),
        lake=wiring.lake(settings),
        shares=receiver_wiring.shares(),
        links=receiver_wiring.resource_links(),
        crawlers=wiring.crawlers(),
        uploads=wiring.uploads(settings),
        revisions=wiring.revisions(settings),
        trace=wiring.trace(settings),
    )
