"""Create a product's resources in central: database, LF-Tags, data location and grants."""

from functools import partial
from typing import Any

from mesh.domain.contracts.registration import Registration
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.contracts.register_product import CentralRoles, register_product
from mesh.usecases.publishing.tag_tables import Loosening, tag_product


class Settings(RegistrySettings):
    """The function's environment."""

    role_arn: str
    location_role_arn: str
    commit_role_arn: str
    pin_role_arn: str
    revoke_access_arn: str
    steward_topic_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Registration → Event[ProductRegistered], or null where that contract has been overtaken."""
    settings = load(Settings)
    return register_product(
        Registration.model_validate(event),
        roles=CentralRoles(
            settings.role_arn, settings.location_role_arn, settings.commit_role_arn, settings.pin_role_arn
        ),
        catalog=wiring.catalog(),
        lake=wiring.lake(settings),
        locks=wiring.locks(settings),
        tag=partial(
            tag_product,
            tagging=wiring.tagging(settings),
            named=wiring.named_accesses(settings, settings.revoke_access_arn),
            loosening=Loosening(wiring.trace(settings), wiring.member_topics(settings), settings.steward_topic_arn),
        ),
        context=wiring.central_context(settings),
        topics=wiring.member_topics(settings),
    )
