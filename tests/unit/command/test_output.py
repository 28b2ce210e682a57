"""Figures, tables and errors as people and programs see them."""

import json

import pytest
from rich.tree import Tree

from cli import output


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (1023, "1,023 bytes"), (1024, "1.0 KiB"), (46_899, "45.8 KiB"), (3 * 1024**4, "3.0 TiB")],
)
def test_sizes_are_in_binary_units(number, text):
    assert output.size(number) == text


def test_estimated_amounts_are_marked():
    assert output.amount(1, "row") == "1 row"
    assert output.amount(1000, "row") == "1,000 rows"
    assert output.amount(1000, "row", exact=False) == "about 1,000 rows"


def test_an_error_in_json_is_one_document_on_stdout_and_text_on_stderr(capsys):
    refusal = {"code": "UnknownDomain", "message": "no domain 'x'", "where": {"domain": "x"}, "remedy": "one of: risk"}
    output.fail(output.CommandFailed.refusal(refusal), as_json=True)
    said = capsys.readouterr()
    assert json.loads(said.out) == {"error": refusal}
    assert said.err.splitlines() == ["mesh: UnknownDomain: no domain 'x'", "  domain: x", "  next: one of: risk"]


def test_an_error_for_people_leaves_stdout_alone(capsys):
    output.fail(output.CommandFailed("it is down", remedy="mesh up"), as_json=False)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "mesh: it is down\n  next: mesh up\n"


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_and_take_nothing_for_markup(capsys, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    output.table((">n", "what"), [(1, "[red]not markup[/red] " * 12)], wrap="what")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert "[red]not markup[/red]" in "".join(lines)
    assert "\x1b" not in "".join(lines)


KEY = "credit-card/data/credit_card/part-00000-9b2f1c9e-1f0e-4c57-9d9c-0a4b1c8f7d11.parquet"
ARN = "arn:aws:lakeformation:us-east-1:111111111111:data-cells-filter/credit-card/credit_card/ac-0123456789ab"
LONG = [KEY, ARN, "2026-11-28 01:35:44", "7419a656-e7da-5f0a-9871-5e66e1d654a5", "credit-card/12", "222222222222"]


@pytest.fixture(params=[20, 80, 120])
def width(request, monkeypatch):
    monkeypatch.setattr(output.console, "width", request.param)
    return request.param


def test_identifiers_and_dates_are_never_broken_or_cut_in_a_table(capsys, width):
    headers = [f"column {number}" for number in range(len(LONG))]
    output.table(headers, [LONG], wrap=headers[-1])
    output.table(headers[:2], [LONG[2:0:-1]], wrap=headers[1])
    said = capsys.readouterr().out
    assert [text for text in LONG if text not in said] == []


def test_identifiers_and_dates_are_never_broken_or_cut_elsewhere(capsys, width):
    for text in LONG:
        output.say(f"  the batch has {text} and more")
        output.fields([("a name", f"{text} and more")])
        output.columns(("+1.00", "producer", f"it has {text} and more"), (8, 10))
        root = Tree("the table")
        root.add(f"an object {text} and more").add(f"made of {text}")
        output.tree(root)
        assert capsys.readouterr().out.count(text) == 5


def test_a_tree_has_a_line_for_each_node(capsys, width):
    root = Tree("the table")
    root.add("an object").add("a run")
    output.tree(root)
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "the table",
        "└── an object",
        "└── a run",
    ]


def test_a_table_that_is_too_wide_becomes_records(capsys, monkeypatch):
    monkeypatch.setattr(output.console, "width", 30)
    output.table(("id", "held (UTC)"), [("credit-card/3", "2026-11-28 01:35:44")], record="batch")
    assert capsys.readouterr().out.splitlines() == [
        "batch 1",
        "id          credit-card/3",
        "held (UTC)  2026-11-28 01:35:44",
    ]


def test_text_wraps_between_words_below_its_indent(capsys, monkeypatch):
    monkeypatch.setattr(output.console, "width", 20)
    output.say("  one two three four five")
    assert capsys.readouterr().out.splitlines() == ["  one two three four", "  five"]
