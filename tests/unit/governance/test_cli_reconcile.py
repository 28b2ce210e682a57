"""What people see of a reconciliation: grouped by what is done about it, within 80 columns; exit codes."""

import json

import pytest
from mesh.domain.governance.drift import Drift
from typer.testing import CliRunner

from cli import output
from cli.app import app
from cli.governance import reconcile

MISSING = Drift(
    kind="missing",
    principal="333333333333",
    access="ac-0123456789ab",
    what="SELECT, DESCRIBE on tables with LF-Tags product=credit-card confidentiality=internal,public",
    remedy="mesh reconcile grants it again",
)
READER = Drift(kind="reader", principal="333333333333", access="ac-0123456789ac", what="it cannot read: ProofFailed")
FOREIGN = Drift(
    kind="foreign", principal="333333333333", what="DESCRIBE on Table credit-card.t1", remedy="mesh request"
)
POLICY = Drift(
    kind="policy",
    principal="222222222222",
    what="DataBucketPolicy was changed by hand: it is gone",
    remedy="put it back",
    ours=False,
)


@pytest.fixture
def run(monkeypatch):
    """The command, where central's run found this."""

    def command(*words, repaired=(), left=(), of_members=(), unseen=()):
        found = {
            "outcome": "drifted" if repaired or left else "in order",
            "accesses": 2,
            "grants": 4,
            "total": len(repaired) + len(left),
            "repaired": [drift.model_dump(mode="json") for drift in repaired],
            "left": [drift.model_dump(mode="json") for drift in left],
        }
        monkeypatch.setattr(reconcile, "mesh_context", lambda *_, **__: None)
        monkeypatch.setattr(reconcile, "reconcile", lambda *_, **__: found)
        monkeypatch.setattr(reconcile, "drift_of_members", lambda _: (list(of_members), list(unseen)))
        monkeypatch.setattr(output.console, "width", 80, raising=False)
        return CliRunner().invoke(app, ["reconcile", *words])

    return command


def test_the_plan_is_grouped_and_fits_80_columns(run):
    done = run("--dry-run", left=(MISSING, READER, FOREIGN))

    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "2 active accesses, 4 grants to other accounts: compared with the registry",
        "would be repaired: 2",
        "for people to decide: 1",
    ]


def test_what_could_not_be_repaired_says_why(run):
    done = run(repaired=(READER,), left=(MISSING.evolve(reason="EntityNotFoundException: no such table"),))

    assert done.exit_code == 1
    assert "repaired: 1" in done.stdout
    assert "could not be repaired: 1" in done.stdout
    assert "failed: EntityNotFoundException: no such table" in done.stdout


@pytest.mark.parametrize(("repaired", "said"), [((), "in order, and every reader reads"), ((MISSING,), "repaired: 1")])
def test_nothing_left_is_success(run, repaired, said):
    done = run(repaired=repaired)

    assert (done.exit_code, said in done.stdout) == (0, True)


def test_json_is_one_document(run):
    done = run("--json", left=(FOREIGN,))

    assert (done.exit_code, json.loads(done.stdout)["left"][0]["kind"]) == (1, "foreign")


def test_what_differs_in_a_members_account_is_for_its_people_to_decide(run):
    done = run("--dry-run", of_members=(POLICY,))

    assert done.exit_code == 1
    assert "for people to decide: 1" in done.stdout
    assert "222222222222: DataBucketPolicy was changed by hand: it is gone" in " ".join(done.stdout.split())
    found = json.loads(run("--json", of_members=(POLICY,)).stdout)
    assert (found["outcome"], found["total"], len(found["left"])) == ("drifted", 1, 1)


def test_a_members_account_where_nobody_may_look_is_named_and_is_no_difference(run):
    done = run(unseen=("producer", "consumer"))

    assert done.exit_code == 0
    assert "not looked at: what is producer and consumer's own" in done.stdout
    assert json.loads(run("--json", unseen=("consumer",)).stdout)["unseen"] == ["consumer"]
