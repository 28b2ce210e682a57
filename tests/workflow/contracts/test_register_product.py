"""Each path of `register-product`, by the real definition in the deployed mesh."""

import json
from typing import Any

import pytest
import yaml

from tests.mesh_conditions import ATTEMPTS, crash
from tests.mesh_driver import MeshDriver, contract

HAPPY = (
    "CheckContract",
    "CheckCurrent",
    "RegisterProduct",
    "CheckOvertaken",
    "AnnounceRegistration",
    "Registered",
)
CENTRAL = "111111111111"


def declaration(mesh: MeshDriver, product: str, sequencer: str = "") -> dict[str, Any]:
    """The `data` of a ProductDeclared that would be accepted from the producer."""
    return {
        "product": product,
        "bucket": mesh.bucket,
        "key": f"{product}/contract.yaml",
        "sequencer": sequencer,
        "contract": yaml.safe_dump(contract(product)),
    }


def status_of(mesh: MeshDriver, product: str) -> str:
    item = mesh.item("central", {"pk": {"S": f"PRODUCT#{product}"}, "sk": {"S": "PRODUCT"}})
    return str(item["status"]["S"]) if item else ""


def test_registered(mesh: MeshDriver) -> None:
    mesh.put_contract("reg-happy")
    run = mesh.wait_for_run("register-product", "reg-happy")
    assert (run.status, run.states) == ("SUCCEEDED", HAPPY)
    assert status_of(mesh, "reg-happy") == "registered"
    assert mesh.tags("reg-happy")["product"] == "reg-happy"
    arn = f"arn:aws:s3:::{mesh.bucket}/reg-happy/published"
    found = mesh.client("central", "lakeformation").describe_resource(ResourceArn=arn)["ResourceInfo"]
    assert found["ResourceArn"] == arn
    notices = mesh.until(lambda: mesh.notices("reg-happy", "producer", "ProductRegistered"), "answer to the producer")
    assert [detail["data"]["bucket"] for detail in notices] == [mesh.bucket]


def test_a_non_member_is_rejected_and_not_answered(mesh: MeshDriver) -> None:
    mesh.put_event("ProductDeclared", declaration(mesh, "reg-stranger"), by="central")
    run = mesh.wait_for_run("register-product", "reg-stranger")
    assert (run.status, run.outcome, run.states) == ("SUCCEEDED", "refused", ("CheckContract", "Refused"))
    assert run.output["reason"]["code"] == "NotAMember"
    assert status_of(mesh, "reg-stranger") == ""


@pytest.mark.parametrize(
    ("name", "account", "more", "code"),
    [
        ("reg-role", "consumer", {}, "NotAllowedForRole"),
        ("reg-forged", "producer", {"account": "333333333333"}, "ForgedSender"),
    ],
)
def test_a_member_is_told_why_its_event_is_refused(
    mesh: MeshDriver, name: str, account: str, more: dict[str, str], code: str
) -> None:
    sent = mesh.put_event("ProductDeclared", declaration(mesh, name), by=account, **more)
    run = mesh.wait_for_run("register-product", name)
    assert (run.status, run.outcome) == ("SUCCEEDED", "refused")
    assert run.states == ("CheckContract", "Refused")
    assert run.output["reason"]["code"] == code
    told = mesh.until(lambda: told_of(mesh, account, sent["EventId"]), f"refusal sent to {account}")
    assert [(data["event"], data["reason"]["code"]) for data in told] == [("ProductDeclared", code)]
    assert status_of(mesh, name) == ""


def test_a_contract_that_does_not_pass_is_rejected(mesh: MeshDriver) -> None:
    mesh.put_contract("reg-rejected", contract("reg-rejected", domain="payments"))
    run = mesh.wait_for_run("register-product", "reg-rejected")
    assert (run.status, run.outcome) == ("SUCCEEDED", "rejected")
    assert run.states == ("CheckContract", "NotifyRejection", "Rejected")
    assert status_of(mesh, "reg-rejected") == ""


def test_each_rejection_is_announced_even_if_the_events_had_no_id(mesh: MeshDriver) -> None:
    """The inbox knows an event by its id, and passes over what it knows."""
    for name in ("reg-nameless-1", "reg-nameless-2"):
        sent = mesh.put_event("ProductDeclared", declaration(mesh, name), by="producer", sender="333333333333")
        mesh.until(lambda event=sent["EventId"]: told_of(mesh, "producer", event), name)  # type: ignore[misc]


def told_of(mesh: MeshDriver, account: str, event: str) -> list[dict[str, Any]]:
    """`data` of what the account was told of an event that central refused; its id is EventBridge's."""
    found = [detail for kind, detail in mesh.notified(account) if kind == "EventRefused"]
    return [detail["data"] for detail in found if detail["metadata"]["causation_id"] == event]


def test_a_malformed_declaration_is_rejected(mesh: MeshDriver) -> None:
    mesh.put_event("ProductDeclared", {"product": "reg-malformed", "colour": "blue"}, by="producer")
    run = mesh.wait_for_run("register-product", "reg-malformed")
    assert (run.status, run.outcome) == ("SUCCEEDED", "refused")
    assert run.output["reason"]["code"] == "MalformedEvent"
    assert run.states == ("CheckContract", "Refused")


