"""A contract's quality rules, as promises to be measured. Source: Open Data Contract Standard 3.x, "Data quality".

Metrics of the library count rows: `nullValues`; `missingValues` (NULL, and what `arguments` lists); `invalidValues`
(neither in `validValues` nor of the `pattern`; NULL is not judged); `duplicateValues` (values, or combinations of
`properties`, that occur more than once); `rowCount`. With `unit: percent` the number is their share of the rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, cast

from mesh.domain.contracts.contract import Contract, ContractColumn, ContractTable
from mesh.domain.onboarding.quality.column_expectations import column_expectations, pattern_fault
from mesh.domain.onboarding.quality.comparisons import Comparison, comparisons
from mesh.domain.onboarding.quality.expectations import READS_ELSEWHERE, Expectation
from mesh.domain.onboarding.quality.model import Dimension, Severity
from mesh.domain.onboarding.quality.rule_queries import fault_of
from mesh.domain.onboarding.quality.sql_text import ROWS, identifier, matches, number_of, one_of
from mesh.domain.patterns import refusal_of

_OLD_NAMES: Final = {
    "nullCheck": "nullValues",
    "nullCount": "nullValues",
    "missingCount": "missingValues",
    "missingCheck": "missingValues",
    "validValues": "invalidValues",
    "invalidCount": "invalidValues",
    "duplicateCount": "duplicateValues",
    "duplicateCheck": "duplicateValues",
    "uniqueCheck": "duplicateValues",
    "rowCount": "rowCount",
}
"""3.0 had `rule`, of any name; these are those of its text and of the tools that wrote it."""
_METRICS: Final = ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")
_LISTS: Final = ("validValues", "missingValues", "properties")
_SEVERITIES: Final = {
    **dict.fromkeys(("warning", "warn", "medium", "minor"), "warning"),
    **dict.fromkeys(("info", "information", "low", "notice"), "info"),
}
_DIMENSIONS: Final = {
    "accuracy": "accuracy", "ac": "accuracy", "completeness": "completeness", "cp": "completeness",
    "conformity": "validity", "cf": "validity", "consistency": "consistency", "cs": "consistency",
    "coverage": "completeness", "cv": "completeness", "timeliness": "timeliness", "tm": "timeliness",
    "uniqueness": "uniqueness", "uq": "uniqueness",
}  # fmt: skip
_OF_METRIC: Final[Mapping[str, Dimension]] = {
    "nullValues": "completeness", "missingValues": "completeness", "duplicateValues": "uniqueness",
    "rowCount": "completeness",
}  # fmt: skip


def table_expectations(table: ContractTable, path: str, types: Mapping[str, str]) -> tuple[Expectation, ...]:
    """All promises of the contract about a table's rows. `types` as in `column_promises`."""
    return (*column_expectations(table, path, types), *quality_expectations(table, path, types))


def faults(contract: Contract) -> list[dict[str, str]]:
    """Rules and patterns that cannot be evaluated whatever the data: `{"path", "message"}`. What only an engine can
    find (whether a query parses, what it divides by) shows with the first batch."""
    return [
        {"path": expectation.where, "message": expectation.fault}
        for index, table in enumerate(contract.tables)
        for expectation in table_expectations(table, f"$.schema[{index}]", {})
        if expectation.fault
    ]


def quality_expectations(table: ContractTable, path: str, types: Mapping[str, str]) -> Iterator[Expectation]:
    """Of a table's `quality`, and of its columns'."""
    for position, rule in enumerate(table.extras.get("quality") or ()):
        yield _Rule(rule, f"{path}.quality[{position}]", table, None, types).expectation()
    for index, column in enumerate(table.columns):
        for position, rule in enumerate(column.extras.get("quality") or ()):
            where = f"{path}.properties[{index}].quality[{position}]"
            yield _Rule(rule, where, table, column, types).expectation()


