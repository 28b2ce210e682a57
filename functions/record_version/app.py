"""Claim the next version number for a crawl."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.publication import VersionDraft, record_version


class Settings(TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """VersionDraft → ProductVersion."""
    settings = load(Settings)
    return record_version(
        VersionDraft.model_validate(event),
        registry=wiring.registry(settings),
        clock=wiring.clock,
        trace=wiring.trace(settings),
    )
