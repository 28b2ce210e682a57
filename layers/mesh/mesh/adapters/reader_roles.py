"""The account's roles, and which grants on another account's catalog they hold by name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.adapters.grants_format import parse_resource
from mesh.domain.access.lake import Granted
from mesh.domain.events import GrantEntry

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lakeformation import LakeFormationClient


class ReaderRoles:
    """Implements `ports.Readers`."""

    def __init__(self, iam: "IAMClient", lake: "LakeFormationClient") -> None:
        self._iam = iam
        self._lake = lake

    def arn(self, name: str) -> str | None:
        """The role's ARN, with its path; None where there is no such role."""
        try:
            with transient_errors():
                return self._iam.get_role(RoleName=name)["Role"]["Arn"]
        except ClientError as error:
            if code_of(error) != "NoSuchEntity":
                raise
            return None

    def missing(self, role_arn: str, catalog: str, entries: Sequence[GrantEntry]) -> list[GrantEntry]:
        """See the port. Lake Formation lists a grant in a form of its own, so both sides are brought to one form."""
        held: dict[Granted, set[str]] = {}
        for entry in self._granted(role_arn, catalog):
            granted = _form(entry["Resource"])
            if granted is not None:
                held.setdefault(granted, set()).update(entry.get("Permissions", ()))
        return [entry for entry in entries if not _covered(entry, held)]

    def _granted(self, role_arn: str, catalog: str) -> Iterator[Mapping[str, Any]]:
        arguments: dict[str, Any] = {"CatalogId": catalog, "Principal": {"DataLakePrincipalIdentifier": role_arn}}
        while True:
            with transient_errors():
                answer = self._lake.list_permissions(**arguments)
            yield from answer["PrincipalResourcePermissions"]
            if not answer.get("NextToken"):
                return
            arguments["NextToken"] = answer["NextToken"]


def _covered(entry: GrantEntry, held: Mapping[Granted, set[str]]) -> bool:
    granted = _form(entry.resource)
    return granted is not None and set(entry.permissions) <= held.get(granted, set())


def _form(resource: Mapping[str, Any]) -> Granted | None:
    """A saved expression and a cells filter stand for themselves, by their names."""
    return parse_resource(
        resource, lambda named: [{"TagKey": named["ExpressionName"], "TagValues": ["*"]}], lambda _: {}
    )
