"""From a proposal to a version: what is staged is read again, committed in order, answered once."""

import json
from datetime import timedelta

import pytest
from mesh.domain.contracts.claims import NameTaken
from mesh.domain.contracts.product import ConcurrentChange, product_lock
from mesh.domain.events import (
    MalformedEvent,
    PersonalDataFinding,
    ProposalSettled,
    ProposedTable,
    QualitySummary,
    Reason,
    ShortFinding,
    VersionProposed,
)
from mesh.domain.governance.ontology import PENDING, PUBLICATION, PUBLISHED
from mesh.domain.membership.authorisation import NotAMember, NotTheOwner
from mesh.domain.names import table_location
from mesh.domain.publishing.fields import FieldIds, assign_fields
from mesh.domain.publishing.iceberg_table import marks_of, own_metadata, pointer_of
from mesh.domain.publishing.proposals import ProposalRecord, TableDetails, Verified, refusal
from mesh.domain.publishing.staging import ListedFile, TableContent
from mesh.domain.publishing.table_state import Marks, PartitionPart, TableState
from mesh.domain.schema import Column
from mesh.usecases.central_context import CentralContext
from mesh.usecases.named_accesses import NamedAccesses
from mesh.usecases.publishing.commit_version import BaseMoved, Committing, ProposalGone, commit_version
from mesh.usecases.publishing.notify_subscribers import Announce, notify_subscribers
from mesh.usecases.publishing.settle_proposal import Settle, settle_proposal
from mesh.usecases.publishing.verify_proposal import Verifier, verify_proposal

from tests.builders import (
    BUCKET,
    CENTRAL,
    CONSUMER,
    CONTRACT,
    PRODUCER,
    PRODUCT,
    STRANGER,
    TABLE,
    a_contract,
    a_member,
    a_product,
    an_envelope,
    an_ontology,
)
from tests.fakes import (
    NOON,
    FakeAccessRegistry,
    FakeCatalog,
    FakeClock,
    FakeContents,
    FakeExecutions,
    FakeLakeFormation,
    FakeLocks,
    FakeMemberTopics,
    FakeProposals,
    FakeRegistry,
    FakeTrace,
)
from tests.fakes.failures import dying_at

TAGS = {
    "product": [PRODUCT],
    "publication": [PENDING, PUBLISHED],
    "confidentiality": ["public", "internal", "confidential", "restricted"],
    "pii": ["none", "personal", "sensitive"],
    "domain": ["retail", "risk"],
}
DATABASE = {"product": PRODUCT, "confidentiality": "internal", "pii": "none", "domain": "retail", PUBLICATION: PENDING}


def verified(proposal, version=0):
    return Verified(product=PRODUCT, proposal=proposal, next="repeat" if version else "commit", version=version)


