"""Tag tables and columns before anybody hears of them."""

from typing import Any

from mesh.domain.events import Envelope
from mesh.domain.product import TableSnapshot
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.tag_tables import tag_tables


class Settings(RegistrySettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope, tables}` → Tagged."""
    settings = load(Settings)
    return tag_tables(
        Envelope.model_validate(event["envelope"]),
        [TableSnapshot.model_validate(table) for table in event["tables"]],
        tagging=wiring.tagging(settings),
    )
