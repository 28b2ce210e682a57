"""A producer's uploads, notices and traces: one suite for the fakes and for DynamoDB."""

from datetime import timedelta

import pytest
from mesh.adapters.notices import DynamoNotices
from mesh.adapters.revisions import DynamoRevisions
from mesh.adapters.trace import DynamoTrace
from mesh.adapters.uploads import DynamoUploads
from mesh.domain.events import Metadata
from mesh.domain.formats.model import ObjectRef
from mesh.domain.product import ConcurrentChange

from tests.builders import BUCKET
from tests.fakes import NOON, FakeNotices, FakeRevisions, FakeUploads

HOUR = timedelta(hours=1)


@pytest.fixture(params=["fake", "dynamodb"])
def uploads(request):
    return FakeUploads() if request.param == "fake" else DynamoUploads(request.getfixturevalue("table"))


@pytest.fixture(params=["fake", "dynamodb"])
def notices(request):
    return FakeNotices() if request.param == "fake" else DynamoNotices(request.getfixturevalue("table"))


def ref(name="a.csv", sequencer="01"):
    key = f"loans/data/loans/{name}"
    return ObjectRef(bucket=BUCKET, key=key, size=7, etag="e", version_id="v", sequencer=sequencer)


def keys(uploads, limit=100):
    return [(one.key.rpartition("/")[2], one.sequencer) for one, _ in uploads.pending("loans", limit)]


def test_a_new_object_waits_as_it_came(uploads):
    assert uploads.add_pending("loans", ref(), "story")

    assert uploads.pending("loans", 10) == [(ref(), "story")]
    assert uploads.has_pending("loans")
    assert not uploads.has_pending("cards")


@pytest.mark.parametrize("sequencer", ["0A", "0A0", "09", "099F"])
def test_what_is_not_newer_is_known(uploads, sequencer):
    uploads.add_pending("loans", ref(sequencer="0A"), "c")

    assert not uploads.add_pending("loans", ref(sequencer=sequencer), "c")
    assert keys(uploads) == [("a.csv", "0A")]


def test_a_known_version_waits_again_when_it_is_asked_for(uploads):
    uploads.add_pending("loans", ref(sequencer="0A"), "c")
    uploads.settle("loans", [ref(sequencer="0A")])

    assert uploads.add_again("loans", ref(sequencer="0A"), "d")
    assert uploads.pending("loans", 10) == [(ref(sequencer="0A"), "d")]
    assert not uploads.add_pending("loans", ref(sequencer="0A"), "c")


def test_a_version_does_not_wait_again_once_a_newer_one_is_known(uploads):
    uploads.add_pending("loans", ref(sequencer="0B"), "c")

    assert not uploads.add_again("loans", ref(sequencer="0A"), "d")
    assert keys(uploads) == [("a.csv", "0B")]
    uploads.settle("loans", [ref(sequencer="0B")])
    assert not uploads.add_again("loans", ref(sequencer="0A"), "d")
    assert keys(uploads) == []


def test_a_newer_version_takes_the_place_of_the_waiting_one(uploads):
    uploads.add_pending("loans", ref(sequencer="0A"), "c")

    assert uploads.add_pending("loans", ref(sequencer="0A01"), "d")
    assert uploads.pending("loans", 10) == [(ref(sequencer="0A01"), "d")]


def test_a_duplicate_is_known_after_it_was_settled(uploads):
    uploads.add_pending("loans", ref(), "c")
    uploads.settle("loans", [ref()])

    assert not uploads.add_pending("loans", ref(), "c")
    assert not uploads.has_pending("loans")


def test_settling_keeps_newer_versions_and_others(uploads):
    uploads.add_pending("loans", ref("a.csv", "01"), "c")
    uploads.add_pending("loans", ref("b.csv", "01"), "c")
    uploads.add_pending("loans", ref("a.csv", "02"), "c")

    uploads.settle("loans", [ref("a.csv", "01"), ref("gone.csv")])

    assert keys(uploads) == [("a.csv", "02"), ("b.csv", "01")]


def test_pending_is_in_order_of_keys_and_bounded(uploads):
    for name in ("c.csv", "a.csv", "b.csv"):
        uploads.add_pending("loans", ref(name), "c")

    assert [name for name, _ in keys(uploads, 2)] == ["a.csv", "b.csv"]


@pytest.mark.parametrize("name", ["a b+c%2F.csv", "größe 🦊.csv", "x" * 980 + ".csv"])
def test_keys_of_any_form_can_wait(uploads, name):
    uploads.add_pending("loans", ref(name), "c")

    assert [one.key for one, _ in uploads.pending("loans", 1)] == [ref(name).key]


