"""Admit an account to the mesh: to central's bus, with a topic and a record of its own. By the owner's command, or as
the account itself requests. And the way back: one that is expelled, or no consumer any more, loses what rested on that.
"""

import json

from pydantic import Field

from mesh.domain.errors import Rejected
from mesh.domain.events import AccountId, Envelope, Event, MemberJoined
from mesh.domain.membership.authorisation import NotAMember
from mesh.domain.membership.members import Domains, Member, Role
from mesh.domain.membership.self_admission import SelfAdmission
from mesh.domain.model import Model
from mesh.domain.names import execution_name
from mesh.ports import BusPermissions, Clock, Executions, MemberTopics, Registry
from mesh.usecases.central_context import CentralContext


class AdmitMember(Model):
    """The owner's command (`mesh admit`)."""

    account: AccountId
    role: Role
    domains: Domains
    contact: str = ""


class UnknownDomain(Rejected):
    """A line of business that the ontology does not have."""


class ExpelMember(Model):
    """The owner's command (`mesh expel`)."""

    account: AccountId
    reason: str = Field(min_length=1, max_length=1000)


class MemberLeft(Model):
    """The member as it is recorded now, and the accesses that are being ended."""

    member: Member
    ending: tuple[str, ...]


def admit_member(
    command: AdmitMember,
    *,
    domains: tuple[str, ...],
    context: CentralContext,
    bus: BusPermissions,
    topics: MemberTopics,
    endings: Executions,
) -> MemberLeft:
    """Let the member onto central's bus, create its topic and record it as admitted; an account that is no consumer
    (any more) keeps no access. Idempotent; a change of role or domains is recorded.

    Raises UnknownDomain, BusPolicyFull.
    """
    member = _admit(command, domains=domains, registry=context.registry, bus=bus, topics=topics, clock=context.clock)
    why = f"account {member.account} is no consumer of this mesh any more"
    ending = () if "consumer" in member.roles() else _end_accesses(member.account, why, context, endings)
    return MemberLeft(member=member, ending=ending)


def restore_members(*, registry: Registry, bus: BusPermissions) -> tuple[str, ...]:
    """Let all admitted members onto a bus that was made again: the record outlives central's stack, the bus does not.
    Idempotent. Returns their accounts.
    """
    accounts = tuple(member.account for member in registry.members() if member.status == "admitted")
    for account in accounts:
        bus.allow(account)
    return accounts


def expel_member(
    command: ExpelMember,
    *,
    context: CentralContext,
    bus: BusPermissions,
    topics: MemberTopics,
    endings: Executions,
) -> MemberLeft:
    """Record that an account is no member any more, take it off central's bus, end its accesses, delete its topic. In
    that order: nothing is granted after the record, and a call that was cut off is completed by the next. Idempotent.

    Its events are refused, also where the whole organization may put events, and its own requests to join change
    nothing: the owner can admit it again.

    Raises NotAMember.
    """
    known = context.registry.member(command.account)
    if known is None:
        raise NotAMember(f"account {command.account} is not a member of this mesh", account=command.account)
    member = known.evolve(status="expelled", topic_arn="")
    context.registry.put_member(member)
    bus.withdraw(member.account)
    why = f"account {member.account} was expelled from this mesh: {command.reason}"
    ending = _end_accesses(member.account, why, context, endings)
    topics.delete(member.account)
    return MemberLeft(member=member, ending=ending)


def _end_accesses(account: str, why: str, context: CentralContext, endings: Executions) -> tuple[str, ...]:
    """Requests that wait for a decision as well; and it is not told of versions any more."""
    for product in list(context.registry.product_names()):
        context.registry.unsubscribe(product, account)
    going_on = tuple(access.id for access in context.accesses.held_by(account))
    token = f"left-{int(context.clock.now().timestamp())}"
    for access in going_on:
        order = {"ending": {"access": access, "cause": "revoked", "reason": why}}
        endings.start(execution_name(access, token), json.dumps(order))
    return going_on


def _admit(
    command: AdmitMember,
    *,
    domains: tuple[str, ...],
    registry: Registry,
    bus: BusPermissions,
    topics: MemberTopics,
    clock: Clock,
) -> Member:
    _check_domains(command.domains, domains)
    known = registry.member(command.account)
    bus.allow(command.account)
    member = Member(
        account=command.account,
        role=command.role,
        domains=command.domains,
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
    bus: BusPermissions,
    topics: MemberTopics,
    clock: Clock,
) -> Member:
    """Handle `MemberJoined`: admitted at once where a rule of the owner's covers account, role and domains, otherwise
    pending until the owner admits it.

    A member that was admitted stays as it was admitted, one that was expelled stays expelled. Raises UnknownDomain,
    BusPolicyFull.
    """
    request = Event[MemberJoined].model_validate(envelope.detail).data
    known = registry.member(envelope.account)
    if known is not None and known.status != "pending":
        return known
    if rules.covers(envelope.account, request.role, request.domains):
        command = AdmitMember(
            account=envelope.account, role=request.role, domains=request.domains, contact=request.contact
        )
        return _admit(command, domains=domains, registry=registry, bus=bus, topics=topics, clock=clock)
    _check_domains(request.domains, domains)
    member = Member(
        account=envelope.account,
        role=request.role,
        domains=request.domains,
        contact=request.contact,
        status="pending",
        since=known.since if known else clock.now(),
    )
    registry.put_member(member)
    return member


def _check_domains(asked: tuple[str, ...], known: tuple[str, ...]) -> None:
    for domain in asked:
        if domain not in known:
            raise UnknownDomain(
                f"there is no domain {domain!r} in the ontology",
                remedy=f"one of: {', '.join(known)}; or add it to governance/ontology.yaml and deploy",
            )
