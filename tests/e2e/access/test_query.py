"""A consumer queries a published product through Athena: what was granted, column by column, and nothing else.

Link and grants are made by hand, through AWS's API, as the administrators of the two accounts would.
"""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from cli.access import query
from cli.app import app
from local.accounts import ACCOUNTS, REGION
from local.mesh import ROOT
from local.samples import credit
from tests.mesh_driver import MeshDriver, contract
from tests.publishing_driver import PublishingDriver, csv

pytestmark = pytest.mark.timeout(300)
PRODUCT, OTHER = "credit-query", "branch-query"
LINK = f"rl_{PRODUCT}"
TABLE = f'"{LINK}"."{credit.TABLE}"'
PERSONAL = set(credit.PERSONAL)
SLOW_SECONDS = 90.0
"""The first product of a mesh starts each of its functions."""
ANALYST = f"arn:aws:iam::{ACCOUNTS['consumer']}:role/DataAnalyst"


def tag_policy(kind: str, product: str, **more: str) -> dict[str, Any]:
    expression = [{"TagKey": "product", "TagValues": [product]}, {"TagKey": "pii", "TagValues": ["none"]}]
    return {"LFTagPolicy": {"ResourceType": kind, "Expression": expression, **more}}


def grant(lake: Any, principal: str, resource: dict[str, Any], permissions: list[str], *, option: bool = False) -> None:
    lake.grant_permissions(
        Principal={"DataLakePrincipalIdentifier": principal},
        Resource=resource,
        Permissions=permissions,
        PermissionsWithGrantOption=permissions if option else [],
    )


def share(mesh: MeshDriver, product: str) -> None:
    """Central lets the consumer's account read what is not personal, and pass it on; the account's admin links it."""
    owner = mesh.client("central", "lakeformation")
    grant(owner, ACCOUNTS["consumer"], tag_policy("DATABASE", product), ["DESCRIBE"], option=True)
    grant(owner, ACCOUNTS["consumer"], tag_policy("TABLE", product), ["SELECT", "DESCRIBE"], option=True)
    ram = mesh.client("consumer", "ram", "ConsumerAdmin")
    for invitation in ram.get_resource_share_invitations()["resourceShareInvitations"]:
        if invitation["status"] == "PENDING":
            ram.accept_resource_share_invitation(resourceShareInvitationArn=invitation["resourceShareInvitationArn"])
    target = {"CatalogId": ACCOUNTS["central"], "DatabaseName": product, "Region": REGION}
    mesh.client("consumer", "glue", "ConsumerAdmin").create_database(
        DatabaseInput={"Name": f"rl_{product}", "TargetDatabase": target}
    )


def pass_on(mesh: MeshDriver, product: str) -> None:
    """The consumer's admin lets its analysts use the link and the tables behind it."""
    admin = mesh.client("consumer", "lakeformation", "ConsumerAdmin")
    grant(admin, ANALYST, {"Database": {"Name": f"rl_{product}"}}, ["DESCRIBE"])
    grant(admin, ANALYST, tag_policy("TABLE", product, CatalogId=ACCOUNTS["central"]), ["SELECT", "DESCRIBE"])


@pytest.fixture(scope="module")
def shared(deployed_mesh: MeshDriver, tmp_path_factory: pytest.TempPathFactory) -> MeshDriver:
    """The credit data, and the branches its applicants went to, published and shared with the consumer's analysts."""
    mesh, folder = deployed_mesh, tmp_path_factory.mktemp("credit")
    # The account's first access: with it its readers get DESCRIBE on `default`, which Athena asks for.
    first = PublishingDriver(mesh, "query-first")
    first.upload("a.csv", csv((1, 1)))
    first.share()
    document = credit.contract() | {"id": PRODUCT, "name": PRODUCT}
    document["customProperties"] = [
        {"property": "crawlerPrefix", "value": PRODUCT},
        {"property": "lfTags", "value": {"confidentiality": "internal"}},
    ]
    branch = contract(OTHER, "branch", {"beruf": "bigint", "label": "string"})
    files = {}
    for seed, day in ((8, "2026-11-20"), (7, "2026-11-21")):  # rows of their own: the same ones twice are held back
        credit.write_rows(folder / "part.csv", 1000, seed)
        files[f"{PRODUCT}/data/{credit.TABLE}/dt={day}/part.csv"] = (folder / "part.csv").read_bytes()
    publish(mesh, PRODUCT, document, files)
    branches = b"beruf,label\n1,none\n2,unskilled\n3,skilled\n4,manager\n"
    publish(mesh, OTHER, branch, {f"{OTHER}/data/branch/a.csv": branches})
    for product in (PRODUCT, OTHER):
        share(mesh, product)
        pass_on(mesh, product)
    return mesh


def publish(mesh: MeshDriver, product: str, document: dict[str, Any], files: dict[str, bytes]) -> None:
    """Until the consumer has its notice, and no run is active for it."""
    mesh.put_contract(product, document)
    assert mesh.wait_for_run("prepare-product", product, seconds=SLOW_SECONDS).status == "SUCCEEDED"
    mesh.subscribe(product)
    for key, body in files.items():
        mesh.put_object(key, body)
    mesh.until(lambda: mesh.notices(product), f"notice of {product}", SLOW_SECONDS)
    mesh.until(lambda: not mesh.pending(product), f"no objects of {product} wait", SLOW_SECONDS)
    mesh.settled(product, SLOW_SECONDS)


