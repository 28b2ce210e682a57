"""Members and subscriptions: admitted by the owner, asked for by events."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from mesh.domain.contracts.product import Throttled, UnknownProduct
from mesh.domain.events import MalformedEvent, MemberJoined, SubscriptionEnded, SubscriptionRequested
from mesh.domain.membership.authorisation import BusPolicyFull, NotAllowedForRole, NotAMember
from mesh.domain.membership.self_admission import MembersInvalid, parse_self_admission
from mesh.usecases.central_context import CentralContext
from mesh.usecases.membership.join_mesh import JoinMesh, join_mesh
from mesh.usecases.membership.receive_join import receive_join
from mesh.usecases.membership.set_membership import (
    Membership,
    ProductsWithoutOwner,
    SetMembership,
    UnknownDomain,
    restore_members,
    set_membership,
)
from mesh.usecases.publishing.change_subscription import change_subscription
from pydantic import ValidationError

from tests.builders import CENTRAL, CONSUMER, PRODUCER, PRODUCT, STRANGER, a_member, a_product, an_access, an_envelope
from tests.fakes import (
    NOON,
    FakeAccessRegistry,
    FakeBus,
    FakeBusPermissions,
    FakeClock,
    FakeExecutions,
    FakeInbox,
    FakeMemberTopics,
    FakeRegistry,
    FakeTrace,
    topic_of,
)

DOMAINS = ("retail", "risk")
ONE, TWO, THREE = (f"ac-00000000000{number}" for number in (1, 2, 3))
REQUEST = MemberJoined(role="producer", domains=("retail",), contact="team@example.com")


class Central:
    """Central's ports."""

    def __init__(self, *members):
        self.registry, self.topics, self.clock, self.trace = (
            FakeRegistry(*members),
            FakeMemberTopics(),
            FakeClock(),
            FakeTrace(),
        )
        self.bus, self.own_bus = FakeBusPermissions(), FakeBus()
        self.accesses, self.endings = FakeAccessRegistry(), FakeExecutions()

    def admit(self, account=PRODUCER, **facts):
        membership = Membership(**{"role": "producer", "domains": ("retail",), **facts})
        return self.set(SetMembership(account=account, membership=membership)).member

    def expel(self, account=CONSUMER):
        return self.set(SetMembership(account=account, reason="the contract ended"))

    def set(self, command):
        return set_membership(
            command,
            domains=DOMAINS,
            context=self.context,
            bus=self.bus,
            topics=self.topics,
            endings=self.endings,
            own_bus=self.own_bus,
        )

    @property
    def context(self):
        return CentralContext(CENTRAL, self.registry, self.accesses, self.trace, self.clock)

    def join(self, request=REQUEST, *, rules=(), account=PRODUCER):
        return self.take(an_envelope(request, account=account), rules)

    def take(self, envelope, rules=()):
        return receive_join(
            envelope,
            rules=parse_self_admission({"admit": rules}, DOMAINS),
            domains=DOMAINS,
            registry=self.registry,
            bus=self.bus,
            topics=self.topics,
            clock=self.clock,
        )

    def subscription(self, request, account=CONSUMER, sent=NOON):
        envelope = an_envelope(request, account=account)
        envelope.detail["metadata"]["time"] = sent.isoformat()
        return change_subscription(envelope, catalog_id=CENTRAL, context=self.context, topics=self.topics)


def test_an_admitted_account_has_its_place_on_the_bus_its_topic_and_its_record():
    central = Central()

    member = central.admit(contact="a@example.com")

    assert (member.status, member.topic_arn) == ("admitted", topic_of(PRODUCER))
    assert central.bus.allowed == [PRODUCER]
    assert central.registry.member(PRODUCER) == member


def test_admitting_again_changes_role_and_keeps_contact_and_date():
    central = Central()
    first = central.admit(contact="a@example.com")

    again = central.admit(role="both")

    assert (again.role, again.contact, again.since) == ("both", "a@example.com", first.since)


def test_an_unknown_domain_makes_neither_topic_nor_member():
    central = Central()

    with pytest.raises(UnknownDomain):
        central.admit(domains=("retail", "astrology"))

    assert (central.bus.allowed, central.topics.created, central.registry.accounts) == ([], [], {})


