"""`mesh request`: a consumer requests access to a product, or to all that an LF-Tag expression matches."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import typer
from botocore.exceptions import ClientError
from mesh.domain.access.record import Access, access_id
from mesh.domain.events import AccessRequested

from cli import output
from cli.access import access_views
from cli.durations import FORMS, parse_until
from cli.event_client import DEADLINE_SECONDS, Seen, Watch, build, follow, is_over, over, send
from cli.governance.governance import role_of
from cli.mesh_context import As, AsJson, MeshContext, Port, account_option, is_denied, mesh_context
from cli.session import Account

SETTLED: Final = frozenset({"waiting", "live", "denied", "ending", "ended"})
"""States that only a decision or an end changes."""

RequestingAccount = Annotated[Account, account_option("The requesting account.")]


def request_command(
    product: Annotated[str | None, typer.Argument(help="The product's name; or give --expression.")] = None,
    *,
    purpose: Annotated[str, typer.Option(help="A purpose of governance/policies.yaml, such as risk-modelling.")],
    until: Annotated[str, typer.Option(metavar="TIME", help=f"End of the access: {FORMS}.")],
    expression: Annotated[
        str, typer.Option(help='Instead of a product, LF-Tags: "confidentiality=internal domain=risk".')
    ] = "",
    role: Annotated[
        str, typer.Option(metavar="ROLE", help="Who reads: a persona, or an IAM role of the account.")
    ] = "analyst",
    account_wide: Annotated[
        bool, typer.Option("--account-wide", help="Request it for the whole account, not for one role.")
    ] = False,
    table: Annotated[str | None, typer.Option(help="Only this table of the product.")] = None,
    columns: Annotated[
        str,
        typer.Option(metavar="LIST", help="Only these columns, separated by commas; denied unless all are allowed."),
    ] = "",
    rows: Annotated[str, typer.Option(metavar="FILTER", help='Only rows that match: "amount > 1000".')] = "",
    permission: Annotated[
        Literal["SELECT", "DESCRIBE"],
        typer.Option(metavar="RIGHT", help="SELECT, or DESCRIBE for names and types without rows."),
    ] = "SELECT",
    wait: Annotated[bool, typer.Option(help="Wait until it is live, denied or waiting for approval.")] = True,
    account: RequestingAccount = "consumer",
    act_as: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Request access to a product or an LF-Tag expression.

    The outcome is one of: active, with a query to run; waiting for approval; denied, with the reason (exit code 1).
    """
    if (product is None) == (not expression):
        raise typer.BadParameter("give either a product or --expression", param_hint="PRODUCT / --expression")
    where = mesh_context(port, acting=account, role=act_as)
    reader = None if account_wide else role
    data = build(
        AccessRequested,
        product=product,
        expression=expression,
        reader=reader,
        purpose=purpose,
        until=parse_until(until, datetime.now(UTC)),
        table=table,
        columns=tuple(name.strip() for name in columns.split(",") if name.strip()),
        rows=rows,
        permission=permission,
    )
    if reader is not None:
        require_role(where, account, reader)
    event = send(where, account, data)
    number = access_id(event.id)
    if not wait:
        show_sent(number, event.correlation_id, as_json)
        return
    seen = follow(Watch(where, account, number, event), SETTLED, quiet=as_json, deadline_seconds=DEADLINE_SECONDS)
    show(seen, number, event.correlation_id, as_json)


def require_role(where: MeshContext, account: Account, reader: str) -> None:
    """Spares a round trip: the account itself would find out that it has no such role. Raises `CommandFailed`."""
    name = role_of(reader) or reader
    try:
        where.client(account, "iam").get_role(RoleName=name)
    except ClientError as error:
        if is_denied(error):
            return
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        as_persona = f" (persona {reader})" if name != reader else ""
        raise output.CommandFailed(
            f"account {where.account_id(account)} has no role {name}{as_persona}",
            code="UnknownRole",
            remedy="create the role, or use another: aws iam list-roles; personas are in governance/personas.yaml",
        ) from None


def show_sent(number: str, correlation_id: str, as_json: bool) -> None:
    """`--no-wait`."""
    if as_json:
        output.emit({"id": number, "status": "sent", "correlation_id": correlation_id})
    else:
        output.say(f"{number} was requested; its status: mesh requests {number}")


def show(seen: Seen, number: str, correlation_id: str, as_json: bool) -> None:
    """What came of it. Raises `CommandFailed` for what is denied, or ended at once."""
    access = seen.access
    if access is None:
        if is_over(seen):
            raise output.CommandFailed(f"{number} is {seen.status}", remedy="see the reason: mesh notices")
        document: dict[str, Any] = {"id": number, "status": seen.status, "correlation_id": correlation_id}
        if as_json:
            output.emit(document)
        else:
            output.say(f"{number} is {seen.status}; see what it gives: mesh notices")
        return
    if is_over(seen) or access.status == "ending":
        raise over(access)
    if as_json:
        output.emit(access_views.document(access))
    elif access.status == "live":
        access_views.render_live(access)
    else:
        render_waiting(access)


def render_waiting(access: Access) -> None:
    """Who was asked, and until when."""
    asked = ", ".join(access_views.waits_for(access))
    output.say(f"{access.id} is waiting for approval by {asked}", style="bold yellow")
    if access.answer_by:
        output.say(f"  denied without a decision by {output.day_text(access.answer_by)} UTC")
    output.say("once approved, it gives:")
    access_views.render_given(access)
    output.say_whole(f"  mesh requests {access.id}")
