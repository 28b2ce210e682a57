"""Versions end: marked first, then without pins, then without files; requesters are notified."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from mesh.adapters.messaging import EventNotAccepted
from mesh.domain.contracts.product import ConcurrentChange, FormerOwner, VersionEnd
from mesh.domain.events import Event, FilesKept, FilesReleased, Metadata, WithdrawalRequested
from mesh.domain.membership.authorisation import ForgedSender, NotTheOwner
from mesh.domain.names import table_location
from mesh.domain.onboarding.batches import IndexEntry
from mesh.domain.publishing.keeping import (
    MOST_VERSIONS,
    NeedsExpress,
    NothingToWithdraw,
    ObjectPresent,
    PresentVersion,
    Retention,
    UnknownVersion,
    VersionEnded,
)
from mesh.domain.publishing.staging import Reach
from mesh.usecases.publishing.release_files import ABANDONED, KeptFileGone, release_files
from mesh.usecases.publishing.withdraw_versions import expire_versions, withdraw_versions
from pydantic import ValidationError

from tests.builders import BUCKET, CENTRAL, PRODUCER, PRODUCT, TABLE, a_member, an_envelope
from tests.fakes import NOON, FakeTrace, topic_of
from tests.unit.publishing.test_pin_tables import PINNED, Pinning

RULE = Retention(versions=1, age=timedelta(days=90), grace=timedelta(hours=24))
V1, V2, EMPTY = "v1.metadata.json", "v2.metadata.json", "v1.empty.metadata.json"


class Ending(Pinning):
    """Versions 1 and 2, and the ports to end them."""

    def __init__(self):
        super().__init__()
        self.sources = {}

    def withdraw(self, *versions, by=PRODUCER, key=""):
        request = WithdrawalRequested(product=PRODUCT, versions=versions, key=key, reason="another bank's rows")
        envelope = an_envelope(request, account=by)
        return withdraw_versions(
            envelope, context=self.context, proposals=self.proposals, files=self, topics=self.topics, bus=self.bus
        )

    def state(self, metadata):
        return self.contents.read(metadata).state

    def index(self, location):
        """Of each version's table: which objects it has rows of."""
        name = location.rpartition("/")[2].partition(".")[0]
        keys = self.sources.get(name, ())
        return [IndexEntry(key=key, version_id=None, etag="e", size=1, file="f", first_row=0, rows=1) for key in keys]

    def hear(self, account=CENTRAL):
        """The last event that central sent to itself."""
        kind, detail = self.bus.events[-1]
        envelope = an_envelope(json.loads(detail)["data"], kind, account=account)
        return self.keeper.settle(envelope.model_dump(mode="json", by_alias=True))

    def expire(self):
        return expire_versions(RULE, context=self.context, proposals=self.proposals, topics=self.topics, bus=self.bus)

    def ended(self, number):
        return self.registry.version(PRODUCT, number).ended


@pytest.fixture
def world():
    return Ending()


KEY = f"{PRODUCT}/data/{TABLE}/a.csv"


def test_every_version_with_rows_of_an_object_is_withdrawn(world):
    world.sources = {"v1": (KEY, "other"), "v2": ("other",)}
    assert world.withdraw(key=KEY).versions == (1,)
    world.hear()
    assert [notice["released"] for notice in world.notified("FilesReleased")] == [[V1]]
    with pytest.raises(NothingToWithdraw):
        world.withdraw(key=KEY)


def test_an_object_in_very_many_versions_is_withdrawn_from_all(world):
    """Seen: more than an event names were marked, and the event was not sent: their files stayed until the next day."""
    world.sources = {"v1": (KEY,)}
    [last, first] = world.registry.versions(PRODUCT)
    having = [first.evolve(version=number, run=f"r{number}") for number in range(1, 1_201)]
    world.registry.recorded[PRODUCT] = [*having, last.evolve(version=1_201)]
    world.registry.products[PRODUCT] = world.registry.products[PRODUCT].evolve(version=1_201)

    assert world.withdraw(key=KEY).versions == tuple(range(1, 1_201))

    events = [json.loads(detail) for _, detail in world.bus.events]
    assert [len(event["data"]["versions"]) for event in events] == [500, 500, 200]
    assert len({event["metadata"]["id"] for event in events}) == len(events)


