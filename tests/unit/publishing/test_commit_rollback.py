"""Back to an earlier version by its metadata files: columns, tags, ids, and what is on its way meanwhile."""

import json
from contextlib import suppress

import pytest
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import PersonalDataFinding, ProposalSettled, Reason, RollbackRequested
from mesh.domain.governance.ontology import PUBLICATION, PUBLISHED
from mesh.domain.names import table_location
from mesh.domain.publishing.iceberg_table import marks_of
from mesh.domain.publishing.keeping import VersionGone
from mesh.domain.publishing.proposals import TableDetails
from mesh.domain.publishing.staging import ListedFile, TableContent
from mesh.domain.publishing.table_state import Marks, PartitionPart, TableState
from mesh.usecases.publishing.announce_outcome import Outcome, announce_outcome
from mesh.usecases.publishing.commit_version import BaseMoved, ProposalGone, commit_version
from mesh.usecases.publishing.notify_subscribers import notice
from mesh.usecases.publishing.prepare_rollback import AlreadyThere, OrderRefused, prepare_rollback
from mesh.usecases.publishing.rollback_orders import rollback_id

from tests.builders import BUCKET, CENTRAL, PRODUCER, PRODUCT, TABLE, an_envelope
from tests.fakes.failures import dying_at
from tests.unit.publishing.test_proposals import World, verified

LOCATION = table_location(BUCKET, PRODUCT, TABLE)
NOTICE = "ProductUpdated"


class Rolling(World):
    """Central, and the steps of `roll-back`."""

    def publish(self, *tables, number="0000000a"):
        """Each new table leaves its empty file, as a stager does."""
        for table in tables:
            if table.empty:
                location = table_location(BUCKET, PRODUCT, table.name)
                state = self.contents.read(f"{location}/metadata/{table.staged}").state
                empty = {"metadata": f"{location}/metadata/{table.empty}", "index": "", "snapshots": 0}
                self.contents.add(TableContent(state=state.model_copy(update=empty)))
        return super().publish(*tables, number=number)

    def requested(self, version, event="rb-1"):
        """The event, as it is delivered."""
        request = RollbackRequested(product=PRODUCT, version=version, reason="labels were flipped")
        envelope = an_envelope(request, account=PRODUCER)
        envelope.detail["metadata"]["id"] = event
        return envelope

    def prepare(self, version=1, event="rb-1"):
        return prepare_rollback(self.requested(version, event), context=self.context, using=self.verifier)

    def commit(self, prepared):
        return commit_version(prepared, using=self.committing)

    def roll_back(self, version, event="rb-1"):
        """The whole run."""
        prepared = self.prepare(version, event)
        assert prepared.next == "commit"
        return self.commit(prepared)

    def end(self, **outcome):
        """The last step."""
        return announce_outcome(
            Outcome(**outcome), catalog_id=CENTRAL, context=self.context, proposals=self.proposals, topics=self.topics
        )

    def refuse(self, error, version=1, event="rb-1"):
        reason = Reason.model_validate(error.to_dict())
        return self.end(rollback=self.requested(version, event), verdict=reason)


@pytest.fixture
def world():
    return Rolling()


@pytest.fixture
def two(world):
    """Version 1 has id and dt, version 2 an e-mail address besides."""
    world.publish(world.stage(rows=3, fields=world.fields(id="bigint", dt="string")))
    finding = PersonalDataFinding(column="email", value="personal", reason="looks like it", confidence=0.9)
    details = TableDetails(objects=1, rows=2, bytes=8, sources=2, findings=(finding,))
    wider = world.fields(id="bigint", dt="string", email="string")
    world.publish(world.stage(rows=5, fields=wider, details=details), number="0000000b")
    return world


