"""Each path of `publish-version`."""

import json
from typing import Any

from tests.mesh_conditions import crash, drop_column, start_again
from tests.mesh_driver import MeshDriver, Run, contract

HAPPY = (
    "AuthoriseSender",
    "DiffVersion",
    "TagTables",
    "RecordVersion",
    "ConfirmReadable",
    "NotifySubscribers",
    "RecordLineage",
    "Published",
)
CENTRAL = "111111111111"
CSV = "id,email\n1,a@example.com\n2,b@example.com\n"


def published(mesh: MeshDriver, product: str) -> Run:
    """The run that publishes a first upload."""
    mesh.prepare(product)
    mesh.put_object(f"{product}/data/t1/a.csv", CSV)
    return mesh.wait_for_run("publish-version", product)


def crawled(product: str) -> dict[str, Any]:
    """The `data` of a DataCrawled about a table that is not in the catalog."""
    counts = {"rows": 1, "rows_exact": True, "bytes": 1, "objects": 1}
    table = {"name": "nowhere", "new_table": True, **counts, "total": counts}
    return {"product": product, "generation": 1, "mode": "express", "tables": [table]}


def versions(mesh: MeshDriver, product: str) -> int:
    return sum(item["sk"].startswith("VERSION#") for item in mesh.items("central", f"PRODUCT#{product}"))


def test_published_after_it_was_tagged(mesh: MeshDriver) -> None:
    run = published(mesh, "pub-happy")
    assert (run.status, run.states) == ("SUCCEEDED", HAPPY)
    assert versions(mesh, "pub-happy") == 1
    assert mesh.tags("pub-happy", "t1")["email"]["pii"] == "personal"
    assert run.output["told"] == ["222222222222"]


def test_a_crawl_that_is_delivered_twice_is_one_version(mesh: MeshDriver) -> None:
    run = published(mesh, "pub-twice")
    mesh.client("producer", "events").put_events(
        Entries=[
            {
                "EventBusName": f"arn:aws:events:us-east-1:{CENTRAL}:event-bus/mesh",
                "Source": "meshwork",
                "DetailType": "DataCrawled",
                "Detail": json.dumps(run.input["detail"]),
            }
        ]
    )
    again = mesh.wait_for_run("publish-version", "pub-twice", after=[run])
    assert (again.status, again.states) == ("SUCCEEDED", HAPPY)
    assert (again.output["told"], again.output["already"]) == ([], ["222222222222"])
    assert versions(mesh, "pub-twice") == 1
    assert len(mesh.notices("pub-twice", "producer")) == 1


def test_a_delivery_that_eventbridge_repeats_is_one_version(mesh: MeshDriver) -> None:
    mesh.prepare("pub-repeated")
    mesh.inject("duplicate_event", "events", "DataCrawled", account=CENTRAL)
    mesh.put_object("pub-repeated/data/t1/a.csv", CSV)
    mesh.wait_for_notice("pub-repeated", "producer")
    runs = mesh.until(lambda: _two(mesh.runs("publish-version", "pub-repeated")), "both deliveries")
    assert {run.status for run in runs} == {"SUCCEEDED"}
    mesh.settled("pub-repeated")
    assert versions(mesh, "pub-repeated") == 1
    assert len(mesh.notices("pub-repeated", "producer")) == 1


def test_a_product_that_is_not_the_senders_is_refused(mesh: MeshDriver) -> None:
    mesh.put_event("DataCrawled", crawled("pub-nobodys"), by="producer")
    run = mesh.wait_for_run("publish-version", "pub-nobodys")
    assert (run.status, run.outcome) == ("SUCCEEDED", "refused")
    assert run.states == ("AuthoriseSender", "DiffVersion", "Refused")
    assert run.output["reason"]["code"] == "NotTheOwner"


def test_a_member_of_the_wrong_role_is_refused(mesh: MeshDriver) -> None:
    mesh.put_event("DataCrawled", crawled("pub-role"), by="consumer")
    run = mesh.wait_for_run("publish-version", "pub-role")
    assert (run.status, run.outcome, run.states) == ("SUCCEEDED", "refused", ("AuthoriseSender", "Refused"))
    assert run.output["reason"]["code"] == "NotAllowedForRole"


def test_a_table_that_is_not_there_fails_and_nothing_is_announced(mesh: MeshDriver) -> None:
    mesh.prepare("pub-unreadable")
    mesh.put_event("DataCrawled", crawled("pub-unreadable"), by="producer")
    run = mesh.wait_for_run("publish-version", "pub-unreadable")
    assert (run.status, run.error) == ("FAILED", "NotYetReadable")
    assert run.states == ("AuthoriseSender", "DiffVersion", "PublicationFailed")
    assert versions(mesh, "pub-unreadable") == 0
    assert mesh.notices("pub-unreadable", "producer") == []


