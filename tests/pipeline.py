"""The whole way of an upload in one process: landing, check, stage, verify, commit, and a reader by field ids.

S3 is moto's; catalog, Lake Formation and registry are the fakes. What is separate in the mesh (accounts, roles,
events) is one here: it is about data. With `crawl: glue` a crawler is played that knows Parquet, and `formats`.
"""

import json
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
from mesh.adapters.duckdb.reading.reading import DuckReadings
from mesh.adapters.duckdb.reading.rewriting import Rewriter
from mesh.adapters.iceberg.content import IcebergContents
from mesh.adapters.iceberg.staging import IcebergStaging
from mesh.adapters.s3.landing import S3LandingObjects
from mesh.adapters.s3.published_files import S3PublishedFiles
from mesh.adapters.s3.storage import S3Objects
from mesh.domain.contracts.contract import CrawlMode
from mesh.domain.contracts.product import ProductVersion
from mesh.domain.events import ProposalSettled
from mesh.domain.governance.ontology import PENDING, PUBLICATION, PUBLISHED
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quarantine import Ticket
from mesh.domain.onboarding.standing import Lease
from mesh.domain.publishing.iceberg_table import pointer_of
from mesh.domain.publishing.places import bucket_and_key
from mesh.usecases.central_context import CentralContext
from mesh.usecases.named_accesses import NamedAccesses
from mesh.usecases.onboarding.batches import Refs, is_raw, read_checked
from mesh.usecases.onboarding.check_objects import Checked, check_objects
from mesh.usecases.onboarding.confirm_crawl import confirm_crawl
from mesh.usecases.onboarding.curate_batch import Curating, curate_batch
from mesh.usecases.onboarding.curation import CurationRound
from mesh.usecases.onboarding.promote_objects import Promote, Promoting, promote_objects
from mesh.usecases.onboarding.propose_version import Propose, propose_version
from mesh.usecases.onboarding.receive_recipe import receive_recipe
from mesh.usecases.onboarding.rounds import ProductFacts, Round
from mesh.usecases.onboarding.settle_batch import SettleBatch, Settled, settle_batch
from mesh.usecases.onboarding.stage_version import StagingTools, stage_version
from mesh.usecases.onboarding.table_checks import Checking
from mesh.usecases.publishing.commit_version import Committing, commit_version
from mesh.usecases.publishing.notify_subscribers import Announce, notify_subscribers
from mesh.usecases.publishing.settle_proposal import Settle, settle_proposal
from mesh.usecases.publishing.verify_proposal import Verifier, verify_proposal

from tests.builders import (
    BUCKET,
    CENTRAL,
    CONSUMER,
    PRODUCER,
    PRODUCT,
    REGION,
    a_contract,
    a_member,
    a_product,
    an_envelope,
    an_ontology,
)
from tests.fakes import (
    NOON,
    FakeAccessRegistry,
    FakeBus,
    FakeCatalog,
    FakeClock,
    FakeExecutions,
    FakeLakeFormation,
    FakeLocks,
    FakeMemberTopics,
    FakeProposals,
    FakeQuarantine,
    FakeRawUploads,
    FakeRegistry,
    FakeTrace,
    FakeUploads,
    FakeWorkFiles,
)

_HIVE = {"BIGINT": "bigint", "DOUBLE": "double", "VARCHAR": "string", "DATE": "date", "TIMESTAMP": "timestamp"}
WORK = "mesh-work"
TAGS = {
    "product": [PRODUCT],
    "publication": [PENDING, PUBLISHED],
    "confidentiality": ["public", "internal", "confidential", "restricted"],
    "pii": ["none", "personal", "sensitive"],
    "domain": ["retail", "risk"],
}
DATABASE = {"product": PRODUCT, "confidentiality": "internal", "pii": "none", "domain": "retail", PUBLICATION: PENDING}


def contract_of(columns: Mapping[str, str], *, version: str = "1.0.0", table: str = "t", **custom: Any) -> str:
    """A contract of one table: column → Hive type; `dt` is its partition key."""
    lines = [
        "apiVersion: v3.1.0", "kind: DataContract", "id: cc", f"name: {PRODUCT}", f"version: {version}",
        "status: active", "schema:", f"  - name: {table}", "    properties:",
    ]  # fmt: skip
    for name, type_ in columns.items():
        logical = {"string": "string", "date": "date", "timestamp": "timestamp", "boolean": "boolean"}.get(
            type_, "number"
        )
        extra = ", partitioned: true, partitionKeyPosition: 1" if name == "dt" else ""
        lines.append(f"      - {{name: {name}, logicalType: {logical}, physicalType: '{type_}'{extra}}}")
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in custom.items())]) + "\n"


