"""Who is notified of a version, of what, and whether its tables can be read."""

import json

import pytest
from mesh.adapters.messaging import EventNotAccepted
from mesh.domain.contracts.product import ProductVersion, TableSnapshot, Throttled
from mesh.domain.events import (
    ColumnRef,
    QualitySummary,
    Rollback,
    ShortFinding,
    SubscriptionEnded,
    SubscriptionRequested,
    TableChange,
)
from mesh.usecases.central_context import CentralContext
from mesh.usecases.publishing.change_subscription import change_subscription
from mesh.usecases.publishing.notify_subscribers import Announce, notify_subscribers
from mesh.usecases.publishing.published_tables import table_faults

from tests.builders import (
    CENTRAL,
    CONSUMER,
    CORRELATION,
    NOTE,
    PRODUCER,
    PRODUCT,
    SEQUENCER,
    TABLE,
    a_glue_table,
    a_member,
    a_product,
    an_envelope,
)
from tests.fakes import (
    NOON,
    FakeAccessRegistry,
    FakeClock,
    FakeLakeFormation,
    FakeMemberTopics,
    FakeProposals,
    FakeRegistry,
    FakeTrace,
    topic_of,
)

COLUMNS = {"id": "bigint", "amount": "double"}
SNAPSHOT = TableSnapshot(
    table=TABLE, columns=tuple(ColumnRef(name=name, type=type_) for name, type_ in COLUMNS.items())
)


class World:
    """Central with one registered product."""

    def __init__(self, **product):
        self.clock, self.trace, self.topics = FakeClock(), FakeTrace(), FakeMemberTopics()
        self.registry = FakeRegistry(a_member(), a_member(CONSUMER, "consumer"))
        self.registry.products[PRODUCT] = product_of = a_product(**product)
        self.draft = product_of.draft

    def publish(self, change=None, **version):
        number = self.registry.products[PRODUCT].version + 1
        return self.registry.record_version(
            ProductVersion(
                product=PRODUCT, version=number, run=f"run-{number}", correlation_id=CORRELATION, follows=number - 1,
                contract_version="1.0.0", tables=(SNAPSHOT,), published=NOON, draft=self.draft,
                changes=(change or TableChange(table=TABLE, new_table=number == 1),), **version,
            ),
            NOTE,
            contract=SEQUENCER,
        )  # fmt: skip

    @property
    def context(self):
        return CentralContext(CENTRAL, self.registry, FakeAccessRegistry(), self.trace, self.clock)

    def subscribe(self, request=SubscriptionRequested):
        """What the request made published."""
        before = len(self.topics.published)
        envelope = an_envelope(request(product=PRODUCT), account=CONSUMER)
        change_subscription(envelope, catalog_id=CENTRAL, context=self.context, topics=self.topics)
        return self.topics.published[before:]

    def unsubscribe(self):
        assert self.subscribe(SubscriptionEnded) == []

    def notify(self, version):
        return notify_subscribers(
            Announce(version=version),
            catalog_id=CENTRAL,
            context=self.context,
            proposals=FakeProposals(),
            topics=self.topics,
        )


def test_readable_means_table_columns_and_tags():
    def faults(columns=COLUMNS, product=PRODUCT, pending=()):
        lake = FakeLakeFormation({"product": [PRODUCT, "other"], "publication": ["pending", "published"]})
        lake.tag_database(PRODUCT, {"product": product})
        lake.tag_columns(
            PRODUCT, TABLE, [name for name in COLUMNS if name not in pending], {"publication": "published"}
        )
        return table_faults(PRODUCT, SNAPSHOT, a_glue_table(columns) if columns else None, lake)

    assert faults() == []
    assert "not in the catalog" in faults(columns={})[0]
    assert "columns are missing: amount" in faults(columns={"id": "bigint"})[0]
    assert "columns are not published: amount" in faults(pending=["amount"])[0]
    assert "LF-Tag product is other" in faults(product="other")[0]