def test_an_older_contract_does_not_undo_a_newer_one(mesh: MeshDriver) -> None:
    mesh.prepare("reg-late")
    sent = mesh.put_event("ProductDeclared", declaration(mesh, "reg-late", sequencer="0"), by="producer")
    runs = mesh.until(
        lambda: [run for run in mesh.runs("register-product", "reg-late") if run.event == sent["EventId"]], "its run"
    )
    assert (runs[0].status, runs[0].outcome) == ("SUCCEEDED", "superseded")
    assert runs[0].states == ("CheckContract", "CheckCurrent", "Superseded")


def test_a_registration_that_waits_while_a_newer_contract_comes_gives_way_to_it(mesh: MeshDriver) -> None:
    """Whichever of the two has its turn first, when somebody else is done with the product."""
    table, dynamodb = mesh.output("central", "TableName"), mesh.client("central", "dynamodb")
    lock = {"pk": {"S": "LOCK#product-reg-overtaken"}, "sk": {"S": "LOCK"}}
    held = {"holder": {"S": "somebody else"}, "until": {"S": f"{mesh.now().timestamp() + 3600:017.3f}"}}
    dynamodb.put_item(TableName=table, Item={**lock, **held})

    def declared() -> str:
        body = mesh.item("central", {"pk": {"S": "PRODUCT#reg-overtaken"}, "sk": {"S": "PRODUCT"}})
        return str(json.loads(body["body"]["S"])["contract_version"]) if body else ""

    for version in ("1.0.0", "1.1.0"):
        mesh.put_contract("reg-overtaken", contract("reg-overtaken", version=version))
        mesh.until(lambda version=version: declared() == version, version)  # type: ignore[misc]
    dynamodb.delete_item(TableName=table, Key=lock)

    mesh.until(lambda: len(mesh.runs("register-product", "reg-overtaken")) == 2, "both registrations")
    older, newer = sorted(mesh.runs("register-product", "reg-overtaken"), key=lambda run: run.states != HAPPY)[::-1]
    assert (older.outcome, older.states[-2:]) == ("superseded", ("CheckOvertaken", "Superseded"))
    assert (newer.status, newer.states) == ("SUCCEEDED", HAPPY)
    assert (status_of(mesh, "reg-overtaken"), declared()) == ("registered", "1.1.0")


@pytest.mark.ordered_delivery("as many refusals as one client has attempts")
def test_throttling_that_outlasts_the_client_is_retried_by_the_machine(mesh: MeshDriver) -> None:
    """Four attempts are botocore's; the fifth succeeds in the machine's first retry."""
    mesh.inject("throttle", "lakeformation", "BatchGrantPermissions", account=CENTRAL, count=4)
    mesh.put_contract("reg-throttled")
    run = mesh.wait_for_run("register-product", "reg-throttled")
    assert (run.status, run.states) == ("SUCCEEDED", HAPPY)
    assert _failures(run.events) == ["Throttled"]
    assert mesh.faults() == []


@pytest.mark.ordered_delivery("which run meets the crash")
def test_a_crash_is_retried(mesh: MeshDriver) -> None:
    crash(mesh, "central", "RegisterProductFunction")
    mesh.put_contract("reg-crashed")
    run = mesh.wait_for_run("register-product", "reg-crashed")
    assert (run.status, run.states) == ("SUCCEEDED", HAPPY)
    assert _failures(run.events) == ["Runtime.ExitError"]


@pytest.mark.ordered_delivery("as many crashes as one run has attempts")
def test_crash_after_crash_fails_and_the_next_contract_completes(mesh: MeshDriver) -> None:
    crash(mesh, "central", "RegisterProductFunction", times=ATTEMPTS)
    mesh.put_contract("reg-down")
    run = mesh.wait_for_run("register-product", "reg-down")
    assert (run.status, run.error) == ("FAILED", "Runtime.ExitError")
    assert run.states[-2:] == ("RegisterProduct", "RegistrationFailed")
    assert status_of(mesh, "reg-down") == "claimed"
    assert mesh.runs("prepare-product", "reg-down") == []
    mesh.put_contract("reg-down")
    assert mesh.wait_for_run("register-product", "reg-down", after=[run]).states == HAPPY
    assert mesh.wait_for_run("prepare-product", "reg-down").status == "SUCCEEDED"


def test_a_failed_announcement_fails_the_run(mesh: MeshDriver) -> None:
    mesh.inject("throttle", "sns", "Publish", account=CENTRAL, code="ThrottledException", count=1000)
    mesh.put_contract("reg-silent")
    run = mesh.wait_for_run("register-product", "reg-silent")
    assert run.status == "FAILED"
    assert run.states[-2:] == ("AnnounceRegistration", "RegistrationFailed")
    assert "Throttl" in run.error


def _failures(events: tuple[dict[str, Any], ...]) -> list[str]:
    kinds = ("taskFailedEventDetails", "lambdaFunctionFailedEventDetails")
    return [event[kind].get("error", "") for event in events for kind in kinds if kind in event]
