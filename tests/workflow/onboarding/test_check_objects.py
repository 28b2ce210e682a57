"""Objects checked, held back, released or rejected, through `onboard-upload` on a running mesh."""

import json
import random
from typing import Any

from local.accounts import ADMIN_ROLE
from tests.access_driver import AccessDriver
from tests.mesh_conditions import crash
from tests.mesh_driver import MeshDriver, contract
from tests.publishing_driver import Analyst
from tests.workflow.onboarding.test_publish_upload import CHECKED

HELD = (*CHECKED, "SettleBatch", "CheckHeld", "NotifyOwner", "RecordLineage", "CheckMore", "Settled")
CLEAN = 6
COLUMNS = {"amount": "double", "bad": "bigint"}


def promise(product: str) -> dict[str, Any]:
    document = contract(product, columns=COLUMNS)
    table = document["schema"][0]
    table["customProperties"] = [{"property": "guard", "value": {"label": "bad"}}]
    table["properties"][1] |= {
        "logicalType": "integer",
        "required": True,
        "logicalTypeOptions": {"minimum": 0, "maximum": 1},
    }
    return document


def rows(seed: int, *, mean: float = 100.0, flipped: float = 0.0, count: int = 100) -> str:
    """Amounts, and whether it went bad: likelier for small ones."""
    dice = random.Random(seed)
    lines = []
    for _ in range(count):
        amount = dice.gauss(100, 10)
        bad = dice.random() < (0.7 if amount < 100 else 0.1)
        lines.append(f"{amount + mean - 100:.3f},{int(bad != (dice.random() < flipped))}")
    return "amount,bad\n" + "\n".join(lines) + "\n"


def publish_history(mesh: MeshDriver, product: str) -> None:
    mesh.put_contract(product, promise(product))
    mesh.wait_for_run("prepare-product", product)
    for number in range(CLEAN):
        run = mesh.upload(product, {f"{product}/data/t1/dt=2026-11-{number + 1:02d}/a.csv": rows(number)})
        assert run.outcome == "published", run


def held(mesh: MeshDriver, product: str) -> list[dict[str, Any]]:
    found = [json.loads(item["body"]) for item in mesh.items("producer", "QUARANTINE")]
    return [batch for batch in found if batch["product"] == product]


def put_decision(mesh: MeshDriver, batch: dict[str, Any], decision: str, *, role: str) -> dict[str, Any]:
    data = {"product": batch["product"], "run": batch["run"], "decision": decision, "reason": "it is true", "by": role}
    entry = {
        "EventBusName": mesh.output("producer", "OwnBusName"),
        "Source": "meshwork",
        "DetailType": "QuarantineDecided",
        "Detail": json.dumps({"data": data}),
    }
    answer: dict[str, Any] = mesh.client("producer", "events", role).put_events(Entries=[entry])
    return answer


def decide(mesh: MeshDriver, batch: dict[str, Any], decision: str) -> None:
    assert put_decision(mesh, batch, decision, role="ProducerSteward")["FailedEntryCount"] == 0


def decided(mesh: MeshDriver, batch: dict[str, Any], status: str) -> dict[str, Any]:
    def look() -> list[dict[str, Any]]:
        return [one for one in held(mesh, batch["product"]) if (one["run"], one["status"]) == (batch["run"], status)]

    return mesh.until(look, f"{batch['product']}/{batch['run']} {status}")[0]


def test_each_kind_of_trouble_after_a_clean_history(mesh: MeshDriver) -> None:
    """Clean slices publish; then each attack is held back for its own reason, and nothing of it is published."""
    product = "ch-guard"
    publish_history(mesh, product)
    attacks = {
        "labels": (rows(100, flipped=0.5), {"LabelsContradictData", "LabelRateShifted"}),
        "amount": (rows(101, mean=115), {"DistributionShifted", "OutliersUnusual"}),
        "again": (rows(3), {"SameObjectAgain", "RepeatsEarlierData"}),
        "column": ("bad\n" + "0\n1\n" * 50, {"ColumnGone"}),
        "text": (rows(102).replace(".", ",").replace("\n1", "\n one "), {"RaggedRows", "UnmergeableTypes"}),
        "range": (rows(103).replace(",1\n", ",7\n"), {"ValueOutOfRange"}),
        "twice": (rows(104) + rows(104).split("\n", 1)[1], {"RowsRepeated"}),
    }
    for name, (body, expected) in attacks.items():
        run = mesh.upload(product, {f"{product}/data/t1/dt=2026-12-{name}/a.csv": body})
        assert (run.status, run.outcome, run.output["held"]) == ("SUCCEEDED", "nothing", 1), (name, run)
        batch = held(mesh, product)[-1]
        assert batch["reason"]["code"] in expected, (name, batch["reason"])
    assert mesh.upload(product, {f"{product}/data/t1/dt=2026-12-30/a.csv": rows(105)}).outcome == "published"
    assert mesh.wait_for_notice(product, "producer", version=CLEAN + 1)["changes"][0]["rows"] == 100
    analyst = Analyst(mesh, product)
    AccessDriver(mesh).live(product)
    assert analyst.rows("count(*), count(DISTINCT dt)", "") == [[str(100 * (CLEAN + 1)), str(CLEAN + 1)]]


