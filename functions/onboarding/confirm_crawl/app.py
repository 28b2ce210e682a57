"""Does the catalog have what the Glue crawler was to find?"""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import WorkSettings, load
from mesh.usecases.onboarding.confirm_crawl import confirm_crawl
from mesh.usecases.onboarding.rounds import Round


class Settings(WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Round → Confirmed."""
    work = wiring.work(load(Settings).work_bucket)
    return confirm_crawl(Round.model_validate(event), catalog=wiring.catalog(), work=work)
