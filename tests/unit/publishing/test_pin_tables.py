"""A version is kept by second tables on its metadata files: nothing is copied, nobody but central is needed."""

import json
from datetime import timedelta

import pytest
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import PersonalDataFinding, PinRequested, UnpinRequested
from mesh.domain.governance.ontology import PENDING, PUBLICATION, PUBLISHED
from mesh.domain.membership.authorisation import ForgedSender
from mesh.domain.names import pinned_table
from mesh.domain.publishing.iceberg_table import pointer_of
from mesh.domain.publishing.keeping import VersionGone
from mesh.domain.publishing.proposals import TableDetails
from mesh.ports import Target
from mesh.usecases.publishing.request_pin import PinLimits, request_pin
from mesh.usecases.publishing.settle_pin import PinKeeper
from mesh.usecases.publishing.tag_pins import Tagging, follow_pins

from tests.builders import CENTRAL, PRODUCER, PRODUCT, TABLE, an_envelope, an_ontology, topic_of
from tests.fakes import NOON, FakeBus, FakeLocks, FakeSchedules
from tests.fakes.failures import dying_at
from tests.unit.publishing.test_commit_rollback import Rolling

PINNED = pinned_table(TABLE, 1)
EMAIL = PersonalDataFinding(column="email", value="personal", reason="looks like it", confidence=0.9)


class Pinning(Rolling):
    """Central with its pins; version 1 has an e-mail address, version 2 has none."""

    def __init__(self):
        super().__init__(contract_version="1.0.0")
        self.bus, self.locks, self.schedules = FakeBus(), FakeLocks(), FakeSchedules()
        self.limits = PinLimits(timedelta(days=90), 2)
        details = TableDetails(objects=1, rows=3, bytes=8, sources=1, findings=(EMAIL,))
        fields = self.fields(id="bigint", email="string")
        self.publish(self.stage(rows=3, fields=fields, details=details))
        self.revise(contract_version="2.0.0")
        self.publish(self.stage(rows=5, fields=self.fields(id="bigint")), number="0000000b")

    @property
    def keeper(self):
        tagging = Tagging(self.catalog, self.lake, self.registry, an_ontology())
        return PinKeeper(
            role_arn="arn:aws:iam::111111111111:role/settle-pin", context=self.context, topics=self.topics,
            schedules=self.schedules, tagging=tagging, proposals=self.proposals, locks=self.locks,
        )  # fmt: skip

    def request_pin(self, version=1, event="p-1", by=PRODUCER):
        request = PinRequested(product=PRODUCT, version=version, until=NOON + timedelta(days=30), reason="scorecard 7")
        envelope = an_envelope(request, account=by)
        envelope.detail["metadata"]["id"] = event
        return request_pin(
            envelope, limits=self.limits, end=Target("arn", "role", "dlq"), context=self.context, topics=self.topics,
            schedules=self.schedules, bus=self.bus,
        )  # fmt: skip

    def make(self, account=CENTRAL):
        """Deliver the last event that central sent to itself."""
        kind, detail = self.bus.events[-1]
        envelope = an_envelope(json.loads(detail)["data"], kind, account=account)
        return self.keeper.settle(envelope.model_dump(mode="json", by_alias=True))

    def unpin(self, by=PRODUCER, event="u-1"):
        envelope = an_envelope(UnpinRequested(product=PRODUCT, version=1), account=by)
        envelope.detail["metadata"]["id"] = event
        return self.keeper.settle(envelope.model_dump(mode="json", by_alias=True))

    def ready(self):
        self.request_pin()
        self.make()
        return self.registry.pins(PRODUCT).pins[0]

    def notified(self, kind):
        return [json.loads(detail)["data"] for _, found, detail in self.topics.published if found == kind]


@pytest.fixture
def world():
    return Pinning()


def test_a_pin_is_a_second_table_on_the_versions_file(world):
    pin = world.ready()

    assert pin.status == "ready"
    assert pointer_of(world.catalog.table(PRODUCT, PINNED)).endswith("/v1.metadata.json")
    assert world.columns(PINNED) == ["id", "email"]
    assert world.pointer().endswith("/v2.metadata.json"), "the present table is as it was"
    [notice] = world.notified("PinReady")
    assert (notice["rows"], notice["version"]) == (3, 1)
    assert len(world.schedules.planned) == 1


def test_there_is_nothing_behind_it_until_its_tags_are_right(world):
    seen = []
    create, update = world.catalog.create_table, world.catalog.update_table

    def created(database, wanted):
        seen.append((pointer_of(wanted).rpartition("/")[2], world.lake.effective(PRODUCT, PINNED, "email").get("pii")))
        create(database, wanted)

    def updated(database, wanted, **more):
        tags = world.lake.effective(PRODUCT, PINNED, "email")
        seen.append((pointer_of(wanted).rpartition("/")[2], tags["pii"]))
        update(database, wanted, **more)

    world.catalog.create_table, world.catalog.update_table = created, updated
    world.ready()

    assert seen == [("v1.empty.metadata.json", "none"), ("v1.metadata.json", "personal")]
    assert world.lake.effective(PRODUCT, PINNED, "id")[PUBLICATION] == PUBLISHED


