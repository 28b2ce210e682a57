"""Handle FilesReleased and FilesKept."""

from typing import Any

from mesh.domain.events import Envelope, FilesKept, FilesReleased, read_event
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.publishing.release_files import release_files


class Settings(TableSettings):
    """The function's environment."""

    data_bucket: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """EventBridge's envelope → Removed."""
    settings, envelope = load(Settings), Envelope.model_validate(event)
    released = envelope.detail_type == FilesReleased.detail_type()
    return release_files(
        read_event(FilesReleased if released else FilesKept, envelope),
        bucket=settings.data_bucket,
        reaching=wiring.reaching(),
        removed=wiring.removed_objects(),
        trace=wiring.trace(settings),
    )