class World:
    """Central with one registered product, and what its owner stages."""

    def __init__(self, **product):
        self.catalog, self.clock, self.trace, self.topics = FakeCatalog(), FakeClock(), FakeTrace(), FakeMemberTopics()
        self.lake = FakeLakeFormation(TAGS)
        self.lake.tag_database(PRODUCT, DATABASE)
        self.registry = FakeRegistry(a_member(), a_member(CONSUMER, "consumer"), trace=self.trace)
        self.registry.products[PRODUCT] = a_product(**product)
        self.contents, self.proposals = FakeContents(), FakeProposals(self.trace)
        self.accesses, self.endings, self.locks = FakeAccessRegistry(), FakeExecutions(), FakeLocks()
        self.staged = 0

    def revise(self, **changes):
        """The contract's next revision."""
        version = self.registry.products[PRODUCT].version
        self.registry.products[PRODUCT] = a_product(version=version, **changes)

    @property
    def verifier(self):
        return Verifier(self.registry, self.proposals, self.catalog, self.contents, self.clock, self.trace)

    @property
    def committing(self):
        return Committing(
            self.registry,
            self.proposals,
            self.catalog,
            self.lake,
            an_ontology(),
            self.clock,
            self.named,
            self.locks,
        )

    @property
    def named(self):
        return NamedAccesses(self.registry, self.accesses, an_ontology(), self.endings)

    @property
    def context(self):
        return CentralContext(CENTRAL, self.registry, FakeAccessRegistry(), self.trace, self.clock)

    def location(self, table=TABLE):
        """Where its owner stages it."""
        return table_location(self.registry.products[PRODUCT].bucket, PRODUCT, table)

    def fields(self, table=TABLE, highest=None, **types):
        pointer = own_metadata(self.pointer(table), self.location(table))
        base = self.contents.read(pointer).state.fields if pointer else ()
        marks = marks_of(self.catalog.table(PRODUCT, table))
        top = marks.column if highest is None else highest
        return assign_fields([Column(name=name, type=type_) for name, type_ in types.items()], base, FieldIds(top))

    def stage(self, table=TABLE, *, rows=10, fields=None, files=None, details=None, state=None, **totals):
        """Leave a staged table in the bucket; what is proposed of it."""
        self.staged += 1
        location, name = self.location(table), f"v{self.staged}"
        if fields is None:
            fields = self.fields(table, id="bigint", amount="double")
        marks = marks_of(self.catalog.table(PRODUCT, table))
        highest = max(each.id for field in fields for each in field.every())
        facts = {
            "metadata": f"{location}/metadata/{name}.metadata.json", "location": location, "fields": fields,
            "index": f"{location}/metadata/{name}.index.parquet", "snapshots": 1,
            "marks": Marks(column=max(highest, marks.column), sequence=marks.sequence + 1, schema_id=0, spec=0),
        }  # fmt: skip
        if files is None:
            files = (ListedFile(path=f"{location}/data/{name}.parquet", rows=rows, bytes=rows * 8),)
        notice = details or TableDetails(objects=1, rows=rows, bytes=rows * 8, sources=len(files))
        found = TableState(**{**facts, "details": notice.model_dump_json(), **(state or {})})
        content = TableContent(state=found, files=files)
        self.contents.add(content)
        pointer = own_metadata(self.pointer(table), location)
        claimed = {"rows": content.rows, "bytes": content.bytes, "files": len(files)}
        return ProposedTable(
            name=table, base=pointer.rpartition("/")[2], staged=f"{name}.metadata.json",
            empty="" if pointer else f"{name}.empty.metadata.json",
            **{**claimed, **totals},
        )  # fmt: skip

    def proposal(self, *tables, number="0000000a", generation=1, expires=NOON + timedelta(hours=1), **more):
        return VersionProposed(
            product=PRODUCT, proposal=number, generation=generation, expires=expires, tables=tables, **more
        )

    def verify(self, proposal, account=PRODUCER):
        return verify_proposal(
            an_envelope(proposal, account=account), execution="run", using=self.verifier, topics=self.topics
        )

    def refused(self, proposal):
        """The answer of a proposal that is not committed."""
        found = self.verify(proposal)
        assert found.next == "settle"
        return found.answer

    def publish(self, *tables, number="0000000a"):
        assert self.verify(self.proposal(*tables, number=number)).next == "commit"
        version = commit_version(verified(number), using=self.committing)
        self.announce(version, self.proposal(*tables, number=number))
        return version

    def announce(self, version, proposal):
        command = Announce(version=version, proposal=an_envelope(proposal))
        return notify_subscribers(
            command, catalog_id=CENTRAL, context=self.context, proposals=self.proposals, topics=self.topics
        )

    def settle(self, proposal, verdict):
        command = Settle(envelope=an_envelope(proposal), verdict=verdict)
        return settle_proposal(command, proposals=self.proposals, context=self.context, topics=self.topics)

    def pointer(self, table=TABLE):
        return pointer_of(self.catalog.table(PRODUCT, table))

    def columns(self, table=TABLE):
        return [column["Name"] for column in self.catalog.table(PRODUCT, table)["StorageDescriptor"]["Columns"]]

    def tags(self, column, table=TABLE):
        return self.lake.effective(PRODUCT, table, column)


