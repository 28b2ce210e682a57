"""Central and an owner in memory, with what passes between: a product of two versions, and a consumer who reads it."""

import json
from datetime import timedelta
from typing import Any

from mesh.domain.events import ColumnRef, Envelope, Event, PersonalDataFinding
from mesh.domain.manifest import Manifest, PinnedObject, PinnedTable
from mesh.domain.names import resource_link
from mesh.domain.pins import Pin
from mesh.domain.product import ProductVersion, TableSnapshot
from mesh.usecases import pin_version
from mesh.usecases.manifests import write_manifest
from mesh.usecases.request_pin import PinLimits, PinState, request_pin
from mesh.usecases.settle_pin import PinKeeper, Settled
from mesh.usecases.tag_pins import Tagging

from tests.builders import BUCKET, CENTRAL, CONSUMER, PRODUCER, PRODUCT, TABLE, an_ontology
from tests.fakes import (
    NOON,
    FakeBus,
    FakeCatalog,
    FakeLakeFormation,
    FakeLocks,
    FakeObjects,
    FakeObjectVersions,
    FakePinnedCopies,
    FakeProposals,
    FakeTrace,
    FakeUploads,
    FakeWorkFiles,
)
from tests.unit.central_accesses import TARGET, Central, an_envelope

ROLE = "arn:aws:iam::111111111111:role/settle-pin"
LINK = resource_link(PRODUCT)
PINNED = f"{TABLE}__v1"
KEY = f"{PRODUCT}/data/{TABLE}/dt=1/a.csv"
OLD, NEW = b"laufkont,email,gone\n1,a@example.com,x\n", b"laufkont,email\n2,b@example.com\n"
MONTH = timedelta(days=30)
PERSONAL = PersonalDataFinding(column="laufkont", value="personal", reason="the values are: names", confidence=0.9)
CLOSED = {"confidentiality": "restricted", "pii": "sensitive"}


def definition(*columns: str) -> dict[str, Any]:
    """A TableInput of a table partitioned by `dt`."""
    location = f"s3://{BUCKET}/{PRODUCT}/data/{TABLE}/"
    descriptor = {"Columns": [{"Name": name, "Type": "string"} for name in columns], "Location": location}
    keys = [{"Name": "dt", "Type": "string"}]
    return {
        "Name": TABLE,
        "StorageDescriptor": descriptor,
        "PartitionKeys": keys,
        "Parameters": {"classification": "csv"},
    }