def test_an_object_that_consumers_read_now_is_deleted_first(world):
    world.sources = {"v1": (KEY,), "v2": (KEY,)}
    with pytest.raises(ObjectPresent):
        world.withdraw(key=KEY)
    assert (world.ended(1), world.bus.events) == (None, [])


@pytest.mark.parametrize("key", ["", "nobody/knows/it"])
def test_nothing_is_withdrawn_where_nothing_is_meant(world, key):
    with pytest.raises(NothingToWithdraw):
        world.withdraw(key=key)


def test_marked_first_then_without_pins_then_released(world):
    world.ready()
    world.withdraw(1)
    assert (world.ended(1).status, world.ended(1).by, world.ended(1).released) == ("withdrawn", PRODUCER, None)
    assert world.notified("FilesReleased") == []

    world.hear()

    assert world.catalog.table(PRODUCT, PINNED) is None
    assert [notice["cause"] for notice in world.notified("PinEnded")] == ["withdrawn"]
    assert world.notified("FilesReleased") == [
        {"product": PRODUCT, "table": TABLE, "released": [V1], "kept": [EMPTY, V2]}
    ]  # fmt: skip
    assert world.ended(1).released == world.clock.now()


def test_files_that_lie_with_a_former_owner_are_its_to_delete(world):
    """Version 2 is the new owner's: each deletes what it has, and is told what of that stays."""
    new, bucket = "444444444444", BUCKET.replace(PRODUCER, "444444444444")
    former = FormerOwner(account=PRODUCER, bucket=BUCKET, contract_sequencer="10", until=NOON)
    product = world.registry.products[PRODUCT]
    world.registry.products[PRODUCT] = product.evolve(owner=new, bucket=bucket, former=(former,))
    world.registry.put_member(a_member(new))
    [second, first] = world.registry.versions(PRODUCT)
    there = table_location(bucket, PRODUCT, TABLE)
    moved = second.tables[0].evolve(metadata=f"{there}/metadata/{V2}", empty=f"{there}/metadata/{EMPTY}")
    world.registry.recorded[PRODUCT] = [first, second.evolve(tables=(moved,))]
    third = second.evolve(version=3, run="r-3", tables=(moved.evolve(metadata=f"{there}/metadata/v3.metadata.json"),))
    world.registry.recorded[PRODUCT].append(third)

    world.withdraw(1, 2, by=new)
    world.hear()

    told = {
        where.rpartition("-")[2]: json.loads(detail)["data"]
        for where, name, detail in world.topics.published
        if name == "FilesReleased"
    }
    released = {"product": PRODUCT, "table": TABLE}
    assert told == {
        PRODUCER: {**released, "released": [V1], "kept": [EMPTY]},
        new: {**released, "released": [V2], "kept": [EMPTY, "v3.metadata.json"]},
    }


def test_what_central_knew_of_released_files_is_forgotten_and_of_others_not(world):
    files = [world.registry.version(PRODUCT, number).tables[0].metadata for number in (1, 2)]
    assert [world.proposals.table(PRODUCT, TABLE, file) is not None for file in files] == [True, True]
    world.withdraw(1)
    assert world.proposals.table(PRODUCT, TABLE, files[0]) is not None, "its pins have not ended yet"

    world.hear()

    assert [world.proposals.table(PRODUCT, TABLE, file) is not None for file in files] == [False, True]


def test_it_cannot_be_restored_or_pinned(world):
    world.withdraw(1)
    with pytest.raises(VersionEnded):
        world.prepare(1)
    with pytest.raises(VersionEnded):
        world.request_pin(1)


def test_a_pin_requested_before_the_mark_is_not_created(world):
    world.request_pin()
    accepted = world.bus.events[-1]
    world.withdraw(1)
    world.bus.events.append(accepted)
    world.make()
    assert world.catalog.table(PRODUCT, PINNED) is None
    assert [notice["reason"]["code"] for notice in world.notified("PinRefused")] == ["VersionEnded"]


def test_a_rollback_prepared_before_the_mark_ends_first(world):
    world.prepare(1)
    notice = len(world.bus.events)
    with pytest.raises(ConcurrentChange):
        world.withdraw(1)
    assert len(world.bus.events) == notice, "nothing is deleted"
    with pytest.raises(VersionEnded):
        world.prepare(1)


