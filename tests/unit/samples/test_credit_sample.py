"""The generated credit product: valid, deterministic, learnable, and the same columns as the real data."""

from pathlib import Path

import pytest
from mesh.adapters.odcs.contracts import read_contract

from local.samples.credit import COLUMNS, generate, write_product, write_product_from
from tests.credit_increment import write_increment
from tests.unit.onboarding.reading.reading import rows

REAL_DATA = Path(__file__).parents[4] / "shared" / "data" / "south_german_credit.csv"


def read(path, expected=None):
    """Types and rows of a file as they are published."""
    return rows({path.name: path.read_bytes()}, expected=expected.types() if expected else None)


def contract_of(product):
    return read_contract((product / "contract.yaml").read_bytes(), bucket="b", key="credit-card/contract.yaml")


def test_the_contract_is_valid_and_classifies_the_personal_columns(tmp_path):
    contract = contract_of(write_product(tmp_path, rows=10))
    assert (contract.domain, contract.crawler_prefix, contract.lf_tags) == (
        "consumer-banking", "credit", {"confidentiality": "internal"},
    )  # fmt: skip
    table = contract.table("credit_card")
    assert tuple(column.name for column in table.columns) == COLUMNS
    assert {c.name: c.lf_tags["pii"] for c in table.columns if c.lf_tags} == {
        "famges": "personal", "alter": "personal", "gastarb": "sensitive",
    }  # fmt: skip
    assert all(column.description for column in table.columns)


def test_the_data_are_21_integer_columns_that_fit_the_contract(tmp_path):
    product = write_product(tmp_path)
    expected = contract_of(product).table_schema("credit_card")
    found, kept = read(next((product / "data").rglob("*.csv")), expected)
    assert set(found.values()) == {"bigint"}
    assert (len(found), len(kept)) == (21, 1000)


def test_the_same_seed_gives_the_same_rows_and_about_seventy_percent_are_good():
    rows = list(generate(3000, seed=7))
    assert rows == list(generate(3000, seed=7))
    assert rows != list(generate(3000, seed=8))
    assert sum(row["kredit"] for row in rows) / len(rows) == pytest.approx(0.7, abs=0.04)


def test_a_model_could_learn_from_it():
    rows = list(generate(4000, seed=7))

    def good(condition):
        chosen = [row["kredit"] for row in rows if condition(row)]
        return sum(chosen) / len(chosen)

    assert good(lambda row: row["laufkont"] == 4) - good(lambda row: row["laufkont"] == 1) > 0.2
    assert good(lambda row: row["laufzeit"] <= 12) - good(lambda row: row["laufzeit"] >= 36) > 0.1


@pytest.mark.skipif(not REAL_DATA.exists(), reason="the real credit data is not beside this checkout")
def test_the_real_data_make_the_same_product(tmp_path):
    product = write_product_from(REAL_DATA, tmp_path)
    found, kept = read(next((product / "data").rglob("*.csv")))
    assert tuple(found) == COLUMNS
    assert (len(kept), set(found.values())) == (1000, {"bigint"})


def test_an_increment_is_one_partition_and_one_column_more(tmp_path):
    product = write_product(tmp_path, rows=20, dt="2026-11-20")
    expected = contract_of(product).table_schema("credit_card")
    before, _ = read(next((product / "data").rglob("*.csv")), expected)
    path = write_increment(tmp_path, dt="2026-11-21", extra_column="score")
    after, _ = read(path, expected)
    assert [name for name in after if name not in before] == ["score"]
    assert path.parent.name == "dt=2026-11-21"