@pytest.fixture
def world():
    return World()


def test_a_first_version_is_committed_tagged_and_answered(world):
    version = world.publish(world.stage(rows=12))
    assert (version.version, version.tables[0].rows, version.tables[0].metadata) == (1, 12, world.pointer())
    assert world.pointer().endswith("/v1.metadata.json")
    assert world.tags("id")[PUBLICATION] == PUBLISHED
    assert [kind for _, kind, _ in world.topics.published] == ["ProposalSettled", "ProductUpdated"]


def test_totals_and_changes_are_those_of_the_files(world):
    world.publish(world.stage(rows=12))
    details = TableDetails(
        objects=2, rows=5, bytes=40, sources=3,
        quality=QualitySummary(warnings=1, findings=(ShortFinding(code="Late", message="late"),)),
    )  # fmt: skip
    version = world.publish(world.stage(rows=17, details=details), number="0000000b")
    change = version.changes[0]
    assert (change.rows, change.rows_total, change.rows_delta, change.objects, change.bytes) == (5, 17, 5, 2, 40)
    assert (version.follows, version.severity, change.quality.warnings) == (1, "warning", 1)


def test_partitions_are_counted_from_the_manifests(world):
    fields = world.fields(id="bigint", dt="string")
    state = {"partition_fields": (PartitionPart(id=1000, source=fields[1].id),)}
    location = table_location(BUCKET, PRODUCT, TABLE)

    def files(*days):
        return tuple(ListedFile(path=f"{location}/data/{day}.p", rows=1, bytes=1, partition=(day,)) for day in days)

    world.publish(world.stage(fields=fields, state=state, files=files("2026-11-01", "2026-11-02")))
    three = world.stage(fields=fields, state=state, files=files("2026-11-02", "2026-11-03", "2026-11-04"))
    version = world.publish(three, number="0000000b")
    assert version.tables[0].partitions == 3
    assert version.changes[0].added_partitions == ("dt=2026-11-03", "dt=2026-11-04")


def test_a_new_column_is_closed_until_the_pointer_has_it(world):
    world.publish(world.stage())
    order = []
    update, tag = world.catalog.update_table, world.lake.tag_columns

    def updated(database, wanted, **more):
        order.append(
            (pointer_of(wanted).rpartition("/")[2], [c["Name"] for c in wanted["StorageDescriptor"]["Columns"]])
        )
        update(database, wanted, **more)

    def tagged(database, table, columns, tags):
        order.append((sorted(tags.items()), list(columns)))
        tag(database, table, columns, tags)

    world.catalog.update_table, world.lake.tag_columns = updated, tagged
    finding = PersonalDataFinding(column="email", value="personal", reason="looks like it", confidence=0.9)
    details = TableDetails(objects=1, rows=1, bytes=8, sources=2, findings=(finding,))
    fields = world.fields(id="bigint", amount="double", email="string")
    world.publish(world.stage(fields=fields, details=details), number="0000000b")
    assert order == [
        ("v1.metadata.json", ["id", "amount", "email"]),
        ([("confidentiality", "confidential"), ("pii", "personal")], ["email"]),
        ("v2.metadata.json", ["id", "amount", "email"]),
        ([(PUBLICATION, PUBLISHED)], ["email"]),
    ]


