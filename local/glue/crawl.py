"""One run of a crawler, with only its role's rights."""

import fnmatch
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import batched

from ministack.core.responses import request_scope

from local.glue import operations
from local.glue.readers import UnknownFormatError, read
from local.glue.tables import CrawledFile, CrawledTable, partition_input, table_folder, table_input, table_name
from local.lakeformation import context, identity
from local.lakeformation import resources as r
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json, access_denied, invalid_input
from local.lakeformation.store import LOCK, state

PARTITIONS_PER_CALL = 100


class StoppedError(Exception):
    """StopCrawler was called during the run."""


@dataclass
class Summary:
    """What a run did, for its event; `unread` are objects that no classifier recognised."""

    tables_created: int = 0
    tables_updated: int = 0
    partitions_created: int = 0
    unread: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """A crawler's definition, its classifiers, the role that it acts as, and the signal to stop."""

    crawler: Json
    classifiers: list[Json]
    role: Identity
    stop: threading.Event

    def call(self, operation: str, params: Json) -> Json:
        """A Glue call as the role; a run that was stopped makes none."""
        if self.stop.is_set():
            raise StoppedError
        return operations.call(self.role, operation, params)


def crawl(run: Run) -> Summary:
    """Read every object below the targets, group them into tables, write tables and partitions.

    Raises:
        AwsError: the first call that was refused, as the role would see it.
        StoppedError: the crawler was stopped.
    """
    database = run.crawler["DatabaseName"]
    run.call("GetDatabase", {"Name": database})
    summary = Summary()
    for table in _tables(run, summary):
        _write(run, database, table, summary)
    return summary


def _tables(run: Run, summary: Summary) -> Iterator[CrawledTable]:
    grouping = (_configuration(run.crawler).get("Grouping") or {}).get("TableLevelConfiguration")
    prefix = run.crawler.get("TablePrefix") or ""
    found: dict[tuple[str, str], CrawledTable] = {}
    for target in run.crawler["Targets"].get("S3Targets") or ():
        bucket, _, path = target["Path"].removeprefix("s3://").partition("/")
        files = list(_files(run, bucket, path, target.get("Exclusions") or [], summary))
        for file in files:
            folder = table_folder(path, file.key, grouping, [other.key for other in files])
            name = table_name(prefix, bucket, folder)
            found.setdefault((bucket, folder), CrawledTable(name, bucket, folder)).files.append(file)
    yield from (found[place] for place in sorted(found))


def _files(run: Run, bucket: str, path: str, exclusions: list[str], summary: Summary) -> Iterator[CrawledFile]:
    from ministack.services import s3  # noqa: PLC0415

    with LOCK:
        reader = _reader(run, bucket, path)
    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        raise invalid_input(f"The specified bucket does not exist: {bucket}")
    reader.require("s3:ListBucket", f"arn:aws:s3:::{bucket}", service="s3", keys={"s3:prefix": path})
    with request_scope(owner, run.role.region):
        objects = sorted(s3._buckets[bucket]["objects"])
    for key in (key for key in objects if _is_data(key, path, exclusions)):
        reader.require("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", service="s3")
        with request_scope(owner, run.role.region):
            data = s3._get_object_data(bucket, key)
        if not data:
            continue
        try:
            yield CrawledFile(bucket, key, len(data), read(data, run.classifiers))
        except UnknownFormatError as error:
            summary.unread.append(f"s3://{bucket}/{key}: {error}")


def _is_data(key: str, path: str, exclusions: list[str]) -> bool:
    """Below the path, no folder marker, not hidden as Hive hides (`_x`, `.x`), not excluded."""
    root = path if not path or path.endswith("/") else f"{path}/"
    if not key.startswith(root) and key != path:
        return False
    rest = key.removeprefix(root)
    hidden = rest.rpartition("/")[2][:1] in ("_", ".", "")
    return not hidden and not any(fnmatch.fnmatch(rest, pattern) for pattern in exclusions)


