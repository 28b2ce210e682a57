"""A producer's uploads, notices and traces: one suite for the fakes and for DynamoDB."""

from datetime import timedelta

import pytest
from mesh.adapters.dynamodb.items import put
from mesh.adapters.dynamodb.notices import DynamoNotices
from mesh.adapters.dynamodb.revisions import DynamoRevisions
from mesh.adapters.dynamodb.trace import DynamoTrace
from mesh.adapters.dynamodb.uploads import DynamoUploads
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import Metadata
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.landing import Known, LandingAudit
from mesh.ports import Notice, WaitingRun

from tests.builders import BUCKET, NOTE, take_lease
from tests.fakes import NOON, FakeNotices, FakeRevisions, FakeUploads

HOUR = timedelta(hours=1)


@pytest.fixture(params=["fake", "dynamodb"])
def uploads(request):
    return FakeUploads() if request.param == "fake" else DynamoUploads(request.getfixturevalue("table"))


@pytest.fixture
def trace_notes(uploads, request):
    """What the traces say: `trace_notes()` → (what, facts) in order."""
    if isinstance(uploads, FakeUploads):
        return lambda: [(what, facts) for _, what, facts in uploads.trace.notes]
    trace = DynamoTrace(request.getfixturevalue("table"))
    return lambda: [(each["what"], each["facts"]) for trace_id in ("c", "d") for each in trace.entries(trace_id)]


def settle(uploads, refs, product="loans"):
    """As a run does at its end; this one has no lease."""
    uploads.finish(product, "nobody", refs, NOTE)


@pytest.fixture(params=["fake", "dynamodb"])
def notices(request):
    return FakeNotices() if request.param == "fake" else DynamoNotices(request.getfixturevalue("table"))


def ref(name="a.csv", sequencer="01"):
    key = f"loans/data/loans/{name}"
    return ObjectRef(bucket=BUCKET, key=key, size=7, etag="e", version_id="v", sequencer=sequencer)


def keys(uploads, limit=100):
    return [(one.key.rpartition("/")[2], one.sequencer) for one, _ in uploads.pending("loans", limit)]


def test_a_new_object_waits_as_it_came(uploads):
    assert uploads.add_pending("loans", [ref()], "trace-id")

    assert uploads.pending("loans", 10) == [(ref(), "trace-id")]
    assert uploads.has_pending("loans")
    assert not uploads.has_pending("cards")


@pytest.mark.parametrize("sequencer", ["0A", "0A0", "09", "099F"])
def test_what_is_not_newer_is_known(uploads, sequencer):
    uploads.add_pending("loans", [ref(sequencer="0A")], "c")

    assert not uploads.add_pending("loans", [ref(sequencer=sequencer)], "c")
    assert keys(uploads) == [("a.csv", "0A")]


def test_a_known_version_becomes_pending_again_on_request(uploads):
    uploads.add_pending("loans", [ref(sequencer="0A")], "c")
    settle(uploads, [ref(sequencer="0A")])

    assert uploads.add_again("loans", ref(sequencer="0A"), "d")
    assert uploads.pending("loans", 10) == [(ref(sequencer="0A"), "d")]
    assert not uploads.add_pending("loans", [ref(sequencer="0A")], "c")


def test_a_version_does_not_wait_again_once_a_newer_one_is_known(uploads):
    uploads.add_pending("loans", [ref(sequencer="0B")], "c")

    assert not uploads.add_again("loans", ref(sequencer="0A"), "d")
    assert keys(uploads) == [("a.csv", "0B")]
    settle(uploads, [ref(sequencer="0B")])
    assert not uploads.add_again("loans", ref(sequencer="0A"), "d")
    assert keys(uploads) == []


def test_a_newer_version_takes_the_place_of_the_waiting_one(uploads):
    uploads.add_pending("loans", [ref(sequencer="0A")], "c")

    assert uploads.add_pending("loans", [ref(sequencer="0A01")], "d")
    assert uploads.pending("loans", 10) == [(ref(sequencer="0A01"), "d")]


def test_a_duplicate_is_known_after_it_was_settled(uploads):
    uploads.add_pending("loans", [ref()], "c")
    settle(uploads, [ref()])

    assert not uploads.add_pending("loans", [ref()], "c")
    assert not uploads.has_pending("loans")


def test_settling_keeps_newer_versions_and_others(uploads):
    uploads.add_pending("loans", [ref("a.csv", "01")], "c")
    uploads.add_pending("loans", [ref("b.csv", "01")], "c")
    uploads.add_pending("loans", [ref("a.csv", "02")], "c")

    settle(uploads, [ref("a.csv", "01"), ref("gone.csv")])

    assert keys(uploads) == [("a.csv", "02"), ("b.csv", "01")]


