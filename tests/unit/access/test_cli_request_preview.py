"""What a request would come to: shown with effect, rule and approvers; personas stand for roles everywhere."""

import json

import pytest
from typer.testing import CliRunner

from cli import mesh_context, output
from cli.access import explain as access_commands
from cli.app import app
from cli.governance import governance
from tests.builders import PRODUCER
from tests.unit.access.cli_accesses import access, decided


def run(*words):
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def found(monkeypatch):
    asked = {}

    def preview_request(*_, **given):
        asked.update(given)
        return access("requested"), decided(PRODUCER)

    monkeypatch.setattr(access_commands, "mesh_context", lambda *_, **__: None)
    monkeypatch.setattr(access_commands, "reader", lambda *_: None)
    monkeypatch.setattr(access_commands, "preview_request", preview_request)
    return asked


@pytest.mark.parametrize("width", [80, 120])
def test_the_effect_is_shown_with_approvers_and_what_is_left_out(found, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    said = run("preview", "--product", "credit-limits", "--purpose", "audit", "--role", "auditor")
    assert found == {"purpose": "audit", "reader": "auditor", "account": "consumer"}
    assert max(map(len, said.stdout.splitlines())) <= width
    words = " ".join(said.stdout.split())
    for part in (
        f"requires approval of {PRODUCER}",
        "Confidential data may be read",
        "30: column_0",
        "left out: limits.email",
    ):
        assert part in words


def test_json_has_the_same_content(found):
    document = json.loads(run("preview", "--product", "x", "--purpose", "audit", "--json").stdout)
    assert (document["effect"], document["approvers"]) == ("require_approval", [PRODUCER])


@pytest.mark.parametrize("words", [["--product", "x"], ["--purpose", "audit"], ["--product", "x", "--tag", "a=b"]])
def test_product_and_purpose_go_together(words):
    assert run("preview", *words).exit_code == 2


def test_the_shipped_rules_can_be_read():
    assert "risk-modelling" in governance.policies().purposes
    assert governance.role_of("analyst") == "DataAnalyst"
    assert governance.role_of("SomeRole") == "SomeRole"
    assert governance.role_of(None) is None


def test_without_the_repository_a_name_is_a_role_and_policies_are_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(governance, "FOLDER", tmp_path)
    assert governance.role_of("analyst") == "analyst"
    with pytest.raises(Exception, match=r"governance/policies\.yaml not found"):
        governance.policies()


def test_a_query_runs_as_the_personas_role(monkeypatch):
    roles = []

    class Stopped(mesh_context.MeshContext):
        def client(self, account, service):
            roles.append(self.role_in(account))
            raise output.CommandFailed("enough")

    monkeypatch.setattr(mesh_context, "MeshContext", Stopped)
    run("query", "SELECT 1", "--as", "data-scientist")
    run("query", "SELECT 1")
    run("query", "SELECT 1", "--as", "none")
    assert roles == ["DataScientist", "DataAnalyst", None]
