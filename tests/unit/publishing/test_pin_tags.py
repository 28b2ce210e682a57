"""Tags of a pinned table: on any state, no ordered key is laxer than what is there now, nor than what would be set."""

from hypothesis import given
from hypothesis import strategies as st
from mesh.domain.events import ColumnRef, PersonalDataFinding
from mesh.domain.governance.tagging import resolve_tags
from mesh.domain.publishing.pin_tags import closed_tags, pinned_tags

from tests.builders import PRODUCT, TABLE, a_contract, an_ontology

ONTOLOGY, CONTRACT = an_ontology(), a_contract()
ORDERED = {name: list(key.values) for name, key in ONTOLOGY.keys.items() if key.ordered}
COLUMNS = tuple(ColumnRef(name=name, type="string") for name in ("laufkont", "email", "gone"))
tags = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in ORDERED.items()})
present = st.none() | st.tuples(
    tags, st.dictionaries(st.sampled_from([column.name for column in COLUMNS]), tags, max_size=3)
)
findings = st.lists(
    st.builds(
        PersonalDataFinding,
        column=st.sampled_from([column.name for column in COLUMNS]),
        value=st.sampled_from(["personal", "sensitive"]),
        reason=st.just("r"),
        confidence=st.just(0.9),
    ),
    max_size=4,
)


def laxer(left, right):
    """Ordered keys of `right` that are laxer in `left`."""
    return [
        key
        for key, order in ORDERED.items()
        if key in right and (key not in left or order.index(left[key]) < order.index(right[key]))
    ]


@given(present, findings)
def test_nothing_is_laxer_than_the_present_table_or_than_what_would_be_set(now, found):
    on_table, on_columns = pinned_tags(PRODUCT, TABLE, COLUMNS, found, now, contract=CONTRACT, ontology=ONTOLOGY)

    plan = resolve_tags(
        CONTRACT, ONTOLOGY, {TABLE: found[:1]}, product=PRODUCT, tables={TABLE: [column.name for column in COLUMNS]}
    )
    planned = {**plan.database, **plan.tables.get(TABLE, {})}
    assert laxer(on_table, planned) == []
    assert laxer(on_table, now[0] if now else closed_tags(ONTOLOGY)) == []
    for column in COLUMNS:
        assert laxer(on_columns[column.name], {**planned, **plan.columns.get(TABLE, {}).get(column.name, {})}) == []
        if now is not None and column.name in now[1]:
            assert laxer(on_columns[column.name], now[1][column.name]) == []
    if now is None or "gone" not in now[1]:
        assert laxer(on_columns["gone"], closed_tags(ONTOLOGY)) == []


def test_tags_of_other_keys_are_the_present_ones_and_the_products_own_is_inherited():
    now = ({"domain": "risk", "team": "blue", "product": PRODUCT}, {"email": {"domain": "risk", "team": "red"}})

    on_table, on_columns = pinned_tags(PRODUCT, TABLE, COLUMNS, (), now, contract=CONTRACT, ontology=ONTOLOGY)

    assert (on_table["domain"], on_table["team"], on_columns["email"]["team"]) == ("risk", "blue", "red")
    assert "product" not in on_table
    assert all("product" not in found for found in on_columns.values())


def test_a_draft_is_closed():
    draft = CONTRACT.model_copy(update={"status": "draft"})
    on_table, _ = pinned_tags(PRODUCT, TABLE, COLUMNS, (), ({}, {}), contract=draft, ontology=ONTOLOGY)
    assert laxer(on_table, closed_tags(ONTOLOGY)) == []
