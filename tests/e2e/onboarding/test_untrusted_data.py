"""All kinds of bad input on one mesh, in few runs: where each lands, why, and that no version is published from it."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.mesh_conditions import lease_held
from tests.mesh_driver import MeshDriver, contract
from tests.unit.onboarding.test_untrusted_batches import HEAD, lying, parquet, zipped
from tests.workflow.onboarding.test_check_objects import held, put_decision

PRODUCT = "untrusted"
GOOD = b"a,b\n1,2\n"


@pytest.fixture(scope="module")
def product(deployed_mesh: MeshDriver) -> str:
    """Its contract leaves the columns open; each bad file has a table of its own in it."""
    deployed_mesh.prepare(PRODUCT)
    deployed_mesh.settled(PRODUCT)
    return PRODUCT


@pytest.fixture(autouse=True)
def _no_dead_letters_and_no_failed_run(mesh: MeshDriver) -> Iterator[None]:
    before = mesh.dead_letters()
    yield
    assert mesh.dead_letters() == before
    for name in (PRODUCT, "untrusted-raw", "untrusted-again"):
        assert {run.status for run in mesh.runs("onboard-upload", name)} <= {"SUCCEEDED"}


def bomb() -> bytes:
    """A thousandfold: 300 MB of which gzip makes 300 KB, in members that repeat."""
    return gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"1,2\n" * 2_500_000) * 31


BAD = {
    "unclosed/x.csv": (b'a,b\n1,"never\n2,3\n', "UnclosedQuote"),
    "unclosed_late/x.csv": ((HEAD + 'x,"never\ny,z\n').encode(), "UnclosedQuote"),
    "nul/x.csv": (b"a,b\nx,y\0z\n", "BinaryContent"),
    "nul_late/x.csv": (HEAD.encode() + b"x,\0\n", "BinaryContent"),
    "long_line/x.csv": (b"a,b\n1," + b"2" * 10_000_000 + b"\n", "LineTooLong"),
    "zip_as_csv/x.csv": (zipped(), "BinaryContent"),
    "zip/x.zip": (zipped(), "ArchiveUnsupported"),
    "bomb/x.csv.gz": (bomb(), "ExpandsTooFar"),
    "lying_rows/x.parquet": (lying(parquet(), promised=1001), "CorruptParquet"),
    "lying_size/x.parquet": (parquet()[:-8] + (10**6).to_bytes(4, "little") + b"PAR1", "CorruptParquet"),
    "lying_offsets/x.parquet": (parquet()[:4] + b"\x07" * 60 + parquet()[64:], "CorruptParquet"),
}


def test_bad_files_are_held_and_only_the_good_one_beside_them_is_published(mesh: MeshDriver, product: str) -> None:
    files = {f"{product}/data/{name}": body for name, (body, _) in BAD.items()}
    with lease_held(mesh, product):
        for key, body in files.items():
            mesh.put_object(key, body)
        mesh.until(lambda: set(files) <= set(mesh.pending(product)), "all uploads recorded")
    mesh.upload(product, {f"{product}/data/formulas/x.csv": b"a,b\n=HYPERLINK(1),1\n@SUM(A1),2\n3,4\n"})

    listed = mesh.held(product)
    found = {name: listed.get(f"{product}/data/{name}", {}).get("reason", {}).get("code") for name in BAD}
    assert found == {name: code for name, (_, code) in BAD.items()}
    for key, body in files.items():
        assert listed[key]["reason"]["remedy"]
        assert listed[key]["reason"]["where"]["key"] == key
        assert mesh.read(key) == body
    notice = mesh.wait_for_notice(product, "producer")
    mesh.settled(product)
    assert ([change["table"] for change in notice["changes"]], len(mesh.notices(product, "producer"))) == (
        ["formulas"],
        1,
    )
    [warning] = [one for one in notice["warnings"] if one["code"] == "FormulaCells"]
    assert "2 values of a" in warning["message"]
    assert not any(batch["releasable"] for batch in held(mesh, product))


def step(operation: str, **parameters: str) -> str:
    return json.dumps([{"Action": {"Operation": operation, "Parameters": parameters}}])


def test_a_bad_recipe_leaves_raw_data_where_they_are_until_a_good_one_comes(mesh: MeshDriver) -> None:
    product, raw = "untrusted-raw", "untrusted-raw/raw/t1/x.csv"
    mesh.prepare(product)
    recipes = [
        (step("KEEP_COLUMNS", sourceColumn="a"), f"{product}/recipe.json", "UnsupportedStep"),
        (step("RENAME", sourceColumn="nope", targetColumn="c"), raw, "RecipeColumnMissing"),
        (step("RENAME", sourceColumn="a", targetColumn="b"), raw, "RecipeColumnExists"),
    ]
    mesh.put_object(raw, GOOD)
    for recipe, key, code in recipes:
        mesh.put_object(f"{product}/recipe.json", recipe)
        reason = mesh.until(lambda key=key, code=code: report_of(mesh, product, key, code), f"{code} of {key}")
        assert reason["where"]["step"] == 1
        assert reason["remedy"]
        mesh.settled(product)
        assert mesh.read(raw) == GOOD
        assert mesh.notices(product, "producer") == []
    mesh.put_object(f"{product}/recipe.json", step("RENAME", sourceColumn="a", targetColumn="c"))
    assert mesh.wait_for_notice(product, "producer")["changes"][0]["rows"] == 1


def report_of(mesh: MeshDriver, product: str, key: str, code: str) -> dict[str, Any] | None:
    """Of a recipe that was refused, or of an object that is held for it."""
    notices = [*mesh.reports(f"{product}/reports/").values(), *mesh.held(product).values()]
    return next((one["reason"] for one in notices if (one["key"], one["reason"]["code"]) == (key, code)), None)


RULES = {
    "untrusted-no-sql": "frobnicate the data",
    "untrusted-zero": "SELECT count(*) / 0 FROM t1",
    "untrusted-elsewhere": "SELECT count(*) FROM other_product.t",
    "untrusted-file": "SELECT count(*) FROM read_csv('/etc/passwd')",
    "untrusted-many": "SELECT 1; DROP TABLE t1",
}


def test_a_contract_with_an_invalid_rule_registers_nothing(mesh: MeshDriver) -> None:
    for name, query in RULES.items():
        document = contract(name, columns={"a": "bigint"})
        document["schema"][0]["quality"] = [{"type": "sql", "query": query, "mustBe": 0}]
        mesh.put_contract(name, document)
    for name in RULES:
        key = f"{name}/contract.yaml"
        report = mesh.until(lambda name=name, key=key: mesh.reports(f"{name}/reports/").get(key), f"report on {key}")
        assert report["reason"]["code"] == "ContractSchemaViolation"
        assert report["reason"]["where"]["violations"][0]["path"] == "$.schema[0].quality[0]"
        assert mesh.exists(key)
        assert mesh.runs("prepare-product", name) == []


def test_a_release_of_what_was_replaced_changes_nothing(mesh: MeshDriver) -> None:
    product, key = "untrusted-again", "untrusted-again/data/t1/x.csv"
    document = contract(product, columns={"a": "bigint", "b": "bigint"})
    document["schema"][0]["properties"][0] |= {"logicalType": "integer", "logicalTypeOptions": {"maximum": 5}}
    mesh.put_contract(product, document)
    mesh.wait_for_run("prepare-product", product)
    mesh.upload(product, {key: b"a,b\n7,2\n"})
    [batch] = held(mesh, product)
    assert (batch["reason"]["code"], batch["releasable"]) == ("ValueOutOfRange", True)
    mesh.upload(product, {key: GOOD})
    mesh.wait_for_notice(product, "producer")

    answer = put_decision(mesh, batch, "release", role="ProducerSteward")

    trace_id = f"TRACE#{answer['Entries'][0]['EventId']}"
    [note] = mesh.until(
        lambda: [one for one in mesh.items("producer", trace_id) if one["what"] == "refused"], "a refusal"
    )
    assert json.loads(note["facts"])["reason"]["code"] == "BatchAlreadyDecided"
    assert mesh.read(key) == GOOD
    assert held(mesh, product)[0]["status"] == "superseded"
    assert len(mesh.notices(product, "producer")) == 1
