"""The steps of `revoke-access`: end it in the record and stop its notices, let the consumer clean up, take it back."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

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
from mesh.usecases.access.grant_access import READY, RELEASED, decided_of
from mesh.usecases.access.request_access import require_access
from mesh.usecases.access.request_approval import STEP, refuse
from mesh.usecases.authorisation import require_sender
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import cause_of, notify_member


class MayNotRevoke(Rejected):
    """Only the owner, the account that has the access, and central end it."""


class Ending(Model):
    """An order to end an access, given by a schedule or by another run."""

    access: str
    cause: Cause
    reason: str = ""
    why: Reason | None = None


class Ended(Model):
    """`granted`: something may have to be taken back; `over`: it had ended before."""

    access: str
    granted: bool
    over: bool
    revoked: int = 0


def end_access(
    payload: Mapping[str, Any], *, context: CentralContext, topics: MemberTopics, answers: TaskAnswers
) -> Ended:
    """Mark the access as ending, which no grant in flight survives, release what waits, and stop its notices.

    `payload` is a RevocationRequested envelope, or `{"ending": …}`. A repeated one is success.
    Raises NotAMember, ForgedSender, MalformedEvent, UnknownAccess, MayNotRevoke, ConcurrentChange.
    """
    if "ending" in payload:
        order = Ending.model_validate(payload["ending"])
        access = require_access(context, order.access)
        why = order.why or Reason(code=order.cause.capitalize(), message=order.reason)
    else:
        envelope = Envelope.model_validate(payload)
        metadata = metadata_of(envelope)
        try:
            require_sender(envelope, context)
            wish = read_event(RevocationRequested, envelope).data
            access = require_access(context, wish.access)
            _require_party(access, envelope.account, context)
        except Rejected as refusal:
            refuse(envelope, refusal, metadata, context=context, topics=topics)
            raise
        order = Ending(access=access.id, cause="revoked", reason=wish.reason)
        why = Reason(code="Revoked", message=wish.reason, where={"by": envelope.account})
    if access.status in OVER:
        return Ended(access=access.id, granted=False, over=True)
    if access.status != "ending":
        said = f"ending ({order.cause}): {why.message}"
        access = context.accesses.save(access.moved("ending", context.clock.now(), said, cause=order.cause, reason=why))
        context.trace.note(access.correlation_id, "access ends", access=access.id, cause=order.cause)
    _release_waiting(access, context, answers)
    _stop_notices(access, context)
    return Ended(access=access.id, granted=access.granted, over=False)


def _require_party(access: Access, account: str, context: CentralContext) -> None:
    owners = {product.owner for name in access.products() if (product := context.registry.product(name)) is not None}
    if account not in {access.receiver, context.account, *owners}:
        raise MayNotRevoke(
            f"access {access.id} cannot be ended by account {account}",
            access=access.id,
            remedy="its owner, the account that has it, and the data mesh owner can",
        )


def _release_waiting(access: Access, context: CentralContext, answers: TaskAnswers) -> None:
    for step, output in ((STEP, {"decision": "over"}), (READY, {"ready": False, "over": True})):
        token = context.accesses.token(access.id, step)
        if token is not None:
            answers.send(token, json.dumps(output))
            context.accesses.drop_token(access.id, step, token)


def _stop_notices(access: Access, context: CentralContext) -> None:
    others = [other for other in context.accesses.held_by(access.receiver) if other.id != access.id]
    kept = {product for other in others if other.status in HOLDING for product in other.products()}
    for product in access.products():
        if access.granted and product not in kept:
            context.registry.unsubscribe(product, access.receiver)


def announce_end(access_id: str, token: str, execution: str, *, context: CentralContext, topics: MemberTopics) -> Ended:
    """Keep the token that AccessReleased will release, then tell the receiving account, and the owners."""
    access = require_access(context, access_id)
    context.accesses.keep_token(access.id, RELEASED, token)
    why = access.reason or Reason(code="Revoked", message="")
    cause = access.cause or "revoked"
    ended = AccessRevoked(access=access.id, receiver=access.receiver, what=access.request.what, cause=cause, reason=why)
    denied = AccessDenied(access=access.id, receiver=access.receiver, what=access.request.what, reason=why)
    told = denied if cause == "failed" else ended
    notify_member(access.receiver, told, cause_of(access), "ended", execution, context=context, topics=topics)
    owners = {product.owner for name in access.products() if (product := context.registry.product(name)) is not None}
    for owner in sorted(owners - {access.receiver}):
        notify_member(owner, ended, cause_of(access), "ended", execution, context=context, topics=topics)
    context.trace.note(access.correlation_id, "end announced", access=access.id, cause=cause)
    return Ended(access=access.id, granted=access.granted, over=False)


def revoke_grants(access_id: str, *, context: CentralContext, lake: LakeFormation, locks: Locks) -> Ended:
    """Take back what no other access of the account, and no product of its own, needs. Repeatable.

    Under the same lock as granting. Raises ConcurrentChange.
    """
    access = require_access(context, access_id)
    if not access.granted:
        return Ended(access=access.id, granted=False, over=False)
    with locks.hold(lock_name(access.receiver)):
        found = decided_of(access)
        going = unneeded(found.entries, _needed(access, context))
        lake.revoke(_revocation(access.receiver, entry) for entry in going)
        for place, _ in found.row_filters():
            lake.delete_filter(place, filter_name(access.id))
    _stop_notices(access, context)  # once more: it may have come alive while it was marked as ending
    return Ended(access=access.id, granted=True, over=False, revoked=len(going))


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


def record_ended(access_id: str, *, context: CentralContext, schedules: Schedules) -> Ended:
    """Nothing of it is left. Repeatable."""
    access = require_access(context, access_id)
    schedules.drop(f"{access.id}-warn")
    schedules.drop(f"{access.id}-end")
    if access.status not in OVER:
        access = context.accesses.save(access.moved("ended", context.clock.now(), f"ended ({access.cause})"))
    context.trace.note(access.correlation_id, "access ended", access=access.id, cause=access.cause)
    return Ended(access=access.id, granted=access.granted, over=True)
