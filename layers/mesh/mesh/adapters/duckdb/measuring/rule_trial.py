"""A contract's rules in SQL are tried on generated rows when it arrives: what is too costly for these would be so for
each batch.

The rows have the contract's columns, and texts of some lengths. What slips through is stopped by the budgets of a batch
(`Evaluator`). What else is wrong with a rule shows with its data.
"""

import tempfile
from pathlib import Path
from typing import Final

from mesh.adapters.duckdb.engine import duck_of
from mesh.adapters.duckdb.measuring.rule_process import Answer, Budget, Rows, Rule
from mesh.adapters.duckdb.measuring.rule_runs import run_rules
from mesh.domain.contracts.contract import Contract, ContractSchemaViolation, ContractTable
from mesh.domain.hive_types import is_number
from mesh.domain.onboarding.budgets import RULE_TRIAL_SECONDS, RULES_MEMORY, RULES_TRIAL_SECONDS, TRIAL_ROWS
from mesh.domain.onboarding.quality.expectations import Expectation
from mesh.domain.onboarding.quality.rules import own_names, quality_expectations
from mesh.domain.onboarding.quality.sql_text import identifier

_LISTED: Final = 20
_REMEDY: Final = "Make the rule simpler: one pass over the table's rows, whose values it makes no longer."
_GENERATED: Final = {
    "boolean": "n % 2 = 0", "string": "'value ' || n || left(repeat(' text', 200), CAST(n AS INTEGER))",
    "date": "DATE '2026-01-01' + CAST(n % 365 AS INTEGER)", "timestamp": "TIMESTAMP '2026-01-01' + to_minutes(n)",
}  # fmt: skip


def try_rules(contract: Contract) -> None:
    """Run each rule in SQL, within its own time and that of all.

    Raises ContractSchemaViolation, which lists the rules that take too much. A process is started for contracts with
    such rules alone.
    """
    tables, rules = list[Rows](), list[Expectation]()
    queries = list[Rule]()
    for index, table in enumerate(contract.tables):
        own = [rule for rule in quality_expectations(table, f"$.schema[{index}]", {}) if rule.query and not rule.fault]
        if own:
            queries += [Rule(rule.query, len(tables), rule.column) for rule in own]
            rules += own
            tables.append(rows_of(table))
    found = [
        {"path": rule.where, "message": f"{answer.fault}, with {TRIAL_ROWS:,} generated rows"}
        for rule, answer in zip(rules, _answers(tables, queries), strict=True)
        if answer.costly
    ]
    if found:
        said = f"{found[0]['path']}: {found[0]['message']}"
        raise ContractSchemaViolation(said, violations=found[:_LISTED], remedy=_REMEDY)


def _answers(tables: list[Rows], rules: list[Rule]) -> list[Answer]:
    if not rules:
        return []
    budget = Budget(RULE_TRIAL_SECONDS, RULES_TRIAL_SECONDS, RULES_MEMORY)
    with tempfile.TemporaryDirectory() as folder:
        return run_rules(tables, rules, Path(folder), budget)


def rows_of(table: ContractTable) -> Rows:
    """Generated rows of a table, by the names that its rules may call it."""
    types = {column.catalog_name: column.hive_type or "string" for column in table.columns}
    values = ", ".join(f"{_value(type_)} AS {identifier(name)}" for name, type_ in types.items())
    names = [table.catalog_name, *sorted(own_names(table) - {table.catalog_name})]
    return Rows(f"SELECT {values or 'n'} FROM range({TRIAL_ROWS}) AS made(n)", names)


def _value(type_: str) -> str:
    """Of row `n`; NULL of what is nested, which rules see as text."""
    if is_number(type_):
        return f"CAST(n % 100 AS {duck_of(type_)})"
    return f"CAST({_GENERATED.get(type_, 'NULL')} AS {'VARCHAR' if '<' in type_ else duck_of(type_)})"
