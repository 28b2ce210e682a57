"""Products of `crawl: glue` on the mesh: what a Glue crawler makes of what was promoted, and who may do it."""

import io
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import orc

from local.accounts import ACCOUNTS
from tests.mesh_commands import mesh_command
from tests.mesh_conditions import crash, without_permission
from tests.mesh_driver import MeshDriver
from tests.publishing_driver import PublishingDriver, csv, one_table_contract

CHECKED = ("TakeBatch", "RouteBatch", "CheckObjects", "CheckChanges", "PromoteObjects")
CRAWLED = ("StartCrawler", "AwaitCrawl", "GetCrawler", "CheckCrawl")
ANSWERED = ("ProposeVersion", "SettleBatch", "CheckHeld", "RecordLineage", "CheckMore", "Settled")


def crawled(mesh: MeshDriver, product: str, **more: Any) -> PublishingDriver:
    return PublishingDriver(mesh, product, customProperties=by_glue(product), **more)


def by_glue(product: str) -> list[dict[str, Any]]:
    return [
        {"property": "lfTags", "value": {"confidentiality": "internal"}},
        {"property": "crawlerPrefix", "value": product},
        {"property": "crawl", "value": "glue"},
    ]


def an_orc_file(**columns: Any) -> bytes:
    out = io.BytesIO()
    orc.write_table(pa.table(columns), out)
    return out.getvalue()


def test_from_upload_to_query(mesh: MeshDriver) -> None:
    product = crawled(mesh, "hive-all", partitioned=True)

    run = product.upload("dt=2026-11-01/a.csv", csv((1, 10), (2, 20)))

    assert (run.status, run.outcome, run.path) == ("SUCCEEDED", "published", (*CHECKED, *CRAWLED, *ANSWERED))
    analyst = product.share()
    assert analyst.rows("id, amount, dt") == [["1", "10", "2026-11-01"], ["2", "20", "2026-11-01"]]
    product.upload("dt=2026-11-02/b.csv", csv((3, 30)))
    product.upload("dt=2026-11-01/a.csv", csv((1, 11)))
    assert analyst.totals() == (2, 41)
    run = product.work(lambda: product.delete("dt=2026-11-02/b.csv"))
    assert (run.outcome, analyst.totals()) == ("published", (1, 11))
    held = product.upload("dt=2026-11-01/a.csv", "id,amount\nnone,5\n")
    assert (held.outcome, held.output["held"], analyst.totals()) == ("nothing", 1, (1, 11))
    same = product.upload("dt=2026-11-01/a.csv", csv((1, 11)))
    assert (same.outcome, same.output["same"]) == ("nothing", 1)
    assert mesh.keys("hive-all/published/t1/_staged/") == []
    notice = mesh.wait_for_notice("hive-all", "producer", version=4)
    assert notice["changes"][0]["rows_delta"] == -1


def test_a_format_that_only_a_crawler_reads(mesh: MeshDriver) -> None:
    product = crawled(mesh, "hive-orc")

    run = product.upload("a.orc", an_orc_file(id=[1, 2], amount=[3, 4]))

    assert run.outcome == "published"
    analyst = product.share()
    assert analyst.totals() == (2, 7)
    run = product.upload("b.csv", csv((5, 5)))
    assert (run.outcome, run.output["held"]) == ("nothing", 1)
    run = product.upload("c.log", b"what no crawler knows", table="t2")
    assert (run.outcome, run.output["held"], "HoldBatch" in run.states) == ("refused", 1, True)
    assert analyst.totals() == (2, 7)


