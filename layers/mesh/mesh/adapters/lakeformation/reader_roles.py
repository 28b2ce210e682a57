"""The account's roles, and which grants on another account's catalog they hold by name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mesh.adapters.aws import transient_errors
from mesh.adapters.iam import role
from mesh.adapters.lakeformation.grants_format import parse_resource
from mesh.domain.access.consumer_access import PassedOn, Role
from mesh.domain.events import GrantEntry
from mesh.domain.governance.catalog_snapshot import ColumnsGrant, Granted

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lakeformation import LakeFormationClient


class ReaderRoles:
    """Implements `ports.Readers`."""

    def __init__(self, iam: "IAMClient", lake: "LakeFormationClient") -> None:
        self._iam = iam
        self._lake = lake

    def role(self, name: str) -> Role | None:
        """See the port."""
        return role(self._iam, name)

    def held(
        self, role_arn: str, catalogs: Sequence[str], entries: Sequence[GrantEntry]
    ) -> tuple[list[GrantEntry], list[GrantEntry]]:
        """See the port. Lake Formation lists a grant in a form of its own, so both sides are brought to one form."""
        granted = {
            atom
            for catalog in catalogs
            for found in self._granted(role_arn, catalog)
            for permission in found.get("Permissions", ())
            for atom in _atoms(found["Resource"], permission)
        }
        holding, lacking = [], []
        for entry in entries:
            wanted = {permission: set(_atoms(entry.resource, permission)) for permission in entry.permissions}
            some = tuple(permission for permission, atoms in wanted.items() if atoms & granted)
            if some:
                holding.append(entry.evolve(permissions=some))
            if not all(atoms <= granted for atoms in wanted.values()):
                lacking.append(entry)
        return holding, lacking

    def passed_on(self, account: str, catalog: str) -> list[PassedOn]:
        """See the port. Of an account's principals, groups among them; the account itself is given, and passes on."""
        from mesh.domain.access.fix_commands import resource_of  # noqa: PLC0415 - for one function

        return [
            PassedOn(
                principal=principal,
                entry=GrantEntry(resource=resource_of(granted, catalog), permissions=tuple(found["Permissions"])),
                grantable=tuple(found.get("PermissionsWithGrantOption", ())),
            )
            for found in self._listed({"CatalogId": catalog})
            for principal in [found["Principal"]["DataLakePrincipalIdentifier"]]
            if f":{account}:" in f":{principal}" and not principal.endswith(":root") and found.get("Permissions")
            for granted in [parse_resource(found["Resource"], _by_name, lambda _: {})]
            if granted is not None
        ]

    def _granted(self, role_arn: str, catalog: str) -> Iterator[Mapping[str, Any]]:
        return self._listed({"CatalogId": catalog, "Principal": {"DataLakePrincipalIdentifier": role_arn}})

    def _listed(self, arguments: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
        while True:
            with transient_errors():
                answer = self._lake.list_permissions(**arguments)
            yield from answer["PrincipalResourcePermissions"]
            if not answer.get("NextToken"):
                return
            arguments["NextToken"] = answer["NextToken"]


def _by_name(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A saved expression stands for itself."""
    return [{"TagKey": policy["ExpressionName"], "TagValues": ["*"]}]


def _atoms(resource: Mapping[str, Any], permission: str) -> Iterator[tuple[Granted, str]]:
    """One permission on the smallest things that it is listed for. A saved expression and a cells filter stand for
    themselves, by their names."""
    granted = parse_resource(resource, _by_name, lambda _: {})
    match granted:
        case None:
            return
        case ColumnsGrant(database=database, table=table, names=frozenset() as names):
            yield from ((ColumnsGrant(database, table, frozenset({name})), permission) for name in names)
        case _:
            yield granted, permission
