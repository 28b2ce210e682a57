"""What was found in a column, or declared of it, is never forgotten: not by a failed publish, another finding, or a
contract that says nothing of it any more."""

import json

import pytest
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import PersonalDataFinding, ProposedTable
from mesh.domain.governance.column_findings import known_from
from mesh.domain.publishing.hive_table import DETAILS, FINDINGS, own_file
from mesh.domain.publishing.proposals import TableDetails
from mesh.usecases.publishing.commit_version import commit_version
from mesh.usecases.publishing.tag_pins import Tagging
from mesh.usecases.publishing.tag_tables import restore_tags, tags_by_contract, tighten_product

from tests.builders import BUCKET, CONTRACT, PRODUCT, TABLE, a_contract, a_glue_table, an_ontology
from tests.fakes import NOON
from tests.fakes.failures import dying_at
from tests.unit.publishing.test_commit_rollback import Rolling
from tests.unit.publishing.test_proposals import World, verified
from tests.unit.publishing.test_tag_tables import STEWARD
from tests.unit.publishing.test_tag_tables import World as Tagged

COLUMNS = {"laufkont": "bigint", "note": "string"}
MAIL = PersonalDataFinding(column="note", value="personal", reason="the values are: e-mail addresses", confidence=0.95)
CARD = PersonalDataFinding(column="note", value="sensitive", reason="the values are: payment cards", confidence=0.95)
OWNED = MAIL.evolve(column="laufkont")
SAID = "logicalType: integer, customProperties: [{property: %s, value: %s}]}"
WAGE = CONTRACT.replace("logicalType: integer}", SAID % ("lfTags", "{confidentiality: restricted}"))
CRAWLED = CONTRACT.replace("schema:", "  - {property: crawl, value: glue}\nschema:")
WITHOUT_TABLE = CONTRACT.replace("- name: credit_card", "- name: another")
DECISION = "{pii: personal, by: Ann Owner, reason: ids of our own shops}"
RELEASED = CONTRACT.replace("logicalType: integer}", SAID % ("releasedFinding", DECISION))


@pytest.fixture
def world():
    return World()


def batch(world, *findings, **columns):
    details = TableDetails(objects=1, rows=10, bytes=80, sources=1, findings=findings)
    return world.stage(fields=world.fields(**(columns or COLUMNS)), details=details)


def classes(world, column="note"):
    tags = world.tags(column)
    return tags["pii"], tags["confidentiality"]


def loosened(world):
    """What the trace says of it."""
    return [facts for _, what, facts in world.registry.trace.notes if what == "tags loosened"]


def test_a_second_finding_of_another_kind_does_not_make_the_column_laxer(world):
    world.publish(batch(world, CARD))
    world.publish(batch(world, MAIL), number="0000000b")
    assert classes(world) == ("sensitive", "restricted")


def test_what_a_failed_publish_found_is_not_forgotten(world):
    world.publish(batch(world))
    assert classes(world) == ("none", "internal")
    assert world.refused(world.proposal(batch(world, MAIL, note="string"), number="0000000b")).outcome == "held"
    world.publish(batch(world), number="0000000c")
    assert classes(world) == ("personal", "confidential")
    [known] = world.registry.findings(PRODUCT)[TABLE]
    assert (known.column, known.reason, known.batch) == ("note", MAIL.reason, "0000000b")


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_commit_that_dies_anywhere_swings_no_pointer_before_the_tag_is_on(world, fails_at):
    world.publish(batch(world))
    world.verify(world.proposal(batch(world, MAIL), number="0000000b"))
    dying, swing, seen = dying_at(fails_at), world.catalog.update_table, []

    def swung(*arguments, **more):
        seen.append(classes(world))
        swing(*arguments, **more)

    world.catalog.update_table, world.lake.tag_columns = dying(swung), dying(world.lake.tag_columns)
    with pytest.raises(ConnectionError):
        commit_version(verified("0000000b"), using=world.committing)
    assert world.pointer().endswith("v1.metadata.json")
    assert classes(world)[0] == ("none" if fails_at == 1 else "personal")
    commit_version(verified("0000000b"), using=world.committing)
    assert (seen, world.pointer()[-16:]) == ([("personal", "confidential")], "v2.metadata.json")


def test_a_table_that_a_contract_leaves_out_keeps_its_tags():
    world = Tagged(WAGE)
    world.tag_product()
    world.tag_tables()
    world.publish()
    assert world.effective("laufkont") == "restricted"
    world.declare(WITHOUT_TABLE)
    world.tag_product()
    assert (world.effective("laufkont"), world.effective("email", "pii")) == ("restricted", "personal")


