"""A product moves from one producer to another, by the contracts of both."""

import json

import pytest
from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.access.record import Decided
from mesh.domain.contracts.contract import ContractSchemaViolation
from mesh.domain.contracts.handover import HandoverRefused
from mesh.domain.events import GrantEntry, ProductDeclared
from mesh.domain.governance.product_rights import producer_grants
from mesh.domain.membership.authorisation import NotTheOwner
from mesh.usecases.contracts.check_contract import check_contract
from mesh.usecases.contracts.register_product import CentralRoles, register_product

from tests.builders import (
    BUCKET,
    CENTRAL,
    CONSUMER,
    CONTRACT,
    PRODUCER,
    PRODUCT,
    REGION,
    a_contract,
    a_member,
    a_product,
    a_registration,
    a_sender,
    an_access,
    an_envelope,
)
from tests.fakes import (
    NOON,
    FakeAccessRegistry,
    FakeAnnouncements,
    FakeCatalog,
    FakeLakeFormation,
    FakeLocks,
    FakeMemberTopics,
    FakeRegistry,
    FakeSchedules,
    topic_of,
)
from tests.unit.contracts.announcing import announcing

NEW, NEW_BUCKET = "444444444444", BUCKET.replace(PRODUCER, "444444444444")
OFFER = f"customProperties:\n  - {{property: handOverTo, value: '{NEW}'}}"
OFFERED = CONTRACT.replace("customProperties:", OFFER).replace("1.0.0", "1.0.1")
TAKING = CONTRACT.replace("1.0.0", "1.1.0")
BREAKING = TAKING.replace("laufkont, logicalType: integer", "laufkont, logicalType: string").replace("1.1.0", "2.0.0")
GLUE = "{property: crawl, value: glue}\n  - {property: crawlerPrefix"
ROLES = CentralRoles("own", "location", "commit", "pin")


class World:
    """Central, with a product that has data and a subscriber, and whose owner hands it over."""

    def __init__(self, offered=OFFERED, **product):
        self.registry = FakeRegistry(a_member(), a_member(NEW), a_member(CONSUMER, "consumer"))
        self.registry.products[PRODUCT] = a_product(
            a_contract(offered), **{"version": 3, "contract_sequencer": "77", **product}
        )
        self.registry.subscribe(PRODUCT, CONSUMER, NOON)
        self.accesses, self.topics, self.announcements = FakeAccessRegistry(), FakeMemberTopics(), FakeAnnouncements()
        self.schedules, self.catalog, self.lake = FakeSchedules(), FakeCatalog(), FakeLakeFormation()
        self.using = announcing(
            self.registry,
            accesses=self.accesses,
            announcements=self.announcements,
            schedules=self.schedules,
            topics=self.topics,
        )

    def declare(self, text=TAKING, account=NEW, sequencer="11", event="e-1"):
        bucket = BUCKET.replace(PRODUCER, account)
        declared = ProductDeclared(
            product=PRODUCT, bucket=bucket, key=f"{PRODUCT}/contract.yaml", sequencer=sequencer, contract=text
        )
        envelope = an_envelope(declared, account=account)
        envelope.detail["metadata"]["id"] = event
        return check_contract(
            envelope,
            a_sender(account),
            catalog_id=CENTRAL,
            region=REGION,
            read_contract=read_contract,
            announcing=self.using,
        )

    def register(self, registration):
        return register_product(
            registration,
            roles=ROLES,
            catalog=self.catalog,
            lake=self.lake,
            locks=FakeLocks(),
            tag=lambda _: None,
            context=self.using.context,
            topics=self.topics,
        )

    def taken(self):
        registration = self.declare().registration
        self.register(registration)
        return registration

    @property
    def product(self):
        return self.registry.products[PRODUCT]

    def notified(self, account, kind):
        found = [detail for where, name, detail in self.topics.published if (where, name) == (topic_of(account), kind)]
        return [json.loads(each)["data"] for each in found]

    def told(self):
        return [(where, name, json.loads(detail)["metadata"]["id"]) for where, name, detail in self.topics.published]

    def granted(self, account):
        return [each for each in self.lake.grants if each["Principal"]["DataLakePrincipalIdentifier"] == account]

    def asked(self, number, *approvers, answers=(), entries=(), receiver=CONSUMER, status="waiting"):
        decided = {
            "effect": "require_approval", "rules": (), "why": "", "exposure": (), "left_out": (),
            "approvers": approvers, "entries": entries, "databases": (PRODUCT,), "tables": (),
        }  # fmt: skip
        self.accesses.stored[number] = an_access(
            number, receiver=receiver, status=status, decided=Decided.model_validate(decided), answer_by=NOON,
            answers=answers, granted=bool(entries),
        )  # fmt: skip


