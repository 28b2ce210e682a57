"""What fails is started again by itself; what still fails is shown with its cause, and one command starts it again."""

import json
from typing import Any

import pytest
from mesh.domain.governance.failures import LARGEST_INPUT

from cli.output import CommandFailed
from local.accounts import ACCOUNTS, REGION
from tests.mesh_commands import mesh_command
from tests.mesh_conditions import ATTEMPTS, crash, lease_held, started_again
from tests.mesh_driver import MeshDriver
from tests.workflow.contracts.test_register_product import told_of

CSV = "a,b\n1,2\n"


def failures(mesh: MeshDriver, account: str, about: str) -> list[dict[str, Any]]:
    code, found = mesh_command(mesh, "failures", "--account", account)
    assert code == bool(found)
    return [each for each in found if about in each["what"]]


def test_a_failed_run_is_started_again_by_itself(mesh: MeshDriver) -> None:
    crash(mesh, "producer", "PrepareProductFunction", times=ATTEMPTS + 1)
    kept = mesh.dead_letters()
    mesh.put_contract("fail-once")
    failed = mesh.wait_for_run("prepare-product", "fail-once")
    assert (failed.status, failed.error) == ("FAILED", "Runtime.ExitError")

    again = started_again(mesh, failed)
    assert again.input == failed.input
    assert again.arn.endswith("-retry-1")
    assert mesh.faults() == []
    mesh.until(lambda: failures(mesh, "producer", "fail-once") == [], "no failure any more")
    assert mesh.dead_letters_since(kept) == {}


def test_what_fails_each_time_is_kept_and_is_started_again_by_a_command_once(mesh: MeshDriver) -> None:
    crash(mesh, "producer", "PrepareProductFunction", times=4 * ATTEMPTS)
    kept = mesh.dead_letters()["producer/FailedRunsQueue"]
    mesh.put_contract("fail-always")
    mesh.until(lambda: mesh.dead_letters()["producer/FailedRunsQueue"] == kept + 1, "the failed run in its queue")
    runs = mesh.runs("prepare-product", "fail-always")
    assert [run.status for run in runs] == ["FAILED"] * 4

    [failure] = failures(mesh, "producer", "fail-always")
    assert failure["what"] == "run of prepare-product of fail-always"
    assert "Runtime.ExitError" in failure["cause"]
    assert failure["next_step"] == f"mesh retry {failure['id']}"

    code, settled = mesh_command(mesh, "retry", failure["id"])
    assert (code, settled["action"], settled["about"]) == (0, "replay", "fail-always")
    known = {run.arn for run in runs}
    [again] = mesh.until(
        lambda: [run for run in mesh.runs("prepare-product", "fail-always") if run.arn not in known], "another run"
    )
    assert (again.status, again.input) == ("SUCCEEDED", runs[0].input)
    assert mesh.dead_letters()["producer/FailedRunsQueue"] == kept
    entries = mesh.items("producer", f"TRACE#{settled['trace']}")
    [entry] = [item for item in entries if item["what"] == "message replayed"]
    assert ":assumed-role/ProducerSteward/" in json.loads(entry["facts"])["by"]

    with pytest.raises(CommandFailed) as refused:
        mesh_command(mesh, "retry", failure["id"])
    assert refused.value.code == "UnknownFailure"


def test_a_run_that_somebody_stopped_is_not_started_again_and_its_uploads_are_not_forgotten(mesh: MeshDriver) -> None:
    mesh.prepare("fail-stopped")
    mesh.settled("fail-stopped")
    kept = mesh.dead_letters()["producer/FailedRunsQueue"]
    mesh.inject("delay", "lambda", "Invoke", resource=f"*:function:{_check_objects(mesh)}", seconds=3.0)
    mesh.put_object("fail-stopped/data/t1/a.csv", CSV)
    mesh.until(lambda: mesh.lease("fail-stopped"), "the run at work")
    stopped = mesh.lease("fail-stopped")
    mesh.client("producer", "stepfunctions").stop_execution(executionArn=stopped)
    mesh.until(lambda: mesh.dead_letters()["producer/FailedRunsQueue"] == kept + 1, "the stopped run in its queue")
    [failure] = failures(mesh, "producer", "fail-stopped")
    assert failure["cause"].startswith("ABORTED")

    sweep(mesh)
    assert mesh.lease("fail-stopped") == stopped  # a function of the run may still be at work
    code, _ = mesh_command(mesh, "dlq", "discard", failure["id"], "--reason", "tried")
    assert code == 0
    assert mesh.dead_letters()["producer/FailedRunsQueue"] == kept


