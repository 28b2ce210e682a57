"""Asking who owns the data: the question, its reminder and escalation, and the one answer that counts."""

import json
from collections.abc import Sequence

from mesh.domain.access.lessening import less
from mesh.domain.access.record import Access, Answer, Status
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    AccessDecided,
    DecisionRefused,
    DecisionRequested,
    Envelope,
    Event,
    Metadata,
    Model,
    Reason,
    follow,
    metadata_of,
    read_event,
)
from mesh.domain.membership import ForgedSender, NotAMember, claimed_account
from mesh.ports import MemberTopics, Message, TaskAnswers
from mesh.usecases.books import Books
from mesh.usecases.request_access import require_access
from mesh.usecases.telling import cause_of, tell

STEP = "decision"
ESCALATION = 2
"""The round in which central's steward may decide in the owners' place."""


class MayNotDecide(Rejected):
    """A decision by an account that is not asked: not the owner of what is exposed."""


class DecidedAlready(Rejected):
    """A decision that comes too late: answered before, timed out, or the access has ended."""


class Asked(Model):
    """Whom the question went to."""

    access: str
    told: tuple[str, ...]


class Decision(Model):
    """What an answer came to. `settled`: nothing more is waited for."""

    access: str
    decision: str
    settled: bool


def ask_owners(
    access_id: str,
    number: int,
    token: str,
    *,
    books: Books,
    steward_topic: str,
    topics: MemberTopics,
    answers: TaskAnswers,
) -> Asked:
    """Keep the token, then ask everybody who has not answered; round `number` counts reminders.

    An answer that came between two rounds is passed on at once. Raises AccessOver.
    """
    access = require_access(books, access_id)
    books.accesses.keep_token(access.id, STEP, token)
    if _pass_on(access, books, answers):
        return Asked(access=access.id, told=())
    access = access.require_going_on()
    if number >= ESCALATION and not access.escalated:
        access = books.accesses.save(
            access.noted(books.clock.now(), "escalated to the data mesh owner", escalated=True)
        )
    told = []
    # A question about something else is another event: the same id would be taken for the one that is known.
    this = (STEP, access.answer_by, number)
    for account in _asked(access, books):
        question = _question(access, number)
        if account == books.central:
            event = Event[DecisionRequested](metadata=follow(cause_of(access), *this, account), data=question)
            topics.publish(steward_topic, Message(question.detail_type(), event.model_dump_json()))
            told.append(account)
        elif tell(account, question, cause_of(access), *this, books=books, topics=topics):
            told.append(account)
    books.trace.note(access.correlation_id, "asked" if number == 0 else "asked again", access=access.id, told=told)
    return Asked(access=access.id, told=tuple(told))


def _asked(access: Access, books: Books) -> list[str]:
    approvers = access.decided.approvers if access.decided else ()
    answered = {answer.account for answer in access.answers}
    waiting = [account for account in approvers if account not in answered]
    return [*waiting, books.central] if access.escalated and books.central not in waiting else waiting


def _question(access: Access, number: int) -> DecisionRequested:
    found = access.decided
    if found is None or access.answer_by is None:
        raise DecidedAlready(f"access {access.id} waits for no decision", access=access.id)
    return DecisionRequested(
        access=access.id,
        receiver=access.receiver,
        receiver_domain=access.receiver_domain,
        reader=access.ask.reader,
        what=access.ask.what,
        purpose=access.ask.purpose,
        until=access.until,
        exposure=found.exposure,
        rule=", ".join(found.rules),
        why=found.why,
        approvers=found.approvers,
        answer_by=access.answer_by,
        reminder=number,
        how=f"mesh approve {access.id} --reason …, or: mesh deny {access.id} --reason …",
    )


def receive_decision(envelope: Envelope, *, books: Books, topics: MemberTopics, answers: TaskAnswers) -> Decision:
    """Take an answer, if it is one that counts; whoever sent another is told why it does not.

    Raises NotAMember, ForgedSender, MalformedEvent, MayNotDecide, DecidedAlready, UnknownAccess, MoreThanAsked,
    AmbiguousAsk.
    """
    metadata = metadata_of(envelope)
    try:
        access = _answered(envelope, metadata, books=books)
    except Rejected as refusal:
        refuse(envelope, refusal, metadata, books=books, topics=topics)
        raise
    settled = _pass_on(access, books, answers)
    last = access.answers[-1]
    books.trace.note(access.correlation_id, f"{last.decision} by {last.account}", access=access.id, settled=settled)
    return Decision(access=access.id, decision=last.decision, settled=settled)


