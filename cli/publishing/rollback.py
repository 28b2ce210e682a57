"""`mesh rollback`: an earlier version of a product is published again."""

import time
from typing import Annotated, Any, Final

import typer
from mesh.domain.contracts.product import ProductVersion
from mesh.domain.events import Metadata, RollbackRequested

from cli import output
from cli.event_client import build, send
from cli.mesh_context import As, AsJson, MeshContext, Port, account_option, mesh_context
from cli.session import Account
from cli.wait_for_event import central_notes

DEADLINE_SECONDS: Final = 180.0
_POLL_SECONDS: Final = 0.5


def rollback_command(
    product: Annotated[str, typer.Argument(help="The product's name.")],
    version: Annotated[int, typer.Argument(help="The version to restore: mesh history PRODUCT.", min=1)],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Recorded, and sent to subscribers.")],
    account: Annotated[Account, account_option("Account that requests it: the owner's, or central.")] = "producer",
    role: As = None,
    wait: Annotated[bool, typer.Option(help="Wait until consumers can read it.")] = True,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Publish an earlier version again.

    It becomes a new version; subscribers are notified with the reason.
    """
    where = mesh_context(port, acting=account, role=role)
    event = send(where, account, build(RollbackRequested, product=product, version=version, reason=reason))
    found = wait_until_back(where, product, event) if wait else None
    if as_json:
        output.emit(document(product, version, event, found))
        return
    if found is None:
        output.say(f"requested: mesh history {product}, mesh trace {event.correlation_id}")
        return
    output.say(f"{product} version {version} is published again as version {found.version}")
    output.say_whole(f"  trace  {event.correlation_id}")


def document(product: str, version: int, event: Metadata, found: ProductVersion | None) -> dict[str, Any]:
    """For `--json`."""
    return {
        "product": product,
        "version": version,
        "status": "published" if found else "requested",
        "published_as": found.version if found else None,
        "request": event.id,
        "correlation_id": event.correlation_id,
    }


def wait_until_back(where: MeshContext, product: str, event: Metadata) -> ProductVersion | None:
    """The version that it became; None where the caller may not read central's registry.

    Raises `CommandFailed`: refused, or not done in time.
    """
    deadline, shown = time.monotonic() + DEADLINE_SECONDS, False
    while time.monotonic() < deadline:
        if central_notes(where, event) is None:
            return None
        order = where.registry().rollback(product, event.id)
        if order is not None and not shown:  # the first thing said, however quickly the rest is done
            shown = True
            output.note("accepted; tables are being restored")
        if order is not None and order.status == "published":
            found = (
                one for one in where.registry().versions(product) if one.rollback and one.rollback.request == event.id
            )
            return next(found, None)
        time.sleep(_POLL_SECONDS)
    raise output.CommandFailed(
        f"the version was not published within {DEADLINE_SECONDS:.0f} s",
        code="StillWaiting",
        remedy=f"mesh trace {event.correlation_id}; mesh failures lists failed runs",
    )