@pytest.mark.parametrize(
    "silent",
    [CONTRACT, CONTRACT.replace("      - {name: laufkont, logicalType: integer}\n", "")],
    ids=["the tag", "the column"],
)
def test_a_tag_or_a_column_that_a_contract_leaves_out_stays_as_strict(silent):
    """Though at first the column had nothing but what its database has as well."""
    world = Tagged(WAGE.replace("internal", "restricted"))
    world.tag_product(confidentiality="restricted")
    world.tag_tables()
    world.publish()
    world.declare(silent)
    world.tag_product()
    assert world.effective("laufkont") == "restricted"


def test_what_the_contract_states_is_loosened_and_the_trace_says_so():
    world = Tagged(WAGE)
    world.tag_product()
    world.tag_tables()
    world.publish()
    world.declare(WAGE.replace("restricted", "internal"))
    world.tag_product()
    assert world.effective("laufkont") == "internal"
    [facts] = loosened(world)
    assert facts["columns"] == ["credit_card.laufkont confidentiality: restricted → internal"]


def test_the_steward_is_told_before_a_tag_is_loosened_and_a_repeated_message_has_the_same_id():
    world = Tagged(WAGE)
    world.tag_product()
    world.tag_tables()
    world.publish()
    world.declare(WAGE.replace("restricted", "internal"))
    tag_columns, world.lake.tag_columns = world.lake.tag_columns, dying_at(1)(world.lake.tag_columns)
    with pytest.raises(ConnectionError):
        world.tag_product()
    world.lake.tag_columns = tag_columns
    assert world.effective("laufkont") == "restricted"

    world.tag_product()

    (topic, kind, first), (_, _, second) = world.topics.published
    assert (topic, kind, json.loads(first)["metadata"]["id"]) == (
        STEWARD,
        "TagsLoosened",
        json.loads(second)["metadata"]["id"],
    )
    assert json.loads(first)["data"]["columns"] == ["credit_card.laufkont confidentiality: restricted → internal"]


def test_that_a_contract_takes_the_place_of_a_draft_is_nothing_to_tell():
    world = Tagged()
    world.tag_product(confidentiality="restricted")
    world.tag_tables()
    world.publish()

    world.tag_product(after_draft=True)

    assert (len(loosened(world)), world.topics.published) == (1, [])


def test_what_a_contract_would_do_to_tags_is_what_it_does():
    world = Tagged(WAGE)
    world.tag_product()
    world.tag_tables()
    world.publish()
    contract = a_contract(WAGE.replace("restricted", "internal"))
    product = world.registry.products[PRODUCT].evolve(tags=dict(world.lake.on[PRODUCT,]))

    found = tags_by_contract(product, contract, world.tagging)

    assert found.loosened == ["credit_card.laufkont confidentiality: restricted → internal"]
    assert found.after["credit_card"]["laufkont"]["confidentiality"] == "internal"
    assert world.effective("laufkont") == "restricted", "nothing was changed"
    world.declare(WAGE.replace("restricted", "internal"))
    world.tag_product()
    for column, tags in found.after["credit_card"].items():
        assert {key: world.effective(column, key) for key in ("confidentiality", "pii")} == {
            key: tags[key] for key in ("confidentiality", "pii")
        }


def test_only_the_owners_decision_releases_a_finding_and_no_stricter_one():
    world = Tagged()
    world.found(OWNED)
    world.tag_product()
    world.tag_tables()
    world.publish()
    world.declare(CONTRACT.replace("logicalType: integer}", "logicalType: integer, classification: none}"))
    world.tag_product()
    assert (world.effective("laufkont", "pii"), world.effective("laufkont")) == ("personal", "confidential")
    world.declare(RELEASED)
    world.tag_product()
    assert (world.effective("laufkont", "pii"), world.effective("laufkont")) == ("none", "internal")
    [facts] = loosened(world)
    decision = {"pii": "personal", "by": "Ann Owner", "reason": "ids of our own shops"}
    assert facts["released"] == [{"column": "credit_card.laufkont", **decision}]
    world.found(OWNED)
    world.tag_tables()
    assert world.effective("laufkont", "pii") == "none", "the same again is released already"
    world.found(CARD.evolve(column="laufkont"))
    world.tag_tables()
    assert (world.effective("laufkont", "pii"), world.effective("laufkont")) == ("sensitive", "restricted")


