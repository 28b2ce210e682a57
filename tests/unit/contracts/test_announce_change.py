"""A breaking revision of a contract is announced, and waits for the notice period that readers were promised."""

import json
from datetime import timedelta

import pytest
from mesh.adapters.messaging import EventNotAccepted
from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.access.record import Decided
from mesh.domain.contracts.claims import NameTaken, claims_of
from mesh.domain.contracts.contract import ContractSchemaViolation
from mesh.domain.contracts.product import ProductVersion, TableSnapshot
from mesh.domain.contracts.service_levels import duration_of, notice_period
from mesh.domain.events import ColumnRef, Envelope, ProductDeclared
from mesh.usecases.contracts.check_contract import check_contract

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
    a_sender,
    an_access,
    an_envelope,
)
from tests.fakes import (
    NOON,
    FakeAccessRegistry,
    FakeAnnouncements,
    FakeClock,
    FakeMemberTopics,
    FakeRegistry,
    FakeSchedules,
    topic_of,
)
from tests.unit.contracts.announcing import AGAIN, announcing

OTHER = "444444444444"
NOTICE = CONTRACT + "slaProperties: [{property: noticePeriod, value: 30, unit: d}]\n"
BREAKING = NOTICE.replace("laufkont, logicalType: integer", "laufkont, logicalType: string").replace("1.0.0", "2.0.0")
DAYS = timedelta(days=30)


class World:
    """Central, with a product that has data, a subscriber, and somebody else with an access."""

    def __init__(self, registered=NOTICE, **product):
        self.registry = FakeRegistry(a_member(), a_member(CONSUMER, "consumer"), a_member(OTHER, "consumer"))
        self.registry.products[PRODUCT] = a_product(a_contract(registered), **{"version": 3, **product})
        self.registry.subscribe(PRODUCT, CONSUMER, NOON)
        self.announcements, self.accesses = FakeAnnouncements(), FakeAccessRegistry()
        self.clock, self.schedules, self.topics = FakeClock(), FakeSchedules(), FakeMemberTopics()

    def give(self, number, *columns, receiver=OTHER, status="live", entries=()):
        decided = {
            "effect": "allow", "rules": (), "why": "", "exposure": (), "left_out": (), "approvers": (),
            "entries": entries, "databases": (PRODUCT,), "tables": (), "columns": columns,
        }  # fmt: skip
        access = an_access(number, receiver=receiver, status=status, decided=Decided.model_validate(decided))
        self.accesses.stored[number] = access

    def declare(self, text, sequencer="11", event="e-1"):
        declared = ProductDeclared(
            product=PRODUCT, bucket=BUCKET, key=f"{PRODUCT}/contract.yaml", sequencer=sequencer, contract=text
        )
        envelope = an_envelope(declared)
        envelope.detail["metadata"]["id"] = event
        return self.receive(envelope)

    def receive(self, envelope):
        using = announcing(
            self.registry,
            announcements=self.announcements,
            accesses=self.accesses,
            clock=self.clock,
            schedules=self.schedules,
            topics=self.topics,
        )
        return check_contract(
            envelope,
            a_sender(),
            catalog_id=CENTRAL,
            region=REGION,
            read_contract=read_contract,
            announcing=using,
        )

    def come_again(self):
        """What the schedule starts the registration with."""
        ((_, target, payload),) = self.schedules.planned.values()
        assert target == AGAIN
        return self.receive(Envelope.model_validate_json(payload))

    def told(self, account):
        return [json.loads(detail) for topic, kind, detail in self.topics.published if topic == topic_of(account)]

    @property
    def in_force(self):
        return self.registry.products[PRODUCT].contract_version


