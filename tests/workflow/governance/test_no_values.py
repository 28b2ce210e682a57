"""No value of a classified column in any log, metric, notice, report, error or event: each kind of failure,
one search."""

import json
import time
import zlib
from collections.abc import Iterator
from typing import Any

from tests.latin_1 import latin_1_parquet
from tests.mesh_driver import MeshDriver

MARK = "zq7canary"
PRODUCT = "no-values"
NAMES = ("secret_text", "secret_number", "secret_rule", "secret_key", "found_mail", "closed")
CLASSES = {
    "secret_text": {"pii": "personal"},
    "secret_number": {"pii": "sensitive"},
    "secret_rule": {"pii": "personal"},
    "secret_key": {"pii": "personal"},
    "closed": {"confidentiality": "restricted"},
}


def column(name: str, kind: str, **more: Any) -> dict[str, Any]:
    tags = CLASSES.get(name)
    properties = [{"property": "lfTags", "value": tags}] if tags else []
    logical = {"string": "string", "bigint": "integer"}[kind]
    return {"name": name, "logicalType": logical, "physicalType": kind, "customProperties": properties, **more}


QUALITY = [
    {"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": ["ok"]}, "severity": "error"},
    {"type": "sql", "query": "SELECT error(max(secret_rule)) FROM {object}", "mustBe": 0, "severity": "warning"},
]
COLUMNS = [
    column("secret_text", "string", quality=[QUALITY[0]]),
    column("secret_number", "bigint"),
    column("secret_rule", "string"),
    column("secret_key", "string", primaryKey=True, primaryKeyPosition=1, unique=True),
    column("found_mail", "string"),
    column("closed", "string", quality=[QUALITY[0]]),
]


def row(key: str, **values: object) -> str:
    usual = {"secret_text": "ok", "secret_number": 1, "secret_rule": "a", "secret_key": key, "found_mail": "x",
             "closed": "ok"}  # fmt: skip
    return ",".join(str({**usual, **values}[name]) for name in NAMES)


def csv(*rows: str) -> str:
    return "\n".join([",".join(NAMES), *rows, ""])


BAD = {
    "a value that the contract does not list": csv(row("a", secret_text=f"{MARK}-1")),
    "the same, of a restricted column": csv(row("b", closed=f"{MARK}-2")),
    "a text where a number is promised": csv(row("c", secret_number=f"{MARK}-3")),
    "a rule that stumbles over it": csv(row("d", secret_rule=f"{MARK}-4")),
    "a key twice": csv(row(f"{MARK}-5"), row(f"{MARK}-5")),
    "addresses in a column that says nothing": csv(
        *(row(f"m{n}", found_mail=f"{MARK}{n}@example.org") for n in range(9))
    ),
    "a line that is too long": csv(row("e") + f",{MARK}-6"),
    "a quote that is not closed": csv(row("f", secret_text=f'"{MARK}-7')),
    "Parquet with texts that are not UTF-8": latin_1_parquet(NAMES, f"{MARK}-11 é"),
}  # fmt: skip


# Of a table that is restricted as a whole.
STRICT = (
    f"inherits,amount\n{MARK}-8,1\n",
    f"inherits,amount\nok,{MARK}-9\n",
)


def test_no_value_of_a_classified_column_is_told_anywhere(mesh: MeshDriver) -> None:
    shape = {"name": "t1", "logicalType": "object", "physicalType": "table", "properties": COLUMNS}
    shape["quality"] = [QUALITY[1]]
    strict = {"name": "t2", "logicalType": "object", "physicalType": "table"}
    strict["customProperties"] = [{"property": "lfTags", "value": {"confidentiality": "restricted"}}]
    strict["properties"] = [column("inherits", "string", quality=[QUALITY[0]]), column("amount", "bigint")]
    since = time.time()
    mesh.prepare(PRODUCT, schema=[shape, strict])
    mesh.settled(PRODUCT)
    mesh.upload(PRODUCT, {f"{PRODUCT}/data/t1/good.csv": csv(row("1"), row("2"))})
    for number, body in enumerate(BAD.values()):
        ending = "csv" if isinstance(body, str) else "parquet"
        mesh.upload(PRODUCT, {f"{PRODUCT}/data/t1/bad-{number}.{ending}": body})
    for number, body in enumerate(STRICT):
        mesh.upload(PRODUCT, {f"{PRODUCT}/data/t2/bad-{number}.csv": body})
    assert len(mesh.items("producer", "QUARANTINE")) >= 3

    told = {where: found for where, text in everything(mesh, since) if (found := around(text))}
    assert told == {}, "\n\n".join(f"{where}: {text}" for where, text in told.items())

    named = {"MetricName": "Held", "Dimensions": [{"Name": "value", "Value": f"{MARK}-10"}], "Value": 1.0}
    mesh.client("producer", "cloudwatch").put_metric_data(Namespace="a-test", MetricData=[named])
    assert {where for where, text in everything(mesh, since) if around(text)} == {"producer metric a-test Held"}


def around(text: str) -> str:
    at = text.find(MARK)
    return text[max(at - 300, 0) : at + 100] if at >= 0 else ""


def as_text(item: dict[str, Any]) -> str:
    """An item in DynamoDB's own form; what is packed in it unpacked."""
    packed = (found["B"] for found in item.values() if "B" in found)
    return json.dumps(item, default=str) + "".join(zlib.decompress(each).decode() for each in packed)


def everything(mesh: MeshDriver, since: float) -> Iterator[tuple[str, str]]:
    """(where, what is told there): tables, logs, metrics, histories of runs, events, reports. Data themselves are not
    told."""
    for account in ("central", "producer", "consumer"):
        table = mesh.output(account, "TableName")
        for page in mesh.client(account, "dynamodb").get_paginator("scan").paginate(TableName=table):
            yield from ((f"{account} {item['pk']['S']} {item['sk']['S']}", as_text(item)) for item in page["Items"])
        logs = mesh.client(account, "logs")
        for group in logs.get_paginator("describe_log_groups").paginate().search("logGroups[].logGroupName"):
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
                yield from ((f"{account} {group}", event["message"]) for event in page["events"])
        yield from metrics(mesh, account)
        steps = mesh.client(account, "stepfunctions")
        for machine in steps.list_state_machines()["stateMachines"]:
            for run in steps.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
                history = steps.get_paginator("get_execution_history").paginate(executionArn=run["executionArn"])
                for page in history:
                    yield f"{account} {run['executionArn']}", json.dumps(page["events"], default=str)
    yield "calls", json.dumps(mesh.record(since))
    for page in mesh.client("producer", "s3").get_paginator("list_objects_v2").paginate(Bucket=mesh.bucket):
        for item in page.get("Contents", ()):
            if "/reports/" in item["Key"] or item["Key"].startswith("reports/"):
                yield f"report {item['Key']}", mesh.read(item["Key"]).decode("utf-8", "replace")


def metrics(mesh: MeshDriver, account: str) -> Iterator[tuple[str, str]]:
    """Each metric with its dimensions, and what makes metrics of logs: both become names that many may read."""
    pages = mesh.client(account, "cloudwatch").get_paginator("list_metrics").paginate()
    for metric in pages.search("Metrics[]"):
        yield f"{account} metric {metric['Namespace']} {metric['MetricName']}", json.dumps(metric)
    for page in mesh.client(account, "logs").get_paginator("describe_metric_filters").paginate():
        yield from ((f"{account} filter {each['filterName']}", json.dumps(each)) for each in page["metricFilters"])
