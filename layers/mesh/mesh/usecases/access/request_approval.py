"""Approval by the data owners: the request, its reminder and escalation, and the decision."""

import json
from collections.abc import Sequence
from typing import Any

from mesh.domain.access.decision import narrow_approval
from mesh.domain.access.record import Access, Answer, DecidedAlready, Status
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    AccessDecided,
    DecisionRefused,
    DecisionRequested,
    Envelope,
    Event,
    Metadata,
    Reason,
    follow,
    read_event,
)
from mesh.domain.model import Model
from mesh.ports import MemberTopics, Message, TaskAnswers
from mesh.usecases.access.request_access import require_access
from mesh.usecases.authorisation import record_refusal
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import Deliveries, cause_of, notify_member

STEP = "decision"
ESCALATION = 2
"""The round from which central's steward may decide instead of the owners."""


class MayNotDecide(Rejected):
    """A decision by an account that is not an approver: it does not own what is exposed."""


class ApprovalRequested(Model):
    """The accounts that were asked for approval."""

    access: str
    notified: tuple[str, ...]


def request_approval(
    access_id: str,
    number: int,
    token: str,
    *,
    context: CentralContext,
    steward_topic: str,
    topics: MemberTopics,
    answers: TaskAnswers,
) -> ApprovalRequested:
    """Store the token, then ask every approver that has not answered; round `number` counts reminders.

    An answer that arrived between two rounds resumes the run at once. Raises AccessOver.
    """
    context.accesses.keep_token(access_id, STEP, token)
    access = require_access(context, access_id)  # an answer that this does not see yet finds the token
    if (decided := decision_of(access)) is not None:
        release_run(access, STEP, decided, context, answers)
        return ApprovalRequested(access=access.id, notified=())
    access = access.require_going_on()
    if number >= ESCALATION and not access.escalated:
        access = context.accesses.save(
            access.noted(context.clock.now(), "escalated to the data mesh owner", escalated=True)
        )
    notified, deliveries = [], Deliveries()
    # A request about other data needs another id: the same one would be taken for a redelivery.
    this = (STEP, access.answer_by, number)
    for account in _asked(access, context):
        question = access.question(number)
        with deliveries.to(account):
            if account == context.account:
                event = Event[DecisionRequested](metadata=follow(cause_of(access), *this, account), data=question)
                topics.publish(steward_topic, Message(question.detail_type(), event.model_dump_json()))
                notified.append(account)
            elif notify_member(account, question, cause_of(access), *this, context=context, topics=topics):
                notified.append(account)
    deliveries.complete()
    what = "approval requested" if number == 0 else "approval requested again"
    context.trace.note(access.correlation_id, what, access=access.id, approvers=notified)
    return ApprovalRequested(access=access.id, notified=tuple(notified))


def _asked(access: Access, context: CentralContext) -> list[str]:
    approvers = access.decided.approvers if access.decided else ()
    answered = {answer.account for answer in access.answers}
    waiting = [account for account in approvers if account not in answered]
    return [*waiting, context.account] if access.escalated and context.account not in waiting else waiting


def refuse(
    envelope: Envelope, refusal: Rejected, metadata: Metadata, *, context: CentralContext, topics: MemberTopics
) -> None:
    """Record that an event about an access was rejected, and notify the sender."""
    number = envelope.quoted("access")
    record_refusal(envelope, refusal, context)
    event = DecisionRefused(access=number, reason=Reason.model_validate(refusal.to_dict()))
    notify_member(envelope.account, event, metadata, "refused", context=context, topics=topics)


def take_decision(envelope: Envelope, metadata: Metadata, context: CentralContext) -> Access:
    """Record an approver's decision. Raises MalformedEvent, MayNotDecide, DecidedAlready, UnknownAccess,
    ExceedsRequest, AmbiguousRequest."""
    decided = read_event(AccessDecided, envelope).data
    access = require_access(context, decided.access)
    if metadata.id in {*access.spent_answers, *(answer.event_id for answer in access.answers)}:
        return access  # delivered again
    _require_asked(access, envelope.account, context)
    if decided.decision == "approve" and access.asked_anew is not None and metadata.time < access.asked_anew:
        raise DecidedAlready(
            f"access {access.id} exposes other data since {access.asked_anew.isoformat()}, when this was sent already",
            access=access.id,
            remedy="mesh requests shows what it exposes now; mesh approve or mesh deny it again",
        )
    answer = Answer(
        account=envelope.account,
        decision=decided.decision,
        reason=decided.reason,
        at=context.clock.now(),
        event_id=metadata.id,
    )
    given = (*access.answers, answer)
    what = f"{decided.decision} by {envelope.account}: {decided.reason}"
    if decided.decision == "deny":
        why = Reason(code="DeniedByOwner", message=decided.reason, where={"by": envelope.account})
        return context.accesses.save(access.moved("denied", context.clock.now(), what, answers=given, reason=why))
    changes: dict[str, object] = {"answers": given}
    if decided.until is not None or decided.columns:
        until = decided.until or access.until
        narrowed = (
            narrow_approval(access.decided, decided.columns, decided.until, requested_until=access.until)
            if access.decided
            else None
        )
        changes |= {"decided": narrowed, "until": until, "narrowed": access.narrowed or bool(decided.columns)}
    status: Status = "granting" if _complete(access, given, context) else "waiting"
    return context.accesses.save(access.moved(status, context.clock.now(), what, **changes))


def _require_asked(access: Access, account: str, context: CentralContext) -> None:
    approvers = access.decided.approvers if access.decided else ()
    if account not in approvers and not (access.escalated and account == context.account):
        raise MayNotDecide(
            f"account {account} is not an approver of {access.id}",
            access=access.id,
            account=account,
            remedy=f"approvers: {', '.join(approvers) or 'none'}",
        )
    if access.status != "waiting" or any(answer.account == account for answer in access.answers):
        raise DecidedAlready(
            f"access {access.id} is {access.status}, and is not waiting for a decision by account {account}",
            access=access.id,
            remedy="mesh requests shows its status; mesh revoke ends it",
        )


def _complete(access: Access, given: Sequence[Answer], context: CentralContext) -> bool:
    answered = {answer.account for answer in given}
    approvers = set(access.decided.approvers) if access.decided else set()
    return approvers <= answered or (access.escalated and context.account in answered)


def decision_of(access: Access) -> dict[str, Any] | None:
    """The output for the waiting run, once everything is decided."""
    outcome = {"granting": "approve", "denied": "deny", "ending": "over", "ended": "over"}.get(access.status)
    reason = access.reason.model_dump() if access.reason else None
    return {"decision": outcome, "reason": reason} if outcome else None


def release_run(
    access: Access, step: str, output: dict[str, Any], context: CentralContext, answers: TaskAnswers
) -> bool:
    """Resume the run that waits at this step of the access; returns whether one did. Idempotent: a token is used
    once."""
    token = context.accesses.token(access.id, step)
    resumed = token is not None and answers.send(token, json.dumps(output))
    if token is not None:
        context.accesses.drop_token(access.id, step, token)
    return resumed
