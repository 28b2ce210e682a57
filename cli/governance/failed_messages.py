"""`mesh dlq`: what could not be processed, message by message."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from mesh.adapters.failed_messages import give_back, received
from mesh.domain.governance.failures import FailedMessage, Failure, failure_of

from cli import output
from cli.durations import remaining
from cli.function_calls import invoke
from cli.mesh_context import AsJson, MeshContext, Port, account_option, mesh_context
from cli.output import CommandFailed
from cli.session import Account

FAILED_RUNS: Final = "FailedRunsQueue"
_SHOWN: Final = 8
"""Characters of an id that are shown; any unambiguous beginning of one is taken."""

dlq = typer.Typer(name="dlq", help="Messages that could not be processed.", no_args_is_help=True, add_completion=False)

MessageId = Annotated[str, typer.Argument(metavar="ID", help="The message's id, or its beginning (mesh dlq list).")]
OfAccount = Annotated[Account | None, account_option("Look in this account alone.")]


@dataclass(frozen=True)
class Found:
    """A message, where it is, and how it reads."""

    account: Account
    message: FailedMessage
    failure: Failure

    @property
    def id(self) -> str:
        """As people are shown it."""
        return self.message.id[:_SHOWN]

    def age(self, now: datetime) -> str:
        """`12 min`."""
        return remaining(now, self.message.sent)

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "id": self.message.id,
            "account": self.account,
            "queue": self.message.queue,
            "sent": self.message.sent.isoformat(),
            "what": self.failure.what,
            "about": self.failure.about,
            "cause": self.failure.why,
            "trace": self.failure.correlation_id,
            "can_be_replayed": self.failure.redelivery is not None,
        }


@dlq.command(name="list")
def list_command(*, account: OfAccount = None, port: Port = None, as_json: AsJson = False) -> None:
    """List messages that could not be processed, oldest first.

    For each: what it is, what it is about, why it is there, and for how long. SQS may leave out a message that somebody
    else is looking at.
    """
    found = messages(mesh_context(port), account)
    if as_json:
        output.emit([each.to_dict() for each in found])
        return
    if not found:
        output.say("no messages", style="bold green")
        return
    now = datetime.now(UTC)
    rows = [
        (each.id, each.account, each.message.queue, each.age(now), _described(each.failure)) for each in found
    ]  # fmt: skip
    output.table(("id", "account", "queue", "age", "what and why"), rows, wrap="what and why", record="message")
    output.say("mesh dlq show ID, then mesh dlq replay ID or mesh dlq discard ID --reason TEXT", style="dim")


@dlq.command(name="show")
def show_command(
    message_id: MessageId, *, account: OfAccount = None, port: Port = None, as_json: AsJson = False
) -> None:
    """Show a message: why it is there, and its body."""
    found = find(mesh_context(port), message_id, account)
    if as_json:
        output.emit(found.to_dict() | {"body": found.message.body, "attributes": dict(found.message.attributes)})
        return
    pairs = [
        ("id", found.message.id),
        ("account", found.account),
        ("queue", found.message.queue),
        ("since", output.day_text(found.message.sent)),
        ("what", found.failure.what),
        ("about", found.failure.about or "not stated"),
        ("cause", found.failure.why or "in the log of the function that reads the queue, under this id"),
        ("trace", found.failure.correlation_id or "not stated"),
    ]
    output.fields(pairs)
    output.say_whole(found.message.body)


@dlq.command(name="replay")
def replay_command(
    message_id: MessageId, *, account: OfAccount = None, port: Port = None, as_json: AsJson = False
) -> None:
    """Process a message again, and take it out of its queue.

    Replay it once its cause is removed. What is processed twice is processed as once.
    """
    where = mesh_context(port)
    show_settled(settle(where, find(where, message_id, account), "replay"), as_json=as_json)


@dlq.command(name="discard")
def discard_command(
    message_id: MessageId,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    account: OfAccount = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Take a message out of its queue without processing it. Who did, and why, is recorded in its trace."""
    where = mesh_context(port)
    show_settled(settle(where, find(where, message_id, account), "discard", reason), as_json=as_json)


def messages(where: MeshContext, account: Account | None = None) -> list[Found]:
    """What lies in the queues of the accounts, or of one, oldest first."""
    names = (account,) if account else where.names()
    return sorted((each for name in names for each in _of(where, name)), key=lambda each: each.message.sent)


def find(where: MeshContext, message_id: str, account: Account | None = None) -> Found:
    """The message with this id, or the only one whose id begins so. Raises `CommandFailed`."""
    found = [each for each in messages(where, account) if each.message.id.startswith(message_id)]
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandFailed(
            f"{len(found)} messages begin with {message_id}", remedy="give more of the id: --json has it"
        )
    raise CommandFailed(
        f"no message {message_id}", code="UnknownFailure",
        remedy="mesh dlq list shows what is there; what was replayed or discarded is not",
    )  # fmt: skip


def settle(where: MeshContext, found: Found, action: str, reason: str = "") -> dict[str, Any]:
    """Have it replayed or discarded by the account's own function; what came of it. Raises `CommandFailed`."""
    order = {
        "queue": found.message.queue, "message": found.message.id, "action": action, "reason": reason,
        "by": where.caller(found.account),
    }  # fmt: skip
    return invoke(where, found.account, "SettleFailureFunctionName", order)


def show_settled(settled: dict[str, Any], *, as_json: bool) -> None:
    """What was done."""
    if as_json:
        output.emit(settled)
        return
    done = "processed again" if settled["action"] == "replay" else "discarded"
    about = f" about {settled['about']}" if settled["about"] else ""
    output.say(f"{settled['what']}{about}: {done}", style="bold green")
    output.say(f"mesh trace {settled['trace']}", style="dim")


def _of(where: MeshContext, account: Account) -> Iterator[Found]:
    client = where.client(account, "sqs")
    for pair in where.output(account, "FailureQueues").split():
        queue, url = pair.split("=", 1)
        receipts: list[str] = []
        count = client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        if count["Attributes"]["ApproximateNumberOfMessages"] == "0":
            continue
        try:
            for message, receipt in received(client, url, queue):
                receipts.append(receipt)
                yield Found(account, message, failure_of(message))
        finally:
            give_back(client, url, receipts)


def _described(failure: Failure) -> str:
    about = f" about {failure.about}" if failure.about else ""
    return f"{failure.what}{about}\n{failure.why}".rstrip()
