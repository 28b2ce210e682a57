"""Products shared from central with a consumer, whose analyst asks Athena."""

import json
import time
from typing import Any

from tests.local.lf_helpers import (
    CENTRAL,
    CONSUMER,
    PRODUCER,
    REGION,
    Caller,
    conforms,
    endpoint,
    grant,
    reset,
    role,
    root,
    settings,
)

LAKE, RESULTS = "credit-card-lake", "consumer-results"
LOCATION_ROLE = f"arn:aws:iam::{CENTRAL}:role/location"
HIVE = "org.apache.hadoop.hive"
LAZY, OPEN_CSV = f"{HIVE}.serde2.lazy.LazySimpleSerDe", f"{HIVE}.serde2.OpenCSVSerde"
JSON, PARQUET = "org.openx.data.jsonserde.JsonSerDe", f"{HIVE}.ql.io.parquet.serde.ParquetHiveSerDe"
ANALYST_ACTIONS = ("athena:*", "glue:Get*", "lakeformation:GetDataAccess")
RESULT_ACTIONS = ("s3:GetBucketLocation", "s3:PutObject", "s3:GetObject")


def fresh_mesh() -> None:
    """Empty accounts; the producer's bucket, which the location's role of central may read; the consumer's."""
    from local import athena

    endpoint()
    athena.install()
    reset()
    athena.reset()
    for account in (CENTRAL, PRODUCER, CONSUMER):
        settings(account)
    central = root(CENTRAL)
    role(CENTRAL, "location", "s3:GetObject", "s3:ListBucket", trust="lakeformation.amazonaws.com")
    root(PRODUCER).s3.create_bucket(Bucket=LAKE)
    let_in(LOCATION_ROLE)
    root(CONSUMER).s3.create_bucket(Bucket=RESULTS)
    central.lf.register_resource(ResourceArn=f"arn:aws:s3:::{LAKE}/data", RoleArn=LOCATION_ROLE)
    for key, values in (("product", ["cards", "accounts"]), ("pii", ["none", "personal"])):
        central.lf.create_lf_tag(TagKey=key, TagValues=values)
    for account in (CENTRAL, CONSUMER):
        root(account).glue.create_database(DatabaseInput={"Name": "default"})
        grant(root(account), "IAM_ALLOWED_PRINCIPALS", {"Database": {"Name": "default"}}, ["DESCRIBE"])
    athena_of(root(CONSUMER)).create_work_group(
        Name="consumer-workgroup",
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": f"s3://{RESULTS}/results/"},
        },
    )


def let_in(*principals: str) -> None:
    """The producer's bucket policy: these may read, nobody else of another account."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": list(principals)},
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{LAKE}", f"arn:aws:s3:::{LAKE}/*"],
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    root(PRODUCER).s3.put_bucket_policy(Bucket=LAKE, Policy=json.dumps(document))


def athena_of(caller: Caller) -> Any:
    """A client whose every answer is checked against botocore's model of it."""
    client = caller.client("athena")
    client.meta.events.register("after-call", conforms, unique_id="conforms")
    return client


def put(key: str, body: bytes | str) -> None:
    root(PRODUCER).s3.put_object(Bucket=LAKE, Key=f"data/{key}", Body=body)


def descriptor(folder: str, columns: dict[str, str], serde: str = LAZY, **parameters: str) -> dict[str, Any]:
    return {
        "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
        "Location": f"s3://{LAKE}/data/{folder}/",
        "SerdeInfo": {"SerializationLibrary": serde, "Parameters": parameters},
    }


def make_table(
    database: str,
    name: str,
    columns: dict[str, str],
    *,
    keys: dict[str, str] | None = None,
    header: int = 1,
    serde: str = LAZY,
    **parameters: str,
) -> None:
    """A table in central, and its database with the tag product; LazySimpleSerDe with commas by default."""
    central = root(CENTRAL)
    if database not in [d["Name"] for d in central.glue.get_databases()["DatabaseList"]]:
        central.glue.create_database(DatabaseInput={"Name": database})
        tags = [{"TagKey": "product", "TagValues": [database]}, {"TagKey": "pii", "TagValues": ["none"]}]
        central.lf.add_lf_tags_to_resource(Resource={"Database": {"Name": database}}, LFTags=tags)
    if serde == LAZY:
        parameters = {"field.delim": ","} | parameters
    grant(
        central, central.arn, {"DataLocation": {"ResourceArn": f"arn:aws:s3:::{LAKE}/data"}}, ["DATA_LOCATION_ACCESS"]
    )
    table = {
        "Name": name,
        "StorageDescriptor": descriptor(f"{database}/{name}", columns, serde, **parameters),
        "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in (keys or {}).items()],
        "Parameters": {"skip.header.line.count": str(header)} if header else {},
        "TableType": "EXTERNAL_TABLE",
    }
    central.glue.create_table(DatabaseName=database, TableInput=table)


