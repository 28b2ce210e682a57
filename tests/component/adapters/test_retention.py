"""Each kind of record that is over goes after its time, and not before; what is in force stays.

Time is skipped at the table, which DynamoDB has not cleaned: what has expired is there, and is to be taken for gone.
"""

from datetime import timedelta

import pytest
from mesh.adapters.dynamodb.access_registry import DynamoAccessRegistry
from mesh.adapters.dynamodb.consumer_accesses import DynamoConsumerAccesses
from mesh.adapters.dynamodb.items import Table, put, put_new
from mesh.adapters.dynamodb.lineage import DynamoLineage
from mesh.adapters.dynamodb.notices import DynamoNotices
from mesh.adapters.dynamodb.proposals import DynamoProposals
from mesh.adapters.dynamodb.quarantine import DynamoQuarantine
from mesh.adapters.dynamodb.registry import DynamoRegistry
from mesh.adapters.dynamodb.trace import DynamoTrace
from mesh.adapters.dynamodb.uploads import DynamoUploads
from mesh.domain.access.consumer_access import ConsumerAccess
from mesh.domain.contracts.product import ProductVersion, RollbackOrder, TableSnapshot, VersionEnd
from mesh.domain.events import Metadata, ProposalSettled, Reason
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quarantine import HeldBatch, Ticket
from mesh.domain.publishing.proposals import Commit, ProposalRecord, TableRecord
from mesh.domain.retention import Kind, Retention
from mesh.ports import Notice

from tests.builders import BUCKET, CONSUMER, NOTE, PRODUCER, PRODUCT, SEQUENCER, a_product, an_access
from tests.fakes import NOON

DAY = timedelta(days=1)
KEPT = Retention(history=100 * DAY, records=60 * DAY)
REASON = Reason(code="C", message="m")
PROPOSAL, OVER, LIVE = "0000000a", "ac-000000000001", "ac-000000000002"
COMMIT = Commit(product=PRODUCT, proposal=PROPOSAL, correlation_id="c", event_id="e", tables=(), changes=())


def a_version(number: int, *, staged: bool) -> ProductVersion:
    metadata = f"s3://b/{PRODUCT}/published/t/metadata/{number}.metadata.json" if staged else ""
    table = TableSnapshot(table="t", columns=(), rows=1, bytes=1, objects=1, partitions=0, metadata=metadata)
    return ProductVersion(
        product=PRODUCT, version=number, run=f"run-{number}", correlation_id="c", contract_version="1.0.0",
        tables=(table,), changes=(), published=NOON, follows=number - 1,
    )  # fmt: skip


def a_batch(run: str) -> HeldBatch:
    return HeldBatch(
        product=PRODUCT, run=run, bucket=BUCKET, correlation_id="c", reason=REASON, objects=1, releasable=True,
        held_at=NOON,
    )  # fmt: skip


def a_ref(name: str, sequencer: str) -> ObjectRef:
    return ObjectRef(bucket=BUCKET, key=f"{PRODUCT}/data/t/{name}", size=7, etag="e", sequencer=sequencer)


@pytest.fixture
def kept(table):
    """The account's table as a deployment with these parameters has it."""
    return Table(table.client, table.name, KEPT, now=table.now)


@pytest.fixture
def registered(kept):
    """The registry, with a product."""
    registry = DynamoRegistry(kept)
    registry.claim_product(a_product())
    return registry


@pytest.fixture
def raw(kept):
    """(pk, sk) of the items that are there, expired ones as well."""

    def found():
        items = kept.client.scan(TableName=kept.name, ConsistentRead=True)["Items"]
        return {(item["pk"]["S"], item["sk"]["S"]) for item in items}

    return found


@pytest.fixture
def after(kept, passing_time):
    """Look again when the period of that kind is nearly over, and when it is."""

    def looked(kind, look):
        passing_time.skip(kind.kept(KEPT) - DAY)
        before = look()
        passing_time.skip(DAY + timedelta(minutes=1))
        return before, look()

    return looked


# --- a table whose items expire -------------------------------------------------------------------------------------


