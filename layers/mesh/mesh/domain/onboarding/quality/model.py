"""What is known of a batch's data, and what was found wrong with it. All of it is JSON (`model_dump(mode="json")`).

A batch is what one round of `onboard-upload` accepted; of each table that it touches there is one `TableReport`.
"""

from typing import Literal

from pydantic import Field

from mesh.domain.model import Model
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.schema import TableSchema

MAX_CATEGORIES = 50
"""A column of at most this many distinct values is counted value by value; of others the most frequent are kept."""
BINS = 20
"""Bins of a number's histogram between its quantiles, beside the outer ones."""
MAX_PARTS = 50
"""Parts of a batch that are profiled by themselves."""

Kind = Literal["number", "category", "moment", "text"]
Severity = Literal["error", "warning", "info"]
Dimension = Literal["completeness", "validity", "uniqueness", "timeliness", "consistency", "accuracy"]
"""The dimensions of quality; the standard's `conformity` and `coverage` count as validity and completeness."""


class TableData(Model):
    """One table of a batch that was read. `table_schema` has the table's columns after it; an object may lack some.

    `edges` are bins to count numbers in, by column (those of the accepted history); `label` is the column that says
    what a row was judged to be, or empty.
    """

    table: str
    table_schema: TableSchema
    refs: tuple[ObjectRef, ...]
    edges: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    label: str = ""


class Histogram(Model):
    """`counts[i]` values lie in `[edges[i], edges[i + 1])`; the last bin has its upper edge too. What lies outside the
    edges (they may be those of an earlier batch) counts into the outermost bins. `logarithmic`: the bins are of equal
    width on such a scale.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    logarithmic: bool = False


class ValueCount(Model):
    """How often a value occurs; `value` as text, as it is written in CSV."""

    value: str
    count: int = Field(ge=0)


class LabelledCounts(Model):
    """Of the rows with this label: `counts` by the column's histogram bins, or by the values of its `top`."""

    label: str
    counts: tuple[int, ...]


class ColumnProfile(Model):
    """One column of a batch. `type` is its Hive type; `low` and `high` are the least and greatest value as text.

    `kind` decides what is there: numbers have `mean` to `shape`. `histogram` is made for comparing batches (a bin for
    each of few values, else bins of equal counts, and one more on each side beyond the outer fences), `shape` for
    people (bins of equal width). `top` is of every kind, the most frequent first, and holds all values when there are
    at most `MAX_CATEGORIES`. `labelled` is there when a label column is known.
    `max_length` and `mean_length` are of texts, in characters.
    """

    name: str
    type: str
    kind: Kind
    rows: int = Field(ge=0)
    nulls: int = Field(ge=0)
    distinct: int = Field(ge=0)
    low: str | None = None
    high: str | None = None
    mean: float | None = None
    deviation: float | None = None
    quartiles: tuple[float, float, float] | None = None
    histogram: Histogram | None = None
    shape: Histogram | None = None
    top: tuple[ValueCount, ...] = ()
    max_length: int | None = None
    mean_length: float | None = None
    labelled: tuple[LabelledCounts, ...] = ()


class PartProfile(Model):
    """Some objects of a batch, mostly one, by themselves: `keys`, and as much of a profile as a history keeps.

    A column has its counts in the bins of the whole batch's, and values and labels as in any profile.
    """

    keys: tuple[str, ...]
    rows: int = Field(ge=0)
    duplicate_rows: int = Field(default=0, ge=0)
    columns: tuple[ColumnProfile, ...]
    fingerprints: tuple[str, ...] = Field(default=(), repr=False)


class TableProfile(Model):
    """One table of a batch. `exact` is False where only a sample of `rows` was read; `parts` are there where a batch of
    several objects has several parts.

    `fingerprints` are 64-bit hashes of whole rows, in hexadecimal, sorted, of at most some thousands of rows: for
    finding rows that came before. They reveal nothing about the values of a row.
    """

    table: str
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    objects: int = Field(ge=0)
    exact: bool = True
    duplicate_rows: int = Field(default=0, ge=0)
    columns: tuple[ColumnProfile, ...]
    fingerprints: tuple[str, ...] = Field(default=(), repr=False)
    parts: tuple[PartProfile, ...] = Field(default=(), repr=False)

    def column(self, name: str) -> ColumnProfile | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)


class Evidence(Model):
    """What a finding shows: two distributions over the same labels (bins or values), as shares that sum to 1."""

    labels: tuple[str, ...]
    accepted: tuple[float, ...]
    batch: tuple[float, ...]


class Finding(Model):
    """Something found by a check. `code` is CamelCase and stable (`NullsInRequiredColumn`, `DistributionShifted`);
    `where` is the rule's path in the contract, or empty; `keys` are the objects it is in, where that is known.

    An `error` holds the batch back, a `warning` is published with its version, `info` is in the report alone.
    """

    code: str
    severity: Severity
    table: str
    column: str = ""
    message: str
    remedy: str = ""
    dimension: Dimension = "validity"
    where: str = ""
    observed: float | None = None
    threshold: float | None = None
    keys: tuple[str, ...] = ()
    evidence: Evidence | None = None


class RuleResult(Model):
    """A promise of the contract after it was evaluated. `skipped` says in `reason` why it could not be; `column` is
    empty where it is about the table."""

    where: str
    column: str = ""
    rule: str
    outcome: Literal["passed", "failed", "skipped"]
    severity: Severity
    dimension: Dimension
    observed: str = ""
    reason: str = ""


class Scores(Model):
    """Each from 0 to 1, 1 is best; None where nothing says what it should be."""

    completeness: float | None = None
    validity: float | None = None
    uniqueness: float | None = None
    timeliness: float | None = None
    skew: float | None = None


class TableReport(Model):
    """All checks of one table of a batch."""

    profile: TableProfile
    scores: Scores
    rules: tuple[RuleResult, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What holds the batch back."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


class BatchReport(Model):
    """All checks of a batch. `released` says by whom and why it passes although it has errors."""

    product: str
    generation: int
    correlation_id: str
    contract_version: str = ""
    tables: tuple[TableReport, ...]
    released: str = ""


class BatchReports(Model):
    """Of one batch: the reports of what goes on (`passed`), and of what was held back, at most one for each table."""

    passed: BatchReport
    held: BatchReport

    def table(self, name: str) -> TableReport | None:
        """What was measured of a table that goes on."""
        return next((report for report in self.passed.tables if report.profile.table == name), None)