def test_what_is_looser_waits_for_the_pointer(world):
    """The contract says that `email` is not personal: until the version is there it stays so."""
    fields = world.fields(laufkont="bigint", email="string")
    world.publish(world.stage(fields=fields))
    assert world.tags("email")["pii"] == "personal"
    laxer = a_contract(CONTRACT.replace("classification: pii", "classification: none"))
    world.revise(contract=laxer)
    second = world.stage(fields=world.fields(laufkont="bigint", email="string"))
    world.verify(world.proposal(second, number="0000000b"))
    swing = world.catalog.update_table
    seen = []

    def updated(database, wanted, **more):
        seen.append(world.tags("email")["pii"])
        swing(database, wanted, **more)

    world.catalog.update_table = updated
    commit_version(verified("0000000b"), using=world.committing)
    assert (seen, world.tags("email")["pii"]) == (["personal"], "none")


def hide(world):
    """Its owner retires it: marked, and then hidden, which a commit that is under way may meet at any point."""
    world.registry.products[PRODUCT] = world.registry.product(PRODUCT).evolve(status="retired")
    world.lake.tag_columns(PRODUCT, TABLE, list(world.lake.table_tags(PRODUCT, TABLE)[1]), {PUBLICATION: PENDING})


def test_nothing_of_a_retired_product_is_published(world):
    world.publish(world.stage())
    hide(world)

    answer = world.refused(world.proposal(world.stage(), number="0000000b"))

    assert (answer.outcome, answer.reason.code) == ("refused", "ProductIsRetired")
    assert "upload its contract again" in answer.reason.remedy
    assert world.registry.latest_version(PRODUCT).version == 1
    assert world.tags("id")[PUBLICATION] == PENDING


@pytest.mark.parametrize(
    ("port", "call", "columns"),
    [("lake", "assigned_tags", ("laufkont", "email", "extra")), ("catalog", "update_table", ("laufkont", "email"))],
)
def test_what_is_retired_while_it_is_committed_stays_hidden(world, port, call, columns):
    """Before the commit has read the tags, and after it."""
    world.publish(world.stage(fields=world.fields(laufkont="bigint", email="string")))
    world.revise(contract=a_contract(CONTRACT.replace("classification: pii", "classification: none")))
    fields = world.fields(**dict.fromkeys(columns, "string") | {"laufkont": "bigint"})
    world.verify(world.proposal(world.stage(fields=fields), number="0000000b"))
    while_it_waits(getattr(world, port), call, lambda: hide(world))

    commit_version(verified("0000000b"), using=world.committing)

    assert {world.tags(column)[PUBLICATION] for column in columns} == {PENDING}
    assert world.registry.latest_version(PRODUCT).version == 2


def test_a_commit_that_loosens_waits_for_a_registration_that_goes_on(world):
    fields = world.fields(laufkont="bigint", email="string")
    world.publish(world.stage(fields=fields))
    world.revise(contract=a_contract(CONTRACT.replace("classification: pii", "classification: none")))
    world.verify(world.proposal(world.stage(fields=fields), number="0000000b"))
    world.locks.elsewhere.add(product_lock(PRODUCT))

    with pytest.raises(ConcurrentChange):
        commit_version(verified("0000000b"), using=world.committing)
    assert world.tags("email")["pii"] == "personal"
    world.locks.elsewhere.clear()
    assert commit_version(verified("0000000b"), using=world.committing).version == 2
    assert world.tags("email")["pii"] == "none"


def test_nothing_is_shown_while_a_registration_may_set_tags_that_it_planned_without_what_was_found(world):
    world.publish(world.stage())
    finding = PersonalDataFinding(column="amount", value="personal", reason="looks like it", confidence=0.9)
    details = TableDetails(objects=1, rows=2, bytes=16, sources=1, findings=(finding,))
    world.verify(world.proposal(world.stage(rows=2, details=details), number="0000000b"))
    pointer = world.pointer()
    world.locks.elsewhere.add(product_lock(PRODUCT))

    with pytest.raises(ConcurrentChange):
        commit_version(verified("0000000b"), using=world.committing)
    assert world.pointer() == pointer
    world.locks.elsewhere.clear()
    commit_version(verified("0000000b"), using=world.committing)
    assert world.tags("amount")["pii"] == "personal"