def test_uploads_that_no_run_works_on_get_one(mesh: MeshDriver) -> None:
    mesh.prepare("fail-swept")
    mesh.settled("fail-swept")
    before = mesh.runs("onboard-upload", "fail-swept")
    forgotten = mesh.output("producer", "OnboardUploadArn").replace(":stateMachine:", ":execution:") + ":fail-forgotten"
    with lease_held(mesh, "fail-swept", forgotten):
        mesh.put_object("fail-swept/data/t1/a.csv", CSV)
        mesh.until(lambda: mesh.pending("fail-swept"), "the pending object")
        sweep(mesh)
        run = mesh.wait_for_run("onboard-upload", "fail-swept", after=before)
    assert run.outcome == "published"
    assert "-swept-" in run.arn
    sweep(mesh)
    mesh.settled("fail-swept")
    assert len(mesh.runs("onboard-upload", "fail-swept")) == len(before) + 1


def sweep(mesh: MeshDriver) -> None:
    """What the schedule does."""
    answer = mesh.client("producer", "lambda").invoke(
        FunctionName=mesh.physical_id("producer", "CollectUploadsFunction"), Payload=b'{"Records": []}'
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


def _check_objects(mesh: MeshDriver) -> str:
    return mesh.physical_id("producer", "CheckObjectsFunction")


def test_a_message_of_the_inbox_that_could_not_be_relayed_is_replayed(mesh: MeshDriver) -> None:
    mesh.prepare("fail-inbox")
    mesh.settled("fail-inbox")
    mesh.subscribe("fail-inbox")
    mesh.upload("fail-inbox", {"fail-inbox/data/t1/a.csv": CSV})
    mesh.until(lambda: mesh.notices("fail-inbox"), "the notice")
    [notice] = mesh.notices("fail-inbox")
    kept = mesh.dead_letters()["consumer/InboxDlq"]
    put_into_dlq(mesh, notice | {"metadata": notice["metadata"] | {"id": "another-notice"}})

    _, found = mesh_command(mesh, "dlq", "list", "--account", "consumer")
    [message] = [each for each in found if each["about"] == "fail-inbox" and each["queue"] == "InboxDlq"]
    assert message["what"] == "ProductUpdated in InboxDlq"
    code, _ = mesh_command(mesh, "dlq", "replay", message["id"][:8])
    assert code == 0
    mesh.until(lambda: len(mesh.notices("fail-inbox")) == 2, "the notice of the replayed message")
    assert mesh.dead_letters()["consumer/InboxDlq"] == kept


def test_a_notice_that_the_inbox_does_not_take_is_kept_and_replayed_and_others_are_unharmed(mesh: MeshDriver) -> None:
    """Somebody took the topic out of the policy of the consumer's queue: SNS does not try again."""
    sqs, url = mesh.client("consumer", "sqs"), mesh.physical_id("consumer", "InboxQueue")
    mesh.prepare("fail-closed")
    mesh.settled("fail-closed")
    mesh.subscribe("fail-closed")
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})

    mesh.upload("fail-closed", {"fail-closed/data/t1/a.csv": CSV})

    mesh.wait_for_notice("fail-closed", "producer")
    found = mesh.until(lambda: dead_letters(mesh, "fail-closed"), "the notice among the dead letters")
    assert [each["what"] for each in found] == ["ProductUpdated in InboxDlq"]
    _, checks = mesh_command(mesh, "doctor")
    wrong = [each["found"] for each in checks["checks"] if each["account"] == "consumer" and each["ok"] is False]
    assert "QueuePolicies was changed by hand: it is gone" in wrong
    assert mesh.notices("fail-closed") == []

    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    code, _ = mesh_command(mesh, "dlq", "replay", found[0]["id"][:8])
    assert code == 0
    mesh.wait_for_notice("fail-closed")
    assert dead_letters(mesh, "fail-closed") == []


