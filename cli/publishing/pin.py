"""`mesh pin`, `mesh unpin` and `mesh pins`: a version stays readable for a limited time."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from mesh.adapters.dynamodb.notices import DynamoNotices
from mesh.domain.events import EventData, Metadata, PinRequested, UnpinRequested
from mesh.domain.names import resource_link
from mesh.domain.publishing.pins import Holder, Pin

from cli import output
from cli.durations import FORMS, parse_until, remaining
from cli.event_client import build, send
from cli.mesh_context import As, AsJson, InAccount, MeshContext, Port, account_option, mesh_context
from cli.publishing.history import require_product
from cli.publishing.notice_texts import SQL, moment
from cli.session import Account

DEADLINE_SECONDS: Final = 180.0
_POLL_SECONDS: Final = 0.5
_NEWS: Final = frozenset({"PinReady", "PinEnded", "PinRefused"})

Product = Annotated[str, typer.Argument(help="The product's name.")]
Number = Annotated[int, typer.Argument(help="The version: mesh history PRODUCT.", min=1)]
RequestingAccount = Annotated[Account, account_option("The account that reads: a consumer, or central.")]
Wait = Annotated[bool, typer.Option(help="Wait until it is done.")]


def pin_command(
    product: Product,
    version: Number,
    *,
    reason: Annotated[str, typer.Option("--reason", help="What the pin is for; recorded.")],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help=f"{FORMS}.")] = "",
    days: Annotated[int, typer.Option("--days", help="Instead of --until: the number of days from now.", min=0)] = 0,
    wait: Wait = True,
    account: RequestingAccount = "consumer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Keep a version readable for a limited time.

    Its tables stay as they are, under names of their own, whatever is published later.
    """
    if bool(until) == bool(days):
        raise typer.BadParameter("give one of --until and --days", param_hint="--until / --days")
    now = datetime.now(UTC)
    end = now + timedelta(days=days) if days else parse_until(until, now)
    where = mesh_context(port, acting=account, role=role)
    data = build(PinRequested, product=product, version=version, until=end, reason=reason)
    event, answer = _send(where, account, data, wait=wait, quiet=as_json)
    if as_json:
        status = "ready" if answer else "requested"
        output.emit({"product": product, "version": version, "status": status, **answer, **_ids(event)})
        return
    if not answer:
        output.say(f"requested: mesh pins {product}, mesh trace {event.correlation_id}")
        return
    output.say(f"{product} version {version} stays readable until {moment(datetime.fromisoformat(answer['until']))}")
    for line in ready_lines(answer):
        (output.say_whole if line.startswith(SQL) else output.say)(f"  {line}")
    output.say_whole(f"  trace  {event.correlation_id}")


