"""Each function's settings against the variables that each template gives it, both ways."""

import importlib
import inspect
from collections.abc import Iterator

import pytest
from mesh.entry.settings import Settings, load

from tests.contract.machines import folder_of, function_folders
from tools.templates import FUNCTION, ROOT, TEMPLATES, resources
from tools.templates import load as load_template

# Set by Lambda itself, or read by Powertools: no field of ours, or no variable of the template.
BY_LAMBDA = {"AWS_REGION"}
BY_POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL"}
# Globals give these to every function; one that does not ask for them simply has them.
GLOBAL = {"ACCOUNT_ID", "TABLE_NAME", "HISTORY_DAYS", "RECORD_DAYS"}
CONTEXTS = function_folders()


def deployed() -> Iterator[tuple[str, str, set[str]]]:
    """(template, function's folder, its variables)."""
    for file in TEMPLATES:
        template = load_template(ROOT / file)
        common = set(template["Globals"]["Function"]["Environment"]["Variables"])
        for logical, properties in resources(template, FUNCTION).items():
            own = set(properties.get("Environment", {}).get("Variables", {}))
            yield file, folder_of(logical), common | own


def model_of(folder: str) -> type[Settings] | None:
    module = importlib.import_module(f"functions.{CONTEXTS[folder]}.{folder}.app")
    models = [
        model
        for _, model in inspect.getmembers(module, inspect.isclass)
        if issubclass(model, Settings) and model.__module__ == module.__name__
    ]
    assert len(models) <= 1
    return models[0] if models else None


@pytest.mark.parametrize(
    ("file", "folder", "variables"), [pytest.param(*one, id=f"{one[0]}-{one[1]}") for one in deployed()]
)
def test_a_function_is_given_what_it_reads_and_reads_what_it_is_given(file, folder, variables):
    model = model_of(folder)
    fields = {name.upper() for name in model.model_fields} if model else set()

    assert fields - variables - BY_LAMBDA == set(), "the template lacks these"
    assert variables - fields - BY_POWERTOOLS - GLOBAL == set(), "the function does not read these"


def test_every_function_is_deployed_and_every_deployed_function_exists():
    assert {folder for _, folder, _ in deployed()} == set(CONTEXTS)


def test_a_function_is_deployed_from_the_folder_of_its_name():
    for file in TEMPLATES:
        for logical, properties in resources(load_template(ROOT / file), FUNCTION).items():
            assert properties["CodeUri"] == f"functions/{CONTEXTS[folder_of(logical)]}/{folder_of(logical)}/"


def test_a_missing_variable_is_named(monkeypatch):
    monkeypatch.delenv("TABLE_NAME", raising=False)

    class Missing(model_of("verify_proposal")):
        pass

    with pytest.raises(KeyError, match="TABLE_NAME"):
        load(Missing)
