"""Switch the tables to a verified proposal's metadata files, and assign the version number.

A crawled batch that is only announced gets neither: what was found in it is tagged."""

from typing import Any

from mesh.domain.publishing.proposals import Verified
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.publishing.commit_version import commit_version
from mesh.usecases.publishing.tag_tables import tighten_product


class Settings(RegistrySettings):
    """The function's environment."""

    revoke_access_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Verified → ProductVersion, or Tagged."""
    verified, settings = Verified.model_validate(event), load(Settings)
    named = wiring.named_accesses(settings, settings.revoke_access_arn)
    if verified.next == "tag":
        tagging, locks = wiring.tagging(settings), wiring.locks(settings)
        return tighten_product(verified.product, batch=verified.proposal, tagging=tagging, named=named, locks=locks)
    return commit_version(verified, using=wiring.committing(settings, named))
