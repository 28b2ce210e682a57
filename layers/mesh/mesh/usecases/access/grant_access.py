"""`grant-access` after the decision: arrange the end, grant, tell the consumer, and wait until it reads."""

import json
from datetime import datetime, timedelta
from typing import Final

from mesh.domain.access.grants import filter_name
from mesh.domain.access.record import HOLDING, Access, Decided, UnknownAccess, lock_name
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    AccessExpiring,
    AccessGranted,
    AccessNotReady,
    AccessReady,
    AccessReleased,
    Envelope,
    metadata_of,
    read_event,
)
from mesh.domain.governance.product_rights import grant_entry
from mesh.domain.model import Model
from mesh.ports import (
    LakeFormation,
    Locks,
    MemberTopics,
    Schedules,
    Target,
    TaskAnswers,
)
from mesh.usecases.access.request_access import require_access
from mesh.usecases.access.request_approval import refuse
from mesh.usecases.authorisation import require_sender
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import cause_of, notify_member

READY: Final = "ready"
RELEASED: Final = "released"
WARNING: Final = timedelta(days=7)
"""How long before its end an access is announced to end; of a short one, the last tenth."""


class AccessExpired(Rejected):
    """The end of the access came before it could be granted."""


class MayNotAnswer(Rejected):
    """An account reports on an access that is not its own."""


class Granting(Model):
    """An access and the state it is in."""

    access: str
    status: str


def schedule_end(access_id: str, *, end: Target, warn: Target, context: CentralContext, schedules: Schedules) -> None:
    """Arrange warning and end before anything is granted: no grant without an end. Repeatable.

    Raises AccessOver.
    """
    access = require_access(context, access_id).require_going_on()
    ending = {"ending": {"access": access.id, "cause": "expired", "reason": f"it was granted until {access.until}"}}
    schedules.at(f"{access.id}-end", access.until, end, json.dumps(ending))
    schedules.at(f"{access.id}-warn", warned_at(access), warn, json.dumps({"access": access.id}))


def warned_at(access: Access) -> datetime:
    """A week before the end, or when nine tenths of a shorter access are over."""
    return access.until - min(WARNING, (access.until - access.asked_at) / 10)


def grant_access(access_id: str, *, context: CentralContext, lake: LakeFormation, locks: Locks) -> Granting:
    """Grant to the receiving account, with grant option; written down before and after.

    One at a time for each account, so that an access that ends meanwhile sees what this one needs. Raises AccessOver,
    AccessExpired, ConcurrentChange.
    """
    with locks.hold(lock_name(require_access(context, access_id).receiver)):
        access = require_access(context, access_id).require_going_on()
        if access.status == "live":
            return Granting(access=access.id, status=access.status)
        found = decided_of(access)
        if access.until <= context.clock.now():
            raise AccessExpired(f"it would have ended at {access.until}", access=access.id, remedy="request it again")
        what = f"granting {len(found.entries)} entries to account {access.receiver}"
        access = context.accesses.save(access.moved("sharing", context.clock.now(), what, granted=True))
        for place, columns in found.row_filters():
            lake.put_filter(place, filter_name(access.id), columns, found.row_filter)
        lake.grant(
            grant_entry(access.receiver, entry.resource, list(entry.permissions), grantable=True)
            for entry in found.entries
        )
        access = context.accesses.save(access.noted(context.clock.now(), "granted"))
    context.trace.note(access.correlation_id, "granted", access=access.id, entries=len(found.entries))
    return Granting(access=access.id, status=access.status)


def decided_of(access: Access) -> Decided:
    """Raises UnknownAccess for one that was never decided."""
    if access.decided is None:
        raise UnknownAccess(f"access {access.id} was not decided", access=access.id)
    return access.decided