class Pipeline:
    """One product from landing to readers. `contract` is its text; without one it is as a draft is. `formats`: endings
    of files that only a crawler reads → the columns that it finds in them."""

    def __init__(self, s3: Any, contract: str | None = None, *, crawl: CrawlMode = "auto") -> None:
        self.s3, self.mode = s3, crawl
        self.formats: dict[str, dict[str, str]] = {"avro": {"id": "bigint", "v": "string"}}
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        s3.create_bucket(Bucket=WORK)
        self.uploads, self.work, self.quarantine = FakeUploads(), FakeWorkFiles(), FakeQuarantine()
        self.raw = FakeRawUploads(self.uploads)
        self.clock, self.trace, self.bus, self.topics = FakeClock(), FakeTrace(), FakeBus(), FakeMemberTopics()
        self.catalog, self.lake, self.proposals = FakeCatalog(), FakeLakeFormation(TAGS), FakeProposals()
        self.lake.tag_database(PRODUCT, DATABASE)
        self.catalog.create_resource_link(f"rl_{PRODUCT}", catalog=CENTRAL, database=PRODUCT, region=REGION)
        self.registry = FakeRegistry(a_member(), a_member(CONSUMER, "consumer"))
        self.registry.products[PRODUCT] = a_product()
        self.landed: list[ObjectRef] = []
        self.expires = False
        self.generation = self.events = 0
        self.revise(contract)

    def revise(self, text: str | None, *, dropped: tuple[str, ...] = ()) -> None:
        """Central registered this contract, which drops these tables; the producer's account knows."""
        known = self.registry.products[PRODUCT]
        contract = a_contract(text) if text else a_contract().model_copy(update={"status": "draft"})
        contract = contract.model_copy(update={"crawl": self.mode})
        self.registry.products[PRODUCT] = a_product(contract, version=known.version)
        self.facts = ProductFacts(
            database=PRODUCT, link=f"rl_{PRODUCT}", catalog_id=CENTRAL, crawl=self.mode,
            contract=contract.model_dump(mode="json", exclude_defaults=True) if text else None, dropped=dropped,
        )  # fmt: skip

    def put(self, name: str, body: bytes | str, table: str = "t", folder: str = "data") -> ObjectRef:
        """An object below `data/<table>/`; it waits for the next batch."""
        return self._land(self._upload(f"{PRODUCT}/{folder}/{table}/{name}", body))

    def put_raw(self, name: str, body: bytes | str, table: str = "t") -> ObjectRef:
        """An object below `raw/<table>/`."""
        return self.put(name, body, table, folder="raw")

    def recipe(self, *steps: Mapping[str, Any]) -> None:
        """A recipe comes into force; what waits for it is taken up."""
        ref = self._upload(f"{PRODUCT}/recipe.json", json.dumps(steps))
        self._receive()
        assert receive_recipe(ref, PRODUCT, objects=S3Objects(self.s3), raw=self.raw)

    def delete(self, name: str, table: str = "t", folder: str = "data") -> ObjectRef:
        """The owner deletes it."""
        key = f"{PRODUCT}/{folder}/{table}/{name}"
        self.s3.delete_object(Bucket=BUCKET, Key=key)
        return self._land(ObjectRef(bucket=BUCKET, key=key, size=0, deleted=True, sequencer=self._sequencer()))

    def release(self, ref: ObjectRef) -> None:
        """The owner lets that version pass."""
        run = f"{self.generation:08d}"
        ticket = Ticket(run=run, by="steward", reason="it is right", version_id=ref.version_id or "")
        self.quarantine.put_ticket(PRODUCT, ref.key, ticket)
        assert self.uploads.add_again(PRODUCT, ref, "c")

    def check(self) -> Checked:
        """A batch of what waits, data before raw data; checked."""
        self.take()
        return check_objects(
            self.round,
            using=Checking(
                readings=DuckReadings(S3Objects(self.s3)), landing=S3LandingObjects(self.s3),
                published=S3PublishedFiles(self.s3), catalog=self.catalog, work=self.work,
                quarantine=self.quarantine, clock=self.clock, trace=self.trace,
            ),
        )  # fmt: skip

    def take(self) -> None:
        """A batch, under the lease; raw objects go through their recipe."""
        self.generation += 1
        self._receive()
        waiting = [ref for ref, _ in self.uploads.pending(PRODUCT, 10_000)]
        refs = [ref for ref in waiting if not is_raw(ref)] or waiting
        self.round = Round(
            product=PRODUCT, generation=self.generation, work=f"runs/{PRODUCT}/{self.generation:08d}/batch.json",
            correlation_id=f"c-{self.generation}", facts=self.facts,
            raw=any(map(is_raw, refs)),
        )  # fmt: skip
        self.work.put(self.round.work, Refs.dump_json(tuple(refs)).decode())
        self.go_on(self.round)
        if self.round.raw:
            self._curate()

    def go_on(self, round_: Round) -> None:
        """That round has the lease."""
        self.round = round_
        self.uploads.leases[PRODUCT] = Lease("run", NOON + timedelta(days=9999), round_.generation)

    def _curate(self) -> None:
        curating = Curating(
            objects=S3Objects(self.s3), landing=S3LandingObjects(self.s3), uploads=self.uploads, raw=self.raw,
            work=self.work, clock=self.clock, trace=self.trace, bucket=WORK,
        )  # fmt: skip
        assert curate_batch(CurationRound(**dict(self.round), holder="run"), using=curating).remaining == 0

    def _receive(self) -> None:
        for ref in self.landed:
            self.uploads.add_pending(PRODUCT, [ref], "c")
        self.landed = []

    def _upload(self, key: str, body: bytes | str) -> ObjectRef:
        body = body.encode() if isinstance(body, str) else body
        answer = self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return ObjectRef(
            bucket=BUCKET, key=key, size=len(body), etag=answer["ETag"].strip('"'), requester=PRODUCER,
            version_id=answer["VersionId"], sequencer=self._sequencer(),
        )  # fmt: skip

    def stage(self) -> str:
        """The checked batch, staged; the proposal's id."""
        return stage_version(self.round, using=self._staging()).proposal

    def _staging(self) -> StagingTools:
        return StagingTools(
            published=S3PublishedFiles(self.s3), staging=IcebergStaging(self.s3), contents=IcebergContents(self.s3),
            rewriter=Rewriter(), work=self.work, clock=self.clock,
        )  # fmt: skip

    def promote(self) -> str:
        """The checked batch where the crawler looks; the proposal's id."""
        return promote_objects(
            Promote(**dict(self.round), holder="run"),
            using=Promoting(
                published=S3PublishedFiles(self.s3), uploads=self.uploads, work=self.work, clock=self.clock
            ),
        ).proposal

    def crawl(self) -> None:
        """As a Glue crawler does: a table for each folder, columns merged into those that are there."""
        found: dict[str, list[str]] = {}
        for key in self.keys("published/hive/"):
            found.setdefault(key.removeprefix(f"{PRODUCT}/published/hive/").split("/")[0], []).append(key)
        for table, keys in found.items():
            current = self.catalog.table(PRODUCT, table)
            columns = self.types(table) if current else {}
            folders = keys[0].split("/")[4:-1]
            for key in keys:
                columns = {**self._crawled(key), **columns}
            write = self.catalog.update_table if current else self.catalog.create_table
            write(
                f"rl_{PRODUCT}",
                {
                    "Name": table,
                    "StorageDescriptor": {"Columns": [{"Name": n, "Type": t} for n, t in columns.items()]},
                    "PartitionKeys": [{"Name": folder.partition("=")[0], "Type": "string"} for folder in folders],
                    "Parameters": {"classification": "parquet"},
                },
            )

    def confirm(self) -> None:
        """The catalog has what was promoted."""
        confirm_crawl(self.round, catalog=self.catalog, work=self.work)

    def propose(self, seen: FakeCatalog | None = None, token: str = "t") -> ProposalSettled:
        """What central makes of it: committed, or answered otherwise. `seen`: the catalog as the producer saw it."""
        command = Propose(**dict(self.round), token=token, holder="run")
        event = propose_version(
            command, catalog=seen or self.catalog, staging=self._staging(), uploads=self.uploads, bus=self.bus
        )
        verifier = Verifier(
            self.registry, self.proposals, self.catalog, IcebergContents(self.s3), self.clock, self.trace
        )
        envelope = an_envelope(event.data)
        verified = verify_proposal(envelope, execution="run", using=verifier, topics=self.topics)
        notices = {
            "context": CentralContext(CENTRAL, self.registry, FakeAccessRegistry(), self.trace, self.clock),
            "proposals": self.proposals, "topics": self.topics,
        }  # fmt: skip
        if verified.answer is not None:
            return settle_proposal(Settle(envelope=envelope, verdict=verified.answer), **notices)
        named = NamedAccesses(self.registry, FakeAccessRegistry(), an_ontology(), FakeExecutions())
        using = Committing(
            self.registry, self.proposals, self.catalog, self.lake, an_ontology(), self.clock, named, FakeLocks()
        )
        version = commit_version(verified, using=using)
        notify_subscribers(Announce(version=version, proposal=envelope), catalog_id=CENTRAL, **notices)
        answer = self.proposals.records[PRODUCT, verified.proposal].answer
        assert answer is not None
        return answer

    def settle(self, answer: ProposalSettled | None) -> Settled:
        """The round's end."""
        return settle_batch(
            SettleBatch(**dict(self.round), holder="run", answer=answer),
            uploads=self.uploads, raw=self.raw, objects=S3Objects(self.s3), quarantine=self.quarantine,
            work=self.work, clock=self.clock,
            landing=S3LandingObjects(self.s3) if self.expires else None,
        )  # fmt: skip

    def tags_of(self, ref: ObjectRef) -> dict[str, str]:
        """The S3 tags of that version of an object."""
        found = self.s3.get_object_tagging(Bucket=BUCKET, Key=ref.key, VersionId=ref.version_id)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def run(self) -> Settled:
        """All of it, for what waits."""
        if not self.check().tables:
            return self.settle(None)
        if self.mode == "glue":
            self.promote()
            self.crawl()
            self.confirm()
        return self.settle(self.propose())

    def keys(self, folder: str) -> list[str]:
        """What lies below a folder of the product."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{PRODUCT}/{folder}")
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def hive_rows(self, tmp: Path, table: str = "t") -> list[dict[str, Any]]:
        """What a reader of a table of Hive sees: all rows of all files in its folder, columns by name."""
        columns = self.types(table)
        rows: list[dict[str, Any]] = []
        for key in self.keys(f"published/hive/{table}/"):
            local = self._download(key, tmp)
            there = [column for column in columns if column in _parquet_types(local)]
            folders = dict(part.split("=", 1) for part in key.split("/")[4:-1])
            with duckdb.connect(":memory:") as db:
                shown = ", ".join(map(_quoted, there))
                found = db.execute(f"SELECT {shown} FROM read_parquet('{local}', hive_partitioning = false)").fetchall()
            empty = dict.fromkeys(columns)
            rows += [{**empty, **dict(zip(there, row, strict=True)), **folders} for row in found]
        return rows

    def _crawled(self, key: str) -> dict[str, str]:
        if not key.endswith(".parquet"):
            return self.formats.get(key.rpartition(".")[2], {})
        folder = Path(tempfile.mkdtemp())
        return {name: _HIVE[type_] for name, type_ in _parquet_types(self._download(key, folder)).items()}

    def _download(self, key: str, folder: Path) -> Path:
        local = folder / key.rpartition("/")[2]
        local.write_bytes(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        return local

    def held(self) -> dict[str, str]:
        """File name → the code that it was held for, of the last batch."""
        return {
            held.ref.key.rpartition("/")[2]: held.reason.code for held in read_checked(self.work, self.round.work).held
        }

    def version(self) -> ProductVersion | None:
        """The present version."""
        return self.registry.latest_version(PRODUCT)

    def types(self, table: str = "t") -> dict[str, str]:
        """The catalog's columns."""
        found = self.catalog.table(PRODUCT, table) or {}
        return {column["Name"]: column["Type"] for column in found["StorageDescriptor"]["Columns"]}

    def rows(self, tmp: Path, table: str = "t", metadata: str = "") -> list[dict[str, Any]]:
        """What a reader of the table sees, found by field ids: nested fields included, names of files ignored."""
        pointer = metadata or pointer_of(self.catalog.table(PRODUCT, table))
        content = IcebergContents(self.s3).read(pointer)
        rows: list[dict[str, Any]] = []
        with duckdb.connect(":memory:") as db:
            for number, file in enumerate(content.files):
                bucket, key = bucket_and_key(file.path)
                local = tmp / f"{number}-{key.rpartition('/')[2]}"
                local.write_bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
                schema = db.execute("SELECT name, field_id FROM parquet_schema(?)", [str(local)]).fetchall()
                names = {field_id: name for name, field_id in reversed(schema) if field_id is not None}
                shown = ", ".join(
                    (_quoted(names[field.id]) if field.id in names else "NULL") + f" AS {_quoted(field.name)}"
                    for field in content.state.fields
                )
                found = db.execute(f"SELECT {shown} FROM read_parquet('{local}')")
                columns = [column[0] for column in found.description or ()]
                rows += [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
        return rows

    def _land(self, ref: ObjectRef) -> ObjectRef:
        self.landed.append(ref)
        return ref

    def _sequencer(self) -> str:
        self.events += 1
        return f"{self.events:016X}"


def _parquet_types(file: Path) -> dict[str, str]:
    with duckdb.connect(":memory:") as db:
        query = f"DESCRIBE SELECT * FROM read_parquet('{file}', hive_partitioning = false)"
        return {row[0]: row[1] for row in db.execute(query).fetchall()}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
