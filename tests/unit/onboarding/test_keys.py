"""Keys: what is what, what is refused, and that nothing is ever decoded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.onboarding.keys import (
    ContractKey,
    DataKey,
    FolderMarker,
    HiddenKey,
    PublishedKey,
    RawKey,
    RecipeKey,
    ReportKey,
    UnknownPrefix,
    UnsafeKey,
    compare_sequencers,
    parse_key,
    refusal_report_key,
)
from mesh.domain.onboarding.partitions import InvalidPartition


def test_each_shape_of_a_product_is_distinguished():
    assert parse_key("credit-card/contract.yaml") == ContractKey("credit-card/contract.yaml", "credit-card")
    assert isinstance(parse_key("credit-card/recipe.json"), RecipeKey)
    assert parse_key("credit-card/raw/t/x.csv") == RawKey("credit-card/raw/t/x.csv", "credit-card", "t")
    assert isinstance(parse_key("credit-card/published/t/iceberg/data/x.parquet"), PublishedKey)
    assert isinstance(parse_key("credit-card/reports/00000001.json"), ReportKey)
    assert isinstance(parse_key("credit-card/data/t/published/x.csv"), DataKey)
    assert isinstance(parse_key("credit-card/data/credit_card/"), FolderMarker)
    assert isinstance(parse_key("credit-card/data/credit_card/_SUCCESS"), HiddenKey)
    assert isinstance(parse_key("credit-card/data/credit_card/_temporary/0/x.csv"), HiddenKey)


def test_a_data_key_gives_product_table_partitions_in_order_and_file():
    parsed = parse_key("credit-card/data/credit_card/Year=2026/dt=2026-11-21/part 1.csv")
    assert isinstance(parsed, DataKey)
    assert (parsed.product, parsed.table, parsed.file) == ("credit-card", "credit_card", "part 1.csv")
    assert parsed.partitions == (("year", "2026"), ("dt", "2026-11-21"))


def test_a_folder_without_equals_is_named_as_a_glue_crawler_names_it():
    parsed = parse_key("credit-card/data/t/2026/x.csv")
    assert isinstance(parsed, DataKey)
    assert parsed.partitions == (("partition_0", "2026"),)


@pytest.mark.parametrize("file", ["a b.csv", "a+b.csv", "a%2Fb.csv", "a%2e%2e.csv", "grüße-🎉.csv", "a=b.csv"])
def test_odd_file_names_are_kept_as_they_are(file):
    parsed = parse_key(f"p1/data/t/{file}")
    assert isinstance(parsed, DataKey)
    assert parsed.file == file


def test_a_partition_value_is_never_url_decoded():
    parsed = parse_key("p1/data/t/city=a%2Fb c/x.csv")
    assert isinstance(parsed, DataKey)
    assert parsed.partitions == (("city", "a%2Fb c"),)


@pytest.mark.parametrize(
    "key",
    ["", "p1//data/t/x", "/p1/data/t/x", "p1/data/../x", "p1/./data/t/x", "../x", "p1/data/t//", "p1/" + "x" * 1022],
)
def test_unsafe_keys_are_refused(key):
    with pytest.raises(UnsafeKey):
        parse_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "x.csv", "p/contract.yaml", "reports/contract.yaml", "reports/data/t/x.csv",
        "Credit/contract.yaml", "p1/contract.yml", "p1/data/x.csv", "p1/data/T/x.csv",
        "p1/data/1t/x.csv", "p1/other/x", "p1/quarantine", "p" * 64 + "/contract.yaml", "p1/data/" + "t" * 256 + "/x",
    ],
)  # fmt: skip
def test_keys_outside_a_product_are_refused_with_the_shapes_there_are(key):
    with pytest.raises(UnknownPrefix) as refused:
        parse_key(key)
    assert refused.value.where == {"key": key}
    assert "<product>/data/<table>" in refused.value.remedy


@pytest.mark.parametrize("folder", ["=x", "dt=", "dt=1/DT=2", "dt=" + "v" * 1010])
def test_invalid_partition_folders_are_rejected(folder):
    with pytest.raises((InvalidPartition, UnsafeKey)):
        parse_key(f"p1/data/t/{folder}/x.csv")


@pytest.mark.parametrize("folder", ["data", "raw"])
def test_nothing_is_uploaded_that_would_be_taken_for_a_pinned_version(folder):
    with pytest.raises(UnknownPrefix, match="pinned version"):
        parse_key(f"credit-card/{folder}/credit_card__v3/x.csv")
    assert parse_key(f"credit-card/{folder}/credit_card__v/x.csv")
    assert parse_key(f"credit-card/{folder}/credit_v3/x.csv")


def test_a_key_of_1024_bytes_passes_and_its_reports_key_fits():
    key = "p1/data/t/" + "ü" * 507
    assert len(key.encode()) == 1024
    assert isinstance(parse_key(key), DataKey)
    report = refusal_report_key(key, "run-1")
    assert len(report.encode()) <= 1024
    assert report.startswith("p1/reports/run-1/")
    assert refusal_report_key(key[:-1] + "o", "run-1") != report


def test_a_short_key_keeps_its_name_in_its_report():
    assert refusal_report_key("p1/data/t/x y.csv", "r") == "p1/reports/r/data/t/x y.csv.refusal.json"


@pytest.mark.parametrize("product", ["loans", "default", "sys"])
def test_the_report_on_a_refused_key_is_not_refused_itself(product):
    """Its arrival would bring about the next report, and so on without end."""
    for rest in ("contract.yaml", "data/t/a.csv", "raw/t__v3/a.csv", "data/t/a=/x.csv", "anything"):
        report = refusal_report_key(f"{product}/{rest}", "run-1")
        assert isinstance(parse_key(report), ReportKey)


def test_an_unsafe_key_gets_a_report_at_a_safe_place():
    assert isinstance(parse_key(refusal_report_key("p1/data/../../x", "r")), ReportKey)
    with pytest.raises(UnknownPrefix):
        refusal_report_key("../x", "r")


@given(st.text(min_size=1, max_size=300))
def test_any_text_is_parsed_or_rejected_and_never_crashes(text):
    try:
        parsed = parse_key(f"p1/{text}")
    except (UnsafeKey, UnknownPrefix, InvalidPartition):
        return
    assert parsed.key == f"p1/{text}"


def test_sequencers_are_padded_on_the_right():
    assert compare_sequencers("0055AED6DCD90281E5", "0055AED6DCD90281E6") == -1
    assert compare_sequencers("0055AED6DCD9", "0055AED6DCD900") == 0
    assert compare_sequencers("1", "0FFF") == 1
    assert compare_sequencers("0055aed6", "0055AED6") == 0
