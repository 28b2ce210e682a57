"""`mesh failures` and `mesh retry`: work that stopped, why, and what starts it again."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import typer
from mesh.adapters.dynamodb.access_registry import DynamoAccessRegistry
from mesh.adapters.dynamodb.uploads import DynamoUploads
from mesh.adapters.lakeformation.shares import RamShares
from mesh.domain.access.fix_commands import accept_share
from mesh.domain.governance.failures import RUN_ENDED, FailedMessage, failure_of

from cli import output
from cli.durations import remaining
from cli.governance.failed_messages import (
    FAILED_RUNS,
    Found,
    MessageId,
    OfAccount,
    find,
    messages,
    settle,
    show_settled,
)
from cli.mesh_context import AsJson, MeshContext, Port, mesh_context
from cli.output import CommandFailed
from cli.session import Account
from local.accounts import kind_of

LONG: Final = timedelta(minutes=30)
"""After which something that usually takes seconds is reported."""
_RUNS: Final = 100
_BETWEEN: Final = frozenset({"requested", "granting", "sharing", "ending"})


@dataclass(frozen=True)
class Stopped:
    """`next_step` is a command, or says what happens by itself; `id` is "" where there is nothing to name."""

    id: str
    account: str
    what: str
    since: str
    cause: str
    next_step: str


def failures_command(*, account: OfAccount = None, port: Port = None, as_json: AsJson = False) -> None:
    """List work that stopped: what, since when, why, and what to do.

    Runs that failed, messages that could not be processed, uploads that no run takes, accesses that are half granted or
    half revoked, shares of central's that wait to be accepted. Most of it is started again by itself, a limited number
    of times. Exit code 1 when there is any.
    """
    found = list(stopped(mesh_context(port), account))
    if as_json:
        output.emit([asdict(each) for each in found])
    else:
        _render(found)
    if found:
        raise typer.Exit(1)


def retry_command(
    message_id: MessageId, *, account: OfAccount = None, port: Port = None, as_json: AsJson = False
) -> None:
    """Start a failed run again, with the same input.

    Retry it once its cause is removed; its steps may be repeated safely. mesh failures has the id.
    """
    where = mesh_context(port)
    found = find(where, message_id, account)
    if found.message.queue != FAILED_RUNS:
        raise CommandFailed(f"{found.id} is {found.failure.what}, not a run", remedy=f"mesh dlq replay {found.id}")
    show_settled(settle(where, found, "replay"), as_json=as_json)


def stopped(where: MeshContext, account: Account | None = None) -> Iterator[Stopped]:
    """All of it, account by account."""
    for name in (account,) if account else where.names():
        yield from (_of_message(each) for each in messages(where, name))
        yield from _to_be_repeated(where, name)
        if kind_of(name) == "producer":
            yield from _uploads_without_run(where, name)
        if kind_of(name) == "central":
            yield from _half_done_accesses(where, name)
        else:
            yield from _pending_invitations(where, name)


def _of_message(found: Found) -> Stopped:
    command = "mesh retry" if found.message.queue == FAILED_RUNS else "mesh dlq replay"
    possible = found.failure.redelivery is not None
    return Stopped(
        id=found.id,
        account=found.account,
        what=_about(found.failure.what, found.failure.about),
        since=found.message.sent.isoformat(),
        cause=found.failure.why,
        next_step=f"{command if possible else 'mesh dlq show'} {found.id}",
    )


def _to_be_repeated(where: MeshContext, account: Account) -> Iterator[Stopped]:
    """Failed runs that are started again by themselves."""
    client = where.client(account, "stepfunctions")
    arn = where.output(account, "RetryRunArn")
    for run in client.list_executions(stateMachineArn=arn, statusFilter="RUNNING", maxResults=_RUNS)["executions"]:
        event = client.describe_execution(executionArn=run["executionArn"])["input"]
        failed = json.loads(event)
        if failed.get("detail-type") == RUN_ENDED:
            failure = failure_of(FailedMessage(run["name"], FAILED_RUNS, run["startDate"], event))
            yield Stopped(
                id=failed["detail"]["name"],
                account=account,
                what=_about(failure.what, failure.about),
                since=run["startDate"].astimezone(UTC).isoformat(),
                cause=failure.why,
                next_step="nothing: it is started again by itself",
            )


def _uploads_without_run(where: MeshContext, account: Account) -> Iterator[Stopped]:
    """Products with uploads that wait, which no run works on."""
    uploads, now = DynamoUploads(where.table(account)), datetime.now(UTC)
    for product in uploads.products():
        if uploads.lease_held(product, now) or not (waiting := uploads.pending(product, 1)):
            continue
        since = _received(where, account, waiting[0][1], now)
        if now - since < LONG:
            continue
        declared = uploads.standing(product).awaits_registration
        cause = "central has not registered the contract" if declared else "no run works on them"
        fix = (
            "mesh put, with the contract, if central refused it; see mesh notices"
            if declared
            else "nothing: a run is started within five minutes"
        )
        yield Stopped("", account, f"uploads of {product}", since.isoformat(), cause, fix)


def _received(where: MeshContext, account: Account, correlation_id: str, now: datetime) -> datetime:
    entry = next(where.trace(account).entries(correlation_id), None)
    return datetime.fromisoformat(entry["time"]) if entry else now


def _half_done_accesses(where: MeshContext, account: Account) -> Iterator[Stopped]:
    now = datetime.now(UTC)
    for access in DynamoAccessRegistry(where.table(account)).newest():
        since = access.history[-1].at if access.history else access.asked_at
        if access.status in _BETWEEN and now - since >= LONG:
            what = f"access {access.id} is {access.status}"
            yield Stopped(access.id, account, what, since.isoformat(), "", f"mesh revoke {access.id}")


def _pending_invitations(where: MeshContext, account: Account) -> Iterator[Stopped]:
    """Shares of central's that no run has accepted: outside an organization nothing of them can be read."""
    now = datetime.now(UTC)
    for invitation in RamShares(where.client(account, "ram")).invitations(where.central_of(account)):
        if invitation.status == "PENDING" and now - invitation.at >= LONG:
            cause = "central shares it, and no run of this account has accepted the invitation"
            since = invitation.at.astimezone(UTC).isoformat()
            yield Stopped(invitation.arn, account, "share of central's", since, cause, accept_share(invitation.arn))


def _about(what: str, about: str) -> str:
    return f"{what} of {about}" if about else what


def _render(found: list[Stopped]) -> None:
    if not found:
        output.say("no work has stopped", style="bold green")
        return
    now = datetime.now(UTC)
    rows = [
        (
            each.account,
            remaining(now, datetime.fromisoformat(each.since)),
            "\n".join(filter(None, (each.what, each.cause, f"next: {each.next_step}"))),
        )
        for each in found
    ]
    output.table(
        ("account", "age", "what, why, and what to do"), rows, wrap="what, why, and what to do", record="failure"
    )
