"""`mesh notices`: the notices that an account received."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from mesh.adapters.dynamodb.notices import DynamoNotices
from mesh.domain.events import KINDS, AccessCheckRequested, EventData, FilesKept, ProductUpdated
from pydantic import ValidationError

from cli import output
from cli.mesh_context import As, AsJson, InAccount, MeshContext, Port, mesh_context
from cli.publishing import notice_texts

_POLL_SECONDS = 1.0
_DAILY = frozenset({AccessCheckRequested.detail_type(), FilesKept.detail_type()})
"""What an account's functions answer, every day."""


def notices_command(
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Keep running, and show new ones as they arrive.")] = False,
    account: InAccount = "consumer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Show an account's notices, oldest first.

    What changed, how to query it, and the id for mesh trace.
    """
    if follow and as_json:
        raise typer.BadParameter("--json cannot be combined with --follow", param_hint="--follow")
    where = mesh_context(port, acting=account, role=role)
    notices = DynamoNotices(where.table(account))
    if as_json:
        output.emit({"notices": list(notices.all())})
        return
    after = show_all(notices.all())
    if not after and not follow:
        output.say("no notices yet: mesh subscribe PRODUCT, then wait for its next version")
    while follow:
        time.sleep(_POLL_SECONDS)
        after = show_all(notices.all(after)) or after


def of_product(where: MeshContext, product: str, version: int) -> dict[str, Any] | None:
    """The consumer's notice of that version, once it is there."""
    for notice in DynamoNotices(where.table("consumer")).all():
        event = event_of(notice)
        if isinstance(event, ProductUpdated) and (event.product, event.version) == (product, version):
            return notice
    return None


def show_all(notices: Iterator[dict[str, Any]]) -> str:
    """Show each that is for people; returns the sort key of the last one, "" when there were none."""
    after = ""
    for notice in notices:
        if notice["detail_type"] not in _DAILY:
            render(notice)
        after = f"{notice['time']}#{notice['id']}"
    return after


def render(notice: Mapping[str, Any]) -> None:
    """One notice: a headline, then what changed and what to do."""
    event, at = event_of(notice), datetime.fromisoformat(notice["time"])
    said = notice_texts.headline(event) if event else f"{notice['detail_type']}: not in a form that this version reads"
    output.say(f"{output.day_text(at)}  ", said, style="bold")
    for line in notice_texts.lines(event) if event else ():
        (output.say_whole if line.startswith(notice_texts.SQL) else output.say)(f"  {line}")
    if trace := notice["detail"].get("metadata", {}).get("correlation_id"):
        output.say_whole(f"  trace  {trace}")
    output.say()


def event_of(notice: Mapping[str, Any]) -> EventData | None:
    """The event in a notice; None for one of another version of Meshwork."""
    kind = KINDS.get(notice["detail_type"])
    try:
        return kind.model_validate(notice["detail"]["data"]) if kind else None
    except ValidationError:
        return None
