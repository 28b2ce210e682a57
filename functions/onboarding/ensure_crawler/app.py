"""Make the product's Glue crawler."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, load
from mesh.usecases.onboarding.prepare_product import ensure_crawler


class Settings(AccountSettings):
    """The function's environment."""

    central_account_id: str
    crawler_role_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope}` → CrawlerReady."""
    settings = load(Settings)
    return ensure_crawler(
        Envelope.model_validate(event["envelope"]),
        account=settings.account_id,
        central=settings.central_account_id,
        role_arn=settings.crawler_role_arn,
        crawlers=wiring.crawlers(),
    )