@pytest.mark.parametrize(
    ("versions", "error"), [((2,), PresentVersion), ((1, 2), PresentVersion), ((9,), UnknownVersion)]
)
def test_a_withdrawal_that_is_not_allowed_changes_nothing_and_is_reported(world, versions, error):
    with pytest.raises(error):
        world.withdraw(*versions)
    assert (world.ended(1), world.bus.events) == (None, [])
    assert [notice["reason"]["code"] for notice in world.notified("WithdrawalRefused")] == [error.__name__]


@pytest.mark.parametrize("what", [{"versions": (1,)}, {"key": "credit-card/data/credit_card/a.csv"}])
def test_hive_tables_have_no_versions_that_could_be_withdrawn(world, what):
    recorded = world.registry.recorded[PRODUCT]
    for number, version in enumerate(recorded):
        tables = tuple(table.model_copy(update={"metadata": ""}) for table in version.tables)
        recorded[number] = version.model_copy(update={"tables": tables})
    with pytest.raises(NeedsExpress):
        world.withdraw(*what.pop("versions", ()), **what)
    assert (world.ended(1), world.bus.events) == (None, [])
    assert [notice["reason"]["code"] for notice in world.notified("WithdrawalRefused")] == ["NeedsExpress"]


def test_only_the_owner_and_central_withdraw(world):
    world.registry.put_member(a_member("444444444444"))
    with pytest.raises(NotTheOwner):
        world.withdraw(1, by="444444444444")
    assert world.withdraw(1, by=CENTRAL).versions == (1,)


def test_only_central_has_files_released(world):
    world.withdraw(1)
    with pytest.raises(ForgedSender):
        world.hear(account=PRODUCER)
    assert world.notified("FilesReleased") == []


def test_repeated_it_is_the_same(world):
    world.withdraw(1)
    first = world.ended(1)
    world.withdraw(1)
    assert world.ended(1) == first
    world.hear()
    world.hear()
    assert len({json.dumps(notice) for notice in world.notified("FilesReleased")}) == 1


def test_what_two_runs_release_at_the_same_time_is_kept_by_neither(world):
    """Seen: each took what the versions share for kept by the other's, and the file stayed for good."""
    [second, first] = world.registry.versions(PRODUCT)
    again = first.evolve(version=2, run="r-2b")
    world.registry.recorded[PRODUCT] = [first, again, second.evolve(version=3)]
    world.registry.products[PRODUCT] = world.registry.products[PRODUCT].evolve(version=3)
    world.withdraw(1)
    world.withdraw(2)
    one, other = world.bus.events
    marked = world.registry.end_version

    def meanwhile(*given):
        world.registry.end_version = marked
        world.bus.events.append(other)
        world.hear()
        marked(*given)

    world.registry.end_version = meanwhile
    world.bus.events.append(one)
    world.hear()

    assert [notice["released"] for notice in world.notified("FilesReleased")] == [[V1]]
    assert world.ended(1).released == world.ended(2).released == world.clock.now()


def test_a_version_that_is_not_marked_is_not_released(world):
    world.withdraw(1)
    kind, detail = world.bus.events[-1]
    world.bus.events.append((kind, detail.replace("[1]", "[1,2]")))
    world.hear()
    assert [notice["released"] for notice in world.notified("FilesReleased")] == [[V1]]


def test_retention_marks_and_releases_after_the_grace(world):
    assert world.expire().ended == ()
    world.clock.move(timedelta(days=91))
    assert [each.versions for each in world.expire().ended] == [(1,)]
    assert (world.ended(1).status, world.bus.events) == ("expired", [])
    world.clock.move(timedelta(hours=23))
    assert world.expire().released == ()
    world.clock.move(timedelta(hours=1))
    assert [each.versions for each in world.expire().released] == [(1,)]
    world.hear()
    assert [notice["released"] for notice in world.notified("FilesReleased")] == [[V1]]
    assert world.expire().released == ()


def test_a_pinned_version_does_not_expire(world):
    world.ready()
    world.clock.move(timedelta(days=91))
    assert world.expire().ended == ()


def test_an_undelivered_release_is_repeated_the_next_day(world):
    world.withdraw(1)
    world.bus.events.clear()
    assert [each.versions for each in world.expire().released] == [(1,)]


