"""What the checks found of a batch, as a work file of its run."""

from pydantic import BaseModel, ConfigDict

from mesh.domain.publishing.batches import CheckedBatch
from mesh.domain.quality.model import BatchReport, TableReport
from mesh.ports import WorkFiles


class BatchReports(BaseModel):
    """Of one batch: the reports of what goes on (`passed`), and of what was held back, at most one for each table."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    passed: BatchReport
    held: BatchReport

    def table(self, name: str) -> TableReport | None:
        """What was measured of a table that goes on."""
        return next((report for report in self.passed.tables if report.profile.table == name), None)


def reports_path(batch: str) -> str:
    """Beside the work file of the batch's objects."""
    return batch.replace("batch.json", "reports.json")


def read_reports(work: WorkFiles, batch: str) -> BatchReports | None:
    """None for a batch that was not checked: raw objects, which are checked when they have become data."""
    text = work.get(reports_path(batch))
    return BatchReports.model_validate_json(text) if text else None


def checked_path(batch: str) -> str:
    """Beside the work file of the batch's objects."""
    return batch.replace("batch.json", "checked.json")


def read_checked(work: WorkFiles, batch: str) -> CheckedBatch:
    """What the checks of this round wrote; nothing for a round that checked nothing."""
    text = work.get(checked_path(batch))
    return CheckedBatch.model_validate_json(text) if text else CheckedBatch()