def test_each_subscriber_and_the_owner_is_notified_once_per_version():
    world = World()
    world.registry.subscribe(PRODUCT, CONSUMER, world.clock.now())
    version = world.publish()

    assert world.notify(version).notified == (PRODUCER, CONSUMER)
    again = world.notify(version)

    assert (again.notified, again.already) == ((), (PRODUCER, CONSUMER))
    assert [topic for topic, _, _ in world.topics.published] == [topic_of(PRODUCER), topic_of(CONSUMER)]
    assert len({detail for _, _, detail in world.topics.published}) > 0
    assert world.notify(world.publish()).notified == (PRODUCER, CONSUMER)


def test_a_late_subscriber_is_notified_of_the_present_version_once():
    world = World()
    assert world.subscribe() == []
    world.unsubscribe()
    world.notify(world.publish())
    world.notify(world.publish())
    world.topics.published.clear()

    [(topic, kind, detail)] = world.subscribe()
    assert (topic, kind, json.loads(detail)["data"]["version"]) == (topic_of(CONSUMER), "ProductUpdated", 2)
    assert world.subscribe() == [], "it was notified"
    assert world.notify(world.registry.latest_version(PRODUCT)).already == (PRODUCER, CONSUMER)


def test_a_late_subscriber_is_not_notified_of_a_drafts_version():
    world = World(draft=True)
    world.publish()
    world.registry.products[PRODUCT] = a_product(version=1)

    assert world.subscribe() == []


def test_whoever_subscribes_while_a_version_is_announced_gets_one_notice_however_many_come():
    world = World()
    version = world.publish()
    [(_, _, early)] = world.subscribe()
    world.registry.notices.clear()  # as the announcement, which looked before, has it

    world.notify(version)
    late = next(detail for topic, _, detail in reversed(world.topics.published) if topic == topic_of(CONSUMER))
    assert json.loads(early)["metadata"]["id"] == json.loads(late)["metadata"]["id"]


def test_a_subscription_stands_though_its_topic_does_not_take_the_notice():
    world = World()
    world.publish()
    world.topics.failures[topic_of(CONSUMER)] = EventNotAccepted("gone")

    with pytest.raises(EventNotAccepted):
        world.subscribe()
    assert list(world.registry.subscribers(PRODUCT)) == [CONSUMER]
    world.topics.failures.clear()
    assert len(world.subscribe()) == 1


def test_the_notice_shows_changes_query_and_trace_id():
    world = World()
    world.registry.subscribe(PRODUCT, CONSUMER, world.clock.now())

    world.notify(world.publish())

    _, kind, text = world.topics.published[0]
    detail = json.loads(text)
    assert kind == "ProductUpdated"
    assert detail["metadata"]["correlation_id"] == CORRELATION
    data = detail["data"]
    assert (data["product"], data["version"], data["owner_account"]) == (PRODUCT, 1, PRODUCER)
    [query] = data["queries"]
    assert (query["catalog_id"], query["resource_link"], query["table"]) == (CENTRAL, f"rl_{PRODUCT}", TABLE)
    assert f'"rl_{PRODUCT}"."{TABLE}"' in query["sql"]


def test_an_interrupted_attempt_notifies_the_rest_with_the_same_id():
    world = World()
    world.registry.subscribe(PRODUCT, CONSUMER, world.clock.now())
    version = world.publish()
    record = world.registry.record_notices
    world.registry.record_notices = lambda *args: (_ for _ in ()).throw(RuntimeError("crashed after the effect"))
    with pytest.raises(RuntimeError):
        world.notify(version)
    world.registry.record_notices = record

    world.notify(version)

    ids = [json.loads(text)["metadata"]["id"] for _, _, text in world.topics.published]
    assert len(ids) == 4
    assert len(set(ids)) == 1


def test_a_version_without_recipients_is_in_its_trace():
    world = World()
    world.registry.accounts.clear()

    assert world.notify(world.publish()).notified == ()
    assert world.registry.trace.notes[-1][1:] == ("notified", {"product": PRODUCT, "version": 1, "members": []})


