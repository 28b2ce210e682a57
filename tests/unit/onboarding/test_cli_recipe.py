"""`mesh recipe`: what it says, and how it ends."""

import json

import pytest

from cli import main
from tests.unit.onboarding.curation.recipes import step

MAPPING = step("CATEGORICAL_MAPPING", sourceColumn="laufkont", targetColumn="status", categoryMap='{"1": "no account"}')
STEPS = [MAPPING, step("DELETE", sourceColumn="laufkont")]


@pytest.fixture
def mesh(tmp_path, monkeypatch, capsys):
    """Runs the command in a folder with recipe.json and raw.csv; gives exit code, output, error output."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.json").write_text(json.dumps(STEPS))
    (tmp_path / "raw.csv").write_text("laufkont,hoehe\n1,100\n9,200\n1,300\n")

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["mesh", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        code = 0 if ended.value.code is None else ended.value.code
        return code, *capsys.readouterr()

    return run


def test_a_recipe_without_data_is_checked_for_its_form(mesh):
    code, out, _ = mesh("recipe", "check", "recipe.json")

    assert (code, "2 steps, accepted" in out) == (0, True)


def test_with_data_each_column_shows_its_origin(mesh):
    code, out, _ = mesh("recipe", "check", "recipe.json", "--data", "raw.csv", "--json")

    document = json.loads(out)
    assert (code, document["columns"], len(document["sha256"])) == (0, ["status", "hoehe"], 64)
    assert document["lineage"] == [
        {"column": "status", "inputs": ["laufkont"], "steps": [1]},
        {"column": "hoehe", "inputs": ["hoehe"], "steps": []},
    ]
    assert "1 CATEGORICAL_MAPPING" in mesh("recipe", "check", "recipe.json", "--data", "raw.csv")[1]


def test_the_first_rows_are_shown(mesh):
    code, out, _ = mesh("recipe", "run", "recipe.json", "--data", "raw.csv", "--rows", "2", "--json")

    assert (code, json.loads(out)) == (
        0, {"columns": ["status", "hoehe"], "rows": [["no account", "100"], ["", "200"]]},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("recipe", "data", "said"),
    [
        ("[]", "a,b\n1\n", "RaggedRows"),
        (json.dumps([step("DELETE", sourceColumn="laufcont")]), None, "Did you mean 'laufkont'?"),
        (json.dumps([step("KEEP_COLUMNS")]), None, "step 1 (KEEP_COLUMNS): the operation is not supported"),
    ],
)
def test_what_the_mesh_would_refuse_is_refused_with_its_reason(mesh, tmp_path, recipe, data, said):
    (tmp_path / "recipe.json").write_text(recipe)
    if data:
        (tmp_path / "raw.csv").write_text(data)

    code, _, err = mesh("recipe", "run", "recipe.json", "--data", "raw.csv")

    assert (code, said in err) == (1, True)
