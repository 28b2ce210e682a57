"""A table's checks in short, as published with a version."""

from mesh.domain.events import QualitySummary, ShortFinding
from mesh.domain.onboarding.quality.model import TableReport

MAX_WARNINGS = 20
MAX_CHARACTERS = 500


def summary_of(report: TableReport) -> QualitySummary:
    """Scores that are known, how many warnings there are, and the first of them."""
    warnings = [finding for finding in report.findings if finding.severity == "warning"]
    scores = report.scores.model_dump(exclude_none=True)
    return QualitySummary(
        scores={name: round(score, 4) for name, score in scores.items()},
        warnings=len(warnings),
        findings=tuple(
            ShortFinding(
                code=finding.code,
                table=finding.table,
                column=finding.column,
                message=finding.message[:MAX_CHARACTERS],
            )
            for finding in warnings[:MAX_WARNINGS]
        ),
    )