def test_the_earlier_file_is_the_present_one_under_a_new_number(two):
    version = two.roll_back(1)

    assert (version.version, version.follows, version.tables[0].rows) == (3, 2, 3)
    assert two.pointer().endswith("/v1.metadata.json")
    assert two.columns() == ["id", "dt"]
    rollback = notice(version, two.registry.product(PRODUCT), CENTRAL).data.rollback
    assert (rollback.version, rollback.reason, rollback.requested_by) == (
        1,
        "labels were flipped",
        PRODUCER,
    )
    assert (version.severity, version.changes[0].removed_columns) == ("breaking", ("email",))
    assert (version.changes[0].rows, version.changes[0].rows_delta) == (0, -2)
    assert two.registry.rollback(PRODUCT, "rb-1").status == "published"
    assert two.proposals.turns == {}, "others may be committed again"


def test_delivered_again_after_its_end_it_changes_nothing(two):
    version = two.roll_back(1)
    two.end(version=version)
    sent = list(two.topics.published)

    again = two.prepare(1)

    assert (again.next, again.version) == ("repeat", 3)
    assert two.commit(again) == version
    assert two.end(version=version).notified == ()
    assert (two.topics.published, two.registry.latest_version(PRODUCT).version) == (sent, 3)
    assert (two.proposals.turns, two.registry.rolling) == ({}, {})
    assert two.prepare(2, "rb-2").next == "commit"


def test_two_runs_of_one_event_at_the_same_time_make_one_version(two):
    first, second = two.prepare(), two.prepare()
    assert (first.next, second.next) == ("commit", "commit")

    versions = [two.commit(first), two.commit(second)]
    for version in versions:
        two.end(version=version)

    assert_one_version(two, versions)


@pytest.mark.parametrize(
    ("port", "call"),
    [
        ("registry", "begin_rollback"),
        ("proposals", "claim"),
        ("registry", "latest_version"),
        ("registry", "version_of_run"),
        ("proposals", "open"),
        ("registry", "version"),
        ("catalog", "table"),
        ("proposals", "keep_commit"),
    ],
)
def test_a_run_that_is_overtaken_by_another_one_of_the_same_event_joins_its_version(two, port, call):
    """The other one is run as a whole just before this call of the first step."""
    versions, overtaken = [], getattr(getattr(two, port), call)

    def later(*arguments, **more):
        setattr(getattr(two, port), call, overtaken)
        versions.append(two.roll_back(1))
        two.end(version=versions[0])
        return overtaken(*arguments, **more)

    setattr(getattr(two, port), call, later)
    versions.append(two.commit(two.prepare()))
    two.end(version=versions[1])

    assert_one_version(two, versions)


def assert_one_version(world, versions):
    """Version 3, which is in force, announced once, and nobody's turn any more."""
    assert {version.version for version in versions} == {3}
    assert world.registry.latest_version(PRODUCT).version == 3
    assert (world.pointer().rpartition("/")[2], world.columns()) == ("v1.metadata.json", ["id", "dt"])
    assert (world.proposals.turns, world.registry.rolling) == ({}, {})
    notices = [json.loads(detail)["data"]["version"] for _, kind, detail in world.topics.published if kind == NOTICE]
    assert notices == [1, 2, 3]
    assert [kind for _, kind, _ in world.topics.published if kind == "RollbackRefused"] == []


def test_the_id_of_a_forgotten_column_is_not_given_again(two):
    email = two.contents.read(two.pointer()).state.fields[2]
    two.roll_back(1)
    assert marks_of(two.catalog.table(PRODUCT, TABLE)).column == email.id == 3

    fields = two.fields(id="bigint", dt="string", country="string")
    version = two.publish(two.stage(rows=4, fields=fields), number="0000000c")

    assert version.version == 4
    assert fields[2].id == 4, "and so no file of version 2 has a value of it"
    reused = (*fields[:2], fields[2].model_copy(update={"name": "town", "id": email.id}))
    answer = two.refused(two.proposal(two.stage(fields=reused), number="0000000d"))
    assert f"column id {email.id} of town was given before" in answer.reason.message


