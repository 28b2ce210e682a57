"""On the mesh: a column that was found to be personal, or declared restricted, stays so until its owner decides."""

from collections.abc import Iterator
from typing import Any

import pytest
from mesh.domain.events import PersonalDataFinding

from tests.access_driver import AccessDriver
from tests.consumer_accesses import query
from tests.mesh_conditions import started_again, without_permission
from tests.mesh_driver import MeshDriver
from tests.publishing_driver import PublishingDriver
from tests.workflow.publishing.test_commit_version import prepared

WITH_NOTE = {"id": "bigint", "note": "string"}
ROW = "SELECT 1::BIGINT AS id, 'x' AS note"
MAIL = PersonalDataFinding(column="note", value="personal", reason="the values are: e-mail addresses", confidence=0.95)
CARD = PersonalDataFinding(column="note", value="sensitive", reason="the values are: payment cards", confidence=0.95)
UNTAGGED = ("central", "CommitVersionFunctionRole", "lakeformation:AddLFTagsToResource")


@pytest.fixture
def accesses(mesh: MeshDriver) -> Iterator[AccessDriver]:
    driver = AccessDriver(mesh)
    yield driver
    mesh.clear_faults()
    driver.end_all()


def reads(mesh: MeshDriver, product: str, what: str) -> bool:
    return query(mesh, f'SELECT {what} FROM "rl_{product}".t1') == ""


def pii(mesh: MeshDriver, product: str, column: str = "note") -> tuple[str, str]:
    tags = mesh.tags(product, "t1")
    found = {**mesh.tags(product), **tags[""], **tags.get(column, {})}
    return found["pii"], found["confidentiality"]


def test_a_second_finding_of_another_kind_does_not_make_the_column_laxer(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "strict-kinds")
    stager.publish(stager.stage(ROW, columns=WITH_NOTE, findings=[CARD]))
    stager.publish(stager.stage(ROW, columns=WITH_NOTE, findings=[MAIL]))
    assert pii(mesh, "strict-kinds") == ("sensitive", "restricted")


def test_what_a_failed_publish_found_is_in_the_next_version(mesh: MeshDriver) -> None:
    stager = prepared(mesh, "strict-failed")
    stager.publish(stager.stage(ROW, columns=WITH_NOTE))
    assert pii(mesh, "strict-failed") == ("none", "internal")
    breaking = stager.proposal(stager.stage("SELECT 'x' AS note", columns={"note": "string"}, findings=[MAIL]))
    stager.propose(breaking)
    assert stager.answer(breaking)["outcome"] == "held"
    stager.publish(stager.stage(ROW, columns=WITH_NOTE))
    assert pii(mesh, "strict-failed") == ("personal", "confidential")


def test_a_column_that_a_contract_leaves_out_with_its_table_stays_restricted(
    mesh: MeshDriver, accesses: AccessDriver
) -> None:
    columns: list[dict[str, Any]] = [
        {"name": "id", "physicalType": "bigint"},
        {
            "name": "wage",
            "physicalType": "bigint",
            "customProperties": [{"property": "lfTags", "value": {"confidentiality": "restricted"}}],
        },
    ]
    shape = {"name": "t1", "logicalType": "object", "physicalType": "table"}
    product = PublishingDriver(mesh, "strict-left", schema=[{**shape, "properties": columns}])
    product.upload("a.csv", "id,wage\n1,5000\n")
    accesses.live("strict-left")
    assert (reads(mesh, "strict-left", "id"), reads(mesh, "strict-left", "wage")) == (True, False)
    before = mesh.runs("register-product", "strict-left")
    mesh.put_contract("strict-left", version="2.0.0", schema=[{**shape, "name": "t2"}])
    assert mesh.wait_for_run("register-product", "strict-left", after=before).status == "SUCCEEDED"
    mesh.settled("strict-left")
    assert pii(mesh, "strict-left", "wage") == ("none", "restricted")
    assert not reads(mesh, "strict-left", "wage")


def test_addresses_in_a_crawled_column_are_read_by_nobody_before_it_is_tagged(
    mesh: MeshDriver, accesses: AccessDriver
) -> None:
    properties = [
        {"property": "lfTags", "value": {"confidentiality": "internal"}},
        {"property": "crawlerPrefix", "value": "strict-crawled"},
        {"property": "crawl", "value": "glue"},
    ]
    product = PublishingDriver(mesh, "strict-crawled", columns=WITH_NOTE, customProperties=properties)
    product.upload("a.csv", "id,note\n1,plain\n")
    analyst = product.share()
    assert analyst.rows("id, note") == [["1", "plain"]]
    before = mesh.runs("commit-version", product.name)
    with without_permission(mesh, *UNTAGGED):
        product.put("b.csv", "id,note\n2,ann@example.com\n3,bob@example.com\n")
        stopped = mesh.wait_for_run("commit-version", product.name, after=before)
        assert stopped.status == "FAILED"
        assert analyst.rows("id, note") == [["1", "plain"]]
    assert started_again(mesh, stopped).status == "SUCCEEDED"
    mesh.settled(product.name)
    assert analyst.rows("id") == [["1"], ["2"], ["3"]]
    assert pii(mesh, product.name) == ("personal", "confidential")
    assert not reads(mesh, product.name, "note")


def test_a_column_granted_by_name_is_revoked_when_addresses_are_found_in_it(
    mesh: MeshDriver, accesses: AccessDriver
) -> None:
    stager = prepared(mesh, "strict-named")
    stager.publish(stager.stage(ROW, columns=WITH_NOTE))
    access = accesses.live("strict-named", table="t1", columns=["id", "note"])
    assert reads(mesh, "strict-named", "note")
    stager.publish(stager.stage(ROW, columns=WITH_NOTE, findings=[MAIL]))
    ended = accesses.wait(access, "ended")
    assert (ended.cause, ended.reason.code if ended.reason else "") == ("revoked", "BecameStricter")
    assert not reads(mesh, "strict-named", "note")
    for account in ("consumer", "producer"):
        reason = accesses.notified(access, "AccessRevoked", account)["reason"]
        assert "strict-named.t1.note" in reason["message"]
    accesses.nothing_left(access, "strict-named")
