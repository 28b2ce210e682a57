"""Each path of `accept-share`: central's administrator makes the grants, and events arrive on the consumer's own
bus."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.accounts import ADMIN_ROLE, REGION, role_arn
from tests.consumer_accesses import (
    CENTRAL,
    CONSUMER,
    EventListener,
    Granted,
    accept,
    by_name,
    by_tags,
    grant,
    held,
    links,
    local_grants,
    lock_held,
    publish,
    query,
    revoke,
    revoke_grants,
    revoked,
    send_event,
)
from tests.mesh_conditions import ATTEMPTS, crash
from tests.mesh_driver import MeshDriver, Run

PRODUCT, OTHER = "accept-cards", "accept-loans"
UP_TO_PROOF = ("AcceptShare", "CheckAccess", "VerifyAccess")
STEPS = ("AcceptShare", "VerifyAccess")
READY = ("AnnounceReady", "RecordLineage", "Ready")
TOLD = ("RouteFailure", "ReleaseAccess", "CheckRelease", "AnnounceNotReady", "CheckFault")


@pytest.fixture(scope="module")
def listener(deployed_mesh: MeshDriver) -> EventListener:
    publish(deployed_mesh, PRODUCT, OTHER)
    return EventListener(deployed_mesh)


@pytest.fixture
def granted(mesh: MeshDriver, listener: EventListener) -> Iterator[Granted]:
    """By tags, to the account's analysts; released at the end."""
    access = Granted(PRODUCT, by_tags(PRODUCT))
    grant(mesh, access)
    yield access
    revoke(mesh, access)


def entered(run: Run) -> tuple[str, ...]:
    """States in order, without those that poll the query: how often it is asked is Athena's matter."""
    return tuple(dict.fromkeys(name for name in run.states if name not in {"RouteProof", "AwaitProof"}))


def role_that_trusts_nobody_here(mesh: MeshDriver, name: str) -> str:
    """A reader that no function of the account may act as."""
    statement = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = mesh.client("consumer", "iam")
    return str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"])


def failed_runs(mesh: MeshDriver, granted: Granted) -> list[Run]:
    """However often the grant comes, one run fails; the others leave it to that one."""
    return [run for run in mesh.runs("accept-share", granted.access) if run.status == "FAILED"]


def nothing_left(mesh: MeshDriver, granted: Granted) -> None:
    assert held(mesh, granted) == "over"
    assert granted.link not in links(mesh)
    assert local_grants(mesh, granted.product, granted.reader or "DataAnalyst") == []


@pytest.mark.parametrize("kind", ["AccessGranted", "AccessRevoked", "AccessDenied", "ProductUpdated"])
@pytest.mark.parametrize("role", [ADMIN_ROLE, "ConsumerAdmin"])
def test_nobody_in_the_consumers_account_speaks_for_central(mesh: MeshDriver, kind: str, role: str) -> None:
    """What central says is acted upon: links and grants are made, and taken back."""
    entry = {"EventBusName": "mesh-consumer", "Source": "meshwork", "DetailType": kind, "Detail": "{}"}
    try:
        [answer] = mesh.client("consumer", "events", role).put_events(Entries=[entry])["Entries"]
    except ClientError as error:
        answer = {"ErrorCode": error.response["Error"]["Code"]}
    assert answer.get("ErrorCode") == "AccessDeniedException"


def test_accepted_and_proved_as_the_reader(mesh: MeshDriver, listener: EventListener, granted: Granted) -> None:
    kept = mesh.dead_letters()
    run = accept(mesh, granted)
    assert (run.status, run.outcome, entered(run)) == ("SUCCEEDED", "ready", UP_TO_PROOF + READY), run
    notice = listener.wait(granted, "AccessReady")
    assert notice["links"] == [granted.link]
    assert notice["proved_as"] == role_arn(CONSUMER, "DataAnalyst")
    asked = mesh.client("consumer", "athena").get_query_execution(QueryExecutionId=notice["query_execution_id"])
    assert asked["QueryExecution"]["Query"] == f'SELECT "id", "amount" FROM "{granted.link}"."t1" LIMIT 1'
    assert query(mesh, f'SELECT id, amount FROM "{granted.link}".t1') == ""
    assert query(mesh, f'SELECT id FROM "{granted.link}".t1', "DataScientist") != ""
    assert held(mesh, granted) == "ready"
    assert mesh.dead_letters_since(kept) == {}


def test_a_reader_that_cannot_be_acted_as_is_proved_by_its_grants(mesh: MeshDriver, listener: EventListener) -> None:
    name = f"Reader{uuid.uuid4().hex[:8]}"
    arn = role_that_trusts_nobody_here(mesh, name)
    granted = Granted(PRODUCT, by_tags(PRODUCT), reader=name)
    grant(mesh, granted)
    assert accept(mesh, granted).outcome == "ready"
    proved_as = listener.wait(granted, "AccessReady")["proved_as"]
    assert proved_as.rpartition("/")[2] == mesh.physical_id("consumer", "VerifyAccessFunctionRole")
    assert proved_as != arn
    assert len(local_grants(mesh, PRODUCT, name)) == 3
    revoke(mesh, granted)
    nothing_left(mesh, granted)


