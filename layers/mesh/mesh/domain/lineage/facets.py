"""OpenLineage's facets: each says who made it and by which published schema.

Schema URLs are those of the client library openlineage-python 1.54.0, which the tests hold them against.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mesh.domain.events import ColumnRef
from mesh.domain.lineage.model import IDENTITY, TRANSFORMATION, ColumnOrigin, Dataset, Facet, Facets, table_name
from mesh.domain.onboarding.quality.model import ColumnProfile, TableReport

PRODUCER: Final = "urn:meshwork:record-lineage"
SPEC: Final = "https://openlineage.io/spec"
_MAX_TEXT: Final = 2_000


def facet(release: str, name: str, /, **content: Any) -> Facet:  # noqa: ANN401 - JSON
    """A facet of that published release and name; what is None is left out."""
    said = {key: value for key, value in content.items() if value is not None}
    url = f"{SPEC}/facets/{release}/{name}.json#/$defs/{name}"
    return {"_producer": PRODUCER, "_schemaURL": url, **said}


def schema(columns: Iterable[ColumnRef]) -> Facets:
    """Columns in order; a type that is not known is left out."""
    fields = [
        {"name": column.name} | ({"type": column.type} if column.type else {}) | {"ordinal_position": position}
        for position, column in enumerate(columns, 1)
    ]
    return {"schema": facet("1-2-0", "SchemaDatasetFacet", fields=fields)} if fields else {}


def version(text: str | None) -> Facets:
    """An object's S3 version id, or a product's version."""
    return {"version": facet("1-0-1", "DatasetVersionDatasetFacet", datasetVersion=text)} if text else {}


def ownership(owner: str, account: str = "") -> Facets:
    """Who the contract names, and the account whose product it is."""
    named = [(f"team:{owner}", "OWNER")] if owner else []
    named += [(f"account:{account}", "PRODUCER")] if account else []
    owners = [{"name": name, "type": kind} for name, kind in named]
    return {"ownership": facet("1-0-1", "OwnershipDatasetFacet", owners=owners)} if owners else {}


def documentation(text: str) -> Facets:
    """What the contract says the data is for."""
    if not text:
        return {}
    return {"documentation": facet("1-1-0", "DocumentationDatasetFacet", description=text[:_MAX_TEXT])}


def overwritten() -> Facets:
    """A rollback replaced what was there."""
    change = facet("1-0-1", "LifecycleStateChangeDatasetFacet", lifecycleStateChange="OVERWRITE")
    return {"lifecycleStateChange": change}


def symlink(namespace: str, database: str, table: str) -> Facets:
    """A resource link shows the table of another account's catalog."""
    identifier = {"namespace": namespace, "name": table_name(database, table), "type": "TABLE"}
    return {"symlinks": facet("1-0-1", "SymlinksDatasetFacet", identifiers=[identifier])}


def output_statistics(rows: int | None, size: int, files: int) -> Facets:
    """What was written; `rows` is None where they were not counted."""
    name = "OutputStatisticsOutputDatasetFacet"
    return {"outputStatistics": facet("1-0-2", name, rowCount=rows, size=size, fileCount=files)}


def error_message(message: str) -> Facets:
    """Why a run failed: codes and messages of the product's own errors."""
    said = facet("1-0-1", "ErrorMessageRunFacet", message=message[:_MAX_TEXT], programmingLanguage="PYTHON")
    return {"errorMessage": said}


def external_query(query_id: str) -> Facets:
    """The query of Athena behind a run."""
    if not query_id:
        return {}
    return {"externalQuery": facet("1-0-2", "ExternalQueryRunFacet", externalQueryId=query_id, source="athena")}


def recipe_location(bucket: str, key: str, version_id: str | None) -> Facets:
    """Which recipe, by its object's version."""
    url = f"s3://{bucket}/{key}"
    name = "SourceCodeLocationJobFacet"
    return {"sourceCodeLocation": facet("1-1-0", name, type="s3", url=url, path=key, version=version_id)}


