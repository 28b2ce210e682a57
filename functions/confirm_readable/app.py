"""See that a version can be read as recorded."""

from typing import Any

from mesh.domain.product import ProductVersion
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, load
from mesh.usecases.publication import confirm_readable


class Settings(AccountSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """ProductVersion → nothing."""
    confirm_readable(ProductVersion.model_validate(event), catalog=wiring.catalog(), lake=wiring.lake(load(Settings)))
