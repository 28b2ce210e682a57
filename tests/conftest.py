"""For all tests: the mesh that those marked `mesh` share; how many examples a property is tried with."""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

from tests import terminal  # noqa: F401 - first: what is imported below asks for the terminal
from tests.mesh_fixtures import deployed_mesh, mesh, skipped_mesh

__all__ = ["deployed_mesh", "mesh", "skipped_mesh"]

_SECONDS = 600
"""The first test of a run that needs the mesh waits until it is built and deployed."""

for _name, _examples in {"ci": 40, "long": 500}.items():
    # How fast examples are made says how busy the machine is.
    settings.register_profile(
        _name, max_examples=_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever uses the mesh is marked so, and has the time that its deployment takes.

    Workers take file after file in this order: those on a mesh first, and of these the longest: so all end together.
    """
    for item in items:
        if "deployed_mesh" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.mesh)
            item.add_marker(pytest.mark.timeout(_SECONDS))
    on_a_mesh = Counter(item.path for item in items if item.get_closest_marker("mesh"))
    items.sort(key=lambda item: -on_a_mesh[item.path])
