"""The main job on the built and deployed artifacts: a file in a bucket becomes a tagged table and a notice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.samples import credit
from tests.access_driver import AccessDriver
from tests.credit_increment import write_increment
from tests.mesh_driver import MeshDriver
from tests.publishing_driver import Analyst

MODES = ("express", "glue")
REAL_DATA = Path(__file__).parents[4] / "shared" / "data" / "south_german_credit.csv"
FIRST, SECOND = "2026-11-20", "2026-11-21"
OPEN = {"confidentiality": "internal", "domain": "consumer-banking", "pii": "none", "publication": "pending"}

type Publish = Callable[[str], str]


def credit_contract(product: str, mode: str) -> dict[str, Any]:
    document = credit.contract()
    document["customProperties"] = [
        {"property": "crawlerPrefix", "value": product},
        {"property": "lfTags", "value": {"confidentiality": "internal"}},
        {"property": "crawl", "value": mode},
    ]
    return document | {"id": product, "name": product}


@pytest.fixture(scope="module")
def published(deployed_mesh: MeshDriver, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The credit data as two products, one for each way to crawl: mode → product. Both versions are out."""
    mesh, folder = deployed_mesh, tmp_path_factory.mktemp("credit")
    first = next(credit.write_product(folder, dt=FIRST).glob("data/**/*.csv")).read_bytes()
    second = write_increment(folder, SECOND, extra_column="score").read_bytes()
    products = {mode: f"credit-{mode}" for mode in MODES}
    for mode, product in products.items():
        mesh.put_contract(product, credit_contract(product, mode))
    for product in products.values():
        assert mesh.wait_for_run("prepare-product", product).status == "SUCCEEDED"
        mesh.subscribe(product)
    for version, (dt, body) in enumerate([(FIRST, first), (SECOND, second)], start=1):
        for product in products.values():
            mesh.put_object(f"{product}/data/{credit.TABLE}/dt={dt}/part-{version}.csv", body)
        for product in products.values():
            mesh.wait_for_notice(product, version=version)
            mesh.settled(product)  # a run that has not ended takes the next batch as well
    return products


@pytest.mark.parametrize("mode", MODES)
def test_the_crawl_used_the_contracts_mode(mesh: MeshDriver, published: dict[str, str], mode: str) -> None:
    runs = [run for run in mesh.runs("onboard-upload", published[mode]) if run.outcome == "published"]
    assert len(runs) == 2
    for run in runs:
        assert ("StartCrawler" in run.states) == (mode == "glue")
        assert ("PromoteObjects" in run.states) == (mode == "glue")


@pytest.mark.parametrize("mode", MODES)
def test_the_first_notice_shows_table_columns_and_rows(mesh: MeshDriver, published: dict[str, str], mode: str) -> None:
    product = published[mode]
    notice = mesh.wait_for_notice(product, version=1)
    assert (notice["owner_account"], notice["domain"], notice["draft"]) == ("222222222222", "consumer-banking", False)
    [change] = notice["changes"]
    assert change["table"] == credit.TABLE
    assert change["new_table"] is True
    assert (change["rows"], change["rows_exact"], change["objects"]) == (1000, True, 1)
    assert change["columns"] == len(credit.COLUMNS) + 1  # and the partition
    assert change["added_columns"] == []
    assert change["added_partitions"] == [f"dt={FIRST}"]
    [query] = notice["queries"]
    assert query["catalog_id"] == "111111111111"
    assert (query["database"], query["table"], query["resource_link"]) == (product, credit.TABLE, f"rl_{product}")


@pytest.mark.parametrize("mode", MODES)
def test_the_second_notice_names_exactly_the_new_column_and_partition(
    mesh: MeshDriver, published: dict[str, str], mode: str
) -> None:
    [change] = mesh.wait_for_notice(published[mode], version=2)["changes"]
    assert change["new_table"] is False
    assert change["added_columns"] == [{"name": "score", "type": "bigint"}]
    assert change["added_partitions"] == [f"dt={SECOND}"]
    assert change["added_partitions_count"] == 1
    assert change["removed_columns"] == []
    assert change["changed_types"] == []
    assert change["rows"] == 200


