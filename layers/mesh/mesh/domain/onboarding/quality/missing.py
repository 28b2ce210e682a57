"""Required columns that a batch's objects do not have at all: a dropped column, rather than empty cells."""

from collections.abc import Iterable, Mapping, Sequence

from mesh.domain.contracts.contract import ContractTable
from mesh.domain.onboarding.quality.model import Finding, RuleResult

CODE = "RequiredColumnMissing"


def missing_columns(
    table: ContractTable | None,
    path: str,
    types: Mapping[str, str],
    lacking: Mapping[str, Sequence[str]],
) -> list[Finding]:
    """One finding for each required column (or key) that the table, or some objects, lack. `path` of the table in the
    contract; `types`: the table's columns; `lacking`: column → keys of the objects that have no such column."""
    found: list[Finding] = []
    if table is None:
        return found
    for position, column in enumerate(table.columns):
        keys = lacking.get(column.catalog_name, ())
        gone = column.catalog_name not in types
        if not (column.required or column.primary_key) or column.partitioned or not (keys or gone):
            continue
        where = "required" if column.required else "primaryKey"
        lack = "the data lacks" if gone else f"{keys[0]} lacks" if len(keys) == 1 else f"{len(keys)} objects lack"
        found.append(
            Finding(
                code=CODE,
                severity="error",
                table=table.catalog_name,
                column=column.catalog_name,
                dimension="completeness",
                where=f"{path}.properties[{position}].{where}",
                keys=tuple(keys),
                message=f"{lack} the required column {column.catalog_name}",
                remedy="Send the column, or drop required from the contract (a major revision).",
            )
        )
    return found


def without_missing(
    outcomes: Iterable[tuple[RuleResult, Finding | None]], missing: Sequence[Finding]
) -> list[tuple[RuleResult, Finding | None]]:
    """A promise about a missing column is broken, and reported once: not as an empty column as well."""
    places = {finding.where for finding in missing}
    return [
        (result.evolve(outcome="failed", reason="the column is missing"), None)
        if result.where in places
        else (result, finding)
        for result, finding in outcomes
    ]
