"""`mesh explain` and `mesh preview` on a deployed mesh: each missing piece is named, its command fixes it, one by one.

The commands that `mesh explain` gives are carried out as they are, with the AWS CLI's own words turned into calls.
"""

import json
import shlex
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.accounts import ACCOUNTS, role_arn
from tests.mesh_commands import mesh_command
from tests.mesh_driver import MeshDriver, contract

PRODUCT, ROLE = "explained", "explained-analyst"
TABLE = "accounts"
COLUMN, PERSONAL = f"{PRODUCT}.{TABLE}.balance", f"{PRODUCT}.{TABLE}.email"
CONSUMER = ACCOUNTS["consumer"]


@pytest.fixture(scope="module")
def published(deployed_mesh: MeshDriver) -> MeshDriver:
    """A product with a personal column, and in the consumer account a role that may do nothing."""
    mesh = deployed_mesh
    mesh.prepare(PRODUCT, schema=contract(PRODUCT, TABLE, {"balance": "bigint", "email": "string"})["schema"])
    mesh.subscribe(PRODUCT)
    mesh.upload(PRODUCT, {f"{PRODUCT}/data/{TABLE}/a.csv": "balance,email\n7,a@example.com\n9,b@example.com\n"})
    mesh.wait_for_notice(PRODUCT)
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{CONSUMER}:root"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    mesh.client("consumer", "iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)
    return mesh


def explain(mesh: MeshDriver, resource: str = COLUMN, role: str = ROLE, account: str = "consumer") -> dict[str, Any]:
    code, found = mesh_command(mesh, "explain", resource, "--role", role, "--account", account)
    assert code == (0 if found["can_read"] else 1)
    return found


def step(found: dict[str, Any]) -> dict[str, Any]:
    """The first step that is missing."""
    return next(each for each in found["steps"] if not each["ok"])


def carry_out(mesh: MeshDriver, command: str, account_id: str) -> None:
    """Run a command of the AWS CLI in the account that it is for, as that account."""
    _, service, operation, *words = shlex.split(command)
    arguments: dict[str, Any] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = "".join(part.capitalize() for part in word[2:].split("-"))
        elif name in ("Permissions", "PermissionsWithGrantOption"):
            arguments.setdefault(name, []).append(word)
        elif name == "Principal":
            arguments[name] = dict([word.split("=", 1)])
        else:
            arguments[name] = json.loads(word) if word.startswith("{") and name != "PolicyDocument" else word
    account = next(key for key, number in ACCOUNTS.items() if number == account_id)
    getattr(mesh.client(account, service, None), operation.replace("-", "_"))(**arguments)


def read(mesh: MeshDriver) -> list[str]:
    """What the role itself sees of the table through the link."""
    glue = mesh.client("consumer", "glue", ROLE)
    found = glue.get_table(DatabaseName=f"rl_{PRODUCT}", Name=TABLE)["Table"]
    return [column["Name"] for column in found["StorageDescriptor"]["Columns"]]


def test_each_missing_piece_is_named_in_turn_and_its_command_mends_it(published: MeshDriver) -> None:
    mesh, order = published, []
    while not (found := explain(mesh))["can_read"]:
        lacking = step(found)
        order.append(lacking["missing"])
        assert len(order) <= 10, order
        with pytest.raises(ClientError):
            read(mesh)
        for command in lacking["commands"]:
            carry_out(mesh, command, lacking["account"])
    assert order == [
        "NoGrant",
        "LinkMissing",
        "LinkDescribeMissing",
        "LocalGrantMissing",
        "DefaultDescribeMissing",
        "IamDenies",
    ]
    assert read(mesh) == ["balance"]
    assert (found["readable"], found["hidden"]) == (["balance"], ["email"])
    _the_personal_column_stays_hidden(mesh)
    _each_thing_taken_away_is_missed(mesh)
    _a_tag_preview_tells_who_would_lose(mesh)
    _athena_agrees(mesh)


def _the_personal_column_stays_hidden(mesh: MeshDriver) -> None:
    found = explain(mesh, PERSONAL)
    assert (found["can_read"], found["missing"], found["tags"]["pii"]) == (False, "TagDiffers", "personal")
    assert "the column has confidentiality=confidential pii=personal" in step(found)["found"]