def recipe_columns(
    raws: Sequence[Dataset], lineages: Sequence[Mapping[str, ColumnOrigin]], operations: Sequence[str]
) -> Facets:
    """Column lineage of what a recipe made of raw objects, each with its own: a column's raw columns, and each step of
    the recipe that made it."""
    fields: dict[str, dict[str, list[Facet]]] = {}
    for raw, lineage in zip(raws, lineages, strict=True):
        for column, origin in lineage.items():
            steps = _steps(origin.steps, operations)
            found = fields.setdefault(column, {"inputFields": []})["inputFields"]
            found += [_field(raw, name, steps) for name in origin.inputs]
    return {"columnLineage": facet("1-2-0", "ColumnLineageDatasetFacet", fields=fields)} if fields else {}


def same_columns(sources: Sequence[Dataset], columns: Iterable[str]) -> Facets:
    """Column lineage of a table whose columns are those of its objects, or of another table, as they are."""
    same = [{"type": "DIRECT", "subtype": IDENTITY, "masking": False}]
    fields = {column: {"inputFields": [_field(source, column, same) for source in sources]} for column in columns}
    return {"columnLineage": facet("1-2-0", "ColumnLineageDatasetFacet", fields=fields)} if fields and sources else {}


def _field(source: Dataset, column: str, transformations: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "namespace": source.namespace,
        "name": source.name,
        "field": column,
        "transformations": transformations,
    }


def _steps(numbers: Sequence[int], operations: Sequence[str]) -> list[dict[str, Any]]:
    """A column that no step touched, or only renamed or copied, is the same column."""
    if not numbers:
        return [{"type": "DIRECT", "subtype": IDENTITY, "masking": False}]
    named = [(number, operations[number - 1] if number <= len(operations) else "") for number in numbers]
    return [
        {
            "type": "DIRECT",
            "subtype": IDENTITY if operation in {"RENAME", "DUPLICATE"} else TRANSFORMATION,
            "description": f"step {number} {operation}".rstrip(),
            "masking": False,
        }
        for number, operation in named
    ]


def quality(report: TableReport, withheld: set[str]) -> Facets:
    """Metrics and assertions of a check, as input facets. For withheld columns only counts are included, no values."""
    profile = report.profile
    metrics = {column.name: _metrics(column, disclosed=column.name not in withheld) for column in profile.columns}
    return {
        "dataQualityMetrics": facet(
            "1-0-3",
            "DataQualityMetricsInputDatasetFacet",
            rowCount=profile.rows,
            bytes=profile.bytes,
            fileCount=profile.objects,
            columnMetrics=metrics,
        ),
        "dataQualityAssertions": facet(
            "1-1-0", "DataQualityAssertionsDatasetFacet", assertions=list(_assertions(report))
        ),
    }


def _metrics(column: ColumnProfile, *, disclosed: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"nullCount": column.nulls, "distinctCount": column.distinct, "count": column.rows}
    if not disclosed or column.kind != "number":
        return found
    least, most = _number(column.low), _number(column.high)
    found |= {name: value for name, value in (("min", least), ("max", most)) if value is not None}
    if column.quartiles and all(map(math.isfinite, column.quartiles)):
        found["quantiles"] = dict(zip(("0.25", "0.5", "0.75"), column.quartiles, strict=True))
    return found


def _number(text: str | None) -> float | None:
    """JSON has no infinity."""
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _assertions(report: TableReport) -> Iterable[dict[str, Any]]:
    """Rules that were evaluated, then what else was found. Observed values stay in the report."""
    for rule in report.rules:
        if rule.outcome != "skipped":
            said = {"assertion": rule.rule or rule.where, "success": rule.outcome == "passed", "name": rule.where}
            yield said | {"severity": _severity(rule.severity)}
    for finding in report.findings:
        if finding.severity != "info":
            column = {"column": finding.column} if finding.column else {}
            yield {"assertion": finding.code, "success": False, "severity": _severity(finding.severity)} | column


def _severity(severity: str) -> str:
    return "error" if severity == "error" else "warn"
