"""The account's IAM: which of its roles and users there are."""

from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.domain.access.consumer_access import Role

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

_UNIQUE_IDS: Final = ("AROA", "AIDA")
"""Beginnings of the ids that AWS shows in place of the ARN of a role, or user, that is gone.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
"""


def role_arn(iam: "IAMClient", name: str) -> str | None:
    """The role's ARN, with its path; None where there is no such role."""
    found = role(iam, name)
    return found.arn if found else None


def role(iam: "IAMClient", name: str) -> Role | None:
    """The role of that name, if there is one."""
    try:
        with transient_errors():
            found = iam.get_role(RoleName=name)["Role"]
    except ClientError as error:
        if code_of(error) != "NoSuchEntity":
            raise
        return None
    return Role(arn=found["Arn"], id=found["RoleId"])


class IamPrincipals:
    """Implements `ports.Principals`."""

    def __init__(self, iam: "IAMClient", account: str) -> None:
        self._iam = iam
        self._account = account

    def is_gone(self, principal: str) -> bool:
        """See the port."""
        if principal.startswith(_UNIQUE_IDS):
            return True
        head, _, path = principal.partition("/")
        name = path.rpartition("/")[2]
        if head == f"arn:aws:iam::{self._account}:role":
            return role_arn(self._iam, name) != principal
        if head == f"arn:aws:iam::{self._account}:user":
            return self._user_arn(name) != principal
        return False

    def _user_arn(self, name: str) -> str | None:
        try:
            with transient_errors():
                return self._iam.get_user(UserName=name)["User"]["Arn"]
        except ClientError as error:
            if code_of(error) != "NoSuchEntity":
                raise
            return None
