"""The first steps of `grant-access`: record a request, decide it on what it would expose now, or deny it."""

from collections.abc import Mapping
from typing import Any, Literal

from mesh.domain.access.decision import grown
from mesh.domain.access.personas import Personas
from mesh.domain.access.policy import Course, Policies
from mesh.domain.access.record import OVER, Access, AlreadyRequested, Decided, UnknownAccess, access_id
from mesh.domain.access.renamed_accesses import access_by_new_names, request_by_new_names
from mesh.domain.access.request import AccessRequest, normal_form
from mesh.domain.contracts.product import UnknownProduct
from mesh.domain.events import (
    AccessDenied,
    AccessRequested,
    Envelope,
    Reason,
    metadata_of,
    read_event,
    whole_second,
)
from mesh.domain.governance.ontology import PRODUCT
from mesh.domain.membership.authorisation import NotAMember, require_consumer
from mesh.domain.model import Model
from mesh.ports import CatalogState, Executions, MemberTopics, Registry
from mesh.usecases.access.preview_access import check_known
from mesh.usecases.access_decision import current_decision
from mesh.usecases.authorisation import same_event, sender_of
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import notify_member


class Requested(Model):
    """The access that a request became; `duplicate`: another run is at work on it."""

    access: str
    duplicate: bool = False


class Verdict(Model):
    """The next step; `superseded`: none, since another run is working on it. `rounds`: seconds to wait for an
    answer, then after a reminder, then after escalation."""

    access: str
    effect: Course | Literal["superseded"]
    rounds: tuple[int, ...]
    reason: Reason


def decide_request(
    envelope: Envelope,
    *,
    execution: str,
    context: CentralContext,
    catalog: CatalogState,
    policies: Policies,
    personas: Personas,
    runs: Executions,
) -> Verdict:
    """Record the request of an authorised sender, once, and decide it on what it would expose now. After an approval it
    is decided again.

    Raises what `authorise`, `receive_request` and `decide_access` raise; `deny_access` records it.
    """
    _, _, received = sender_of(envelope, execution=execution, records=context)
    if context.accesses.access(access_id(metadata_of(envelope).id)) is None:
        context.trace.keep(received)
    taken = receive_request(
        envelope,
        execution=execution,
        context=context,
        catalog=catalog,
        policies=policies,
        personas=personas,
        runs=runs,
    )
    if taken.duplicate:
        known = Reason(code="Superseded", message="another run is at work on it")
        return Verdict(access=taken.access, effect="superseded", rounds=(), reason=known)
    return decide_access(taken.access, context=context, catalog=catalog, policies=policies)


def receive_request(
    envelope: Envelope,
    *,
    execution: str,
    context: CentralContext,
    catalog: CatalogState,
    policies: Policies,
    personas: Personas,
    runs: Executions,
) -> Requested:
    """Record the request of an admitted consumer; a redelivered one is the same access.

    Raises what `normal_form` raises, MalformedEvent, NotAMember, UnknownProduct, UnknownLFTag, AlreadyRequested.
    """
    event = read_event(AccessRequested, envelope)
    member = context.registry.member(envelope.account)
    if member is None:
        raise NotAMember(f"account {envelope.account} is not a member of this mesh", account=envelope.account)
    number = access_id(event.metadata.id)
    known = context.accesses.access(number)
    if known is not None:
        return _again(known, envelope.account, execution, context, runs)
    now = context.clock.now()
    asked = request_by_new_names(event.data, policies, now.date())
    reader, persona = personas.role_of(asked.reader)
    request = normal_form(asked, reader=reader, persona=persona, purposes=policies.purposes, now=now)
    _require_known(request, context, catalog)
    access = context.accesses.open(
        Access(
            id=number,
            receiver=envelope.account,
            receiver_domains=member.domains,
            request=request,
            status="requested",
            until=request.until,
            event_id=event.metadata.id,
            correlation_id=event.metadata.correlation_id,
            asked_at=now,
            execution=execution,
        ).noted(now, f"requested for {request.purpose}")
    )
    if access.execution != execution:  # the event was delivered twice at once, and the other run came first
        return _again(access, envelope.account, execution, context, runs)
    context.trace.note(access.correlation_id, "access requested", access=access.id, resource=request.what)
    return Requested(access=access.id)


def _again(known: Access, account: str, execution: str, context: CentralContext, runs: Executions) -> Requested:
    """A second delivery leaves the work to the first run; a run that is started again takes over from one that
    failed. Raises AlreadyRequested for an event of another account."""
    if known.receiver != account:
        raise AlreadyRequested("another account has sent an event of that id", remedy="give each event its own id")
    if known.execution == execution:
        return Requested(access=known.id)
    if known.status in ("live", "ending", *OVER) or runs.running(known.execution):
        return Requested(access=known.id, duplicate=True)
    context.accesses.save(known.evolve(execution=execution))
    return Requested(access=known.id)


def _require_known(request: AccessRequest, context: CentralContext, catalog: CatalogState) -> None:
    if not request.product:
        check_known(request.tags, catalog.tag_values())
        return
    require_offered(request.product, context.registry)


def require_access(context: CentralContext, access_id: str) -> Access:
    """Raises UnknownAccess."""
    access = context.accesses.access(access_id)
    if access is None:
        raise UnknownAccess(f"there is no request or grant {access_id!r}", remedy="mesh requests, mesh grants")
    return access