def test_the_highest_ids_outlive_a_table_that_was_made_anew(two):
    two.roll_back(1)
    table = two.catalog.table(PRODUCT, TABLE)
    del table["Parameters"]["meshwork.highest-ids"]
    two.catalog.update_table(PRODUCT, table)

    reused = two.fields(highest=2, id="bigint", dt="string", country="string")

    answer = two.refused(two.proposal(two.stage(fields=reused), number="0000000c"))
    assert "column id 3 of country was given before" in answer.reason.message


def test_a_column_that_comes_back_is_tagged_before_there_is_anything_in_it(two):
    two.roll_back(1)
    two.lake.tag_columns(PRODUCT, TABLE, ["email"], {"pii": "none", "confidentiality": "public"})  # kept, and laxer
    seen = []
    update = two.catalog.update_table

    def updated(database, wanted, **more):
        if wanted["Parameters"]["metadata_location"].endswith("/v2.metadata.json"):
            seen.append(two.tags("email"))
        update(database, wanted, **more)

    two.catalog.update_table = updated
    version = two.roll_back(2, "rb-2")

    assert [(tags["pii"], tags["confidentiality"]) for tags in seen] == [("personal", "confidential")]
    assert (version.version, two.columns(), two.tags("email")[PUBLICATION]) == (4, ["id", "dt", "email"], PUBLISHED)


def test_a_table_that_did_not_exist_then_has_no_rows(world):
    world.publish(world.stage("one"))
    world.publish(world.stage("two", rows=7), number="0000000b")

    version = world.roll_back(1)

    assert world.pointer("two").endswith("/v2.empty.metadata.json")
    assert [(table.table, table.rows) for table in version.tables] == [("one", 10), ("two", 0)]
    with pytest.raises(AlreadyThere):
        world.prepare(1, "rb-2")


def test_partitions_that_come_back_are_named(world):
    fields = world.fields(id="bigint", dt="string")
    state = {"partition_fields": (PartitionPart(id=1000, source=fields[1].id),)}

    def files(*days):
        return tuple(ListedFile(path=f"{LOCATION}/data/{day}.p", rows=1, bytes=1, partition=(day,)) for day in days)

    world.publish(world.stage(fields=fields, state=state, files=files("2026-11-01", "2026-11-02")))
    world.publish(world.stage(fields=fields, state=state, files=files("2026-11-02")), number="0000000b")
    version = world.roll_back(1)
    assert version.changes[0].added_partitions == ("dt=2026-11-01",)


def test_a_proposal_on_its_way_waits_its_turn_and_is_to_be_staged_again(two):
    late = two.proposal(two.stage(fields=two.fields(id="bigint", dt="string", email="string")), number="0000000c")
    two.prepare()

    with pytest.raises(ConcurrentChange):
        two.verify(late)
    commit_version(verified(rollback_id("rb-1")), using=two.committing)

    assert two.refused(late).outcome == "rebase"


def test_a_rollback_waits_for_a_proposal_that_is_being_committed(two):
    late = two.proposal(two.stage(fields=two.fields(id="bigint", dt="string", email="string")), number="0000000c")
    two.verify(late)

    with pytest.raises(ConcurrentChange):
        two.prepare()
    two.announce(commit_version(verified("0000000c"), using=two.committing), late)
    two.prepare()

    assert two.proposals.commit(PRODUCT, rollback_id("rb-1")).tables[0].base.endswith("/v3.metadata.json")


@pytest.mark.parametrize("fails_at", range(1, 6))
def test_a_run_that_dies_anywhere_is_finished_by_starting_it_again(two, fails_at):
    two.roll_back(1)
    two.prepare(2, "rb-2")
    dying = dying_at(fails_at)
    update, tag = two.catalog.update_table, two.lake.tag_columns
    two.catalog.update_table, two.lake.tag_columns = dying(update), dying(tag)
    with suppress(ConnectionError):
        commit_version(verified(rollback_id("rb-2")), using=two.committing)
    two.catalog.update_table, two.lake.tag_columns = update, tag
    two.prepare(2, "rb-2")
    assert commit_version(verified(rollback_id("rb-2")), using=two.committing).version == 4
    assert (two.columns(), two.prepare(2, "rb-2").next) == (["id", "dt", "email"], "repeat")


