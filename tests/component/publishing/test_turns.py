"""Whose turn it is to be committed, and what is kept of tables: one suite for the fake and for DynamoDB."""

import pytest
from mesh.adapters.dynamodb.proposals import DynamoProposals
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.events import ProposalSettled
from mesh.domain.publishing.fields import Field
from mesh.domain.publishing.proposals import Commit, ProposalRecord, TableRecord

from tests.builders import PRODUCT
from tests.fakes import NOON, FakeProposals


@pytest.fixture(params=["fake", "dynamodb"])
def proposals(request):
    return FakeProposals() if request.param == "fake" else DynamoProposals(request.getfixturevalue("table"))


def a_record(number="0000000a"):
    return ProposalRecord(product=PRODUCT, proposal=number, digest="d", at=NOON)


def test_one_at_a_time(proposals):
    proposals.claim(PRODUCT, "a")
    proposals.claim(PRODUCT, "a")
    with pytest.raises(ConcurrentChange):
        proposals.claim(PRODUCT, "b")
    with pytest.raises(ConcurrentChange):
        proposals.claim(PRODUCT, "r", rollback=True)
    proposals.release(PRODUCT, "b")
    with pytest.raises(ConcurrentChange):
        proposals.claim(PRODUCT, "b")
    proposals.release(PRODUCT, "a")
    proposals.release(PRODUCT, "a")
    proposals.claim(PRODUCT, "b")


def test_a_rollback_takes_over_from_one_that_came_to_nothing(proposals):
    assert not proposals.rolling_back(PRODUCT)
    proposals.claim(PRODUCT, "r1", rollback=True)
    assert proposals.rolling_back(PRODUCT)
    proposals.claim(PRODUCT, "r2", rollback=True)
    with pytest.raises(ConcurrentChange):
        proposals.claim(PRODUCT, "a")
    proposals.release(PRODUCT, "r1")
    with pytest.raises(ConcurrentChange):
        proposals.claim(PRODUCT, "a")


@pytest.mark.parametrize("end", ["refuse", "settle"])
def test_an_answer_ends_the_turn(proposals, end):
    proposals.open(a_record())
    proposals.claim(PRODUCT, "0000000a")
    getattr(proposals, end)(ProposalSettled(product=PRODUCT, proposal="0000000a", outcome="refused"))
    proposals.claim(PRODUCT, "b")


def test_what_was_read_of_a_table_is_kept_however_large(proposals):
    fields = (Field(id=1, name="id", type="bigint"),)
    # Names that do not compress well, so that one item does not hold them.
    partitions = {f"day={number * 2654435761 % 2**32:08x}{number**5 % 10**12}": number for number in range(60_000)}
    record = TableRecord(
        product=PRODUCT, table="t", metadata="s3://b/x/metadata/v1.json", fields=fields, partitions=partitions
    )
    commit = Commit(product=PRODUCT, proposal="0000000a", correlation_id="c", event_id="e", tables=(), changes=())
    opened = proposals.open(a_record())
    assert proposals.keep_commit(opened, commit, [record])
    assert proposals.keep_commit(opened, commit, [record])
    assert proposals.table(PRODUCT, "t", "s3://b/x/metadata/v1.json") == record
    assert proposals.table(PRODUCT, "t", "s3://b/x/metadata/v2.json") is None
    assert proposals.table(PRODUCT, "other", "s3://b/x/metadata/v1.json") is None