def test_the_account_that_may_take_it_is_told():
    world = World(CONTRACT)
    checked = world.declare(OFFERED, PRODUCER, sequencer="78")
    assert (checked.current, world.product.owner, world.product.offered_to) == (True, PRODUCER, NEW)
    assert world.notified(NEW, "HandoverOffered") == [
        {"product": PRODUCT, "owner_account": PRODUCER, "domain": "retail", "contract_version": "1.0.1"}
    ]


@pytest.mark.parametrize(
    ("to", "said"), [(PRODUCER, "the owner's already"), (CONSUMER, "no producer"), ("555555555555", "no producer")]
)
def test_who_could_not_take_it_is_refused_before_anything_is_recorded(to, said):
    world = World(CONTRACT)
    with pytest.raises(HandoverRefused, match=said):
        world.declare(OFFERED.replace(NEW, to), PRODUCER, sequencer="78")
    assert (world.product.offered_to, world.topics.published) == ("", [])


@pytest.mark.parametrize("account", ["12345", "444444444444 ", 444444444444, ["444444444444"]])
def test_what_is_no_account_is_no_contract(account):
    text = CONTRACT.replace("customProperties:", f"customProperties:\n  - {{property: handOverTo, value: {account!r}}}")
    with pytest.raises(ContractSchemaViolation, match="twelve digits"):
        a_contract(text)


def test_it_is_the_new_owners_with_its_versions_whatever_the_sequencers():
    world = World()
    checked = world.declare(sequencer="11")
    assert (checked.current, checked.registration.taken_from) == (True, PRODUCER)
    product = world.product
    assert (product.owner, product.bucket, product.version, product.status) == (NEW, NEW_BUCKET, 3, "registered")
    assert (product.offered_to, product.buckets) == ("", {BUCKET: PRODUCER, NEW_BUCKET: NEW})
    assert [(each.account, each.contract_sequencer) for each in product.former] == [(PRODUCER, "77")]


def test_it_is_taken_over_until_it_is_registered_by_a_contract_that_comes_again_or_later_as_well():
    """A registration that failed is made by whatever contract comes next."""
    world = World()
    assert [world.declare().registration.taken_from for _ in range(2)] == [PRODUCER] * 2
    later = world.declare(TAKING.replace("1.1.0", "1.2.0"), sequencer="12", event="e-2")
    assert (later.current, later.registration.taken_from, len(world.product.former)) == (True, PRODUCER, 1)
    world.register(later.registration)
    last = world.declare(TAKING.replace("1.1.0", "1.3.0"), sequencer="13", event="e-3")
    assert (last.current, last.registration.taken_from, len(world.product.former)) == (True, None, 1)


def test_it_is_handed_on_only_when_it_is_registered():
    world = World()
    world.registry.put_member(a_member("555555555555"))
    world.declare(OFFERED.replace(NEW, "555555555555").replace("1.0.1", "1.1.0"))
    with pytest.raises(HandoverRefused, match=f"being taken over from account {PRODUCER}"):
        world.declare(TAKING.replace("1.1.0", "1.2.0"), account="555555555555", event="e-2")


def test_its_former_owner_declares_it_no_more_until_it_is_handed_back():
    world = World()
    world.taken()
    with pytest.raises(NotTheOwner, match=NEW):
        world.declare(TAKING.replace("1.1.0", "3.0.0"), PRODUCER, sequencer="99", event="e-2")
    back = OFFERED.replace(NEW, PRODUCER).replace("1.0.1", "1.2.0")
    world.declare(back, NEW, sequencer="12", event="e-3")
    world.declare(TAKING.replace("1.1.0", "1.3.0"), PRODUCER, sequencer="98", event="e-4")
    assert (world.product.owner, [each.account for each in world.product.former]) == (PRODUCER, [PRODUCER, NEW])
    assert world.product.buckets == {BUCKET: PRODUCER, NEW_BUCKET: NEW}


def test_nobody_else_takes_it():
    world = World()
    world.registry.put_member(a_member("555555555555"))
    with pytest.raises(NotTheOwner):
        world.declare(account="555555555555")
    assert world.product.owner == PRODUCER


@pytest.mark.parametrize(
    ("text", "product", "said"),
    [
        (BREAKING, {}, "changes what readers have"),
        (TAKING.replace("active", "draft"), {}, "a draft"),
        (TAKING.replace("{property: crawlerPrefix", GLUE), {"version": 0}, "Glue crawler"),
        (TAKING, {"status": "retired"}, "it is retired"),
        (TAKING, {"status": "claimed"}, "it is claimed"),
    ],
)
def test_it_is_only_taken_as_it_is(text, product, said):
    world = World(**product)
    with pytest.raises(HandoverRefused, match=said) as refused:
        world.declare(text)
    assert refused.value.where["key"] == f"{PRODUCT}/contract.yaml"
    assert (world.product.owner, world.product.former) == (PRODUCER, ())