def test_who_moves_a_pointer_by_hand_meanwhile_has_it_prepared_anew(two):
    two.prepare()
    table = two.catalog.table(PRODUCT, TABLE)
    table["Parameters"]["metadata_location"] = f"{LOCATION}/metadata/hand.metadata.json"
    two.catalog.update_table(PRODUCT, table)

    with pytest.raises(BaseMoved):
        commit_version(verified(rollback_id("rb-1")), using=two.committing)
    two.prepare()
    commit_version(verified(rollback_id("rb-1")), using=two.committing)

    assert two.pointer().endswith("/v1.metadata.json")


def test_a_version_with_missing_files_changes_nothing(two):
    del two.contents.tables[f"{LOCATION}/metadata/v1.metadata.json"]
    with pytest.raises(VersionGone) as gone:
        two.prepare()
    assert two.pointer().endswith("/v2.metadata.json")

    assert two.refuse(gone.value).reason.code == "VersionGone"

    [notice] = [detail for _, kind, detail in two.topics.published if kind == "RollbackRefused"]
    assert json.loads(notice)["data"]["reason"]["code"] == "VersionGone"
    assert two.proposals.turns == {}
    assert two.registry.rollback(PRODUCT, "rb-1").status == "refused"
    with pytest.raises(OrderRefused, match="credit_card cannot go back"):
        two.prepare()
    with pytest.raises(VersionGone):  # for a reason of its own: another may begin
        two.prepare(1, "rb-2")


def test_a_refusal_comes_too_late_for_what_another_run_has_published(two):
    """And of a version that is recorded, whether or not its run came so far as to say so."""
    ended, two.registry.publish_rollback = two.registry.publish_rollback, lambda *_: None
    two.roll_back(1)
    two.registry.publish_rollback = ended

    assert two.refuse(BaseMoved("by hand")).status == "published"

    assert two.registry.refused == []
    assert [kind for _, kind, _ in two.topics.published if kind == "RollbackRefused"] == []
    assert two.registry.rollback(PRODUCT, "rb-1").status == "published"


def test_what_another_run_has_refused_is_not_committed(two):
    prepared = two.prepare()
    two.refuse(VersionGone("deleted"))
    with pytest.raises(ProposalGone):
        two.commit(prepared)
    assert two.pointer().endswith("/v2.metadata.json")
    assert two.refuse(ProposalGone("no such proposal")).reason.code == "VersionGone"


def test_files_that_differ_from_the_published_ones_are_not_restored(two):
    metadata = f"{LOCATION}/metadata/v1.metadata.json"
    content = two.contents.read(metadata)
    two.contents.add(content.model_copy(update={"files": (*content.files, ListedFile(path="s3://x", rows=9, bytes=9))}))
    with pytest.raises(VersionGone, match="it has 12 rows, and was published with 3"):
        two.prepare()


def test_an_initial_file_with_rows_is_not_restored(world):
    world.publish(world.stage("one"))
    world.publish(world.stage("two"), number="0000000b")
    location = table_location(BUCKET, PRODUCT, "two")
    empty = f"{location}/metadata/v2.empty.metadata.json"
    rows = (ListedFile(path="s3://elsewhere/data/a.parquet", rows=1, bytes=1),)
    state = world.contents.read(empty).state
    world.contents.add(TableContent(state=TableState(**{**dict(state), "marks": Marks()}), files=rows))
    with pytest.raises(VersionGone, match="not the empty table"):
        world.prepare()


def test_an_answer_ends_a_proposals_turn(two):
    two.verify(two.proposal(two.stage(fields=two.fields(id="bigint", dt="string", email="string")), number="0000000c"))
    two.proposals.settle(ProposalSettled(product=PRODUCT, proposal="0000000c", outcome="refused"))
    assert two.roll_back(1).version == 3
