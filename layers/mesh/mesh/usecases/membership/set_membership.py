"""What an account is in the mesh, by the data mesh owner's word: its record, its place on central's bus, its topic, and
the accesses and pins that rest on it."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from mesh.domain.contracts.product import Product
from mesh.domain.errors import Rejected
from mesh.domain.events import AccountId, Event, MembershipEnded, Metadata, stable_id
from mesh.domain.membership.authorisation import NotAMember
from mesh.domain.membership.members import Domains, Member, Role
from mesh.domain.model import Model
from mesh.domain.names import execution_name
from mesh.ports import Bus, BusPermissions, Clock, Executions, MemberTopics, Registry
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import Deliveries, notify_member


class UnknownDomain(Rejected):
    """A line of business that the ontology does not have."""


class ProductsWithoutOwner(Rejected):
    """A membership under which products of the account could not be published any more."""


class Membership(Model):
    """What an account is admitted as."""

    role: Role
    domains: Domains
    contact: str = ""


class SetMembership(Model):
    """The owner's command: a membership (`mesh admit`), or none and why (`mesh expel`)."""

    account: AccountId
    membership: Membership | None = None
    reason: str = Field(default="", max_length=1000)

    @model_validator(mode="after")
    def _none_has_a_reason(self) -> Self:
        if self.membership is None and not self.reason:
            raise ValueError("an account is expelled for a reason")
        return self


class MembershipSet(Model):
    """The member as it is recorded now, the accesses that are being ended, and its products: of an account that was
    expelled they stay published, until they are retired."""

    member: Member
    ending: tuple[str, ...]
    products: tuple[str, ...] = ()


def set_membership(
    command: SetMembership,
    *,
    domains: tuple[str, ...],
    context: CentralContext,
    bus: BusPermissions,
    topics: MemberTopics,
    endings: Executions,
    own_bus: Bus,
) -> MembershipSet:
    """Record the membership, with a place on central's bus and a topic for as long as there is one; end the accesses of
    an account that is no consumer (any more). Idempotent: a call that was cut off is completed by the next.

    The record comes after what a member needs, and before what it loses: nothing is granted after it. Events of an
    account that was expelled are refused, also where the whole organization may put them, and its own requests to join
    change nothing: the owner can admit it again.

    An account that is expelled is told before that, on the topic that goes with its membership. A topic that takes
    nothing does not keep it a member.

    Raises UnknownDomain, ProductsWithoutOwner, BusPolicyFull, NotAMember, ConcurrentChange; what the topic raised, at
    the end.
    """
    account, registry = command.account, context.registry
    products, deliveries = tuple(_products_of(account, registry)), Deliveries()
    if command.membership is None:
        news, cause = _ended(account, command.reason, context.clock.now())
        with deliveries.to(account):
            notify_member(account, news, cause, context=context, topics=topics)
        member = _expel(account, registry=registry, bus=bus)
        why = f"account {account} was expelled from this mesh: {command.reason}"
    else:
        _require_home(products, command.membership)
        member = admit(
            account,
            command.membership,
            domains=domains,
            registry=registry,
            bus=bus,
            topics=topics,
            clock=context.clock,
        )
        why = f"account {account} is no consumer of this mesh any more"
    keeps = member.status == "admitted" and "consumer" in member.roles()
    ending = () if keeps else _end_accesses(account, why, context, endings)
    if member.status == "expelled":
        own_bus.put(news.detail_type(), Event[MembershipEnded](metadata=cause, data=news).model_dump_json())
        topics.delete(account)
    deliveries.complete()
    return MembershipSet(member=member, ending=ending, products=tuple(product.name for product in products))


def admit(
    account: str,
    membership: Membership,
    *,
    domains: tuple[str, ...],
    registry: Registry,
    bus: BusPermissions,
    topics: MemberTopics,
    clock: Clock,
    unless_decided: bool = False,
) -> Member:
    """Let the account onto the bus, create its topic, record it; `unless_decided`: unless the owner has admitted or
    expelled it meanwhile. Idempotent. Raises UnknownDomain, BusPolicyFull, ConcurrentChange."""
    require_known(membership.domains, domains)
    bus.allow(account)
    topic = topics.create(account)

    def admitted(known: Member | None) -> Member:
        if unless_decided and known is not None and known.status != "pending":
            return known
        return Member(
            account=account,
            role=membership.role,
            domains=membership.domains,
            contact=membership.contact or (known.contact if known else ""),
            status="admitted",
            topic_arn=topic,
            since=known.since if known else clock.now(),
        )

    return registry.change_member(account, admitted)


def _products_of(account: str, registry: Registry) -> Iterator[Product]:
    """Those that are not retired."""
    for name in registry.product_names():
        product = registry.product(name)
        if product is not None and product.owner == account and product.status != "retired":
            yield product


def _require_home(products: Iterable[Product], membership: Membership) -> None:
    """Raises ProductsWithoutOwner: of a product outside the role or the domains each contract would be refused."""
    consumer = membership.role == "consumer"
    homeless = [
        f"{each.name} ({each.domain})" for each in products if consumer or each.domain not in membership.domains
    ]
    if homeless:
        raise ProductsWithoutOwner(
            f"the account has products that it could not publish as {membership.role} of "
            f"{', '.join(membership.domains)}: {', '.join(homeless[:10])}",
            remedy="keep the role and the domain, or retire them first: mesh retire",
        )


def _ended(account: str, reason: str, now: datetime) -> tuple[MembershipEnded, Metadata]:
    """One event a day and reason, however often it is repeated."""
    cause = Metadata(id=stable_id(account, "expelled", reason, now.date().isoformat()))
    return MembershipEnded(member=account, reason=reason), cause


def _expel(account: str, *, registry: Registry, bus: BusPermissions) -> Member:
    def expelled(known: Member | None) -> Member:
        if known is None:
            raise NotAMember(f"account {account} is not a member of this mesh", account=account)
        return known.evolve(status="expelled", topic_arn="")

    member = registry.change_member(account, expelled)
    bus.withdraw(account)
    return member


def _end_accesses(account: str, why: str, context: CentralContext, endings: Executions) -> tuple[str, ...]:
    """Requests that wait for a decision as well; and it is not told of versions any more."""
    for product in list(context.registry.product_names()):
        context.registry.unsubscribe(product, account, context.clock.now())
    going_on = tuple(access.id for access in context.accesses.held_by(account))
    token = f"left-{int(context.clock.now().timestamp())}"
    for access in going_on:
        order = {"ending": {"access": access, "cause": "revoked", "reason": why}}
        endings.start(execution_name(access, token), json.dumps(order))
    return going_on


def restore_members(*, registry: Registry, bus: BusPermissions) -> tuple[str, ...]:
    """Let all admitted members onto a bus that was made again: the record outlives central's stack, the bus does not.
    Idempotent. Returns their accounts.
    """
    accounts = tuple(member.account for member in registry.members() if member.status == "admitted")
    for account in accounts:
        bus.allow(account)
    return accounts


def require_known(asked: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Raises UnknownDomain."""
    for domain in asked:
        if domain not in known:
            raise UnknownDomain(
                f"there is no domain {domain!r} in the ontology",
                remedy=f"one of: {', '.join(known)}; or add it to governance/ontology.yaml and deploy",
            )
