"""Recipes and datasets.

https://docs.aws.amazon.com/databrew/latest/dg/API_CreateRecipe.html and the pages of the other operations.
"""

from datetime import UTC, datetime

from local.databrew.store import absent, conflict, found, new, state
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json, Operation, page

WORKING, PUBLISHED = "LATEST_WORKING", "LATEST_PUBLISHED"
MAX_STEPS = 100


def create_recipe(caller: Identity, params: Json) -> Json:
    name, recipes = params["Name"], state(caller).recipes
    if name in recipes:
        raise conflict(f"The recipe {name} already exists")
    if len(params["Steps"]) > MAX_STEPS:
        raise AwsError("ValidationException", f"A recipe has at most {MAX_STEPS} steps")
    recipes[name] = {WORKING: new(caller, "recipe", params) | {"RecipeVersion": WORKING}}
    return {"Name": name}


def publish_recipe(caller: Identity, params: Json) -> Json:
    """Make the working version one that jobs can run; each time another."""
    versions = _versions(caller, params["Name"])
    latest = _latest(versions)
    number = f"{int(latest.partition('.')[0]) + 1 if latest else 1}.0"
    published = {"RecipeVersion": number, "PublishedDate": datetime.now(UTC), "PublishedBy": caller.session}
    versions[number] = versions[WORKING] | published
    return {"Name": params["Name"]}


def describe_recipe(caller: Identity, params: Json) -> Json:
    """The latest published version, or the one that is asked for."""
    return version_of(caller, params["Name"], params.get("RecipeVersion") or PUBLISHED)


def version_of(caller: Identity, name: str, version: str) -> Json:
    """Raises `AwsError`: `ResourceNotFoundException`."""
    versions = _versions(caller, name)
    chosen = (_latest(versions) or version) if version == PUBLISHED else version
    if chosen not in versions:
        raise absent("recipe version", f"{name} {version}")
    return versions[chosen]


def delete_recipe_version(caller: Identity, params: Json) -> Json:
    """One version. `LATEST_WORKING` only when it is the last, none that a job uses."""
    name, version = params["Name"], params["RecipeVersion"]
    if version == PUBLISHED:
        raise AwsError("ValidationException", f"{PUBLISHED} cannot be deleted: name a version")
    versions = _versions(caller, name)
    version_of(caller, name, version)
    if version == WORKING and len(versions) > 1:
        raise conflict(f"The recipe {name} has published versions")
    used = [
        job["Name"] for job in state(caller).jobs.values()
        if job["RecipeReference"] == {"Name": name, "RecipeVersion": version}
    ]  # fmt: skip
    if used:
        raise conflict(f"The recipe version {name} {version} is in use by {used[0]}")
    del versions[version]
    if not versions:
        del state(caller).recipes[name]
    return {"Name": name, "RecipeVersion": version}


def create_dataset(caller: Identity, params: Json) -> Json:
    name, datasets = params["Name"], state(caller).datasets
    if name in datasets:
        raise conflict(f"The dataset {name} already exists")
    place = params["Input"].get("S3InputDefinition")
    if place is None or not place.get("Key"):
        raise AwsError("ValidationException", "The local mesh knows datasets of one S3 object alone")
    if params.get("Format", "CSV") not in {"CSV", "JSON"}:
        raise AwsError("ValidationException", "The local mesh knows the formats CSV and JSON alone")
    datasets[name] = new(caller, "dataset", params) | {"Source": "S3"}
    return {"Name": name}


def describe_dataset(caller: Identity, params: Json) -> Json:
    return found(state(caller).datasets, "dataset", params["Name"])


def list_datasets(caller: Identity, params: Json) -> Json:
    items, rest = page([one for _, one in sorted(state(caller).datasets.items())], params)
    return {"Datasets": items} | rest


def list_recipes(caller: Identity, params: Json) -> Json:
    """The latest published version of each, or with `LATEST_WORKING` the working ones."""
    asked = params.get("RecipeVersion") or PUBLISHED
    chosen = [
        versions.get(WORKING if asked == WORKING else _latest(versions)) for versions in state(caller).recipes.values()
    ]
    items, rest = page([one for one in chosen if one], params)
    return {"Recipes": items} | rest


def delete_dataset(caller: Identity, params: Json) -> Json:
    name = params["Name"]
    found(state(caller).datasets, "dataset", name)
    if any(job.get("DatasetName") == name for job in state(caller).jobs.values()):
        raise conflict(f"The dataset {name} is in use by a job")
    del state(caller).datasets[name]
    return {"Name": name}


def _versions(caller: Identity, name: str) -> dict[str, Json]:
    if name not in state(caller).recipes:
        raise absent("recipe", name)
    return state(caller).recipes[name]


def _latest(versions: dict[str, Json]) -> str:
    published = [version for version in versions if version != WORKING]
    return max(published, key=lambda version: int(version.partition(".")[0]), default="")


OPERATIONS: dict[str, Operation[Identity]] = {
    "CreateRecipe": create_recipe,
    "PublishRecipe": publish_recipe,
    "DescribeRecipe": describe_recipe,
    "DeleteRecipeVersion": delete_recipe_version,
    "CreateDataset": create_dataset,
    "DescribeDataset": describe_dataset,
    "ListDatasets": list_datasets,
    "ListRecipes": list_recipes,
    "DeleteDataset": delete_dataset,
}