def test_pending_is_in_order_of_keys_and_bounded(uploads):
    for name in ("c.csv", "a.csv", "b.csv"):
        uploads.add_pending("loans", [ref(name)], "c")

    assert [name for name, _ in keys(uploads, 2)] == ["a.csv", "b.csv"]


@pytest.mark.parametrize("name", ["a b+c%2F.csv", "größe 🦊.csv", "x" * 980 + ".csv"])
def test_keys_of_any_form_can_wait(uploads, name):
    uploads.add_pending("loans", [ref(name)], "c")

    assert [one.key for one, _ in uploads.pending("loans", 1)] == [ref(name).key]


def test_the_lease_is_one_holders_until_it_is_dropped(uploads):
    assert take_lease(uploads, "loans", "one", NOON + HOUR, NOON) == 1
    assert take_lease(uploads, "loans", "one", NOON + HOUR, NOON) == 1
    assert take_lease(uploads, "loans", "two", NOON + HOUR, NOON) is None
    assert take_lease(uploads, "cards", "two", NOON + HOUR, NOON) == 1

    uploads.drop_lease("loans", "two")
    assert take_lease(uploads, "loans", "two", NOON + HOUR, NOON) is None
    uploads.drop_lease("loans", "one")
    assert take_lease(uploads, "loans", "two", NOON + HOUR, NOON) == 2


def test_a_lease_that_ended_is_free_and_counts_on(uploads):
    take_lease(uploads, "loans", "one", NOON + HOUR, NOON)

    assert take_lease(uploads, "loans", "two", NOON + 3 * HOUR, NOON + HOUR) is None
    assert take_lease(uploads, "loans", "two", NOON + 3 * HOUR, NOON + HOUR + timedelta(seconds=1)) == 2
    uploads.drop_lease("loans", "one")
    assert take_lease(uploads, "loans", "three", NOON + 3 * HOUR, NOON + 2 * HOUR) is None


def test_dropping_a_lease_that_never_was_is_nothing(uploads):
    uploads.drop_lease("loans", "one")

    assert take_lease(uploads, "loans", "one", NOON + HOUR, NOON) == 1


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
    uploads.put_product("loans", {"link": "rl_loans", "crawl": "auto", "contract": {"name": "loans"}}, sequencer="02")
    uploads.record_declared("loans", "03")

    assert uploads.product("loans") == {
        "link": "rl_loans",
        "crawl": "auto",
        "contract": {"name": "loans"},
        "status": "registered",
        "sequencer": "03",
    }


def test_a_product_may_be_registered_though_its_declaration_was_not_recorded(uploads):
    uploads.put_product("loans", {"link": "rl_loans"}, sequencer="01")

    assert uploads.product("loans")["status"] == "registered"
    assert uploads.may_declare("loans", "01")


def test_a_registration_of_an_older_contract_changes_nothing(uploads):
    for sequencer, revision in (("", "draft"), ("02", "two"), ("01", "one"), ("", "draft"), ("0200", "again")):
        uploads.put_product("loans", {"contract": revision}, sequencer=sequencer)
    assert uploads.product("loans")["contract"] == "again"
    uploads.put_product("loans", {"contract": "one"}, sequencer="01")
    assert uploads.product("loans")["contract"] == "again"


def test_a_product_is_another_accounts_until_a_newer_contract_takes_it_back(uploads):
    uploads.hand_over("loans", "444444444444", sequencer="02")
    assert uploads.product("loans") is None, "nothing that this account ever declared"
    uploads.put_product("loans", {"contract": "two"}, sequencer="02")
    uploads.hand_over("loans", "444444444444", sequencer="02")
    assert (uploads.standing("loans").new_owner, uploads.product("loans")["contract"]) == ("444444444444", "two")
    uploads.put_product("loans", {"contract": "three"}, sequencer="03")
    assert uploads.standing("loans").new_owner == ""
    uploads.hand_over("loans", "444444444444", sequencer="02")
    assert uploads.standing("loans").new_owner == "", "its event came again"


@pytest.mark.parametrize("before", ["", "01", "02"])
def test_a_registration_by_the_contract_that_offered_a_product_does_not_take_it_back(uploads, before):
    """It comes again, or late: preparing the product had failed at first."""
    uploads.record_declared("loans", "02")
    if before:
        uploads.put_product("loans", {"contract": "before"}, sequencer=before)
    uploads.hand_over("loans", "444444444444", sequencer="02")
    uploads.put_product("loans", {"contract": "two"}, sequencer="02")
    assert (uploads.standing("loans").new_owner, uploads.product("loans")["contract"]) == ("444444444444", "two")


