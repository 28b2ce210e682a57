"""`publish-version`: what changed, which number it gets, who is told."""

import json

import pytest
from mesh.domain.counting import TableTotal
from mesh.domain.events import (
    CrawledTable,
    DataCrawled,
    PersonalDataFinding,
    QualitySummary,
    ShortFinding,
)
from mesh.domain.membership import NotTheOwner
from mesh.domain.product import ConcurrentChange, NotYetReadable
from mesh.domain.version_diff import BreakingSchemaChange
from mesh.usecases.notify_subscribers import notify_subscribers
from mesh.usecases.publication import (
    confirm_readable,
    diff_version,
    record_version,
)

from tests.builders import (
    CENTRAL,
    CONSUMER,
    CORRELATION,
    PRODUCER,
    PRODUCT,
    STRANGER,
    TABLE,
    a_glue_table,
    a_member,
    a_product,
    an_envelope,
)
from tests.fakes import (
    NOON,
    FakeCatalog,
    FakeClock,
    FakeLakeFormation,
    FakeMemberTopics,
    FakeRegistry,
    FakeTrace,
    topic_of,
)

COLUMNS = {"id": "bigint", "amount": "double"}


class World:
    """Central with one registered product and its table."""

    def __init__(self, **product):
        self.catalog, self.clock, self.trace, self.topics = FakeCatalog(), FakeClock(), FakeTrace(), FakeMemberTopics()
        self.lake = FakeLakeFormation({"product": [PRODUCT], "publication": ["pending", "published"]})
        self.lake.tag_database(PRODUCT, {"product": PRODUCT})
        self.lake.tag_columns(PRODUCT, TABLE, list(COLUMNS), {"publication": "published"})
        self.registry = FakeRegistry(a_member(), a_member(CONSUMER, "consumer"))
        self.registry.products[PRODUCT] = a_product(**product)
        self.table(COLUMNS)

    def table(self, columns, keys=None, name=TABLE):
        self.catalog.tables[PRODUCT, name] = a_glue_table(columns, keys, name)

    def diff(self, run="run-1", *, account=PRODUCER, **crawled):
        facts = {"name": TABLE, "new_table": False, "objects": 1, "rows": 10, "rows_exact": True, "bytes": 100}
        facts["total"] = TableTotal(rows=10, bytes=100, objects=1)
        data = DataCrawled(
            product=PRODUCT,
            generation=1,
            mode="express",
            tables=(CrawledTable(**{**facts, **crawled}),),
        )
        envelope = an_envelope(data, account=account)
        envelope.detail["metadata"]["id"] = run
        return diff_version(envelope, catalog=self.catalog, registry=self.registry)

    def record(self, draft):
        return record_version(draft, registry=self.registry, clock=self.clock, trace=self.trace)

    def publish(self, run="run-1", **crawled):
        return self.record(self.diff(run, **crawled))

    def notify(self, version):
        return notify_subscribers(
            version,
            catalog_id=CENTRAL,
            registry=self.registry,
            topics=self.topics,
            clock=self.clock,
            trace=self.trace,
        )


def test_the_first_version_names_a_new_table_and_no_added_columns():
    [change] = World().diff().changes

    assert (change.new_table, change.added_columns, change.columns, change.rows) == (True, (), 2, 10)


def test_a_column_of_which_only_a_later_crawl_can_tell_waits_for_that_crawl():
    """Its event was overtaken, or its run failed: nobody knows yet whether it is personal data."""
    world = World()
    world.publish()
    world.table({**COLUMNS, "email": "string", "note": "string"})

    first = world.publish("run-2", columns=("id", "amount", "NOTE"))
    second = world.publish("run-3", columns=("id", "email"))

    assert [column.name for column in first.tables[0].columns] == ["id", "amount", "note"]
    assert [column.name for column in second.tables[0].columns] == ["id", "amount", "email", "note"]
    assert [[added.name for added in each.changes[0].added_columns] for each in (first, second)] == [
        ["note"],
        ["email"],
    ]


