"""Take a product's lease, to bring an earlier version back."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import TableSettings, load
from mesh.usecases.restore_version import TakeRestore, take_restore


class Settings(TableSettings):
    """The function's environment."""

    data_bucket: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """TakeRestore → Restore."""
    settings = load(Settings)
    return take_restore(
        TakeRestore.model_validate(event),
        bucket=settings.data_bucket,
        uploads=wiring.uploads(settings),
        clock=wiring.clock,
        trace=wiring.trace(settings),
    )