def test_it_becomes_stricter_with_the_present_table_before_the_announcement(world):
    world.ready()
    assert world.lake.effective(PRODUCT, PINNED, "id")["pii"] == "none"
    found = PersonalDataFinding(column="id", value="personal", reason="account numbers", confidence=0.9)
    details = TableDetails(objects=1, rows=1, bytes=8, sources=2, findings=(found,))

    world.publish(world.stage(rows=6, fields=world.fields(id="bigint"), details=details), number="0000000c")

    assert world.lake.effective(PRODUCT, PINNED, "id")["pii"] == "personal"


def test_a_rollback_does_not_touch_it(world):
    world.ready()
    world.roll_back(1)
    assert pointer_of(world.catalog.table(PRODUCT, PINNED)).endswith("/v1.metadata.json")


def test_its_end_is_to_drop_the_table_alone(world):
    pin = world.ready()
    [state] = world.unpin().pins

    assert state.status == "ended"
    assert world.catalog.table(PRODUCT, PINNED) is None
    assert world.registry.pins(PRODUCT).pins == ()
    assert [notice["cause"] for notice in world.notified("PinEnded")] == ["unpinned"]
    assert world.keeper.end_due(PRODUCT, pin.id).status == "ended", "said again by the schedule"


def test_it_ends_with_its_last_holder(world):
    world.ready()
    world.request_pin(event="p-2", by=CENTRAL)
    world.unpin()
    assert world.catalog.table(PRODUCT, PINNED) is not None
    world.clock.move(timedelta(days=31))
    [pin] = world.registry.pins(PRODUCT).pins
    world.keeper.settle({"ending": {"product": PRODUCT, "pin": pin.id}})
    assert world.catalog.table(PRODUCT, PINNED) is None


def test_one_that_was_made_and_that_nobody_was_told_of_is_told_by_the_next_attempt(world):
    world.request_pin()
    topic = topic_of(PRODUCER)
    world.topics.failures[topic] = ConnectionError("the function died")
    with pytest.raises(ConnectionError):
        world.make()
    assert (world.registry.pins(PRODUCT).pins[0].status, world.notified("PinReady")) == ("ready", [])

    world.topics.failures.clear()
    for _ in range(2):
        world.make()
    assert len(world.notified("PinReady")) == 2
    ids = [json.loads(detail)["metadata"]["id"] for _, kind, detail in world.topics.published if kind == "PinReady"]
    assert ids[0] == ids[1], "the inbox passes over the second"


def test_pins_of_a_retired_product_stay_hidden(world):
    world.ready()
    world.registry.products[PRODUCT] = world.registry.products[PRODUCT].evolve(status="retired")
    world.lake.tag_table(PRODUCT, PINNED, {PUBLICATION: PENDING})
    tagging = Tagging(world.catalog, world.lake, world.registry, an_ontology())

    assert follow_pins(PRODUCT, tagging) == 0
    assert world.lake.on[PRODUCT, PINNED][PUBLICATION] == PENDING


@pytest.mark.parametrize("fails_at", range(1, 5))
def test_made_again_after_it_died_anywhere(world, fails_at):
    dying = dying_at(fails_at)
    kept = world.catalog.update_table, world.lake.tag_table, world.lake.tag_columns
    world.catalog.update_table, world.lake.tag_table, world.lake.tag_columns = map(dying, kept)
    world.request_pin()
    with pytest.raises(ConnectionError):
        world.make()
    assert not pointer_of(world.catalog.table(PRODUCT, PINNED)).endswith("/v1.metadata.json")
    world.catalog.update_table, world.lake.tag_table, world.lake.tag_columns = kept
    world.request_pin(event="p-2", by=CENTRAL)  # a repeated request creates it again
    world.make()
    assert world.registry.pins(PRODUCT).pins[0].status == "ready"
    assert len(world.notified("PinReady")) == 1, "central has no topic"


def test_only_central_has_tables_created(world):
    world.request_pin()
    with pytest.raises(ForgedSender):
        world.make(account=PRODUCER)
    assert world.catalog.table(PRODUCT, PINNED) is None


def test_one_that_ended_while_it_was_to_be_made_is_not_made(world):
    world.request_pin()
    world.unpin()
    assert world.make().pins[0].status == "ended"
    assert world.catalog.table(PRODUCT, PINNED) is None


def test_while_it_is_made_it_does_not_end(world):
    pin = world.ready()
    world.locks.elsewhere.add(pin.id)
    with pytest.raises(ConcurrentChange):
        world.unpin()
    world.locks.elsewhere.clear()
    world.keeper.end_due(PRODUCT, pin.id)
    assert world.catalog.table(PRODUCT, PINNED) is None


def test_an_unrecorded_version_is_rejected_and_the_requester_notified(world):
    world.proposals.tables.clear()
    world.request_pin()
    [state] = world.make().pins
    assert state.status == "ended"
    [notice] = world.notified("PinRefused")
    assert notice["reason"]["code"] == VersionGone.__name__