class Pinning:
    """Version 1 had a column `gone` and an object that version 2 replaced."""

    def __init__(self) -> None:
        self.ontology = an_ontology()
        self.central = Central()
        self.central.lake = FakeLakeFormation({**self.ontology.tag_values(), "product": [PRODUCT]})
        self.lake = self.central.lake
        self.access = self.central.held()
        self.catalog, self.trace, self.work = FakeCatalog(), FakeTrace(), FakeWorkFiles()
        self.catalog.create_resource_link(LINK, catalog=CENTRAL, database=PRODUCT, region="us-east-1")
        self.objects = FakeObjects()
        self.versions = FakeObjectVersions(self.objects)
        self.copies = FakePinnedCopies(self.versions)
        self.limits = PinLimits(timedelta(days=90), 2)
        for number, body, columns in ((1, OLD, ("laufkont", "email", "gone")), (2, NEW, ("laufkont", "email"))):
            self._publish(number, body, columns)
        self.catalog.create_table(LINK, definition("laufkont", "email"))
        self.lake.tag_database(PRODUCT, {"product": PRODUCT, "confidentiality": "internal", "pii": "none"})
        self.lake.tag_columns(PRODUCT, TABLE, ["email"], {"pii": "personal", "confidentiality": "confidential"})
        self._heard = 0

    def _publish(self, number: int, body: bytes, columns: tuple[str, ...]) -> None:
        ref = self.objects.put(BUCKET, KEY, body)
        item = PinnedObject(key=KEY, version_id=ref.version_id, size=ref.size, rows=1, rows_exact=True)
        table = PinnedTable(table=TABLE, definition=definition(*columns), objects=(item,))
        manifest = Manifest(product=PRODUCT, bucket=BUCKET, generation=number, tables=(table,))
        refs = tuple(ColumnRef(name=name, type="string") for name in columns)
        found = (PERSONAL,) if number == 1 else ()
        self.central.registry.record_version(
            ProductVersion(
                product=PRODUCT,
                version=number,
                run=f"r{number}",
                correlation_id="c",
                contract_version="1.0.0",
                tables=(TableSnapshot(table=TABLE, columns=refs, rows=1, findings=found),),
                changes=(),
                published=NOON,
                manifest=write_manifest(manifest, versions=self.versions, uploads=FakeUploads()),
            )
        )

    # --- central ------------------------------------------------------------------------------------------------------

    @property
    def tagging(self) -> Tagging:
        return Tagging(self.catalog, self.lake, self.central.registry, self.ontology)

    @property
    def keeper(self) -> PinKeeper:
        return PinKeeper(
            role_arn=ROLE,
            books=self.central.books,
            topics=self.central.topics,
            schedules=self.central.schedules,
            tagging=self.tagging,
            proposals=FakeProposals(),
            locks=FakeLocks(),
        )

    def ask(self, version: int = 1, by: str = CONSUMER, event: str = "pin-1", **changes: Any) -> PinState:
        wish = {"product": PRODUCT, "version": version, "until": (NOON + MONTH).isoformat(), "reason": "scorecard 7"}
        return request_pin(
            an_envelope({**wish, **changes}, "PinRequested", by=by, event=event),
            limits=self.limits,
            end=TARGET,
            books=self.central.books,
            topics=self.central.topics,
            schedules=self.central.schedules,
            bus=FakeBus(),
        )

    def unpin(self, version: int = 1, by: str = CONSUMER, event: str = "un-1") -> Settled:
        return self.say("UnpinRequested", {"product": PRODUCT, "version": version}, by=by, event=event)

    def say(self, kind: str, data: dict[str, Any], by: str = PRODUCER, event: str = "e") -> Settled:
        envelope = an_envelope(data, kind, by=by, event=event)
        return self.keeper.settle(envelope.model_dump(mode="json", by_alias=True))

    def due(self, number: str = "") -> Settled:
        """As the schedule says it."""
        return self.keeper.settle({"ending": {"product": PRODUCT, "pin": number or self.pins()[0].id}})

    def pins(self) -> tuple[Pin, ...]:
        return self.central.registry.pins(PRODUCT).pins

    # --- the owner, and what passes between -----------------------------------------------------------------------

    def orders(self) -> list[Envelope]:
        """What central asked of the owner since the last look, as its own bus brings it."""
        told = [(kind, detail) for _, kind, detail in self.central.topics.published if kind == "PinOrdered"]
        new, self._heard = told[self._heard :], len(told)
        return [
            Envelope.model_validate(
                {
                    "id": "d",
                    "account": PRODUCER,
                    "source": "meshwork",
                    "detail-type": kind,
                    "detail": json.loads(detail),
                }
            )
            for kind, detail in new
        ]

    def step(self, envelope: Envelope) -> pin_version.PinStep:
        """One call of the step's function."""
        kind = envelope.detail["data"]["step"]
        command = pin_version.PinCommand(envelope=envelope, execution="arn:run")
        if kind == "prepare":
            return pin_version.prepare_pin(
                command, bucket=BUCKET, catalog=self.catalog, versions=self.versions, trace=self.trace
            )
        if kind == "remove":
            return pin_version.remove_pin(command, bucket=BUCKET, copies=self.copies, trace=self.trace)
        return pin_version.fill_pin(
            command,
            bucket=BUCKET,
            catalog=self.catalog,
            versions=self.versions,
            copies=self.copies,
            work=self.work,
            clock=self.central.clock,
            trace=self.trace,
        )

    def report(self, report: Event[Any], by: str = PRODUCER) -> Settled:
        detail = report.model_dump(mode="json")
        return self.say("PinReported", detail["data"], by=by, event=detail["metadata"]["id"])

    def run(self) -> None:
        """Everything that central orders, until it orders nothing more."""
        while orders := self.orders():
            for order in orders:
                step = self.step(order)
                assert step.report is not None
                self.report(step.report)

    def ready(self, **changes: Any) -> Pin:
        """A pin that can be read."""
        self.ask(**changes)
        self.run()
        [pin] = self.pins()
        assert pin.status == "ready"
        return pin

    def copied(self) -> dict[str, bytes]:
        """What lies below `pinned/`: key → content."""
        return {key: versions[-1] for (_, key), versions in self.objects.content.items() if f"{PRODUCT}/pinned/" in key}

    def tags(self, column: str, table: str = PINNED) -> dict[str, str]:
        """Effective ones, but for the domain, which all have, and the mesh's own."""
        found = self.lake.effective(PRODUCT, table, column)
        return {key: value for key, value in found.items() if key not in ("domain", "publication")}

    def published(self, *columns: str) -> list[str]:
        """Which of these columns of the pinned table no longer wait for their tags."""
        found = {column: self.lake.effective(PRODUCT, PINNED, column) for column in columns}
        return [column for column, tags in found.items() if tags.get("publication") == "published"]
