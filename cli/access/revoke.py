"""`mesh revoke` and `mesh retire`: an access ends, or a product does with all accesses to it."""

from typing import Annotated, Any, Final

import typer
from botocore.exceptions import ClientError
from mesh.domain.access.record import OVER
from mesh.domain.events import Metadata, RetirementRequested, RevocationRequested

from cli import output
from cli.access import access_views
from cli.event_client import Seen, Watch, build, find_if_seen, follow, send
from cli.mesh_context import As, AsJson, MeshContext, Port, account_option, is_denied, mesh_context
from cli.session import Account, SessionError
from cli.wait_for_event import wait_for_note

ENDED: Final = frozenset(OVER)

Why = Annotated[str, typer.Option("--reason", help="Recorded, and sent to the accounts concerned.")]


def revoke_command(
    number: Annotated[
        str, typer.Argument(metavar="ID", help="Id of the grant or request: mesh grants, mesh requests.")
    ],
    *,
    reason: Why,
    account: Annotated[
        Account, account_option("The account that holds it, the data owner's, or central.")
    ] = "consumer",
    role: As = None,
    wait: Annotated[bool, typer.Option(help="Wait until all its grants are revoked.")] = True,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a grant, or cancel an open request.

    Revoking one that has ended already succeeds; revoking that of another account fails (exit code 1).
    """
    where = mesh_context(port, acting=account, role=role)
    data = build(RevocationRequested, access=number, reason=reason)
    before = find_if_seen(where, number)
    if before is not None and before.status in OVER:
        show(Seen(before.status, before), number, as_json, already=True)
        return
    event = send(where, account, data)
    if not wait:
        show(Seen("sent"), number, as_json)
        return
    show(follow(Watch(where, account, number, event), ENDED, quiet=as_json), number, as_json)


def show(seen: Seen, number: str, as_json: bool, *, already: bool = False) -> None:
    """How it ended."""
    access = seen.access
    if as_json:
        found = access_views.document(access) if access else {"id": number, "status": seen.status}
        output.emit({**found, "already": already})
        return
    why = f" ({access.reason.code}: {access.reason.message})" if access and access.reason else ""
    output.say(f"{number} {'was' if already else 'is'} {seen.status}{' already' if already else ''}{why}")
    if access is not None and access.granted and not already:
        output.say(f"  all its grants are revoked, except those that another access needs: mesh trace {access.id}")


def retire_command(
    product: Annotated[str, typer.Argument(help="The product's name.")],
    *,
    reason: Why,
    account: Annotated[Account, account_option("The product's owner, or central.")] = "producer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Retire a product and revoke all access to it.

    Subscribers are notified. Its data stays in the producer's bucket.
    """
    where = mesh_context(port, acting=account, role=role)
    event = send(where, account, build(RetirementRequested, product=product, reason=reason))
    found = wait_until_retired(where, event)
    if as_json:
        output.emit({"product": product, **found, "correlation_id": event.correlation_id})
        return
    if found["status"] == "requested":
        output.say(f"requested; this role cannot read the central account's answer: mesh trace {event.correlation_id}")
        return
    output.say(f"{product} is retired; notified: {', '.join(found['notified']) or 'no subscribers'}")
    if found["accesses"]:
        output.say(f"  access being revoked: {', '.join(found['accesses'])} (mesh grants --all)")


def wait_until_retired(where: MeshContext, event: Metadata) -> dict[str, Any]:
    """`{"status", "accesses", "notified"}` by central's trace. Raises `CommandFailed`: refused, or not done in time."""
    try:
        facts = wait_for_note(where, "central", event, ["retired"])
    except (ClientError, SessionError) as error:
        if isinstance(error, ClientError) and not is_denied(error):
            raise
        return {"status": "requested", "accesses": [], "notified": []}
    return {"status": "retired", "accesses": facts["accesses"], "notified": facts["notified"]}
