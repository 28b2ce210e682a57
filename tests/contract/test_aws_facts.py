"""docs/aws.md: each behaviour of AWS that the design rests on has a source, and a test that exists."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in (TESTS.parent / "docs" / "aws.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| behaviour")
]


def test_there_is_a_row_for_each_service_that_the_design_rests_on():
    assert len(ROWS) > 40
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_a_behaviour_has_a_source_and_tests_that_exist(row):
    _, source, held, _ = row
    assert source
    named = re.findall(r"`(\S+?)::(\w+)`", held)
    assert named
    for file, test in named:
        tree = ast.parse((TESTS / file).read_text("utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
