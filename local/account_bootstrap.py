"""What a landing zone sets up in an account before a mesh is deployed: a role for administration and deployment, which
is an administrator of the data lake too."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from local.accounts import ADMIN_ROLE, REGION, role_arn
from local.clients import Clients

LONGEST_SESSION_SECONDS: Final = 43_200
"""The most AWS allows for a role's session."""


def root_client(service: str, endpoint: str, account_id: str) -> Any:  # noqa: ANN401
    """A client of the account's root: MiniStack takes an account's number for its access key."""
    keys = {"aws_access_key_id": account_id, "aws_secret_access_key": "local"}
    return _clients(endpoint).get(service, REGION, keys)


@cache
def _clients(endpoint: str) -> Clients:
    return Clients(endpoint, retrying=True)


def make_admin_roles(endpoint: str, account_ids: Iterable[str]) -> None:
    """`Admin` in each account, trusted by the account itself, and administrator of its data lake; nothing happens where
    it exists."""
    for account_id in account_ids:
        iam = root_client("iam", endpoint, account_id)
        trust = _policy(Action="sts:AssumeRole", Principal={"AWS": f"arn:aws:iam::{account_id}:root"})
        try:
            iam.create_role(
                RoleName=ADMIN_ROLE,
                AssumeRolePolicyDocument=trust,
                MaxSessionDuration=LONGEST_SESSION_SECONDS,
                Description="Administrates the account, as the landing zone made it",
            )
        except iam.exceptions.EntityAlreadyExistsException:
            continue
        everything = _policy(Action="*", Resource="*")
        iam.put_role_policy(RoleName=ADMIN_ROLE, PolicyName="AdministratorAccess", PolicyDocument=everything)
        lake = root_client("lakeformation", endpoint, account_id)
        settings = lake.get_data_lake_settings()["DataLakeSettings"]
        admin = {"DataLakePrincipalIdentifier": role_arn(account_id, ADMIN_ROLE)}
        settings["DataLakeAdmins"] = [*settings.get("DataLakeAdmins", []), admin]
        lake.put_data_lake_settings(DataLakeSettings=settings)


def assume(endpoint: str, account_id: str, role_name: str, seconds: int | None = None) -> dict[str, str]:
    """Environment variables that make a process act as the role, as long as the role allows."""
    if seconds is None:
        role = root_client("iam", endpoint, account_id).get_role(RoleName=role_name)["Role"]
        seconds = role.get("MaxSessionDuration", 3600)
    answer = root_client("sts", endpoint, account_id).assume_role(
        RoleArn=role_arn(account_id, role_name), RoleSessionName="mesh", DurationSeconds=seconds
    )
    found = answer["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
        "AWS_SESSION_TOKEN": found["SessionToken"],
    }


def admin_environment(endpoint: str, account_id: str) -> dict[str, str]:
    return assume(endpoint, account_id, ADMIN_ROLE, LONGEST_SESSION_SECONDS)


def _policy(**statement: Any) -> str:  # noqa: ANN401
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
