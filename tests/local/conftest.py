"""One server for all tests here that do not break it."""

from collections.abc import Iterator

import pytest

from tests.local.running import RunningServer, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("mesh")) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A fault a test did not use must not hit the next one."""
    yield
    if "server" in request.fixturenames:
        request.getfixturevalue("server").control("DELETE", "/_mesh/faults")