def test_a_commit_that_is_repeated_changes_nothing(world):
    world.publish(world.stage())
    world.verify(world.proposal(world.stage(), number="0000000b"))
    first = commit_version(verified("0000000b"), using=world.committing)
    writes = len(world.catalog.writes)
    assert commit_version(verified("0000000b"), using=world.committing) == first
    assert len(world.catalog.writes) == writes


def test_a_base_that_central_never_published_is_refused(world):
    world.publish(world.stage())
    world.proposals.tables.clear()
    answer = world.refused(world.proposal(world.stage(), number="0000000b"))
    assert (answer.outcome, answer.reason.code) == ("refused", "ProposalForged")
    assert "which central did not publish" in answer.reason.message


def while_it_waits(place, step, meanwhile):
    """The next call of a port is slow: `meanwhile` happens before it is made."""
    call = getattr(place, step)

    def slow(*given, **more):
        setattr(place, step, call)
        meanwhile()
        return call(*given, **more)

    setattr(place, step, slow)


def test_a_slow_second_run_of_the_first_version_does_not_undo_the_second(world):
    """A proposal that is delivered twice is committed by two runs, and one of them waits for Glue."""
    proposal = world.proposal(world.stage(rows=12))
    world.verify(proposal)

    def two_versions():
        world.announce(commit_version(verified("0000000a"), using=world.committing), proposal)
        world.publish(world.stage(rows=5), number="0000000b")

    while_it_waits(world.catalog, "create_table", two_versions)
    with pytest.raises(BaseMoved):
        commit_version(verified("0000000a"), using=world.committing)
    version = world.registry.latest_version(PRODUCT)
    assert (version.version, version.tables[0].metadata) == (2, world.pointer())


def test_a_slow_second_run_does_not_loosen_what_a_later_version_tagged(world):
    proposal = world.proposal(world.stage())
    world.verify(proposal)
    world.announce(commit_version(verified("0000000a"), using=world.committing), proposal)
    finding = PersonalDataFinding(column="amount", value="personal", reason="looks like it", confidence=0.9)
    details = TableDetails(objects=1, rows=2, bytes=16, sources=1, findings=(finding,))
    later = world.stage(rows=2, details=details)
    while_it_waits(world.lake, "assigned_tags", lambda: world.publish(later, number="0000000b"))
    with pytest.raises(BaseMoved):
        commit_version(verified("0000000a"), using=world.committing)
    assert world.tags("amount")["pii"] == "personal"


def test_a_version_that_was_followed_is_not_swung_back_by_a_repeated_commit(world):
    first = world.publish(world.stage())
    second = world.publish(world.stage(), number="0000000b")
    pointer = world.pointer()
    assert commit_version(verified("0000000a", first.version), using=world.committing) == first
    with pytest.raises(BaseMoved):
        commit_version(verified("0000000a"), using=world.committing)
    assert (world.pointer(), world.registry.latest_version(PRODUCT)) == (pointer, second)


@pytest.mark.parametrize("fails_at", range(1, 5))
def test_a_commit_that_dies_anywhere_is_finished_by_a_retry(world, fails_at):
    world.publish(world.stage())
    fields = world.fields(id="bigint", amount="double", email="string")
    world.verify(world.proposal(world.stage(fields=fields), number="0000000b"))
    dying = dying_at(fails_at)
    update, tag = world.catalog.update_table, world.lake.tag_columns
    world.catalog.update_table, world.lake.tag_columns = dying(update), dying(tag)
    with pytest.raises(ConnectionError):
        commit_version(verified("0000000b"), using=world.committing)
    if world.pointer().endswith("/v1.metadata.json"):
        assert world.tags("email").get(PUBLICATION) != PUBLISHED
    world.catalog.update_table, world.lake.tag_columns = update, tag
    commit_version(verified("0000000b"), using=world.committing)
    assert (world.columns(), world.tags("email")[PUBLICATION]) == (["id", "amount", "email"], PUBLISHED)


