"""`mesh members`: ids, and the names that the command takes for them."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.membership import member_list
from cli.mesh_context import MeshContext
from cli.output import CommandFailed
from cli.session import Accounts, SessionError
from local.accounts import ACCOUNTS
from tests.builders import a_member

SECOND = ACCOUNTS["consumer-2"]


@pytest.fixture
def members(monkeypatch):
    """Who is in the registry."""
    found = []
    registry = SimpleNamespace(members=lambda: iter(found))
    where = SimpleNamespace(registry=lambda: registry, names_by_id=lambda: {SECOND: "consumer-2"})
    monkeypatch.setattr(member_list, "mesh_context", lambda *_, **__: where)
    return found


def test_members_are_listed_with_the_name_of_their_account(members):
    members += [a_member(), a_member(SECOND, "consumer", domains=("marketing",), status="pending")]
    said = CliRunner().invoke(app, ["members"]).stdout
    assert [line.split()[:4] for line in said.splitlines() if line[:1].isdigit()] == [
        [ACCOUNTS["producer"], "-", "producer", "retail"],
        [SECOND, "consumer-2", "consumer", "marketing"],
    ]
    assert f"next: mesh admit {SECOND} --role consumer --domain marketing" in said

    found = json.loads(CliRunner().invoke(app, ["members", "--json"]).stdout)["members"]
    assert [(each["account"], each["name"], each["status"]) for each in found] == [
        (ACCOUNTS["producer"], "", "admitted"),
        (SECOND, "consumer-2", "pending"),
    ]


def test_a_mesh_without_members_says_how_to_admit_one(members):
    assert "mesh admit ACCOUNT" in CliRunner().invoke(app, ["members"]).stdout


def test_accounts_without_credentials_or_stack_have_no_name(monkeypatch):
    answers = {
        "central": ACCOUNTS["central"],
        "producer": CommandFailed("no stack"),
        "consumer": SessionError("no profile"),
        "consumer-2": SECOND,
    }

    def account_id(_, account):
        if isinstance(answers[account], Exception):
            raise answers[account]
        return answers[account]

    monkeypatch.setattr(Accounts, "names", lambda _: tuple(answers))
    monkeypatch.setattr(MeshContext, "account_id", account_id)
    assert MeshContext(Accounts()).names_by_id() == {ACCOUNTS["central"]: "central", SECOND: "consumer-2"}