def test_an_account_for_which_the_bus_has_no_room_is_not_admitted():
    central = Central()
    central.bus.full = True

    with pytest.raises(BusPolicyFull):
        central.admit()

    assert central.registry.accounts == {}


def test_a_bus_that_was_made_again_takes_the_events_of_all_that_are_admitted():
    central = Central(a_member(), a_member(CONSUMER, status="expelled"), a_member(STRANGER, status="pending"))

    restored = [restore_members(registry=central.registry, bus=central.bus) for _ in range(2)]

    assert (restored, central.bus.allowed) == ([(PRODUCER,)] * 2, [PRODUCER])


def consumer_with_accesses():
    central = Central(a_member(CONSUMER, "consumer"))
    central.registry.products[PRODUCT] = a_product()
    central.registry.subscribe(PRODUCT, CONSUMER, central.clock.now())
    for number, status in ((THREE, "ended"), (ONE, "live"), (TWO, "waiting")):
        central.accesses.open(an_access(number, purpose=f"purpose-{number}", product=PRODUCT, status=status))
    return central


def ending(central):
    """Accesses that are being ended → why."""
    orders = [json.loads(payload)["ending"] for payload in central.endings.started.values()]
    assert {order["cause"] for order in orders} <= {"revoked"}
    return {order["access"]: order["reason"] for order in orders}


def test_an_account_that_is_no_consumer_any_more_loses_what_it_had_as_one():
    central = consumer_with_accesses()
    central.admit(account=CONSUMER, role="producer")
    assert set(ending(central)) == {ONE, TWO}
    assert list(central.registry.subscribers(PRODUCT)) == []


def test_an_account_that_stays_a_consumer_keeps_what_it_has():
    central = consumer_with_accesses()
    central.admit(account=CONSUMER, role="both", domains=("risk",))
    assert (ending(central), list(central.registry.subscribers(PRODUCT))) == ({}, [CONSUMER])


def test_an_expelled_account_has_no_accesses_no_topic_and_no_say():
    central = consumer_with_accesses()
    central.topics.create(CONSUMER)
    central.bus.allow(CONSUMER)
    for _ in range(2):
        left = central.expel()
        assert (left.member.status, left.member.topic_arn, left.ending) == ("expelled", "", (ONE, TWO))
    assert "the contract ended" in ending(central)[ONE]
    assert central.bus.allowed == []
    assert (central.topics.created, list(central.registry.subscribers(PRODUCT))) == ([], [])
    with pytest.raises(NotAMember):
        central.subscription(SubscriptionRequested(product=PRODUCT))


def test_an_expelled_account_is_told_before_it_loses_its_topic():
    central = consumer_with_accesses()
    for _ in range(2):
        central.expel()
    [(topic, kind, detail)] = central.topics.published
    assert (topic, kind) == (topic_of(CONSUMER), "MembershipEnded")
    said = {"member": CONSUMER, "reason": "the contract ended"}
    assert json.loads(detail)["data"] == said
    own = [(kind, json.loads(detail)) for kind, detail in central.own_bus.events]
    assert [(kind, detail["data"]) for kind, detail in own] == [("MembershipEnded", said)] * 2
    assert len({detail["metadata"]["id"] for _, detail in own}) == 1


def test_a_topic_that_takes_nothing_keeps_no_account_a_member():
    central = consumer_with_accesses()
    central.topics.failures[topic_of(CONSUMER)] = Throttled("too many")
    with pytest.raises(Throttled):
        central.expel()
    assert central.registry.member(CONSUMER).status == "expelled"
    assert list(ending(central)) == [ONE, TWO]
    assert central.expel().member.status == "expelled"


def test_an_expelled_account_does_not_come_back_by_itself():
    central = consumer_with_accesses()
    central.expel()
    everybody = {"accounts": "any", "roles": ["producer"], "domains": ["retail"]}
    assert central.join(account=CONSUMER, rules=[everybody]).status == "expelled"
    assert central.admit(account=CONSUMER, role="consumer").status == "admitted"


def owner_with_products():
    """A producer of two domains with a product in one, and a retired one in the other."""
    central = Central()
    central.admit(domains=("retail", "risk"))
    central.registry.products = {
        "orders": a_product(name="orders", domain="retail"),
        "models": a_product(name="models", domain="risk", status="retired"),
        "others": a_product(name="others", owner=CONSUMER),
    }
    return central