def _each_thing_taken_away_is_missed(mesh: MeshDriver) -> None:
    """One by one, each put back: nothing else is blamed."""
    lake, iam = mesh.client("consumer", "lakeformation", None), mesh.client("consumer", "iam")
    arn = role_arn(CONSUMER, ROLE)
    held = {"Principal": {"DataLakePrincipalIdentifier": arn}, "Permissions": ["DESCRIBE"]}
    on_link = held | {"Resource": {"Database": {"Name": f"rl_{PRODUCT}"}}}
    lake.revoke_permissions(**on_link)
    assert [each["missing"] for each in explain(mesh)["steps"] if not each["ok"]] == ["LinkDescribeMissing"]
    lake.grant_permissions(**on_link)
    policy = iam.get_role_policy(RoleName=ROLE, PolicyName="mesh-read")["PolicyDocument"]
    for action in ("lakeformation:GetDataAccess", "glue:GetTable"):
        left = [s | {"Action": [a for a in s["Action"] if a != action]} for s in policy["Statement"]]
        narrowed = json.dumps(policy | {"Statement": [s for s in left if s["Action"]]})
        iam.put_role_policy(RoleName=ROLE, PolicyName="mesh-read", PolicyDocument=narrowed)
        found = explain(mesh)
        assert [each["missing"] for each in found["steps"] if not each["ok"]] == ["IamDenies"]
        assert action in step(found)["found"]
    iam.put_role_policy(RoleName=ROLE, PolicyName="mesh-read", PolicyDocument=json.dumps(policy))
    assert explain(mesh)["can_read"]


def _a_tag_preview_tells_who_would_lose(mesh: MeshDriver) -> None:
    """Before and after: what the preview says is what then is."""
    code, found = mesh_command(mesh, "preview", "--tag", "confidentiality=restricted", COLUMN)
    lost = {change["principal"]: change["loses"] for change in found["changes"]}
    assert (code, found["before"]) == (0, "internal")
    assert lost == {CONSUMER: ["balance"], role_arn(CONSUMER, ROLE): ["balance"]}
    place = {"DatabaseName": PRODUCT, "Name": TABLE, "ColumnNames": ["balance"]}
    tag = {
        "Resource": {"TableWithColumns": place},
        "LFTags": [{"TagKey": "confidentiality", "TagValues": ["restricted"]}],
    }
    lake = mesh.client("central", "lakeformation", None)
    lake.add_lf_tags_to_resource(**tag)
    after = explain(mesh)
    assert (after["missing"], after["tags"]["confidentiality"]) == ("TagDiffers", "restricted")
    assert "confidentiality=restricted" in step(after)["found"]
    lake.remove_lf_tags_from_resource(**tag)
    assert explain(mesh)["can_read"]


def _athena_agrees(mesh: MeshDriver) -> None:
    """A query as the role reads what was said to be readable, and is refused what was said to be hidden."""
    policy = mesh.physical_id("consumer", "QueryPolicy")
    mesh.client("consumer", "iam").attach_role_policy(RoleName=ROLE, PolicyArn=policy)
    found = explain(mesh, f"{PRODUCT}.{TABLE}")
    assert (found["can_read"], found["readable"], found["hidden"]) == (True, ["balance"], ["email"])

    def query(columns: str) -> tuple[str, list[str]]:
        athena = mesh.client("consumer", "athena", ROLE)
        sql = f'SELECT {columns} FROM "rl_{PRODUCT}"."{TABLE}" ORDER BY 1'
        started = athena.start_query_execution(QueryString=sql, WorkGroup="consumer-workgroup")["QueryExecutionId"]

        def ended() -> dict[str, Any] | None:
            status = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
            return status if status["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

        state = mesh.until(ended, "the end of the query")["State"]
        if state != "SUCCEEDED":
            return state, []
        rows = athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
        return state, [",".join(cell.get("VarCharValue", "") for cell in row["Data"]) for row in rows[1:]]

    assert query("*") == ("SUCCEEDED", ["7", "9"])
    assert query("email") == ("FAILED", [])


def test_the_producers_account_holds_its_grant_and_its_link(published: MeshDriver) -> None:
    found = explain(published, COLUMN, "ProducerSteward", "producer")
    steps = {each["name"]: each["ok"] for each in found["steps"]}
    assert steps["grant to the account"]
    assert steps["resource link"]


def test_an_expression_shows_columns_by_their_classification(published: MeshDriver) -> None:
    def columns(expression: str) -> dict[str, str]:
        code, found = mesh_command(published, "preview", "--expression", expression)
        assert code == 0
        tables = [table for table in found["tables"] if table["database"] == PRODUCT]
        assert all(table["owner"] == ACCOUNTS["producer"] for table in tables)
        return {column["name"]: column["pii"] for table in tables for column in table["columns"]}

    assert columns(f"product={PRODUCT} confidentiality=internal,public") == {"balance": "none"}
    assert columns(f"product={PRODUCT}") == {"balance": "none", "email": "personal"}
    assert columns(f"product={PRODUCT} confidentiality=public") == {}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["explain", "nothing.t.c", "--role", ROLE], "NotInCatalog"),
        (["explain", f"{PRODUCT}.{TABLE}.nothing", "--role", ROLE], "NotInCatalog"),
        (["explain", COLUMN, "--role", "nobody"], "UnknownRole"),
        (["preview", "--expression", "confidentiality=secret"], "UnknownLFTag"),
        (["preview", "--expression", "confidentiality"], "InvalidExpression"),
    ],
)
def test_bad_questions_are_refused_by_name(published: MeshDriver, words: list[str], code: str) -> None:
    with pytest.raises(Exception, match=code):
        mesh_command(published, *words)
