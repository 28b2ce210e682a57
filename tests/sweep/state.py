"""The state of a mesh as invariants look at it: plain values, gathered once when nothing runs."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any, Final

from botocore.exceptions import ClientError
from mesh.adapters.iceberg.reach import IcebergReach
from mesh.domain.access.record import Access
from mesh.domain.contracts.product import ProductVersion
from mesh.domain.errors import Rejected
from mesh.domain.publishing.places import bucket_and_key
from pyarrow import parquet

from local.accounts import ACCOUNTS, role_arn
from tests.access_driver import AccessDriver
from tests.mesh_driver import MeshDriver

CENTRAL: Final = ACCOUNTS["central"]
CONSUMER: Final = ACCOUNTS["consumer"]
QUEUES: Final = {"producer": ("InboxQueue", "UploadsQueue"), "consumer": ("InboxQueue",)}
"""Those that must be empty once nothing runs."""
_UPLOADED: Final = re.compile(r"/(\d+)\.csv$")
"""Of an object's key: the `id` of its one row."""


@dataclass(frozen=True)
class Notice:
    """Of a version, in an account's table."""

    account: str
    product: str
    version: int
    arrived: datetime


@dataclass(frozen=True)
class Seen:
    """One product."""

    versions: tuple[ProductVersion, ...] = ()
    pointers: Mapping[str, str] = field(default_factory=dict)
    """Table → metadata file that readers get, in central's catalog."""
    pins: Mapping[int, str] = field(default_factory=dict)
    """Pinned version → status."""
    subscribers: tuple[str, ...] = ()
    accesses: tuple[Access, ...] = ()
    lease: str = ""
    pending: tuple[str, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)
    """Batch → status, without batches that a later one took the place of: a run that failed once it had held its batch
    leaves such a one, since the next run holds the same objects."""
    rows: Mapping[str, tuple[int, ...] | None] = field(default_factory=dict)
    """Table → `id` of each row that readers get; None where a file that its metadata names cannot be read."""
    uploaded: frozenset[int] = frozenset()
    """`id` of each row that lies in the landing folder."""
    swung: tuple[float, ...] = ()
    """When central's catalog was changed by whoever commits versions: Unix times."""
    announced: tuple[float, ...] = ()
    """When its subscribers were notified: Unix times."""


@dataclass(frozen=True)
class MeshState:
    """All of it. Names in `grants`, `local_grants` and `links` are those of products."""

    products: Mapping[str, Seen]
    notices: tuple[Notice, ...] = ()
    grants: frozenset[str] = frozenset()
    """Products of which central has granted something to the consumer's account."""
    local_grants: frozenset[str] = frozenset()
    """Products of which the consumer's analyst has something."""
    links: frozenset[str] = frozenset()
    """Products with a resource link in the consumer's catalog."""
    shares: frozenset[str] = frozenset()
    """Products of which RAM shares something with the consumer's account by name."""
    tokens: tuple[str, ...] = ()
    """Task tokens that are kept, by what they wait for."""
    locks: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    """Names of what is arranged for later."""
    running: tuple[str, ...] = ()
    queues: Mapping[str, int] = field(default_factory=dict)
    """Messages that are not processed, by queue."""
    dead: Mapping[str, int] = field(default_factory=dict)
    """Messages that came into a dead letter queue, or among the failed runs, since the sweep began."""


