"""`mesh preview` and `mesh explain` as people and programs see them: width, one JSON document, exit codes."""

import json

import pytest
from mesh.usecases.access.explain_access import AccessExplained, ExplainedStep
from mesh.usecases.access.preview_access import Preview, PreviewedColumn, PreviewedTable, ReadingChange, TagPreview
from typer.testing import CliRunner

from cli import output
from cli.access import explain
from cli.access.contract_preview import ContractPreview
from cli.app import app

ANALYST = "arn:aws:iam::333333333333:role/analyst"
COMMAND = "aws lakeformation grant-permissions --principal DataLakePrincipalIdentifier=" + ANALYST + " --permissions X"
HELD = ExplainedStep(account="333333333333", name="RAM share", ok=True, found="accepted")
LACKING = ExplainedStep(
    account="333333333333",
    name="grant to the role",
    ok=False,
    found="the account has not granted SELECT and DESCRIBE on this column to the role",
    missing="LocalGrantMissing",
    remedy="the account's administrator grants it to the role",
    commands=(COMMAND,),
)


def explanation(*steps):
    missing = next((step.missing for step in steps if not step.ok), "")
    return AccessExplained(
        principal=ANALYST,
        account="333333333333",
        resource="credit-card.credit_card",
        can_read=not missing,
        missing=missing,
        tags={"confidentiality": "internal", "product": "credit-card"},
        steps=steps,
        readable=("hoehe",),
        hidden=("alter", "famges"),
    )


def preview(*tables, reader=""):
    return Preview(expression="confidentiality=internal", reader=reader, tables=tables)


def column(name, pii="none", held=None):
    return PreviewedColumn(name=name, confidentiality="internal", pii=pii, tags={"pii": pii}, held=held)


TABLE = PreviewedTable(
    database="credit-card",
    table="credit_card",
    owner="222222222222",
    contact="cards@bank.example",
    columns=(*(column(f"column_{n}", held=n > 0) for n in range(20)), column("email", "personal", held=True)),
    hidden=2,
)
CHANGES = TagPreview(
    tag="pii=personal",
    resource="credit-card.credit_card.hoehe",
    before="none",
    changes=(
        ReadingChange(principal=ANALYST, account="333333333333", database="credit-card", table="credit_card",
                      gains=(), loses=("hoehe",)),
        ReadingChange(principal="222222222222", account="222222222222", database="credit-card", table="credit_card",
                      gains=("hoehe",), loses=()),
    ),
)  # fmt: skip


def answers(monkeypatch, **found):
    monkeypatch.setattr(explain, "mesh_context", lambda *_, **__: None)
    for name, answer in found.items():
        monkeypatch.setattr(explain, name, lambda *_, answer=answer: answer)


def run(*words):
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize(("steps", "code"), [((HELD,), 0), ((HELD, LACKING), 1)])
def test_explain_exits_by_its_verdict_in_text_and_json(monkeypatch, steps, code):
    answers(monkeypatch, explained=explanation(*steps))
    words = ["explain", "credit-card.credit_card", "--role", "analyst"]
    said, shown = run(*words), run(*words, "--json")
    assert (said.exit_code, shown.exit_code) == (code, code)
    assert json.loads(shown.stdout)["can_read"] is (code == 0)
    assert ("cannot read" in said.stdout) is (code == 1)


@pytest.mark.parametrize("width", [80, 120])
def test_the_missing_piece_is_said_with_a_command_that_can_be_copied(capsys, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    explain.render_explanation(explanation(HELD, LACKING))
    lines = capsys.readouterr().out.splitlines()
    assert f"  {COMMAND}" in lines
    assert max(len(line) for line in lines if COMMAND not in line) <= width
    assert any(line.startswith("LocalGrantMissing: ") for line in lines)


def test_of_a_readable_table_the_hidden_columns_are_named(capsys):
    explain.render_explanation(explanation(HELD))
    assert "alter, famges" in capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 120])
def test_a_preview_fits_the_terminal_and_marks_what_is_new(capsys, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    explain.render_preview(preview(TABLE, reader=ANALYST))
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= width
    for part in ("exposes 21 columns of 1 table", "+column_0,", "personal", "cards@bank.example", "2 columns"):
        assert part in said
    assert "+column_1," not in said
    assert f"+ marks columns that {ANALYST}" in said


def test_an_empty_exposure_is_stated(capsys):
    explain.render_preview(preview())
    assert "matches nothing today" in capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 120])
def test_gains_and_losses_are_distinguished_and_blind_spots_named(capsys, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    explain.render_tag(CHANGES, ["producer"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert any("gains" in line and "hoehe" in line for line in lines)
    assert any("loses" in line and "hoehe" in line for line in lines)
    assert any("analyst of" in line for line in lines)
    assert any(line.startswith("not visible: what the producer account") for line in lines)


@pytest.mark.parametrize("width", [80, 120])
def test_what_a_contract_loosens_comes_before_who_gains_by_it(capsys, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    found = ContractPreview(
        product="credit-card", registered="1.0.0", contract_version="1.1.0", changes=CHANGES.changes,
        loosened=("credit_card.hoehe confidentiality: restricted → internal",),
    )  # fmt: skip

    explain.render_contract(found, ["producer"])

    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= width
    assert "contract 1.1.0 in place of 1.0.0" in said
    assert said.index("laxer: credit_card.hoehe") < said.index("gains") < said.index("not visible")


def test_json_previews_are_one_document(monkeypatch):
    answers(monkeypatch, previewed=preview(TABLE), previewed_tag=(CHANGES, ["producer"]))
    found = json.loads(run("preview", "--expression", "confidentiality=internal", "--json").stdout)
    assert [table["owner"] for table in found["tables"]] == ["222222222222"]
    found = json.loads(run("preview", "--tag", "pii=personal", "credit-card.credit_card.hoehe", "--json").stdout)
    assert [change["loses"] for change in found["changes"]] == [["hoehe"], []]
    assert found["unseen"] == ["producer"]


@pytest.mark.parametrize(
    "words",
    [
        ["preview"],
        ["preview", "--tag", "a=b"],
        ["preview", "--expression", "a=b", "--tag", "a=b"],
        ["preview", "product", "--expression", "a=b"],
        ["explain", "a.b"],
    ],
)
def test_incomplete_questions_are_usage_errors(words):
    assert run(*words).exit_code == 2
