"""The steps of `revoke-access`: mark as ending, stop notices, let the consumer clean up; then revoke the grants."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh.domain.access.grants import filter_name, unneeded
from mesh.domain.access.record import HOLDING, OVER, Access, Cause, lock_name
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    AccessDenied,
    AccessRevoked,
    Envelope,
    GrantEntry,
    Reason,
    RevocationRequested,
    metadata_of,
    read_event,
    stable_id,
)
from mesh.domain.governance.product_rights import owner_rights
from mesh.domain.model import Model
from mesh.ports import (
    LakeFormation,
    Locks,
    MemberTopics,
    Schedules,
    TaskAnswers,
)
from mesh.usecases.access.grant_access import READY, decided_of
from mesh.usecases.access.request_access import require_access
from mesh.usecases.access.request_approval import STEP, refuse, release_run
from mesh.usecases.authorisation import require_sender
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import Deliveries, cause_of, notify_member

RELEASED: Final = "released"


class MayNotRevoke(Rejected):
    """Only the owner, the account that holds the access, and central may end it."""


class NotEnding(Rejected):
    """Only an access marked as ending is revoked."""


class Ending(Model):
    """An order to end an access, from a schedule or another run."""

    access: str
    cause: Cause
    reason: str = ""
    why: Reason | None = None


class EndStep(Model):
    """`order` is a RevocationRequested envelope, or `{"ending": …}`; AccessReleased releases `token`, which is of one
    attempt of the `execution`."""

    order: dict[str, Any]
    token: str
    execution: str = ""


class Ended(Model):
    """`granted`: something may have to be revoked; `over`: it has ended, or goes on."""

    access: str
    granted: bool
    over: bool
    revoked: int = 0


def end_access(step: EndStep, *, context: CentralContext, topics: MemberTopics, answers: TaskAnswers) -> Ended:
    """Mark the access as ending (which no grant in flight survives), release waiting runs, stop its notices, and notify
    the receiving account and the owners. Idempotent; for an access that has ended the step completes at once.

    Raises NotAMember, ForgedSender, MalformedEvent, UnknownAccess, MayNotRevoke, ConcurrentChange.
    """
    access, cause, why = _ordered(step.order, context, topics)
    if access.status == "live" and (cause, why.code) == ("failed", "NotReady"):
        # The report that was waited for in vain came to another attempt's token.
        answers.send(step.token, json.dumps({"access": access.id, "over": True}))
        return Ended(access=access.id, granted=False, over=True)
    if access.status in OVER:
        if access.status == "ended" and access.granted and not access.released:
            _notify(access, step, context, topics)  # it was revoked though nobody could be told
        answers.send(step.token, json.dumps({"access": access.id, "over": True}))
        return Ended(access=access.id, granted=False, over=True)
    if access.status != "ending":
        said = f"ending ({cause}): {why.message}"
        access = context.accesses.save(access.moved("ending", context.clock.now(), said, cause=cause, reason=why))
        context.trace.note(access.correlation_id, "access ends", access=access.id, cause=cause)
    release_run(access, STEP, {"decision": "over"}, context, answers)
    release_run(access, READY, {"ready": False, "over": True}, context, answers)
    _stop_notices(access, context)
    if access.released:
        answers.send(step.token, json.dumps({"access": access.id}))
    else:
        _announce(access, step, context, topics)
    return Ended(access=access.id, granted=access.granted, over=False)


def _ordered(order: Mapping[str, Any], context: CentralContext, topics: MemberTopics) -> tuple[Access, Cause, Reason]:
    """Which access, and why. A sender that may not end it is notified; the rejection is recorded."""
    if "ending" in order:
        ending = Ending.model_validate(order["ending"])
        why = ending.why or Reason(code=ending.cause.capitalize(), message=ending.reason)
        return require_access(context, ending.access), ending.cause, why
    envelope = Envelope.model_validate(order)
    metadata = metadata_of(envelope)
    try:
        require_sender(envelope, context)
        request = read_event(RevocationRequested, envelope).data
        access = require_access(context, request.access)
        _require_party(access, envelope.account, context)
    except Rejected as refusal:
        refuse(envelope, refusal, metadata, context=context, topics=topics)
        raise
    return access, "revoked", Reason(code="Revoked", message=request.reason, where={"by": envelope.account})


def _require_party(access: Access, account: str, context: CentralContext) -> None:
    owners = {product.owner for name in access.products() if (product := context.registry.product(name)) is not None}
    if account not in {access.receiver, context.account, *owners}:
        raise MayNotRevoke(
            f"access {access.id} cannot be ended by account {account}",
            access=access.id,
            remedy="its owner, the account that holds it, and the data mesh owner can",
        )


def _stop_notices(access: Access, context: CentralContext) -> None:
    """Except of a retired product: `retire_product` unsubscribes whom it has told."""
    others = [other for other in context.accesses.held_by(access.receiver) if other.id != access.id]
    kept = {product for other in others if other.status in HOLDING for product in other.products()}
    for product in access.products():
        if access.granted and product not in kept and not _is_retired(product, context):
            context.registry.unsubscribe(product, access.receiver, context.clock.now())


def _is_retired(name: str, context: CentralContext) -> bool:
    product = context.registry.product(name)
    return product is not None and product.status == "retired"


def _announce(access: Access, step: EndStep, context: CentralContext, topics: MemberTopics) -> None:
    """Store the token, then notify the receiving account and the owners: once for an order, however often it comes."""
    context.accesses.keep_token(access.id, RELEASED, step.token, order=_order_id(step), execution=step.execution)
    _notify(access, step, context, topics)


def _order_id(step: EndStep) -> str:
    return stable_id(json.dumps(step.order, sort_keys=True))


def _notify(access: Access, step: EndStep, context: CentralContext, topics: MemberTopics) -> None:
    """The same event for the same order: a member that has it takes it once."""
    why = access.reason or Reason(code="Revoked", message="")
    cause = access.cause or "revoked"
    ended = AccessRevoked(access=access.id, receiver=access.receiver, what=access.request.what, cause=cause, reason=why)
    denied = AccessDenied(
        access=access.id, receiver=access.receiver, what=access.request.what, reason=why, granted=True
    )
    event = denied if cause == "failed" else ended
    parts, deliveries = ("ended", _order_id(step)), Deliveries()
    with deliveries.to(access.receiver):
        notify_member(access.receiver, event, cause_of(access), *parts, context=context, topics=topics)
    owners = {product.owner for name in access.products() if (product := context.registry.product(name)) is not None}
    for owner in sorted(owners - {access.receiver}):
        with deliveries.to(owner):
            notify_member(owner, ended, cause_of(access), *parts, context=context, topics=topics)
    deliveries.complete()
    context.trace.note(access.correlation_id, "end announced", access=access.id, cause=cause)


def revoke_grants(
    order: Mapping[str, Any], *, context: CentralContext, lake: LakeFormation, locks: Locks, schedules: Schedules
) -> Ended:
    """Revoke what no other access of the account, and no product of its own, needs, and drop the schedules; then the
    access has ended. Idempotent.

    Raises NotEnding for an access that was not marked as ending, ConcurrentChange.
    """
    access = require_access(context, _access_in(order))
    if access.status in OVER:
        return Ended(access=access.id, granted=access.granted, over=True)
    if access.status != "ending":
        raise NotEnding(f"access {access.id} is {access.status}, and was not marked as ending", access=access.id)
    with locks.hold(lock_name(access.receiver)):
        revoked = _revoke(access, context, lake) if access.granted else 0
        for name in ("warn", "end"):
            schedules.drop(f"{access.id}-{name}")
    if access.granted:
        _stop_notices(access, context)  # once more: it may have gone live while it was marked as ending
    if token := context.accesses.token(access.id, RELEASED):  # the account did not answer, or an order came twice
        context.accesses.drop_token(access.id, RELEASED, token)
    context.accesses.save(access.moved("ended", context.clock.now(), f"ended ({access.cause})"))
    context.trace.note(access.correlation_id, "access ended", access=access.id, cause=access.cause)
    return Ended(access=access.id, granted=access.granted, over=True, revoked=revoked)


def _access_in(order: Mapping[str, Any]) -> str:
    if "ending" in order:
        return Ending.model_validate(order["ending"]).access
    return read_event(RevocationRequested, Envelope.model_validate(order)).data.access


def _revoke(access: Access, context: CentralContext, lake: LakeFormation) -> int:
    """Returns the number of entries; under the same lock as granting."""
    found = decided_of(access)
    going = unneeded(found.entries, _needed(access, context))
    lake.revoke(_revocation(access.receiver, entry) for entry in going)
    for place, _ in found.row_filters():
        lake.delete_filter(place, filter_name(access.id))
    return len(going)


def _needed(access: Access, context: CentralContext) -> Iterator[tuple[GrantEntry, ...]]:
    for other in context.accesses.held_by(access.receiver):
        if other.id != access.id and other.status in HOLDING and other.granted and other.decided is not None:
            yield other.decided.entries
    for name in access.products():
        product = context.registry.product(name)
        if product is not None and product.owner == access.receiver:
            rights = owner_rights(context.account, name, "", product.crawl)
            yield tuple(GrantEntry(resource=resource, permissions=tuple(held)) for resource, held in rights)


def _revocation(principal: str, entry: GrantEntry) -> dict[str, Any]:
    permissions = list(entry.permissions)
    return {
        "Principal": {"DataLakePrincipalIdentifier": principal},
        "Resource": entry.resource,
        "Permissions": permissions,
        "PermissionsWithGrantOption": permissions,
    }
