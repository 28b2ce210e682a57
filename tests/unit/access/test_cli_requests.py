"""Asking, answering, ending from the command line: what is sent, what is waited for, and honest exit codes."""

import json

import pytest
from mesh.adapters.messaging import EventNotAccepted
from mesh.domain.access.record import access_id
from typer.testing import CliRunner

from cli import event_client
from cli.access import approvals, grants, request, revoke
from cli.app import app
from cli.output import CommandFailed
from tests.builders import CENTRAL, PRODUCER
from tests.unit.access.cli_accesses import ID, REASON, FakeMesh, access, answered

ASK = ["request", "credit-limits", "--purpose", "risk-modelling", "--until", "30d"]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(event_client, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(approvals, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(approvals, "SECONDS_FOR_A_REFUSAL", 0.01)
    monkeypatch.setattr(request, "DEADLINE_SECONDS", 0.05)


class FakeBus:
    """Puts into the mesh that `client` stands for."""

    mesh: FakeMesh

    def __init__(self, client, _bus):
        self.account = client.account

    def put(self, detail_type, detail):
        FakeBus.mesh.send(self.account, detail_type, json.loads(detail))


@pytest.fixture
def on(monkeypatch):
    def use(mesh):
        FakeBus.mesh = mesh
        monkeypatch.setattr(event_client, "EventBus", FakeBus)
        monkeypatch.setattr(event_client, "central_bus", lambda *_: "bus")
        for module in (event_client, grants):
            monkeypatch.setattr(module, "ledger", lambda _: mesh.ledger())
        for module in (request, approvals, revoke, grants):
            monkeypatch.setattr(module, "mesh_context", lambda *_, **__: mesh)
        return mesh

    return use


def run(*words):
    return CliRunner().invoke(app, list(words))


def becomes(*statuses):
    """Central records the request, and it goes through the statuses, one for each look."""
    left = list(statuses)

    def happens(mesh, _kind, detail):
        number = access_id(detail["metadata"]["id"])

        def look(_):
            status = left.pop(0) if len(left) > 1 else left[0]
            return access(status, number) if status else None

        mesh.accesses.access = look

    return happens


def denied(mesh, _kind, detail):
    mesh.note(detail, "access denied", access=access_id(detail["metadata"]["id"]), reason=REASON.model_dump())


def test_a_request_names_the_persona_and_is_followed_until_it_is_live(on):
    mesh = on(FakeMesh(happens=becomes("", "requested", "granting", "sharing", "live")))
    said = run(*ASK, "--columns", "a, b")
    ((account, kind, detail),) = mesh.put
    assert (account, kind, said.exit_code) == ("consumer", "AccessRequested", 0)
    assert (detail["data"]["reader"], detail["data"]["columns"]) == ("analyst", ["a", "b"])
    assert "is live: DataAnalyst of 333333333333 can read until" in said.stdout
    assert [line.split()[-1] for line in said.stderr.splitlines()] == ["requested", "granting", "sharing", "live"]
    assert 'mesh query \'SELECT * FROM "rl_credit-limits"."limits" LIMIT 10\' --as DataAnalyst' in said.stdout
    assert "left out: limits.email" in said.stdout


def test_an_account_wide_request_has_no_reader(on):
    mesh = on(FakeMesh(happens=becomes("live")))
    assert run(*ASK, "--account-wide").exit_code == 0
    assert mesh.put[0][2]["data"]["reader"] is None


def test_a_waiting_request_is_not_a_failure_and_names_the_approvers(on):
    on(FakeMesh(happens=becomes("requested", "waiting")))
    said = run(*ASK)
    assert said.exit_code == 0
    assert f"is waiting for approval by {PRODUCER}" in said.stdout


def test_json_is_one_document_and_progress_is_silent(on):
    on(FakeMesh(happens=becomes("requested", "waiting")))
    said = run(*ASK, "--json")
    found = json.loads(said.stdout)
    assert (found["status"], found["waits_for"], said.stderr) == ("waiting", [PRODUCER], "")


def test_a_refusal_is_its_reason_with_the_id(on):
    on(FakeMesh(happens=denied))
    failed = run(*ASK).exception
    assert isinstance(failed, CommandFailed)
    assert (failed.code, failed.message, failed.remedy) == (REASON.code, REASON.message, REASON.remedy)
    assert failed.where["access"].startswith("ac-")


def test_one_that_ended_at_once_is_a_failure(on):
    on(FakeMesh(happens=becomes("requested", "ended")))
    assert isinstance(run(*ASK).exception, CommandFailed)


def test_no_answer_in_time_names_trace_and_doctor(on):
    on(FakeMesh(happens=becomes("requested")))
    failed = run(*ASK).exception
    assert (failed.code, "mesh trace the-trace" in failed.remedy) == ("StillWaiting", True)


def test_a_role_that_is_not_there_is_found_before_anything_is_sent(on):
    mesh = on(FakeMesh(happens=becomes("live")))
    failed = run(*ASK, "--role", "nobody").exception
    assert (failed.code, mesh.put) == ("UnknownRole", [])


@pytest.mark.parametrize(
    "words",
    [
        ["request", "--purpose", "p", "--until", "30d"],
        ["request", "x", "--expression", "a=b", "--purpose", "p", "--until", "30d"],
        ["request", "x", "--until", "30d"],
        ["approve", ID],
    ],
)
def test_incomplete_commands_are_usage_errors(words):
    assert run(*words).exit_code == 2


def test_a_malformed_request_is_refused_before_it_is_sent(on):
    mesh = on(FakeMesh())
    failed = run("request", "No Product", "--purpose", "p", "--until", "30d").exception
    assert (failed.code, mesh.put) == ("MalformedEvent", [])
    assert failed.message.startswith("product: ")


def approved(status):
    def happens(mesh, _kind, detail):
        assert detail["data"]["decision"] == "approve"
        mesh.accesses.stored[ID] = answered(mesh.accesses.stored[ID], PRODUCER, "approve", status)

    return happens


def test_an_approval_is_sent_by_the_producer_and_followed_until_the_access_is_live(on):
    mesh = on(FakeMesh(access("waiting"), happens=approved("live")))
    said = run("approve", ID, "--reason", "fine", "--columns", "limits.a,limits.b", "--until", "2026-12-01")
    ((account, kind, detail),) = mesh.put
    assert (account, kind, said.exit_code) == ("producer", "AccessDecided", 0)
    assert detail["data"]["columns"] == ["limits.a", "limits.b"]
    assert detail["data"]["until"].startswith("2026-12-01T23:59:59")
    assert "is live" in said.stdout


def test_with_a_second_approver_it_waits_on(on):
    both = access("waiting")
    both = both.model_copy(update={"decided": both.decided.model_copy(update={"approvers": (CENTRAL, PRODUCER)})})
    on(FakeMesh(both, happens=approved("waiting")))
    said = run("approve", ID, "--reason", "fine")
    assert (said.exit_code, f"waiting for approval by {CENTRAL}" in said.stdout) == (0, True)


def test_an_approval_of_data_changed_meanwhile_is_requested_again(on):
    def happens(mesh, _kind, _detail):
        said = answered(mesh.accesses.stored[ID], PRODUCER, "approve", "granting")
        mesh.accesses.stored[ID] = said.moved("waiting", said.asked_at, "something else is exposed", answers=())

    on(FakeMesh(access("waiting"), happens=happens))
    said = run("approve", ID, "--reason", "fine")
    assert (said.exit_code, "needs approval again" in said.stdout) == (0, True)


def test_an_answer_that_does_not_count_is_a_failure(on):
    def happens(mesh, _kind, detail):
        mesh.note(detail, "refused", event="AccessDecided", reason={"code": "DecidedAlready", "message": "too late"})

    on(FakeMesh(access("live"), happens=happens))
    assert run("approve", ID, "--reason", "x").exception.code == "DecidedAlready"


def test_a_denial_that_counts_is_success(on):
    def happens(mesh, _kind, _detail):
        mesh.accesses.stored[ID] = answered(mesh.accesses.stored[ID], PRODUCER, "deny", "denied", "no")

    on(FakeMesh(access("waiting"), happens=happens))
    said = run("deny", ID, "--reason", "no")
    assert (said.exit_code, "is denied" in said.stdout) == (0, True)


def test_an_unknown_request_is_not_answered(on):
    mesh = on(FakeMesh())
    assert run("approve", ID, "--reason", "x").exception.code == "UnknownAccess"
    assert mesh.put == []


def test_a_forbidden_sender_is_shown_who_may_send(on):
    def happens(*_):
        raise EventNotAccepted("AccessDeniedException: not authorized")

    on(FakeMesh(access("waiting"), happens=happens))
    failed = run("approve", ID, "--reason", "x", "--account", "consumer").exception
    assert (failed.code, "ProducerSteward" in failed.remedy) == ("MayNotSend", True)


def test_a_revocation_is_followed_until_the_end(on):
    def happens(mesh, kind, _detail):
        assert kind == "RevocationRequested"
        looks = [access("live"), access("ending"), access("ended", reason=REASON)]
        mesh.accesses.access = lambda _: looks.pop(0) if len(looks) > 1 else looks[0]

    mesh = on(FakeMesh(access("live"), happens=happens))
    said = run("revoke", ID, "--reason", "done", "--account", "central")
    assert (said.exit_code, mesh.put[0][0], f"{ID} is ended" in said.stdout) == (0, "central", True)


def test_what_has_ended_is_not_ended_again(on):
    mesh = on(FakeMesh(access("ended")))
    said = run("revoke", ID, "--reason", "done", "--json")
    assert (said.exit_code, json.loads(said.stdout)["already"], mesh.put) == (0, True, [])


def test_a_retirement_names_the_accesses_that_end(on):
    def happens(mesh, kind, detail):
        assert kind == "RetirementRequested"
        mesh.note(detail, "retired", product="credit-limits", accesses=[ID], notified=[PRODUCER])

    on(FakeMesh(happens=happens))
    said = run("retire", "credit-limits", "--reason", "replaced")
    assert (said.exit_code, ID in said.stdout, PRODUCER in said.stdout) == (0, True, True)


def test_a_refused_retirement_is_a_failure(on):
    def happens(mesh, _kind, detail):
        mesh.note(detail, "refused", event="RetirementRequested", reason={"code": "NotTheOwner", "message": "no"})

    on(FakeMesh(happens=happens))
    assert run("retire", "credit-limits", "--reason", "x").exception.code == "NotTheOwner"


def listed(mesh, *words):
    return json.loads(run(*words, "--json").stdout)


def test_lists_separate_open_requests_from_active_grants(on):
    numbers = {status: f"ac-{n:012d}" for n, status in enumerate(["live", "waiting", "denied", "ended", "requested"])}
    mesh = on(FakeMesh(*(access(status, number) for status, number in numbers.items())))
    names = {number: status for status, number in numbers.items()}

    def statuses(command, *words):
        return [names[each["id"]] for each in listed(mesh, command, *words)[command]]

    assert statuses("requests") == ["waiting", "requested"]
    assert set(statuses("requests", "--all")) == set(numbers)
    assert statuses("requests", "--account", "producer") == ["waiting"]
    assert statuses("requests", "--account", "central") == []
    assert statuses("grants") == ["live"]
    assert set(statuses("grants", "--all")) == {"live", "ended"}
    assert statuses("grants", "--account", "producer") == ["live"]


def test_one_in_full_has_its_history(on):
    on(FakeMesh(access("live")))
    assert listed(None, "grants", ID)["history"][0]["what"] == "requested for risk-modelling"
    assert run("requests", "ac-000000000000").exception.code == "UnknownAccess"
