"""`mesh recipe check|run`: a recipe on this machine, without AWS, exactly as the mesh applies it."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from mesh.domain.onboarding.budgets import MAX_RAW
from mesh.domain.onboarding.curation.cells import text
from mesh.domain.onboarding.curation.objects import RawRows, read_raw
from mesh.domain.onboarding.curation.plan import Plan, plan_recipe
from mesh.domain.onboarding.curation.recipe import Recipe, parse_recipe
from mesh.domain.onboarding.curation.trial import try_recipe

from cli import output
from cli.mesh_context import AsJson
from cli.output import CommandFailed

recipes = typer.Typer(
    name="recipe", help="Check recipes and try them on data, offline.", no_args_is_help=True, add_completion=False
)
RecipeFile = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A recipe.json.")]


@recipes.command(name="check")
def check_command(
    file: RecipeFile,
    *,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Raw data: does it fit?")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a recipe as the mesh would.

    With --data, also checks that it fits the data, and shows which columns each column is made of.
    """
    recipe = parse_recipe(file.read_bytes())
    try_recipe(recipe)
    plan = plan_recipe(recipe, read_data(data).columns if data else None)
    document: dict[str, Any] = {"file": str(file), "steps": len(recipe.steps), "sha256": recipe.sha256}
    if data:
        document["columns"] = list(plan.columns)
        document["lineage"] = lineage_of(plan)
    if as_json:
        output.emit(document)
        return
    output.say(f"{file}: {output.amount(len(recipe.steps), 'step')}, accepted", style="bold green")
    if data:
        rows = [(item["column"], ", ".join(item["inputs"]), steps_of(recipe, item)) for item in document["lineage"]]
        output.table(["column", "made of", "by"], rows, wrap="by")


@recipes.command(name="run")
def run_command(
    file: RecipeFile,
    *,
    data: Annotated[Path, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="CSV or JSON lines.")],
    rows: Annotated[int, typer.Option(min=1, help="Number of rows to show.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Apply a recipe to data and show the first rows."""
    source = read_data(data)
    plan = plan_recipe(parse_recipe(file.read_bytes()), source.columns)
    shown = [[text(cell) for cell in row] for row in islice(plan.apply(source.rows), rows)]
    if as_json:
        output.emit({"columns": list(plan.columns), "rows": shown})
    else:
        output.table(list(plan.columns), shown)


def read_data(file: Path) -> RawRows:
    """Columns and rows of a file, with the mesh's own rules. Raises what the mesh refuses a raw object for."""
    size = file.stat().st_size
    if size > MAX_RAW:
        raise CommandFailed(
            f"{file} has {output.size(size)}, more than the {output.size(MAX_RAW)} that a function curates",
            remedy="try a part of it",
        )
    return read_raw(file.read_bytes(), bucket="", key=file.name)


def lineage_of(plan: Plan) -> list[dict[str, Any]]:
    """Output columns in order, each with the raw columns and the steps that made it."""
    return [
        {"column": column, "inputs": list(origin.inputs), "steps": list(origin.steps)}
        for column, origin in plan.lineage.items()
    ]


def steps_of(recipe: Recipe, item: dict[str, Any]) -> str:
    """`1 CATEGORICAL_MAPPING, 2 …`; a column that no step touched has none."""
    return ", ".join(f"{number} {recipe.steps[number - 1].operation}" for number in item["steps"])
