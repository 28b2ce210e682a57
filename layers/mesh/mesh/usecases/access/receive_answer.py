"""Answers about an access: the owners' decisions, and the receiving account's reports.

Each answer resumes the run that waits for it, by the task token that the run stored in the registry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mesh.domain.access.record import ENDING, HOLDING, Access, ReaderCheck
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    AccessChecked,
    AccessDecided,
    AccessNotReady,
    AccessReady,
    AccessReleased,
    Envelope,
    Metadata,
    metadata_of,
    read_event,
)
from mesh.domain.model import Model
from mesh.ports import MemberTopics, TaskAnswers
from mesh.usecases.access.end_access import RELEASED
from mesh.usecases.access.grant_access import READY, record_live
from mesh.usecases.access.request_access import require_access
from mesh.usecases.access.request_approval import STEP, decision_of, refuse, release_run, take_decision
from mesh.usecases.authorisation import require_sender
from mesh.usecases.central_context import CentralContext

CHECKED: Final = "checked"
"""The step of a check; no run waits there."""


class MayNotAnswer(Rejected):
    """An account reports on another account's access, or answers what it cannot have been asked."""


class Answered(Model):
    """An access and the state it is in. `settled`: all answers are in; `resumed`: a run waited for this."""

    access: str
    status: str
    settled: bool
    resumed: bool


@dataclass(frozen=True)
class _Answer:
    """A parsed answer: its access, the step at which a run waits, the run's output and the trace entry. `output` is
    None until all approvers have decided."""

    access: Access
    step: str
    output: dict[str, Any] | None
    noted: str


def receive_answer(
    envelope: Envelope, *, context: CentralContext, topics: MemberTopics, answers: TaskAnswers
) -> Answered:
    """Accept an answer, or reject it and notify its sender why.

    An answer that no run waits for (late, or delivered twice) changes nothing. Raises NotAMember, ForgedSender,
    MalformedEvent, UnknownAccess, MayNotAnswer, ConcurrentChange; of a decision MayNotDecide, DecidedAlready,
    ExceedsRequest, AmbiguousRequest.
    """
    metadata = metadata_of(envelope)
    try:
        require_sender(envelope, context)
        found = _READERS[envelope.detail_type](envelope, metadata, context)
    except Rejected as refusal:
        refuse(envelope, refusal, metadata, context=context, topics=topics)
        raise
    access = found.access
    resumed = found.output is not None and release_run(access, found.step, found.output, context, answers)
    context.trace.note(access.correlation_id, found.noted, access=access.id, resumed=resumed)
    return Answered(access=access.id, status=access.status, settled=found.output is not None, resumed=resumed)


def _decided(envelope: Envelope, metadata: Metadata, context: CentralContext) -> _Answer:
    access = take_decision(envelope, metadata, context)
    decision = read_event(AccessDecided, envelope).data.decision
    return _Answer(access, STEP, decision_of(access), f"{decision} by {envelope.account}")


def _ready(envelope: Envelope, _: Metadata, context: CentralContext) -> _Answer:
    """The reader can read: if a run still waits for that, and has not revoked the grant, the access goes live."""
    data = read_event(AccessReady, envelope).data
    found = _reported(envelope, data.access, READY, {"ready": True}, context)
    if context.accesses.token(data.access, READY) is not None:
        record_live(data.access, data.proved_as, context=context)
    return found


def _not_ready(envelope: Envelope, _: Metadata, context: CentralContext) -> _Answer:
    data = read_event(AccessNotReady, envelope).data
    return _reported(envelope, data.access, READY, {"ready": False, "reason": data.reason.model_dump()}, context)


def _released(envelope: Envelope, _: Metadata, context: CentralContext) -> _Answer:
    """Kept with the access, also where it ended without waiting any longer: a run that is started again is not answered
    again, and another order tells nobody again."""
    data = read_event(AccessReleased, envelope).data
    found = _reported(envelope, data.access, RELEASED, {"access": data.access}, context)
    if found.access.status in ENDING and not found.access.released:
        context.accesses.save(found.access.evolve(released=True))
    return found


def _checked(envelope: Envelope, _: Metadata, context: CentralContext) -> _Answer:
    """Kept with an access that is held, for the reconciliation that asked. No run waits for it. An answer to an earlier
    question, which comes late or again, changes nothing."""
    data = read_event(AccessChecked, envelope).data
    found = _reported(envelope, data.access, CHECKED, {}, context)
    if data.asked > context.clock.now():
        raise MayNotAnswer(f"access {data.access} was not asked about at {data.asked}", account=envelope.account)
    if found.access.status not in HOLDING:
        return found
    before, check = found.access.checked, ReaderCheck(run=data.run, asked=data.asked, reason=data.reason)
    if data.grants and data.grants != found.access.passed_on and (data.reason is None or check.suspended):
        saved = context.accesses.save(found.access.evolve(passed_on=data.grants))
        found = replace(found, access=saved)
    if before is not None and (before.asked > check.asked or before == check):
        return found
    access = found.access.evolve(checked=check)
    if (before is not None and before.suspended) != check.suspended:
        access = access.noted(
            context.clock.now(), "suspended: its reader's role is gone" if check.suspended else "resumed"
        )
    context.accesses.save(access)
    return found


def _reported(envelope: Envelope, number: str, step: str, output: dict[str, Any], context: CentralContext) -> _Answer:
    access = require_access(context, number)
    if access.receiver != envelope.account:
        raise MayNotAnswer(f"access {access.id} is account {access.receiver}'s", account=envelope.account)
    return _Answer(access, step, output, envelope.detail_type)


_READERS: Mapping[str, Callable[[Envelope, Metadata, CentralContext], _Answer]] = {
    AccessDecided.detail_type(): _decided,
    AccessReady.detail_type(): _ready,
    AccessNotReady.detail_type(): _not_ready,
    AccessReleased.detail_type(): _released,
    AccessChecked.detail_type(): _checked,
}
"""How an event of each type is read."""
