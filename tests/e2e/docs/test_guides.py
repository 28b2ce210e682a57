"""The guides, walked through command by command on a mesh that has seen nothing else."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests import mesh_fixtures
from tests.walkthroughs import GUIDES, PAGES, faults, walk

pytestmark = [pytest.mark.mesh, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with mesh_fixtures.tested_mesh() as mesh:
        yield urlsplit(mesh.endpoint).port or 0


def test_there_are_no_other_pages():
    assert sorted(page.name for page in GUIDES.glob("*.md")) == sorted(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_each_command_does_what_the_page_shows(page: str, port: int) -> None:
    wrong = {
        f"{page}:{step.line}": found
        for step, code, printed in walk(GUIDES / page, port)
        if (found := [*faults(step, code, printed)])
    }
    assert wrong == {}
