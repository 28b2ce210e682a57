"""A contract's promises about data, ready to be measured: each a number to compute and what it is compared with."""

from dataclasses import dataclass, field, replace

from mesh.domain.onboarding.quality.comparisons import NONE_MAY, Comparison
from mesh.domain.onboarding.quality.model import Dimension, Severity

BROKEN = "QualityRuleBroken"
READS_ELSEWHERE = "RuleReadsElsewhere"


@dataclass(frozen=True, slots=True)
class Expectation:
    """`where` is its path in the contract, `rule` what it says in a few words, `code` its finding's if it is not kept.

    What is measured is either `measure`, an aggregate expression over the table's rows, or `query`, a whole SELECT
    with placeholders. `bad` is the predicate of the rows that break it, for examples and scores. `percent`: the
    number is a share of the rows. `columns` are those that it needs; with `all_rows` a sample says nothing.

    `skipped` says why it is not measured at all; `fault` what is wrong with the rule itself, `fault_code` how it is
    called.
    """

    where: str
    rule: str
    code: str
    severity: Severity = "error"
    dimension: Dimension = "validity"
    column: str = ""
    columns: tuple[str, ...] = ()
    measure: str = ""
    bad: str = ""
    query: str = ""
    comparisons: tuple[Comparison, ...] = (NONE_MAY,)
    percent: bool = False
    all_rows: bool = False
    skipped: str = ""
    fault: str = ""
    fault_code: str = BROKEN
    remedy: str = ""
    subject: str = field(default="")
    """What the rows that break it do, for messages: `have no amount`."""

    def broken(self, fault: str, code: str = BROKEN) -> "Expectation":
        """The same, as a rule that cannot be evaluated."""
        return replace(self, fault=fault, fault_code=code)

    def skip(self, reason: str) -> "Expectation":
        """The same, as an expectation that is not measured."""
        return replace(self, skipped=reason)

    def kept(self, value: float) -> bool:
        """Whether every comparison holds for the number."""
        return all(comparison.holds(value) for comparison in self.comparisons)