def test_a_crawl_that_names_no_columns_speaks_of_all():
    world = World()
    world.publish()
    world.table({**COLUMNS, "email": "string"})

    assert [column.name for column in world.publish("run-2", columns=None).tables[0].columns][-1] == "email"


def test_a_new_column_and_a_new_partition_are_named_exactly():
    world = World()
    world.table(COLUMNS, {"dt": "string"})
    world.publish()
    world.table({**COLUMNS, "note": "string"}, {"dt": "string"})

    [change] = world.diff("run-2", partitions_added=("dt=2026-11-22",), partitions_added_count=1).changes

    assert [(column.name, column.type) for column in change.added_columns] == [("note", "string")]
    assert (change.added_partitions, change.added_partitions_count) == (("dt=2026-11-22",), 1)
    assert (change.new_table, change.removed_columns, change.changed_types) == (False, (), ())


def test_removed_columns_and_changed_types_are_named():
    world = World()
    world.publish()
    world.table({"id": "string"})
    world.registry.products[PRODUCT] = world.registry.products[PRODUCT].model_copy(update={"contract_version": "2.0.0"})

    [change] = world.diff("run-2").changes

    assert change.removed_columns == ("amount",)
    assert [(c.name, c.before, c.after) for c in change.changed_types] == [("id", "bigint", "string")]


def test_a_version_holds_the_tables_totals_and_all_findings():
    world = World()
    finding = PersonalDataFinding(column="id", value="personal", reason="looks like it", confidence=0.9)
    world.publish(findings=(finding,))

    total = TableTotal(rows=15, rows_exact=False, bytes=150, objects=3)
    [snapshot] = world.publish("run-2", rows=5, rows_exact=False, bytes=50, objects=2, total=total).tables

    assert (snapshot.rows, snapshot.rows_exact, snapshot.bytes, snapshot.objects) == (15, False, 150, 3)
    assert snapshot.findings == (finding,)


def test_tables_of_earlier_versions_stay_in_the_version():
    world = World()
    world.publish()
    world.table({"x": "int"}, name="other")

    version = world.publish("run-2", name="other")

    assert [table.table for table in version.tables] == [TABLE, "other"]
    assert [change.table for change in version.changes] == ["other"]


def test_a_table_that_is_not_there_yet_is_waited_for():
    with pytest.raises(NotYetReadable):
        World().diff(name="not_there")


@pytest.mark.parametrize("account", [CONSUMER, STRANGER])
def test_another_accounts_product_is_not_published(account):
    with pytest.raises(NotTheOwner):
        World().diff(account=account)


def test_a_redelivered_run_keeps_its_number():
    world = World()
    first = world.publish("run-1")
    world.publish("run-2")

    again = world.publish("run-1")

    assert again == first
    assert world.registry.products[PRODUCT].version == 2


def test_a_number_that_was_taken_meanwhile_is_not_given_twice():
    world = World()
    draft = world.diff("run-1")
    product = world.registry.product

    def overtaken(name):
        found = product(name)
        world.registry.product = product
        world.publish("run-2")
        return found

    world.registry.product = overtaken

    with pytest.raises(ConcurrentChange):
        world.record(draft)

    assert [version.run for version in world.registry.recorded[PRODUCT]] == ["run-2"]
    assert world.record(world.diff("run-1")).version == 2


def test_a_comparison_that_another_version_overtook_is_made_anew():
    world = World()
    overtaken = world.diff("run-1")
    world.publish("run-2")

    with pytest.raises(ConcurrentChange):
        world.record(overtaken)

    again = world.publish("run-1")
    assert (again.version, again.changes[0].new_table) == (2, False)


def test_readable_means_table_columns_and_tags():
    world = World()
    version = world.publish()

    confirm_readable(version, catalog=world.catalog, lake=world.lake)

    for spoil in (
        lambda w: w.catalog.tables.clear(),
        lambda w: w.table({"id": "bigint"}),
        lambda w: w.lake.on.clear(),
        lambda w: w.lake.tag_columns(PRODUCT, TABLE, ["amount"], {"publication": "pending"}),
    ):
        spoiled = World()
        spoil(spoiled)
        with pytest.raises(NotYetReadable):
            confirm_readable(version, catalog=spoiled.catalog, lake=spoiled.lake)