def test_what_is_found_while_a_contract_is_registered_is_not_overlooked():
    world = Tagged()
    world.publish()
    tag = world.lake.tag_database

    def meanwhile(*arguments):
        world.found(OWNED)
        tag(*arguments)

    world.lake.tag_database = meanwhile
    with pytest.raises(ConcurrentChange, match="something was found"):
        world.tag_product()
    world.tag_product()
    assert world.effective("laufkont", "pii") == "personal"


@pytest.mark.parametrize("meanwhile", ["a contract", "a finding"])
def test_a_commit_loosens_nothing_by_what_is_not_in_force_any_more(world, meanwhile):
    mine = {"laufkont": "bigint", "email": "string"}
    world.publish(batch(world, **mine))
    assert classes(world, "email") == ("personal", "confidential")
    world.revise(contract=a_contract(CONTRACT.replace("classification: pii", "classification: none")))
    world.verify(world.proposal(batch(world, **mine), number="0000000b"))
    swing = world.catalog.update_table

    def swung(*arguments, **more):
        swing(*arguments, **more)
        if meanwhile == "a contract":
            world.revise(contract=a_contract())
        else:
            known = known_from([MAIL.evolve(column="email")], "0000000c", NOON)
            world.registry.add_findings(PRODUCT, TABLE, known)

    world.catalog.update_table = swung
    with pytest.raises(ConcurrentChange, match="has changed"):
        commit_version(verified("0000000b"), using=world.committing)
    commit_version(verified("0000000b"), using=world.committing)
    assert classes(world, "email") == ("personal", "confidential")


NOTED = CONTRACT.replace(
    "{name: email,", "{name: note, logicalType: string, classification: pii}\n      - {name: email,"
)


def test_a_new_column_is_not_published_by_a_contract_that_is_not_in_force_any_more(world):
    """The registration of the other one tags the columns of the last version, and the new one is in none."""
    world.publish(batch(world, laufkont="bigint", email="string"))
    world.verify(world.proposal(batch(world, laufkont="bigint", email="string", note="string"), number="0000000b"))
    swing = world.catalog.update_table

    def swung(*arguments, **more):
        swing(*arguments, **more)
        world.revise(contract=a_contract(NOTED))

    world.catalog.update_table = swung
    with pytest.raises(ConcurrentChange, match="has changed"):
        commit_version(verified("0000000b"), using=world.committing)
    assert world.tags("note")["publication"] == "pending"

    commit_version(verified("0000000b"), using=world.committing)
    assert (world.tags("note")["publication"], *classes(world, "note")) == ("published", "personal", "confidential")


def test_a_contract_that_comes_before_the_version_is_recorded_counts_for_its_new_columns(world):
    world.publish(batch(world, laufkont="bigint", email="string"))
    world.verify(world.proposal(batch(world, laufkont="bigint", email="string", note="string"), number="0000000b"))
    record = world.registry.record_version

    def recorded(*given, **more):
        # and registered: no version that it knows has the column
        world.revise(contract=a_contract(NOTED), contract_sequencer="FF")
        return record(*given, **more)

    world.registry.record_version = recorded
    with pytest.raises(ConcurrentChange, match="was taken meanwhile"):
        commit_version(verified("0000000b"), using=world.committing)
    assert commit_version(verified("0000000b"), using=world.committing).version == 2
    assert classes(world, "note") == ("personal", "confidential")


def test_a_new_column_inherits_what_is_recorded_though_its_registration_has_not_come_to_the_database(world):
    world.publish(batch(world, laufkont="bigint"))
    stricter = a_contract(CONTRACT.replace("confidentiality: internal", "confidentiality: restricted"))
    tags = {**world.registry.product(PRODUCT).tags, "confidentiality": "restricted"}
    world.revise(contract=stricter, tags=tags)
    world.publish(batch(world, laufkont="bigint", note="string"), number="0000000b")
    assert classes(world, "note") == ("none", "restricted")

    world.revise(contract=a_contract(), tags={**tags, "confidentiality": "internal"})
    world.publish(batch(world, laufkont="bigint", note="string", more="string"), number="0000000c")
    assert classes(world, "more") == ("none", "restricted"), "what it loosens, its registration does"


def test_a_partition_key_gets_its_tags_as_any_column():
    world = Tagged()
    world.tag_product()
    table = world.partitioned(partition="note")
    world.found(CARD)
    world.tag_tables(table)
    assert (world.effective("note", "pii"), world.published("note")) == ("sensitive", ["note"])


def test_a_column_that_only_an_older_version_had_comes_back_closed():
    """The contract does not describe it any more: nobody knows what it was, so nobody may read it."""
    world = Rolling(contract_version="1.0.0")
    world.publish(batch(world, laufkont="bigint", wage="bigint"))
    world.revise(contract_version="2.0.0")
    world.publish(batch(world, laufkont="bigint"), number="0000000b")
    world.lake.on.pop((PRODUCT, TABLE, "wage"))
    world.roll_back(1)
    assert classes(world, "wage") == ("sensitive", "restricted")
    assert classes(world, "laufkont") == ("none", "internal")


