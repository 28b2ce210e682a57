"""Central's record of proposals, one suite for the fake and for DynamoDB: who may end one, and when not."""

import pytest
from mesh.adapters.dynamodb.proposals import DynamoProposals
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import ProposalSettled, Reason
from mesh.domain.publishing.proposals import Commit, ProposalRecord, refusal

from tests.builders import NOTE, PRODUCT
from tests.fakes import NOON, FakeProposals

ID = "0000000a"
RECORD = ProposalRecord(product=PRODUCT, proposal=ID, digest="d", at=NOON)
COMMIT = Commit(product=PRODUCT, proposal=ID, correlation_id="c", event_id="e", tables=(), changes=())
LATE = refusal(PRODUCT, ID, Reason(code="ProposalExpired", message="too late"))
MOVED = refusal(PRODUCT, ID, Reason(code="BaseMoved", message="somebody was faster"))
PUBLISHED = ProposalSettled(product=PRODUCT, proposal=ID, outcome="published", version=3)


@pytest.fixture(params=["fake", "dynamodb"])
def proposals(request):
    found = FakeProposals() if request.param == "fake" else DynamoProposals(request.getfixturevalue("table"))
    assert found.open(RECORD) == RECORD
    return found


def test_a_proposal_is_recorded_once(proposals):
    assert proposals.open(RECORD.model_copy(update={"digest": "other"})).digest == "d"
    assert proposals.commit(PRODUCT, ID) is None


def test_the_first_answer_stands(proposals):
    assert proposals.refuse(LATE).answer == LATE
    assert proposals.refuse(MOVED).answer == LATE
    assert proposals.settle(PUBLISHED) == LATE
    assert proposals.open(RECORD).answer == LATE


def test_what_was_answered_is_not_committed(proposals):
    proposals.refuse(LATE)
    assert proposals.keep_commit(RECORD, COMMIT, []) is False
    assert proposals.commit(PRODUCT, ID) is None


def test_a_commit_under_way_is_refused_by_itself_alone(proposals):
    assert proposals.keep_commit(RECORD, COMMIT, []) is True
    assert proposals.keep_commit(RECORD, COMMIT, []) is True
    found = proposals.refuse(LATE)
    assert (found.answer, found.committing) == (None, True)
    assert proposals.commit(PRODUCT, ID) == COMMIT
    assert proposals.settle(MOVED) == MOVED
    assert proposals.keep_commit(RECORD, COMMIT, []) is False


def test_a_published_commit_is_kept_for_a_repeated_proposal(proposals):
    proposals.keep_commit(RECORD, COMMIT, [])
    assert proposals.settle(PUBLISHED) == PUBLISHED
    assert proposals.commit(PRODUCT, ID) == COMMIT
    assert proposals.refuse(LATE).answer == PUBLISHED


def test_a_proposal_begins_once_and_when_nothing_else_is_committed(proposals):
    assert proposals.begin(RECORD, NOTE) is False, "it is recorded"
    other, third = (RECORD.model_copy(update={"proposal": number}) for number in ("0000000b", "0000000c"))
    assert proposals.begin(other, NOTE) is True
    assert proposals.begin(third, NOTE) is False, "it is another's turn"
    assert proposals.open(third.model_copy(update={"digest": "new"})).digest == "new", "nothing was written of it"
    with pytest.raises(ConcurrentChange):
        proposals.claim(PRODUCT, third.proposal)
    proposals.settle(PUBLISHED.model_copy(update={"proposal": other.proposal}))
    proposals.claim(PRODUCT, third.proposal)


def test_an_answer_ends_no_other_turn_than_its_own(proposals):
    proposals.claim(PRODUCT, "0000000b")
    assert proposals.settle(PUBLISHED) == PUBLISHED
    assert proposals.open(RECORD).answer == PUBLISHED
    with pytest.raises(ConcurrentChange):
        proposals.claim(PRODUCT, "0000000c")


def test_without_a_proposal_nobody_is_answered(table):
    with pytest.raises(ConcurrentChange):
        DynamoProposals(table).settle(PUBLISHED)
