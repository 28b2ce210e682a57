"""Start and poll the DataBrew jobs of a batch's large raw objects."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RecipeJobSettings, load
from mesh.usecases.onboarding.curation import CurationRound
from mesh.usecases.onboarding.run_recipe_jobs import run_recipe_jobs


class Settings(RecipeJobSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """CurationRound → CurationState."""
    settings = load(Settings)
    return run_recipe_jobs(
        CurationRound.model_validate(event),
        jobs=wiring.recipe_jobs(settings),
        files=wiring.job_files(settings.work_bucket),
        objects=wiring.objects(),
        uploads=wiring.uploads(settings),
        work=wiring.work(settings.work_bucket),
        clock=wiring.clock,
        trace=wiring.trace(settings),
        bucket=settings.work_bucket,
    )