def test_what_is_known_of_some_objects(uploads):
    refs = [
        ObjectRef(bucket=BUCKET, key=f"loans/data/t/{name}", size=1, etag=f"e-{name}", sequencer="01")
        for name in "abcd"
    ]
    uploads.add_pending("loans", refs, "c")
    gone = refs[2].evolve(deleted=True, etag="", sequencer="02")
    uploads.add_pending("loans", [gone], "c")
    found = uploads.known("loans", [refs[3].key, refs[2].key, refs[0].key])
    assert found == {
        refs[0].key: Known("01", "e-a"), refs[2].key: Known("02", ""), refs[3].key: Known("01", "e-d")
    }  # fmt: skip
    assert uploads.known("cards", [ref.key for ref in refs]) == {}


def test_the_last_audit_is_kept(uploads):
    assert uploads.last_audit() is None
    audit = LandingAudit(began=NOON, after="loans/data/t/a")
    for each in (audit, audit.evolve(over=True)):
        uploads.keep_audit(each)
        assert uploads.last_audit() == each


def test_an_older_event_that_looked_first_and_writes_last_does_not_replace_the_newer(table):
    uploads, other = DynamoUploads(table), DynamoUploads(table)
    uploads.add_pending("loans", [ref(sequencer="01")], "c")
    get_all = table.get_all

    def overtaken(keys):
        table.get_all = get_all
        found = get_all(keys)
        other.add_pending("loans", [ref(sequencer="03")], "other")
        return found

    table.get_all = overtaken

    assert not uploads.add_pending("loans", [ref(sequencer="02")], "c")
    assert uploads.pending("loans", 1) == [(ref(sequencer="03"), "other")]


def test_of_objects_that_arrive_together_those_wait_that_are_news(uploads, trace_notes):
    uploads.add_pending("loans", [ref("a.csv", "01"), ref("b.csv", "05")], "c")

    arrived = [ref("a.csv", "02"), ref("a.csv", "03"), ref("b.csv", "04"), ref("c.csv", "01")]
    assert {(one.key[-5:], one.sequencer) for one in uploads.add_pending("loans", arrived, "d")} >= {
        ("a.csv", "03"), ("c.csv", "01"),
    }  # fmt: skip
    assert keys(uploads) == [("a.csv", "03"), ("b.csv", "05"), ("c.csv", "01")]
    assert not uploads.add_pending("loans", [ref("a.csv", "03"), ref("c.csv", "01")], "d")
    assert [what for what, _ in trace_notes()] == ["uploads received"] * 2


def test_any_number_of_objects_arrives_and_is_settled_together(uploads):
    many = [ref(f"{number:03d}.csv") for number in range(120)]
    assert len(uploads.add_pending("loans", many, "c")) == 120
    newer = ref("007.csv", "02")
    uploads.add_pending("loans", [newer], "c")
    settle(uploads, many)
    assert keys(uploads) == [("007.csv", "02")]


def test_a_crash_records_nothing_and_the_next_delivery_all(table, monkeypatch):
    uploads = DynamoUploads(table)
    with monkeypatch.context() as patch:
        patch.setattr(table, "write", lambda *_: (_ for _ in ()).throw(RuntimeError("crashed")))
        with pytest.raises(RuntimeError):
            uploads.add_pending("loans", [ref()], "c")

    assert uploads.add_pending("loans", [ref()], "c")
    assert uploads.pending("loans", 10) == [(ref(), "c")]


def test_endless_contention_is_a_passing_trouble(table):
    uploads = DynamoUploads(table)
    table.write = lambda *_: False

    with pytest.raises(ConcurrentChange):
        uploads.add_pending("loans", [ref(sequencer="02")], "c")


def test_a_waiting_run_stores_token_lease_and_trace_in_one_write(uploads, trace_notes):
    take_lease(uploads, "loans", "one", NOON + HOUR, NOON)
    assert uploads.await_answer("0000000a", WaitingRun("loans", "one", "t-1", NOON + HOUR, NOON + 2 * HOUR), NOTE)
    assert uploads.await_answer("0000000a", WaitingRun("loans", "one", "t-2", NOON + HOUR, NOON + 5 * HOUR), NOTE)

    assert uploads.lease_held("loans", NOON + 4 * HOUR)
    assert not uploads.await_answer("0000000a", WaitingRun("loans", "two", "t-3", NOON + HOUR, NOON + 9 * HOUR), NOTE)
    assert not uploads.lease_held("loans", NOON + 6 * HOUR), "it is another's"
    uploads.drop_token("0000000a", "t-1")
    assert uploads.token("0000000a") == "t-2", "it replaced the other"
    assert trace_notes() == [("noted", {})] * 3


