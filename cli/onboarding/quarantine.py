"""`mesh quarantine`, `mesh release`, `mesh reject`: batches that checks hold back, and their owner's decisions."""

import re
import webbrowser
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from mesh.adapters.dynamodb.quarantine import DynamoQuarantine
from mesh.domain.events import QuarantineDecided
from mesh.domain.onboarding.quarantine import HeldBatch, HeldObject, HeldObjects

from cli import output
from cli.event_client import build, send_on
from cli.mesh_context import As, AsJson, InAccount, MeshContext, Port, mesh_context
from cli.session import Account
from cli.wait_for_event import wait_for_note

_BATCH = re.compile(r"(?P<product>[a-z0-9][a-z0-9-]{1,62})/(?P<run>[0-9]{1,8})")
_SHOWN = 20
_OPEN: Final = frozenset({"held", "releasing"})

_LEFT: Final = {
    "replaced": "replaced: the newer version is used",
    "deleted": "deleted: upload again to publish",
    "unreadable": "not releasable: fix the data and upload it again",
}

Batch = Annotated[str, typer.Argument(metavar="BATCH", help="Product and number, such as credit-card/3.")]
Why = Annotated[str, typer.Option("--reason", help="Recorded with the batch and its version.")]


def quarantine_command(
    batch: Annotated[str | None, typer.Argument(metavar="[BATCH]", help="Show one, such as credit-card/3.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Include those already released or rejected.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Save the batch's report to this file.")] = None,
    show: Annotated[bool, typer.Option("--open", help="With --report: open it in a browser.")] = False,
    account: InAccount = "producer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """List held batches, or show one.

    A batch shows why it is held, its objects, and the commands to decide on it.
    """
    where = mesh_context(port, acting=account, role=role)
    if batch is None:
        _list(where, account, every=every, as_json=as_json)
        return
    found = find(where, account, batch)
    if report is not None:
        _save_page(where, account, found, report, show=show)
    held = objects_of(where, account, found)
    if as_json:
        items = [item.model_dump(mode="json") for item in held]
        output.emit({**found.model_dump(mode="json"), "name": found.name, "listed": items})
        return
    render(found, held)


def release_command(
    batch: Batch,
    *,
    reason: Why,
    account: InAccount = "producer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Publish a held batch after all.

    All checks run again; the findings that the batch was held for are published as warnings with the version.
    """
    _decide(mesh_context(port, acting=account, role=role), account, batch, "release", reason, as_json=as_json)


def reject_command(
    batch: Batch,
    *,
    reason: Why,
    account: InAccount = "producer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Close a held batch without publishing it.

    Its objects stay in the bucket; the batch can no longer be released.
    """
    _decide(mesh_context(port, acting=account, role=role), account, batch, "reject", reason, as_json=as_json)


def _list(where: MeshContext, account: Account, *, every: bool, as_json: bool) -> None:
    found = [one for one in DynamoQuarantine(where.table(account)).batches() if every or one.status in _OPEN]
    if as_json:
        output.emit({"batches": [{**one.model_dump(mode="json"), "name": one.name} for one in found]})
        return
    if not found:
        output.say("no held batches" if not every else "no batch was ever held")
        return
    rows = [
        (
            one.name,
            output.day_text(one.held_at),
            one.status,
            f"{one.objects} ({one.superseded} superseded)" if one.superseded else f"{one.objects}",
            f"{one.reason.code}: {one.reason.message}",
        )
        for one in found
    ]
    output.table(("batch", "held (UTC)", "status", ">objects", "reason"), rows, wrap="reason", record="batch")


def find(where: MeshContext, account: Account, name: str) -> HeldBatch:
    """The batch of that name. Raises `CommandFailed`."""
    match = _BATCH.fullmatch(name)
    if match is None:
        raise output.CommandFailed(
            f"{name!r} is not a batch name", code="UnknownBatch", remedy="use PRODUCT/NUMBER, such as credit-card/3"
        )
    found = DynamoQuarantine(where.table(account)).batch(match["product"], match["run"].zfill(8))
    if found is None:
        raise output.CommandFailed(f"batch {name} not found", code="UnknownBatch", remedy="mesh quarantine --all")
    return found


def objects_of(where: MeshContext, account: Account, batch: HeldBatch) -> tuple[HeldObject, ...]:
    """All objects of a batch, by its listing."""
    body = where.client(account, "s3").get_object(Bucket=batch.bucket, Key=batch.listing)
    return HeldObjects.validate_json(body["Body"].read(), extra="ignore")


def _save_page(where: MeshContext, account: Account, batch: HeldBatch, file: Path, *, show: bool) -> None:
    if batch.page is None:
        raise output.CommandFailed(
            f"{batch.name} has no report page: its objects could not be read", remedy=f"mesh quarantine {batch.name}"
        )
    page = where.client(account, "s3").get_object(Bucket=batch.bucket, Key=batch.page)["Body"].read()
    file.write_bytes(page)
    output.say(f"report saved: {file}")
    if show:
        webbrowser.open(file.resolve().as_uri())


def render(batch: HeldBatch, held: tuple[HeldObject, ...]) -> None:
    """One batch, its reasons, and what can be done."""
    decided = f" by {batch.decided_by}: {batch.why}" if batch.decided_by else ""
    pairs: list[tuple[str, Any]] = [
        ("batch", batch.name),
        ("status", f"{batch.status}{decided}"),
        ("held", f"{output.day_text(batch.held_at)} UTC"),
        ("report", f"s3://{batch.bucket}/{batch.page}" if batch.page else "-"),
    ]
    output.fields(pairs)
    output.say("  its objects stay where they were uploaded, and are not published", style="dim")
    for code, message, remedy in dict.fromkeys(
        (one.reason.code, one.reason.message, one.reason.remedy) for one in held
    ):
        output.say(f"  {code}: {message}", style="yellow")
        if remedy:
            output.say(f"    {remedy}")
    for item in held[:_SHOWN]:
        output.say_whole(f"    {item.key}  {output.size(item.size)}{_version(item)}{_note(batch, item)}")
    if len(held) > _SHOWN:
        output.say(f"    and {len(held) - _SHOWN} more: --json")
    if batch.status == "releasing":
        output.say_whole(f"  if it does not finish, repeat: mesh release {batch.name} --reason TEXT")
    if batch.status == "held":
        if batch.releasable:
            output.say_whole(f"  publish it: mesh release {batch.name} --reason TEXT")
        output.say_whole(f"  close it: mesh reject {batch.name} --reason TEXT")


def _version(item: HeldObject) -> str:
    """The version that was checked, and that a release publishes."""
    return f"  version {item.ref.version_id}" if item.ref.version_id else ""


def _note(batch: HeldBatch, item: HeldObject) -> str:
    """What sets the object apart from the others of its batch."""
    if item.superseded_by:
        return f"  superseded: uploaded again or deleted, see run {item.superseded_by}"
    return "" if item.releasable or not batch.releasable else f"  cannot be released ({item.reason.code})"


def _decide(
    where: MeshContext,
    account: Account,
    name: str,
    decision: Literal["release", "reject"],
    reason: str,
    *,
    as_json: bool,
) -> None:
    batch = find(where, account, name)
    data = build(
        QuarantineDecided,
        product=batch.product,
        run=batch.run,
        decision=decision,
        reason=reason,
        by=where.caller(account),
    )
    event = send_on(where, account, where.output(account, "OwnBusName"), data)
    outcome = "released" if decision == "release" else "rejected"
    facts = wait_for_note(where, account, event, [outcome])
    count, left = int(facts.get("objects", batch.objects)), dict[str, int](facts.get("left") or {})
    if as_json:
        output.emit(
            {
                "batch": batch.name,
                "status": outcome,
                "by": facts["by"],
                "reason": reason,
                "objects": count,
                "left": left,
            }
        )
        return
    output.say(f"{batch.name} is {outcome}")
    if outcome == "released":
        output.say_whole(f"  being checked again: {output.amount(count, 'object')}; mesh notices --account producer")
    for why, number in left.items():
        output.say_whole(f"  not released: {output.amount(number, 'object')} {_LEFT[why]}")