class Observer:
    """Gathers the state of some products on a mesh."""

    def __init__(self, mesh: MeshDriver) -> None:
        self.mesh = mesh
        self._accesses = AccessDriver(mesh)
        self._urls: dict[tuple[str, str], str] = {}
        self._rows: dict[str, tuple[int, ...]] = {}

    def products(self, names: Collection[str], since: float) -> dict[str, Seen]:
        """What is known of each product; calls are looked at since that Unix time."""
        quarantine, accesses = self._quarantine(), self._accesses.all()
        swung, announced = self._published(since)
        return {
            name: self._product(
                name,
                held={run: status for run, status in quarantine.get(name, {}).items() if status != "superseded"},
                accesses=tuple(each for each in accesses if name in each.products()),
                swung=tuple(swung.get(name, ())),
                announced=tuple(announced.get(name, ())),
            )
            for name in names
        }

    def _product(self, name: str, **more: Any) -> Seen:
        central = self.mesh.items("central", f"PRODUCT#{name}")
        versions = [item["body"] for item in central if item["sk"].startswith("VERSION#")]
        pins = [json.loads(item["body"])["pins"] for item in central if item["sk"] == "PINS"]
        pointers = self._pointers(name)
        return Seen(
            versions=tuple(map(ProductVersion.model_validate_json, versions)),
            pointers=pointers,
            rows={table: self._ids(metadata) for table, metadata in pointers.items() if metadata},
            uploaded=frozenset(
                int(number) for number in map(_UPLOADED.findall, self.mesh.keys(f"{name}/data/")) for number in number
            ),
            pins={pin["version"]: pin["status"] for found in pins for pin in found},
            subscribers=tuple(
                item["sk"].partition("#")[2] for item in central if item["sk"].startswith("SUBSCRIPTION#")
            ),
            lease=self.mesh.lease(name),
            pending=tuple(self.mesh.pending(name)),
            **more,
        )

    def _pointers(self, name: str) -> dict[str, str]:
        glue = self.mesh.client("central", "glue", "DataMeshOwner")
        try:
            pages = list(glue.get_paginator("get_tables").paginate(DatabaseName=name))
        except ClientError as error:
            if error.response["Error"]["Code"] == "EntityNotFoundException":
                return {}
            raise
        tables = (table for page in pages for table in page["TableList"])
        return {table["Name"]: table.get("Parameters", {}).get("metadata_location", "") for table in tables}

    def _ids(self, metadata: str) -> tuple[int, ...] | None:
        """Of all rows of its present snapshot. A metadata file does not change, nor do the files that it names."""
        if metadata not in self._rows:
            s3 = self.mesh.client("producer", "s3")
            try:
                places = map(bucket_and_key, sorted(IcebergReach(s3).of(metadata).data))
                files = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for bucket, key in places]
            except (ClientError, Rejected):
                return None
            columns = [parquet.read_table(BytesIO(file), columns=["id"])["id"] for file in files]
            self._rows[metadata] = tuple(number for column in columns for number in column.to_pylist())
        return self._rows[metadata]

    def _quarantine(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for item in self.mesh.items("producer", "QUARANTINE"):
            batch = json.loads(item["body"])
            found.setdefault(batch["product"], {})[batch["run"]] = batch["status"]
        return found

    def _published(self, since: float) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
        """When each product's tables were changed, and when its subscribers were notified, by those who may."""
        swung: dict[str, list[float]] = {}
        announced: dict[str, list[float]] = {}
        for call in self.mesh.record(since):
            role, action = call["principal"], call["action"]
            if "CommitVersion" in role and action in {"CreateTable", "UpdateTable"}:
                _note(swung, call["subjects"], call["time"])
            elif "AnnounceOutcome" in role and action == "Publish":
                _note(announced, call["subjects"], call["time"])
        return swung, announced

    def whole(self, names: Collection[str], since: float, dead: Mapping[str, int]) -> MeshState:
        """Everything; `dead` are the messages in each dead letter queue when the sweep began."""
        now = self.mesh.dead_letters()
        return MeshState(
            products=self.products(names, since),
            notices=tuple(self._notices()),
            grants=self._granted("central", CENTRAL, CONSUMER, names),
            local_grants=self._local_grants(names),
            links=self._links(names),
            shares=self._shares(names),
            tokens=tuple(self._tokens()),
            locks=tuple(self.mesh.locks()),
            schedules=tuple(self._schedules()),
            running=tuple(self.mesh.running()),
            queues=self.queues(),
            dead={queue: count - dead[queue] for queue, count in now.items() if count > dead[queue]},
        )

    def notice_counts(self) -> Counter[tuple[str, str, int]]:
        """How many notices of each version of each product each account has."""
        return Counter((each.account, each.product, each.version) for each in self._notices())

    def _notices(self) -> Iterable[Notice]:
        for account in ("producer", "consumer"):
            self.mesh.notified(account)
            for key, item in self.mesh._notices[account].items():
                if item["detail_type"] == "ProductUpdated":
                    data = json.loads(item["detail"])["data"]
                    arrived = datetime.fromisoformat(key.partition("#")[0])
                    yield Notice(ACCOUNTS[account], data["product"], data["version"], arrived)

    def _granted(self, account: str, catalog: str, principal: str, names: Collection[str]) -> frozenset[str]:
        role = "ConsumerAdmin" if account == "consumer" else None
        lake = self.mesh.client(account, "lakeformation", role) if role else self.mesh.client(account, "lakeformation")
        arguments: dict[str, Any] = {"CatalogId": catalog, "Principal": {"DataLakePrincipalIdentifier": principal}}
        text = ""
        while True:
            answer = lake.list_permissions(**arguments)
            text += json.dumps([each["Resource"] for each in answer["PrincipalResourcePermissions"]])
            if not answer.get("NextToken"):
                return frozenset(name for name in names if f'"{name}"' in text or f'"rl_{name}"' in text)
            arguments["NextToken"] = answer["NextToken"]

    def _local_grants(self, names: Collection[str]) -> frozenset[str]:
        analyst = role_arn(CONSUMER, "DataAnalyst")
        here, there = (self._granted("consumer", catalog, analyst, names) for catalog in (CONSUMER, CENTRAL))
        return here | there

    def _links(self, names: Collection[str]) -> frozenset[str]:
        pages = self.mesh.client("consumer", "glue", "ConsumerAdmin").get_paginator("get_databases").paginate()
        there = {database["Name"] for page in pages for database in page["DatabaseList"]}
        return frozenset(name for name in names if f"rl_{name}" in there)

    def _shares(self, names: Collection[str]) -> frozenset[str]:
        """Databases and tables by their ARNs; what is shared by LF-Tags is shared as the whole catalog."""
        pages = (
            self.mesh.client("central", "ram")
            .get_paginator("list_resources")
            .paginate(resourceOwner="SELF", principal=CONSUMER)
        )
        parts = {part for page in pages for each in page["resources"] for part in each["arn"].split(":")[-1].split("/")}
        return frozenset(parts & set(names))

    def _tokens(self) -> Iterable[str]:
        yield from (item["pk"] for item in self.mesh.beginning("producer", "WAIT#"))
        accesses = self.mesh.beginning("central", "ACCESS#")
        yield from (f"{item['pk']} {item['sk']}" for item in accesses if item["sk"].startswith("TOKEN#"))

    def _schedules(self) -> Iterable[str]:
        found = self.mesh.client("central", "scheduler").get_paginator("list_schedules").paginate(NamePrefix="mesh-")
        yield from (each["Name"] for page in found for each in page["Schedules"])

    def queues(self) -> dict[str, int]:
        """Messages in the queues that should be empty, but for dead letters."""
        depths = {(account, name): self._depth(account, name) for account, names in QUEUES.items() for name in names}
        return {f"{account}/{name}": depth for (account, name), depth in depths.items() if depth}

    def _depth(self, account: str, name: str) -> int:
        if (account, name) not in self._urls:
            self._urls[account, name] = self.mesh.physical_id(account, name)
        counted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.mesh.client(account, "sqs").get_queue_attributes(
            QueueUrl=self._urls[account, name], AttributeNames=counted
        )["Attributes"]
        return sum(int(found[each]) for each in counted)


def _note(found: dict[str, list[float]], subjects: Iterable[str], time: float) -> None:
    for subject in subjects:
        found.setdefault(subject, []).append(time)
