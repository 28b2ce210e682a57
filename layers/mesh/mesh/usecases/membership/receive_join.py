"""An account requests membership: the owner's rules admit it, or the owner does."""

from mesh.domain.events import Envelope, MemberJoined, read_event
from mesh.domain.membership.members import Member
from mesh.domain.membership.self_admission import SelfAdmission
from mesh.ports import BusPermissions, Clock, MemberTopics, Registry
from mesh.usecases.membership.set_membership import Membership, admit, require_known


def receive_join(
    envelope: Envelope,
    *,
    rules: SelfAdmission,
    domains: tuple[str, ...],
    registry: Registry,
    bus: BusPermissions,
    topics: MemberTopics,
    clock: Clock,
) -> Member:
    """Handle `MemberJoined`: admitted at once where a rule of the owner's covers account, role and domains, otherwise
    pending until the owner admits it.

    A member that was admitted stays as it was admitted, one that was expelled stays expelled. Raises MalformedEvent,
    UnknownDomain, BusPolicyFull, ConcurrentChange.
    """
    account, request = envelope.account, read_event(MemberJoined, envelope).data
    known = registry.member(account)
    if known is not None and known.status != "pending":
        return known
    if rules.covers(account, request.role, request.domains):
        asked = Membership(role=request.role, domains=request.domains, contact=request.contact)
        return admit(
            account, asked, domains=domains, registry=registry, bus=bus, topics=topics, clock=clock, unless_decided=True
        )
    require_known(request.domains, domains)

    def waiting(now: Member | None) -> Member:
        if now is not None and now.status != "pending":
            return now
        return Member(
            account=account,
            role=request.role,
            domains=request.domains,
            contact=request.contact,
            status="pending",
            since=now.since if now else clock.now(),
        )

    return registry.change_member(account, waiting)