def add_partition(database: str, table: str, folder: str, *values: str) -> None:
    central = root(CENTRAL)
    found = central.glue.get_table(DatabaseName=database, Name=table)["Table"]["StorageDescriptor"]
    where = found | {"Location": f"{found['Location']}{folder}/"}
    central.glue.create_partition(
        DatabaseName=database, TableName=table, PartitionInput={"Values": list(values), "StorageDescriptor": where}
    )


def tag_column(database: str, table: str, column: str, **tags: str) -> None:
    resource = {"TableWithColumns": {"DatabaseName": database, "Name": table, "ColumnNames": [column]}}
    root(CENTRAL).lf.add_lf_tags_to_resource(
        Resource=resource, LFTags=[{"TagKey": key, "TagValues": [value]} for key, value in tags.items()]
    )


def policy(kind: str, database: str) -> dict[str, Any]:
    expression = [{"TagKey": "product", "TagValues": [database]}, {"TagKey": "pii", "TagValues": ["none"]}]
    return {"LFTagPolicy": {"ResourceType": kind, "Expression": expression}}


def share(database: str) -> None:
    """Central lets the consumer's account read, and pass on, what is not personal; the consumer links it."""
    grant(root(CENTRAL), CONSUMER, policy("DATABASE", database), ["DESCRIBE"], option=True)
    grant(root(CENTRAL), CONSUMER, policy("TABLE", database), ["SELECT", "DESCRIBE"], option=True)
    target = {"CatalogId": CENTRAL, "DatabaseName": database, "Region": REGION}
    root(CONSUMER).glue.create_database(DatabaseInput={"Name": f"rl_{database}", "TargetDatabase": target})


def let_read(who: Caller, database: str) -> None:
    """The consumer's administrator passes on to a role: the link, and the tables of the tag policy."""
    admin = root(CONSUMER)
    grant(admin, who.arn, {"Database": {"Name": f"rl_{database}"}}, ["DESCRIBE"])
    tables = policy("TABLE", database)
    tables["LFTagPolicy"]["CatalogId"] = CENTRAL
    grant(admin, who.arn, tables, ["SELECT", "DESCRIBE"])


def analyst(name: str = "analyst", *, without: str = "") -> Caller:
    """A role that may query, and write and read results; `without` one action."""
    actions = [action for action in (*ANALYST_ACTIONS, *RESULT_ACTIONS) if action != without]
    return role(CONSUMER, name, *actions)


def start(who: Caller, sql: str, **more: Any) -> str:
    given = {"WorkGroup": "consumer-workgroup"} | more
    return str(athena_of(who).start_query_execution(QueryString=sql, **given)["QueryExecutionId"])


def ended(who: Caller, number: str) -> dict[str, Any]:
    """The execution, once it is over."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found: dict[str, Any] = athena_of(who).get_query_execution(QueryExecutionId=number)["QueryExecution"]
        if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return found
        time.sleep(0.02)
    raise AssertionError(f"query {number} does not end")


def ask(who: Caller, sql: str, **more: Any) -> list[list[str | None]]:
    """Header and rows of a query that succeeds."""
    found = ended(who, start(who, sql, **more))
    assert found["Status"]["State"] == "SUCCEEDED", found["Status"]["StateChangeReason"]
    return rows(athena_of(who).get_query_results(QueryExecutionId=found["QueryExecutionId"]))


def rows(answer: dict[str, Any]) -> list[list[str | None]]:
    return [[datum.get("VarCharValue") for datum in row["Data"]] for row in answer["ResultSet"]["Rows"]]


def refusal(who: Caller, sql: str, **more: Any) -> str:
    """Why a query fails."""
    found = ended(who, start(who, sql, **more))
    assert found["Status"]["State"] == "FAILED", found["Status"]
    return str(found["Status"]["StateChangeReason"])
