"""Lake Formation: settings, LF-Tags, locations, grants. Answers of 200 with `Failures[]` are read and raised."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from mesh.adapters.aws import as_transient, code_of, message_of, transient_errors
from mesh.domain.access.request import InvalidRowFilter
from mesh.domain.contracts.claims import require_free_location
from mesh.domain.contracts.product import ConcurrentChange, NotPropagated, Throttled
from mesh.domain.errors import MeshError
from mesh.domain.governance.tag_names import SAME_NAMES, TagNames

if TYPE_CHECKING:
    from mypy_boto3_lakeformation import LakeFormationClient
    from mypy_boto3_lakeformation.type_defs import GetResourceLFTagsResponseTypeDef

_BATCH = 20
_PAUSES = (0.2, 0.4, 0.8)
"""Seconds at most before entries of a batch are repeated."""
_MAX_COLUMNS = 1000
_ALREADY = ("already", "Already")
_DENIED = "Insufficient Lake Formation permission"
_NOT_FOUND = "EntityNotFoundException"
_NOTHING_TO_REVOKE = ("No permissions revoked", "Grantee has no permissions")


class LakeFormationRefused(MeshError):  # noqa: N818 - as the other errors are named
    """Lake Formation answered 200 and listed failures: each entry with its code and message."""


@contextmanager
def _as_entitled(*, named_is_new: bool = False) -> Iterator[None]:
    """As `transient_errors`; and raise NotPropagated for what is denied to a caller who is entitled to it, but may
    have been made so a moment ago. `named_is_new`: so may the LF-Tags or the resource be that the call names."""
    try:
        with transient_errors():
            yield
    except ClientError as error:
        code, message = code_of(error), message_of(error)
        if _is_denied(code, message) or (named_is_new and code == _NOT_FOUND):
            raise NotPropagated(f"{code}: {message}") from error
        raise


def _is_denied(code: str, message: str) -> bool:
    return code == "AccessDeniedException" and _DENIED in message


class LakeFormationAdapter:
    """Implements `ports.LakeFormation` for the caller's own account (`catalog`: its id). `names`: how tags are read and
    written while values are being renamed."""

    def __init__(self, client: "LakeFormationClient", catalog: str, names: TagNames = SAME_NAMES) -> None:
        self._client = client
        self._catalog = catalog
        self._names = names

    def settings(self) -> dict[str, Any]:
        """The whole settings object."""
        with transient_errors():
            return dict(self._client.get_data_lake_settings(CatalogId=self._catalog)["DataLakeSettings"])

    def put_settings(self, settings: Mapping[str, Any]) -> None:
        """Replaces the whole object: give it what `settings` gave, changed."""
        with transient_errors():
            self._client.put_data_lake_settings(CatalogId=self._catalog, DataLakeSettings=settings)  # type: ignore[arg-type]

    def tag_values(self, key: str) -> tuple[str, ...] | None:
        """The key's values; None when there is no such tag."""
        try:
            with _as_entitled():
                return tuple(self._client.get_lf_tag(CatalogId=self._catalog, TagKey=key)["TagValues"])
        except ClientError as error:
            if code_of(error) != _NOT_FOUND:
                raise
            return None

    def create_tag(self, key: str, values: Sequence[str]) -> None:
        """At most 50 values. One that exists is success."""
        try:
            with _as_entitled():
                self._client.create_lf_tag(CatalogId=self._catalog, TagKey=key, TagValues=list(values))
        except ClientError as error:
            if code_of(error) not in {"AlreadyExistsException", "EntityAlreadyExistsException"} and not any(
                word in message_of(error) for word in _ALREADY
            ):
                raise

    def add_tag_values(self, key: str, values: Sequence[str]) -> None:
        """At most 50 values. A value that exists already is success."""
        with _as_entitled():
            self._client.update_lf_tag(CatalogId=self._catalog, TagKey=key, TagValuesToAdd=list(values))

    def remove_tag_values(self, key: str, values: Sequence[str]) -> None:
        """See the port."""
        there = self.tag_values(key) or ()
        going = [value for value in values if value in there]
        if going:
            with _as_entitled():
                self._client.update_lf_tag(CatalogId=self._catalog, TagKey=key, TagValuesToDelete=going)

    def tag_database(self, database: str, tags: Mapping[str, str]) -> None:
        """Assign tags to a database."""
        self._assign({"Database": {"CatalogId": self._catalog, "Name": database}}, tags)

    def tag_table(self, database: str, table: str, tags: Mapping[str, str]) -> None:
        """Assign tags to a table."""
        self._assign({"Table": {"CatalogId": self._catalog, "DatabaseName": database, "Name": table}}, tags)

    def tag_columns(self, database: str, table: str, columns: Sequence[str], tags: Mapping[str, str]) -> None:
        """Assign the same tags to columns of one table."""
        for start in range(0, len(columns), _MAX_COLUMNS):
            part = list(columns[start : start + _MAX_COLUMNS])
            place = {"CatalogId": self._catalog, "DatabaseName": database, "Name": table, "ColumnNames": part}
            self._assign({"TableWithColumns": place}, tags)

    def carriers(self, key: str, value: str) -> tuple[str, ...]:
        """See the port."""
        expression: Any = [{"TagKey": key, "TagValues": [value]}]
        found: list[str] = []
        with transient_errors():
            pages = self._client.get_paginator("search_tables_by_lf_tags").paginate(
                CatalogId=self._catalog, Expression=expression
            )
            for table in (table for page in pages for table in page["TableList"]):
                name = f"{table['Table']['DatabaseName']}.{table['Table']['Name']}"
                tags = {**_pairs(table.get("LFTagOnDatabase", ())), **_pairs(table.get("LFTagsOnTable", ()))}
                columns = [
                    each for each in table.get("LFTagsOnColumns", ()) if _pairs(each["LFTags"]).get(key) == value
                ]
                found += [name] if tags.get(key) == value else [f"{name}.{each['Name']}" for each in columns]
        return tuple(found)

    def is_named(self, key: str, value: str) -> bool:
        """See the port. What a saved expression names is not looked up: it counts as naming it."""
        if value not in (self.tag_values(key) or ()):
            return False
        return bool(self.carriers(key, value)) or any(_may_name(policy, key, value) for policy in self._policies())

    def _policies(self) -> Iterator[Mapping[str, Any]]:
        arguments: dict[str, Any] = {"CatalogId": self._catalog}
        while True:
            with transient_errors():
                answer = self._client.list_permissions(**arguments)
            found = (entry.get("Resource", {}) for entry in answer["PrincipalResourcePermissions"])
            yield from (resource["LFTagPolicy"] for resource in found if "LFTagPolicy" in resource)
            if not answer.get("NextToken"):
                return
            arguments["NextToken"] = answer["NextToken"]

    def assigned_tags(self, database: str, table: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Tags of the table itself, and of each column that has some itself."""
        answer = self._tags_of(database, table, assigned=True)
        named = self._named
        columns = {column["Name"]: named(column.get("LFTags", ())) for column in answer.get("LFTagsOnColumns", ())}
        return named(answer.get("LFTagsOnTable", ())), columns

    def table_tags(self, database: str, table: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Effective tags of the table, and of each column that has some."""
        answer = self._tags_of(database, table, assigned=False)
        inherited = {**self._named(answer.get("LFTagOnDatabase", ())), **self._named(answer.get("LFTagsOnTable", ()))}
        columns = {
            column["Name"]: {**inherited, **self._named(column.get("LFTags", ()))}
            for column in answer.get("LFTagsOnColumns", ())
        }
        return inherited, columns

    def require_free_location(self, arn: str, role_arn: str) -> None:
        """See the port. Locations are listed by their bucket: Lake Formation has no call for those above or below."""
        bucket = arn.partition("/")[0]
        condition: Any = {"Field": "RESOURCE_ARN", "ComparisonOperator": "BEGINS_WITH", "StringValueList": [bucket]}
        require_free_location(arn, role_arn, self.locations(FilterConditionList=[condition]))

    def locations(self, **arguments: Any) -> dict[str, str]:  # noqa: ANN401 - boto3's
        """See the port. `arguments` are those of `ListResources`."""
        registered: dict[str, str] = {}
        while True:
            with transient_errors():
                answer = self._client.list_resources(**arguments)
            registered |= {info["ResourceArn"]: info.get("RoleArn", "") for info in answer["ResourceInfoList"]}
            if not answer.get("NextToken"):
                return registered
            arguments["NextToken"] = answer["NextToken"]

    def register_location(self, arn: str, role_arn: str) -> None:
        """Register an S3 location under a role (not the service-linked one: the bucket is another account's)."""
        try:
            with transient_errors():
                self._client.register_resource(ResourceArn=arn, RoleArn=role_arn, UseServiceLinkedRole=False)
        except ClientError as error:
            if code_of(error) != "AlreadyExistsException":
                raise

    def grant(self, grants: Iterable[Mapping[str, Any]]) -> None:
        """Grant in batches of 20; a grant that exists is success. Raises LakeFormationRefused or a transient error."""
        for entries in _batches(grants):
            self._check(_lasting_failures(partial(self._batch, self._client.batch_grant_permissions), entries))

    def revoke(self, grants: Iterable[Mapping[str, Any]]) -> None:
        """Revoke in batches of 20; what is not granted, or whose resource is gone, is success.

        Lake Formation revokes all of an entry or nothing, so each permission goes by itself, and columns do where some
        are not granted.
        """
        parts = [part for grant in grants for part in _by_permission(grant)]
        while parts:
            parts = [part for entry in self._revoke_parts(parts) for part in _by_column(entry)]

    def _revoke_parts(self, parts: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Those for which there was nothing to revoke; any other failure is raised."""
        for entries in _batches(parts):
            failures = _lasting_failures(partial(self._batch, self._client.batch_revoke_permissions), entries)
            self._check(failure for failure in failures if not _nothing_to_revoke(failure.get("Error", {})))
            yield from (entries[failure["RequestEntry"]["Id"]] for failure in failures)

    def put_filter(self, place: tuple[str, str], name: str, columns: Sequence[str], rows: str) -> None:
        """A data cells filter of that name on a table; one that exists is replaced. Raises InvalidRowFilter."""
        body: Any = {
            "TableCatalogId": self._catalog,
            "DatabaseName": place[0],
            "TableName": place[1],
            "Name": name,
            "ColumnNames": list(columns),
            "RowFilter": {"FilterExpression": rows},
        }
        try:
            with transient_errors():
                self._client.create_data_cells_filter(TableData=body)
        except ClientError as error:
            if code_of(error) == "InvalidInputException":
                raise InvalidRowFilter(
                    f"Lake Formation does not take {rows!r} as a row filter: {message_of(error)}",
                    table=".".join(place),
                    remedy="write comparisons of the table's columns, with AND, OR and NOT",
                ) from error
            if code_of(error) != "AlreadyExistsException":
                raise
            with transient_errors():
                self._client.update_data_cells_filter(TableData=body)

    def delete_filter(self, place: tuple[str, str], name: str) -> None:
        """One that is not there, or whose table is gone, is success."""
        try:
            with transient_errors():
                self._client.delete_data_cells_filter(
                    TableCatalogId=self._catalog, DatabaseName=place[0], TableName=place[1], Name=name
                )
        except ClientError as error:
            if code_of(error) != _NOT_FOUND:
                raise

    def revoke_iam_allowed_principals(self, database: str) -> None:
        """Nothing for IAM-only access: it would go round every tag. Having none is success."""
        try:
            with transient_errors():
                self._client.revoke_permissions(
                    CatalogId=self._catalog,
                    Principal={"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"},
                    Resource={"Database": {"CatalogId": self._catalog, "Name": database}},
                    Permissions=["ALL"],
                )
        except (ClientError, NotPropagated) as error:  # the wording that elsewhere means "not ready yet"
            if not any(part in str(error) for part in _NOTHING_TO_REVOKE):
                raise

    def _assign(self, resource: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        def assign(pairs: list[Any]) -> list[Any]:
            with _as_entitled(named_is_new=True):
                answer = self._client.add_lf_tags_to_resource(
                    CatalogId=self._catalog,
                    Resource=resource,  # type: ignore[arg-type]
                    LFTags=pairs,
                )
            return list(answer.get("Failures", ()))

        given = sorted(self._names.written(tags).items())
        pairs = {key: {"CatalogId": self._catalog, "TagKey": key, "TagValues": [value]} for key, value in given}
        if pairs:
            self._check(_lasting_failures(assign, pairs))

    def _named(self, tags: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        return self._names.read(_pairs(tags))

    def _batch(self, call: Callable[..., Any], entries: list[Any]) -> list[Any]:
        with transient_errors():
            return list(call(CatalogId=self._catalog, Entries=entries).get("Failures", ()))

    def _tags_of(self, database: str, table: str, *, assigned: bool) -> "GetResourceLFTagsResponseTypeDef":
        place: Any = {"Table": {"CatalogId": self._catalog, "DatabaseName": database, "Name": table}}
        with transient_errors():
            return self._client.get_resource_lf_tags(
                CatalogId=self._catalog, Resource=place, ShowAssignedLFTags=assigned
            )

    @staticmethod
    def _check(failures: Iterable[Mapping[str, Any]]) -> None:
        found = [failure.get("Error", {}) for failure in failures]
        found = [error for error in found if error.get("ErrorCode") != "AlreadyExistsException"]
        for error in found:
            code, message = error.get("ErrorCode", ""), error.get("ErrorMessage", "")
            transient = as_transient(code, message)
            if transient is None and (code == _NOT_FOUND or _is_denied(code, message)):
                transient = NotPropagated(f"{code}: {message}")
            if transient is not None:
                raise transient
        if found:
            raise LakeFormationRefused(f"{found[0].get('ErrorCode')}: {found[0].get('ErrorMessage')}", failures=found)


def _batches(grants: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, dict[str, Any]]]:
    """Entries by their ids, 20 at a time."""
    entries = ((str(number), {**grant, "Id": str(number)}) for number, grant in enumerate(grants))
    for batch in batched(entries, _BATCH, strict=False):
        yield dict(batch)


def _lasting_failures(call: Callable[[list[Any]], list[Any]], entries: Mapping[str, Any]) -> list[Any]:
    """Failures of the entries (by id, or by the key of an LF-Tag), after those that met a change by somebody else were
    repeated, three times at most. Only they are: where one entry in five meets one, a whole batch always would."""
    lasting, left = [], list(entries.values())
    for pause in (*_PAUSES, 0.0):
        failures = call(left)
        again = [failure for failure in failures if pause and _is_passing(failure.get("Error", {}))]
        lasting += [failure for failure in failures if failure not in again]
        if not again:
            break
        time.sleep(random.uniform(0, pause))  # noqa: S311 - spreads attempts, keeps no secret
        left = [
            entries[failure["RequestEntry"]["Id"] if "RequestEntry" in failure else failure["LFTag"]["TagKey"]]
            for failure in again
        ]
    return lasting


def _is_passing(error: Mapping[str, Any]) -> bool:
    found = as_transient(error.get("ErrorCode", ""), error.get("ErrorMessage", ""))
    return isinstance(found, ConcurrentChange | Throttled)


def _may_name(policy: Mapping[str, Any], key: str, value: str) -> bool:
    tags = policy.get("Expression") or ()
    return "ExpressionName" in policy or any(tag["TagKey"] == key and value in tag["TagValues"] for tag in tags)


def _pairs(tags: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {tag["TagKey"]: tag["TagValues"][0] for tag in tags}


def _by_permission(grant: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    grantable = grant.get("PermissionsWithGrantOption", ())
    for one in grant["Permissions"]:
        yield {**grant, "Permissions": [one], "PermissionsWithGrantOption": [one] if one in grantable else []}


def _by_column(entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Nothing where there is nothing left to divide."""
    place = entry["Resource"].get("TableWithColumns", {})
    columns = place.get("ColumnNames", ())
    for column in columns if len(columns) > 1 else ():
        yield {**entry, "Resource": {"TableWithColumns": {**place, "ColumnNames": [column]}}}


def _nothing_to_revoke(error: Mapping[str, Any]) -> bool:
    """Lake Formation says by its wording that there was nothing: the code alone is that of any bad input."""
    return error.get("ErrorCode") == _NOT_FOUND or any(
        part in error.get("ErrorMessage", "") for part in _NOTHING_TO_REVOKE
    )