def decide_access(access_id: str, *, context: CentralContext, catalog: CatalogState, policies: Policies) -> Verdict:
    """Preview on the catalog's tags as they are now, then policy, for the account's role and domains as they are now.
    An approval stands unless more is exposed now, and for no more than is allowed now.

    A granted access is not decided again: denying it would mean revoking it. Raises NotAMember, NotAllowedForRole,
    NotInCatalog, AmbiguousRequest, UntilTooFar, AccessOver.
    """
    access = access_by_new_names(require_access(context, access_id).require_going_on(), policies)
    now, rounds = context.clock.now(), policies.approval.rounds()
    if access.granted and access.decided is not None:
        return Verdict(access=access.id, effect="allow", rounds=rounds, reason=_reason(access.decided))
    member = require_consumer(access.receiver, context.registry.member(access.receiver))
    access = access.evolve(receiver_domains=member.domains)
    found = current_decision(access, context, catalog, policies)
    if found.course == "deny":
        return Verdict(access=access.id, effect="deny", rounds=rounds, reason=_reason(found))
    before = access.decided
    other = before is not None and _is_other(before, found, narrowed=access.narrowed)
    if before is not None and access.narrowed and not other:
        found = before
    if before is not None and access.status == "granting" and not other:
        if found != before:
            context.accesses.save(access.noted(now, "the rules give less by now", decided=found).require_room())
        return Verdict(access=access.id, effect="allow", rounds=rounds, reason=_reason(found))
    if other:
        spent = (*access.spent_answers, *(answer.event_id for answer in access.answers))
        access = access.noted(
            now,
            "what it exposes has changed since approval was requested",
            answers=(),
            spent_answers=spent,
            asked_anew=whole_second(now),
            narrowed=False,
            escalated=False,
        )
    context.accesses.save(
        access.moved(
            "waiting" if found.course == "require_approval" else "granting",
            now,
            f"{found.effect}: {', '.join(found.rules)}",
            decided=found,
            answer_by=now + policies.approval.deny_after if found.course == "require_approval" else None,
        ).require_room()
    )
    context.trace.note(access.correlation_id, f"access: {found.effect}", access=access.id, rules=list(found.rules))
    return Verdict(access=access.id, effect=found.course, rounds=rounds, reason=_reason(found))


def _is_other(before: Decided, found: Decided, *, narrowed: bool) -> bool:
    """Whether an approval of `before` does not cover what would be granted now.

    Of what an approver has narrowed exactly the columns in `before` are granted, by name: they must be
    unchanged, and everybody who has to approve now must have been asked. Other exposed columns do not matter.
    Where nothing is exposed today, the grants themselves must be unchanged.
    """
    if narrowed:
        return bool(grown(found, before) or set(found.approvers) - set(before.approvers))
    if not found.columns:
        return found.entries != before.entries or not set(found.approvers) <= set(before.approvers)
    return bool(grown(before, found))


def require_offered(name: str, registry: Registry) -> None:
    """Raises UnknownProduct, also for a draft and a retired product."""
    product = registry.product(name)
    if product is None or not product.is_offered:
        raise UnknownProduct(f"unknown product {name!r}", product=name, remedy="mesh products lists them")


def _reason(found: Decided) -> Reason:
    left_out = f"; left out: {'; '.join(found.left_out)}" if found.left_out and found.course != "deny" else ""
    rules = ", ".join(found.rules) or "no rule"
    return Reason(
        code="DeniedByPolicy" if found.effect == "deny" else "AllowedByPolicy",
        message=f"{found.why}{left_out}",
        where={"rules": rules},
        remedy="request less, or another purpose; mesh preview shows what would be exposed"
        if found.effect == "deny"
        else "",
    )


def deny_access(
    envelope: Envelope, reason: Mapping[str, Any], *, context: CentralContext, topics: MemberTopics
) -> Requested:
    """Record why a request is denied, and notify the requester if it is a member. Idempotent.

    An event that repeats the id of a granted access does not change that access.
    """
    metadata = metadata_of(envelope)
    number = access_id(metadata.id)
    why = Reason.model_validate(reason)
    access = context.accesses.access(number)
    if access is not None and access.receiver != envelope.account:
        access = None  # another account's: nothing about it is disclosed
    if access is None or access.granted:
        now = context.clock.now()
        context.registry.record_refusal(
            envelope.account, envelope.detail_type, why.model_dump(), now, event=same_event(envelope)
        )
    if access is not None and access.granted:  # a granted access is ended instead, which revokes it
        context.trace.note(metadata.correlation_id, "refused", event=envelope.detail_type, reason=why.model_dump())
        return Requested(access=number, duplicate=True)
    if access is not None and access.status not in OVER:
        access = context.accesses.save(
            access.moved("denied", context.clock.now(), f"denied: {why.message}", reason=why)
        )
    event = AccessDenied(
        access=number,
        receiver=envelope.account,
        what=access.request.what if access else _as_asked(envelope),
        reason=why,
    )
    notify_member(envelope.account, event, metadata, "denied", context=context, topics=topics)
    context.trace.note(metadata.correlation_id, "access denied", access=number, reason=why.model_dump())
    return Requested(access=number)


def _as_asked(envelope: Envelope) -> str:
    return envelope.quoted(PRODUCT) or envelope.quoted("expression")
