"""Loaded rows → the report of a check: profiled, held against the contract, scored."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from mesh.adapters.duckdb.measuring.evaluating import Evaluator, Outcome
from mesh.adapters.duckdb.measuring.faults import not_of_type
from mesh.adapters.duckdb.measuring.formulas import formula_cells
from mesh.adapters.duckdb.measuring.profiling import profile_of
from mesh.adapters.duckdb.measuring.rows import Rows
from mesh.domain.contracts.contract import Contract
from mesh.domain.onboarding.quality.expectations import Expectation
from mesh.domain.onboarding.quality.freshness import Freshness, measured, service_levels
from mesh.domain.onboarding.quality.freshness import verdicts as freshness_verdicts
from mesh.domain.onboarding.quality.missing import missing_columns, without_missing
from mesh.domain.onboarding.quality.model import Finding, TableData, TableProfile, TableReport
from mesh.domain.onboarding.quality.redaction import withheld
from mesh.domain.onboarding.quality.rules import own_names, table_expectations
from mesh.domain.onboarding.quality.scores import scores
from mesh.domain.onboarding.sensitivity import find_personal
from mesh.domain.schema import Column

_MAX_FINDINGS: Final = 20


class TableChecks:
    """From rows to report."""

    def __init__(self, rows: Rows, data: TableData, contract: Contract | None, now: datetime) -> None:
        self._rows, self._data, self._contract, self._now = rows, data, contract, now
        self._table = contract.table(data.table) if contract else None
        self._path = f"$.schema[{contract.tables.index(self._table)}]" if contract and self._table else "$"
        names = own_names(self._table) if self._table else frozenset()
        self._names = names | {data.table}

    def build(self) -> TableReport:
        profile = profile_of(self._rows, self._data)
        secret = self._secret(profile)
        expectations = self._expectations()
        evaluator = Evaluator(self._rows, self._names, secret, profile)
        fresh = self._freshness(profile)
        missing = missing_columns(self._table, self._path, self._rows.types, self._rows.lacking)
        outcomes = [
            *without_missing(evaluator.outcomes(expectations), missing),
            *freshness_verdicts(fresh, profile.table),
        ]
        return TableReport(
            profile=profile,
            scores=scores(
                profile,
                required=[c.catalog_name for c in self._table.columns if c.required] if self._table else [],
                checked=evaluator.checked(expectations),
                repeated=evaluator.repeated(expectations),
                freshness=fresh,
                label=self._data.label,
            ),
            rules=tuple(result for result, _ in outcomes),
            findings=tuple(self._findings(outcomes, missing, secret)),
        )

    def _expectations(self) -> Sequence[Expectation]:
        return table_expectations(self._table, self._path, self._rows.types) if self._table else ()

    def _freshness(self, profile: TableProfile) -> tuple[Freshness, ...]:
        levels = service_levels(self._contract, self._data.table) if self._contract else ()
        return measured(levels, self._data, profile, self._now)

    def _secret(self, profile: TableProfile) -> set[str]:
        samples = {column.name: [value.value for value in column.top] for column in profile.columns}
        found = withheld(self._contract, self._data.table, self._data.table_schema.columns, samples)
        return found | {name for name, wrong in self._rows.wrong.items() if any(map(_is_personal, wrong.examples))}

    def _findings(self, outcomes: Sequence[Outcome], missing: Sequence[Finding], secret: set[str]) -> Iterator[Finding]:
        yield from _limited(self._rows.findings, self._data.table)
        yield from missing
        yield from not_of_type(self._rows, self._data.table, secret)
        yield from (finding for _, finding in outcomes if finding)
        yield from formula_cells(self._rows, self._data.table)
        if not self._rows.exact:
            yield Finding(
                code="OnlySampled", severity="info", table=self._data.table,
                message=f"a sample of {len(self._rows.keys)} of {len(self._data.refs)} objects was read",
                remedy="Rules that need all rows were skipped.",
            )  # fmt: skip


def _is_personal(value: str) -> bool:
    """By its shape: a value that is none of its column's type is in no profile."""
    return bool(find_personal([Column(name="value", type="string")], {"value": [value]}))


def _limited(findings: Sequence[Finding], table: str) -> Iterator[Finding]:
    """The first of each kind; of the others their number and objects."""
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        kinds.setdefault((finding.code, finding.severity), []).append(finding)
    for (code, _), found in kinds.items():
        yield from found[:_MAX_FINDINGS]
        if more := found[_MAX_FINDINGS:]:
            yield Finding(
                code=code, severity=more[0].severity, table=table, message=f"{len(more)} more findings of this kind",
                keys=tuple(key for finding in more for key in finding.keys),
            )  # fmt: skip