def test_several_tables_swing_together_or_not_at_all(world):
    world.publish(world.stage("one"), world.stage("two"))
    before = (world.pointer("one"), world.pointer("two"))
    both = world.proposal(world.stage("one"), world.stage("two"), number="0000000b")
    world.verify(both)
    moved = world.catalog.table(PRODUCT, "two")
    moved["Parameters"]["metadata_location"] = "s3://by/hand.metadata.json"
    world.catalog.update_table(PRODUCT, moved)
    with pytest.raises(BaseMoved):
        commit_version(verified("0000000b"), using=world.committing)
    assert world.pointer("one") == before[0]
    assert world.registry.latest_version(PRODUCT).version == 1


def test_one_version_of_a_product_is_committed_at_a_time(world):
    world.publish(world.stage())
    world.verify(world.proposal(world.stage(), number="0000000b"))
    other = world.proposal(world.stage(), number="0000000c")
    with pytest.raises(ConcurrentChange):
        world.verify(other)
    answer = ProposalSettled(product=PRODUCT, proposal="0000000b", outcome="rebase")
    world.proposals.settle(answer)
    assert world.verify(other).next == "commit"


def test_tables_that_were_not_touched_stay_in_the_version(world):
    world.publish(world.stage("one"))
    version = world.publish(world.stage("two"), number="0000000b")
    assert [table.table for table in version.tables] == ["one", "two"]


def test_a_proposal_on_an_older_base_is_to_be_staged_again(world):
    first = world.stage()
    world.publish(first)
    late = world.stage().model_copy(update={"base": "", "empty": "x.json"})
    assert world.refused(world.proposal(late, number="0000000b")).outcome == "rebase"


def test_a_proposal_is_answered_once_and_the_same(world):
    proposal = world.proposal(world.stage())
    world.publish(proposal.tables[0])
    again = world.verify(proposal)
    assert (again.next, again.answer.outcome, again.answer.version) == ("repeat", "published", 1)
    gone = Reason(code="ProposalGone", message="somebody was faster")
    assert world.settle(proposal, gone).outcome == "published"


def test_an_expired_proposal_is_refused_for_good(world):
    expired = world.proposal(world.stage(), expires=NOON - timedelta(seconds=1))
    answer = world.refused(expired)
    assert (answer.outcome, answer.reason.code) == ("refused", "ProposalExpired")
    assert world.settle(expired, answer) == answer
    again = world.verify(world.proposal(world.stage(), expires=NOON + timedelta(hours=1)))
    assert (again.next, again.answer.outcome) == ("repeat", "refused")


def test_another_proposal_under_a_known_id_is_a_forgery(world):
    known = ProposalRecord(product=PRODUCT, proposal="0000000a", digest="of another one", at=NOON)
    world.proposals.open(known)
    answer = world.refused(world.proposal(world.stage(rows=99)))
    assert (answer.outcome, answer.reason.code) == ("refused", "ProposalForged")


def test_what_was_verified_is_committed_whatever_comes_under_its_id(world):
    """Not refused either when its time is over: a run may be about to swing the pointers."""
    first = world.stage(rows=12)
    world.verify(world.proposal(first))
    late = world.proposal(world.stage(rows=99), expires=NOON - timedelta(seconds=1))
    assert world.verify(late).next == "commit"
    commit_version(verified("0000000a"), using=world.committing)
    assert world.pointer().endswith(first.staged)


def test_a_run_that_died_after_the_commit_is_completed_by_a_repeated_proposal(world):
    proposal = world.proposal(world.stage())
    world.verify(proposal)
    commit_version(verified("0000000a"), using=world.committing)
    assert world.verify(proposal).next == "commit"
    assert world.publish(*proposal.tables).version == 1