def announce_grant(
    access_id: str, token: str, execution: str, *, region: str, context: CentralContext, topics: MemberTopics
) -> Granting:
    """Keep the token that AccessReady will release, then tell the receiving account. Raises AccessOver."""
    access = require_access(context, access_id).require_going_on()
    context.accesses.keep_token(access.id, READY, token)
    found = decided_of(access)
    told = AccessGranted(
        access=access.id,
        receiver=access.receiver,
        reader=access.request.reader,
        catalog_id=context.account,
        region=region,
        entries=found.entries,
        databases=found.databases,
        tables=found.tables,
        what=access.request.what,
        purpose=access.request.purpose,
        until=access.until,
        left_out=found.left_out,
    )
    notify_member(access.receiver, told, cause_of(access), "granted", execution, context=context, topics=topics)
    context.trace.note(access.correlation_id, "share announced", access=access.id, to=access.receiver)
    return Granting(access=access.id, status=access.status)


def receive_answer(
    envelope: Envelope, *, context: CentralContext, topics: MemberTopics, answers: TaskAnswers
) -> Granting:
    """AccessReady, AccessNotReady or AccessReleased of the receiving account releases the run that waits for it.

    One that nobody waits for (late, or delivered twice) changes nothing. Raises NotAMember, ForgedSender,
    MalformedEvent, MayNotAnswer, UnknownAccess.
    """
    metadata = metadata_of(envelope)
    try:
        require_sender(envelope, context)
        number, step, output = _answer_in(envelope)
        access = require_access(context, number)
        if access.receiver != envelope.account:
            raise MayNotAnswer(f"access {access.id} is account {access.receiver}'s", account=envelope.account)
    except Rejected as refusal:
        refuse(envelope, refusal, metadata, context=context, topics=topics)
        raise
    token = context.accesses.token(access.id, step)
    heard = token is not None and answers.send(token, json.dumps(output))
    if token is not None:
        context.accesses.drop_token(access.id, step, token)
    context.trace.note(access.correlation_id, envelope.detail_type, access=access.id, heard=heard)
    return Granting(access=access.id, status=access.status)


def _answer_in(envelope: Envelope) -> tuple[str, str, dict[str, object]]:
    """(access, the step that waits for it, what that step is told)."""
    if envelope.detail_type == AccessReady.detail_type():
        ready = read_event(AccessReady, envelope).data
        return ready.access, READY, {"ready": True, **ready.model_dump(mode="json")}
    if envelope.detail_type == AccessNotReady.detail_type():
        failed = read_event(AccessNotReady, envelope).data
        return failed.access, READY, {"ready": False, **failed.model_dump(mode="json")}
    released = read_event(AccessReleased, envelope).data
    return released.access, RELEASED, released.model_dump(mode="json")


def record_live(access_id: str, proof: dict[str, object], *, context: CentralContext) -> Granting:
    """The reader reads: from now on the account is told of each version. Repeatable. Raises AccessOver."""
    access = require_access(context, access_id).require_going_on()
    for product in access.products():
        context.registry.subscribe(product, access.receiver, context.clock.now())
    if access.status != "live":
        proved = proof.get("proved_as") or "no query"
        access = context.accesses.save(access.moved("live", context.clock.now(), f"ready, proven by {proved}"))
    context.trace.note(access.correlation_id, "access live", access=access.id)
    return Granting(access=access.id, status=access.status)


def warn_expiry(access_id: str, *, context: CentralContext, topics: MemberTopics) -> Granting:
    """Tell the receiving account that an access ends soon; one that has ended is passed over."""
    access = require_access(context, access_id)
    if access.status in HOLDING and access.until > context.clock.now():
        told = AccessExpiring(
            access=access.id,
            receiver=access.receiver,
            what=access.request.what,
            reader=access.request.reader,
            until=access.until,
        )
        notify_member(access.receiver, told, cause_of(access), "expiring", access.until, context=context, topics=topics)
        context.trace.note(access.correlation_id, "expiry announced", access=access.id)
    return Granting(access=access.id, status=access.status)
