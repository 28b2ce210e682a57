"""What was measured of a promise → its result, and a finding where it is not kept."""

from typing import Final, NamedTuple

from mesh.domain.quality.model import Finding, RuleResult
from mesh.domain.quality.promises import Promise

MAX_EXAMPLES: Final = 3
_MAX_SHOWN: Final = 60


class Observation(NamedTuple):
    """The number measured (already in percent where the promise is), of how many rows; values that break it, and the
    objects they are in, where these may be told."""

    value: float
    rows: int
    examples: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def skipped(promise: Promise, reason: str) -> RuleResult:
    """A promise that was not evaluated."""
    return RuleResult(
        where=promise.where, column=promise.column, rule=promise.rule, outcome="skipped",
        severity=promise.severity, dimension=promise.dimension, reason=reason,
    )  # fmt: skip


def broken(promise: Promise, table: str) -> tuple[RuleResult, Finding]:
    """A rule that cannot be evaluated as it is written."""
    return (
        RuleResult(
            where=promise.where, column=promise.column, rule=promise.rule, outcome="failed",
            severity=promise.severity, dimension=promise.dimension, reason=promise.fault,
        ),
        Finding(
            code=promise.fault_code, severity=promise.severity, table=table, column=promise.column,
            dimension=promise.dimension, where=promise.where, message=f"{promise.rule}: {promise.fault}"[:500],
            remedy="Correct the rule in the contract; it is evaluated in DuckDB's SQL, on the batch's rows.",
        ),
    )  # fmt: skip


def judged(promise: Promise, observation: Observation, table: str) -> tuple[RuleResult, Finding | None]:
    """Kept or not."""
    kept = promise.kept(observation.value)
    result = RuleResult(
        where=promise.where, column=promise.column, rule=promise.rule, outcome="passed" if kept else "failed",
        severity=promise.severity, dimension=promise.dimension, observed=_shown(promise, observation),
    )  # fmt: skip
    return result, None if kept else _finding(promise, observation, table)


def _finding(promise: Promise, observation: Observation, table: str) -> Finding:
    return Finding(
        code=promise.code, severity=promise.severity, table=table, column=promise.column, dimension=promise.dimension,
        where=promise.where, observed=observation.value,
        threshold=promise.comparisons[0].operands[0] if len(promise.comparisons) == 1 else None,
        keys=observation.keys, remedy=promise.remedy, message=_message(promise, observation),
    )  # fmt: skip


def _message(promise: Promise, observation: Observation) -> str:
    shown = ", ".join(example[:_MAX_SHOWN] for example in observation.examples[:MAX_EXAMPLES])
    examples = f" (for example {shown})" if shown else ""
    if promise.subject:
        return f"{observation.value:,.0f} of {observation.rows:,} rows {promise.subject}{examples}"
    expected = " and ".join(comparison.text for comparison in promise.comparisons)
    return f"{promise.rule}: found {_shown(promise, observation)}, expected {expected}{examples}"


def _shown(promise: Promise, observation: Observation) -> str:
    return f"{observation.value:.6g}%" if promise.percent else f"{observation.value:.10g}"