def ask(mesh: MeshDriver, sql: str, limit: int = 0) -> query.Answer:
    athena = mesh.client("consumer", "athena", "DataAnalyst")
    return query.run(athena, sql, workgroup="consumer-workgroup", database="default", limit=limit, role="DataAnalyst")


def refusal(mesh: MeshDriver, sql: str) -> query.output.CommandFailed:
    with pytest.raises(query.output.CommandFailed) as caught:
        ask(mesh, sql)
    return caught.value


def test_a_star_shows_what_is_not_personal_and_all_rows_page_by_page(shared: MeshDriver) -> None:
    found = ask(shared, f"SELECT * FROM {TABLE}")
    names = [column.name for column in found.columns]
    assert set(names) == set(credit.COLUMNS) - PERSONAL | {"dt"}
    days = [row[names.index("dt")] for row in found.rows]
    assert {day: days.count(day) for day in days} == {"2026-11-20": 1000, "2026-11-21": 1000}
    expected = list(credit.generate(1000, 7))
    amounts = [int(row[names.index("hoehe")] or 0) for row in found.rows if row[names.index("dt")] == "2026-11-21"]
    assert sorted(amounts) == sorted(applicant["hoehe"] for applicant in expected)


@pytest.mark.parametrize("column", sorted(PERSONAL))
def test_a_personal_column_is_refused_as_if_there_were_none(shared: MeshDriver, column: str) -> None:
    for sql in (f'SELECT "{column}" FROM {TABLE}', f'SELECT kredit FROM {TABLE} WHERE "{column}" = 1'):
        failed = refusal(shared, sql)
        assert failed.code == "COLUMN_NOT_FOUND"
        assert f"Column '{column}' cannot be resolved or requester is not authorized" in failed.message
        assert failed.remedy


def test_products_join_and_partitions_are_left_out(shared: MeshDriver) -> None:
    sql = f"""
        SELECT b.label, count(*) AS applicants, avg(c.hoehe) AS amount
        FROM {TABLE} c JOIN "rl_{OTHER}"."branch" b ON b.beruf = c.beruf
        WHERE c.dt = '2026-11-20' GROUP BY 1 ORDER BY 2 DESC
    """
    found = ask(shared, sql)
    assert sum(int(row[1] or 0) for row in found.rows) == 1000
    whole = ask(shared, sql.replace("WHERE c.dt = '2026-11-20'", ""))
    assert sum(int(row[1] or 0) for row in whole.rows) == 2000
    assert 0 < found.bytes_scanned < whole.bytes_scanned


def test_the_command_prints_what_athena_gives(shared: MeshDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    port = shared.endpoint.rpartition(":")[2]
    sql = f"SELECT beruf, count(*) AS n, CAST(NULL AS varchar) AS nothing FROM {TABLE} GROUP BY 1 ORDER BY 1"
    found = CliRunner().invoke(app, ["query", sql, "--port", port, "--limit", "2"])
    assert found.exit_code == 0, found.output
    assert "NULL" in found.output
    assert "more rows: --limit N" in found.output
    document = json.loads(CliRunner().invoke(app, ["query", sql, "--port", port, "--json"]).stdout)
    assert [column["type"] for column in document["columns"]] == ["bigint", "bigint", "varchar"]
    assert sum(row[1] for row in document["rows"]) == 2000
    assert document["more"] is False


def test_the_command_fails_with_athena_s_reason_and_what_to_do(shared: MeshDriver) -> None:
    port = shared.endpoint.rpartition(":")[2]
    failed = subprocess.run(
        [sys.executable, "-m", "cli.main", "query", f'SELECT "alter" FROM {TABLE}', "--port", port, "--json"],
        cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["error"]["code"] == "COLUMN_NOT_FOUND"
    assert "next: " in failed.stderr


def test_the_same_role_gets_no_object_of_the_producer_from_s3(shared: MeshDriver) -> None:
    s3 = shared.client("consumer", "s3", "DataAnalyst")
    key = f"{PRODUCT}/data/{credit.TABLE}/dt=2026-11-20/part.csv"
    for call in (
        lambda: s3.get_object(Bucket=shared.bucket, Key=key),
        lambda: s3.list_objects_v2(Bucket=shared.bucket),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] in ("AccessDenied", "NoSuchBucket")


def test_without_the_local_grant_the_admin_s_own_analysts_see_nothing(shared: MeshDriver) -> None:
    admin = shared.client("consumer", "lakeformation", "ConsumerAdmin")
    tables = tag_policy("TABLE", OTHER, CatalogId=ACCOUNTS["central"])
    admin.revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": ANALYST}, Resource=tables, Permissions=["SELECT", "DESCRIBE"]
    )
    assert "Insufficient Lake Formation permission(s)" in refusal(shared, f'SELECT * FROM "rl_{OTHER}".branch').message
    grant(admin, ANALYST, tables, ["SELECT", "DESCRIBE"])
    assert len(ask(shared, f'SELECT * FROM "rl_{OTHER}".branch').rows) == 4