@pytest.mark.parametrize("mode", MODES)
def test_each_version_is_announced_once_to_subscriber_and_owner(
    mesh: MeshDriver, published: dict[str, str], mode: str
) -> None:
    for account in ("consumer", "producer"):
        notice = [detail["data"]["version"] for detail in mesh.notices(published[mode], account)]
        assert sorted(notice) == [1, 2]


@pytest.mark.parametrize("mode", MODES)
def test_the_table_in_central(mesh: MeshDriver, published: dict[str, str], mode: str) -> None:
    table = mesh.table(published[mode], credit.TABLE)
    columns = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    keys = {key["Name"]: key["Type"] for key in table.get("PartitionKeys", [])}
    assert set(columns | keys) == {*credit.COLUMNS, "score", "dt"}
    assert {columns[name] for name in (*credit.COLUMNS, "score")} == {"bigint"}
    assert list(keys) == (["dt"] if mode == "glue" else [])
    assert table["StorageDescriptor"]["Location"].startswith(f"s3://{mesh.bucket}/{published[mode]}/published/")


@pytest.mark.parametrize("mode", MODES)
def test_tags_of_database_table_and_columns(mesh: MeshDriver, published: dict[str, str], mode: str) -> None:
    product = published[mode]
    plain = {**OPEN, "product": product}
    assert mesh.tags(product) == plain
    tags = mesh.tags(product, credit.TABLE)
    assert tags[""] == plain
    shown = {**plain, "publication": "published"}
    assert tags["alter"] == tags["famges"] == {**shown, "pii": "personal", "confidentiality": "confidential"}
    assert tags["gastarb"] == {**shown, "pii": "sensitive", "confidentiality": "restricted"}
    assert tags["hoehe"] == tags["score"] == shown


def test_both_ways_to_crawl_give_the_same_table(mesh: MeshDriver, published: dict[str, str]) -> None:
    contents = [_content(mesh, published[mode], credit.TABLE, ("laufkont", "score", "dt")) for mode in MODES]
    assert contents[0] == contents[1]
    assert {row[-1] for row in contents[0]["rows"]} == {FIRST, SECOND}


def test_both_ways_agree_where_the_contract_names_no_columns(mesh: MeshDriver) -> None:
    """Without the contract's types, the data alone decides: numbers, dates, text, a quoted field, an empty one."""
    body = 'id,amount,day,label,flag\n1,2.5,2026-01-01,"a, b",true\n2,,2026-01-02,c,false\n'
    products = {mode: f"untyped-{mode}" for mode in MODES}
    for mode, product in products.items():
        mesh.put_contract(product, customProperties=[
            {"property": "lfTags", "value": {"confidentiality": "internal"}},
            {"property": "crawlerPrefix", "value": product}, {"property": "crawl", "value": mode},
        ])  # fmt: skip
    for product in products.values():
        assert mesh.wait_for_run("prepare-product", product).status == "SUCCEEDED"
        for country in ("de", "fr"):
            mesh.put_object(f"{product}/data/t1/country={country}/part-0.csv", body)
    for product in products.values():
        mesh.wait_for_notice(product, "producer")
    contents = [
        _content(mesh, product, "t1", ("id", "amount", "day", "label", "flag", "country"))
        for product in products.values()
    ]
    assert contents[0] == contents[1]
    assert contents[0]["types"] == {
        "id": "bigint", "amount": "double", "day": "date", "label": "string", "flag": "boolean", "country": "string",
    }  # fmt: skip
    assert contents[0]["rows"][0] == ["1", "2.5", "2026-01-01", "a, b", "true", "de"]


def test_accounts_without_a_subscription_are_not_notified(mesh: MeshDriver) -> None:
    mesh.prepare("unheard")
    mesh.put_object("unheard/data/t1/a.csv", "a,b\n1,2\n")
    mesh.wait_for_notice("unheard", "producer")  # the owner always is
    mesh.settled("unheard")
    assert mesh.notices("unheard") == []
    mesh.subscribe("unheard")
    mesh.wait_for_notice("unheard")  # of the version that is there
    mesh.put_object("unheard/data/t1/b.csv", "a,b\n3,4\n")
    mesh.wait_for_notice("unheard", version=2)
    mesh.put_event("SubscriptionEnded", {"product": "unheard"}, by="consumer")
    subscription = {"pk": {"S": "PRODUCT#unheard"}, "sk": {"S": "SUBSCRIPTION#333333333333"}}
    mesh.until(lambda: mesh.item("central", subscription) is None, "end of the subscription")
    mesh.put_object("unheard/data/t1/c.csv", "a,b\n5,6\n")
    mesh.wait_for_notice("unheard", "producer", version=3)
    mesh.settled("unheard")
    assert [detail["data"]["version"] for detail in mesh.notices("unheard")] == [1, 2]


