"""`mesh approve` and `mesh deny`: an owner's answer to a request."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import typer
from mesh.domain.access.record import Access
from mesh.domain.events import AccessDecided

from cli import output
from cli.access import access_views
from cli.durations import FORMS, parse_until
from cli.event_client import Seen, Watch, build, find_if_seen, follow, is_over, late, over, refused, send
from cli.mesh_context import As, AsJson, MeshContext, Port, account_option, mesh_context
from cli.session import Account

SECONDS_TO_ANSWER: Final = 30.0
SECONDS_FOR_A_REFUSAL: Final = 10.0
POLL_SECONDS: Final = 0.3
SETTLED: Final = frozenset({"waiting", "live", "denied", "ending", "ended"})

Number = Annotated[str, typer.Argument(metavar="ID", help="Id of the request: mesh requests.")]
Why = Annotated[str, typer.Option("--reason", help="Recorded, and sent to the requester.")]
Answering = Annotated[Account, account_option("The approver's account; central decides as the data mesh owner.")]


def approve_command(
    number: Number,
    *,
    reason: Why,
    until: Annotated[str | None, typer.Option(metavar="TIME", help=f"An earlier end than requested: {FORMS}.")] = None,
    columns: Annotated[str, typer.Option(metavar="LIST", help="Only these columns: table.column,table.column.")] = "",
    account: Answering = "producer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Approve an access request, in full or in part.

    See what it exposes first: mesh requests ID. Exit code 1 when the approval is rejected.
    """
    end = parse_until(until, datetime.now(UTC)) if until else None
    narrowed = tuple(name.strip() for name in columns.split(",") if name.strip())
    data = build(AccessDecided, access=number, decision="approve", reason=reason, until=end, columns=narrowed)
    _answer(mesh_context(port, acting=account, role=role), account, data, as_json)


def deny_command(
    number: Number,
    *,
    reason: Why,
    account: Answering = "producer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Deny an access request.

    Exit code 1 when the decision is rejected, because this account may not decide or it comes too late.
    """
    data = build(AccessDecided, access=number, decision="deny", reason=reason)
    _answer(mesh_context(port, acting=account, role=role), account, data, as_json)


def _answer(where: MeshContext, account: Account, data: AccessDecided, as_json: bool) -> None:
    seen = decide(where, account, data, quiet=as_json)
    access = seen.access
    if access is None:
        status = "sent" if not seen.status else seen.status
        if as_json:
            output.emit({"id": data.access, "decision": data.decision, "status": status})
        else:
            output.say(f"{data.decision}: sent, and not rejected so far; this role cannot read the central registry")
        return
    if data.decision == "approve" and (is_over(seen) or access.status == "ending"):
        raise over(access)
    if as_json:
        output.emit(access_views.document(access))
    else:
        render(access, data.decision)


def decide(where: MeshContext, account: Account, data: AccessDecided, *, quiet: bool = False) -> Seen:
    """Send the answer, wait until the record has it, then for what it leads to. Raises `CommandFailed`."""
    before = find_if_seen(where, data.access)
    taken_note = f"{data.decision} by {where.account_id(account)}"
    watch = Watch(where, account, data.access, send(where, account, data))
    if before is None:
        return wait_for_refusal(watch)

    def taken(seen: Seen) -> bool:
        steps = seen.access.history if seen.access else ()
        return any(step.what.startswith(taken_note) and step not in before.history for step in steps)

    seen = wait_until_taken(watch, taken)
    if seen.access is not None and seen.access.status in SETTLED:
        return seen
    return follow(watch, SETTLED, quiet=quiet)


def wait_until_taken(watch: Watch, taken: Callable[[Seen], bool]) -> Seen:
    """Until the record shows the answer. Raises `CommandFailed` for its refusal, and when the deadline passes first."""
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    while True:
        seen = watch.look()
        if seen.refusal is not None:
            raise refused(seen.refusal, watch.number)
        if taken(seen):
            return seen
        if time.monotonic() > deadline:
            raise late(watch, seen, SECONDS_TO_ANSWER)
        time.sleep(POLL_SECONDS)


def wait_for_refusal(watch: Watch) -> Seen:
    """What an account can see that cannot read central's registry: the notice of a refusal, or none for a while."""
    deadline = time.monotonic() + SECONDS_FOR_A_REFUSAL
    while True:
        seen = watch.look()
        if seen.refusal is not None:
            raise refused(seen.refusal, watch.number)
        if time.monotonic() > deadline:
            return seen
        time.sleep(POLL_SECONDS)


def render(access: Access, decision: Literal["approve", "deny"]) -> None:
    """What the answer led to."""
    if decision == "deny":
        output.say(f"{access.id} is {access.status}: {access.reason.message if access.reason else ''}")
    elif access.status == "live":
        access_views.render_live(access)
    elif not access.answers:
        output.say(f"{access.id} needs approval again: what it exposes has changed since the request", style="yellow")
        output.say_whole(f"  mesh requests {access.id}")
    else:
        others = ", ".join(access_views.waits_for(access))
        output.say(f"{access.id} is {access.status}" + (f" for approval by {others}" if others else ""))
