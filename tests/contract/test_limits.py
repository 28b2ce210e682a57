"""docs/limits.md and decision 0038: each limit, and each fence, names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
DOCS = TESTS.parent / "docs"
PAGES = (DOCS / "limits.md", DOCS / "decisions" / "0038-what-a-run-may-still-do-without-its-lease.md")
NAMED_TEST = re.compile(r"`((?:unit|component|workflow|contract|local)/[\w/]+\.py)(?:::(\w+))?`")
NAMED = [(page.name, *found) for page in PAGES for found in NAMED_TEST.findall(page.read_text("utf-8"))]


def test_each_page_names_tests():
    assert {page for page, _, _ in NAMED} == {page.name for page in PAGES}


@pytest.mark.parametrize(("page", "file", "test"), NAMED)
def test_a_test_that_is_named_exists(page, file, test):
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert not test or test in names, f"{page} names {test}"