def test_two_crawls_at_once_get_a_version_each(mesh: MeshDriver) -> None:
    """The second to record finds the number taken, and compares anew."""
    mesh.prepare("pub-racing")
    mesh.inject("delay", "lakeformation", "AddLFTagsToResource", account=CENTRAL, seconds=4, count=1)
    mesh.put_object("pub-racing/data/t1/a.csv", CSV)
    mesh.wait_for_run("onboard-upload", "pub-racing")
    mesh.put_object("pub-racing/data/t1/b.csv", CSV)
    runs = mesh.until(lambda: _two(mesh.runs("publish-version", "pub-racing")), "both crawls published")
    assert {run.status for run in runs} == {"SUCCEEDED"}
    assert any(run.states.count("DiffVersion") > 1 and "CheckAttempts" in run.states for run in runs)
    told = [detail["data"] for detail in mesh.until(lambda: _two(mesh.notices("pub-racing", "producer")), "notices")]
    assert sorted(data["version"] for data in told) == [1, 2]


def test_throttling_is_retried(mesh: MeshDriver) -> None:
    mesh.prepare("pub-throttled")
    mesh.inject("throttle", "sns", "Publish", account=CENTRAL, code="ThrottledException", count=4)
    mesh.put_object("pub-throttled/data/t1/a.csv", CSV)
    run = mesh.wait_for_run("publish-version", "pub-throttled")
    assert (run.status, run.states) == ("SUCCEEDED", HAPPY)
    assert mesh.faults() == []
    mesh.wait_for_notice("pub-throttled", "producer")


def test_an_answer_lost_after_the_notice_went_out_tells_nobody_twice(mesh: MeshDriver) -> None:
    mesh.prepare("pub-lost")
    mesh.inject("lost_answer", "sns", "Publish", account=CENTRAL)
    mesh.put_object("pub-lost/data/t1/a.csv", CSV)
    run = mesh.wait_for_run("publish-version", "pub-lost")
    assert run.status == "SUCCEEDED"
    mesh.wait_for_notice("pub-lost", "producer")
    mesh.settled("pub-lost")
    assert len(mesh.notices("pub-lost", "producer")) == 1


def test_a_crash_fails_at_last_and_the_same_run_again_completes(mesh: MeshDriver) -> None:
    crash(mesh, "central", "NotifySubscribersFunction", times=3)
    run = published(mesh, "pub-down")
    assert (run.status, run.error) == ("FAILED", "Runtime.ExitError")
    assert run.states[-2:] == ("NotifySubscribers", "PublicationFailed")
    assert mesh.notices("pub-down", "producer") == []
    again = start_again(mesh, run)
    assert (again.status, again.states) == ("SUCCEEDED", HAPPY)
    assert mesh.wait_for_notice("pub-down", "producer")["version"] == 1
    assert versions(mesh, "pub-down") == 1


def _two[T](found: list[T]) -> list[T]:
    return found if len(found) >= 2 else []


def test_a_column_that_the_catalog_lost_is_held_back_until_the_contract_says_so(mesh: MeshDriver) -> None:
    """Somebody with the producer's rights edits the table, as a crawler might: no reader hears of that version.

    The guard, which would hold data without the column back before that, is told not to."""
    unguarded = contract("pub-broken")["schema"][0] | {
        "customProperties": [{"property": "guard", "value": {"off": ["ColumnGone"]}}]
    }
    mesh.prepare("pub-broken", schema=[unguarded])
    mesh.subscribe("pub-broken")
    mesh.upload("pub-broken", {"pub-broken/data/t1/a.csv": "id,email,note\n1,a@example.com,x\n"})
    mesh.wait_for_notice("pub-broken")
    drop_column(mesh, "pub-broken", "note")
    before = mesh.runs("publish-version", "pub-broken")

    mesh.upload("pub-broken", {"pub-broken/data/t1/b.csv": CSV})

    run = mesh.wait_for_run("publish-version", "pub-broken", after=before)
    assert (run.status, run.outcome) == ("SUCCEEDED", "rejected")
    assert run.states == ("AuthoriseSender", "DiffVersion", "HoldVersion", "Rejected")
    assert run.output["reason"]["code"] == "BreakingSchemaChange"
    told = mesh.until(lambda: mesh.notices("pub-broken", "producer", "ProductQuarantined"), "the owner is told")
    where = told[0]["data"]["reason"]["where"]
    assert (where["columns"], where["subscribers"]) == (["t1.note"], ["333333333333"])
    assert versions(mesh, "pub-broken") == 1
    assert [detail["data"]["version"] for detail in mesh.notices("pub-broken")] == [1]

    mesh.put_contract("pub-broken", version="2.0.0", schema=[unguarded])
    mesh.until(lambda: len(mesh.runs("prepare-product", "pub-broken")) == 2, "preparation under the new contract")
    mesh.settled("pub-broken")
    mesh.put_object("pub-broken/data/t1/c.csv", CSV)
    notice = mesh.wait_for_notice("pub-broken", version=2)
    assert (notice["severity"], notice["contract_version"]) == ("breaking", "2.0.0")
    assert notice["changes"][0]["removed_columns"] == ["note"]
