"""`make test` runs every test, and gives its workers those on a mesh first."""

from pathlib import Path
from types import SimpleNamespace

from tests.conftest import pytest_collection_modifyitems


class Item(SimpleNamespace):
    """As much of a test as the order asks for."""

    def add_marker(self, marker):
        self.markers.append(marker.name)

    def get_closest_marker(self, name):
        return name if name in self.markers else None


def item(path: str, name: str, *fixtures: str) -> Item:
    return Item(path=Path(path), name=name, fixturenames=fixtures, markers=[])


def test_files_on_a_mesh_come_first_and_the_longest_of_them_at_once():
    items = [
        item("unit.py", "a"),
        item("short.py", "b", "deployed_mesh"),
        item("unit.py", "c"),
        item("long.py", "d", "deployed_mesh"),
        item("long.py", "e", "deployed_mesh"),
    ]

    pytest_collection_modifyitems(items)

    assert [(each.path.stem, each.name) for each in items] == [
        ("long", "d"), ("long", "e"), ("short", "b"), ("unit", "a"), ("unit", "c"),
    ]  # fmt: skip
    assert [each.name for each in items if "timeout" in each.markers] == ["d", "e", "b"]
