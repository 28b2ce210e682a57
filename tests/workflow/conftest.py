"""Events of the workflow tests come twice, and late: EventBridge promises neither once nor in order.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-delivery-level.html
"""

import os
import zlib

import pytest

from tests.mesh_driver import MeshDriver

SEED = int(os.environ.get("DELIVERY_SEED", "0"))
"""Decides, with a test's name, which of its events these are."""
SHARE = 0.1
LATE_SECONDS = 0.25


@pytest.fixture
def mesh(mesh: MeshDriver, request: pytest.FixtureRequest) -> MeshDriver:
    """The mesh; the faults that a test injects come before these."""
    seed = SEED + zlib.crc32(request.node.nodeid.encode())
    mesh.deliver_unreliably(seed, share=SHARE, late_seconds=LATE_SECONDS)
    return mesh