def drop_tags(world):
    """As Lake Formation does with a table that is deleted."""
    for place in [place for place in world.lake.on if place[:2] == (PRODUCT, TABLE)]:
        world.lake.on.pop(place)


class Crawled(World):
    """A product that a Glue crawler fills; `note` is published as `pii=none`."""

    def __init__(self):
        super().__init__(contract=a_contract(CRAWLED))
        self.catalog.tables[PRODUCT, TABLE] = a_glue_table(dict.fromkeys(COLUMNS, "string"))
        self.details(DETAILS, TableDetails(objects=1, rows=1, bytes=8, sources=1, columns=tuple(COLUMNS)))
        self.publish(ProposedTable(name=TABLE, details=DETAILS, rows=1, bytes=8, files=1))

    def details(self, name, details):
        text = details.model_dump_json().encode() if isinstance(details, TableDetails) else details
        self.contents.files[own_file(BUCKET, PRODUCT, TABLE, name)] = text

    def announce_findings(self, details, number="0000000b"):
        self.details(FINDINGS, details)
        table = ProposedTable(name=TABLE, details=FINDINGS, rows=0, bytes=0, files=0)
        return self.proposal(table, number=number, announces="findings")


def test_a_table_that_was_deleted_and_crawled_anew_has_its_columns_closed_unless_the_contract_describes_them():
    """An earlier contract had restricted one, say, and this one leaves it out: Lake Formation alone knew."""
    world = Crawled()
    world.lake.tag_columns(PRODUCT, TABLE, ["note"], {"confidentiality": "restricted"})
    drop_tags(world)

    table = ProposedTable(name=TABLE, details=DETAILS, rows=1, bytes=8, files=1)
    for _ in range(2):
        world.verify(world.proposal(table, number="0000000b"))
        commit_version(verified("0000000b"), using=world.committing)

    assert classes(world) == ("sensitive", "restricted")
    assert classes(world, "laufkont") == ("none", "internal")


@pytest.mark.parametrize("mend", ["registration", "reconciliation"])
def test_a_table_that_was_dropped_and_made_again_at_the_same_version_has_its_columns_closed(mend):
    world = Tagged(WAGE)
    world.tag_product()
    world.tag_tables()
    world.publish()
    world.declare(CONTRACT.replace("      - {name: laufkont, logicalType: integer}\n", ""))
    world.tag_product()
    assert world.effective("laufkont") == "restricted"
    drop_tags(world)

    if mend == "registration":
        world.tag_product()
    else:
        restore_tags(PRODUCT, tagging=world.tagging, named=world.named)

    assert (world.effective("laufkont"), world.effective("email")) == ("restricted", "confidential")


def test_what_is_announced_is_tagged_before_it_is_answered_and_makes_no_version():
    world = Crawled()
    assert classes(world) == ("none", "internal")
    nothing = {"objects": 0, "rows": 0, "bytes": 0, "sources": 0}
    proposal = world.announce_findings(TableDetails(**nothing, findings=(MAIL,)))
    for _ in range(2):
        found = world.verify(proposal)
        assert (found.next, found.answer.outcome) == ("tag", "tagged")
        tagging = Tagging(world.catalog, world.lake, world.registry, an_ontology())
        tighten_product(PRODUCT, batch=proposal.proposal, tagging=tagging, named=world.named, locks=world.locks)
    assert classes(world) == ("personal", "confidential")
    assert world.settle(proposal, found.answer).outcome == "tagged"
    assert (world.verify(proposal).next, world.proposals.turns) == ("repeat", {})
    assert world.registry.latest_version(PRODUCT).version == 1
    world.publish(ProposedTable(name=TABLE, details=DETAILS, rows=1, bytes=8, files=1), number="0000000c")
    assert classes(world) == ("personal", "confidential"), "the batch itself need not say it again"


def test_an_announcement_that_cannot_be_read_is_refused():
    answer = (world := Crawled()).refused(world.announce_findings(b"{"))
    assert (answer.outcome, answer.reason.code) == ("refused", "ProposalForged")


def test_only_what_a_crawler_fills_is_announced(world):
    table = world.stage()
    answer = world.refused(world.proposal(table, announces="findings"))
    assert (answer.outcome, answer.reason.code) == ("refused", "ProposalForged")
    assert world.registry.findings(PRODUCT) == {}
