"""Drift made by hand, through AWS's API as `aws` uses it: seen in the plan of `mesh reconcile --dry-run`, and then
repaired, until the reader reads, or reported."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from local.accounts import role_arn
from tests.access_driver import CENTRAL, CONSUMER, OPEN, AccessDriver
from tests.consumer_accesses import links, local_grants, query
from tests.mesh_commands import mesh_command
from tests.mesh_driver import MeshDriver

LINK = f"rl_{OPEN}"
SQL = f'SELECT id FROM "{LINK}".t1'


@pytest.fixture
def access(accesses: AccessDriver) -> str:
    """Live, by tags, to the account's analysts."""
    live = accesses.live(OPEN)
    accesses.mesh.until(accesses.mesh.at_rest, "nothing going on")
    return live


def plan(mesh: MeshDriver) -> list[dict[str, Any]]:
    """What a dry run finds; it exits with 1 when that is anything."""
    code, found = mesh_command(mesh, "reconcile", "--dry-run")
    assert found["repaired"] == []
    assert code == (1 if found["left"] else 0)
    return list(found["left"])


def repair(mesh: MeshDriver, *words: str) -> dict[str, Any]:
    code, found = mesh_command(mesh, "reconcile", *words)
    assert code == (1 if found["left"] else 0)
    return found


def kinds(drifts: list[dict[str, Any]]) -> list[str]:
    return sorted(drift["kind"] for drift in drifts)


def reads(mesh: MeshDriver, role: str = "DataAnalyst") -> bool:
    return query(mesh, SQL, role) == ""


def test_nothing_drifted(mesh: MeshDriver, access: str) -> None:
    found = repair(mesh)
    assert (found["outcome"], found["left"], found["repaired"]) == ("in order", [], [])
    assert found["accesses"] == 1


def test_a_link_that_is_gone_is_made_again(mesh: MeshDriver, access: str) -> None:
    drop = {"Resource": {"Database": {"CatalogId": CONSUMER, "Name": LINK}}, "Permissions": ["DROP"]}
    principal = {"DataLakePrincipalIdentifier": role_arn(CONSUMER, "ConsumerAdmin")}
    mesh.client("consumer", "lakeformation", "ConsumerAdmin").grant_permissions(Principal=principal, **drop)
    mesh.client("consumer", "glue", "ConsumerAdmin").delete_database(Name=LINK)
    assert not reads(mesh)
    [drift] = plan(mesh)
    assert (drift["kind"], drift["access"]) == ("reader", access)
    assert LINK not in links(mesh)
    assert repair(mesh)["left"] == []
    assert LINK in links(mesh)
    assert reads(mesh)


def test_a_local_grant_that_is_gone_is_made_again(mesh: MeshDriver, access: str) -> None:
    lake = mesh.client("consumer", "lakeformation", "ConsumerAdmin")
    for held in local_grants(mesh, OPEN):
        lake.revoke_permissions(
            Principal={"DataLakePrincipalIdentifier": role_arn(CONSUMER, "DataAnalyst")},
            Resource=held["resource"],
            Permissions=held["permissions"],
        )
    assert not reads(mesh)
    assert kinds(plan(mesh)) == ["reader"]
    assert repair(mesh)["left"] == []
    assert reads(mesh)


def test_grants_to_the_account_are_granted_again_or_reported(
    mesh: MeshDriver, accesses: AccessDriver, access: str
) -> None:
    lake = mesh.client("central", "lakeformation")
    principal = {"DataLakePrincipalIdentifier": CONSUMER}
    for held in accesses.grants():
        if f'"{OPEN}"' in json.dumps(held["resource"]):
            permissions = {"Permissions": held["permissions"], "PermissionsWithGrantOption": held["permissions"]}
            lake.revoke_permissions(Principal=principal, Resource=held["resource"], **permissions)
    by_hand = {"Table": {"CatalogId": CENTRAL, "DatabaseName": OPEN, "Name": "t1"}}
    lake.grant_permissions(Principal=principal, Resource=by_hand, Permissions=["DESCRIBE"])
    assert not reads(mesh)
    assert {"missing", "foreign", "reader"} == set(kinds(plan(mesh)))
    found = repair(mesh)
    assert kinds(found["left"]) == ["foreign"]
    assert set(kinds(found["repaired"])) == {"missing"}
    assert reads(mesh)
    lake.revoke_permissions(Principal=principal, Resource=by_hand, Permissions=["DESCRIBE"])


@pytest.fixture
def role(mesh: MeshDriver) -> Iterator[str]:
    """A reader of its own, that may do what analysts may."""
    name = f"Reader{uuid.uuid4().hex[:8]}"
    create_role(mesh, name)
    yield name
    delete_role(mesh, name)


def create_role(mesh: MeshDriver, name: str) -> None:
    iam = mesh.client("consumer", "iam")
    like = iam.get_role(RoleName="DataAnalyst")["Role"]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(like["AssumeRolePolicyDocument"]))
    for policy in iam.list_role_policies(RoleName="DataAnalyst")["PolicyNames"]:
        document = iam.get_role_policy(RoleName="DataAnalyst", PolicyName=policy)["PolicyDocument"]
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


def delete_role(mesh: MeshDriver, name: str) -> None:
    iam = mesh.client("consumer", "iam")
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def test_a_role_that_is_gone_is_told_and_its_access_suspended(
    mesh: MeshDriver, accesses: AccessDriver, role: str
) -> None:
    """Whoever makes a role of that name reads nothing, until somebody says that it is the same."""
    access = accesses.live(OPEN, reader=role)
    assert reads(mesh, role)
    delete_role(mesh, role)
    create_role(mesh, role)
    assert [drift["access"] for drift in plan(mesh) if "ReaderGone" in drift["what"]] == [access]
    assert local_grants(mesh, OPEN, role) != []

    assert kinds(repair(mesh)["left"]) == ["suspended"]
    assert local_grants(mesh, OPEN, role) == []
    assert not reads(mesh, role)
    assert kinds(repair(mesh)["left"]) == ["suspended"]
    assert "suspended" in accesses.record(access).history[-1].what

    assert repair(mesh, "--same-role", access)["left"] == []
    assert reads(mesh, role)