NOTICE = "slaProperties: [{property: noticePeriod, value: 30, unit: d}]\n"


def test_what_its_former_owner_announced_does_not_come_and_holds_no_later_announcement_up():
    world = World(OFFERED + NOTICE)
    broken = OFFERED.replace("laufkont, logicalType: integer", "laufkont, logicalType: string")
    announced = world.declare(broken.replace("1.0.1", "2.0.0") + NOTICE, PRODUCER, sequencer="78", event="e-0")
    assert announced.waits_until is not None
    world.declare(TAKING + NOTICE)
    told = world.notified(CONSUMER, "ContractChangeAnnounced")
    assert [each["withdrawn"] for each in told] == [False, True]
    assert world.schedules.planned == {}
    again = world.declare(BREAKING + NOTICE, sequencer="12", event="e-2")
    assert again.waits_until is not None
    assert world.announcements.newest(PRODUCT).owner == NEW


def test_the_rights_move_and_both_sides_and_the_readers_are_told():
    world = World()
    former = a_registration(a_contract(OFFERED), owner=PRODUCER, bucket=BUCKET, sequencer="77")
    world.register(former)
    assert world.granted(PRODUCER) == producer_grants(former)

    registration = world.taken()

    assert (world.granted(PRODUCER), world.granted(NEW)) == ([], producer_grants(registration))
    assert world.catalog.databases[PRODUCT]["Parameters"]["meshwork:owner"] == NEW
    assert world.catalog.databases[PRODUCT]["LocationUri"] == f"s3://{NEW_BUCKET}/{PRODUCT}/published/"
    assert set(world.lake.registered) == {f"arn:aws:s3:::{b}/{PRODUCT}/published" for b in (BUCKET, NEW_BUCKET)}
    news = {
        "product": PRODUCT, "domain": "retail", "owner_account": PRODUCER, "new_owner": NEW, "sequencer": "77",
    }  # fmt: skip
    assert [world.notified(each, "ProductHandedOver") for each in (PRODUCER, CONSUMER, NEW)] == [
        [news],
        [news],
        [],
    ]


def test_registering_again_moves_nothing_and_tells_the_same():
    world = World()
    registration = world.taken()
    told = world.told()
    world.register(registration)
    assert {PRODUCER, NEW} & {each["Principal"]["DataLakePrincipalIdentifier"] for each in world.lake.grants} == {NEW}
    assert world.told() == told * 2
    later = world.declare(TAKING.replace("1.1.0", "1.2.0"), sequencer="12", event="e-2").registration
    world.register(later)
    assert world.told() == told * 2


def test_a_registration_of_the_former_owner_that_comes_late_grants_it_nothing():
    world = World()
    world.taken()
    granted = list(world.lake.grants)

    assert world.register(a_registration(a_contract(OFFERED), sequencer="77")) is None

    assert world.lake.grants == granted


def test_an_access_that_the_former_owner_was_granted_stays():
    world = World()
    owners = producer_grants(a_registration())[1]
    entry = GrantEntry(resource=owners["Resource"], permissions=tuple(owners["Permissions"]))
    world.asked("ac-000000000001", PRODUCER, entries=(entry,), receiver=PRODUCER, status="live")
    world.register(a_registration(a_contract(OFFERED), sequencer="77"))
    world.taken()
    assert [each["Resource"] for each in world.granted(PRODUCER)] == [entry.resource]


def test_what_the_former_owner_was_asked_the_new_one_is_asked():
    world = World()
    answer = {"account": PRODUCER, "decision": "approve", "reason": "yes", "at": NOON, "event_id": "e-9"}
    world.asked("ac-000000000001", PRODUCER)
    world.asked("ac-000000000002", PRODUCER, "666666666666", answers=(answer,))
    world.asked("ac-000000000003", PRODUCER, status="live")
    for _ in range(2):
        world.taken()
    approvers = {number: access.decided.approvers for number, access in world.accesses.stored.items()}
    assert approvers == {
        "ac-000000000001": (NEW,),
        "ac-000000000002": (PRODUCER, "666666666666"),
        "ac-000000000003": (PRODUCER,),
    }
    asked = world.notified(NEW, "DecisionRequested")
    assert {(each["access"], tuple(each["approvers"])) for each in asked} == {("ac-000000000001", (NEW,))}
    [step] = world.accesses.stored["ac-000000000001"].history
    assert NEW in step.what
