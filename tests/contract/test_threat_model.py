"""docs/threat-model.md: each threat has an answer, and a test that exists."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs" / "threat-model.md").read_text("utf-8")
THREATS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in TEXT.partition("\n## Threats")[2].splitlines()
    if line.startswith("| ") and not line.startswith("| threat |")
]


def test_it_has_assets_actors_boundaries_and_threats():
    assert re.findall(r"^## (.+)$", TEXT, re.MULTILINE) == [
        "Assets",
        "Actors",
        "Trust boundaries",
        "Threats",
        "What is not stopped",
    ]
    assert TEXT.count("```mermaid") == 1
    assert len({threat for threat, *_ in THREATS}) == len(THREATS) > 30


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row[0][:60])
def test_a_threat_has_an_answer_and_tests_that_exist(row):
    _, answer, held = row
    assert answer
    named = re.findall(r"`(\S+?)::(\w+)`", held)
    assert named
    for file, test in named:
        tree = ast.parse((TESTS / file).read_text("utf-8"))
        assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
