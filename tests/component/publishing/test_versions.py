"""Versions and rollbacks in the registry: one suite for the fake and for DynamoDB."""

from datetime import timedelta

import pytest
from mesh.adapters.dynamodb.registry import DynamoRegistry
from mesh.domain.contracts.product import ProductVersion, RollbackOrder
from mesh.domain.events import Reason

from tests.builders import NOTE, PRODUCER, PRODUCT, SEQUENCER, a_product
from tests.fakes import NOON, FakeRegistry


@pytest.fixture(params=["fake", "dynamodb"])
def registry(request):
    found = FakeRegistry() if request.param == "fake" else DynamoRegistry(request.getfixturevalue("table"))
    found.claim_product(a_product())
    return found


BUSY = Reason(code="RollbackInProgress", message="another one has not ended")


def version(number):
    return ProductVersion(
        product=PRODUCT, version=number, run=f"run-{number}", correlation_id="c", contract_version="1.0.0",
        tables=(), changes=(), published=NOON,
    )  # fmt: skip


def order(request="r-1", at=NOON):
    return RollbackOrder(
        product=PRODUCT, version=1, request=request, requested_by=PRODUCER, reason="bad", correlation_id="c", at=at
    )


def begin(registry, request="r-1", at=NOON):
    return registry.begin_rollback(order(request, at), at + timedelta(hours=2), BUSY)


def test_versions_are_read_one_by_one_and_newest_first(registry):
    for number in (1, 2, 3):
        registry.record_version(version(number), NOTE, contract=SEQUENCER)

    assert registry.version(PRODUCT, 2) == version(2)
    assert registry.version(PRODUCT, 4) is None
    assert [found.version for found in registry.versions(PRODUCT)] == [3, 2, 1]


def test_one_rollback_at_a_time_and_the_next_when_it_has_ended(registry):
    assert begin(registry) == order()
    later = NOON + timedelta(minutes=1)
    assert begin(registry, at=later) == order(), "the same event, delivered again"
    refused = order("r-2").model_copy(update={"status": "refused", "refusal": BUSY})
    assert begin(registry, "r-2") == refused
    assert registry.rollback(PRODUCT, "r-2") == refused

    published = registry.publish_rollback(PRODUCT, "r-1")
    assert published == order().model_copy(update={"status": "published"})
    assert registry.refuse_rollback(PRODUCT, "r-1", BUSY) == published

    assert registry.rollback(PRODUCT, "r-1") == begin(registry) == published
    assert begin(registry, "r-2") == refused, "its requester was told so"
    assert begin(registry, "r-3") == order("r-3"), "an order that is over holds up nobody"


def test_a_refused_rollback_keeps_its_first_reason_and_others_may_begin(registry):
    begin(registry)
    gone = Reason(code="VersionGone", message="deleted")
    refused = order().model_copy(update={"status": "refused", "refusal": gone})
    assert registry.refuse_rollback(PRODUCT, "r-1", gone) == refused
    assert registry.refuse_rollback(PRODUCT, "r-1", BUSY) == refused
    assert registry.publish_rollback(PRODUCT, "r-1") == refused
    assert begin(registry, "r-2").status == "started"
    assert registry.refuse_rollback(PRODUCT, "r-9", gone) is None


def test_a_lost_rollback_does_not_block_others_forever(registry):
    begin(registry)

    assert begin(registry, "r-2", at=NOON + timedelta(hours=3)).status == "started"
