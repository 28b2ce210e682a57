"""Validate a declared contract and claim its product's name."""

from typing import Any

from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.events import Envelope
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import AccountSettings, TableSettings, load
from mesh.usecases.authorisation import Authorised
from mesh.usecases.contracts.check_contract import check_contract


class Settings(AccountSettings, TableSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{envelope, sender}` → CheckedContract."""
    settings = load(Settings)
    return check_contract(
        Envelope.model_validate(event["envelope"]),
        Authorised.model_validate(event["sender"]),
        catalog_id=settings.account_id,
        region=settings.aws_region,
        ontology=wiring.ontology(),
        read_contract=read_contract,
        registry=wiring.registry(settings),
        clock=wiring.clock,
    )
