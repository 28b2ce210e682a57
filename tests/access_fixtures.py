"""Products of each confidentiality, and accesses to them that end with the test."""

from collections.abc import Iterator

import pytest

from tests.access_driver import AccessDriver
from tests.mesh_driver import MeshDriver


@pytest.fixture(scope="module")
def products(deployed_mesh: MeshDriver) -> AccessDriver:
    driver = AccessDriver(deployed_mesh)
    driver.publish_samples()
    return driver


@pytest.fixture
def accesses(mesh: MeshDriver, products: AccessDriver) -> Iterator[AccessDriver]:
    """All that is still there of a test's accesses ends with it."""
    yield products
    mesh.clear_faults()
    products.end_all()
