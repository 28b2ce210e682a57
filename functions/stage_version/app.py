"""Write down the next version of each table of a batch; no catalog is touched."""

from typing import Any

from mesh.adapters.iceberg.content import IcebergContents
from mesh.adapters.iceberg.staging import IcebergStaging
from mesh.adapters.reading.rewriting import Rewriter
from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import WorkSettings, load
from mesh.usecases.inspection import Round
from mesh.usecases.stage_version import StagingTools, stage_version


class Settings(WorkSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """Round → Staged."""
    s3 = wiring.s3()
    return stage_version(
        Round.model_validate(event),
        using=StagingTools(
            published=wiring.published_files(),
            staging=IcebergStaging(s3),
            contents=IcebergContents(s3),
            rewriter=Rewriter(),
            work=wiring.work(load(Settings).work_bucket),
            clock=wiring.clock,
        ),
    )
