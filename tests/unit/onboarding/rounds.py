"""Rounds of `onboard-upload` on a table that is published as Iceberg: taken, checked by the real engine, settled.

Central is played by `World`: it points the catalog at what was checked, with an index as `stage_version` writes it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from mesh.adapters.duckdb.reading import DuckReadings
from mesh.domain.contracts.contract import Contract
from mesh.domain.events import ProposalSettled, QuarantineDecided, Reason
from mesh.domain.onboarding.batches import CheckedBatch, CheckedTable, IndexEntry
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quality.model import BatchReports
from mesh.domain.onboarding.quarantine import HeldBatch
from mesh.domain.publishing.iceberg_table import iceberg_input
from mesh.domain.publishing.table_state import Marks, PartitionPart, TableState
from mesh.usecases.onboarding.batches import TakeBatch, Taking, read_checked, take_batch
from mesh.usecases.onboarding.check_objects import check_objects
from mesh.usecases.onboarding.decide_quarantine import Deciding, decide_quarantine
from mesh.usecases.onboarding.rounds import ProductFacts, Round
from mesh.usecases.onboarding.settle_batch import SettleBatch, Settled, settle_batch
from mesh.usecases.onboarding.table_checks import Checking

from tests.builders import BUCKET, CONTRACT, CORRELATION, PRODUCT, TABLE, a_contract, an_envelope
from tests.fakes import (
    FakeBus,
    FakeCatalog,
    FakeClock,
    FakeExecutions,
    FakeLanding,
    FakeObjects,
    FakeQuarantine,
    FakeRawUploads,
    FakeTrace,
    FakeUploads,
    FakeWorkFiles,
)

FOLDER = f"{PRODUCT}/data/{TABLE}/"
LINK = "rl_credit-card"


class FakePublished:
    """Metadata and index by location; of data files only the names."""

    def __init__(self) -> None:
        self.states: dict[str, TableState] = {}
        self.indexes: dict[str, list[IndexEntry]] = {"": []}
        self.files: set[str] = set()

    def state(self, metadata: str) -> TableState:
        return self.states[metadata]

    def index(self, location: str) -> list[IndexEntry]:
        return self.indexes[location]

    def upload(self, file: Path, location: str) -> None:
        assert file.stat().st_size > 0
        self.files.add(location)


class World:
    """A producer with one product of one table, `properties` of whose contract are the columns."""

    def __init__(self, properties: Sequence[dict[str, Any]] | None, **table: Any) -> None:
        self.objects, self.quarantine = FakeObjects(), FakeQuarantine()
        self.published, self.catalog, self.work = FakePublished(), FakeCatalog(), FakeWorkFiles()
        self.trace, self.clock, self.bus, self.executions = FakeTrace(), FakeClock(), FakeBus(), FakeExecutions()
        self.uploads = FakeUploads(self.trace)
        self.versions = 0
        self.revise(properties, **table)

    def revise(self, properties: Sequence[dict[str, Any]] | None, version: str = "1.0.0", **table: Any) -> None:
        """The contract in force; None for none."""
        facts: dict[str, Any] = {"database": PRODUCT, "link": LINK, "crawl": "auto"}
        if properties is not None:
            facts["contract"] = contract_of(properties, version, **table).model_dump(mode="json")
        self.uploads.put_product(PRODUCT, facts)

    def upload(self, name: str, body: str | bytes) -> ObjectRef:
        ref = self.objects.put(BUCKET, FOLDER + name, body)
        self.uploads.add_pending(PRODUCT, [ref], CORRELATION)
        return ref

    def check(self) -> Round:
        """Take what waits, and check it."""
        command = TakeBatch(product=PRODUCT, holder="run", correlation_id=CORRELATION)
        using = Taking(
            bucket=BUCKET, uploads=self.uploads, landing=FakeLanding(self.objects), work=self.work, clock=self.clock
        )
        batch = take_batch(command, using=using)
        if batch.status == "early":  # the run waits, and takes it
            batch = take_batch(command, using=using)
        assert batch.status == "taken", batch.status
        round_ = Round(
            product=PRODUCT, generation=batch.generation, work=batch.work, correlation_id=CORRELATION,
            facts=ProductFacts.model_validate(batch.facts),
        )  # fmt: skip
        self.check_again(round_)
        return round_

    def check_again(self, round_: Round) -> None:
        """The step once more."""
        using = Checking(
            readings=DuckReadings(self.objects), landing=FakeLanding(self.objects), published=self.published,
            catalog=self.catalog, work=self.work, quarantine=self.quarantine, clock=self.clock, trace=self.trace,
        )  # type: ignore[arg-type]  # fmt: skip
        check_objects(round_, using=using)

    def run(self, *, refusal: Reason | None = None) -> Settled:
        """A whole round; central publishes what is proposed, or holds it for `refusal`."""
        round_ = self.check()
        checked, answer = self.checked(round_), None
        if checked.tables:
            answer = ProposalSettled(product=PRODUCT, proposal="0000000a", outcome="held", reason=refusal)
            if refusal is None:
                self.versions += 1
                for table in checked.tables:
                    self._publish(table, checked.contract_version)
                answer = answer.model_copy(update={"outcome": "published", "version": self.versions})
        command = SettleBatch(**dict(round_), holder="run", answer=answer)
        return settle_batch(
            command, uploads=self.uploads, raw=FakeRawUploads(self.uploads), objects=self.objects,
            quarantine=self.quarantine, work=self.work, clock=self.clock,
        )  # fmt: skip

    def upload_and_run(self, name: str, body: str | bytes) -> Settled:
        self.upload(name, body)
        return self.run()

    def release(self, batch: HeldBatch) -> None:
        request = QuarantineDecided(
            product=PRODUCT, run=batch.run, decision="release", reason="it is right", by="the steward"
        )
        using = Deciding(
            quarantine=self.quarantine, objects=self.objects, landing=FakeLanding(self.objects), uploads=self.uploads,
            executions=self.executions, bus=self.bus, trace=self.trace, clock=self.clock,
        )  # fmt: skip
        decide_quarantine(an_envelope(request), using=using)

    def checked(self, round_: Round) -> CheckedBatch:
        return read_checked(self.work, round_.work)

    def reports(self, generation: int) -> BatchReports:
        found = read_checked(self.work, f"runs/{PRODUCT}/{generation:08d}/batch.json").reports
        assert found is not None
        return found

    @property
    def held(self) -> list[HeldBatch]:
        """Batches that nobody has decided about."""
        return list(self.quarantine.undecided(PRODUCT))

    @property
    def columns(self) -> dict[str, str]:
        """Those of the published table, with their types."""
        fields = self.published.states[max(self.published.states)].fields
        return {field.name: field.hive_type for field in fields}

    @property
    def sources(self) -> list[str]:
        """Names of the objects that are published."""
        index = self.published.indexes[max(self.published.indexes)]
        return [entry.key.removeprefix(FOLDER) for entry in index]

    def _publish(self, table: CheckedTable, contract: str) -> None:
        metadata, index = (
            f"{table.location}/metadata/{self.versions:04d}.metadata.json",
            f"{self.versions:04d}.index.parquet",
        )
        before = self.published.indexes[self.published.states[table.base].index] if table.base else []
        kept = [entry for entry in before if entry.key not in table.gone]
        self.published.indexes[index] = sorted((*kept, *table.sources), key=lambda entry: entry.key)
        ids = {field.name: field.id for field in table.fields}
        parts = tuple(PartitionPart(id=1000 + n, source=ids[name]) for n, name in enumerate(table.partition))
        marks = table.marks.covering(Marks(column=max(ids.values())))
        self.published.states[metadata] = TableState(
            metadata=metadata, location=table.location, fields=table.fields, partition_fields=parts, index=index,
            only_nulls=table.only_nulls, contract=contract, snapshots=1, marks=marks,
        )  # fmt: skip
        place = (LINK, table.table)
        self.catalog.tables[place] = iceberg_input(table.table, metadata, table.fields, marks=marks)


def contract_of(properties: Sequence[dict[str, Any]], version: str = "1.0.0", **table: Any) -> Contract:
    """The example's contract with these columns; `table` are further fields of its table."""
    document = yaml.safe_load(CONTRACT)
    document |= {"apiVersion": "v3.2.0", "version": version}
    document["schema"][0] |= {"properties": list(properties), **table}
    return a_contract(yaml.safe_dump(document))
