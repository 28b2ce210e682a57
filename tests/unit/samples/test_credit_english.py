"""The credit sample in English: its recipe fits its data, what comes of it fits its contract."""

import csv
import json
from pathlib import Path

import pytest
from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.onboarding.curation.objects import read_raw, write_rows
from mesh.domain.onboarding.curation.plan import plan_recipe
from mesh.domain.onboarding.curation.recipe import parse_recipe

from cli import demo
from local.samples import credit, credit_english
from tests.unit.command.test_demo import site
from tests.unit.onboarding.reading.reading import opened, types

REAL_DATA = Path(__file__).parents[4] / "shared" / "data" / "south_german_credit.csv"


def curated(product):
    """(plan, bytes) of the product's one raw file."""
    (raw,) = (product / "raw" / credit.TABLE).iterdir()
    source = read_raw(raw.read_bytes(), bucket="b", key=f"credit-card/raw/credit_card/{raw.name}")
    plan = plan_recipe(parse_recipe((product / "recipe.json").read_bytes()), source.columns)
    return plan, write_rows(source.format, plan.columns, plan.apply(source.rows))


@pytest.mark.parametrize(
    "data",
    [
        None,
        pytest.param(
            REAL_DATA,
            marks=pytest.mark.skipif(not REAL_DATA.exists(), reason="the real credit data is not beside this checkout"),
        ),
    ],
)
def test_the_recipe_turns_german_codes_into_the_contracts_values(tmp_path, data):
    product = credit_english.write_product(tmp_path, data)
    plan, (body, rows) = curated(product)
    contract = read_contract((product / "contract.yaml").read_bytes(), bucket="b", key="credit-card/contract.yaml")

    expected = contract.table_schema("credit_card")
    with opened({"part-0-curated.csv": body}, expected=expected.types()) as reading:
        assert reading.findings == ()
        assert types(reading) == expected.types()
        assert rows == reading.sources[0].rows == 1000
    assert list(expected.types()) == list(plan.columns)
    assert {origin.inputs for origin in plan.lineage.values()} == {(name,) for name in credit.COLUMNS}
    assert plan.lineage["status"].inputs == ("laufkont",)
    records = list(csv.DictReader(body.decode().splitlines()))
    assert all(value for record in records for value in record.values()), "every code has a meaning"


def test_codes_are_translated_one_by_one(tmp_path):
    """Each code of each column, against the table of meanings."""
    product = credit_english.write_product(tmp_path, rows=3000)
    (raw,) = (product / "raw" / credit.TABLE).iterdir()
    before = list(csv.DictReader(raw.read_text("utf-8").splitlines()))
    after = list(csv.DictReader(curated(product)[1][0].decode().splitlines()))

    for german, english in zip(before, after, strict=True):
        for name, (translated, meanings) in credit_english.TRANSLATIONS.items():
            assert english[translated] == (meanings[int(german[name])] if meanings else german[name])


def test_all_columns_and_all_codes_of_the_sample_are_translated():
    assert tuple(credit_english.TRANSLATIONS) == credit.COLUMNS
    for name, code in credit.CODES.items():
        assert set(code.values) <= set(credit_english.TRANSLATIONS[name].meanings)
    assert len(credit_english.recipe()) <= 100


def test_personal_columns_stay_personal(tmp_path):
    product = credit_english.write_product(tmp_path)
    contract = read_contract((product / "contract.yaml").read_bytes(), bucket="b", key="credit-card/contract.yaml")

    tagged = [column for column in contract.table("credit_card").columns if column.lf_tags]
    assert {column.name: column.lf_tags["pii"] for column in tagged} == {
        "personal_status_sex": "personal", "age": "personal", "foreign_worker": "sensitive",
    }  # fmt: skip
    assert contract.version == "2.0.0"


def test_the_demo_uploads_raw_data_and_the_recipe_only_on_request(tmp_path):
    asked = demo.sample(tmp_path / "1", site(4), None, None, curate=True)
    plain = demo.sample(tmp_path / "2", site(4), None, None)

    assert [file.key for file in asked] == [
        "credit-card/contract.yaml", "credit-card/recipe.json", "credit-card/raw/credit_card/part-4.csv",
    ]  # fmt: skip
    assert json.loads(asked[1].path.read_text("utf-8")) == credit_english.recipe()
    assert [file.key for file in plain] == ["credit-card/contract.yaml", "credit-card/data/credit_card/part-4.csv"]
