"""Which account Lake Formation names when it assumes a location's role for another account's query.

Three tables in central, each below a location with a role of its own: one is trusted whatever Lake Formation names,
one only for central's account, one only for the consumer's. Which of them the consumer's analyst can read, tells.
"""

import json
from contextlib import ExitStack
from typing import Any, Final

from botocore.exceptions import ClientError

from tools.verify_aws.checks.lake import make_database
from tools.verify_aws.checks.registry import REGISTRY, Bench, Seen, code_of, not_observable
from tools.verify_aws.commands import CommandFailed
from tools.verify_aws.inventory import pages
from tools.verify_aws.progress import TookTooLong, until

_KNOWN_SECONDS: Final = 120.0
_LATER_SECONDS: Final = 3.0
"""A role that is refused so long after one that was made before it is let in, is refused by its condition."""
_SERDE: Final = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
_READ: Final = ["SELECT", "DESCRIBE"]


@REGISTRY.check(
    "A location role that Lake Formation assumes for another account's query",
    assumes="any account: the role's trust has no condition",
)
def named_account(bench: Bench, made: ExitStack) -> Seen:
    numbers = {"plain": "", "central": bench.central.number, "consumer": bench.consumer.number}
    database, link = f"{bench.names.prefix}_location", f"rl_{bench.names.prefix}-location"
    bucket = _bucket(bench, made)
    make_database(bench.central, database, made)
    roles = {name: _role(bench, name, number, bucket, made) for name, number in numbers.items()}
    for name, role in roles.items():
        _table(bench, database, name, bucket)
        _location(bench, f"arn:aws:s3:::{bucket}/{name}", role, made)
    _share(bench, database, link, list(numbers), made)

    def reads(name: str) -> bool:
        try:
            return bool(bench.commands.mesh("query", f'SELECT id FROM "{link}"."{name}"')["rows"])  # noqa: S608
        except CommandFailed:
            return False

    try:
        until(lambda: reads("plain"), "the analyst reads the table without a condition", _KNOWN_SECONDS)
    except TookTooLong as error:
        return not_observable(str(error))
    named = [name for name in ("central", "consumer") if _within(lambda name=name: reads(name))]
    return Seen(f"it names {' and '.join(named) or 'neither central nor the consumer'}", "same")


def _within(look: Any) -> bool:  # noqa: ANN401 - a callable
    try:
        return bool(until(look, "a condition is met", _LATER_SECONDS))
    except TookTooLong:
        return False


def _bucket(bench: Bench, made: ExitStack) -> str:
    """One that central has already, and that is emptied at the end: that of sam's artifacts."""
    bucket, s3 = bench.names.artifacts(bench.central.number, bench.central.region), bench.central.client("s3")
    for name in ("plain", "central", "consumer"):
        s3.put_object(Bucket=bucket, Key=f"{name}/one.csv", Body=b"1\n")
        made.callback(s3.delete_object, Bucket=bucket, Key=f"{name}/one.csv")
    return bucket


def _role(bench: Bench, name: str, number: str, bucket: str, made: ExitStack) -> str:
    iam, role = bench.central.client("iam"), f"{bench.names.prefix}-location-{name}"
    trust: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": "lakeformation.amazonaws.com"}}
    trust["Action"] = "sts:AssumeRole"
    if number:
        trust["Condition"] = {"StringEquals": {"aws:SourceAccount": number}}
    made.callback(iam.delete_role, RoleName=role)
    answer = iam.create_role(RoleName=role, AssumeRolePolicyDocument=_policy(trust))
    read = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"]}
    where = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{name}/*"]
    iam.put_role_policy(RoleName=role, PolicyName="read", PolicyDocument=_policy({**read, "Resource": where}))
    made.callback(iam.delete_role_policy, RoleName=role, PolicyName="read")
    return str(answer["Role"]["Arn"])


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _table(bench: Bench, database: str, name: str, bucket: str) -> None:
    storage = {
        "Columns": [{"Name": "id", "Type": "bigint"}],
        "Location": f"s3://{bucket}/{name}/",
        "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "SerdeInfo": {"SerializationLibrary": _SERDE, "Parameters": {"field.delim": ","}},
    }
    table = {"Name": name, "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage}
    bench.central.client("glue").create_table(DatabaseName=database, TableInput=table)


def _location(bench: Bench, arn: str, role: str, made: ExitStack) -> None:
    """Registered after the table was made: nobody needs a right on the location for it."""
    lake = bench.central.client("lakeformation")

    def registered() -> bool:
        try:
            lake.register_resource(ResourceArn=arn, RoleArn=role)
        except ClientError as error:
            if code_of(error) == "InvalidInputException":  # IAM's new roles are not known everywhere at once
                return False
            raise
        return True

    until(registered, f"{arn} is registered", _KNOWN_SECONDS)
    made.callback(lake.deregister_resource, ResourceArn=arn)


def _share(bench: Bench, database: str, link: str, tables: list[str], made: ExitStack) -> None:
    """With the consumer's account, and there with its analyst through a link."""
    central, consumer = (account.client("lakeformation") for account in (bench.central, bench.consumer))
    reader, catalog = bench.consumer.arn_of_role("DataAnalyst"), bench.central.number
    shared: list[tuple[dict[str, Any], list[str]]] = [
        ({"Database": {"CatalogId": catalog, "Name": database}}, ["DESCRIBE"])
    ]
    shared += [({"Table": {"CatalogId": catalog, "DatabaseName": database, "Name": name}}, _READ) for name in tables]
    for resource, rights in shared:
        _grant(central, bench.consumer.number, resource, rights, made, PermissionsWithGrantOption=rights)
    _accept_invitations(bench)
    for resource, rights in shared:
        _grant(consumer, reader, resource, rights, made)
    target = {"CatalogId": catalog, "DatabaseName": database}
    glue = bench.consumer.client("glue")
    glue.create_database(DatabaseInput={"Name": link, "TargetDatabase": target})
    made.callback(glue.delete_database, Name=link)
    _grant(consumer, reader, {"Database": {"Name": link}}, ["DESCRIBE"], made)


def _accept_invitations(bench: Bench) -> None:
    """Central's, should this be the first of its named resources that is shared."""
    ram = bench.consumer.client("ram")
    for page in pages(bench.consumer, "ram", "get_resource_share_invitations"):
        for each in page["resourceShareInvitations"]:
            if each["status"] == "PENDING" and each["senderAccountId"] == bench.central.number:
                ram.accept_resource_share_invitation(resourceShareInvitationArn=each["resourceShareInvitationArn"])


def _grant(
    lake: Any,  # noqa: ANN401 - a client
    principal: str,
    resource: dict[str, Any],
    rights: list[str],
    made: ExitStack,
    **more: list[str],
) -> None:
    """Retried while what is shared is on its way."""
    entry = {
        "Principal": {"DataLakePrincipalIdentifier": principal},
        "Resource": resource,
        "Permissions": rights,
        **more,
    }

    def granted() -> bool:
        try:
            lake.grant_permissions(**entry)
        except ClientError as error:
            if code_of(error) in {"AccessDeniedException", "EntityNotFoundException", "InvalidInputException"}:
                return False
            raise
        return True

    until(granted, f"a grant to {principal}", _KNOWN_SECONDS)
    made.callback(lake.revoke_permissions, **entry)
