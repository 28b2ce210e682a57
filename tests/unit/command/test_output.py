"""Figures, tables and errors as people and programs see them."""

import json

import pytest

from cli import output


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (1023, "1,023 bytes"), (1024, "1.0 KiB"), (46_899, "45.8 KiB"), (3 * 1024**4, "3.0 TiB")],
)
def test_sizes_are_in_binary_units(number, text):
    assert output.size(number) == text


def test_amounts_say_when_they_are_estimates():
    assert output.amount(1, "row") == "1 row"
    assert output.amount(1000, "row") == "1,000 rows"
    assert output.amount(1000, "row", exact=False) == "about 1,000 rows"


def test_an_error_in_json_is_one_document_on_stdout_and_words_on_stderr(capsys):
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