def test_a_breaking_revision_waits_and_readers_are_told_what_breaks():
    world = World()
    world.give("ac-000000000001", f"{PRODUCT}.credit_card.laufkont", f"{PRODUCT}.credit_card.email")
    world.give("ac-000000000002", f"{PRODUCT}.credit_card.email")
    world.give("ac-000000000003", f"{PRODUCT}.credit_card.laufkont", status="ended")

    checked = world.declare(BREAKING)

    assert (checked.current, checked.waits_until) == (False, NOON + DAYS)
    assert world.in_force == "1.0.0"
    (subscriber,), (holder,), (owner,) = (world.told(account) for account in (CONSUMER, OTHER, PRODUCER))
    assert subscriber["metadata"]["causation_id"] == owner["metadata"]["causation_id"] == "e-1"
    assert [change["text"] for change in subscriber["data"]["changes"]] == [
        "credit_card.laufkont: type changed, bigint → string"
    ]
    assert (subscriber["data"]["registered"], subscriber["data"]["contract_version"]) == ("1.0.0", "2.0.0")
    assert (subscriber["data"]["version"], subscriber["data"]["accesses"]) == (3, [])
    assert holder["data"]["accesses"] == [
        {
            "access": "ac-000000000001",
            "reader": "DataAnalyst",
            "columns": ["credit_card.laufkont"],
            "columns_count": 1,
        }
    ]


