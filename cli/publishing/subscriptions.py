"""`mesh subscribe`: a consumer's subscription to the notices of a product."""

import time
from dataclasses import dataclass
from typing import Annotated, Literal

import typer
from botocore.exceptions import ClientError
from mesh.domain.events import SubscriptionEnded, SubscriptionRequested

from cli import output
from cli.event_client import send
from cli.mesh_context import As, AsJson, InAccount, MeshContext, Port, is_denied, mesh_context
from cli.session import Account, SessionError

DEADLINE_SECONDS = 30.0
_POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Subscription:
    """What was asked, and what is known to hold: `requested` where the caller cannot see central's registry."""

    product: str
    account: str
    status: Literal["subscribed", "ended", "requested"]
    correlation_id: str


def subscribe_command(
    product: Annotated[str, typer.Argument(help="The product's name.")],
    *,
    end: Annotated[bool, typer.Option("--end", help="Unsubscribe.")] = False,
    account: InAccount = "consumer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Subscribe to a product's notices.

    Waits until the central account confirms the subscription or rejects it. --end unsubscribes.
    """
    found = change(mesh_context(port, acting=account, role=role), account, product, end=end)
    if as_json:
        output.emit(found.__dict__)
        return
    match found.status:
        case "subscribed":
            output.say(f"{found.account} is subscribed to {product}: mesh notices --follow")
        case "ended":
            output.say(f"{found.account} is no longer subscribed to {product}")
        case _:
            output.say(
                f"requested; this role cannot read the central account's answer: mesh trace {found.correlation_id}"
            )


def change(where: MeshContext, account: Account, product: str, *, end: bool = False) -> Subscription:
    """Ask central as the account, and wait until its registry shows the answer. Raises `CommandFailed`."""
    kind = SubscriptionEnded if end else SubscriptionRequested
    correlation_id = send(where, account, kind(product=product)).correlation_id
    sender = where.account_id(account)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            done = look(where, product, sender, correlation_id)
        except (ClientError, SessionError) as error:
            if isinstance(error, ClientError) and not is_denied(error):
                raise
            return Subscription(product, sender, "requested", correlation_id)
        if done:
            return Subscription(product, sender, "ended" if end else "subscribed", correlation_id)
        time.sleep(_POLL_SECONDS)
    raise output.CommandFailed(
        f"no answer from the central account within {DEADLINE_SECONDS:.0f} s",
        remedy=f"mesh trace {correlation_id}; mesh doctor lists dead letters",
        product=product,
    )


def look(where: MeshContext, product: str, account: str, correlation_id: str) -> bool:
    """Whether central has dealt with this request, by its trace. Raises `CommandFailed` with its refusal."""
    for entry in where.trace("central").entries(correlation_id):
        if entry["what"] == "refused":
            raise output.CommandFailed.refusal(entry["facts"]["reason"])
        if entry["what"] in {"subscribed", "ended"} and entry["facts"]["account"] == account:
            subscribed = account in where.registry().subscribers(product)
            return bool(subscribed == (entry["what"] == "subscribed"))
    return False
