"""A batch checked, held back, released or rejected, through `onboard-upload` on a running mesh."""

import json
import random
from typing import Any

import pytest
from mesh.domain.quarantine import listing_key, page_key

from local.accounts import ADMIN_ROLE
from tests.mesh_conditions import crash
from tests.mesh_driver import MeshDriver, Run, contract

HELD = ("TakeBatch", "RouteBatch", "InspectBatch", "CheckBatch", "CheckRejections", "QuarantineObjects", "TellOwner",
        "CheckAccepted", "ReleaseBatch", "RecordLineage", "CheckMore", "Rejected")  # fmt: skip
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
        assert run.outcome == "onboarded", run


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
        "column": ("bad\n" + "0\n1\n" * 50, {"ColumnDropped"}),
        "text": (rows(102).replace(".", ",").replace("\n1", "\n one "), {"RaggedRows", "UnmergeableTypes"}),
        "range": (rows(103).replace(",1\n", ",7\n"), {"ValueOutOfRange"}),
        "twice": (rows(104) + rows(104).split("\n", 1)[1], {"RowsRepeated"}),
    }
    for name, (body, expected) in attacks.items():
        run = mesh.upload(product, {f"{product}/data/t1/dt=2026-12-{name}/a.csv": body})
        assert (run.status, run.outcome) == ("SUCCEEDED", "rejected"), (name, run)
        batch = held(mesh, product)[-1]
        assert batch["reason"]["code"] in expected, (name, batch["reason"])
    assert mesh.upload(product, {f"{product}/data/t1/dt=2026-12-30/a.csv": rows(105)}).outcome == "onboarded"
    assert mesh.wait_for_notice(product, "producer", version=CLEAN + 1)["changes"][0]["rows"] == 100
    partitions = mesh.client("central", "glue").get_partitions(DatabaseName=product, TableName="t1")["Partitions"]
    assert len(partitions) == CLEAN + 1


def test_what_is_held_has_a_page_a_listing_and_a_record_and_can_be_released(mesh: MeshDriver) -> None:
    product, key = "ch-release", "ch-release/data/t1/dt=2026-11-21/a.csv"
    mesh.put_contract(product, promise(product))
    mesh.wait_for_run("prepare-product", product)
    mesh.subscribe(product)
    bad = "amount,bad\n1.5,0\n2.5,7\n"

    run = mesh.upload(product, {f"{product}/data/t1/dt=2026-11-21/a.csv": bad})

    assert (run.states, run.outcome) == (HELD, "rejected")
    [batch] = held(mesh, product)
    assert (batch["status"], batch["releasable"], batch["objects"]) == ("held", True, 1)
    assert batch["reason"]["code"] == "ValueOutOfRange"
    page = mesh.read(page_key(product, batch["run"])).decode()
    assert "ValueOutOfRange" in page
    assert f"mesh release {product}/{batch['run']}" in page
    [item] = json.loads(mesh.read(listing_key(product, batch["run"])))
    assert (item["key"], mesh.read(item["moved_to"]).decode()) == (key, bad)
    assert not mesh.exists(key)

    decide(mesh, batch, "release")
    notice = mesh.wait_for_notice(product)

    assert decided(mesh, batch, "released")["decided_by"] == "ProducerSteward"
    assert notice["severity"] == "warning"
    [warning] = notice["warnings"]
    assert warning["code"] == "ValueOutOfRange"
    assert "ProducerSteward: it is true" in warning["message"]
    assert mesh.read(key).decode() == bad
    assert not mesh.exists(item["moved_to"])


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


def test_nobody_but_the_steward_decides(mesh: MeshDriver) -> None:
    product = "ch-role"
    mesh.put_contract(product, promise(product))
    mesh.wait_for_run("prepare-product", product)
    mesh.upload(product, {f"{product}/data/t1/a.csv": "amount,bad\n1.5,7\n"})
    [batch] = held(mesh, product)

    answer = put_decision(mesh, batch, "release", role=ADMIN_ROLE)

    assert answer["Entries"][0]["ErrorCode"] == "AccessDeniedException"
    assert held(mesh, product)[0]["status"] == "held"


def test_good_files_of_a_batch_go_on_without_the_bad_one(mesh: MeshDriver) -> None:
    product = "ch-part"
    mesh.put_contract(product, promise(product))
    mesh.wait_for_run("prepare-product", product)

    run = mesh.upload(
        product, {f"{product}/data/t1/a.csv": "amount,bad\n1.5,0\n", f"{product}/data/t1/b.csv": "amount,bad\n2.5,9\n"}
    )
    mesh.settled(product)

    assert run.status == "SUCCEEDED", (run.error, run.cause)
    assert mesh.wait_for_notice(product, "producer")["changes"][0]["rows"] == 1
    assert sum(batch["objects"] for batch in held(mesh, product)) == 1


def test_measured_values_are_in_the_catalog(mesh: MeshDriver) -> None:
    product = "ch-stored"
    mesh.put_contract(product, promise(product))
    mesh.wait_for_run("prepare-product", product)
    mesh.upload(product, {f"{product}/data/t1/a.csv": "amount,bad\n1.5,0\n2.5,1\n"})
    mesh.wait_for_notice(product, "producer")

    table = mesh.table(product, "t1")
    assert table["Parameters"]["mesh.rows"] == "2"
    assert table["Parameters"]["mesh.score.validity"] == "1.0000"
    [amount] = [column for column in table["StorageDescriptor"]["Columns"] if column["Name"] == "amount"]
    assert amount["Parameters"]["mesh.max"] == "2.5"
    found = mesh.client("central", "glue").get_column_statistics_for_table(
        DatabaseName=product, TableName="t1", ColumnNames=["amount", "bad"]
    )["ColumnStatisticsList"]
    assert found[0]["StatisticsData"]["DoubleColumnStatisticsData"]["MaximumValue"] == 2.5


@pytest.mark.parametrize("function", ["CheckBatchFunction", "DecideQuarantineFunction"])
def test_a_function_that_crashes_once_is_called_again(mesh: MeshDriver, function: str) -> None:
    product = f"ch-crash-{function[:6].lower()}"
    mesh.put_contract(product, promise(product))
    mesh.wait_for_run("prepare-product", product)
    crash(mesh, "producer", function)

    run: Run = mesh.upload(product, {f"{product}/data/t1/a.csv": "amount,bad\n1.5,7\n"})

    assert (run.status, run.outcome) == ("SUCCEEDED", "rejected")
    [batch] = held(mesh, product)
    decide(mesh, batch, "release")
    decided(mesh, batch, "released")
    assert mesh.wait_for_notice(product, "producer")["changes"][0]["rows"] == 1
    assert mesh.faults() == []