def test_a_run_that_ends_settles_releases_and_traces_in_one_write(uploads, trace_notes):
    uploads.add_pending("loans", [ref()], "d")
    take_lease(uploads, "loans", "one", NOON + HOUR, NOON)

    for _ in range(2):
        uploads.finish("loans", "one", [ref()], NOTE)
        assert not uploads.has_pending("loans")
        assert not uploads.lease_held("loans", NOON)
    take_lease(uploads, "loans", "two", NOON + HOUR, NOON)
    uploads.finish("loans", "one", [], NOTE)
    assert uploads.lease_held("loans", NOON), "it is another's"
    assert trace_notes().count(("noted", {})) == 5


def test_how_often_a_product_was_taken_is_counted_until_something_is_dealt_with(uploads):
    uploads.add_pending("loans", [ref()], "d")

    for number, holder in enumerate(("one", "two"), start=1):
        take_lease(uploads, "loans", holder, NOON + HOUR, NOON)
        uploads.drop_lease("loans", holder)
        assert uploads.standing("loans").lease.tries == number
    for done, tries in (([], 3), ([ref()], 0)):
        take_lease(uploads, "loans", "three", NOON + HOUR, NOON)
        uploads.finish("loans", "three", done, NOTE)
        assert uploads.standing("loans").lease.tries == tries


def test_a_lease_that_an_earlier_attempt_took_is_the_runs_own(uploads):
    """Two attempts of one step at once: each looked before the other wrote."""
    seen = uploads.standing("loans").lease
    lease = seen.taken("one", NOON + HOUR, NOON)

    assert uploads.take_lease("loans", lease, seen=seen, note=NOTE)
    assert uploads.take_lease("loans", lease._replace(until=NOON + 2 * HOUR), seen=seen, note=NOTE)


def test_a_lease_that_changed_since_it_was_seen_is_not_taken(uploads):
    seen = uploads.standing("loans").lease
    assert take_lease(uploads, "loans", "one", NOON + HOUR, NOON) == 1
    uploads.drop_lease("loans", "one")

    assert not uploads.take_lease("loans", seen.taken("two", NOON + HOUR, NOON), seen=seen, note=NOTE)
    assert not uploads.lease_held("loans", NOON)
    assert take_lease(uploads, "loans", "two", NOON + HOUR, NOON) == 2

    seen = uploads.standing("loans").lease
    uploads.renew_lease("loans", "two", NOON + 3 * HOUR)
    late = NOON + 2 * HOUR
    assert not uploads.take_lease("loans", seen.taken("three", late + HOUR, late), seen=seen, note=NOTE)


def test_a_crawls_token_is_kept_until_it_was_used(table):
    uploads = DynamoUploads(table)
    table.write(put({"pk": "WAIT#creditCrawler-1", "sk": "TOKEN", "task_token": "t"}))

    assert uploads.token("other") is None
    assert uploads.token("creditCrawler-1") == "t"
    uploads.drop_token("creditCrawler-1", "t")
    assert uploads.token("creditCrawler-1") is None


EVENT = Metadata(id="e-1", correlation_id="trace-id")


def a_notice(event=EVENT, version=1, at=NOON):
    return Notice(event, "ProductUpdated", {"data": {"version": version}}, at)


def test_a_notice_and_its_place_in_the_story_are_stored_once(table):
    notices = DynamoNotices(table)
    for version in (1, 9):
        notices.add([a_notice(version=version)])

    assert [(trace_notes["what"], trace_notes["facts"]) for trace_notes in DynamoTrace(table).entries("trace-id")] == [
        ("notice received", {"event": "ProductUpdated"})
    ]
    assert [notice["detail"] for notice in notices.all()] == [{"data": {"version": 1}}]


def test_of_notices_together_the_new_ones_are_stored(notices):
    other = Metadata(id="e-2", correlation_id="another")
    assert notices.known(["e-1", "e-2"]) == set()
    notices.add([a_notice()])
    notices.add([a_notice(version=9), a_notice(other, 2)])
    notices.add([])
    assert notices.known(["e-1", "e-2", "e-3"]) == {"e-1", "e-2"}


def test_a_notice_that_somebody_else_stores_at_this_moment_keeps_no_other_from_being_stored(table, monkeypatch):
    notices, other = DynamoNotices(table), Metadata(id="e-2", correlation_id="another")
    write = table.write

    def overtaken(*writes):
        monkeypatch.setattr(table, "write", write)
        DynamoNotices(table).add([a_notice()])
        return write(*writes)

    monkeypatch.setattr(table, "write", overtaken)
    notices.add([a_notice(version=9), a_notice(other, 2)])
    assert [notice["detail"]["data"]["version"] for notice in notices.all()] == [1, 2]