@pytest.mark.parametrize(
    ("step", "role", "action"),
    [
        ("CheckObjects", "CheckObjectsFunctionRole", "glue:GetTable"),
        ("PromoteObjects", "PromoteObjectsFunctionRole", "s3:DeleteObject"),
        ("PromoteObjects", "PromoteObjectsFunctionRole", "dynamodb:UpdateItem"),
        ("StartCrawler", "OnboardUploadRole", "glue:StartCrawler"),
        ("ProposeVersion", "ProposeVersionFunctionRole", "glue:GetTable"),
    ],
)
def test_without_a_needed_permission_exactly_that_step_fails(
    mesh: MeshDriver, step: str, role: str, action: str
) -> None:
    name = f"hive-{step.lower()}-{action.partition(':')[0]}"
    product = crawled(mesh, name)
    with without_permission(mesh, "producer", role, action):
        run = product.upload("a.csv", csv((1, 1)))
    assert run.status == "FAILED"
    assert [state for state in run.states if state not in ("ReleaseAfterFailure", "OnboardFailed")][-1] == step
    product.upload("b.csv", csv((2, 2)))
    assert product.share().totals() == (2, 3)


def test_a_crawl_that_fails_leaves_the_objects_waiting(mesh: MeshDriver) -> None:
    product = crawled(mesh, "hive-fails")
    with without_permission(mesh, "producer", "CrawlerRole", "glue:CreateTable"):
        run = product.upload("a.csv", csv((1, 1)))
    assert (run.status, run.error) == ("FAILED", "CrawlFailed")
    assert mesh.pending("hive-fails") == ["hive-fails/data/t1/a.csv"]
    assert product.upload("b.csv", csv((2, 2))).outcome == "published"
    assert product.share().totals() == (2, 3)


def test_a_crash_in_the_middle_of_a_promotion(mesh: MeshDriver) -> None:
    product = crawled(mesh, "hive-crash")
    crash(mesh, "producer", "PromoteObjectsFunction")
    assert product.upload("a.csv", csv((1, 1))).outcome == "published"
    assert product.share().totals() == (1, 1)


def test_only_the_owner_of_a_crawled_product_may_make_tables(mesh: MeshDriver) -> None:
    crawled(mesh, "hive-rights")
    PublishingDriver(mesh, "ice-rights")

    def held(product: str) -> set[str]:
        found = mesh.client("central", "lakeformation").list_permissions(
            Principal={"DataLakePrincipalIdentifier": "222222222222"}, MaxResults=1000
        )["PrincipalResourcePermissions"]
        expression = [{"TagKey": "product", "TagValues": [product]}]
        mine = [e for e in found if e["Resource"].get("LFTagPolicy", {}).get("Expression") == expression]
        return {permission for entry in mine for permission in entry["Permissions"]}

    assert held("ice-rights") == {"DESCRIBE", "SELECT"}
    assert held("hive-rights") == {"DESCRIBE", "SELECT", "CREATE_TABLE", "ALTER"}


def test_a_crawler_that_people_change_or_delete_is_found_and_comes_back_with_the_contract(mesh: MeshDriver) -> None:
    product, glue = crawled(mesh, "hive-changed"), mesh.client("producer", "glue")
    name = f"hive-changedCrawler-{ACCOUNTS['producer']}"

    glue.update_crawler(Name=name, RecrawlPolicy={"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"})
    assert f"{name}: changed by hand: RecrawlPolicy" in wrong(mesh)
    glue.delete_crawler(Name=name)
    assert f"{name}: it is gone" in wrong(mesh)
    _, plan = mesh_command(mesh, "reconcile", "--dry-run")
    assert f"{name}: it is gone" in [drift["what"] for drift in plan["left"] if drift["kind"] == "crawler"]

    before = mesh.runs("prepare-product", product.name)
    mesh.put_contract(product.name, one_table_contract(product.name, customProperties=by_glue(product.name)))
    assert mesh.wait_for_run("prepare-product", product.name, after=before).status == "SUCCEEDED"
    assert [found for found in wrong(mesh) if name in found] == []


def wrong(mesh: MeshDriver) -> list[str]:
    """What `mesh doctor` finds of crawlers."""
    _, found = mesh_command(mesh, "doctor")
    return [check["found"] for check in found["checks"] if check["name"] == "crawlers" and check["ok"] is False]