def test_a_proposal_that_is_refused_meanwhile_is_not_committed(world):
    proposal = world.proposal(world.stage())
    read = world.contents.read

    def slowly(metadata):
        world.proposals.refuse(refusal(PRODUCT, "0000000a", Reason(code="ProposalExpired", message="too late")))
        return read(metadata)

    world.contents.read = slowly
    found = world.verify(proposal)
    assert (found.next, found.answer.reason.code) == ("repeat", "ProposalExpired")
    with pytest.raises(ProposalGone):
        commit_version(verified("0000000a"), using=world.committing)


@pytest.mark.parametrize(("code", "outcome"), [("BaseMoved", "rebase"), ("UnknownLFTag", "refused")])
def test_a_rejected_commit_is_answered_with_the_reason(world, code, outcome):
    proposal = world.proposal(world.stage())
    world.verify(proposal)
    answer = world.settle(proposal, Reason(code=code, message="why"))
    assert (answer.outcome, answer.reason.code, answer.version) == (outcome, code, 0)


LOCATION = table_location(BUCKET, PRODUCT, TABLE)


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        ({"bytes": 99}, "99 bytes were proposed"),
        ({"files": (ListedFile(path="s3://elsewhere/data/a", rows=1, bytes=1),)}, "lie outside"),
        ({"files": (ListedFile(path=f"{LOCATION}/data/../../b", rows=1, bytes=1),)}, "lie outside"),
        ({"files": (ListedFile(path=f"{LOCATION}-2/data/a", rows=1, bytes=1),)}, "lie outside"),
        ({"files": 2 * (ListedFile(path=f"{LOCATION}/data/a", rows=1, bytes=1),)}, "listed twice"),
        ({"state": {"location": "s3://other/place"}}, "its location"),
        ({"state": {"snapshots": 2}}, "2 snapshots"),
        ({"state": {"snapshots": 0}}, "0 snapshots"),
        ({"state": {"index": "s3://other/index"}}, "its index"),
    ],
)  # fmt: skip
def test_a_staged_table_that_is_not_what_was_proposed_is_refused(world, forged, said):
    answer = world.refused(world.proposal(world.stage(**forged)))
    assert (answer.outcome, answer.reason.code) == ("refused", "ProposalForged")
    assert said in answer.reason.message


def test_a_table_may_lose_all_its_rows(world):
    world.publish(world.stage())
    emptied = world.stage(files=(), details=TableDetails(objects=0, rows=0, bytes=0, sources=0, removed_objects=1),
                          state={"snapshots": 0, "index": ""})  # fmt: skip
    version = world.publish(emptied, number="0000000b")
    assert (version.tables[0].rows, version.changes[0].rows_delta) == (0, -10)


def test_an_id_that_stood_for_another_column_is_refused(world):
    world.publish(world.stage())
    fields = world.fields(id="bigint", amount="double")
    swapped = (fields[0].model_copy(update={"id": 2}), fields[1].model_copy(update={"id": 1}))
    assert (
        "was amount double" in world.refused(world.proposal(world.stage(fields=swapped), number="b" * 8)).reason.message
    )


def test_an_id_that_was_given_and_forgotten_is_refused(world):
    """`email` was 3. It is gone from the present version; `country` may not have its id."""
    world.publish(world.stage(fields=world.fields(id="bigint", amount="double", email="string")))
    world.revise(contract_version="2.0.0")
    world.publish(world.stage(fields=world.fields(id="bigint", amount="double")), number="0000000b")
    reused = world.fields(highest=2, id="bigint", amount="double", country="string")
    answer = world.refused(world.proposal(world.stage(fields=reused), number="0000000c"))
    assert "column id 3 of country was given before" in answer.reason.message


