"""Columns whose values no report, message or catalog entry may show."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from mesh.domain.contracts.contract import Contract, ContractColumn
from mesh.domain.governance.ontology import CONFIDENTIALITY, PII
from mesh.domain.onboarding.quality.model import ColumnProfile, TableProfile, TableReport
from mesh.domain.onboarding.sensitivity import find_personal
from mesh.domain.schema import Column

_OPEN: Final = frozenset({"", "public", "internal", "none"})
_PERSONAL_TAGS: Final = ("pii", "personal", "sensitive", "gdpr")


def withheld(
    contract: Contract | None, table: str, columns: Sequence[Column], samples: Mapping[str, Sequence[str]]
) -> set[str]:
    """Names of the table's columns that are classified or tagged above internal, or look like personal data.

    `samples`: column → some of its values as text. Contract and finding count alike: the stricter holds.
    """
    found = {finding.column for finding in find_personal(columns, samples)}
    return found | classified(contract, table, [column.name for column in columns])


def classified(contract: Contract | None, table: str, columns: Iterable[str]) -> set[str]:
    """Names of columns that the contract classifies or tags above internal: itself, or as all of its table or product.
    `columns` are those of the data, which the contract need not describe."""
    if contract is None:
        return set()
    part = contract.table(table)
    described = {column.catalog_name: column for column in (part.columns if part else ())}
    above = (part.lf_tags if part else {}, contract.lf_tags)
    return {name for name in {*columns, *described} if is_withheld(described.get(name), *above)}


def withheld_of(profile: TableProfile, contract: Contract | None) -> set[str]:
    """The same for a profile: its most frequent values are the samples."""
    columns = [Column(name=column.name, type=column.type) for column in profile.columns]
    samples = {column.name: [item.value for item in column.top] for column in profile.columns}
    return withheld(contract, profile.table, columns, samples)


def withheld_in(report: TableReport, contract: Contract | None) -> set[str]:
    """The same for a report: what its findings show of the accepted history counts as well."""
    shown = {finding.column: finding.evidence.labels for finding in report.findings if finding.evidence}
    columns = [Column(name=name, type="string") for name in shown]
    return withheld_of(report.profile, contract) | {found.column for found in find_personal(columns, shown)}


def without_values(report: TableReport, hidden: Collection[str]) -> TableReport:
    """The public form of the report: no value of a `hidden` column, no fingerprint of any row, no profile of single
    objects, and no counts by the values of the label, which may be a hidden column itself."""
    columns = tuple(
        _counts_alone(column) if column.name in hidden else column.evolve(labelled=())
        for column in report.profile.columns
    )
    findings = tuple(
        finding.evolve(evidence=None) if finding.column in hidden else finding for finding in report.findings
    )
    profile = report.profile.evolve(columns=columns, fingerprints=(), parts=())
    return report.evolve(profile=profile, findings=findings)


def _counts_alone(column: ColumnProfile) -> ColumnProfile:
    kept = {"name", "type", "kind", "rows", "nulls", "distinct"}
    return ColumnProfile.model_validate(column.model_dump(include=kept))


def is_withheld(column: ContractColumn | None, *above: Mapping[str, str]) -> bool:
    """Whether the contract itself says so: classification, tags, or LF-Tags, of which the nearest value holds. `above`:
    the LF-Tags of table and product."""
    own: Mapping[str, str] = column.lf_tags if column else {}
    if column is not None:
        if column.classification not in _OPEN or any(tag.lower().startswith(_PERSONAL_TAGS) for tag in column.tags):
            return True
        key = PII if column.classification == "none" else CONFIDENTIALITY
        own = {key: column.classification, **own} if column.classification else own
    levels = (own, *above)
    nearest = (next((level[key] for level in levels if level.get(key)), "") for key in (PII, CONFIDENTIALITY))
    return any(value not in _OPEN for value in nearest)
