"""What a report shows of columns that are personal, by name, by values, or by what history says of them."""

import pytest
from mesh.domain.contracts.contract import ContractColumn, ContractTable
from mesh.domain.onboarding.quality.model import (
    ColumnProfile,
    Evidence,
    Finding,
    LabelledCounts,
    Scores,
    TableProfile,
    TableReport,
    ValueCount,
)
from mesh.domain.onboarding.quality.redaction import classified, withheld_in, withheld_of, without_values

from tests.builders import a_contract

SECRET = ("ana@example.org", "bob@example.org")


def report(*columns, finding=None):
    profile = TableProfile(table="t", rows=2, bytes=1, objects=1, columns=columns, fingerprints=("00ff",))
    return TableReport(profile=profile, scores=Scores(), findings=(finding,) if finding else ())


def column(name, *values, labels=()):
    top = tuple(ValueCount(value=value, count=1) for value in values)
    labelled = tuple(LabelledCounts(label=label, counts=(1,) * len(top)) for label in labels)
    return ColumnProfile(
        name=name, type="string", kind="category", rows=2, nulls=0, distinct=2, top=top, labelled=labelled
    )


def test_values_that_only_the_accepted_history_has_are_withheld():
    evidence = Evidence(labels=SECRET, accepted=(0.5, 0.5), batch=(0.0, 0.0))
    shifted = Finding(
        code="DistributionShifted", severity="error", table="t", column="contact", message="", evidence=evidence
    )
    found = report(column("contact", "x", "y"), finding=shifted)

    assert withheld_of(found.profile, None) == set()
    assert withheld_in(found, None) == {"contact"}
    assert "example.org" not in without_values(found, withheld_in(found, None)).model_dump_json()


def test_counts_by_label_do_not_reveal_the_values_of_a_hidden_label():
    found = report(column("contact", *SECRET), column("colour", "red", "blue", labels=SECRET))

    public = without_values(found, withheld_in(found, None))

    assert "example.org" not in public.model_dump_json()
    assert "red" in public.model_dump_json()
    assert public.profile.fingerprints == ()


@pytest.mark.parametrize(
    ("product", "table", "column", "hidden"),
    [
        ({}, {}, {}, False),
        ({"confidentiality": "internal"}, {}, {}, False),
        ({"confidentiality": "confidential"}, {}, {}, True),
        ({}, {"confidentiality": "restricted"}, {}, True),
        ({}, {"pii": "personal"}, {}, True),
        ({"confidentiality": "restricted"}, {"confidentiality": "internal"}, {}, False),
        ({}, {"confidentiality": "restricted"}, {"lf_tags": {"confidentiality": "public"}}, False),
        ({}, {"confidentiality": "restricted"}, {"classification": "internal"}, False),
        ({}, {"pii": "personal"}, {"lf_tags": {"confidentiality": "public"}}, True),
        ({}, {"pii": "personal"}, {"classification": "none"}, False),
        ({}, {}, {"lf_tags": {"confidentiality": "restricted"}}, True),
        ({}, {}, {"tags": ("pii:email",)}, True),
    ],
)
def test_a_column_is_classified_by_itself_its_table_or_its_product_and_the_nearest_word_holds(
    product, table, column, hidden
):
    part = ContractTable(name="t", lf_tags=table, columns=(ContractColumn(name="c", **column),))
    contract = a_contract().evolve(lf_tags=product, tables=(part,))

    assert classified(contract, "t", []) == ({"c"} if hidden else set())


def test_a_column_that_the_contract_does_not_describe_is_classified_as_its_table():
    strict = ContractTable(name="t", lf_tags={"confidentiality": "restricted"})
    assert classified(a_contract().evolve(tables=(strict,)), "t", ["new"]) == {"new"}
    assert classified(a_contract().evolve(tables=(), lf_tags={"pii": "sensitive"}), "t", ["new"]) == {"new"}
    assert classified(None, "t", ["new"]) == set()
