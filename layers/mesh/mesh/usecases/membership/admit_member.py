"""Admit an account to the mesh: its topic and its record. Requested by the data mesh owner, or by the account
itself."""

from mesh.domain.errors import Rejected
from mesh.domain.events import AccountId, Envelope, Event, MemberJoined
from mesh.domain.membership.members import Member, Role
from mesh.domain.membership.self_admission import SelfAdmission
from mesh.domain.model import Model
from mesh.ports import Clock, MemberTopics, Registry


class AdmitMember(Model):
    """The owner's command (`mesh admit`)."""

    account: AccountId
    role: Role
    domain: str
    contact: str = ""


class UnknownDomain(Rejected):
    """A line of business that the ontology does not have."""


def admit_member(
    command: AdmitMember, *, domains: tuple[str, ...], registry: Registry, topics: MemberTopics, clock: Clock
) -> Member:
    """Create the member's topic and record it as admitted. Idempotent; a change of role or domain is recorded.

    Raises UnknownDomain.
    """
    _check_domain(command.domain, domains)
    known = registry.member(command.account)
    member = Member(
        account=command.account,
        role=command.role,
        domain=command.domain,
        contact=command.contact or (known.contact if known else ""),
        status="admitted",
        topic_arn=topics.create(command.account),
        since=known.since if known else clock.now(),
    )
    registry.put_member(member)
    return member


def join_requested(
    envelope: Envelope,
    *,
    rules: SelfAdmission,
    domains: tuple[str, ...],
    registry: Registry,
    topics: MemberTopics,
    clock: Clock,
) -> Member:
    """Handle `MemberJoined`: admitted at once where a rule of the owner's covers account, role and domain, otherwise
    pending until the owner admits it.

    A member that was admitted stays as it was admitted. Raises UnknownDomain.
    """
    request = Event[MemberJoined].model_validate(envelope.detail).data
    known = registry.member(envelope.account)
    if known is not None and known.status == "admitted":
        return known
    if rules.covers(envelope.account, request.role, request.domain):
        command = AdmitMember(
            account=envelope.account, role=request.role, domain=request.domain, contact=request.contact
        )
        return admit_member(command, domains=domains, registry=registry, topics=topics, clock=clock)
    _check_domain(request.domain, domains)
    member = Member(
        account=envelope.account,
        role=request.role,
        domain=request.domain,
        contact=request.contact,
        status="pending",
        since=known.since if known else clock.now(),
    )
    registry.put_member(member)
    return member


def _check_domain(domain: str, domains: tuple[str, ...]) -> None:
    if domain not in domains:
        raise UnknownDomain(
            f"there is no domain {domain!r} in the ontology",
            remedy=f"one of: {', '.join(domains)}; or add it to governance/ontology.yaml and deploy",
        )