@pytest.mark.parametrize("changed", [{"role": "consumer", "domains": ("retail", "risk")}, {"domains": ("risk",)}])
def test_a_role_or_domain_that_a_product_needs_is_not_taken(changed):
    """Its contracts and versions would be refused, one by one, and nobody would have been told why."""
    central = owner_with_products()
    before = central.registry.member(PRODUCER)

    with pytest.raises(ProductsWithoutOwner, match=r"orders \(retail\)"):
        central.admit(**changed)

    assert central.registry.member(PRODUCER) == before


def test_a_domain_that_only_retired_products_have_can_go():
    assert owner_with_products().admit(domains=("retail",)).domains == ("retail",)


def test_whoever_expels_a_producer_is_told_what_stays_published():
    assert owner_with_products().expel(PRODUCER).products == ("orders",)


def test_nobody_expels_an_account_that_is_unknown():
    with pytest.raises(NotAMember):
        Central().expel()


@pytest.mark.parametrize("wrong", [{"account": "12"}, {"domains": ()}])
def test_an_account_has_twelve_digits_and_a_domain(wrong):
    with pytest.raises(ValidationError):
        Central().admit(**wrong)


def test_an_account_is_expelled_for_a_reason():
    with pytest.raises(ValidationError, match="reason"):
        SetMembership(account=CONSUMER)


@pytest.mark.parametrize(
    "changed",
    [{"role": "owner"}, {"domains": []}, {"contact": "x" * 321}, {"contact": "half \ud800"}, {"domains": None}],
)
def test_a_request_to_join_that_is_malformed_is_refused_and_not_retried(changed):
    central = Central()
    envelope = an_envelope({**REQUEST.model_dump(mode="json"), **changed}, "MemberJoined")

    with pytest.raises(MalformedEvent):
        central.take(envelope)

    assert central.registry.member(PRODUCER) is None


def test_an_account_that_requests_to_join_waits_for_the_owner_without_a_topic():
    central = Central()

    member = central.join()

    assert (member.account, member.status, member.topic_arn) == (PRODUCER, "pending", "")
    assert (central.bus.allowed, central.topics.created) == ([], [])


ONLY = {"accounts": [PRODUCER], "roles": ["producer"], "domains": ["retail"]}


@pytest.mark.parametrize("rule", [ONLY, {**ONLY, "accounts": "any", "roles": ["consumer", "producer"]}])
def test_an_account_that_a_rule_covers_is_admitted(rule):
    central = Central()
    assert central.join(rules=[rule]).status == "admitted"
    assert central.bus.allowed == [PRODUCER]


@pytest.mark.parametrize(
    "changed", [{"accounts": [CONSUMER]}, {"roles": ["consumer"]}, {"roles": ["both"]}, {"domains": ["risk"]}]
)
def test_no_account_gets_a_role_or_domain_of_its_own_choosing(changed):
    central = Central()
    assert central.join(rules=[{**ONLY, **changed}]).status == "pending"
    assert central.topics.created == []


def test_as_it_ships_nobody_is_admitted_without_the_owner():
    assert parse_self_admission(yaml.safe_load(Path("governance/members.yaml").read_text("utf-8")), DOMAINS).admit == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"admit": [{**ONLY, "domains": ["astrology"]}]},
        {"admit": [{**ONLY, "accounts": "all"}]},
        {"admit": [{**ONLY, "accounts": []}]},
        {"admit": [{**ONLY, "roles": ["owner"]}]},
    ],
)
def test_rules_that_are_wrong_are_refused_whole(wrong):
    with pytest.raises(MembersInvalid):
        parse_self_admission(wrong, DOMAINS)


def test_an_account_that_asks_for_several_domains_is_admitted_where_one_rule_has_them_all():
    both = REQUEST.model_copy(update={"domains": DOMAINS})
    apart = [{**ONLY, "domains": [domain]} for domain in DOMAINS]
    assert Central().join(both, rules=apart).status == "pending"
    assert Central().join(both, rules=[{**ONLY, "domains": list(DOMAINS)}]).domains == DOMAINS


def test_asking_again_does_not_change_what_the_owner_admitted():
    central = Central(a_member(role="consumer"))

    assert central.join().role == "consumer"


