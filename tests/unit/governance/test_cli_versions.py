"""`mesh version`: this clone beside what each account runs."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cli import output
from cli.app import app
from cli.governance import versions
from cli.output import CommandFailed
from cli.session import SessionError

CREATED = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
UPDATED = datetime(2026, 11, 29, 9, 30, 15, tzinfo=UTC)


def a_stack(version: str | None = "0.2.0", **more):
    outputs = [{"OutputKey": "TableName", "OutputValue": "meshwork"}]
    outputs += [{"OutputKey": "Version", "OutputValue": version}] if version else []
    return {"StackStatus": "UPDATE_COMPLETE", "CreationTime": CREATED, "Outputs": outputs, **more}


@pytest.fixture
def stacks(monkeypatch):
    """What each account's stack is, or why it cannot be read."""
    found = {name: a_stack(LastUpdatedTime=UPDATED) for name in ("central", "producer", "consumer")}

    def stack(account):
        if isinstance(found[account], Exception):
            raise found[account]
        return found[account]

    where = SimpleNamespace(names=lambda: tuple(found), stack=stack)
    monkeypatch.setattr(versions, "mesh_context", lambda *_: where)
    monkeypatch.setattr(versions, "version", lambda _: "0.2.0")
    monkeypatch.setattr(versions, "commit_of_clone", lambda: "b9181704")
    return found


def said(*arguments):
    done = CliRunner().invoke(app, ["version", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("width", [80, 120])
def test_clone_and_accounts_of_one_release(stacks, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    stacks["consumer"] = a_stack(StackStatus="CREATE_COMPLETE")

    lines = said().splitlines()

    assert lines[:2] == ["this clone  0.2.0", "commit      b9181704"]
    assert [line.split() for line in lines[3:8]] == [
        ["account", "stack", "version", "status", "updated"],
        ["─" * len(lines[4])],
        ["central", "meshwork-central", "0.2.0", "UPDATE_COMPLETE", "2026-11-29", "09:30:15"],
        ["producer", "meshwork-producer", "0.2.0", "UPDATE_COMPLETE", "2026-11-29", "09:30:15"],
        ["consumer", "meshwork-consumer", "0.2.0", "CREATE_COMPLETE", "2026-11-20", "08:00:00"],
    ]
    assert lines[9:] == ["All accounts that were read run this clone's release, 0.2.0."]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("width", [80, 120])
def test_accounts_that_differ_are_named_with_what_to_do(stacks, monkeypatch, width):
    monkeypatch.setattr(output.console, "width", width)
    stacks["central"], stacks["producer-2"] = a_stack("0.1.0"), a_stack(None)

    text = said()

    assert max(map(len, text.splitlines())) <= width
    words = " ".join(text.split())
    assert (
        "The accounts run different releases: central 0.1.0, producer 0.2.0, consumer 0.2.0, "
        "producer-2 a release that states no version." in words
    )
    assert "next: sam deploy --config-env central in central, from a checkout of 0.2.0" in words
    assert "next: sam deploy --config-env producer in producer-2, from a checkout of 0.2.0" in words
    assert "in consumer" not in words


def test_accounts_of_one_other_release(stacks):
    for name in stacks:
        stacks[name] = a_stack("0.3.0")
    assert "All accounts run 0.3.0, this clone is 0.2.0." in said()


def test_an_account_that_cannot_be_read_hides_no_other(stacks):
    stacks["producer"] = CommandFailed("stack meshwork-producer not found", remedy="sam deploy --config-env producer")
    stacks["consumer"] = SessionError("no AWS profile for the consumer account")

    text = said()

    assert "producer: stack meshwork-producer not found\n  next: sam deploy --config-env producer\n" in text
    assert "consumer: no AWS profile for the consumer account\n" in text
    assert "meshwork-central  0.2.0" in text
    assert text.splitlines()[-1] == "All accounts that were read run this clone's release, 0.2.0."


def test_json_says_the_same(stacks):
    stacks["central"], stacks["consumer"] = a_stack("0.1.0"), SessionError("no profile")

    found = json.loads(said("--json"))

    assert found["clone"] == {"version": "0.2.0", "commit": "b9181704"}
    assert found["differing"] == ["central"]
    assert [(each["account"], each["version"], each["problem"]) for each in found["accounts"]] == [
        ("central", "0.1.0", ""),
        ("producer", "0.2.0", ""),
        ("consumer", "", "no profile"),
    ]


def test_commit_of_a_tree_without_history_is_empty(monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    assert versions.commit_of_clone() == ""
