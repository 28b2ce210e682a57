"""`mesh preview --product`: the decision that policy would make on a request now. Nothing is sent."""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from mesh.adapters.lakeformation.access_reader import AccessReader
from mesh.domain.access.policy import EFFECTS, Course
from mesh.domain.access.record import Access, Decided
from mesh.domain.access.renamed_accesses import request_by_new_names
from mesh.domain.access.request import normal_form
from mesh.domain.events import AccessRequested
from mesh.domain.membership.authorisation import NotAMember
from mesh.domain.packing import Packed
from mesh.usecases.access.request_access import require_offered
from mesh.usecases.access_decision import decision_on

from cli import output
from cli.access import access_views
from cli.event_client import build
from cli.governance import governance
from cli.mesh_context import MeshContext
from cli.session import Account

PREVIEWED: Final = "ac-000000000000"
"""Stands for the id where policy names one (data cells filters)."""
SOON: Final = timedelta(hours=1)
"""An end that every rule allows: a preview is not about how long."""
_STYLES: Final[dict[Course, str]] = {"allow": "bold green", "require_approval": "bold yellow", "deny": "bold red"}


class SystemClock:
    """Implements `ports.Clock`."""

    def now(self) -> datetime:
        """In UTC."""
        return datetime.now(UTC)


def preview_request(
    where: MeshContext,
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
    data = build(
        AccessRequested, product=product, reader=reader, purpose=purpose, permission=permission, until=now + SOON
    )
    data = request_by_new_names(data, policies, now.date())
    role, persona = policies.personas.role_of(reader)
    access = Access(
        id=PREVIEWED,
        receiver=number,
        receiver_domains=member.domains,
        request=normal_form(data, reader=role, persona=persona, purposes=policies.purposes, now=now),
        status="requested",
        until=data.until,
        event_id="",
        correlation_id="",
        asked_at=now,
    )
    central = where.account_id("central")
    found = decision_on(access, central=central, registry=registry, catalog=catalog, policies=policies, clock=clock)
    return access, found


def document(access: Access, found: Decided) -> dict[str, object]:
    """For `--json`."""
    wanted = {"effect", "rules", "why", "exposure", "left_out", "approvers"}
    return {
        "what": access.request.what,
        "receiver": access.receiver,
        "reader": access.request.reader,
        "purpose": access.request.purpose,
        **found.model_dump(mode="json", include=wanted, context=Packed.READABLE),
    }


def render(access: Access, found: Decided) -> None:
    """The effect, whose approval it would take, what it gives, and what not, each with its rule."""
    label, style = EFFECTS[found.effect].label, _STYLES[found.course]
    approvers = f" of {', '.join(found.approvers)}" if found.approvers else ""
    who = access_views.who(access)
    output.say(f"{access.request.what} for {who}, {access.request.purpose}: {label}{approvers}", style=style)
    output.say(found.why)
    access_views.render_exposure(found.exposure)
    access_views.render_left_out(found.left_out)
