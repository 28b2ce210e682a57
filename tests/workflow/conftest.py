"""Workflow tests run as AWS delivers events: at least once, and in no order.

A share of the events of every test comes twice, and as many come late, after others. Which ones follows from the test's
own id, so that a failure repeats; `DELIVERY_SEED=7` draws others for all tests, `DELIVERY_SEED=off` (to debug) none,
and `DELIVERY_SHARE=0.5` half of all in place of a tenth.

`@pytest.mark.ordered_delivery("why")` is for a test that counts who meets a fault, or whose subject is one run's path.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-delivery-level.html
"""

import os
import time
import zlib
from collections.abc import Iterator
from typing import Final

import pytest

from tests.mesh_driver import MeshDriver

SHARE: Final = float(os.environ.get("DELIVERY_SHARE", "0.1"))
LATE_SECONDS: Final = 0.25
_REST_SECONDS: Final = 5.0
"""A test may leave a run that waits for somebody."""
_SEED: Final = os.environ.get("DELIVERY_SEED", "0")


@pytest.fixture
def mesh(mesh: MeshDriver, request: pytest.FixtureRequest) -> Iterator[MeshDriver]:
    """The mesh, whose events come twice and late unless the test says why they must not. What is late at a test's end
    does not meet the faults of the next one."""
    if _SEED != "off" and not _ordered(request.node):
        seed = int(_SEED) + zlib.crc32(request.node.nodeid.encode())
        mesh.deliver_unreliably(seed, share=SHARE, late_seconds=LATE_SECONDS)
    yield mesh
    mesh.deliver_once()
    deadline = time.monotonic() + _REST_SECONDS
    while not mesh.at_rest() and time.monotonic() < deadline:
        time.sleep(0.1)


def _ordered(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("ordered_delivery")
    if marker is None:
        return False
    assert len(marker.args) == 1, f"{item.nodeid}: ordered_delivery takes one reason"
    return True