def test_the_files_that_stay_fit_into_a_message(world):
    """Of what is kept, and what ended in six hours and in the grace period, at a version in 30 s; more are refused."""

    def name():
        return f"{uuid4().hex}-table-{uuid4().hex[:8]}.metadata.json"

    there = MOST_VERSIONS + (6 + 24) * 120
    released = FilesReleased(
        product=PRODUCT, table="t" * 255, released=[name() for _ in range(200)], kept=[name() for _ in range(there)]
    )
    text = Event[FilesReleased](data=released).model_dump_json()
    assert len(text) < 250_000
    assert Event[FilesReleased].model_validate_json(text).data == released
    with pytest.raises(ValidationError):
        released.evolve(kept=[name() for _ in range(6_501)])


def test_once_a_day_owners_look_whether_what_is_kept_is_there(world):
    world.expire()
    assert world.notified("FilesKept") == [{"product": PRODUCT, "table": TABLE, "kept": [EMPTY, V1, V2]}]
    world.clock.move(timedelta(hours=6))
    world.expire()
    ids = {json.loads(detail)["metadata"]["id"] for _, name, detail in world.topics.published if name == "FilesKept"}
    assert len(ids) == 1, "a member takes a message once"

    world.withdraw(1)
    world.clock.move(timedelta(hours=18))
    world.expire()
    assert world.notified("FilesKept")[-1]["kept"] == [EMPTY, V2], "version 1 is being released"


def test_an_owner_that_cannot_be_told_keeps_no_other_products_versions(world):
    """Seen: the topic of one member was gone, and the versions of all products after its own stayed."""
    [product] = world.registry.products.values()
    other = product.evolve(name="zebra", owner=CENTRAL)
    world.registry.products["zebra"] = other
    world.registry.recorded["zebra"] = [each.evolve(product="zebra") for each in world.registry.recorded[PRODUCT]]
    world.topics.failures[topic_of(PRODUCER)] = EventNotAccepted("NotFound")
    world.clock.move(timedelta(days=91))

    with pytest.raises(EventNotAccepted):
        world.expire()

    assert world.registry.version("zebra", 1).ended.status == "expired"


def test_of_hive_tables_nothing_is_kept(world):
    last = world.registry.recorded[PRODUCT][-1]
    tables = tuple(table.evolve(metadata="", empty="") for table in last.tables)
    world.registry.recorded[PRODUCT] = [last.evolve(tables=tables)]
    world.expire()
    assert world.notified("FilesKept") == []


def test_very_many_that_end_are_released_at_once_in_several_events(world):
    last = world.registry.recorded[PRODUCT][0]
    end = VersionEnd(status="expired", at=world.clock.now() - timedelta(days=2))
    old = [last.evolve(version=number, run=f"r{number}", ended=end) for number in range(1, 1_201)]
    world.registry.recorded[PRODUCT] = [*old, last.evolve(version=1_201)]
    [released] = world.expire().released
    assert released.versions == tuple(range(1, 1_201))
    told = [json.loads(text)["data"]["versions"] for _, text in world.bus.events]
    assert [len(each) for each in told] == [500, 500, 200]
    assert len({json.loads(text)["metadata"]["id"] for _, text in world.bus.events}) == 3


LOCATION = table_location(BUCKET, PRODUCT, TABLE)


