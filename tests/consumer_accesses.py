"""Accesses of the consumer in tests: central grants as its administrator, and what it says comes onto the consumer's
own bus as the function that relays the inbox puts it there."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from mesh.adapters.dynamodb.items import Table
from mesh.adapters.dynamodb.locks import DynamoLocks
from mesh.usecases.access.accept_share import LOCK

from local.accounts import ACCOUNTS, REGION, role_arn
from tests.event_queue import EventQueue
from tests.mesh_driver import MeshDriver, Run, contract

CENTRAL, CONSUMER = ACCOUNTS["central"], ACCOUNTS["consumer"]
COLUMNS = {"id": "bigint", "amount": "bigint"}
SLOW_SECONDS = 90.0
"""The first runs of a mesh start each of its functions."""


def publish(mesh: MeshDriver, *products: str) -> None:
    """Products with one table `t1` each, of two rows, that the consumer can be granted."""
    for product in products:
        mesh.put_contract(product, contract(product, "t1", COLUMNS))
    for product in products:
        assert mesh.wait_for_run("prepare-product", product, seconds=SLOW_SECONDS).status == "SUCCEEDED"
        mesh.put_object(f"{product}/data/t1/a.csv", "id,amount\n1,10\n2,20\n")
    for product in products:
        found = mesh.wait_for_run("commit-version", product, seconds=SLOW_SECONDS)
        assert found.status == "SUCCEEDED", found


def policy(kind: str, product: str) -> dict[str, Any]:
    expression = [{"TagKey": "product", "TagValues": [product]}, {"TagKey": "pii", "TagValues": ["none"]}]
    return {"LFTagPolicy": {"CatalogId": CENTRAL, "ResourceType": kind, "Expression": expression}}


def by_tags(product: str, *permissions: str) -> list[dict[str, Any]]:
    """Entries that show all of a product, by tags."""
    return [
        {"resource": policy("DATABASE", product), "permissions": ["DESCRIBE"]},
        {"resource": policy("TABLE", product), "permissions": list(permissions or ("SELECT", "DESCRIBE"))},
    ]


def by_name(product: str, *columns: str) -> list[dict[str, Any]]:
    """Entries that show some columns of a product's table."""
    table = {"CatalogId": CENTRAL, "DatabaseName": product, "Name": "t1"}
    return [
        {"resource": {"Database": {"CatalogId": CENTRAL, "Name": product}}, "permissions": ["DESCRIBE"]},
        {"resource": {"Table": table}, "permissions": ["DESCRIBE"]},
        {"resource": {"TableWithColumns": {**table, "ColumnNames": list(columns)}}, "permissions": ["SELECT"]},
    ]


@dataclass
class Granted:
    """An access as central would announce it."""

    product: str
    entries: list[dict[str, Any]]
    reader: str = "DataAnalyst"
    columns: tuple[str, ...] = tuple(COLUMNS)
    access: str = field(default_factory=lambda: f"ac-{uuid.uuid4().hex[:12]}")
    correlation_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def link(self) -> str:
        return f"rl_{self.product}"

    def data(self) -> dict[str, Any]:
        table = {"database": self.product, "table": "t1", "columns": list(self.columns)}
        return {
            "access": self.access,
            "receiver": CONSUMER,
            "reader": self.reader,
            "catalog_id": CENTRAL,
            "region": REGION,
            "entries": self.entries,
            "databases": [self.product],
            "tables": [table] if self.columns else [],
            "what": f"product {self.product}",
            "purpose": "risk-modelling",
            "until": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
        }


def grant(mesh: MeshDriver, granted: Granted) -> None:
    """Central's part: the entries to the consumer's account, with grant option."""
    _batch(mesh, "batch_grant_permissions", granted.entries)


def revoke_grants(mesh: MeshDriver, granted: Granted) -> None:
    """Central's part of the end of an access."""
    _batch(mesh, "batch_revoke_permissions", granted.entries)


def _batch(mesh: MeshDriver, call: str, entries: Iterable[Mapping[str, Any]]) -> None:
    batch = [
        {
            "Id": str(number),
            "Principal": {"DataLakePrincipalIdentifier": CONSUMER},
            "Resource": entry["resource"],
            "Permissions": entry["permissions"],
            "PermissionsWithGrantOption": entry["permissions"],
        }
        for number, entry in enumerate(entries)
    ]
    answer = getattr(mesh.client("central", "lakeformation"), call)(Entries=batch)
    assert not answer.get("Failures"), answer


def send_event(mesh: MeshDriver, detail_type: str, granted: Granted, data: Mapping[str, Any], event: str = "") -> None:
    """An event of central's on the consumer's own bus, put there by the role that alone may."""
    metadata = {"id": event or str(uuid.uuid4()), "version": 1, "correlation_id": granted.correlation_id}
    metadata["time"] = datetime.now(UTC).isoformat()
    answer = mesh.client("consumer", "events", relay_role(mesh)).put_events(
        Entries=[
            {
                "EventBusName": "mesh-consumer",
                "Source": "meshwork",
                "DetailType": detail_type,
                "Detail": json.dumps({"metadata": metadata, "data": dict(data)}),
            }
        ]
    )
    assert answer["FailedEntryCount"] == 0, answer


