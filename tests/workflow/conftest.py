"""`DELIVERY_SEED=7`: all workflow tests with events that come twice, and late, as that seed decides.

Without it only those of test_unreliable_delivery.py are, which look at nothing but the outcome: a second delivery may
take a path of its own.
"""

import os
import zlib

import pytest

from tests.mesh_driver import MeshDriver

SEED = os.environ.get("DELIVERY_SEED", "")


@pytest.fixture
def mesh(mesh: MeshDriver, request: pytest.FixtureRequest) -> MeshDriver:
    """The mesh; the faults that a test injects come before these."""
    if SEED:
        seed = int(SEED) + zlib.crc32(request.node.nodeid.encode())
        mesh.deliver_unreliably(seed, share=0.1, late_seconds=0.25)
    return mesh