def test_any_number_of_subscribers_is_notified_and_recorded():
    world = World()
    accounts = [f"{number:012d}" for number in range(120)]
    for account in accounts:
        world.registry.put_member(a_member(account, "consumer"))
        world.registry.subscribe(PRODUCT, account, world.clock.now())
    version = world.publish()

    assert world.notify(version).notified == (PRODUCER, *accounts)
    assert world.notify(version).already == (PRODUCER, *accounts)


@pytest.mark.parametrize("error", [EventNotAccepted("NotFound: no topic"), Throttled("slow down")])
def test_a_topic_that_takes_nothing_keeps_no_other_member_from_its_notice(error):
    world = World()
    for account in ("444444444444", CONSUMER):
        world.registry.put_member(a_member(account, "consumer"))
        world.registry.subscribe(PRODUCT, account, world.clock.now())
    world.topics.failures[topic_of("444444444444")] = error
    version = world.publish()

    with pytest.raises(type(error)):
        world.notify(version)

    assert [topic for topic, _, _ in world.topics.published] == [topic_of(PRODUCER), topic_of(CONSUMER)]
    world.topics.failures.clear()
    assert world.notify(version).notified == ("444444444444",)


def test_what_is_throttled_is_tried_again_before_another_failure_ends_the_run():
    world = World()
    world.registry.subscribe(PRODUCT, CONSUMER, world.clock.now())
    world.topics.failures = {topic_of(PRODUCER): EventNotAccepted("NotFound"), topic_of(CONSUMER): Throttled("slow")}

    with pytest.raises(Throttled):
        world.notify(world.publish())


def test_a_draft_is_announced_to_its_owner_only():
    world = World(draft=True)
    world.registry.subscribe(PRODUCT, CONSUMER, world.clock.now())

    assert world.notify(world.publish()).notified == (PRODUCER,)
    assert json.loads(world.topics.published[0][2])["data"]["draft"] is True


@pytest.mark.parametrize("status", ["gone", "pending"])
def test_a_former_member_is_skipped(status):
    world = World()
    world.registry.subscribe(PRODUCT, CONSUMER, world.clock.now())
    version = world.publish()
    world.registry.accounts.pop(CONSUMER)
    if status == "pending":
        world.registry.put_member(a_member(CONSUMER, "consumer", status="pending"))

    assert world.notify(version).notified == (PRODUCER,)


def test_a_notice_carries_deltas_warnings_the_rollback_and_a_query_for_what_is_new():
    world = World()
    world.registry.subscribe(PRODUCT, CONSUMER, NOON)
    world.publish()
    found = ShortFinding(code="DistributionShifted", table=TABLE, column="amount", message="PSI 0.2")
    quality = QualitySummary(scores={"validity": 0.9}, warnings=1, findings=(found,))
    change = TableChange(
        table=TABLE, added_columns=(ColumnRef(name="note", type="string"),), rows_total=25, rows_delta=15,
        schema_changes=(f"{TABLE}.note: added (string)",), quality=quality,
    )  # fmt: skip
    rollback = Rollback(version=1, request="rb-1", requested_by=CENTRAL, reason="by central's own record")

    world.notify(world.publish(change, severity="warning", rollback=rollback))

    notices = json.loads(world.topics.published[0][2])["data"]
    assert notices["rollback"]["reason"] == "by central's own record"
    assert (notices["follows"], notices["severity"], notices["compatibility"]) == (1, "warning", "full")
    [change] = notices["changes"]
    assert (change["rows_total"], change["rows_delta"], change["compatibility"]) == (25, 15, "full")
    assert [warning["code"] for warning in notices["warnings"]] == ["DistributionShifted"]
    assert [query["sql"] for query in notices["queries"]] == [
        f'SELECT * FROM "rl_{PRODUCT}"."{TABLE}" LIMIT 10', f'SELECT "note" FROM "rl_{PRODUCT}"."{TABLE}" LIMIT 10',
    ]  # fmt: skip