def refuse(envelope: Envelope, refusal: Rejected, metadata: Metadata, *, books: Books, topics: MemberTopics) -> None:
    """Record that somebody's word about an access did not count, and tell the sender."""
    data = envelope.detail.get("data")
    number = str(data.get("access", "")) if isinstance(data, dict) else ""
    books.registry.record_refusal(envelope.account, envelope.detail_type, refusal.to_dict(), books.clock.now())
    told = DecisionRefused(access=number, reason=Reason.model_validate(refusal.to_dict()))
    tell(envelope.account, told, metadata, "refused", books=books, topics=topics)
    books.trace.note(metadata.correlation_id, "refused", event=envelope.detail_type, reason=refusal.to_dict())


def require_sender(envelope: Envelope, *, books: Books) -> None:
    """An admitted member, or central itself, that does not claim to be another. Raises NotAMember, ForgedSender."""
    member = books.registry.member(envelope.account)
    if envelope.account != books.central and (member is None or member.status != "admitted"):
        raise NotAMember(f"account {envelope.account} is not an admitted member of this mesh", account=envelope.account)
    claimed = claimed_account(envelope)
    if claimed is not None and claimed != envelope.account:
        raise ForgedSender(
            f"the event was sent by account {envelope.account}, but its detail claims account {claimed}",
            account=envelope.account,
            claimed=claimed,
            remedy="send events from the account they are about; an account in detail is never believed",
        )


def _answered(envelope: Envelope, metadata: Metadata, *, books: Books) -> Access:
    require_sender(envelope, books=books)
    word = read_event(AccessDecided, envelope).data
    access = require_access(books, word.access)
    if any(answer.event_id == metadata.id for answer in access.answers):
        return access
    _require_asked(access, envelope.account, books)
    answer = Answer(
        account=envelope.account, decision=word.decision, reason=word.reason, at=books.clock.now(), event_id=metadata.id
    )
    given = (*access.answers, answer)
    said = f"{word.decision} by {envelope.account}: {word.reason}"
    if word.decision == "deny":
        why = Reason(code="DeniedByOwner", message=word.reason, where={"by": envelope.account})
        return books.accesses.save(access.moved("denied", books.clock.now(), said, answers=given, reason=why))
    changes: dict[str, object] = {"answers": given}
    if word.until is not None or word.columns:
        until = word.until or access.until
        narrowed = less(access.decided, word.columns, word.until, asked=access.until) if access.decided else None
        changes |= {"decided": narrowed, "until": until, "narrowed": access.narrowed or bool(word.columns)}
    status: Status = "granting" if _complete(access, given, books) else "waiting"
    return books.accesses.save(access.moved(status, books.clock.now(), said, **changes))


def _require_asked(access: Access, account: str, books: Books) -> None:
    approvers = access.decided.approvers if access.decided else ()
    if account not in approvers and not (access.escalated and account == books.central):
        raise MayNotDecide(
            f"account {account} is not asked about {access.id}",
            access=access.id,
            account=account,
            remedy=f"asked are: {', '.join(approvers) or 'nobody'}",
        )
    if access.status != "waiting" or any(answer.account == account for answer in access.answers):
        raise DecidedAlready(
            f"access {access.id} is {access.status}, and waits for no answer of account {account}",
            access=access.id,
            remedy="mesh requests shows how it stands; mesh revoke ends it",
        )


def _complete(access: Access, given: Sequence[Answer], books: Books) -> bool:
    said = {answer.account for answer in given}
    approvers = set(access.decided.approvers) if access.decided else set()
    return approvers <= said or (access.escalated and books.central in said)


def _pass_on(access: Access, books: Books, answers: TaskAnswers) -> bool:
    """Release the run that waits, if everything is said; whether it is. Repeatable: a token is used once."""
    outcome = {"granting": "approve", "denied": "deny", "ending": "over", "ended": "over"}.get(access.status)
    if outcome is None:
        return False
    token = books.accesses.token(access.id, STEP)
    if token is not None:
        reason = access.reason.model_dump() if access.reason else None
        answers.send(token, json.dumps({"decision": outcome, "reason": reason}))
        books.accesses.drop_token(access.id, STEP, token)
    return True
