"""Admit an account on behalf of the data mesh owner (`mesh admit`)."""

from typing import Any

from mesh.domain.governance.ontology import DOMAIN
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RegistrySettings, load
from mesh.usecases.membership.admit_member import AdmitMember, admit_member


class Settings(RegistrySettings):
    """The function's environment."""

    revoke_access_arn: str


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """`{account, role, domain, contact}` → MemberLeft."""
    settings = load(Settings)
    return admit_member(
        AdmitMember.model_validate(event),
        domains=tuple(wiring.ontology().keys[DOMAIN].values),
        context=wiring.central_context(settings),
        topics=wiring.member_topics(settings),
        endings=wiring.machine(settings.revoke_access_arn),
    )