SAID = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Files:
    """Files of the owner's bucket: metadata file → what it needs; and what went, in order."""

    def __init__(self):
        self.needs = {
            f"{LOCATION}/metadata/{name}": Reach(
                metadata=f"{LOCATION}/metadata/{name}",
                beside=frozenset(f"{LOCATION}/metadata/{each}" for each in beside if each.startswith("s")),
                manifests=frozenset(f"{LOCATION}/metadata/{each}" for each in beside if each.startswith("m")),
                data=frozenset(f"{LOCATION}/data/{each}" for each in data),
            )
            for name, beside, data in (
                (V1, {"m1", "s1"}, {"a", "b"}), (V2, {"m1", "s2"}, {"b", "c"}), (EMPTY, set(), set())
            )
        }  # fmt: skip
        self.gone, self.marked, self.lost = [], set(), set()

    def of(self, metadata):
        if metadata not in self.needs:
            raise KeptFileGone(f"{metadata} is gone")
        return self.needs[metadata]

    def remains(self, metadata):
        return self.needs.get(metadata)

    def remove(self, bucket, prefix, keys):
        assert bucket == BUCKET
        assert all(key.startswith(prefix) for key in keys)
        self.gone.append(sorted(key.removeprefix(prefix) for key in keys))
        self.needs = {
            name: need for name, need in self.needs.items() if name.removeprefix(f"s3://{BUCKET}/") not in keys
        }
        return len(keys)

    def has_any(self, bucket, key):
        return key in self.marked or f"s3://{bucket}/{key}" in self.needs

    def present(self, bucket, prefix):
        keys = {place.removeprefix(f"s3://{bucket}/") for need in self.needs.values() for place in need.all}
        return {key for key in keys - self.lost if key.startswith(prefix)}

    def remove_others(self, bucket, prefix, keep, before):
        self.others = (bucket, prefix, sorted(keep), before)
        return 0

    def release(self, released=(V1,), kept=(EMPTY, V2)):
        return self.hear(FilesReleased(product=PRODUCT, table=TABLE, released=released, kept=kept))

    def look(self, *kept):
        return self.hear(FilesKept(product=PRODUCT, table=TABLE, kept=kept))

    def hear(self, news):
        event = Event[type(news)](metadata=Metadata(time=SAID), data=news)
        return release_files(event, bucket=BUCKET, reaching=self, removed=self, trace=FakeTrace()).objects


PLACE = f"{LOCATION}/".removeprefix(f"s3://{BUCKET}/")


def test_what_nothing_else_needs_goes_the_metadata_file_last():
    files = Files()
    assert files.release() == 3
    assert files.gone == [["data/a"], ["metadata/s1"], [f"metadata/{V1}"]]
    kept = sorted(
        f"{PLACE}{name}"
        for name in ("data/b", "data/c", "metadata/m1", "metadata/s2", f"metadata/{EMPTY}", f"metadata/{V2}")
    )
    assert files.others == (BUCKET, f"{PLACE}data/", kept, SAID - ABANDONED)
    assert files.release() == 0, "and again"


def test_when_somebody_deleted_a_kept_metadata_file_nothing_goes():
    files = Files()
    del files.needs[f"{LOCATION}/metadata/{V2}"]
    files.marked.add(f"{PLACE}metadata/{V2}")
    with pytest.raises(KeptFileGone, match=f"metadata/{V2} of {TABLE} is not there"):
        files.release()
    assert files.gone == []


def test_releases_that_come_in_another_order_delete_the_same():
    """Version 2 ended after version 1, and that is heard first; version 3 was published in between."""
    files, third = Files(), f"{LOCATION}/metadata/v3.metadata.json"
    data = frozenset({f"{LOCATION}/data/b", f"{LOCATION}/data/d"})
    files.needs[third] = Reach(metadata=third, manifests=frozenset({f"{LOCATION}/metadata/m1"}), data=data)
    files.release(released=(V2,), kept=(EMPTY, "v3.metadata.json"))
    del files.others

    files.release(released=(V1,), kept=(EMPTY, V2))

    assert files.gone == [
        ["data/c"], ["metadata/s2"], [f"metadata/{V2}"], ["data/a"], ["metadata/s1"], [f"metadata/{V1}"]
    ]  # fmt: skip
    files.look(EMPTY, V1, V2)
    assert not hasattr(files, "others"), "an older message does not know what else is kept by now"


def test_what_is_kept_is_looked_at():
    files = Files()
    files.look(EMPTY, V1, V2)
    assert (files.gone, files.others[3]) == ([], SAID - ABANDONED)
    files.lost = {f"{PLACE}data/b", f"{PLACE}metadata/s2"}
    with pytest.raises(KeptFileGone, match=f"data/b, metadata/s2 of {TABLE} are not there") as lost:
        files.look(EMPTY, V1, V2)
    assert lost.value.where["files"] == ["data/b", "metadata/s2"]
    files.release(released=(V2,), kept=(EMPTY,))
    assert files.gone[0] == ["data/b", "data/c"], "a version that is withdrawn is no fault any more"


def test_what_is_kept_is_not_released_and_files_of_others_are_not_touched():
    files = Files()
    assert files.release(released=(V2,), kept=(V2,)) == 0
    place = f"{LOCATION}/metadata/{V1}"
    files.needs[place] = files.needs[place].model_copy(update={"data": frozenset({"s3://other/data/x"})})
    files.release()
    assert files.gone == [["metadata/s1"], [f"metadata/{V1}"]]