def test_an_event_of_a_later_release_waits_and_is_relayed_once_it_can_be_read(mesh: MeshDriver) -> None:
    """As after the upgrade of a member whose central was upgraded before."""
    mesh.prepare("fail-later")
    mesh.settled("fail-later")
    metadata = {"id": "of-a-later-release", "correlation_id": "of-a-later-release"}
    data = {"product": "fail-later", "change": "of a form that nobody knows"}
    kept = mesh.dead_letters()["consumer/InboxDlq"]
    put_into_dlq(mesh, {"metadata": metadata, "data": data}, "OfALaterRelease")
    put_into_dlq(mesh, {"metadata": {"id": "of-this-one"}, "data": {"product": "fail-later"}}, "SubscriptionEnded")

    for _ in range(2):
        redeliver(mesh, "consumer")

    assert mesh.until(lambda: mesh.notices("fail-later", kind="SubscriptionEnded"), "the event that can be read")
    assert mesh.dead_letters()["consumer/InboxDlq"] == kept + 1
    [left] = dead_letters(mesh, "fail-later")
    assert left["what"] == "OfALaterRelease in InboxDlq"
    code, _ = mesh_command(mesh, "dlq", "discard", left["id"], "--reason", "tried")
    assert code == 0


def test_an_event_that_no_state_machine_takes_is_refused_and_told_to_its_sender(mesh: MeshDriver) -> None:
    kept = mesh.dead_letters()["central/EventDlq"]
    large = {"product": "fail-large", "padding": "x" * LARGEST_INPUT}
    sent = mesh.put_event("ProductDeclared", large, by="producer")
    mesh.until(lambda: mesh.dead_letters()["central/EventDlq"] == kept + 1, "what central's machine did not take")

    redeliver(mesh, "central")

    assert mesh.dead_letters()["central/EventDlq"] == kept
    [told] = mesh.until(lambda: told_of(mesh, "producer", sent["EventId"]), "the refusal")
    assert (told["event"], told["reason"]["code"]) == ("ProductDeclared", "EventTooLarge")
    refused = [json.loads(item["reason"]) for item in mesh.items("central", f"REFUSAL#{ACCOUNTS['producer']}")]
    assert [each["code"] for each in refused].count("EventTooLarge") == 1


def redeliver(mesh: MeshDriver, account: str) -> None:
    """What an account's stack does every five minutes."""
    answer = mesh.client(account, "lambda").invoke(
        FunctionName=mesh.output(account, "SettleFailureFunctionName"), Payload=b'{"detail-type": "Scheduled Event"}'
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


def dead_letters(mesh: MeshDriver, about: str, account: str = "consumer") -> list[dict[str, Any]]:
    _, found = mesh_command(mesh, "dlq", "list", "--account", account)
    return [each for each in found if each["about"] == about]


def put_into_dlq(mesh: MeshDriver, detail: dict[str, Any], kind: str = "ProductUpdated") -> None:
    """As SQS does, once the function has failed at it as often as it may."""
    attribute = {"Type": "String", "Value": kind}
    envelope = {
        "Type": "Notification",
        "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNTS['central']}:mesh-to-{ACCOUNTS['consumer']}",
        "Message": json.dumps(detail),
        "MessageAttributes": {"detail-type": attribute},
    }
    mesh.client("consumer", "sqs").send_message(
        QueueUrl=mesh.physical_id("consumer", "InboxDlq"), MessageBody=json.dumps(envelope)
    )


@pytest.mark.parametrize("account", ["central", "producer", "consumer"])
def test_an_id_that_is_in_no_queue_is_refused(mesh: MeshDriver, account: str) -> None:
    order = {"queue": "EventDlq", "message": "no-such-message", "action": "replay"}
    answer = mesh.client(account, "lambda").invoke(
        FunctionName=mesh.output(account, "SettleFailureFunctionName"), Payload=json.dumps(order).encode()
    )
    assert json.loads(json.loads(answer["Payload"].read())["errorMessage"])["code"] == "UnknownFailure"