def test_data_before_its_contract_is_a_draft_until_the_contract_comes(mesh: MeshDriver) -> None:
    mesh.put_object("early/data/t1/a.csv", "id,email\n1,a@example.com\n2,b@example.com\n")
    found_notice = mesh.wait_for_notice("early", "producer")
    assert found_notice["draft"] is True
    most = {"product": "early", "confidentiality": "restricted", "pii": "sensitive", "publication": "pending"}
    assert mesh.tags("early") == most
    assert mesh.tags("early", "t1")["id"] == {**most, "publication": "published"}
    _ask_in_vain(mesh, "early")

    mesh.put_contract("early")
    runs = mesh.until(lambda: _at_least(mesh.runs("prepare-product", "early"), 2), "preparation under the contract")
    assert runs[-1].status == "SUCCEEDED"
    assert mesh.tags("early")["confidentiality"] == "internal"
    mesh.subscribe("early")
    mesh.put_object("early/data/t1/b.csv", "id,email\n3,c@example.com\n")
    notice = mesh.wait_for_notice("early", version=2)
    assert notice["draft"] is False
    tags = mesh.tags("early", "t1")
    assert tags["id"]["confidentiality"] == "internal"
    assert tags["email"]["pii"] == "personal"
    assert [detail["data"]["version"] for detail in mesh.notices("early")] == [2]


def _ask_in_vain(mesh: MeshDriver, product: str) -> None:
    before = len(mesh.items("central", "REFUSAL#333333333333"))
    mesh.put_event("SubscriptionRequested", {"product": product}, by="consumer")
    refusals = mesh.until(lambda: mesh.items("central", "REFUSAL#333333333333")[before:], "refusal of the consumer")
    assert "UnknownProduct" in refusals[0]["reason"]
    assert mesh.item("central", {"pk": {"S": f"PRODUCT#{product}"}, "sk": {"S": "SUBSCRIPTION#333333333333"}}) is None


@pytest.mark.skipif(not REAL_DATA.exists(), reason=f"the real data is not there: {REAL_DATA.name}")
@pytest.mark.parametrize("mode", MODES)
def test_the_real_credit_data(mesh: MeshDriver, mode: str) -> None:
    product = f"south-german-{mode}"
    mesh.put_contract(product, credit_contract(product, mode))
    assert mesh.wait_for_run("prepare-product", product).status == "SUCCEEDED"
    mesh.subscribe(product)
    mesh.put_object(f"{product}/data/{credit.TABLE}/{REAL_DATA.name}", REAL_DATA.read_bytes())
    [change] = mesh.wait_for_notice(product)["changes"]
    assert (change["rows"], change["rows_exact"], change["columns"]) == (1000, True, 21)
    columns = mesh.table(product, credit.TABLE)["StorageDescriptor"]["Columns"]
    assert [(column["Name"], column["Type"]) for column in columns] == [(name, "bigint") for name in credit.COLUMNS]


def _content(mesh: MeshDriver, product: str, table: str, columns: tuple[str, ...]) -> dict[str, Any]:
    """What readers get of a table: types by column, and rows as text."""
    AccessDriver(mesh).live(product)
    found = mesh.table(product, table)
    listed = [*found["StorageDescriptor"]["Columns"], *found.get("PartitionKeys", [])]
    types = {column["Name"]: column["Type"] for column in listed}
    rows = Analyst(mesh, product).rows(", ".join(columns), f"ORDER BY {', '.join(columns)}", table)
    return {"types": types, "rows": sorted(rows, key=str)}


def _at_least[T](found: list[T], many: int) -> list[T]:
    return found if len(found) >= many else []