def test_what_has_expired_is_not_read_though_it_is_there(kept, raw, passing_time):
    for number, days in enumerate([1, 3]):
        kept.write(put({"pk": "p", "sk": str(number), "expires": int((NOON + days * DAY).timestamp())}))
    kept.write(put({"pk": "p", "sk": "2"}))
    passing_time.skip(2 * DAY)

    assert kept.get("p", "0") is None
    assert set(kept.get_all([("p", "0"), ("p", "1"), ("p", "2")])) == {("p", "1"), ("p", "2")}
    assert [item["sk"] for item in kept.query("p")] == ["1", "2"]
    assert [item["sk"] for item in kept.query("p", limit=1)] == ["1"], "the limit is of those that are there"
    assert len(raw()) == 3


@pytest.mark.parametrize("together", [False, True], ids=["alone", "in a transaction"])
def test_a_new_item_takes_the_place_of_one_that_has_expired_and_of_no_other(kept, passing_time, together):
    others = [put({"pk": "other", "sk": "s"})] if together else []
    kept.write(put({"pk": "p", "sk": "s", "n": 1, "expires": int((NOON + DAY).timestamp())}))
    assert not kept.write(put_new({"pk": "p", "sk": "s", "n": 2}), *others)

    passing_time.skip(DAY + timedelta(seconds=2))

    assert kept.write(put_new({"pk": "p", "sk": "s", "n": 3}), *others)
    assert not kept.write(put_new({"pk": "p", "sk": "s", "n": 4}), *others)
    assert kept.get("p", "s")["n"] == 3


def test_a_condition_that_names_more_than_absence_holds_on_what_expired(kept, passing_time):
    kept.write(put({"pk": "p", "sk": "s", "seen": 7, "expires": int((NOON + DAY).timestamp())}))
    write = put({"pk": "p", "sk": "s", "seen": 1}, "attribute_not_exists(pk) OR seen = :seen", {":seen": 0})
    assert not kept.write(write)

    passing_time.skip(2 * DAY)

    assert kept.write(write)


def test_what_was_read_before_it_expired_is_written_as_if_it_had_not(kept, passing_time):
    kept.write(put({"pk": "p", "sk": "s", "revision": 1, "expires": int((NOON + DAY).timestamp())}))
    passing_time.skip(2 * DAY)

    assert kept.write(put({"pk": "p", "sk": "s", "revision": 2}, "revision = :seen", {":seen": 1}))
    assert kept.get("p", "s")["revision"] == 2


# --- each kind ------------------------------------------------------------------------------------------------------


def test_an_access_that_is_over_goes_with_its_request_and_its_place_in_the_list(kept, after, raw):
    accesses = DynamoAccessRegistry(kept)
    over, live = an_access("ac-1", purpose="audit"), an_access("ac-2")
    for each in (over, live):
        accesses.open(each)
    accesses.save(live.moved("live", NOON, "live"))
    accesses.save(over.moved("ended", NOON, "ended", cause="expired"))

    before, then = after(Kind.ENDED_ACCESS, lambda: {each.id for each in accesses.newest()})

    assert (before, then) == ({"ac-1", "ac-2"}, {"ac-2"})
    assert accesses.access("ac-1") is None
    assert accesses.access("ac-2").status == "live"
    assert [each.id for each in accesses.held_by(live.receiver)] == ["ac-2"]
    expiring = {item["pk"]["S"] for item in kept.client.scan(TableName=kept.name)["Items"] if "expires" in item}
    assert expiring == {"ACCESS#ac-1", f"REQUEST#{over.receiver}", "LIST#ACCESSES"}
    again = an_access("ac-3", purpose="audit")
    assert accesses.open(again) == again, "the same can be requested, though DynamoDB has not deleted the request"


def test_an_access_that_was_requested_anew_keeps_its_claim(kept, passing_time):
    accesses = DynamoAccessRegistry(kept)
    first, second = an_access("ac-1"), an_access("ac-2")
    accesses.open(first)
    first = accesses.save(first.moved("live", NOON, "live"))
    accesses.open(second)

    accesses.save(first.moved("ended", NOON, "ended"))
    passing_time.skip(KEPT.history + DAY)

    with pytest.raises(Exception, match="requested already: ac-2"):
        accesses.open(an_access("ac-3"))


