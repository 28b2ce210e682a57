"""The policies of a role on the mesh: its own, and those of its account that are attached to it."""

from typing import Any

from local.accounts import ACCOUNTS
from tests.mesh_driver import MeshDriver

type Documents = dict[str, dict[str, Any]]


def own_policies(mesh: MeshDriver, account: str, role: str) -> Documents:
    """Name → document, of the role's own."""
    iam = mesh.client(account, "iam")
    return {
        policy: iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }


def attached_policies(mesh: MeshDriver, account: str, role: str) -> Documents:
    """ARN → document, of the stack's managed policies: those of AWS's own are SAM's choice."""
    iam, found = mesh.client(account, "iam"), {}
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        if f"::{ACCOUNTS[account]}:" in arn:
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            found[arn] = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return found