def relay_role(mesh: MeshDriver) -> str:
    """The role of the function that relays the inbox, which the consumer's account itself may assume from now on."""
    role, iam = mesh.physical_id("consumer", "RelayInboxFunctionRole"), mesh.client("consumer", "iam")
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    account = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{CONSUMER}:root"}, "Action": "sts:AssumeRole"}
    if account not in trust["Statement"]:
        document = json.dumps({**trust, "Statement": [*trust["Statement"], account]})
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=document)
    return role


def accept(mesh: MeshDriver, granted: Granted, event: str = "") -> Run:
    """AccessGranted arrives: how its run ended."""
    before = mesh.runs("accept-share", granted.access)
    send_event(mesh, "AccessGranted", granted, granted.data(), event)
    return mesh.wait_for_run("accept-share", granted.access, after=before, seconds=SLOW_SECONDS)


def revoked(granted: Granted) -> dict[str, Any]:
    """AccessRevoked's data."""
    reason = {"code": "Revoked", "message": "the project is over"}
    return {"access": granted.access, "receiver": CONSUMER, "what": "it", "cause": "revoked", "reason": reason}


def revoke(mesh: MeshDriver, granted: Granted, event: str = "") -> Run:
    """AccessRevoked arrives: how its run ended."""
    before = mesh.runs("release-share", granted.access)
    send_event(mesh, "AccessRevoked", granted, revoked(granted), event)
    return mesh.wait_for_run("release-share", granted.access, after=before, seconds=SLOW_SECONDS)


def held(mesh: MeshDriver, granted: Granted) -> str:
    """How the access stands in the consumer's table."""
    item = mesh.item("consumer", {"pk": {"S": "ACCESS"}, "sk": {"S": granted.access}})
    return str(item["state"]["S"]) if item else ""


def local_grants(mesh: MeshDriver, product: str, role: str = "DataAnalyst") -> list[dict[str, Any]]:
    """What the role holds on the link and on central's catalog because of the product: resource and permissions."""
    lake, principal = mesh.client("consumer", "lakeformation", "ConsumerAdmin"), role_arn(CONSUMER, role)
    found = []
    for catalog in (CONSUMER, CENTRAL):
        answer = lake.list_permissions(CatalogId=catalog, Principal={"DataLakePrincipalIdentifier": principal})
        found += answer["PrincipalResourcePermissions"]
    return [
        {"resource": one["Resource"], "permissions": one["Permissions"]}
        for one in found
        if f'"{product}"' in json.dumps(one["Resource"]) or f'"rl_{product}"' in json.dumps(one["Resource"])
    ]


def links(mesh: MeshDriver) -> set[str]:
    """Databases and links of the consumer's catalog."""
    pages = mesh.client("consumer", "glue", "ConsumerAdmin").get_paginator("get_databases").paginate()
    return {database["Name"] for page in pages for database in page["DatabaseList"]}


def query(mesh: MeshDriver, sql: str, role: str = "DataAnalyst") -> str:
    """Empty if the query succeeds, else Athena's reason."""
    athena = mesh.client("consumer", "athena", role)
    try:
        number = athena.start_query_execution(QueryString=sql, WorkGroup="consumer-workgroup")["QueryExecutionId"]
    except ClientError as error:
        return str(error.response["Error"]["Message"])

    def ended() -> dict[str, Any] | None:
        status: dict[str, Any] = athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]["Status"]
        return None if status["State"] in {"QUEUED", "RUNNING"} else status

    status = mesh.until(ended, f"end of {sql}")
    return "" if status["State"] == "SUCCEEDED" else str(status["StateChangeReason"])


@contextmanager
def lock_held(mesh: MeshDriver) -> Iterator[None]:
    """As if another run were changing the account's accesses."""
    table = Table(mesh.client("consumer", "dynamodb"), mesh.output("consumer", "TableName"))
    with DynamoLocks(table).hold(LOCK):
        yield


class EventListener:
    """Receives consumers' events about their accesses on central's bus."""

    def __init__(self, mesh: MeshDriver) -> None:
        self._mesh = mesh
        kinds = ["AccessReady", "AccessNotReady", "AccessReleased"]
        self._queue = EventQueue(mesh, "central", "mesh", "test-listener", {"detail-type": kinds})

    def received(self, granted: Granted, detail_type: str) -> list[dict[str, Any]]:
        """Details of that type about the access, in order of arrival."""
        return [
            event["detail"]
            for event in self._queue.events()
            if event["detail-type"] == detail_type
            and event["account"] == CONSUMER
            and event["detail"]["data"]["access"] == granted.access
        ]

    def wait(self, granted: Granted, detail_type: str, count: int = 1) -> dict[str, Any]:
        """The `data` of the first event of that type about the access, once there are as many. All are one, by id."""
        what = f"{count} {detail_type} of {granted.access}"
        found = self._mesh.until(lambda: self._all(granted, detail_type, count), what)
        assert len({detail["metadata"]["id"] for detail in found}) == 1, found
        assert {detail["metadata"]["correlation_id"] for detail in found} == {granted.correlation_id}
        return dict(found[0]["data"])

    def _all(self, granted: Granted, detail_type: str, count: int) -> list[dict[str, Any]]:
        found = self.received(granted, detail_type)
        return found if len(found) >= count else []
