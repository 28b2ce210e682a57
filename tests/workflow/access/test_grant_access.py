"""Each path of `grant-access`, with what is there in both accounts afterwards."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from mesh.adapters.dynamodb.items import Table
from mesh.adapters.dynamodb.registry import DynamoRegistry

from tests.access_driver import (
    CENTRAL,
    CONFIDENTIAL,
    CONSUMER,
    GROWING,
    OPEN,
    PERSONAL,
    PRIVATE,
    PRODUCER,
    SECRET,
    SENSITIVE,
    AccessDriver,
)
from tests.consumer_accesses import query
from tests.mesh_conditions import crash, without_permission
from tests.mesh_driver import MeshDriver, Run

DAY = 86_400
DECIDED = ("DecideAccess", "ChooseEffect")
GRANTED = ("GrantAccess", "ReadReadiness", "Live")
APPROVED = (*DECIDED, "RequestApproval", "ReadAnswer", "DecideAccess", "ChooseEffect", *GRANTED)
SQL = 'SELECT {} FROM "rl_{}".t1'


@pytest.fixture(scope="module")
def deployed_mesh(skipped_mesh: MeshDriver) -> MeshDriver:
    return skipped_mesh


def test_internal_data_is_granted_and_read_without_a_human(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.live(OPEN)

    run = accesses.grant_run(access)
    assert (run.status, run.outcome, run.states) == ("SUCCEEDED", "live", DECIDED + GRANTED)
    assert query(mesh, SQL.format("id, amount", OPEN)) == ""
    assert query(mesh, SQL.format("id", OPEN), "DataScientist") != ""
    notice = accesses.notified(access, "AccessGranted")
    assert (notice["databases"], notice["reader"]) == ([OPEN], "DataAnalyst")
    assert accesses.notices("producer", "DecisionRequested", access) == []
    assert sorted(accesses.schedules(access)) == [f"mesh-{access}-end", f"mesh-{access}-warn"]
    keys = [item["sk"] for item in mesh.items("central", f"PRODUCT#{OPEN}")]
    assert f"SUBSCRIPTION#{CONSUMER}" in keys


def test_what_is_denied_leaves_nothing_anywhere(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.request(PRIVATE, columns=["amount"])

    run = accesses.grant_run(access)
    assert (run.status, run.outcome, run.states) == ("SUCCEEDED", "denied", (*DECIDED, "DenyAccess", "Denied"))
    reason = accesses.notified(access, "AccessDenied")["reason"]
    assert (reason["code"], accesses.record(access).status) == ("DeniedByPolicy", "denied")
    assert "personal" in reason["where"]["rules"]
    accesses.nothing_left(access, PRIVATE)


def test_the_personal_column_is_left_out(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.live(PRIVATE)

    assert query(mesh, SQL.format("id", PRIVATE)) == query(mesh, SQL.format("*", PRIVATE)) == ""
    assert query(mesh, SQL.format("amount", PRIVATE)) != ""
    assert any("t1.amount" in each for each in accesses.notified(access, "AccessGranted")["left_out"])


def test_confidential_data_waits_for_its_owner(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.waiting(SECRET)
    accesses.nothing_left(access, SECRET)

    accesses.decide(access)

    accesses.wait(access, "live")
    assert accesses.grant_run(access).states == APPROVED
    assert query(mesh, SQL.format("amount", SECRET)) == ""


def test_an_owners_no_is_the_end(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.waiting(SECRET)
    accesses.decide(access, "deny")

    run = accesses.grant_run(access)
    assert (run.outcome, run.states) == (
        "denied",
        (*DECIDED, "RequestApproval", "ReadAnswer", "DenyAccess", "Denied"),
    )
    assert accesses.notified(access, "AccessDenied")["reason"]["message"] == "as agreed"
    accesses.nothing_left(access, SECRET)


def test_fewer_columns_and_less_time_are_granted_as_approved(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.waiting(SECRET)
    accesses.decide(access, columns=["t1.amount"])

    accesses.wait(access, "live")
    assert query(mesh, SQL.format("amount", SECRET)) == ""
    assert query(mesh, SQL.format("id", SECRET)) != ""


def test_owner_and_steward_both_have_to_agree(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.waiting(PRIVATE, purpose="audit")
    accesses.decide(access, by="central")
    mesh.until(lambda: accesses.record(access).answers, "the steward's answer")
    assert accesses.record(access).status == "waiting"
    accesses.decide(access)

    accesses.wait(access, "live")
    assert [answer.account for answer in accesses.record(access).answers] == [CENTRAL, PRODUCER]
    assert query(mesh, SQL.format("amount", PRIVATE)) == ""


def test_reminded_escalated_and_decided_by_the_steward(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.waiting(SECRET)
    accesses.skip(DAY + 60)
    assert accesses.notified(access, "DecisionRequested", "producer", 2)["reminder"] == 1
    accesses.skip(2 * DAY + 60)
    assert accesses.notified(access, "DecisionRequested", "producer", 3)["reminder"] == 2
    assert accesses.record(access).escalated
    accesses.decide(access, by="central")

    accesses.wait(access, "live")
    assert accesses.grant_run(access).states.count("RequestApproval") == 3


def test_without_an_answer_it_is_denied(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.waiting(SECRET)
    for number in (2, 3):
        accesses.skip(2 * DAY + 60)
        accesses.notified(access, "DecisionRequested", "producer", number)
    accesses.skip(4 * DAY + 60)

    run = accesses.grant_run(access)
    assert (run.outcome, run.states[-3:]) == ("denied", ("CheckRounds", "DenyAccess", "Denied"))
    assert accesses.notified(access, "AccessDenied")["reason"]["code"] == "NotDecided"
    late = accesses.decide(access)
    assert _refused(accesses, late, access) == "DecidedAlready"
    accesses.nothing_left(access, SECRET)


def _refused(accesses: AccessDriver, event: str, access: str, account: str = "producer") -> str:
    """Why a decision did not count."""
    return str(accesses.notified(access, "DecisionRefused", account)["reason"]["code"])


def test_a_request_that_grew_while_waiting_needs_approval_again(mesh: MeshDriver, accesses: AccessDriver) -> None:
    accesses.tag(GROWING, CONFIDENTIAL, "amount")
    access = accesses.waiting(GROWING)
    accesses.tag(GROWING, CONFIDENTIAL, "id")
    accesses.decide(access)

    question = accesses.notified(access, "DecisionRequested", "producer", 2)
    (shown,) = question["exposure"]
    assert {name for each in shown["classes"] for name in each["columns"]} == {"id", "amount"}
    assert accesses.record(access).status == "waiting"
    accesses.nothing_left(access, GROWING)
    accesses.decide(access)
    accesses.wait(access, "live")
    assert accesses.grant_run(access).states.count("RequestApproval") == 2
    accesses.tag(GROWING, {"confidentiality": "internal"}, "id", "amount")


@pytest.mark.ordered_delivery("the request comes after the table was tagged, and not before as well")
def test_a_table_tagged_sensitive_between_request_and_grant_needs_approval(
    mesh: MeshDriver, accesses: AccessDriver
) -> None:
    """By expression, an audit: internal when it was requested, personal when it is looked at."""
    mesh.inject("reorder", "events", "AccessRequested", account=CENTRAL, seconds=3)
    expression = f"product={OPEN} confidentiality=internal,confidential pii=none,personal"
    access = accesses.request(expression=expression, purpose="audit")
    accesses.tag(OPEN, PERSONAL)
    try:
        question = accesses.notified(access, "DecisionRequested", "producer")
        assert {each["pii"] for each in question["exposure"][0]["classes"]} == {"personal"}
        accesses.nothing_left(access, OPEN)
        accesses.decide(access, "deny")
        assert accesses.grant_run(access).outcome == "denied"
    finally:
        accesses.end_all()
        accesses.tag(OPEN, {"confidentiality": "internal", "pii": "none"})


def test_a_reader_that_does_not_exist_is_denied_by_its_own_account(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.request(OPEN, reader="NoSuchRole")

    run = accesses.grant_run(access)
    assert (run.status, run.outcome) == ("SUCCEEDED", "undone")
    assert run.states == (*DECIDED, *GRANTED[:2], "UndoGrant", "Undone")
    accesses.wait(access, "ended")
    assert accesses.notified(access, "AccessDenied")["reason"]["code"] == "UnknownRole"
    accesses.nothing_left(access, OPEN, "NoSuchRole")


def test_a_consumer_that_never_answers_keeps_nothing(mesh: MeshDriver, accesses: AccessDriver) -> None:
    with without_permission(mesh, "consumer", "AcceptShareRole", "events:PutEvents"):
        access = accesses.request(OPEN)
        accesses.wait(access, "sharing")
        mesh.wait_for_run("accept-share", access, seconds=60)
        accesses.skip(16 * 60)
        run = accesses.grant_run(access)
        assert (run.outcome, run.states[-3:]) == ("undone", ("GrantAccess", "UndoGrant", "Undone"))
        accesses.wait(access, "ended")
    reason = accesses.notified(access, "AccessDenied")["reason"]
    assert (reason["code"], accesses.record(access).cause) == ("NotReady", "failed")
    accesses.nothing_left(access, OPEN)


def test_a_crash_of_each_function_is_retried(mesh: MeshDriver, accesses: AccessDriver) -> None:
    for step in ("DecideAccess", "GrantAccess"):
        crash(mesh, "central", f"{step}Function")
    access = accesses.live(OPEN)
    assert mesh.faults() == []
    assert accesses.grant_run(access).states == DECIDED + GRANTED


LAKE = {"service": "lakeformation", "action": "BatchGrantPermissions"}
CONFLICT = "ConcurrentModificationException"
BAD_DAYS: dict[str, list[dict[str, Any]]] = {
    "refused": [
        {"kind": "throttle", "count": 2, **LAKE},
        {"kind": "throttle", "code": CONFLICT, "count": 2, **LAKE},
        {"kind": "throttle", "service": "scheduler", "action": "CreateSchedule", "count": 2},
    ],
    "in_part": [{"kind": "batch_failure", "code": CONFLICT, **LAKE}],
    "answer_lost": [
        {"kind": "lost_answer", **LAKE},
        {"kind": "lost_answer", "service": "sns", "action": "Publish"},
    ],
}


@pytest.mark.parametrize("day", BAD_DAYS)
def test_trouble_that_passes_is_retried(mesh: MeshDriver, accesses: AccessDriver, day: str) -> None:
    for fault in BAD_DAYS[day]:
        mesh.inject(**fault, account=CENTRAL)
    access = accesses.live(OPEN)
    assert mesh.faults() == []
    assert query(mesh, SQL.format("amount", OPEN)) == ""
    assert len(accesses.notices("consumer", "AccessGranted", access)) == 1


def test_without_a_permission_it_fails_is_undone_and_an_operator_knows(
    mesh: MeshDriver, accesses: AccessDriver
) -> None:
    before = accesses.failed_runs()
    with without_permission(mesh, "central", "GrantAccessFunctionRole", "lakeformation:BatchGrantPermissions"):
        access = accesses.request(OPEN)
        run = accesses.grant_run(access)
    assert run.status == "FAILED"
    assert "AccessDenied" in f"{run.error} {run.cause}"
    assert run.states == (*DECIDED, *GRANTED[:1], "UndoFailedGrant", "AccessFailed")
    accesses.wait(access, "ended")
    mesh.until(lambda: accesses.failed_runs() > before, "the failed run in its queue")
    assert accesses.notified(access, "AccessDenied")["reason"]["code"] == "GrantFailed"
    accesses.nothing_left(access, OPEN)
    accesses.live(OPEN)
    assert query(mesh, SQL.format("id", OPEN)) == ""


@pytest.mark.ordered_delivery("a second delivery would do what the first has failed at")
def test_a_request_that_fails_before_anything_is_granted_is_started_again(
    mesh: MeshDriver, accesses: AccessDriver
) -> None:
    crash(mesh, "central", "DecideAccessFunction", times=1000)
    access = accesses.request(OPEN)
    failed = accesses.grant_run(access)
    assert (failed.status, failed.states) == ("FAILED", ("DecideAccess", "AccessFailed"))
    mesh.clear_faults()
    accesses.wait(access, "live")

    def granted() -> list[Run]:
        return [run for run in mesh.runs("grant-access", access) if run.outcome == "live"]

    [again] = mesh.until(granted, f"the end of the run that granted {access}")
    assert "-retry-" in again.arn


def test_a_second_delivery_leaves_it_to_the_first(mesh: MeshDriver, accesses: AccessDriver) -> None:
    mesh.inject("duplicate_event", "events", "AccessRequested", account=CENTRAL)
    access = accesses.live(OPEN)
    runs = mesh.until(lambda: _two(mesh.runs("grant-access", access)), "both deliveries")
    assert sorted(run.outcome for run in runs) == ["live", "superseded"]
    assert len(accesses.notices("consumer", "AccessGranted", access)) == 1


def test_the_same_request_is_rejected_while_open(mesh: MeshDriver, accesses: AccessDriver) -> None:
    first = accesses.waiting(SECRET)
    second = accesses.request(SECRET)

    assert accesses.grant_run(second).outcome == "denied"
    reason = accesses.notified(second, "AccessDenied")["reason"]
    assert (reason["code"], reason["where"]["access"]) == ("AlreadyRequested", first)
    assert accesses.record(first).status == "waiting"


def test_sensitive_when_it_is_approved_is_denied_all_the_same(mesh: MeshDriver, accesses: AccessDriver) -> None:
    access = accesses.waiting(SECRET, columns=["amount"])
    accesses.tag(SECRET, SENSITIVE, "amount")
    try:
        accesses.decide(access)
        assert accesses.grant_run(access).outcome == "denied"
        accesses.nothing_left(access, SECRET)
    finally:
        accesses.tag(SECRET, {"pii": "none", **CONFIDENTIAL}, "amount")


def _two[T](found: list[T]) -> list[T]:
    return found if len(found) >= 2 else []


@pytest.fixture
def demoted(mesh: MeshDriver) -> Iterator[Callable[[], None]]:
    """Makes the consumer's account a producer; a consumer again at the end."""

    def admit(role: str) -> None:
        membership = {"role": role, "domains": ["risk"], "contact": "risk-analytics@example.com"}
        request = {"account": CONSUMER, "membership": membership}
        function = mesh.output("central", "SetMembershipFunctionName")
        answer = mesh.client("central", "lambda").invoke(FunctionName=function, Payload=json.dumps(request).encode())
        assert "FunctionError" not in answer, answer["Payload"].read()

    yield partial(admit, "producer")
    admit("consumer")