class _Rule:
    """One entry of `quality`, of a table or of a column."""

    def __init__(
        self,
        rule: Mapping[str, Any],
        where: str,
        table: ContractTable,
        column: ContractColumn | None,
        types: Mapping[str, str],
    ) -> None:
        self._rule, self._where, self._table, self._column = rule, where, table, column
        self._name = column.catalog_name if column else ""
        self._type = types.get(self._name) or (column.hive_type if column else "") or "string"
        arguments = rule.get("arguments")
        self._arguments: Mapping[str, Any] = arguments if isinstance(arguments, dict) else {}

    def expectation(self) -> Expectation:
        kind = self._rule.get("type") or ("sql" if "query" in self._rule else "library")
        if kind == "text":
            return self._base().skip("rules of type text are for people: they are shown, not evaluated")
        if kind == "custom":
            return self._base().skip(f"it is a rule for {self._rule.get('engine', 'another engine')}, which is not run")
        try:
            compared = comparisons(self._rule)
        except ValueError as error:
            return self._base().broken(str(error))
        return self._sql(compared) if kind == "sql" else self._library(compared)

    def _base(self) -> Expectation:
        severity = cast("Severity", _SEVERITIES.get(str(self._rule.get("severity", "")).lower(), "error"))
        stated = _DIMENSIONS.get(str(self._rule.get("dimension", "")).lower())
        metric = str(self._rule.get("metric") or _OLD_NAMES.get(str(self._rule.get("rule")), ""))
        return Expectation(
            where=self._where, rule=_rule_text(self._rule), code="QualityRuleFailed", severity=severity,
            dimension=cast("Dimension", stated) if stated else _OF_METRIC.get(metric, "validity"), column=self._name,
            remedy=str(self._rule.get("description") or "Correct the data, or the rule in the contract."),
        )  # fmt: skip

    def _sql(self, compared: tuple[Comparison, ...]) -> Expectation:
        base = replace(self._base(), query=str(self._rule.get("query") or ""), comparisons=compared, all_rows=True)
        if not compared:
            return base.broken("a rule in SQL needs an operator, as in mustBe: 0")
        if fault := fault_of(base.query, own_names(self._table), on_column=self._column is not None):
            return base.broken(fault.message, READS_ELSEWHERE if fault.elsewhere else base.fault_code)
        return base

    def _library(self, compared: tuple[Comparison, ...]) -> Expectation:
        stated = str(self._rule.get("metric") or self._rule.get("rule") or "")
        metric = _OLD_NAMES.get(stated, stated)
        base = replace(self._base(), percent=str(self._rule.get("unit", "")).lower() in {"percent", "%"})
        if wrong := next((name for name in _LISTS if not isinstance(self._stated(name) or [], list)), ""):
            return base.broken(f"{wrong} of a rule is a list")
        if metric not in _METRICS:
            return base.skip(f"the standard's library has no metric {stated!r}; it has {', '.join(_METRICS)}")
        if not compared and metric == "rowCount":
            return base.broken("rowCount needs an operator, as in mustBeGreaterThan: 0")
        if compared:
            base = replace(base, comparisons=compared)
        if metric == "rowCount":
            return replace(base, measure="count(*)", percent=False, all_rows=True)
        if metric == "duplicateValues":
            return self._duplicates(base)
        return self._of_column(metric, base)

    def _stated(self, name: str) -> Any:  # noqa: ANN401 - what the contract says
        return self._arguments.get(name) or self._rule.get(name)

    def _of_column(self, metric: str, base: Expectation) -> Expectation:
        if self._column is None:
            return base.broken(f"{metric} belongs to a property, not to the whole schema object")
        base = replace(base, columns=(self._name,))
        name = identifier(self._name)
        if metric == "nullValues":
            return replace(base, measure=number_of(f"{name} IS NULL"))
        if metric == "missingValues":
            return replace(base, measure=number_of(self._missing(name)))
        return self._invalid(base)

    def _missing(self, name: str) -> str:
        listed = [value for value in self._arguments.get("missingValues") or () if value is not None]
        return f"{name} IS NULL OR {one_of(self._name, self._type, listed)}" if listed else f"{name} IS NULL"

    def _invalid(self, base: Expectation) -> Expectation:
        values, pattern = self._stated("validValues"), self._stated("pattern")
        if not values and not pattern:
            return base.broken("invalidValues needs arguments: validValues, or a pattern")
        wrong = []
        if values:
            wrong.append(f"NOT ({one_of(self._name, self._type, values)})")
        if pattern:
            wrong.append(f"NOT ({matches(self._name, self._type, str(pattern))})")
        bad = " OR ".join(wrong)
        base = replace(base, measure=number_of(bad), bad=bad)
        why = refusal_of(str(pattern)) if pattern else ""
        return base.broken(pattern_fault(str(pattern), why)) if why else base

    def _duplicates(self, base: Expectation) -> Expectation:
        names = self._arguments.get("properties") or ([self._column.name] if self._column else [])
        known = {name.lower(): column.catalog_name for column in self._table.columns for name in _names(column)}
        columns = tuple(known.get(str(name).lower(), "") for name in names)
        if not columns:
            return base.broken("duplicateValues of a schema object needs arguments: properties")
        if "" in columns:
            return base.broken(f"the contract has no property {names[columns.index('')]!r}")
        return replace(base, columns=columns, measure=_repeated(columns), all_rows=True)


def _repeated(columns: tuple[str, ...]) -> str:
    """How many values (or combinations) occur more than once."""
    names = [identifier(column) for column in columns]
    whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
    groups = f"SELECT 1 FROM {ROWS} WHERE {whole} GROUP BY {', '.join(names)} HAVING count(*) > 1"
    return f"(SELECT count(*) FROM ({groups}))"


def _rule_text(rule: Mapping[str, Any]) -> str:
    """A quality rule in a few words: `library nullValues mustBe 0`, `text: no gaps`."""
    kind = str(rule.get("type", "library"))
    said = rule.get("metric") or rule.get("rule") or rule.get("query") or rule.get("engine") or rule.get("description")
    bounds = " ".join(f"{name} {value}" for name, value in rule.items() if name.startswith("must"))
    return " ".join(word for word in (kind, str(said or rule.get("name", "")), bounds) if word)[:300]


def _names(column: ContractColumn) -> tuple[str, ...]:
    return (column.name, column.physical_name, column.catalog_name)


def own_names(table: ContractTable) -> frozenset[str]:
    """By which a query may call its table, lower-case."""
    return frozenset(name.lower() for name in (table.name, table.physical_name, table.catalog_name) if name)