def test_notices_are_read_in_order_and_from_a_point_on(table):
    notices = DynamoNotices(table)
    for number in (2, 1, 3):
        notices.add([Notice(Metadata(id=f"e-{number}"), "ProductUpdated", {"n": number}, NOON + number * HOUR)])

    found = list(notices.all())

    assert [one["detail"] for one in found] == [{"n": 1}, {"n": 2}, {"n": 3}]
    after = f"{found[1]['time']}#{found[1]['id']}"
    assert [one["id"] for one in notices.all(after)] == ["e-3"]


def test_a_trace_is_in_order_and_expires(table):
    trace = DynamoTrace(table)
    for number in range(5):
        trace.note("trace-id", f"step {number}", number=number)
    trace.note("another", "step")

    assert [(one["what"], one["facts"]) for one in trace.entries("trace-id")] == [
        (f"step {number}", {"number": number}) for number in range(5)
    ]
    assert all(item["expires"] > 0 for item in table.query("TRACE#trace-id"))


def test_a_lease_is_held_until_it_is_dropped_or_ends(uploads):
    assert not uploads.lease_held("loans", NOON)
    take_lease(uploads, "loans", "a", NOON + HOUR, NOON)

    assert uploads.lease_held("loans", NOON + HOUR)
    assert not uploads.lease_held("loans", NOON + 2 * HOUR)
    uploads.drop_lease("loans", "a")
    assert not uploads.lease_held("loans", NOON)


def test_a_lease_is_renewed_by_its_holder_alone(uploads):
    take_lease(uploads, "loans", "a", NOON + HOUR, NOON)
    assert not uploads.renew_lease("loans", "b", NOON + 9 * HOUR)
    assert not uploads.lease_held("loans", NOON + 2 * HOUR)
    assert uploads.renew_lease("loans", "a", NOON + 3 * HOUR)
    assert uploads.lease_held("loans", NOON + 2 * HOUR)
    assert not uploads.renew_lease("unknown", "a", NOON + HOUR)
    assert not uploads.lease_held("unknown", NOON)


def test_a_run_starts_where_no_run_is_active_and_nothing_waits_for_central(uploads):
    assert uploads.standing("loans").may_start(NOON), "undeclared: it gets a draft"
    uploads.record_declared("loans", "01")
    assert not uploads.standing("loans").may_start(NOON)
    uploads.put_product("loans", {"database": "loans"}, sequencer="01")
    assert uploads.standing("loans").may_start(NOON)
    take_lease(uploads, "loans", "a", NOON + HOUR, NOON)
    assert not uploads.standing("loans").may_start(NOON + HOUR)
    assert uploads.standing("loans").may_start(NOON + 2 * HOUR)
    uploads.drop_lease("loans", "a")
    assert uploads.standing("loans").may_start(NOON)


@pytest.fixture
def revisions(uploads, request):
    """Of the account that `uploads` are of."""
    fake = isinstance(uploads, FakeUploads)
    return FakeRevisions(uploads) if fake else DynamoRevisions(request.getfixturevalue("table"))


def revision(number):
    return ObjectRef(bucket=BUCKET, key="loans/contract.yaml", size=1, version_id=f"v{number}", sequencer=f"0{number}")


def test_the_newest_revision_of_a_contract_is_settled_by_its_own_answer(uploads, revisions):
    assert not revisions.settle("loans", "declared-1")
    revisions.begin("loans", revision(1), "declared-1")
    assert uploads.standing("loans").settled is None
    assert revisions.settle("loans", "declared-1")
    assert revisions.settle("loans", "declared-1")
    revisions.begin("loans", revision(1), "declared-1")
    assert uploads.standing("loans").settled == "v1", "a delivery that is repeated begins nothing anew"


def test_an_older_revision_that_comes_late_changes_nothing(uploads, revisions):
    revisions.begin("loans", revision(2), "declared-2")
    revisions.begin("loans", revision(1), "declared-1")
    assert not revisions.settle("loans", "declared-1")
    assert revisions.settle("loans", "declared-2")
    assert uploads.standing("loans").settled == "v2"


def test_products_are_listed_once_they_are_declared_or_their_data_came(uploads):
    assert uploads.products() == []
    uploads.record_declared("loans", "01")
    uploads.record_declared("loans", "02")
    uploads.list_product("cards")
    uploads.list_product("cards")
    assert uploads.products() == ["cards", "loans"]
