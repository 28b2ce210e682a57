"""`mesh preview --product`: what a request would come to now. Nothing is asked, and nobody is told."""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from mesh.adapters.access_reader import AccessReader
from mesh.domain.access.asking import normal_form
from mesh.domain.access.record import Access, Decided
from mesh.domain.events import AccessRequested
from mesh.domain.membership import NotAMember
from mesh.usecases.request_access import decided, require_offered

from cli import accesses, governance, output
from cli.sending import build
from cli.session import Account
from cli.site import Site

NOT_ASKED: Final = "ac-000000000000"
"""Stands for the id where policy names one (data cells filters)."""
SOON: Final = timedelta(hours=1)
"""An end that every rule allows: how long is not what is asked here."""
EFFECTS: Final = {"allow": "allowed at once", "ask": "asked", "deny": "denied"}


class SystemClock:
    """Implements `ports.Clock`."""

    def now(self) -> datetime:
        """In UTC."""
        return datetime.now(UTC)


def foreseen(
    where: Site,
    catalog: AccessReader,
    product: str,
    *,
    purpose: str,
    reader: str | None,
    account: Account = "consumer",
    permission: Literal["SELECT", "DESCRIBE"] = "SELECT",
) -> tuple[Access, Decided]:
    """The request as it would be recorded, and what this clone's policies say to it on the catalog as it is now.

    Raises UnknownPurpose, UnknownProduct, NotAMember and what `decide` raises.
    """
    registry, clock, policies = where.registry(), SystemClock(), governance.policies()
    number, now = where.account_id(account), clock.now()
    member = registry.member(number)
    if member is None:
        raise NotAMember(f"account {number} is not a member of this mesh", account=number)
    require_offered(product, registry)
    wish = build(
        AccessRequested, product=product, reader=reader, purpose=purpose, permission=permission, until=now + SOON
    )
    role, persona = governance.personas().role_of(reader)
    access = Access(
        id=NOT_ASKED,
        receiver=number,
        receiver_domain=member.domain,
        ask=normal_form(wish, reader=role, persona=persona, purposes=policies.purposes, now=now),
        status="requested",
        until=wish.until,
        event_id="",
        correlation_id="",
        asked_at=now,
    )
    central = where.account_id("central")
    return access, decided(access, central=central, registry=registry, catalog=catalog, policies=policies, clock=clock)


def document(access: Access, found: Decided) -> dict[str, object]:
    """For `--json`."""
    wanted = {"effect", "rules", "why", "exposure", "left_out", "approvers"}
    return {
        "what": access.ask.what,
        "receiver": access.receiver,
        "reader": access.ask.reader,
        "purpose": access.ask.purpose,
        **found.model_dump(mode="json", include=wanted),
    }


def render(access: Access, found: Decided) -> None:
    """The effect, who would be asked, what it gives, and what not, each with its rule."""
    style = {"allow": "bold green", "ask": "bold yellow", "deny": "bold red"}[found.effect]
    asked = f" of {', '.join(found.approvers)}" if found.approvers else ""
    who = accesses.who(access)
    output.say(f"{access.ask.what} for {who}, {access.ask.purpose}: {EFFECTS[found.effect]}{asked}", style=style)
    output.say(found.why)
    accesses.render_exposure(found.exposure)
    accesses.render_left_out(found.left_out)
