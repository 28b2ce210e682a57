"""`grant-access` after the decision: schedule the end, grant, notify the consumer, and record that it can read."""

from typing import Final

from mesh.domain.access.grants import filter_name
from mesh.domain.access.overtaken import became_stricter, stricter_columns
from mesh.domain.access.record import Access, AccessOver, Decided, UnknownAccess, lock_name
from mesh.domain.errors import Rejected
from mesh.domain.events import AccessGranted, whole_second
from mesh.domain.governance.ontology import Ontology
from mesh.domain.governance.product_rights import grant_entry
from mesh.domain.membership.authorisation import require_consumer
from mesh.domain.model import Model
from mesh.ports import (
    LakeFormation,
    Locks,
    MemberTopics,
    Schedules,
    Target,
)
from mesh.usecases.access.access_steps import WaitingStep
from mesh.usecases.access.request_access import require_access
from mesh.usecases.access_ends import schedule_end, schedule_warning
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import cause_of, notify_member
from mesh.usecases.named_accesses import tags_of_columns

READY: Final = "ready"


class AccessExpired(Rejected):
    """The access expired before it could be granted."""


class Granting(Model):
    """An access and the state it is in."""

    access: str
    status: str


def grant_access(
    step: WaitingStep,
    *,
    region: str,
    at_end: Target,
    context: CentralContext,
    lake: LakeFormation,
    locks: Locks,
    schedules: Schedules,
    topics: MemberTopics,
    ontology: Ontology,
) -> Granting:
    """Schedule the end, grant to the receiving account, schedule the warning before the end, and notify the account;
    its answer releases the step's token. Idempotent.

    In this order: no grant without an end, no notification or warning of what is not granted. Raises AccessOver,
    AccessExpired, BecameStricter, NotAMember and NotAllowedForRole of the receiving account, ConcurrentChange,
    NotPropagated.
    """
    access = require_access(context, step.access).require_going_on()
    # What ends drops its schedules under this lock: none is made after it.
    with locks.hold(lock_name(access.receiver)):
        access = require_access(context, access.id).require_going_on()
        member = require_consumer(access.receiver, context.registry.member(access.receiver))
        if access.status != "live":
            _grant(access, at_end=at_end, context=context, lake=lake, schedules=schedules, ontology=ontology)
            schedule_warning(access, member, at_end, schedules)
    return _announce(step, region, context, topics)


def _grant(
    access: Access,
    *,
    at_end: Target,
    context: CentralContext,
    lake: LakeFormation,
    schedules: Schedules,
    ontology: Ontology,
) -> None:
    """With grant option; recorded before and after. One at a time for each account, so that an access that ends
    meanwhile sees what this one needs. The account's membership may have changed since the decision, and so may the
    tags of columns by name: whoever tightens them looks at what is recorded by then."""
    found = decided_of(access)
    if access.until <= context.clock.now():
        raise AccessExpired(f"it would have ended at {access.until}", access=access.id, remedy="request it again")
    schedule_end(access, at_end, schedules)
    what = f"granting {len(found.entries)} entries to account {access.receiver}"
    access = context.accesses.save(access.moved("sharing", context.clock.now(), what, granted=True))
    if stricter := stricter_columns(access, tags_of_columns(lake), ontology):
        raise became_stricter(access.id, stricter)
    for place, columns in found.row_filters():
        lake.put_filter(place, filter_name(access.id), columns, found.row_filter)
    lake.grant(
        grant_entry(access.receiver, entry.resource, list(entry.permissions), grantable=True) for entry in found.entries
    )
    context.accesses.save(access.noted(context.clock.now(), "granted"))
    context.trace.note(access.correlation_id, "granted", access=access.id, entries=len(found.entries))


def decided_of(access: Access) -> Decided:
    """Raises UnknownAccess for an access that was never decided."""
    if access.decided is None:
        raise UnknownAccess(f"access {access.id} was not decided", access=access.id)
    return access.decided


def _announce(step: WaitingStep, region: str, context: CentralContext, topics: MemberTopics) -> Granting:
    """Store the token, then notify the receiving account: at each attempt, since it may have answered the one before,
    whose token resumes nothing any more."""
    context.accesses.keep_token(step.access, READY, step.token)
    try:
        access = require_access(context, step.access).require_going_on()  # what ends later finds the token
    except AccessOver:
        context.accesses.drop_token(step.access, READY, step.token)
        raise
    found = decided_of(access)
    event = AccessGranted(
        access=access.id,
        receiver=access.receiver,
        reader=access.request.reader,
        catalog_id=context.account,
        region=region,
        entries=found.entries,
        databases=found.databases,
        tables=found.tables[:1],
        what=access.request.what,
        purpose=access.request.purpose,
        until=access.until,
        left_out=found.left_out,
    )
    notify_member(access.receiver, event, cause_of(access), "granted", step.token, context=context, topics=topics)
    context.trace.note(access.correlation_id, "share announced", access=access.id, to=access.receiver)
    return Granting(access=access.id, status=access.status)


def record_live(access_id: str, proved_as: str, *, context: CentralContext) -> Granting:
    """The reader can read: from now on its account is notified of each version, unless it asks not to be. Idempotent.
    Raises AccessOver."""
    access = require_access(context, access_id).require_going_on()
    if access.status != "live":
        now, what = context.clock.now(), f"ready, verified by {proved_as or 'no query'}"
        for product in access.products():
            context.registry.follow_request(product, access.receiver, wanted=True, asked=whole_second(now))
        access = context.accesses.save(access.moved("live", now, what))
    context.trace.note(access.correlation_id, "access live", access=access.id)
    return Granting(access=access.id, status=access.status)