def test_an_account_demoted_while_its_request_waited_is_granted_nothing(
    mesh: MeshDriver, accesses: AccessDriver
) -> None:
    """As if its demotion had been recorded, and its accesses were not ended yet."""
    registry = DynamoRegistry(Table(mesh.client("central", "dynamodb"), mesh.output("central", "TableName")))
    member = registry.member(CONSUMER)
    assert member is not None
    access = accesses.waiting(SECRET)
    registry.change_member(CONSUMER, lambda _: member.evolve(role="producer"))
    try:
        accesses.decide(access)
        run = accesses.grant_run(access)
    finally:
        registry.change_member(CONSUMER, lambda _: member)
    assert (run.status, run.outcome, run.output["reason"]["code"]) == ("SUCCEEDED", "denied", "NotAllowedForRole")
    accesses.wait(access, "denied")
    accesses.nothing_left(access, SECRET)


def test_the_accesses_of_an_account_that_is_no_consumer_any_more_end(
    mesh: MeshDriver, accesses: AccessDriver, demoted: Callable[[], None]
) -> None:
    access, asked = accesses.live(OPEN), accesses.waiting(SECRET)
    mesh.subscribe(PRIVATE)

    demoted()

    for each in (access, asked):
        assert accesses.wait(each, "ended").cause == "revoked"
        accesses.nothing_left(each, OPEN)
    assert query(mesh, SQL.format("id", OPEN)) != ""
    assert accesses.notified(access, "AccessRevoked")["reason"]["message"].startswith("account 333333333333")
    keys = [item["sk"] for item in mesh.items("central", f"PRODUCT#{PRIVATE}")]
    assert f"SUBSCRIPTION#{CONSUMER}" not in keys