def test_a_whole_account_gets_a_link_and_no_local_grant(mesh: MeshDriver, listener: EventListener) -> None:
    granted = Granted(PRODUCT, by_tags(PRODUCT), reader="")
    grant(mesh, granted)
    assert accept(mesh, granted).outcome == "ready"
    assert listener.wait(granted, "AccessReady")["query_execution_id"]
    assert granted.link in links(mesh)
    assert local_grants(mesh, PRODUCT) == []
    revoke(mesh, granted)
    nothing_left(mesh, granted)


@pytest.mark.parametrize(
    ("entries", "columns"),
    [(by_tags(OTHER, "DESCRIBE"), ("id",)), (by_tags(OTHER), ())],
    ids=["only DESCRIBE", "no table yet"],
)
def test_where_nothing_can_be_selected_nothing_is_queried(
    mesh: MeshDriver, listener: EventListener, entries: list[dict[str, Any]], columns: tuple[str, ...]
) -> None:
    granted = Granted(OTHER, entries, columns=columns)
    grant(mesh, granted)
    assert accept(mesh, granted).outcome == "ready"
    notice = listener.wait(granted, "AccessReady")
    assert (notice["query_execution_id"], notice["proved_as"]) == ("", "")
    revoke(mesh, granted)
    revoke_grants(mesh, granted)


def test_an_unknown_role_is_rejected_and_reported(mesh: MeshDriver, listener: EventListener) -> None:
    granted = Granted(PRODUCT, by_tags(PRODUCT), reader="NoSuchRole")
    run = accept(mesh, granted)
    assert (run.status, run.outcome) == ("SUCCEEDED", "rejected")
    assert run.states == ("AcceptShare", *TOLD, "Rejected")
    reason = listener.wait(granted, "AccessNotReady")["reason"]
    assert (reason["code"], reason["where"]) == ("UnknownRole", {"role": "NoSuchRole"})
    assert reason["remedy"]
    assert granted.link not in links(mesh)
    assert accept(mesh, granted).outcome == "superseded"


def test_a_link_of_that_name_that_leads_elsewhere_stays(mesh: MeshDriver, listener: EventListener) -> None:
    granted, glue = Granted(PRODUCT, by_tags(PRODUCT)), mesh.client("consumer", "glue", "ConsumerAdmin")
    grant(mesh, granted)
    target = {"CatalogId": CENTRAL, "DatabaseName": OTHER, "Region": REGION}
    glue.create_database(DatabaseInput={"Name": granted.link, "TargetDatabase": target})
    try:
        run = accept(mesh, granted)
        assert run.states == ("AcceptShare", *TOLD, "Rejected")
        reason = listener.wait(granted, "AccessNotReady")["reason"]
        assert (reason["code"], reason["where"]["link"]) == ("LinkTaken", granted.link)
        assert glue.get_database(Name=granted.link)["Database"]["TargetDatabase"]["DatabaseName"] == OTHER
    finally:
        glue.delete_database(Name=granted.link)


def test_a_refused_query_takes_everything_back_with_athena_s_own_reason(
    mesh: MeshDriver, listener: EventListener
) -> None:
    granted = Granted(PRODUCT, by_name(PRODUCT, "id"), columns=("id", "amount"))
    grant(mesh, granted)
    run = accept(mesh, granted)
    # Proved again and again first: a grant may take a while to spread.
    assert (run.states.count("CheckProofs"), run.states.count("AwaitGrants")) == (4, 3)
    assert run.states[-7:] == ("CheckProofs", *TOLD, "Rejected")
    reason = listener.wait(granted, "AccessNotReady")["reason"]
    assert reason["code"] == "ProofFailed"
    assert "COLUMN_NOT_FOUND" in reason["message"]
    nothing_left(mesh, granted)


def test_a_missing_share_fails_and_central_is_notified(mesh: MeshDriver, listener: EventListener) -> None:
    granted = Granted("accept-nothing", by_tags("accept-nothing"))
    kept = mesh.dead_letters()["consumer/FailedRunsQueue"]
    send_event(mesh, "AccessGranted", granted, granted.data())
    [run] = mesh.until(lambda: failed_runs(mesh, granted), "the run that fails")
    assert run.error == "NotYetShared"
    assert run.states == ("AcceptShare", *TOLD, "AcceptFailed")
    assert listener.wait(granted, "AccessNotReady")["reason"]["code"] == "NotYetShared"
    mesh.until(lambda: mesh.dead_letters()["consumer/FailedRunsQueue"] > kept, "the failed run in its queue")


def test_a_share_that_comes_late_is_waited_for(mesh: MeshDriver, listener: EventListener, granted: Granted) -> None:
    mesh.inject("throttle", "glue", "GetDatabase", account=CONSUMER, count=6)
    run = accept(mesh, granted)
    assert run.outcome == "ready"
    assert mesh.faults() == []