def test_a_task_token_outlives_every_run(kept, after):
    accesses = DynamoAccessRegistry(kept)
    accesses.keep_token("ac-1", "approval", "token")

    assert after(Kind.TASK_TOKEN, lambda: accesses.token("ac-1", "approval")) == ("token", None)


def test_notices_go_before_the_events_are_forgotten_no_earlier_than_they_can_come_again(kept, after):
    notices = DynamoNotices(kept)
    notice = Notice(Metadata(id="e-1"), "ProductUpdated", {}, NOON)
    notices.add([notice])

    assert after(Kind.RECEIVED_EVENT, lambda: notices.known(["e-1"])) == ({"e-1"}, set())
    assert [each["id"] for each in notices.all()] == ["e-1"]


def test_a_notice_goes(kept, after):
    notices = DynamoNotices(kept)
    notices.add([Notice(Metadata(id="e-1"), "ProductUpdated", {}, NOON)])

    before, then = after(Kind.NOTICE, lambda: list(notices.all()))

    assert (len(before), then) == (1, [])
    notices.add([Notice(Metadata(id="e-1"), "ProductUpdated", {}, NOON + 101 * DAY)])
    assert [each["id"] for each in notices.all()] == ["e-1"], "a new one of that id is taken"


def test_a_trace_goes(kept, after):
    trace = DynamoTrace(kept)
    trace.note("c", "what")

    before, then = after(Kind.TRACE, lambda: list(trace.entries("c")))

    assert (len(before), then) == (1, [])


def test_a_refusal_goes(kept, after):
    registry = DynamoRegistry(kept)
    registry.record_refusal(CONSUMER, "AccessRequested", {"code": "C"}, kept.present(), event="e")

    before, then = after(Kind.REFUSAL, lambda: list(registry.refusals(CONSUMER, NOON - DAY)))

    assert (before, then) == ([("AccessRequested", "C")], [])


def test_a_proposal_goes_some_time_after_its_answer(kept, after, passing_time):
    proposals = DynamoProposals(kept)
    proposals.open(ProposalRecord(product=PRODUCT, proposal=PROPOSAL, digest="d", at=NOON))
    passing_time.skip(30 * DAY)
    answer = ProposalSettled(product=PRODUCT, proposal=PROPOSAL, outcome="published", version=1)
    assert proposals.settle(answer) == answer

    def known():
        return proposals.open(ProposalRecord(product=PRODUCT, proposal=PROPOSAL, digest="another", at=NOON)).answer

    assert after(Kind.PROPOSAL, known) == (answer, None)


def test_of_a_file_that_is_released_nothing_is_kept_and_of_others_all_is(kept):
    proposals = DynamoProposals(kept)
    record = ProposalRecord(product=PRODUCT, proposal=PROPOSAL, digest="d", at=NOON)
    proposals.open(record)
    files = [f"s3://b/loans/published/t/metadata/{name}.metadata.json" for name in ("1", "10")]
    tables = [TableRecord(product=PRODUCT, table="t", metadata=file, fields=()) for file in files]
    assert proposals.keep_commit(record, COMMIT, tables)

    proposals.forget_tables(PRODUCT, "t", files[:1])

    assert [proposals.table(PRODUCT, "t", file) for file in files] == [None, tables[1]]


def test_an_ended_version_goes_once_its_files_are_released_and_the_others_stay(kept, registered, after):
    registry = registered
    for number in (1, 2, 3):
        registry.record_version(a_version(number, staged=True), NOTE, contract=SEQUENCER)
    registry.end_version(PRODUCT, 1, VersionEnd(status="expired", at=NOON))
    registry.end_version(PRODUCT, 2, VersionEnd(status="expired", at=NOON, released=NOON))

    before, then = after(Kind.ENDED_VERSION, lambda: [each.version for each in registry.versions(PRODUCT)])

    assert (before, then) == ([3, 2, 1], [3, 1])
    assert registry.latest_version(PRODUCT).version == 3
    assert registry.record_version(a_version(4, staged=True), NOTE, contract=SEQUENCER).version == 4


