"""Central in memory: a product of two versions, a consumer who reads it, and both halves of a pin."""

import json
from datetime import datetime, timedelta
from typing import Any

from mesh.domain.contracts.product import ProductVersion, TableSnapshot
from mesh.domain.events import ColumnRef, PersonalDataFinding
from mesh.domain.governance.column_findings import known_from
from mesh.domain.names import resource_link, table_location
from mesh.domain.publishing.fields import Field
from mesh.domain.publishing.iceberg_table import iceberg_input
from mesh.domain.publishing.pins import Pin
from mesh.domain.publishing.proposals import TableRecord
from mesh.domain.publishing.table_state import Marks
from mesh.usecases.publishing.request_pin import PinLimits, PinState, request_pin
from mesh.usecases.publishing.settle_pin import PinKeeper, Settled
from mesh.usecases.publishing.tag_pins import Tagging

from tests.builders import BUCKET, CENTRAL, CONSUMER, NOTE, PRODUCER, PRODUCT, SEQUENCER, TABLE, an_ontology
from tests.fakes import NOON, FakeBus, FakeCatalog, FakeLakeFormation, FakeLocks, FakeProposals
from tests.unit.access.central_accesses import TARGET, Central, an_envelope

ROLE = "arn:aws:iam::111111111111:role/settle-pin"
LINK = resource_link(PRODUCT)
PINNED = f"{TABLE}__v1"
LOCATION = table_location(BUCKET, PRODUCT, TABLE)
EMPTY = f"{LOCATION}/metadata/v0.metadata.json"
COLUMNS = {1: ("laufkont", "email", "gone"), 2: ("laufkont", "email")}
MONTH = timedelta(days=30)
PERSONAL = PersonalDataFinding(column="laufkont", value="personal", reason="the values are: names", confidence=0.9)
CLOSED = {"confidentiality": "restricted", "pii": "sensitive"}


def metadata_of(number: int) -> str:
    """The metadata file of a version."""
    return f"{LOCATION}/metadata/v{number}.metadata.json"


def fields_of(number: int) -> tuple[Field, ...]:
    """The columns of a version, all of them text."""
    return tuple(Field(id=id_, name=name, type="string") for id_, name in enumerate(COLUMNS[number], start=1))


class Pinning:
    """Version 1 had a column `gone`, and one row; version 2 has neither."""

    def __init__(self) -> None:
        self.ontology = an_ontology()
        self.central = Central()
        self.central.lake = FakeLakeFormation({**self.ontology.tag_values(), "product": [PRODUCT]})
        self.lake = self.central.lake
        self.access = self.central.held()
        self.catalog, self.proposals, self.bus, self.locks = FakeCatalog(), FakeProposals(), FakeBus(), FakeLocks()
        self.limits = PinLimits(timedelta(days=90), 2)
        for number in COLUMNS:
            self._publish(number)
        self.central.registry.add_findings(PRODUCT, TABLE, known_from([PERSONAL], "0000000a", NOON))
        self.catalog.create_table(PRODUCT, iceberg_input(TABLE, metadata_of(2), fields_of(2), marks=Marks()))
        self.lake.tag_database(PRODUCT, {"product": PRODUCT, "confidentiality": "internal", "pii": "none"})
        self.lake.tag_columns(PRODUCT, TABLE, ["email"], {"pii": "personal", "confidentiality": "confidential"})
        self._heard = 0

    def _publish(self, number: int) -> None:
        fields, metadata = fields_of(number), metadata_of(number)
        record = TableRecord(product=PRODUCT, table=TABLE, metadata=metadata, fields=fields)
        self.proposals.tables[PRODUCT, TABLE, metadata] = record
        snapshot = TableSnapshot(
            table=TABLE,
            columns=tuple(ColumnRef(name=field.name, type=field.type) for field in fields),
            rows=1 if number == 1 else 0,
            metadata=metadata,
            empty=EMPTY,
        )
        self.central.registry.record_version(
            ProductVersion(
                product=PRODUCT,
                version=number,
                run=f"r{number}",
                correlation_id="c",
                contract_version="1.0.0",
                tables=(snapshot,),
                changes=(),
                published=NOON,
            ),
            NOTE,
            contract=SEQUENCER,
        )

    def as_hive(self, number: int) -> None:
        """The version as a Glue crawler leaves it: without a metadata file."""
        recorded = self.central.registry.recorded[PRODUCT]
        version = recorded[number - 1]
        tables = tuple(table.model_copy(update={"metadata": "", "empty": ""}) for table in version.tables)
        recorded[number - 1] = version.model_copy(update={"tables": tables})

    # --- what is asked, and what central does ---------------------------------------------------------------------

    @property
    def tagging(self) -> Tagging:
        return Tagging(self.catalog, self.lake, self.central.registry, self.ontology)

    @property
    def keeper(self) -> PinKeeper:
        return PinKeeper(
            role_arn=ROLE,
            context=self.central.context,
            topics=self.central.topics,
            schedules=self.central.schedules,
            tagging=self.tagging,
            proposals=self.proposals,
            locks=self.locks,
        )

    def ask(
        self, version: int = 1, by: str = CONSUMER, event: str = "pin-1", at: datetime = NOON, **changes: Any
    ) -> PinState:
        request = {"product": PRODUCT, "version": version, "until": (NOON + MONTH).isoformat(), "reason": "scorecard 7"}
        return request_pin(
            an_envelope({**request, **changes}, "PinRequested", by=by, event=event, at=at),
            limits=self.limits,
            end=TARGET,
            context=self.central.context,
            topics=self.central.topics,
            schedules=self.central.schedules,
            bus=self.bus,
        )

    def unpin(self, version: int = 1, by: str = CONSUMER, event: str = "un-1", at: datetime = NOON) -> Settled:
        return self.send("UnpinRequested", {"product": PRODUCT, "version": version}, by=by, event=event, at=at)

    def send(self, kind: str, data: dict[str, Any], by: str = PRODUCER, event: str = "e", **sent: Any) -> Settled:
        envelope = an_envelope(data, kind, by=by, event=event, **sent)
        return self.keeper.settle(envelope.model_dump(mode="json", by_alias=True))

    def due(self, number: str = "") -> Settled:
        """As the schedule says it."""
        return self.keeper.settle({"ending": {"product": PRODUCT, "pin": number or self.pins()[0].id}})

    def pins(self) -> tuple[Pin, ...]:
        return self.central.registry.pins(PRODUCT).pins

    def run(self) -> None:
        """Deliver the events that central has sent to itself since the last call."""
        new, self._heard = self.bus.events[self._heard :], len(self.bus.events)
        for kind, detail in new:
            self.send(kind, json.loads(detail)["data"], by=CENTRAL)

    def ready(self, **changes: Any) -> Pin:
        """A pin that can be read."""
        self.ask(**changes)
        self.run()
        [pin] = self.pins()
        assert pin.status == "ready"
        return pin

    def table(self) -> dict[str, Any] | None:
        """The pinned table of version 1."""
        return self.catalog.table(PRODUCT, PINNED)

    def tags(self, column: str, table: str = PINNED) -> dict[str, str]:
        """Effective ones, but for the domain, which all have, and the mesh's own."""
        found = self.lake.effective(PRODUCT, table, column)
        return {key: value for key, value in found.items() if key not in ("domain", "publication")}

    def published(self, *columns: str) -> list[str]:
        """Which of these columns of the pinned table no longer wait for their tags."""
        found = {column: self.lake.effective(PRODUCT, PINNED, column) for column in columns}
        return [column for column, tags in found.items() if tags.get("publication") == "published"]
