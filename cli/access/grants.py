"""`mesh requests` and `mesh grants`: open requests and active grants; or one of them in full."""

from collections.abc import Iterable
from typing import Annotated, Final

import typer
from mesh.domain.access.record import Access

from cli import output
from cli.access import access_views
from cli.event_client import find, ledger
from cli.mesh_context import AsJson, Port, account_option, mesh_context
from cli.session import Account

OPEN: Final = ("waiting", "requested", "granting", "sharing")
"""States of a request, in the order in which they are shown."""
HELD: Final = ("live", "sharing", "ending")

Number = Annotated[str | None, typer.Argument(metavar="[ID]", help="Show one in full, with its history.")]
Everything = Annotated[bool, typer.Option("--all", help="Include those that have ended, newest first.")]


def requests_command(
    number: Number = None,
    *,
    every: Everything = False,
    account: Annotated[Account | None, account_option("Only those this account sent or must decide on.")] = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """List open access requests, or show one.

    Those that wait for approval come first. One in full shows the columns it exposes, its approvers and its history.
    """
    where = mesh_context(port)
    if number is not None:
        _show_one(find(where, number), as_json)
        return
    found = [access for access in ledger(where).newest() if every or access.status in OPEN]
    if account is not None:
        own = where.account_id(account)
        found = [access for access in found if concerns(access, account, own)]
    if not every:
        found.sort(key=lambda access: OPEN.index(access.status))
    _show(found, "requests", "no open requests; mesh requests --all lists those that have ended", as_json)


def grants_command(
    number: Number = None,
    *,
    every: Everything = False,
    account: Annotated[Account | None, account_option("Only those this account holds, or whose data it owns.")] = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """List active grants, or show one.

    Who reads what, for which purpose, until when.
    """
    where = mesh_context(port)
    if number is not None:
        _show_one(find(where, number), as_json)
        return
    found = [access for access in ledger(where).newest() if access.status in HELD or (every and access.granted)]
    if account is not None:
        own = where.account_id(account)
        found = [
            access for access in found if account == "central" or own in {access.receiver, *access_views.owners(access)}
        ]
    _show(found, "grants", "no active grants: mesh request PRODUCT --purpose … --until …", as_json)


def concerns(access: Access, account: Account, number: str) -> bool:
    """Whether the account sent the request, or has to decide on it."""
    if access.receiver == number or number in access_views.waits_for(access):
        return True
    return account == "central" and access.status == "waiting" and access.escalated


def _show(found: Iterable[Access], name: str, nothing: str, as_json: bool) -> None:
    listed = list(found)
    if as_json:
        output.emit({name: [access_views.summary(access) for access in listed]})
    elif listed:
        access_views.render_list(listed)
    else:
        output.say(nothing)


def _show_one(access: Access, as_json: bool) -> None:
    if as_json:
        output.emit(access_views.document(access))
    else:
        access_views.render(access)
