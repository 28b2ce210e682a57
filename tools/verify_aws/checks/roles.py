"""A role that is deleted, and made again by the same name: what Lake Formation still lets it do."""

import contextlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tools.verify_aws.accounts import Account
from tools.verify_aws.checks.lake import drop_database, make_database
from tools.verify_aws.checks.registry import REGISTRY, Bench, Seen, code_of, same_if
from tools.verify_aws.progress import TookTooLong, until

_KNOWN_SECONDS = 60.0
"""IAM and Lake Formation know a new role after some seconds."""
_POLICY = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": ["glue:CreateDatabase", "glue:GetDatabase", "glue:DeleteDatabase", "lakeformation:GetDataAccess"],
        "Resource": "*",
    }],
})  # fmt: skip


@dataclass(frozen=True)
class Role:
    """Of the account, which may assume it."""

    account: Account
    name: str

    def make(self) -> None:
        iam = self.account.client("iam")
        statement = {"Effect": "Allow", "Principal": {"AWS": self.account.principal}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=trust)
        iam.put_role_policy(RoleName=self.name, PolicyName="lake", PolicyDocument=_POLICY)
        self.account.forget(self.name)

    def delete(self) -> None:
        """Nothing happens where it is gone."""
        iam = self.account.client("iam")
        with contextlib.suppress(iam.exceptions.NoSuchEntityException):
            iam.delete_role_policy(RoleName=self.name, PolicyName="lake")
        with contextlib.suppress(iam.exceptions.NoSuchEntityException):
            iam.delete_role(RoleName=self.name)

    def may(self, operation: str, **arguments: Any) -> bool:  # noqa: ANN401 - an operation's
        """Whether it is let, tried for a while: refusals that a new role gets at first do not count."""

        def tried() -> bool:
            try:
                getattr(self.account.client("glue", self.name), operation)(**arguments)
            except ClientError as error:
                if code_of(error) in {"AccessDenied", "AccessDeniedException", "InvalidClientTokenId"}:
                    self.account.forget(self.name)
                    return False
                raise
            return True

        try:
            return until(tried, operation, _KNOWN_SECONDS)
        except TookTooLong:
            return False


@contextlib.contextmanager
def made_again(bench: Bench, name: str, grant: dict[str, Any], before: tuple[str, dict[str, Any]]) -> Iterator[Role]:
    """A role in the consumer's account with the grant, that could do what it was to do `before` it was made again."""
    role = Role(bench.consumer, name)
    lake = bench.consumer.client("lakeformation")
    entry = {"Principal": {"DataLakePrincipalIdentifier": bench.consumer.arn_of_role(name)}, **grant}
    with ExitStack() as made:
        made.callback(role.delete)
        role.make()

        def granted() -> bool:
            with contextlib.suppress(lake.exceptions.InvalidInputException):
                lake.grant_permissions(**entry)
                return True
            return False

        until(granted, f"Lake Formation knows {name}", _KNOWN_SECONDS)
        made.callback(lake.revoke_permissions, **entry)
        operation, arguments = before
        if not role.may(operation, **arguments):
            raise TookTooLong(f"{name} may not {operation}, before it was made again")
        role.delete()
        role.make()
        yield role


@REGISTRY.check(
    "A role that is made again by the same name is another principal to policies",
    assumes="to Lake Formation it is the same: it keeps its grants",
)
def keeps_grants(bench: Bench, made: ExitStack) -> Seen:
    name = f"{bench.names.prefix}_given"
    make_database(bench.consumer, name, made)
    grant = {"Resource": {"Database": {"Name": name}}, "Permissions": ["DESCRIBE"]}
    look = ("get_database", {"Name": name})
    role = made.enter_context(made_again(bench, f"{bench.names.prefix}-again", grant, look))
    keeps = role.may(look[0], **look[1])
    return same_if(keeps, "it keeps its grants" if keeps else "it has none of its grants")


@REGISTRY.check(
    "The creator of a database or table holds all permissions on it",
    assumes="a role that is made again by the same name holds them as well",
)
def stays_creator(bench: Bench, made: ExitStack) -> Seen:
    name = f"{bench.names.prefix}_created"
    grant: dict[str, Any] = {"Resource": {"Catalog": {}}, "Permissions": ["CREATE_DATABASE"]}
    create = ("create_database", {"DatabaseInput": {"Name": name}})
    made.callback(drop_database, bench.consumer, name)
    role = made.enter_context(made_again(bench, f"{bench.names.prefix}-creator", grant, create))
    holds = role.may("delete_database", Name=name)
    return same_if(holds, "it may delete what it had created" if holds else "it may not delete what it had created")
