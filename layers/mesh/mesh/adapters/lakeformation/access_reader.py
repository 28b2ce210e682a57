"""Who can read what, as AWS has it now: Lake Formation, Glue, RAM and IAM of one account, read only."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.adapters.iam import role_arn
from mesh.adapters.lakeformation.grants_format import parse_grants, principal_of, single
from mesh.domain.access.access_context import Home
from mesh.domain.contracts.claims import MARK
from mesh.domain.events import GrantEntry
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, Database, Grant, ShareState, Table
from mesh.domain.names import DEFAULT_DATABASE, resource_link

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lakeformation import LakeFormationClient
    from mypy_boto3_ram import RAMClient

_AT_ONCE: Final = 8
"""Tables whose tags are asked for at the same time: Lake Formation has no call for many."""
_SHARES_OF_LAKE_FORMATION: Final = "LakeFormation"
_SHARE_STATES: Final[dict[str, ShareState]] = {
    "ASSOCIATED": "accepted",
    "ASSOCIATING": "pending",
    "FAILED": "rejected",
    "SUSPENDED": "rejected",
}


class AccessReader:
    """Implements `ports.CatalogState` and `ports.MemberState` for the account that the clients act in."""

    def __init__(
        self, lake: "LakeFormationClient", glue: "GlueClient", ram: "RAMClient", iam: "IAMClient", account: str
    ) -> None:
        self._lake, self._glue, self._ram, self._iam = lake, glue, ram, iam
        self._account = account

    def lake(self, databases: Collection[str] = ()) -> CatalogSnapshot:
        """See `ports.CatalogState`. A database that is not there is left out."""
        admins, readers = self._admins()
        found = self._databases(databases)
        return CatalogSnapshot(self._account, found, self._grants(self._account), admins, readers, self._shares())

    def tagged(self, databases: Collection[str] = ()) -> CatalogSnapshot:
        """See `ports.CatalogState`. A database that is not there is left out."""
        return CatalogSnapshot(self._account, self._databases(databases, marked=True))

    def tag_values(self) -> dict[str, tuple[str, ...]]:
        """See `ports.CatalogState`."""
        with transient_errors():
            pages = self._lake.get_paginator("list_lf_tags").paginate(CatalogId=self._account)
            return {tag["TagKey"]: tuple(tag["TagValues"]) for page in pages for tag in page["LFTags"]}

    def rights_beside(self) -> dict[str, list[GrantEntry]]:
        """See `ports.CatalogState`. Asked for by their kinds: no document says that a list of all has them."""
        found: dict[str, list[GrantEntry]] = {}
        for kind in ("DATA_LOCATION", "LF_TAG"):
            for entry in self._permissions(CatalogId=self._account, ResourceType=kind):
                held, permissions = found.setdefault(principal_of(entry), []), tuple(entry.get("Permissions", ()))
                held += (GrantEntry(resource=each, permissions=permissions) for each in single(entry["Resource"]))
        return found

    def home(self, central: str, database: str) -> Home:
        """See `ports.MemberState`."""
        admins, readers = self._admins()
        own = CatalogSnapshot(self._account, {}, self._grants(self._account), admins, readers)
        databases = self._database_records()
        return Home(
            own,
            _links(databases, central, database),
            self._invitations(central),
            self.passed_on(central),
            has_default=any(record["Name"] == DEFAULT_DATABASE for record in databases),
        )

    def passed_on(self, central: str) -> tuple[Grant, ...]:
        """See `ports.MemberState`."""
        return self._grants(central)

    def admins(self) -> frozenset[str]:
        """The account's data lake administrators, by ARN."""
        return self._admins()[0]

    def role_arn(self, name: str) -> str | None:
        """See `ports.MemberState`."""
        return role_arn(self._iam, name)

    def denied(self, role_arn: str, needs: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
        """IAM's own simulator decides, a resource at a time: boundaries and denials count as well."""
        found = {}
        for resource, actions in needs.items():
            with transient_errors():
                answer = self._iam.simulate_principal_policy(
                    PolicySourceArn=role_arn, ActionNames=list(actions), ResourceArns=[resource]
                )
            refused = tuple(
                result["EvalActionName"]
                for result in answer["EvaluationResults"]
                if result["EvalDecision"] != "allowed"
            )
            if refused:
                found[resource] = refused
        return found

    def _admins(self) -> tuple[frozenset[str], frozenset[str]]:
        with transient_errors():
            settings = self._lake.get_data_lake_settings(CatalogId=self._account)["DataLakeSettings"]
        return _identifiers(settings.get("DataLakeAdmins", ())), _identifiers(settings.get("ReadOnlyAdmins", ()))

    def _grants(self, catalog: str) -> tuple[Grant, ...]:
        """All grants on a catalog that this account may see."""
        return tuple(parse_grants(self._permissions(CatalogId=catalog), catalog, self._expression, self._cells))

    def _permissions(self, **arguments: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - of ListPermissions
        entries: list[Mapping[str, Any]] = []
        while True:
            with transient_errors():
                answer = self._lake.list_permissions(**arguments)
            entries += answer["PrincipalResourcePermissions"]
            if not answer.get("NextToken"):
                return entries
            arguments["NextToken"] = answer["NextToken"]

    def _expression(self, policy: Mapping[str, Any]) -> list[Any]:
        """A saved expression's tags; one that is gone matches nothing."""
        try:
            with transient_errors():
                answer = self._lake.get_lf_tag_expression(
                    Name=policy["ExpressionName"], CatalogId=policy.get("CatalogId", self._account)
                )
        except ClientError as error:
            if code_of(error) != "EntityNotFoundException":
                raise
            return []
        return list(answer["Expression"])

    def _cells(self, named: Mapping[str, Any]) -> Mapping[str, Any]:
        """A data cells filter; nothing of one that is gone, which lets nothing through."""
        try:
            with transient_errors():
                answer = self._lake.get_data_cells_filter(
                    TableCatalogId=named["TableCatalogId"],
                    DatabaseName=named["DatabaseName"],
                    TableName=named["TableName"],
                    Name=named["Name"],
                )
        except ClientError as error:
            if code_of(error) != "EntityNotFoundException":
                raise
            return {}
        return dict(answer["DataCellsFilter"])

    def _databases(self, wanted: Collection[str], *, marked: bool = False) -> dict[str, Database]:
        """Databases of the catalog, resource links left out; only those with the mesh's mark, if so wanted."""
        found = {
            record["Name"]: record.get("Parameters", {}).get(MARK) == record["Name"]
            for record in self._database_records()
            if not record.get("TargetDatabase") and (not wanted or record["Name"] in wanted)
        }
        read = (self._database(name, marked=own) for name, own in found.items() if own or not marked)
        return {database.name: database for database in read if database}

    def _database_records(self) -> list[Mapping[str, Any]]:
        """Databases and resource links of the account's catalog."""
        with transient_errors():
            pages = self._glue.get_paginator("get_databases").paginate(CatalogId=self._account)
            return [record for page in pages for record in page["DatabaseList"]]

    def _database(self, name: str, *, marked: bool) -> Database | None:
        """None for a database that was dropped since it was listed."""
        try:
            with transient_errors():
                pages = self._glue.get_paginator("get_tables").paginate(CatalogId=self._account, DatabaseName=name)
                records = [record for page in pages for record in page["TableList"] if not record.get("TargetTable")]
            tags = _tags(self._tags({"Database": {"CatalogId": self._account, "Name": name}}), "LFTagOnDatabase")
        except ClientError as error:
            if code_of(error) != "EntityNotFoundException":
                raise
            return None
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            tables = [table for table in pool.map(lambda record: self._table(name, record), records) if table]
        return Database(name, tags, {table.name: table for table in tables}, marked)

    def _table(self, database: str, record: Mapping[str, Any]) -> Table | None:
        """None for a table that was dropped since it was listed."""
        from mesh.domain.publishing.iceberg_table import pointer_of  # noqa: PLC0415 - few functions read the catalog

        place = {"CatalogId": self._account, "DatabaseName": database, "Name": record["Name"]}
        try:
            answer = self._tags({"Table": place})
        except ClientError as error:
            if code_of(error) != "EntityNotFoundException":
                raise
            return None
        keys = record.get("PartitionKeys") or ()
        columns = [*(record.get("StorageDescriptor") or {}).get("Columns", ()), *keys]
        own = {column["Name"]: _tags(column, "LFTags") for column in answer.get("LFTagsOnColumns", ())}
        names = tuple(column["Name"] for column in columns)
        return Table(
            database, record["Name"], names, _tags(answer, "LFTagsOnTable"), own, bool(keys), pointer_of(record)
        )

    def _tags(self, resource: Any) -> Mapping[str, Any]:  # noqa: ANN401 - boto3's union of structures
        """What is assigned to the resource itself; what it inherits is worked out from that."""
        with transient_errors():
            return self._lake.get_resource_lf_tags(CatalogId=self._account, Resource=resource, ShowAssignedLFTags=True)

    def _shares(self) -> dict[str, ShareState]:
        """By receiver: accepted only when all of Lake Formation's shares with it are."""
        states: dict[str, set[ShareState]] = {}
        with transient_errors():
            paginator = self._ram.get_paginator("get_resource_share_associations")
            for page in paginator.paginate(associationType="PRINCIPAL"):
                for item in page["resourceShareAssociations"]:
                    ours = item.get("resourceShareName", "").startswith(_SHARES_OF_LAKE_FORMATION)
                    if ours and item["status"] in _SHARE_STATES:
                        states.setdefault(item["associatedEntity"], set()).add(_SHARE_STATES[item["status"]])
        worst: tuple[ShareState, ...] = ("pending", "rejected", "accepted")
        return {account: next(state for state in worst if state in found) for account, found in states.items()}

    def _invitations(self, central: str) -> dict[str, str]:
        with transient_errors():
            pages = self._ram.get_paginator("get_resource_share_invitations").paginate()
            found = [invitation for page in pages for invitation in page["resourceShareInvitations"]]
        return {
            invitation["resourceShareInvitationArn"]: invitation["status"]
            for invitation in found
            if invitation["senderAccountId"] == central and invitation["status"] != "ACCEPTED"
        }


def _links(databases: Iterable[Mapping[str, Any]], central: str, database: str) -> tuple[str, ...]:
    """Resource links to central's database, the mesh's own name first."""
    found = []
    for record in databases:
        target = record.get("TargetDatabase") or {}
        if (target.get("CatalogId"), target.get("DatabaseName")) == (central, database):
            found.append(record["Name"])
    return tuple(sorted(found, key=lambda name: (name != resource_link(database), name)))


def _identifiers(principals: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(principal["DataLakePrincipalIdentifier"] for principal in principals)


def _tags(answer: Mapping[str, Any], member: str) -> dict[str, str]:
    return {tag["TagKey"]: tag["TagValues"][0] for tag in answer.get(member, ())}