def test_a_change_that_breaks_readers_is_held(world):
    world.publish(world.stage())
    proposal = world.proposal(world.stage(fields=world.fields(id="bigint")), number="0000000b")
    answer = world.refused(proposal)
    assert (answer.outcome, answer.reason.code) == ("held", "BreakingSchemaChange")
    notice = len(world.topics.published)
    world.settle(proposal, answer)
    world.settle(proposal, answer)
    news = [(kind, json.loads(body)) for _, kind, body in world.topics.published[notice:]]
    assert [kind for kind, _ in news] == 2 * ["ProductQuarantined", "ProposalSettled"]
    assert news[0][1]["data"]["reason"]["where"]["columns"] == [f"{TABLE}.amount"]
    assert news[0][1]["metadata"]["id"] == news[2][1]["metadata"]["id"], "the inbox takes it for one"


def test_a_new_major_may_drop_a_column(world):
    world.publish(world.stage())
    world.revise(contract_version="2.0.0")
    version = world.publish(world.stage(fields=world.fields(id="bigint")), number="0000000b")
    assert (version.severity, world.columns()) == ("breaking", ["id"])


@pytest.mark.parametrize(("account", "error"), [(STRANGER, NotAMember), (CONSUMER, Exception)])
def test_only_the_owner_proposes(world, account, error):
    with pytest.raises(error):
        world.verify(world.proposal(world.stage()), account=account)
    assert world.registry.refused


def test_another_producer_is_not_the_owner(world):
    world.registry.put_member(a_member("444444444444"))
    with pytest.raises(NotTheOwner):
        world.verify(world.proposal(world.stage()), account="444444444444")


def test_a_path_in_place_of_a_name_is_malformed(world):
    body = world.proposal(world.stage()).model_dump(mode="json")
    body["tables"][0]["staged"] = "../../other/iceberg/metadata/x.json"
    with pytest.raises(MalformedEvent):
        verify_proposal(
            an_envelope(body, "VersionProposed"), execution="run", using=world.verifier, topics=world.topics
        )


def test_what_was_not_verified_is_not_committed(world):
    with pytest.raises(ProposalGone):
        commit_version(verified("0000000a"), using=world.committing)


def test_a_staged_file_without_details_is_rejected():
    world = World()
    forged = world.proposal(world.stage(state={"details": '{"rows": "many"}'}))
    answer = world.verify(forged).answer
    assert (answer.outcome, answer.reason.code) == ("refused", "ProposalForged")


def test_a_table_that_somebody_else_made_is_not_taken_over(world):
    theirs = {"Name": TABLE, "StorageDescriptor": {"Columns": [{"Name": "secret", "Type": "string"}]}}
    world.catalog.create_table(PRODUCT, theirs)
    before = world.catalog.table(PRODUCT, TABLE)
    world.verify(world.proposal(world.stage()))
    with pytest.raises(NameTaken):
        commit_version(verified("0000000a"), using=world.committing)
    assert world.catalog.table(PRODUCT, TABLE) == before


OTHER_TABLE = "collateral"


def published(world, generation, at=NOON):
    """A version of that batch."""
    newer = world.proposal(world.stage(), generation=generation)
    assert world.verify(newer).next == "commit"
    version = commit_version(verified("0000000a"), using=world.committing)
    world.registry.recorded[PRODUCT] = [version.evolve(published=at)]
    world.announce(version, newer)
    return version


def test_an_older_batch_that_comes_late_becomes_no_version(world):
    """It was sent before the newer one was published, and is of another table: no pointer tells that it is older."""
    late = world.proposal(world.stage(OTHER_TABLE), number="0000000b", generation=5)
    assert published(world, generation=6).generation == 6

    answer = world.refused(late)

    assert answer.outcome == "rebase"
    assert "came after batch 6 was published" in answer.reason.message
    assert world.registry.latest_version(PRODUCT).version == 1


def test_a_producer_that_counts_anew_is_taken_for_none_that_is_late(world):
    published(world, generation=6, at=NOON - timedelta(minutes=1))

    found = world.verify(world.proposal(world.stage(OTHER_TABLE), number="0000000b"))

    assert found.next == "commit"
    assert commit_version(verified("0000000b"), using=world.committing).generation == 6
