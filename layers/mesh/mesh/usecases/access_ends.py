"""The end of an access that is scheduled when it is granted, and comes sooner when the rules no longer allow it."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mesh.domain.access.record import Access, lock_name
from mesh.domain.events import AccessExpiring, Reason
from mesh.domain.membership.members import Member
from mesh.ports import Locks, MemberTopics, Schedules, Target
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import Deliveries, cause_of, member_message, notify_member

WARNING: Final = timedelta(days=7)
"""How long before its end an access is announced to end; of a short one, the last tenth."""
_AGAIN: Final = "request it again: mesh request"


@dataclass(frozen=True)
class Endings:
    """How an access that the rules no longer allow is ended: `after` so long, by the machine that ends accesses."""

    after: timedelta
    at_end: Target
    schedules: Schedules


def schedule_end(access: Access, at_end: Target, schedules: Schedules) -> None:
    """When it was granted until; moved where it is scheduled already."""
    reason = access.cut_short.message if access.cut_short else f"it was granted until {access.until}"
    ending = {"ending": {"access": access.id, "cause": "expired", "reason": reason}}
    schedules.at(f"{access.id}-end", access.until, at_end, json.dumps(ending))


def schedule_warning(access: Access, member: Member, caller: Target, schedules: Schedules) -> None:
    """The message itself, for Scheduler to publish; moved where it is scheduled already. An access that ends sooner
    takes the schedule with it."""
    when = warned_at(access)
    message = member_message(access.receiver, expiring(access), cause_of(access), "expiring", access.until, at=when)
    schedules.publish_at(f"{access.id}-warn", when, member.topic_arn, message, caller)


def warned_at(access: Access) -> datetime:
    """A week before the end, or when nine tenths of a shorter access are over."""
    return access.until - min(WARNING, (access.until - access.asked_at) / 10)


def cut_short(
    access: Access, what: str, *, endings: Endings, context: CentralContext, locks: Locks, topics: MemberTopics
) -> bool:
    """Let the access end soon, since the rules do not allow `what`; its holder and the owners are told when and why.

    False where it is not live by now. Its time is counted from the first call; one that was cut off is completed by
    the next, which is recorded last. Raises ConcurrentChange.
    """
    with locks.hold(lock_name(access.receiver)):
        moved = _moved_end(access.id, what, endings, context)
    if moved is None:
        return False
    _tell(moved, context, topics)
    if not moved.forewarned:
        context.accesses.save(moved.evolve(forewarned=True))
    return True


def _moved_end(number: str, what: str, endings: Endings, context: CentralContext) -> Access | None:
    """The access, whose end and warning are scheduled sooner; None where it is not live by now. Under the lock under
    which an access that ends drops its schedules."""
    access = context.accesses.access(number)
    if access is None or access.status != "live":
        return None
    now = context.clock.now()
    if access.cut_short is None:
        why = Reason(code="NoLongerAllowed", message=f"the rules no longer allow it: {what}", remedy=_AGAIN)
        until = min(access.until, now + endings.after)
        access = context.accesses.save(
            access.noted(now, f"ends {until.isoformat()}: {why.message}", until=until, cut_short=why)
        )
        context.trace.note(access.correlation_id, "access cut short", access=access.id, why=what)
    schedule_end(access, endings.at_end, endings.schedules)
    member = context.registry.member(access.receiver)
    if member is not None and warned_at(access) > now:
        schedule_warning(access, member, endings.at_end, endings.schedules)
    return access


def expiring(access: Access) -> AccessExpiring:
    """What is said before its end."""
    return AccessExpiring(
        access=access.id,
        receiver=access.receiver,
        what=access.request.what,
        reader=access.request.reader,
        until=access.until,
        reason=access.cut_short,
    )


def _tell(access: Access, context: CentralContext, topics: MemberTopics) -> None:
    event = expiring(access)
    owners = {product.owner for name in access.products() if (product := context.registry.product(name)) is not None}
    deliveries = Deliveries()
    for account in sorted({access.receiver, *owners}):
        with deliveries.to(account):
            notify_member(account, event, cause_of(access), "cut-short", context=context, topics=topics)
    deliveries.complete()
