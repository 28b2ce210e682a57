"""A product over its contract's versions, from the contract to what readers see and are told (docs/contract.md)."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cli.membership.members import admit
from cli.mesh_context import mesh_context
from cli.output import CommandFailed
from local.accounts import ACCOUNTS
from tests.mesh_commands import mesh_command
from tests.mesh_driver import MeshDriver, Run
from tests.publishing_driver import COLUMNS, Analyst, PublishingDriver, one_table_contract

LINES = "id,amount\n1,10\n2,20\n"


def tables(product: str, version: str, **columns: Mapping[str, str]) -> dict[str, Any]:
    """A contract with these tables."""
    document = one_table_contract(product, version=version)
    [shape] = document["schema"]
    document["schema"] = [
        {**shape, "name": name, "properties": [{"name": each, "physicalType": kind} for each, kind in found.items()]}
        for name, found in columns.items()
    ]
    return document


def with_notice(document: dict[str, Any]) -> dict[str, Any]:
    """The contract, with a notice period that a test can wait for."""
    return {**document, "slaProperties": [{"property": "noticePeriod", "value": 40, "unit": "s"}]}


def declare(product: PublishingDriver, version: str, **columns: Mapping[str, str]) -> None:
    before = product.mesh.runs("prepare-product", product.name)
    product.mesh.put_contract(product.name, tables(product.name, version, **columns))
    run = product.mesh.wait_for_run("prepare-product", product.name, after=before)
    assert run.status == "SUCCEEDED"
    product.mesh.settled(product.name)


def register(product: PublishingDriver, document: dict[str, Any]) -> Run:
    """The run that looked at this contract."""
    before = product.mesh.runs("register-product", product.name)
    product.mesh.put_contract(product.name, document)
    run = product.mesh.wait_for_run("register-product", product.name, after=before)
    product.mesh.settled(product.name)
    return run


def not_readable(analyst: Analyst) -> bool:
    try:
        analyst.totals()
    except CommandFailed:
        return True
    return False


def read_by_an_analyst(mesh: MeshDriver, name: str) -> tuple[PublishingDriver, Analyst]:
    """A product with two rows of `id` and `amount`, and who reads them."""
    product = PublishingDriver(mesh, name)
    mesh.subscribe(name)
    assert product.upload("a.csv", LINES).outcome == "published"
    return product, product.share()


def told(product: PublishingDriver) -> tuple[str, dict[str, Any]]:
    """Of the newest version: its severity, and its changes by table."""
    version = product.versions()
    notice = product.mesh.wait_for_notice(product.name, "consumer", version=version)
    return notice["severity"], {change["table"]: change for change in notice["changes"]}


def test_a_column_gets_another_name(mesh: MeshDriver) -> None:
    product, analyst = read_by_an_analyst(mesh, "evolves-name")

    declare(product, "2.0.0", t1={"id": "bigint", "total": "bigint"})
    assert analyst.rows("id, amount") == [["1", "10"], ["2", "20"]], "until data comes"
    assert product.upload("b.csv", "id,total\n3,30\n").outcome == "published"

    severity, changes = told(product)
    assert (severity, changes["t1"]["removed_columns"]) == ("breaking", ["amount"])
    assert analyst.rows("id, total") == [["1", None], ["2", None], ["3", "30"]]
    product.upload("a.csv", "id,total\n1,10\n2,20\n")
    assert analyst.rows("id, total") == [["1", "10"], ["2", "20"], ["3", "30"]]


def test_a_column_is_removed(mesh: MeshDriver) -> None:
    product, analyst = read_by_an_analyst(mesh, "evolves-less")

    declare(product, "2.0.0", t1={"id": "bigint"})
    assert product.upload("b.csv", "id\n3\n").outcome == "published"

    severity, changes = told(product)
    assert (severity, changes["t1"]["removed_columns"]) == ("breaking", ["amount"])
    assert analyst.rows("*") == [["1"], ["2"], ["3"]]


def test_a_column_gets_another_type(mesh: MeshDriver) -> None:
    product, analyst = read_by_an_analyst(mesh, "evolves-type")

    declare(product, "2.0.0", t1={"id": "bigint", "amount": "decimal(10,2)"})
    assert product.upload("b.csv", "id,amount\n3,30.5\n").outcome == "published"

    severity, changes = told(product)
    assert severity == "breaking"
    assert changes["t1"]["changed_types"] == [{"name": "amount", "before": "bigint", "after": "decimal(10,2)"}]
    assert analyst.rows("id, amount") == [["1", "10.00"], ["2", "20.00"], ["3", "30.50"]]


def test_a_table_is_dropped(mesh: MeshDriver) -> None:
    """Its rows go with the next batch of any table, once; whoever read it is told that it is gone."""
    product = PublishingDriver(mesh, "evolves-fewer")
    declare(product, "1.1.0", t1=COLUMNS, t2=COLUMNS)
    mesh.subscribe(product.name)
    product.upload("a.csv", LINES)
    product.upload("a.csv", LINES, "t2")
    analyst = product.share()
    assert analyst.totals("t2") == (2, 30)

    declare(product, "2.0.0", t1=COLUMNS)
    assert product.upload("b.csv", "id,amount\n3,30\n").outcome == "published"

    severity, changes = told(product)
    assert severity == "breaking"
    assert {name: (change["dropped"], change["rows_delta"]) for name, change in changes.items()} == {
        "t1": (False, 1),
        "t2": (True, -2),
    }
    assert (analyst.totals(), analyst.totals("t2")[0]) == ((3, 60), 0)
    product.upload("c.csv", "id,amount\n4,40\n")
    assert told(product)[0] == "info"


def test_a_column_and_a_table_are_added(mesh: MeshDriver) -> None:
    """Who has the product has them without a request."""
    product, analyst = read_by_an_analyst(mesh, "evolves-more")

    declare(product, "1.1.0", t1={**COLUMNS, "note": "string"}, t2=COLUMNS)
    product.upload("b.csv", "id,amount,note\n3,30,new\n")
    assert (told(product)[0], told(product)[1]["t1"]["added_columns"]) == ("info", [{"name": "note", "type": "string"}])
    product.upload("a.csv", LINES, "t2")

    assert told(product)[1]["t2"]["new_table"]
    assert analyst.rows("id, note") == [["1", None], ["2", None], ["3", "new"]]
    assert analyst.totals("t2") == (2, 30)


def test_a_product_gets_another_owner_and_another_domain(mesh: MeshDriver) -> None:
    """The domain is one that the account was admitted for; it is a tag, so what an expression names may change."""
    product, analyst = read_by_an_analyst(mesh, "evolves-domain")
    document = tables(product.name, "1.0.1", t1=COLUMNS) | {"team": {"name": "Cards, Frankfurt"}}
    register(product, document)
    assert mesh_command(mesh, "show", product.name)[1]["contract"]["owner"] == "Cards, Frankfurt"

    moved = document | {"version": "1.0.2", "domain": "corporate-banking"}
    assert register(product, moved).output["reason"]["code"] == "DomainMismatch"
    where = mesh_context(port=urlsplit(mesh.endpoint).port, acting="central", role="DataMeshOwner")
    admit(where, ACCOUNTS["producer"], "producer", ("consumer-banking", "corporate-banking"))
    assert register(product, moved).status == "SUCCEEDED"

    assert mesh.tags(product.name)["domain"] == "corporate-banking"
    assert analyst.rows("id, amount") == [["1", "10"], ["2", "20"]]
    # Other tests say themselves for which domains the account is a member: no product of it may need more.
    mesh_command(mesh, "retire", product.name, "--reason", "the end of a test")
    mesh.until(lambda: mesh_command(mesh, "show", product.name)[1]["status"] == "retired", "its retirement")
    admit(where, ACCOUNTS["producer"], "producer", ("consumer-banking",))


def test_a_table_becomes_a_product_of_its_own(mesh: MeshDriver) -> None:
    """The new product is requested anew; the accesses to the old one keep what it keeps."""
    product = PublishingDriver(mesh, "evolves-whole")
    declare(product, "1.1.0", t1=COLUMNS, t2=COLUMNS)
    product.upload("a.csv", LINES)
    product.upload("a.csv", LINES, "t2")
    whole = product.share()
    part = PublishingDriver(mesh, "evolves-part")
    part.upload("a.csv", LINES)

    declare(product, "2.0.0", t1=COLUMNS)
    product.upload("b.csv", "id,amount\n3,30\n")

    assert (whole.totals(), whole.totals("t2")[0]) == ((3, 60), 0)
    with pytest.raises(CommandFailed):
        Analyst(mesh, part.name).totals()
    assert part.share().totals() == (2, 30)


def test_a_product_gets_another_name(mesh: MeshDriver) -> None:
    """It is another product, and the one of the old name is retired: its subscribers are told why, its accesses end,
    and nothing of it is published any more."""
    product, analyst = read_by_an_analyst(mesh, "evolves-called")
    renamed = PublishingDriver(mesh, "evolves-renamed")
    renamed.upload("a.csv", LINES)

    code, retired = mesh_command(mesh, "retire", product.name, "--reason", "it is evolves-renamed now")

    assert (code, retired["notified"]) == (0, [ACCOUNTS["consumer"], ACCOUNTS["producer"]])
    [notice] = mesh.until(lambda: mesh.notices(product.name, "consumer", "ProductRetired"), "that it is retired")
    assert notice["data"]["reason"] == "it is evolves-renamed now"
    mesh.until(lambda: not_readable(analyst), "the end of its accesses")
    product.upload("b.csv", "id,amount\n3,30\n")
    assert [batch["reason"]["code"] for batch in product.held()] == ["ProductIsRetired"]
    assert (product.versions(), mesh.tags(product.name, "t1")["amount"]["publication"]) == (1, "pending")
    assert renamed.share().totals() == (2, 30)

    declare(product, "1.0.1", t1=COLUMNS)
    assert product.share().totals() == (2, 30), "a contract revives it, with what it was published with"


def test_who_fills_the_tables_cannot_change(mesh: MeshDriver) -> None:
    product, analyst = read_by_an_analyst(mesh, "evolves-crawl")
    document = tables(product.name, "2.0.0", t1=COLUMNS)
    document["customProperties"].append({"property": "crawl", "value": "glue"})

    reason = register(product, document).output["reason"]

    assert (reason["code"], "another name" in reason["remedy"]) == ("CrawlModeChanged", True)
    assert analyst.totals() == (2, 30)


def test_readers_have_the_notice_that_they_were_promised(mesh: MeshDriver) -> None:
    """They are told at once; until the period is over data is checked and published by the contract in force."""
    product = PublishingDriver(mesh, "evolves-announced")
    mesh.put_contract(product.name, with_notice(tables(product.name, "1.1.0", t1=COLUMNS)))
    mesh.subscribe(product.name)
    assert product.upload("a.csv", LINES).outcome == "published"
    analyst = product.share()

    before, told_of = mesh.runs("register-product", product.name), tables(product.name, "2.0.0", t1={"id": "bigint"})
    prepared = mesh.runs("prepare-product", product.name)
    mesh.put_contract(product.name, told_of)
    run = mesh.wait_for_run("register-product", product.name, after=before)
    assert run.outcome == "announced"
    kind = "ContractChangeAnnounced"
    [detail] = mesh.until(lambda: mesh.notices(product.name, "consumer", kind), "the announcement")
    news = detail["data"]
    assert [change["text"] for change in news["changes"]] == ["t1.amount: removed (bigint)"]
    assert [(each["reader"], each["columns"]) for each in news["accesses"]] == [("DataAnalyst", ["t1.amount"])]
    assert product.upload("b.csv", "id,amount\n3,30\n").outcome == "published"
    assert analyst.rows("id, amount") == [["1", "10"], ["2", "20"], ["3", "30"]]
    assert analyst.rows("id") == [["1"], ["2"], ["3"]]
    _, past = mesh_command(mesh, "queries", product.name)
    assert [bool(query["breaks"]) for query in past["queries"][:2]] == [False, True]

    assert mesh.wait_for_run("prepare-product", product.name, after=prepared).status == "SUCCEEDED"
    assert datetime.now(UTC) >= datetime.fromisoformat(news["in_force"])
    assert product.upload("c.csv", "id\n4\n").outcome == "published"
    assert analyst.rows("*") == [["1"], ["2"], ["3"], ["4"]]


def test_who_gains_by_a_loosened_tag_is_known_before(mesh: MeshDriver, tmp_path: Path) -> None:
    product = PublishingDriver(mesh, "evolves-laxer")

    def with_amount(version: str, confidentiality: str) -> dict[str, Any]:
        document = tables(product.name, version, t1=COLUMNS)
        tags = {"property": "lfTags", "value": {"confidentiality": confidentiality}}
        document["schema"][0]["properties"][1]["customProperties"] = [tags]
        return document

    mesh.put_contract(product.name, with_amount("1.1.0", "restricted"))
    assert product.upload("a.csv", LINES).outcome == "published"
    analyst = product.share()
    assert analyst.rows("*") == [["1"], ["2"]]
    laxer = with_amount("1.2.0", "internal")
    (tmp_path / "contract.yaml").write_text(json.dumps(laxer), "utf-8")

    _, found = mesh_command(mesh, "preview", "--contract", str(tmp_path))

    assert found["loosened"] == ["t1.amount confidentiality: restricted \u2192 internal"]
    gains = {each["principal"].rpartition("/")[2]: each["gains"] for each in found["changes"]}
    assert gains["DataAnalyst"] == ["amount"]
    before = mesh.runs("register-product", product.name)
    mesh.put_contract(product.name, laxer)
    assert mesh.wait_for_run("register-product", product.name, after=before).status == "SUCCEEDED"
    assert analyst.rows("*") == [["1", "10"], ["2", "20"]]


@pytest.mark.parametrize("version", ["1.1.0", "1.0.1"])
def test_what_breaks_readers_needs_a_major_version(mesh: MeshDriver, version: str) -> None:
    product, analyst = read_by_an_analyst(mesh, f"evolves-{version.replace('.', '-')}")
    before = mesh.runs("register-product", product.name)
    mesh.put_contract(product.name, tables(product.name, version, t1={"id": "bigint"}))
    run = mesh.wait_for_run("register-product", product.name, after=before)
    assert (run.outcome, run.output["reason"]["code"]) == ("rejected", "BreakingContractChange")
    assert analyst.rows("id, amount") == [["1", "10"], ["2", "20"]]
