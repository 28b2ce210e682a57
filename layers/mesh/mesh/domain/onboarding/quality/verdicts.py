"""What was measured of a promise → its result, and a finding where it is not kept; which objects a finding holds."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quality.expectations import Expectation
from mesh.domain.onboarding.quality.model import Finding, RuleResult

MAX_EXAMPLES: Final = 3
_MAX_SHOWN: Final = 60


class Observation(NamedTuple):
    """The number measured (already in percent where the promise is), of how many rows; values that break it, and the
    objects they are in, where these may be shown. `hidden`: the number may be a value that is not shown."""

    value: float
    rows: int
    examples: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    hidden: bool = False


def skipped(expectation: Expectation, reason: str) -> RuleResult:
    """A promise that was not evaluated."""
    return RuleResult(
        where=expectation.where, column=expectation.column, rule=expectation.rule, outcome="skipped",
        severity=expectation.severity, dimension=expectation.dimension, reason=reason,
    )  # fmt: skip


def broken(expectation: Expectation, table: str) -> tuple[RuleResult, Finding]:
    """A rule that cannot be evaluated as it is written."""
    return (
        RuleResult(
            where=expectation.where, column=expectation.column, rule=expectation.rule, outcome="failed",
            severity=expectation.severity, dimension=expectation.dimension, reason=expectation.fault,
        ),
        Finding(
            code=expectation.fault_code, severity=expectation.severity, table=table, column=expectation.column,
            dimension=expectation.dimension, where=expectation.where,
            message=f"{expectation.rule}: {expectation.fault}"[:500],
            remedy="Correct the rule in the contract; it is evaluated in DuckDB's SQL, on the batch's rows.",
        ),
    )  # fmt: skip


def judged(expectation: Expectation, observation: Observation, table: str) -> tuple[RuleResult, Finding | None]:
    """Kept or not."""
    kept = expectation.kept(observation.value)
    result = RuleResult(
        where=expectation.where, column=expectation.column, rule=expectation.rule,
        outcome="passed" if kept else "failed",
        severity=expectation.severity, dimension=expectation.dimension, observed=_shown(expectation, observation),
    )  # fmt: skip
    return result, None if kept else _finding(expectation, observation, table)


def _finding(expectation: Expectation, observation: Observation, table: str) -> Finding:
    return Finding(
        code=expectation.code, severity=expectation.severity, table=table, column=expectation.column,
        dimension=expectation.dimension, where=expectation.where,
        observed=None if observation.hidden else observation.value,
        threshold=expectation.comparisons[0].operands[0] if len(expectation.comparisons) == 1 else None,
        keys=observation.keys, remedy=expectation.remedy, message=_message(expectation, observation),
    )  # fmt: skip


def _message(expectation: Expectation, observation: Observation) -> str:
    shown = ", ".join(example[:_MAX_SHOWN] for example in observation.examples[:MAX_EXAMPLES])
    examples = f" (for example {shown})" if shown else ""
    if expectation.subject:
        return f"{observation.value:,.0f} of {observation.rows:,} rows {expectation.subject}{examples}"
    expected = " and ".join(comparison.text for comparison in expectation.comparisons)
    return f"{expectation.rule}: found {_shown(expectation, observation)}, expected {expected}{examples}"


def _shown(expectation: Expectation, observation: Observation) -> str:
    if observation.hidden:
        return "a number that is not shown"
    return f"{observation.value:.6g}%" if expectation.percent else f"{observation.value:.10g}"


def waived(finding: Finding, keys: Sequence[str], released: Mapping[str, str], never: Collection[str]) -> Finding:
    """An error is a warning where all objects that it is in were released by their owner; where some
    of those that it names did, it is in the others. `keys` are the table's,
    `never` are codes that no release overrules."""
    if finding.severity != "error" or finding.code in never:
        return finding
    others = tuple(key for key in finding.keys or keys if key not in released)
    if others:
        return finding.evolve(keys=others) if finding.keys else finding
    said = f"{finding.message} (released by {released[(finding.keys or keys)[0]]})"
    return finding.evolve(severity="warning", message=said)


def culprits(errors: Sequence[Finding], refs: Sequence[ObjectRef]) -> dict[str, Finding]:
    """Key → what it is held back for. An error that names no object is in all of them."""
    anywhere = next((error for error in errors if not error.keys), None)
    named = {key: error for error in reversed(errors) for key in error.keys}
    if anywhere is None:
        return named
    return {ref.key: named.get(ref.key, anywhere) for ref in refs}