def _reader(run: Run, bucket: str, path: str) -> Identity:
    """Who reads the objects: the role, or with Lake Formation credentials the registered location's role.

    The latter takes IAM's `lakeformation:GetDataAccess` and, in the catalog's account, access to the location:
    https://docs.aws.amazon.com/glue/latest/dg/crawler-lake-formation-integration.html
    """
    configuration = run.crawler.get("LakeFormationConfiguration") or {}
    if not configuration.get("UseLakeFormationCredentials"):
        return run.role
    run.role.require("lakeformation:GetDataAccess", "*", service="lakeformation")
    catalog = configuration.get("AccountId") or run.role.account
    arn = f"arn:aws:s3:::{bucket}/{path}".rstrip("/")
    location = state(catalog, run.role.region).registered_above(arn)
    if location is None:
        raise access_denied(f"The location {arn} is not registered with Lake Formation in account {catalog}")
    context.require(run.role, r.DataLocation(catalog, arn), "DATA_LOCATION_ACCESS")
    role = state(catalog, run.role.region).registered[location]["RoleArn"]
    if not identity.trusts(role, "lakeformation.amazonaws.com", run.role.account):
        raise access_denied(f"Lake Formation cannot assume the location's role {role}")
    return identity.role_identity(role, run.role.region, "AWSLF-00-GL")


def _configuration(crawler: Json) -> Json:
    configuration: Json = json.loads(crawler.get("Configuration") or "{}")
    return configuration


def _write(run: Run, database: str, table: CrawledTable, summary: Summary) -> None:
    keep_types = _output(run, "Tables") == "MergeNewColumns"
    existing = _existing(run, database, table.name)
    given = table_input(table, run.crawler["Name"], existing, keep_types=keep_types)
    policy = (run.crawler.get("SchemaChangePolicy") or {}).get("UpdateBehavior") or "UPDATE_IN_DATABASE"
    if existing is None:
        run.call("CreateTable", {"DatabaseName": database, "TableInput": given})
        summary.tables_created += 1
    elif policy == "UPDATE_IN_DATABASE" and _differs(existing, given):
        run.call("UpdateTable", {"DatabaseName": database, "TableInput": given})
        summary.tables_updated += 1
    _write_partitions(run, database, table, given["StorageDescriptor"]["Columns"], summary)


def _output(run: Run, kind: str) -> str | None:
    output = (_configuration(run.crawler).get("CrawlerOutput") or {}).get(kind) or {}
    behaviour: str | None = output.get("AddOrUpdateBehavior")
    return behaviour


def _existing(run: Run, database: str, name: str) -> Json | None:
    try:
        found: Json = run.call("GetTable", {"DatabaseName": database, "Name": name})["Table"]
    except AwsError as error:
        if error.code != "EntityNotFoundException":
            raise
        return None
    return found


def _differs(existing: Json, given: Json) -> bool:
    return any(existing.get(member) != given.get(member) for member in ("StorageDescriptor", "Parameters"))


def _write_partitions(run: Run, database: str, table: CrawledTable, columns: list[Json], summary: Summary) -> None:
    where = {"DatabaseName": database, "TableName": table.name}
    for batch in batched(sorted(table.partitions()), PARTITIONS_PER_CALL, strict=False):
        keys = [{"Values": list(values)} for values in batch]
        known = run.call("BatchGetPartition", where | {"PartitionsToGet": keys})["Partitions"]
        new = [values for values in batch if list(values) not in [partition["Values"] for partition in known]]
        if not new:
            continue
        inputs = [partition_input(table, values, run.crawler["Name"], columns) for values in new]
        errors = run.call("BatchCreatePartition", where | {"PartitionInputList": inputs})["Errors"]
        failed = [error for error in errors if error["ErrorDetail"]["ErrorCode"] != "AlreadyExistsException"]
        if failed:
            detail = failed[0]["ErrorDetail"]
            raise AwsError(detail["ErrorCode"], detail["ErrorMessage"])
        summary.partitions_created += len(new) - len(errors)