def test_a_request_to_join_an_unknown_domain_is_rejected():
    with pytest.raises(UnknownDomain):
        Central().join(REQUEST.model_copy(update={"domains": ("astrology",)}))


@pytest.mark.parametrize("admitted", [True, False])
def test_a_spoke_subscribes_its_inbox_or_requests_membership(admitted):
    bus = FakeBus()
    command = JoinMesh(
        account=PRODUCER, role="producer", domains=("retail",), contact="team@example.com", topic_arn=topic_of(PRODUCER)
    )

    joined = [join_mesh(command, bus=bus, inbox=FakeInbox(admitted=admitted)) for _ in range(2)]

    assert [(one.subscribed, one.asked) for one in joined] == [(admitted, not admitted)] * 2
    assert [kind for kind, _ in bus.events] == ([] if admitted else ["MemberJoined"] * 2)
    assert len({json.loads(text)["metadata"]["id"] for _, text in bus.events}) <= 1
    assert all(json.loads(text)["data"] == REQUEST.model_dump(mode="json") for _, text in bus.events)


def test_a_spoke_that_is_not_on_the_bus_waits_for_the_owner():
    command = JoinMesh(account=PRODUCER, role="producer", domains=("retail",), contact="a@example.com", topic_arn="")

    joined = join_mesh(command, bus=FakeBus(closed=True), inbox=FakeInbox(admitted=False))

    assert (joined.subscribed, joined.asked) == (False, False)


def test_a_consumer_subscribes_once_and_ends_it():
    central = Central(a_member(CONSUMER, "consumer"))
    central.registry.products[PRODUCT] = a_product()

    for _ in range(2):
        assert central.subscription(SubscriptionRequested(product=PRODUCT)).status == "subscribed"
    assert list(central.registry.subscribers(PRODUCT)) == [CONSUMER]

    for _ in range(2):
        assert central.subscription(SubscriptionEnded(product=PRODUCT)).status == "ended"
    assert list(central.registry.subscribers(PRODUCT)) == []


@pytest.mark.parametrize("order", [("first", "last"), ("last", "first"), ("first", "last", "first", "first", "last")])
@pytest.mark.parametrize("wanted_last", [True, False])
def test_the_request_that_was_sent_last_counts_in_whatever_order_they_come(order, wanted_last):
    central = Central(a_member(CONSUMER, "consumer"))
    central.registry.products[PRODUCT] = a_product()
    kinds = {"first": SubscriptionEnded, "last": SubscriptionRequested}
    if not wanted_last:
        kinds = {"first": SubscriptionRequested, "last": SubscriptionEnded}
    sent = {"first": NOON - timedelta(minutes=2), "last": NOON - timedelta(minutes=1)}

    for which in order:
        central.subscription(kinds[which](product=PRODUCT), sent=sent[which])

    assert list(central.registry.subscribers(PRODUCT)) == [CONSUMER] * wanted_last


@pytest.mark.parametrize(
    ("members", "product", "account", "error"),
    [
        ((), a_product(), STRANGER, NotAMember),
        ((a_member(CONSUMER, "consumer", status="pending"),), a_product(), CONSUMER, NotAMember),
        ((a_member(CONSUMER, "producer"),), a_product(), CONSUMER, NotAllowedForRole),
        ((a_member(CONSUMER, "consumer"),), None, CONSUMER, UnknownProduct),
        ((a_member(CONSUMER, "consumer"),), a_product(draft=True), CONSUMER, UnknownProduct),
        ((a_member(CONSUMER, "consumer"),), a_product(status="retired"), CONSUMER, UnknownProduct),
    ],
)
def test_a_subscription_is_refused_recorded_and_traced(members, product, account, error):
    central = Central(*members)
    if product:
        central.registry.products[PRODUCT] = product

    with pytest.raises(error):
        central.subscription(SubscriptionRequested(product=PRODUCT), account)

    assert list(central.registry.subscribers(PRODUCT)) == []
    assert [refusal[2]["code"] for refusal in central.registry.refused] == [error.__name__]
    assert central.trace.said() == ["refused"]


def test_a_draft_is_the_owners_to_subscribe_to():
    central = Central(a_member(PRODUCER, "both"))
    central.registry.products[PRODUCT] = a_product(draft=True)

    assert central.subscription(SubscriptionRequested(product=PRODUCT), PRODUCER).status == "subscribed"