def test_a_redelivered_grant_is_answered_again_and_changes_nothing(
    mesh: MeshDriver, listener: EventListener, granted: Granted
) -> None:
    accept(mesh, granted, event="the-same-event")
    grants = local_grants(mesh, PRODUCT)
    run = accept(mesh, granted, event="the-same-event")
    assert run.states == ("AcceptShare", "CheckAccess", *READY)
    listener.wait(granted, "AccessReady", count=2)
    assert len({detail["metadata"]["id"] for detail in listener.received(granted, "AccessReady")}) == 1
    assert local_grants(mesh, PRODUCT) == grants


def test_what_ended_before_it_was_granted_is_not_accepted(mesh: MeshDriver, listener: EventListener) -> None:
    granted = Granted(PRODUCT, by_tags(PRODUCT))
    grant(mesh, granted)
    assert revoke(mesh, granted).outcome == "released"
    run = accept(mesh, granted)
    assert (run.status, run.states) == ("SUCCEEDED", ("AcceptShare", "Superseded"))
    nothing_left(mesh, granted)
    assert listener.received(granted, "AccessReady") == listener.received(granted, "AccessNotReady") == []


def test_revoked_while_it_is_accepted_leaves_nothing(mesh: MeshDriver, listener: EventListener) -> None:
    granted = Granted(PRODUCT, by_tags(PRODUCT))
    grant(mesh, granted)
    with lock_held(mesh):
        send_event(mesh, "AccessGranted", granted, granted.data())
        mesh.until(lambda: held(mesh, granted) == "accepting", "accepting")
        send_event(mesh, "AccessRevoked", granted, revoked(granted))
    accepted = mesh.wait_for_run("accept-share", granted.access)
    released = mesh.wait_for_run("release-share", granted.access)
    assert (accepted.status, released.status) == ("SUCCEEDED", "SUCCEEDED")
    assert accepted.outcome in {"superseded", "ready"}
    nothing_left(mesh, granted)
    assert listener.received(granted, "AccessNotReady") == []


@pytest.mark.parametrize("function", STEPS)
def test_a_crash_is_retried(mesh: MeshDriver, granted: Granted, function: str) -> None:
    crash(mesh, "consumer", f"{function}Function")
    assert accept(mesh, granted).outcome == "ready"
    assert mesh.faults() == []


@pytest.mark.parametrize(
    ("service", "action", "kind"),
    [
        ("lakeformation", "BatchGrantPermissions", "throttle"),
        ("glue", "CreateDatabase", "throttle"),
        ("athena", "StartQueryExecution", "lost_answer"),
        ("athena", "GetQueryExecution", "throttle"),
    ],
)
def test_trouble_that_passes_is_retried(
    mesh: MeshDriver, granted: Granted, service: str, action: str, kind: str
) -> None:
    mesh.inject(kind, service, action, account=CONSUMER, count=5)
    assert accept(mesh, granted).outcome == "ready"
    assert mesh.faults() == []


@pytest.mark.ordered_delivery("as many crashes as one run has attempts")
def test_a_failing_function_fails_the_run_and_its_changes_are_undone(mesh: MeshDriver, listener: EventListener) -> None:
    granted = Granted(PRODUCT, by_tags(PRODUCT))
    grant(mesh, granted)
    crash(mesh, "consumer", "VerifyAccessFunction", times=ATTEMPTS)
    run = accept(mesh, granted)
    assert (run.status, run.error) == ("FAILED", "Runtime.ExitError")
    assert entered(run) == (*UP_TO_PROOF, *TOLD, "AcceptFailed")
    assert listener.wait(granted, "AccessNotReady")["reason"]["code"] == "Runtime.ExitError"
    nothing_left(mesh, granted)


def test_an_event_that_does_not_match_its_contract_is_rejected(mesh: MeshDriver) -> None:
    granted = Granted(PRODUCT, by_tags(PRODUCT))
    before = mesh.runs("accept-share", granted.access)
    send_event(mesh, "AccessGranted", granted, granted.data() | {"until": "never"})
    run = mesh.wait_for_run("accept-share", granted.access, after=before)
    assert (run.status, run.outcome, run.states) == ("SUCCEEDED", "refused", ("AcceptShare", "Refused"))


def test_no_function_is_denied_anything_it_needs(mesh: MeshDriver, listener: EventListener) -> None:
    since, granted = time.time(), Granted(PRODUCT, by_tags(PRODUCT))
    grant(mesh, granted)
    accept(mesh, granted)
    revoke(mesh, granted)
    functions = [f"{step}FunctionRole" for step in (*STEPS, "ReleaseAccess")]
    roles = {mesh.physical_id("consumer", name): name for name in functions}
    calls = [call for call in mesh.record(since) if call["principal"].rpartition("/")[2] in roles]
    assert {roles[call["principal"].rpartition("/")[2]] for call in calls} == set(functions)
    assert [call for call in calls if call["status"] in {401, 403} or "Denied" in call["error"]] == []