def unpin_command(
    product: Product,
    version: Number,
    *,
    wait: Wait = True,
    account: RequestingAccount = "consumer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Remove this account's pin of a version.

    Its tables are dropped when no other account has it pinned.
    """
    where = mesh_context(port, acting=account, role=role)
    event, answer = _send(
        where, account, build(UnpinRequested, product=product, version=version), wait=wait, quiet=as_json
    )
    status = "ended" if answer else "requested"
    if as_json:
        output.emit({"product": product, "version": version, "status": status, **answer, **_ids(event)})
        return
    output.say(f"{product} version {version} is no longer pinned for {account}" if answer else "requested")
    output.say_whole(f"  trace  {event.correlation_id}")


def pins_command(
    product: Annotated[str, typer.Argument(help="Only this product's pins.")] = "",
    *,
    account: InAccount = "central",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """List pinned versions: for whom, until when."""
    registry = mesh_context(port, acting=account, role=role).registry()
    if product:
        require_product(registry, product)
    names = [product] if product else [found.name for found in registry.products()]
    found = [(name, pin) for name in names for pin in registry.pins(name).pins]
    if as_json:
        output.emit({"pins": [facts(name, pin) for name, pin in found]})
        return
    if not found:
        output.say("no version is pinned: mesh pin PRODUCT VERSION --days 30 --reason …")
        return
    now = datetime.now(UTC)
    rows = [
        (name, pin.version, holder.account, _until(holder, now), pin.status, "\n".join(_tables(name, pin)))
        for name, pin in found
        for holder in pin.holders
    ]
    output.table(("product", ">version", "for", "until (UTC)", "status", "tables"), rows, wrap="tables")


def facts(product: str, pin: Pin) -> dict[str, Any]:
    """One pin for programs: for whom, until when, where to query."""
    holders = [
        holder.model_dump(mode="json", include={"account", "until", "reason", "asked_at", "correlation_id"})
        for holder in pin.holders
    ]
    found = pin.model_dump(mode="json", include={"id", "version", "status"})
    return {"product": product, **found, "tables": list(_tables(product, pin)), "holders": holders}


def ready_lines(answer: Mapping[str, Any]) -> Iterator[str]:
    """How to query it, and by which of one's accesses that does not work."""
    for query in answer.get("queries", ()):
        yield f"{SQL}{query['sql']}"
    for access in answer.get("not_reached", ()):
        yield f"{access} does not include the pinned tables; request them: mesh request {answer['product']} --table …"


def _send(
    where: MeshContext, account: Account, data: EventData, *, wait: bool, quiet: bool
) -> tuple[Metadata, dict[str, Any]]:
    """The event that was sent, and what the account was answer; nothing without `wait`."""
    event = send(where, account, data)
    if not wait:
        return event, {}
    if not quiet:
        output.note("sent; the central account checks it and creates the tables")
    return event, (_central_says if account == "central" else _notice_says)(where, account, event)


def _notice_says(where: MeshContext, account: Account, event: Metadata) -> dict[str, Any]:
    """By the account's own notices. Raises `CommandFailed`: refused, or not done in time."""
    deadline, after = time.monotonic() + DEADLINE_SECONDS, ""
    while time.monotonic() < deadline:
        for notice in DynamoNotices(where.table(account)).all(after):
            after = f"{notice['time']}#{notice['id']}"
            kind, detail = notice["detail_type"], notice["detail"]
            if kind in _NEWS and detail["metadata"]["correlation_id"] == event.correlation_id:
                if kind == "PinRefused":
                    raise output.CommandFailed.refusal(detail["data"]["reason"])
                return dict(detail["data"])
        time.sleep(_POLL_SECONDS)
    raise _late(event)


def _central_says(where: MeshContext, account: Account, event: Metadata) -> dict[str, Any]:
    """Central has no inbox: by the notes of its own trace. Raises `CommandFailed`, as above."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        for entry in where.trace(account).entries(event.correlation_id):
            if entry["what"] in {"refused", "pin refused"}:
                raise output.CommandFailed.refusal(entry["facts"]["reason"])
            if entry["what"] == "pin ready":
                return {"product": entry["facts"]["product"], "until": entry["facts"]["until"]}
            if entry["what"] == "pin ended":
                return {"cause": entry["facts"]["cause"]}
        time.sleep(_POLL_SECONDS)
    raise _late(event)


def _late(event: Metadata) -> output.CommandFailed:
    return output.CommandFailed(
        f"no answer within {DEADLINE_SECONDS:.0f} s",
        code="StillWaiting",
        remedy=f"mesh trace {event.correlation_id}; mesh failures lists failed runs",
    )


def _ids(event: Metadata) -> dict[str, str]:
    return {"request": event.id, "correlation_id": event.correlation_id}


def _until(holder: Holder, now: datetime) -> str:
    return f"{output.day_text(holder.until)}\n{remaining(holder.until, now)}"


def _tables(product: str, pin: Pin) -> Iterator[str]:
    return (f"{resource_link(product)}.{table}" for _, table in pin.pinned_tables())
