"""A proposal in central's records, from its arrival to its answer."""

from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import Field

from mesh.domain.contracts.evolution import Compatibility
from mesh.domain.contracts.product import ProductVersion, Severity, TableSnapshot
from mesh.domain.errors import Rejected
from mesh.domain.events import (
    Outcome,
    PersonalDataFinding,
    ProposalSettled,
    QualitySummary,
    Reason,
    Rollback,
    TableChange,
)
from mesh.domain.model import Model
from mesh.domain.packing import compressed
from mesh.domain.publishing.fields import Field as Column

MAX_VERSION: Final = 100_000
"""Bytes of a version as JSON, packed: a state is given it beside the event of 150 proposed tables, in 262,144 bytes."""
MAX_COMMIT: Final = 380_000
"""Bytes of a commit, compressed: an item has 400 KB."""


class ProposalExpired(Rejected):
    """A proposal that arrived after it expired: nothing of it is published, its files may be deleted."""


class ProposalForged(Rejected):
    """The staged files differ from the proposal, or were not written by Meshwork."""


class ProposalTooLarge(Rejected):
    """The version would have more columns, or longer types, than central's records hold."""


class TableDetails(Model):
    """What one batch brought to a table: a property of the staged metadata file. `rows`, `bytes` and `objects` are of
    the new data, `sources` of the whole table after it, `removed_objects` those whose rows were replaced or are gone.

    The rest is of a table that a Glue crawler fills, whose details are a file: `columns` that the batch's objects have,
    None where nobody read them; its partitions, and those that it did not have before; how many of `sources` nobody has
    read, so that no rows are known of them.
    """

    objects: int = Field(ge=0)
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    sources: int = Field(ge=0)
    removed_objects: int = Field(default=0, ge=0)
    findings: tuple[PersonalDataFinding, ...] = ()
    quality: QualitySummary | None = None
    columns: tuple[str, ...] | None = None
    partitions: int = Field(default=0, ge=0)
    partitions_added: tuple[str, ...] = ()
    unread: int = Field(default=0, ge=0)


class TableCommit(Model):
    """One table of a commit, as it was verified. Locations are whole (`s3://…`); `base` is empty for a new table.

    A table that a Glue crawler fills has no `target`: the crawler wrote its columns, and only its tags are to come.
    """

    name: str
    base: str = ""
    target: str = ""
    empty: str = ""
    fields: tuple[Column, ...] = ()
    snapshot: TableSnapshot
    marks: dict[str, int] = Field(default_factory=dict)


class Commit(Model):
    """A version being committed: tables whose pointers change together, or not at all, on top of version `follows`, of
    which it leaves other tables `untouched`. Until its turn is over there is no other commit."""

    product: str
    proposal: str
    correlation_id: str
    event_id: str
    follows: int = 0
    generation: int = 0
    tables: tuple[TableCommit, ...]
    untouched: tuple[TableSnapshot, ...] = ()
    changes: tuple[TableChange, ...]
    compatibility: Compatibility = "full"
    severity: Severity = "info"
    contract_version: str = ""
    rollback: Rollback | None = None

    def version(self, at: datetime, *, draft: bool) -> ProductVersion:
        """As it will be recorded. Its tables are the present ones, and those that it did not touch are as they were."""
        tables = [*self.untouched, *(table.snapshot for table in self.tables)]
        return ProductVersion(
            product=self.product,
            version=self.follows + 1,
            run=self.proposal,
            correlation_id=self.correlation_id,
            contract_version=self.contract_version,
            tables=tuple(sorted(tables, key=lambda table: table.table)),
            changes=self.changes,
            published=at,
            follows=self.follows,
            generation=self.generation,
            draft=draft,
            compatibility=self.compatibility,
            severity=self.severity,
            rollback=self.rollback,
        )

    def require_room(self) -> None:
        """Raises ProposalTooLarge for a version that a state could not return, or whose commit is too large for an
        item."""
        version = self.version(datetime.min.replace(tzinfo=UTC), draft=False)
        tables = len(version.tables)
        columns = sum(len(table.columns) for table in version.tables)
        sizes = (len(version.model_dump_json()), len(compressed(self.model_dump_json())))
        if sizes[0] > MAX_VERSION or sizes[1] > MAX_COMMIT:
            raise ProposalTooLarge(
                f"version {version.version} of {self.product} would have {tables:,} tables with {columns:,} columns: "
                f"described in {max(sizes):,} bytes, compressed, of which {MAX_VERSION:,} are possible",
                remedy="Divide the tables among several products, or use shorter types and names.",
                product=self.product,
            )


class TableRecord(Model):
    """What central read in a metadata file (`metadata`, its location) before it pointed at it: so that it can point at
    it again, and compare it, without reading it again. `partitions` are rows by name (`dt=2026-11-21`)."""

    product: str
    table: str
    metadata: str
    fields: tuple[Column, ...]
    partitions: dict[str, int] = Field(default_factory=dict)


class ProposalRecord(Model):
    """`digest` is of the proposal's data: the same id with other data is a forgery. `answer` is repeated once given;
    without one the proposal is open. Once it is `committing`, only the commit itself may end it in another way than by
    publishing it; a repeated proposal joins the commit."""

    product: str
    proposal: str
    digest: str
    at: datetime
    committing: bool = False
    answer: ProposalSettled | None = None


class Verified(Model):
    """The next step for a proposal. `commit`: commit it. `tag`: tag what was found, then send `answer`. `settle`: send
    `answer`, which is new. `repeat`: it was answered before. `version` is the number of what is published already, 0
    for nothing."""

    product: str
    proposal: str
    next: Literal["commit", "tag", "settle", "repeat"]
    answer: ProposalSettled | None = None
    version: int = 0

    def repeats(self, answer: ProposalSettled | None) -> "Verified":
        """As it was answered."""
        return self.evolve(next="repeat", answer=answer, version=answer.version if answer else 0)


_OUTCOMES: Final[dict[str, Outcome]] = {"Rebase": "rebase", "BaseMoved": "rebase", "BreakingSchemaChange": "held"}
"""The outcome for an error; any other error rejects the proposal."""


def refusal(product: str, proposal: str, reason: Reason) -> ProposalSettled:
    """The answer to a proposal that is not published."""
    outcome = _OUTCOMES.get(reason.code, "refused")
    return ProposalSettled(product=product, proposal=proposal, outcome=outcome, reason=reason)
