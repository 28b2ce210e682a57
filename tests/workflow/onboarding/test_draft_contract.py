"""Data without a contract, through `onboard-upload`: a draft, or nothing that one could be made of."""

import json

from tests.mesh_driver import MeshDriver

DRAFTED = ("TakeBatch", "RouteBatch", "DraftContract", "CheckDraft")
ROWS = "code,amount\n007,1\n008,2.5\n"


def test_data_without_a_contract_become_a_draft_of_what_is_published_then(mesh: MeshDriver) -> None:
    mesh.put_object("dr-first/data/t1/a.csv", ROWS)
    notice = mesh.wait_for_notice("dr-first", "producer")
    mesh.settled("dr-first")
    [run] = [run for run in mesh.runs("onboard-upload", "dr-first") if "DraftContract" in run.states]
    assert (run.status, run.states[:6]) == ("SUCCEEDED", (*DRAFTED, "TakeBatch", "RouteBatch"))
    assert (mesh.pending("dr-first"), mesh.lease("dr-first")) == ([], "")
    assert (notice["draft"], notice["changes"][0]["rows"]) == (True, 2)
    columns = mesh.table("dr-first", "t1")["StorageDescriptor"]["Columns"]
    assert [(one["Name"], one["Type"]) for one in columns] == [("code", "string"), ("amount", "double")]


def test_what_cannot_be_read_is_held_without_a_contract(mesh: MeshDriver) -> None:
    run = mesh.upload("dr-none", {"dr-none/data/t1/a.csv": ""})
    assert (run.status, run.outcome, run.output["held"]) == ("SUCCEEDED", "nothing", 1)
    assert run.states == (
        *DRAFTED, "SettleBatch", "CheckHeld", "NotifyOwner", "RecordLineage", "CheckMore", "Settled",
    )  # fmt: skip
    [item] = json.loads(mesh.read("dr-none/reports/00000001.held.json"))
    assert (item["key"], item["reason"]["code"], item["releasable"]) == ("dr-none/data/t1/a.csv", "EmptyFile", False)
    assert (mesh.pending("dr-none"), mesh.lease("dr-none")) == ([], "")
    assert mesh.exists("dr-none/data/t1/a.csv")
    assert mesh.runs("register-product", "dr-none") == []


def test_what_only_a_crawler_reads_is_drafted_for_it(mesh: MeshDriver) -> None:
    mesh.put_object("dr-avro/data/t1/a.avro", b"Obj\x01" + b"\x00" * 100)
    run = mesh.wait_for_run("register-product", "dr-avro")
    assert run.status == "SUCCEEDED"
    facts = mesh.until(
        lambda: [json.loads(item["body"]) for item in mesh.items("producer", "PRODUCT#dr-avro")
                 if item["sk"] == "PRODUCT" and "body" in item], "the product"
    )[0]  # fmt: skip
    assert facts["crawl"] == "glue"