def test_what_is_held_has_a_page_a_listing_and_a_record_and_can_be_released(mesh: MeshDriver) -> None:
    product, key = "ch-release", "ch-release/data/t1/dt=2026-11-21/a.csv"
    mesh.put_contract(product, promise(product))
    mesh.wait_for_run("prepare-product", product)
    mesh.subscribe(product)
    bad = "amount,bad\n1.5,0\n2.5,7\n"

    run = mesh.upload(product, {f"{product}/data/t1/dt=2026-11-21/a.csv": bad})

    assert (run.states, run.outcome, run.output["held"]) == (HELD, "nothing", 1)
    [batch] = held(mesh, product)
    assert (batch["status"], batch["releasable"], batch["objects"]) == ("held", True, 1)
    assert batch["reason"]["code"] == "ValueOutOfRange"
    page = mesh.read(batch["page"]).decode()
    assert "ValueOutOfRange" in page
    assert f"mesh release {product}/{batch['run']}" in page
    [item] = json.loads(mesh.read(f"{product}/reports/{batch['run']}.held.json"))
    assert (item["key"], item["ref"]["key"]) == (key, key)
    assert mesh.read(key).decode() == bad

    decide(mesh, batch, "release")
    notice = mesh.wait_for_notice(product)

    assert decided(mesh, batch, "released")["decided_by"] == "ProducerSteward"
    assert notice["severity"] == "warning"
    [warning] = notice["warnings"]
    assert warning["code"] == "ValueOutOfRange"
    assert "ProducerSteward: it is true" in warning["message"]
    assert mesh.read(key).decode() == bad


def test_a_rejected_batch_stays_out(mesh: MeshDriver) -> None:
    product = "ch-reject"
    mesh.put_contract(product, promise(product))
    mesh.wait_for_run("prepare-product", product)
    mesh.upload(product, {f"{product}/data/t1/a.csv": "amount,bad\n1.5,7\n"})
    [batch] = held(mesh, product)

    decide(mesh, batch, "reject")

    assert decided(mesh, batch, "rejected")["why"] == "it is true"
    decide(mesh, batch, "release")
    mesh.settled(product)
    assert held(mesh, product)[0]["status"] == "rejected"
    assert mesh.notices(product, "producer") == []


def test_only_the_steward_decides(mesh: MeshDriver) -> None:
    product = "ch-role"
    mesh.put_contract(product, promise(product))
    mesh.wait_for_run("prepare-product", product)
    mesh.upload(product, {f"{product}/data/t1/a.csv": "amount,bad\n1.5,7\n"})
    [batch] = held(mesh, product)

    answer = put_decision(mesh, batch, "release", role=ADMIN_ROLE)

    assert answer["Entries"][0]["ErrorCode"] == "AccessDeniedException"
    assert held(mesh, product)[0]["status"] == "held"


def test_a_decision_whose_function_crashes_once_is_carried_out(mesh: MeshDriver) -> None:
    product = "ch-crash"
    mesh.put_contract(product, promise(product))
    mesh.wait_for_run("prepare-product", product)
    mesh.upload(product, {f"{product}/data/t1/a.csv": "amount,bad\n1.5,7\n"})
    [batch] = held(mesh, product)
    crash(mesh, "producer", "DecideQuarantineFunction")
    decide(mesh, batch, "release")
    decided(mesh, batch, "released")
    assert mesh.wait_for_notice(product, "producer")["changes"][0]["rows"] == 1
    assert mesh.faults() == []