def test_the_lease_is_one_holders_until_it_is_dropped(uploads):
    assert uploads.take_lease("loans", "one", NOON + HOUR, NOON) == 1
    assert uploads.take_lease("loans", "one", NOON + HOUR, NOON) == 1
    assert uploads.take_lease("loans", "two", NOON + HOUR, NOON) is None
    assert uploads.take_lease("cards", "two", NOON + HOUR, NOON) == 1

    uploads.drop_lease("loans", "two")
    assert uploads.take_lease("loans", "two", NOON + HOUR, NOON) is None
    uploads.drop_lease("loans", "one")
    assert uploads.take_lease("loans", "two", NOON + HOUR, NOON) == 2


def test_a_lease_that_ended_is_free_and_counts_on(uploads):
    uploads.take_lease("loans", "one", NOON + HOUR, NOON)

    assert uploads.take_lease("loans", "two", NOON + 3 * HOUR, NOON + HOUR) is None
    assert uploads.take_lease("loans", "two", NOON + 3 * HOUR, NOON + HOUR + timedelta(seconds=1)) == 2
    uploads.drop_lease("loans", "one")
    assert uploads.take_lease("loans", "three", NOON + 3 * HOUR, NOON + 2 * HOUR) is None


def test_dropping_a_lease_that_never_was_is_nothing(uploads):
    uploads.drop_lease("loans", "one")

    assert uploads.take_lease("loans", "one", NOON + HOUR, NOON) == 1


def test_a_contract_is_declared_once_and_newer_ones_again(uploads):
    assert uploads.product("loans") is None
    assert uploads.may_declare("loans", "02")
    uploads.record_declared("loans", "02")

    assert not uploads.may_declare("loans", "02")
    assert not uploads.may_declare("loans", "01")
    assert uploads.may_declare("loans", "03")
    assert uploads.product("loans")["status"] == "declared"


def test_a_draft_gives_way_to_any_contract(uploads):
    uploads.record_declared("loans", "")

    assert not uploads.may_declare("loans", "")
    assert uploads.may_declare("loans", "00FF")


def test_a_registered_product_stays_so_when_its_contract_changes(uploads):
    uploads.record_declared("loans", "02")
    uploads.put_product("loans", {"link": "rl_loans", "crawl": "auto", "contract": {"name": "loans"}})
    uploads.record_declared("loans", "03")

    assert uploads.product("loans") == {
        "link": "rl_loans",
        "crawl": "auto",
        "contract": {"name": "loans"},
        "status": "registered",
        "sequencer": "03",
    }


def test_a_product_may_be_registered_though_its_declaration_was_not_recorded(uploads):
    uploads.put_product("loans", {"link": "rl_loans"})

    assert uploads.product("loans")["status"] == "registered"
    assert uploads.may_declare("loans", "01")


def test_an_older_event_that_looked_first_and_writes_last_does_not_replace_the_newer(table):
    uploads, other = DynamoUploads(table), DynamoUploads(table)
    uploads.add_pending("loans", ref(sequencer="01"), "c")
    get = table.get

    def overtaken(*args):
        table.get = get
        found = get(*args)
        other.add_pending("loans", ref(sequencer="03"), "other")
        return found

    table.get = overtaken

    assert not uploads.add_pending("loans", ref(sequencer="02"), "c")
    assert uploads.pending("loans", 1) == [(ref(sequencer="03"), "other")]


def test_a_crash_records_nothing_and_the_next_delivery_all(table, monkeypatch):
    uploads = DynamoUploads(table)
    with monkeypatch.context() as patch:
        patch.setattr(table, "write_together", lambda _: (_ for _ in ()).throw(RuntimeError("crashed")))
        with pytest.raises(RuntimeError):
            uploads.add_pending("loans", ref(), "c")

    assert uploads.add_pending("loans", ref(), "c")
    assert uploads.pending("loans", 10) == [(ref(), "c")]


def test_endless_contention_is_a_passing_trouble(table):
    uploads = DynamoUploads(table)
    table.write_together = lambda _: False

    with pytest.raises(ConcurrentChange):
        uploads.add_pending("loans", ref(sequencer="02"), "c")


def test_a_crawls_token_is_taken_once(table):
    uploads = DynamoUploads(table)
    table.put({"pk": "WAIT#creditCrawler-1", "sk": "TOKEN", "task_token": "t"})

    assert uploads.take_token("other") is None
    assert uploads.take_token("creditCrawler-1") == "t"
    assert uploads.take_token("creditCrawler-1") is None


EVENT = Metadata(id="e-1", correlation_id="story")


