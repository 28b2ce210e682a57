"""Our verdict on data, rule by rule, and datacontract-cli's as it was recorded (docs/quality.md)."""

from pathlib import Path

import pytest
import yaml

from tests.unit.onboarding.quality.data_agreement import CASES, FILE, FIXTURES, ours

RECORD = yaml.safe_load((FIXTURES / "data-verdicts.yaml").read_text("utf-8"))
VERDICTS: dict[str, dict[str, str]] = RECORD["verdicts"]
DIFFERENCES = {(found["case"], rule): found for found in RECORD["differences"] for rule in found["rules"]}
DOCUMENT = Path(__file__).parents[4] / "docs" / "quality.md"


def compared(name):
    """(rule, our verdict, theirs) wherever one of us has one. Of a file that it cannot read it judges no rule."""
    mine, recorded = ours(CASES[name]), VERDICTS[name]
    rules = [FILE] if recorded == {FILE: "failed"} else dict.fromkeys((*recorded, *mine))
    return [(rule, mine.get(rule, "none"), recorded.get(rule, "none")) for rule in rules]


def test_each_case_is_recorded():
    assert VERDICTS.keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_rule_by_rule_the_two_agree_or_it_is_said_why_not(name):
    for rule, mine, recorded in compared(name):
        difference = DIFFERENCES.get((name, rule))
        assert (rule, mine) == (rule, difference["mesh"] if difference else recorded)
        assert difference is None or difference["why"]


def test_each_difference_is_one():
    for name in {name for name, _ in DIFFERENCES}:
        verdicts = {rule: (mine, recorded) for rule, mine, recorded in compared(name)}
        for rule in (rule for case, rule in DIFFERENCES if case == name):
            assert verdicts[rule][0] != verdicts[rule][1]


def test_each_seeded_defect_is_seen_by_us():
    sound = {
        "credit",
        "credit-english",
        "sound",
        "optional-column-missing",
        "text-and-custom",
        "pattern-without-anchors",
    }
    for name, case in CASES.items():
        assert ({"failed"} <= set(ours(case).values())) is (name not in sound), name


def test_the_counts_in_the_documentation_are_right():
    pairs = [(mine, recorded) for name in CASES for _, mine, recorded in compared(name)]
    agreed = sum(mine == recorded for mine, recorded in pairs)
    said = f"{len(CASES)} cases, {len(pairs)} verdicts: {agreed} agree"
    assert said in DOCUMENT.read_text("utf-8"), said
