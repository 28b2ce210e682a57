"""Central rolled back one of our products: remove later batches from the guard's history, or restore them."""

from typing import Any

from mesh.domain.events import Envelope, ProductUpdated, read_event
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import WorkSettings, load
from mesh.usecases.onboarding.baselines import RolledBack, remember_rollback


class Settings(WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → RolledBack."""
    settings, news = load(Settings), read_event(ProductUpdated, Envelope.model_validate(event)).data
    if news.rollback is None:
        return RolledBack(product=news.product, rollbacks={})
    work = wiring.work(settings.work_bucket)
    return remember_rollback(news.product, news.version, news.rollback.version, work=work)
