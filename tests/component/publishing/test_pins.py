"""Pins in the registry: one suite for the fake and for DynamoDB."""

import pytest
from mesh.adapters.dynamodb.registry import DynamoRegistry
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.publishing.pins import Holder, Pin, Pins

from tests.builders import CONSUMER, PRODUCT, a_product
from tests.fakes import NOON, FakeRegistry

HOLDER = Holder(account=CONSUMER, until=NOON, reason="r", request="pin-1", correlation_id="c", asked_at=NOON)
PIN = Pin(id="pin-0123456789ab", version=1, status="preparing", holders=(HOLDER,))


@pytest.fixture(params=["fake", "dynamodb"])
def registry(request):
    found = FakeRegistry() if request.param == "fake" else DynamoRegistry(request.getfixturevalue("table"))
    found.claim_product(a_product())
    return found


def test_pins_are_written_over_what_was_read_alone(registry):
    nothing = registry.pins(PRODUCT)
    assert nothing == Pins(product=PRODUCT)

    saved = registry.save_pins(nothing.having(PIN))

    assert registry.pins(PRODUCT) == saved
    assert saved.of_version(1) == PIN
    with pytest.raises(ConcurrentChange):
        registry.save_pins(nothing)
    over = registry.save_pins(saved.without(PIN.id))
    assert (over.pins, registry.pins(PRODUCT).ended) == ((), ("pin-1",))
