"""What a product's new owner publishes, beside the versions that lie with the one before."""

import pytest
from mesh.domain.contracts.product import FormerOwner
from mesh.domain.events import Reason
from mesh.domain.membership.authorisation import NotTheOwner
from mesh.domain.names import published_location_uri, table_location
from mesh.domain.publishing.iceberg_table import iceberg_input, pointer_of
from mesh.domain.publishing.table_state import Marks
from mesh.usecases.publishing.commit_version import commit_version

from tests.builders import BUCKET, PRODUCER, PRODUCT, TABLE, a_member
from tests.fakes import NOON, topic_of
from tests.fakes.failures import dying_at
from tests.unit.publishing.test_proposals import World, verified

OTHER = "555555555555"
NEW, NEW_BUCKET = "444444444444", BUCKET.replace(PRODUCER, "444444444444")
FORMER = FormerOwner(account=PRODUCER, bucket=BUCKET, contract_sequencer="10", until=NOON)


@pytest.fixture
def world():
    """Version 1 is the former owner's, of two tables."""
    made = World()
    made.registry.put_member(a_member(NEW))
    made.publish(made.stage(rows=10), made.stage("other", rows=4))
    location = published_location_uri(NEW_BUCKET, PRODUCT)
    made.revise(owner=NEW, bucket=NEW_BUCKET, location=location, former=(FORMER,), contract_sequencer="11")
    return made


def publish(world, *tables, number="0000000b"):
    found = world.verify(world.proposal(*tables, number=number), NEW)
    assert found.next == "commit", found.answer
    version = commit_version(verified(number), using=world.committing)
    world.proposals.release(PRODUCT, number)
    return version


def test_a_table_begins_anew_where_the_new_owner_is(world):
    before = {field.name: field.id for field in world.contents.read(world.pointer()).state.fields}
    version = publish(world, world.stage(rows=3))
    table = world.catalog.table(PRODUCT, TABLE)
    here = table_location(NEW_BUCKET, PRODUCT, TABLE)
    assert (table["StorageDescriptor"]["Location"], pointer_of(table)) == (here, version.tables[0].metadata)
    snapshot = next(each for each in version.tables if each.table == TABLE)
    assert (version.version, version.follows, snapshot.rows) == (2, 1, 3)
    assert snapshot.metadata.startswith(here) and snapshot.empty.startswith(here)
    after = {field.name: field.id for field in world.contents.read(snapshot.metadata).state.fields}
    assert not set(before.values()) & set(after.values())  # no id stands for a column of the table before


def test_tables_that_did_not_come_yet_stay_as_the_former_owner_left_them(world):
    version = publish(world, world.stage())
    kept = next(each for each in version.tables if each.table == "other")
    assert (kept.rows, kept.metadata) == (4, world.pointer("other"))
    assert kept.metadata.startswith(table_location(BUCKET, PRODUCT, "other"))


def test_its_next_version_continues_its_own(world):
    publish(world, world.stage())
    staged = world.stage(rows=20)
    assert staged.base == "v3.metadata.json"
    assert publish(world, staged, number="0000000c").version == 3


@pytest.fixture
def begun():
    """A proposal of the owner's whose run dies when it is verified; the product is another account's by then."""
    made = World()
    made.registry.put_member(a_member(NEW))
    made.begun = made.proposal(made.stage())

    def hand_over():
        location = published_location_uri(NEW_BUCKET, PRODUCT)
        made.revise(owner=NEW, bucket=NEW_BUCKET, location=location, former=(FORMER,), contract_sequencer="11")

    made.hand_over = hand_over
    return made


@pytest.mark.parametrize("expelled", [False, True])
def test_a_commit_that_began_before_is_completed_and_its_turn_ends(begun, expelled):
    begun.verify(begun.begun)
    if expelled:
        begun.registry.accounts[PRODUCER] = a_member().evolve(status="expelled")
    else:
        begun.hand_over()
    begun.topics.published.clear()

    assert begun.verify(begun.begun).next == "commit"
    version = commit_version(verified("0000000a"), using=begun.committing)
    begun.announce(version, begun.begun)

    assert begun.proposals.turns == {}
    told = [(topic, kind) for topic, kind, _ in begun.topics.published]
    assert ((topic_of(PRODUCER), "ProposalSettled") in told) is not expelled
    assert (topic_of(NEW), "ProposalSettled") not in told
    assert begun.verify(begun.begun).version == 1


def test_a_proposal_that_was_not_verified_before_is_refused_and_its_turn_ends(begun):
    begun.proposals.keep_commit, kept = dying_at(1)(begun.proposals.keep_commit), begun.proposals.keep_commit
    with pytest.raises(ConnectionError):
        begun.verify(begun.begun)
    begun.proposals.keep_commit = kept
    assert begun.proposals.turns
    begun.hand_over()

    with pytest.raises(NotTheOwner):
        begun.verify(begun.begun)

    assert begun.proposals.turns == {}
    assert begun.proposals.record(PRODUCT, "0000000a").answer.outcome == "refused"


def test_a_commit_that_is_rejected_after_it_is_answered_and_its_turn_ends(begun):
    begun.verify(begun.begun)
    begun.hand_over()
    begun.settle(begun.begun, Reason(code="BaseMoved", message="m"))
    assert begun.proposals.turns == {}
    assert begun.topics.published[-1][:2] == (topic_of(PRODUCER), "ProposalSettled")


def test_whose_product_it_never_was_completes_nothing(begun):
    begun.registry.put_member(a_member(OTHER))
    begun.verify(begun.begun)
    with pytest.raises(NotTheOwner):
        begun.verify(begun.begun, OTHER)
    with pytest.raises(NotTheOwner):
        begun.verify(begun.begun.evolve(generation=9), OTHER)
    assert begun.proposals.turns


def test_the_former_owner_proposes_nothing_any_more(world):
    with pytest.raises(NotTheOwner):
        world.verify(world.proposal(world.stage(), number="0000000b"), PRODUCER)


def test_a_place_that_is_nobodys_is_no_former_owners(world):
    """A table that was pointed elsewhere by hand is not taken for one that begins anew."""
    elsewhere = "s3://somewhere/else/metadata/v9.metadata.json"
    world.catalog.update_table(PRODUCT, iceberg_input(TABLE, elsewhere, [], marks=Marks()))
    answer = world.verify(world.proposal(world.stage(), number="0000000b"), NEW).answer
    assert answer.reason.code == "ProposalForged"
    assert "central did not publish" in answer.reason.message
