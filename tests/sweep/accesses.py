"""Flows of accesses: requested and granted, revoked, expired."""

import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from mesh.domain.access.record import OVER, access_id

from tests.sweep.publishing import published_once
from tests.sweep.stage import SECONDS, Stage, Subject
from tests.sweep.state import Seen


def request(stage: Stage, subject: Subject) -> None:
    """For a month, by the consumer; policy allows it."""
    stage.accesses.request(subject.product, event=subject.event)


def granted(stage: Stage, subject: Subject, seen: Seen) -> str:
    return _status(subject, seen, "live")


def _status(subject: Subject, seen: Seen, status: str) -> str:
    found = [access.status for access in seen.accesses if access.id == subject.access]
    return "" if found == [status] else f"{subject.access} is {found}"


def undone(stage: Stage, subject: Subject, seen: Seen) -> str:
    """The request failed, what was granted is gone, and its account was told why."""
    found = next((access for access in seen.accesses if access.id == subject.access), None)
    if found is None or found.status not in OVER:
        return ""
    kinds = ("AccessDenied", "AccessRevoked")
    told = any(stage.accesses.notices("consumer", kind, subject.access) for kind in kinds)
    return f"the access was undone, and announced: {found.cause or found.status}" if told else ""


TICK_SECONDS: Final = 11.0
"""The laptop's scheduler looks every ten seconds."""


def asks(stage: Stage, subjects: Sequence[Subject]) -> None:
    published_once(stage, subjects)
    for subject in subjects:
        _new_request(subject)


def _new_request(subject: Subject) -> None:
    subject.event = str(uuid.uuid4())
    subject.access = access_id(subject.event)


def asks_again(stage: Stage, subjects: Sequence[Subject]) -> None:
    """What is live ends first."""
    found = stage.observer.products([each.product for each in subjects], time.time())
    going_on = [access for seen in found.values() for access in seen.accesses if access.status not in OVER]
    for access in going_on:
        stage.accesses.revoke(access.id)
    for access in going_on:
        stage.accesses.wait(access.id, *OVER)
    for subject in subjects:
        _new_request(subject)


def live(stage: Stage, subjects: Sequence[Subject]) -> None:
    asks(stage, subjects)
    _become_live(stage, subjects)


def live_again(stage: Stage, subjects: Sequence[Subject]) -> None:
    asks_again(stage, subjects)
    _become_live(stage, subjects)


def _become_live(stage: Stage, subjects: Sequence[Subject]) -> None:
    for subject in subjects:
        request(stage, subject)
    for subject in subjects:
        stage.accesses.wait(subject.access, "live", seconds=SECONDS)


def revoke(stage: Stage, subject: Subject) -> None:
    stage.accesses.revoke(subject.access)


def ended(stage: Stage, subject: Subject, seen: Seen) -> str:
    return _status(subject, seen, "ended")


def expire(stage: Stage, subject: Subject) -> None:
    """Its schedule is due: what EventBridge Scheduler sends then, as the role that it has."""
    client, name = stage.mesh.client("central", "scheduler"), f"mesh-{subject.access}-end"
    found = client.get_schedule(Name=name)
    soon = (stage.mesh.now() + timedelta(seconds=1)).strftime("at(%Y-%m-%dT%H:%M:%S)")
    kept = ("FlexibleTimeWindow", "Target", "ActionAfterCompletion")
    client.update_schedule(Name=name, ScheduleExpression=soon, **{each: found[each] for each in kept if each in found})