def test_of_hive_tables_the_last_version_stays(kept, registered, after):
    for number in (1, 2):
        registered.record_version(a_version(number, staged=False), NOTE, contract=SEQUENCER)

    def versions():
        return [each.version for each in registered.versions(PRODUCT)]

    before, then = after(Kind.REPLACED_HIVE_VERSION, versions)

    assert (before, then) == ([2, 1], [2])


def test_the_run_of_a_version_and_its_notices_are_known_while_they_may_come_again(kept, registered, after):
    registered.record_version(a_version(1, staged=True), NOTE, contract=SEQUENCER)
    registered.record_notices(PRODUCT, 1, [CONSUMER], NOON, NOTE)

    def look():
        return registered.version_of_run(PRODUCT, "run-1") is not None, kept.get(
            f"PRODUCT#{PRODUCT}", f"NOTICE#00000001#{CONSUMER}"
        ) is not None

    assert Kind.RUN_OF_VERSION.kept(KEPT) == Kind.SENT_NOTICE.kept(KEPT)
    assert after(Kind.SENT_NOTICE, look) == ((True, True), (False, False))
    assert registered.latest_version(PRODUCT).version == 1


def test_a_rollback_order_goes(kept, after):
    registry = DynamoRegistry(kept)
    order = RollbackOrder(
        product=PRODUCT, version=1, reason="r", requested_by=PRODUCER, request="e", correlation_id="c", at=NOON
    )
    registry.begin_rollback(order, NOON + DAY, REASON)

    assert after(Kind.ROLLBACK, lambda: registry.rollback(PRODUCT, "e")) == (order, None)


def test_a_decided_batch_goes_and_one_that_waits_for_its_owner_stays(kept, after):
    quarantine = DynamoQuarantine(kept)
    for run in ("1", "2"):
        quarantine.hold(a_batch(run))
    quarantine.save(a_batch("1").evolve(status="rejected"), was="held")

    before, then = after(Kind.DECIDED_BATCH, lambda: [each.run for each in quarantine.batches()])

    assert (before, then) == (["1", "2"], ["2"])
    assert [each.run for each in quarantine.undecided(PRODUCT)] == ["2"]


def test_what_was_deleted_is_known_while_its_events_may_come_again_and_what_is_there_for_ever(kept, after):
    uploads = DynamoUploads(kept)
    there, gone = a_ref("there", "01"), a_ref("gone", "02").evolve(deleted=True)
    uploads.add_pending(PRODUCT, [there, gone], "c")

    def unknown():
        return {ref.key for ref in uploads.add_pending(PRODUCT, [there, gone], "c")}

    assert after(Kind.DELETED_OBJECT, unknown) == (set(), {gone.key})


def test_a_release_goes(kept, after):
    quarantine = DynamoQuarantine(kept)
    ticket = Ticket(run="1", by="b", reason="r", version_id="v")
    quarantine.put_ticket(PRODUCT, "key", ticket)

    assert after(Kind.RELEASE_TICKET, lambda: quarantine.ticket(PRODUCT, "key")) == (ticket, None)


def test_a_commit_goes(kept, after):
    proposals = DynamoProposals(kept)
    record = ProposalRecord(product=PRODUCT, proposal=PROPOSAL, digest="d", at=NOON)
    proposals.open(record)
    proposals.keep_commit(record, COMMIT, [])

    assert after(Kind.COMMIT, lambda: proposals.commit(PRODUCT, PROPOSAL)) == (COMMIT, None)


def test_the_lineage_goes(kept, after):
    log = DynamoLineage(kept)
    log.put(PRODUCT, {"eventTime": NOON.isoformat(), "run": {"runId": "r"}, "eventType": "COMPLETE"})

    before, then = after(Kind.LINEAGE, lambda: list(log.events(PRODUCT)))

    assert (len(before), then) == (1, [])


def test_what_a_consumer_knows_of_an_ended_access_goes_and_of_a_live_one_stays(kept, after):
    accesses = DynamoConsumerAccesses(kept)
    for name, state in ((OVER, "over"), (LIVE, "ready")):
        accesses.save(ConsumerAccess(access=name, state=state, noted=NOON, reader="role"))

    found = after(Kind.ENDED_ACCESS, lambda: [accesses.get(name) is not None for name in (OVER, LIVE)])

    assert found == ([True, True], [False, True])
