"""Promises → numbers measured over the rows → results and findings."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mesh.adapters.duckdb.measuring.rows import OBJECT, Rows
from mesh.domain.onboarding.budgets import RULE_SECONDS, RULES_MEMORY, RULES_SECONDS
from mesh.domain.onboarding.quality.expectations import BROKEN, READS_ELSEWHERE, Expectation
from mesh.domain.onboarding.quality.model import Finding, RuleResult, TableProfile
from mesh.domain.onboarding.quality.rule_queries import may_give_value
from mesh.domain.onboarding.quality.scores import Checked
from mesh.domain.onboarding.quality.sql_text import ROWS, identifier
from mesh.domain.onboarding.quality.verdicts import MAX_EXAMPLES, Observation, broken, judged, skipped

if TYPE_CHECKING:
    from mesh.adapters.duckdb.measuring.rule_process import Answer

_CHUNK: Final = 100
_SAMPLED: Final = "only a sample of the rows was read, and this needs all of them"
_SPILL: Final = "500MB"
"""What the process of the rules may write to disk, beside the rows that are copied for it."""
Outcome = tuple[RuleResult, Finding | None]


class Evaluator:
    """Measures promises over the rows of one table, whose `profile` is known. `secret`: columns whose values are not
    shown."""

    def __init__(self, rows: Rows, names: frozenset[str], secret: set[str], profile: TableProfile) -> None:
        import duckdb  # noqa: PLC0415 - as in `empty_rows`

        self._rows, self._names, self._secret, self._profile = rows, names, secret, profile
        self._table, self._count = profile.table, profile.rows
        self._error = duckdb.Error
        self._measured: dict[str, float] = {}
        self._answers: dict[str, Answer] = {}

    def outcomes(self, expectations: Sequence[Expectation]) -> list[Outcome]:
        """In the order of the promises."""
        ready = [self._ready(expectation) for expectation in expectations]
        aggregates = [p.measure for p in ready if p.measure and not p.skipped and not p.fault]
        self._measure(list(dict.fromkeys(aggregates)))
        self._answers = self._run([p for p in ready if p.query and not p.skipped and not p.fault])
        return [self._outcome(expectation) for expectation in ready]

    def repeated(self, expectations: Iterable[Expectation]) -> list[float]:
        """Rows beyond the first of their key, of each key that was measured."""
        found = [p.measure for p in expectations if p.code in {"KeyNotUnique", "NotUnique"}]
        return [self._measured[measure] for measure in found if measure in self._measured]

    def checked(self, expectations: Iterable[Expectation]) -> dict[str, Checked]:
        """Column → its values that were compared with a promise, and those that break it; each value once. Of what
        has a type and no promise the profile says how many there are."""
        bad: dict[str, list[str]] = {}
        for expectation in expectations:
            usable = (
                expectation.bad and expectation.measure in self._measured and expectation.column in self._rows.types
            )
            if usable:
                bad.setdefault(expectation.column, []).append(f"({expectation.bad})")
        names = list(dict.fromkeys([*bad, *self._rows.wrong]))
        typed = [column for column in self._profile.columns if column.type != "string" and column.name not in names]
        return {column.name: Checked(column.rows - column.nulls, 0) for column in typed} | {
            name: found for chunk in batched(names, _CHUNK, strict=False) for name, found in self._checked(chunk, bad)
        }

    def _checked(self, names: Sequence[str], bad: Mapping[str, list[str]]) -> Iterator[tuple[str, Checked]]:
        counts = self._rows.one(
            ", ".join(f"count({identifier(name)}), count_if({' OR '.join(bad.get(name, ['false']))})" for name in names)
        )
        for name, (values, invalid) in zip(names, batched(counts, 2, strict=True), strict=True):
            wrong = self._rows.wrong[name].count if name in self._rows.wrong else 0
            yield name, Checked(values + wrong, int(invalid or 0) + wrong)

    def _ready(self, expectation: Expectation) -> Expectation:
        """With a reason to skip it, or a fault, where that shows before it is measured."""
        if expectation.skipped or expectation.fault:
            return expectation
        if expectation.all_rows and not self._rows.exact:
            return expectation.skip(_SAMPLED)
        if missing := [name for name in expectation.columns if name not in self._rows.types]:
            return expectation.skip(f"the data has no column {missing[0]}")
        return expectation

    def _measure(self, aggregates: list[str]) -> None:
        for chunk in batched(aggregates, _CHUNK, strict=False):
            try:
                values = self._rows.one(", ".join(chunk))
                self._measured |= {sql: float(value or 0) for sql, value in zip(chunk, values, strict=True)}
            except self._error:
                self._measure_singly(chunk)

    def _measure_singly(self, aggregates: Sequence[str]) -> None:
        """One of them cannot be computed: the others still can."""
        for sql in aggregates:
            try:
                self._measured[sql] = float(self._rows.one(sql)[0] or 0)
            except self._error:
                continue  # reported by `_outcome`, which finds no number

    def _outcome(self, expectation: Expectation) -> Outcome:
        if expectation.skipped:
            return skipped(expectation, expectation.skipped), None
        if expectation.fault:
            return broken(expectation, self._table)
        if expectation.query:
            return self._of_query(expectation)
        value = self._measured.get(expectation.measure)
        if value is None:
            return broken(expectation.broken("the engine cannot compare the column's values with it"), self._table)
        if expectation.percent:
            value = 100 * value / self._count if self._count else 0.0
        observed = Observation(value, self._count)
        if not expectation.kept(value):
            observed = observed._replace(examples=self._examples(expectation), keys=self._keys(expectation))
        return judged(expectation, observed, self._table)

    def _of_query(self, expectation: Expectation) -> Outcome:
        answer = self._answers[expectation.where]
        if answer.value is None:
            code = READS_ELSEWHERE if answer.elsewhere else BROKEN
            return broken(expectation.broken(answer.fault, code), self._table)
        hidden = may_give_value(expectation.query, expectation.column, self._secret)
        return judged(expectation, Observation(answer.value, self._count, hidden=hidden), self._table)

    def _run(self, expectations: Sequence[Expectation]) -> dict[str, "Answer"]:
        """The answer of each rule in SQL, by its place in the contract. The rows are copied for their process."""
        if not expectations:
            return {}
        from mesh.adapters.duckdb.measuring import rule_process, rule_runs  # noqa: PLC0415 - for contracts with such rules

        seconds = min(RULES_SECONDS, self._rows.clock.left)
        budget = rule_process.Budget(RULE_SECONDS, seconds, RULES_MEMORY, self._rows.limits.threads, _SPILL)
        rules = [rule_process.Rule(each.query, 0, each.column) for each in expectations]
        names = [self._table, *sorted(self._names - {self._table})]
        with tempfile.TemporaryDirectory(dir=self._rows.folder) as folder, self._rows.copied(Path(folder)) as query:
            copied = rule_process.Rows(query, names)
            answers = rule_runs.run_rules([copied], rules, Path(folder), budget)
        return {each.where: answer for each, answer in zip(expectations, answers, strict=True)}

    def _examples(self, expectation: Expectation) -> tuple[str, ...]:
        if not expectation.column or expectation.column in self._secret:
            return ()
        column = identifier(expectation.column)
        if expectation.bad:
            sql = f"SELECT DISTINCT CAST({column} AS VARCHAR) FROM {ROWS} WHERE {expectation.bad}"
        elif expectation.dimension == "uniqueness":
            there = f"FROM {ROWS} WHERE {column} IS NOT NULL"
            sql = f"SELECT CAST({column} AS VARCHAR) {there} GROUP BY {column} HAVING count(*) > 1"
        else:
            return ()
        return tuple(str(value) for (value,) in self._rows.all(f"{sql} ORDER BY 1 LIMIT {MAX_EXAMPLES}"))

    def _keys(self, expectation: Expectation) -> tuple[str, ...]:
        """The objects with rows that break it."""
        where = expectation.bad
        if expectation.code == "RequiredColumnEmpty":
            where = f"{identifier(expectation.column)} IS NULL"
        if not where:
            return ()
        found = self._rows.all(f"SELECT DISTINCT {identifier(OBJECT)} FROM {ROWS} WHERE {where} ORDER BY 1")
        return tuple(self._rows.keys[index] for (index,) in found)