def test_a_notice_and_its_place_in_the_story_are_stored_once(table):
    notices = DynamoNotices(table)
    for version in (1, 9):
        notices.add(EVENT, "ProductUpdated", {"data": {"version": version}}, NOON)

    assert [(told["what"], told["facts"]) for told in DynamoTrace(table).entries("story")] == [
        ("notice received", {"event": "ProductUpdated"})
    ]
    assert [notice["detail"] for notice in notices.all()] == [{"data": {"version": 1}}]


def test_a_notice_is_stored_once(notices):
    assert not notices.known("e-1")
    assert notices.add(EVENT, "ProductUpdated", {"data": {"version": 1}}, NOON)
    assert not notices.add(EVENT, "ProductUpdated", {"data": {"version": 9}}, NOON + HOUR)
    assert notices.known("e-1")


def test_notices_are_read_in_order_and_from_a_point_on(table):
    notices = DynamoNotices(table)
    for number in (2, 1, 3):
        notices.add(Metadata(id=f"e-{number}"), "ProductUpdated", {"n": number}, NOON + number * HOUR)

    found = list(notices.all())

    assert [one["detail"] for one in found] == [{"n": 1}, {"n": 2}, {"n": 3}]
    after = f"{found[1]['time']}#{found[1]['id']}"
    assert [one["id"] for one in notices.all(after)] == ["e-3"]


def test_a_trace_tells_a_story_in_order_and_ends_by_itself(table):
    trace = DynamoTrace(table)
    for number in range(5):
        trace.note("story", f"step {number}", number=number)
    trace.note("another", "step")

    assert [(one["what"], one["facts"]) for one in trace.entries("story")] == [
        (f"step {number}", {"number": number}) for number in range(5)
    ]
    assert all(item["expires"] > 0 for item in table.query("TRACE#story"))


def test_a_lease_is_held_until_it_is_dropped_or_ends(uploads):
    assert not uploads.lease_held("loans", NOON)
    uploads.take_lease("loans", "a", NOON + HOUR, NOON)

    assert uploads.lease_held("loans", NOON + HOUR)
    assert not uploads.lease_held("loans", NOON + 2 * HOUR)
    uploads.drop_lease("loans", "a")
    assert not uploads.lease_held("loans", NOON)


def test_a_lease_is_renewed_by_its_holder_alone(uploads):
    uploads.take_lease("loans", "a", NOON + HOUR, NOON)
    uploads.renew_lease("loans", "b", NOON + 9 * HOUR)
    assert not uploads.lease_held("loans", NOON + 2 * HOUR)
    uploads.renew_lease("loans", "a", NOON + 3 * HOUR)
    assert uploads.lease_held("loans", NOON + 2 * HOUR)
    uploads.renew_lease("unknown", "a", NOON + HOUR)
    assert not uploads.lease_held("unknown", NOON)


def test_a_run_starts_where_nobody_works_and_nothing_waits_for_central(uploads):
    assert uploads.may_start("loans", NOON), "undeclared: it gets a draft"
    uploads.record_declared("loans", "01")
    assert not uploads.may_start("loans", NOON)
    uploads.put_product("loans", {"database": "loans"})
    assert uploads.may_start("loans", NOON)
    uploads.take_lease("loans", "a", NOON + HOUR, NOON)
    assert not uploads.may_start("loans", NOON + HOUR)
    assert uploads.may_start("loans", NOON + 2 * HOUR)
    uploads.drop_lease("loans", "a")
    assert uploads.may_start("loans", NOON)


@pytest.fixture(params=["fake", "dynamodb"])
def revisions(request):
    return FakeRevisions() if request.param == "fake" else DynamoRevisions(request.getfixturevalue("table"))


def revision(number):
    return ObjectRef(bucket=BUCKET, key="loans/contract.yaml", size=1, version_id=f"v{number}", sequencer=f"0{number}")


def test_the_newest_revision_of_a_contract_is_settled_by_its_own_answer(revisions):
    assert not revisions.is_settled("loans", "v1")
    assert not revisions.settle("loans", "declared-1")
    revisions.begin("loans", revision(1), "declared-1")
    assert not revisions.is_settled("loans", "v1")
    assert revisions.settle("loans", "declared-1")
    assert revisions.settle("loans", "declared-1")
    revisions.begin("loans", revision(1), "declared-1")
    assert revisions.is_settled("loans", "v1"), "a delivery that is repeated begins nothing anew"
    assert not revisions.is_settled("loans", "v2")


def test_an_older_revision_that_comes_late_changes_nothing(revisions):
    revisions.begin("loans", revision(2), "declared-2")
    revisions.begin("loans", revision(1), "declared-1")
    assert not revisions.settle("loans", "declared-1")
    assert revisions.settle("loans", "declared-2")
    assert (revisions.is_settled("loans", "v1"), revisions.is_settled("loans", "v2")) == (False, True)
