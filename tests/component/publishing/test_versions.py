"""Versions and rollbacks in the registry: one suite for the fake and for DynamoDB."""

from datetime import timedelta

import pytest
from mesh.adapters.dynamodb.registry import DynamoRegistry
from mesh.domain.contracts.product import ProductVersion, RollbackOrder

from tests.builders import NOTE, PRODUCER, PRODUCT, a_product
from tests.fakes import NOON, FakeRegistry


@pytest.fixture(params=["fake", "dynamodb"])
def registry(request):
    found = FakeRegistry() if request.param == "fake" else DynamoRegistry(request.getfixturevalue("table"))
    found.claim_product(a_product())
    return found


def version(number):
    return ProductVersion(
        product=PRODUCT, version=number, run=f"run-{number}", correlation_id="c", contract_version="1.0.0",
        tables=(), changes=(), published=NOON,
    )  # fmt: skip


def order(request="r-1", at=NOON):
    return RollbackOrder(
        product=PRODUCT, version=1, request=request, requested_by=PRODUCER, reason="bad", correlation_id="c", at=at
    )


def test_versions_are_read_one_by_one_and_newest_first(registry):
    for number in (1, 2, 3):
        registry.record_version(version(number), NOTE)

    assert registry.version(PRODUCT, 2) == version(2)
    assert registry.version(PRODUCT, 4) is None
    assert [found.version for found in registry.versions(PRODUCT)] == [3, 2, 1]


def test_one_rollback_at_a_time_and_the_next_when_it_has_ended(registry):
    assert registry.begin_rollback(order(), NOON + timedelta(hours=2))
    assert registry.begin_rollback(order(), NOON + timedelta(hours=2)), "the same event, delivered again"
    assert not registry.begin_rollback(order("r-2"), NOON + timedelta(hours=2))
    assert registry.rollback(PRODUCT, "r-2") is None

    registry.end_rollback(PRODUCT, "r-1", "published")
    registry.end_rollback(PRODUCT, "r-1", "refused")

    assert registry.rollback(PRODUCT, "r-1").status == "published"
    assert registry.begin_rollback(order("r-2"), NOON + timedelta(hours=2))


def test_a_lost_rollback_does_not_block_others_forever(registry):
    registry.begin_rollback(order(), NOON + timedelta(hours=2))

    assert registry.begin_rollback(order("r-2", NOON + timedelta(hours=3)), NOON + timedelta(hours=5))
