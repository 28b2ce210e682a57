"""Look after the DataBrew jobs of a batch's large raw objects."""

from typing import Any

from mesh.entry import wiring
from mesh.entry.observability import entry_point
from mesh.entry.settings import RecipeJobSettings, load
from mesh.usecases.run_recipe_jobs import JobRound, run_recipe_jobs


class Settings(RecipeJobSettings):
    """The function's environment."""


@entry_point
def lambda_handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own types
    """JobRound → Curated."""
    settings = load(Settings)
    return run_recipe_jobs(
        JobRound.model_validate(event),
        jobs=wiring.recipe_jobs(settings),
        files=wiring.job_files(settings.work_bucket),
        objects=wiring.objects(),
        uploads=wiring.uploads(settings),
        raw=wiring.raw_uploads(settings),
        work=wiring.work(settings.work_bucket),
        clock=wiring.clock,
        trace=wiring.trace(settings),
    )
