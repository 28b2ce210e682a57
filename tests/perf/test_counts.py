"""What one upload costs, counted: transitions, AWS calls, bytes, and what a function's import loads. No seconds."""

import pytest

from tests.contract.machines import function_folders
from tests.measures import Import, artifacts, floor, import_of, large_csv, measure_upload
from tests.mesh_driver import MeshDriver

MAX_TRANSITIONS = 15
"""10 of `onboard-upload` and 5 of `commit-version`."""
MAX_CALLS = 90
"""Without those of lineage, which is kept beside the flow. 90 as a rule: two of them are EventBridge's, which publishes
to the people's topics, and nine relay what central announced, in three calls of the function; fewer where it takes what
was announced in one."""
MAX_OWN_MODULES = 305
"""Beyond boto3 and pydantic: Powertools' Logger (and Batch, in `record_lineage`), yaml, and ours, two hundred
small ones with the packages of their contexts. `DraftContract` has most: 305."""
NEVER = {"pandas", "pyarrow", "numpy", "duckdb", "aws_xray_sdk", "moto", "ministack", "typer", "rich", "uvicorn"}
ON_FIRST_USE = {"jsonschema", "referencing", "rpds"}
"""Loaded when a contract is read, by the functions that read one."""


@pytest.fixture
def product(mesh: MeshDriver, request: pytest.FixtureRequest) -> str:
    """A product with a subscriber and a first version; a third within a minute would wait."""
    name = "counted-" + request.node.name.replace("_", "-")[-40:]
    mesh.prepare(name)
    mesh.subscribe(name)
    mesh.upload(name, {f"{name}/data/t1/a.csv": "a,b\n1,2\n"})
    mesh.wait_for_notice(name)
    return name


def test_transitions_and_calls_of_an_upload(mesh: MeshDriver, product: str) -> None:
    measured = measure_upload(mesh, product, f"{product}/data/t1/b.csv", b"a,b\n3,4\n")
    assert [(run.machine, run.status) for run in measured.runs] == [
        ("onboard-upload", "SUCCEEDED"),
        ("commit-version", "SUCCEEDED"),
    ]
    assert 0 < measured.transitions <= MAX_TRANSITIONS
    calls = measured.calls_without_lineage
    assert 0 < calls.total() <= MAX_CALLS, calls
    assert measured.bytes_read == len(b"a,b\n3,4\n")


def test_a_large_object_is_read_once_and_whole(mesh: MeshDriver, product: str) -> None:
    body = large_csv(3)
    measured = measure_upload(mesh, product, f"{product}/data/large/x.csv", body)
    assert measured.bytes_read == len(body)
    assert measured.transitions <= MAX_TRANSITIONS


@pytest.fixture(scope="module")
def imports(deployed_mesh: MeshDriver) -> dict[str, Import]:
    """Of every built artifact; those of the same name in several accounts are the same code."""
    found = {
        name.rpartition("/")[2]: (name, folder, layers) for name, folder, layers in artifacts(deployed_mesh.builds)
    }
    return {short: import_of(*artifact) for short, artifact in found.items()}


@pytest.fixture(scope="module")
def least(deployed_mesh: MeshDriver, tmp_path_factory: pytest.TempPathFactory) -> Import:
    return floor(tmp_path_factory.mktemp("floor"), deployed_mesh.builds)


def test_every_function_was_measured(imports: dict[str, Import]) -> None:
    built = {short.removesuffix("Function").lower() for short in imports}
    assert built == {name.replace("_", "") for name in function_folders()}


def test_no_function_loads_what_it_does_not_need(imports: dict[str, Import]) -> None:
    loaded = {name: _packages(found) & (NEVER | ON_FIRST_USE) for name, found in imports.items()}
    assert {name: packages for name, packages in loaded.items() if packages} == {}


def test_modules_beyond_the_floor(imports: dict[str, Import], least: Import) -> None:
    own = {name: len(set(found.modules) - set(least.modules)) for name, found in imports.items()}
    assert min(own.values()) > 0
    assert {name: count for name, count in own.items() if count > MAX_OWN_MODULES} == {}


def _packages(found: Import) -> set[str]:
    return {module.partition(".")[0] for module in found.modules}
