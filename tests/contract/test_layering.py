"""What is imported where: domain and use cases load no AWS, nothing is built at import, the product stands alone."""

import json
import subprocess
import sys

import pytest

from tests.contract.machines import function_folders
from tools.templates import ROOT

HANDLERS = [f"functions.{context}.{name}.app" for name, context in function_folders().items()]

FOREIGN = (
    "boto3",
    "botocore",
    "aws_lambda_powertools",
    "yaml",
    "jsonschema",
    "local",
    "cli",
    "ministack",
    "rich",
    "typer",
)


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after this import."""
    code = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    paths = f"import sys; sys.path[:0] = ['{ROOT}', '{ROOT / 'layers' / 'mesh'}']; "
    done = subprocess.run([sys.executable, "-c", paths + code], capture_output=True, text=True, check=True, env={})
    return set(json.loads(done.stdout))


def import_all(package: str) -> str:
    folder = ROOT / "layers" / "mesh" / "mesh" / package
    names = [
        ".".join(path.relative_to(ROOT / "layers" / "mesh").with_suffix("").parts).removesuffix(".__init__")
        for path in sorted(folder.rglob("*.py"))
    ]
    return f"import {', '.join(names)}"


@pytest.mark.parametrize("package", ["domain", "usecases"])
def test_domain_and_use_cases_load_no_aws_and_no_tools(package):
    loaded = modules_after(import_all(package))

    assert "mesh.domain.errors" in loaded
    assert [name for name in FOREIGN if name in loaded] == []


def test_no_handler_loads_the_command_or_the_mesh_on_a_laptop():
    loaded = modules_after(f"import {', '.join(HANDLERS)}")

    assert [name for name in ("local", "cli", "ministack", "moto", "duckdb", "pyarrow") if name in loaded] == []


def test_a_handler_makes_no_client_when_it_is_imported():
    """Without region, credentials or settings in the environment each import succeeds: nothing is read or built."""
    loaded = modules_after(
        "import boto3; boto3.client = boto3.resource = lambda *a, **k: sys.exit('a client at import'); "
        f"import {', '.join(HANDLERS)}"
    )

    assert set(HANDLERS) <= loaded


def test_models_are_copied_with_validation():
    """`Model.evolve` refuses unknown fields and wrong types, which pydantic's `model_copy(update=…)` takes."""
    product = [
        *(ROOT / "layers" / "mesh").rglob("*.py"),
        *(ROOT / "functions").rglob("*.py"),
        *(ROOT / "cli").rglob("*.py"),
    ]
    assert [path.name for path in product if ".model_copy(" in path.read_text("utf-8")] == []