def test_each_subscriber_and_the_owner_is_told_once_per_version():
    world = World()
    world.registry.subscribe(PRODUCT, CONSUMER, world.clock.now())
    version = world.publish()

    assert world.notify(version).told == (CONSUMER, PRODUCER)
    again = world.notify(version)

    assert (again.told, again.already) == ((), (CONSUMER, PRODUCER))
    assert [topic for topic, _, _ in world.topics.published] == [topic_of(CONSUMER), topic_of(PRODUCER)]
    assert len({detail for _, _, detail in world.topics.published}) > 0
    assert world.notify(world.publish("run-2")).told == (CONSUMER, PRODUCER)


def test_the_notice_says_what_changed_how_to_query_it_and_the_trace_id():
    world = World()
    world.table({"id": "bigint"})
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


def test_an_attempt_that_stopped_halfway_tells_the_rest_with_the_same_id():
    world = World()
    world.registry.subscribe(PRODUCT, CONSUMER, world.clock.now())
    version = world.publish()
    record = world.registry.record_notice
    world.registry.record_notice = lambda *args: (_ for _ in ()).throw(RuntimeError("crashed after the effect"))
    with pytest.raises(RuntimeError):
        world.notify(version)
    world.registry.record_notice = record

    world.notify(version)

    ids = [json.loads(text)["metadata"]["id"] for _, _, text in world.topics.published]
    assert len(ids) == 3
    assert len(set(ids)) == 1


def test_a_draft_is_told_to_its_owner_alone():
    world = World(draft=True)
    world.registry.subscribe(PRODUCT, CONSUMER, world.clock.now())

    assert world.notify(world.publish()).told == (PRODUCER,)
    assert json.loads(world.topics.published[0][2])["data"]["draft"] is True


@pytest.mark.parametrize("status", ["gone", "pending"])
def test_who_is_no_admitted_member_any_more_is_passed_over(status):
    world = World()
    world.registry.subscribe(PRODUCT, CONSUMER, world.clock.now())
    version = world.publish()
    world.registry.members.pop(CONSUMER)
    if status == "pending":
        world.registry.put_member(a_member(CONSUMER, "consumer", status="pending"))

    assert world.notify(version).told == (PRODUCER,)


@pytest.mark.parametrize(("product", "raises"), [({}, True), ({"draft": True}, False)])
def test_a_lost_column_is_held_back_but_in_a_draft(product, raises):
    world = World(**product)
    world.publish()
    world.table({"id": "bigint"})

    if raises:
        with pytest.raises(BreakingSchemaChange):
            world.diff("run-2")
    else:
        assert world.diff("run-2").severity == "breaking"


def test_a_version_and_its_notice_carry_deltas_warnings_and_a_query_for_what_is_new():
    world = World()
    world.registry.subscribe(PRODUCT, CONSUMER, NOON)
    world.publish()
    world.table({**COLUMNS, "note": "string"})
    found = ShortFinding(code="DistributionShifted", table=TABLE, column="amount", message="PSI 0.2")
    quality = QualitySummary(scores={"validity": 0.9}, warnings=1, findings=(found,))

    version = world.publish("run-2", quality=quality, total=TableTotal(rows=25, bytes=200, objects=2))
    world.notify(version)

    told = json.loads(world.topics.published[0][2])["data"]
    assert (told["follows"], told["severity"], told["compatibility"]) == (1, "warning", "full")
    [change] = told["changes"]
    assert (change["rows_total"], change["rows_delta"], change["compatibility"]) == (25, 15, "full")
    assert change["schema_changes"] == [f"{TABLE}.note: added (string)"]
    assert [warning["code"] for warning in told["warnings"]] == ["DistributionShifted"]
    assert [query["sql"] for query in told["queries"]] == [
        f'SELECT * FROM "rl_{PRODUCT}"."{TABLE}" LIMIT 10', f'SELECT "note" FROM "rl_{PRODUCT}"."{TABLE}" LIMIT 10',
    ]  # fmt: skip