def by_tags(**tags):
    """An entry as it is granted: columns of products with these tags."""
    expression = [
        {"TagKey": key, "TagValues": values} for key, values in {"publication": ["published"], **tags}.items()
    ]
    return {"resource": {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": expression}}, "permissions": ["SELECT"]}


def test_an_access_by_tags_reads_what_came_after_it_was_decided():
    """Its record lists the columns of then; by name, it has no others."""
    world = World()
    columns = tuple(ColumnRef(name=name, type="string") for name in ("laufkont", "email"))
    world.registry.recorded[PRODUCT] = [
        ProductVersion(
            product=PRODUCT, version=3, run="r", correlation_id="c", contract_version="1.0.0", changes=(),
            tables=(TableSnapshot(table="credit_card", columns=columns),), published=NOON,
        )
    ]  # fmt: skip
    open_to = {"confidentiality": ["public", "internal"], "pii": ["none"]}
    name = {"TableWithColumns": {"DatabaseName": PRODUCT, "Name": "credit_card", "ColumnNames": ["email"]}}
    world.give("ac-000000000001", entries=[by_tags(**open_to)])
    world.give("ac-000000000002", entries=[by_tags(confidentiality=["restricted"])])
    world.give("ac-000000000003", entries=[by_tags(**open_to), {"resource": name, "permissions": ["SELECT"]}])

    world.declare(BREAKING)

    [holder] = world.told(OTHER)
    assert [(each["access"], each["columns"]) for each in holder["data"]["accesses"]] == [
        ("ac-000000000001", ["credit_card.laufkont"])
    ]


def test_it_is_registered_when_the_notice_period_is_over_and_nobody_is_told_twice():
    world = World()
    world.declare(BREAKING)
    ((when, _, _),) = world.schedules.planned.values()
    assert when == NOON + DAYS
    world.clock.move(DAYS)
    before = len(world.topics.published)

    assert world.come_again().current

    assert world.in_force == "2.0.0"
    assert len(world.topics.published) == before


def test_delivered_again_the_date_of_the_first_time_stands():
    world = World()
    first = world.declare(BREAKING)
    told = len(world.topics.published)
    world.clock.move(timedelta(days=3))

    again = world.declare(BREAKING)

    assert (again.waits_until, len(world.topics.published)) == (first.waits_until, told)


@pytest.mark.parametrize(
    ("registered", "product"),
    [(CONTRACT, {}), (NOTICE, {"version": 0}), (NOTICE, {"status": "retired"}), (NOTICE, {"status": "claimed"})],
    ids=["no-notice-promised", "no-data-yet", "retired", "never-registered"],
)
def test_without_a_promise_to_anybody_it_is_registered_at_once(registered, product):
    world = World(registered, **product)

    assert world.declare(BREAKING).current

    assert world.in_force == "2.0.0"
    assert world.schedules.planned == {}
    assert world.told(PRODUCER) == []
    assert len(world.told(CONSUMER)) == (product.get("status") is None)


@pytest.mark.parametrize("shorter", ["", NOTICE.removeprefix(CONTRACT).replace("30", "1")], ids=["none", "one-day"])
def test_a_notice_period_is_not_shortened_before_it_is_over(shorter):
    """A revision that drops it is in force at once; readers were promised time for what comes after."""
    world = World()
    assert world.declare((CONTRACT + shorter).replace("1.0.0", "1.1.0")).current
    world.clock.move(timedelta(days=2))
    assert world.declare((CONTRACT + shorter + "tags: [credit]\n").replace("1.0.0", "1.2.0"), "12", "e-2").current
    breaking = BREAKING.removesuffix(NOTICE.removeprefix(CONTRACT)) + shorter

    checked = world.declare(breaking, "13", "e-3")

    assert (checked.current, checked.waits_until) == (False, NOON + DAYS)
    assert world.in_force == "1.2.0"
    assert world.told(CONSUMER)[-1]["data"]["in_force"].startswith((NOON + DAYS).isoformat()[:19])


def test_what_breaks_nobody_is_not_announced():
    world = World()

    assert world.declare(NOTICE.replace("1.0.0", "1.1.0") + "tags: [credit]\n").current

    assert (world.topics.published, world.announcements.found) == ([], {})


def test_a_reader_who_could_not_be_told_is_told_by_the_next_attempt():
    world = World()
    world.topics.failures[topic_of(CONSUMER)] = EventNotAccepted("the topic takes nothing")
    with pytest.raises(EventNotAccepted):
        world.declare(BREAKING)
    assert world.in_force == "1.0.0"
    world.topics.failures.clear()

    world.declare(BREAKING)

    assert len(world.told(CONSUMER)) == 1
    assert len({each["metadata"]["id"] for each in world.told(PRODUCER)}) == 1, "a repeated notice has the same id"


def test_a_revision_that_takes_its_place_withdraws_it_from_those_who_were_told():
    world = World()
    world.give("ac-000000000001", f"{PRODUCT}.credit_card.laufkont")
    world.declare(BREAKING)
    world.clock.move(timedelta(days=1))

    assert world.declare(NOTICE.replace("1.0.0", "1.1.0") + "tags: [credit]\n", "12", "e-2").current

    for account in (CONSUMER, OTHER, PRODUCER):
        last = world.told(account)[-1]["data"]
        assert (last["withdrawn"], last["contract_version"]) == (True, "2.0.0")
    assert world.schedules.planned == {}


def test_a_revision_that_is_refused_withdraws_nothing():
    world = World()
    world.declare(BREAKING)
    harmless = NOTICE.replace("1.0.0", "1.1.0").replace("value: credit}", "value: taken}")
    *_, crawler = claims_of(a_product(a_contract(harmless)))
    world.registry.claims[crawler] = "another"
    before = len(world.topics.published)

    with pytest.raises(NameTaken):
        world.declare(harmless, "12", "e-2")

    assert len(world.topics.published) == before
    world.clock.move(DAYS)
    assert world.come_again().current


HARMLESS = NOTICE.replace("1.0.0", "1.1.0") + "tags: [credit]\n"


def test_who_was_told_of_a_revision_hears_of_the_one_that_replaces_it():
    """The newer one leaves the column alone, for which its reader would prepare in vain."""
    world = World()
    world.give("ac-000000000001", f"{PRODUCT}.credit_card.laufkont")
    world.declare(BREAKING)
    other = NOTICE.replace("name: email, logicalType: string", "name: email, logicalType: integer")
    assert other != NOTICE

    world.declare(other.replace("1.0.0", "2.0.1"), "12", "e-2")
    world.declare(HARMLESS, "13", "e-3")

    told = [(each["data"]["contract_version"], each["data"]["withdrawn"]) for each in world.told(OTHER)]
    assert told == [("2.0.0", False), ("2.0.1", False), ("2.0.1", True)]


def test_who_was_told_by_an_attempt_that_failed_hears_that_it_does_not_come():
    world = World()
    world.give("ac-000000000001", f"{PRODUCT}.credit_card.laufkont")
    world.topics.failures[topic_of(CONSUMER)] = EventNotAccepted("the topic takes nothing")
    with pytest.raises(EventNotAccepted):
        world.declare(BREAKING)
    world.topics.failures.clear()

    world.declare(HARMLESS, "12", "e-2")

    assert [each["data"]["withdrawn"] for each in world.told(OTHER)] == [False, True]


def test_one_that_was_not_registered_when_its_time_came_is_withdrawn_all_the_same():
    """The run of its schedule failed, and is to be started again."""
    world = World()
    world.declare(BREAKING)
    world.clock.move(DAYS + timedelta(minutes=1))

    world.declare(HARMLESS, "12", "e-2")

    assert [each["data"]["withdrawn"] for each in world.told(CONSUMER)] == [False, True]


def test_one_that_is_in_force_is_not_withdrawn():
    world = World()
    world.declare(BREAKING)
    world.clock.move(DAYS)
    world.come_again()

    assert world.declare(BREAKING.replace("2.0.0", "2.1.0") + "tags: [credit]\n", "12", "e-2").current

    assert [each["data"]["withdrawn"] for each in world.told(CONSUMER)] == [False]


def test_an_older_revision_does_not_come_back():
    """Its schedule fired, or its event is delivered once more, after a newer one was announced."""
    world = World()
    world.declare(BREAKING)
    ((_, _, older),) = world.schedules.planned.values()
    newer = world.declare(BREAKING.replace("2.0.0", "2.0.1"), "12", "e-2")
    assert newer.waits_until == NOON + DAYS
    assert len(world.schedules.planned) == 1, "one schedule a product"
    world.clock.move(DAYS)

    late = world.receive(Envelope.model_validate_json(older))

    assert (late.current, late.waits_until, world.in_force) == (False, None, "1.0.0")
    assert world.come_again().current
    assert world.in_force == "2.0.1"


def test_a_retired_product_is_not_revived_by_what_was_announced_before():
    world = World()
    world.declare(BREAKING)
    world.announcements.end(PRODUCT)
    world.registry.products[PRODUCT] = world.registry.products[PRODUCT].evolve(status="retired")
    world.clock.move(DAYS)

    late = world.come_again()

    assert (late.current, late.waits_until) == (False, None)
    assert world.registry.products[PRODUCT].status == "retired"


def test_its_owner_may_revive_it_with_a_newer_contract():
    world = World()
    world.declare(BREAKING)
    world.announcements.end(PRODUCT)
    world.registry.products[PRODUCT] = world.registry.products[PRODUCT].evolve(status="retired")

    assert world.declare(BREAKING, "12", "e-2").current


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        ("30", "d", 30 * 86400), ("P30D", "", 30 * 86400), ("P3M", "", 90 * 86400), ("P1Y", "", 365 * 86400),
        ("PT36H", "", 36 * 3600), ("1.5", "h", 5400), ("weekly", "", 7 * 86400), ("P", "", None), ("0", "d", None),
        ("-3", "d", None), ("9" * 30, "y", None), ("P" + "9" * 30 + "W", "", None), ("P" + "9" * 5000 + "D", "", None),
        ("1e9", "d", None), ("nan", "d", None), ("", "", None),
    ],
)  # fmt: skip
def test_how_long_an_entry_says(value, unit, seconds):
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert duration_of({"value": value, "unit": unit}) == expected


@pytest.mark.parametrize(
    "entry", ["{property: noticePeriod, value: soon}", "{property: noticePeriod, value: 366, unit: d}"]
)
def test_a_notice_period_that_is_none_is_refused_with_its_place(entry):
    with pytest.raises(ContractSchemaViolation) as refused:
        a_contract(CONTRACT + f"slaProperties: [{{property: latency, value: 1, unit: d}}, {entry}]\n")

    (violation,) = refused.value.where["violations"]
    assert violation["path"] == "$.slaProperties[1].value"
    assert "365 days" in violation["message"]


def test_the_longest_of_several_notice_periods_counts():
    sla = "[{property: noticePeriod, value: 30, unit: d}, {property: NoticePeriod, value: P2M}]"
    assert notice_period(a_contract(CONTRACT + f"slaProperties: {sla}\n")) == timedelta(days=60)
    assert a_contract(CONTRACT + f"slaProperties: {sla}\n").not_enforced == ()
