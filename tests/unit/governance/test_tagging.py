"""The ontology's limits, and which tags end on which database, table, column."""

from pathlib import Path

import pytest
import yaml
from mesh.domain.contracts.contract import Contract, ContractColumn, ContractTable
from mesh.domain.events import PersonalDataFinding
from mesh.domain.governance.ontology import OntologyInvalid, UnknownLFTag, parse_ontology
from mesh.domain.governance.tagging import check_tags, resolve_tags

DOCUMENT = yaml.safe_load((Path(__file__).parents[3] / "governance" / "ontology.yaml").read_text("utf-8"))
ONTOLOGY = parse_ontology(DOCUMENT)


def contract(columns=(), table_tags=None, status="active", **fields):
    table = ContractTable(name="t", columns=tuple(columns), lf_tags=table_tags or {})
    values = {
        "id": "1", "version": "1", "api_version": "v3.2.0", "name": "p1", "crawler_prefix": "p",
        "domain": "Consumer-Banking",
        "lf_tags": {"confidentiality": "internal"}, "tables": (table,), "status": status,
    }  # fmt: skip
    return Contract(**{**values, **fields})


def column(name, **fields):
    return ContractColumn(name=name, **fields)


def finding(name, value):
    return PersonalDataFinding(column=name, value=value, reason="test", confidence=1)


def resolve(made, findings=(), tables=None):
    return resolve_tags(made, ONTOLOGY, {"t": list(findings)}, product="p1", tables=tables)


def test_the_database_gets_domain_product_the_contracts_tags_and_the_defaults():
    assert resolve(contract()).database == {
        "domain": "consumer-banking", "product": "p1", "confidentiality": "internal", "pii": "none",
    }  # fmt: skip
    assert resolve(contract(lf_tags={})).database["confidentiality"] == "confidential"


def test_only_what_differs_from_the_inherited_value_is_assigned():
    plan = resolve(
        contract([column("a", lf_tags={"confidentiality": "internal"}), column("b", classification="public")])
    )
    assert plan.tables == {}
    assert plan.columns == {"t": {"b": {"confidentiality": "public"}}}


def test_the_nearest_value_wins_from_database_over_table_to_column():
    plan = resolve(contract([column("a", lf_tags={"confidentiality": "public"})], {"confidentiality": "restricted"}))
    assert plan.tables == {"t": {"confidentiality": "restricted"}}
    assert plan.columns == {"t": {"a": {"confidentiality": "public"}}}


def test_personal_data_lifts_confidentiality_so_that_an_expression_on_it_alone_never_shows_it():
    plan = resolve(contract([column("a", lf_tags={"pii": "personal"}), column("b", classification="pii")]))
    assert plan.columns["t"]["a"] == {"pii": "personal", "confidentiality": "confidential"}
    assert plan.columns["t"]["b"] == plan.columns["t"]["a"]


@pytest.mark.parametrize(
    ("declared", "found", "expected"),
    [("none", "personal", "personal"), ("sensitive", "personal", "sensitive"), ("personal", "sensitive", "sensitive")],
)
def test_a_finding_makes_a_column_stricter_and_never_laxer(declared, found, expected):
    plan = resolve(contract([column("a", lf_tags={"pii": declared})]), [finding("a", found)])
    assert plan.columns["t"]["a"]["pii"] == expected


def test_a_classification_and_an_lf_tag_that_disagree_give_the_stricter():
    made = contract([column("a", classification="restricted", lf_tags={"confidentiality": "public"})])
    assert resolve(made).columns["t"]["a"] == {"confidentiality": "restricted"}


def test_only_columns_that_exist_are_tagged_and_unknown_ones_inherit():
    made = contract([column("a", classification="public"), column("gone", classification="public")])
    plan = resolve(made, [finding("new", "personal")], tables={"t": ["a", "new"], "u": ["x"]})
    assert plan.columns == {
        "t": {"a": {"confidentiality": "public"}, "new": {"pii": "personal", "confidentiality": "confidential"}}
    }


def test_without_a_contract_or_with_a_draft_everything_is_most_restrictive():
    expected = {"product": "p1", "confidentiality": "restricted", "pii": "sensitive"}
    assert resolve(None, tables={"t": ["a"]}).database == expected
    assert resolve(contract([column("a", classification="public")], status="draft")).model_dump() == {
        "database": expected, "tables": {}, "columns": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    "made",
    [
        contract(domain="unheard-of"),
        contract(lf_tags={"colour": "red"}),
        contract(lf_tags={"confidentiality": "secret"}),
        contract(lf_tags={"product": "p1"}),
        contract(table_tags={"pii": "maybe"}),
        contract([column("a", lf_tags={"product": "other"})]),
        contract([column("a", classification="top")]),
    ],
)
def test_tags_the_ontology_lacks_or_the_mesh_sets_itself_are_refused(made):
    with pytest.raises(UnknownLFTag) as refused:
        check_tags(made, ONTOLOGY)
    assert "=" in refused.value.where["lf_tag"]
    assert refused.value.remedy


def test_an_unknown_value_names_where_it_is_and_what_exists():
    with pytest.raises(UnknownLFTag) as refused:
        check_tags(contract([column("A", classification="top")], status="draft"), ONTOLOGY)
    assert refused.value.where == {
        "lf_tag": "confidentiality=top",
        "known": ["public", "internal", "confidential", "restricted"],
        "table": "t",
        "column": "a",
    }


def test_columns_with_equal_tags_go_into_one_call():
    plan = resolve(contract([column("a", classification="public"), column("b", classification="public")]))
    assert list(plan.column_groups("t")) == [({"confidentiality": "public"}, ["a", "b"])]


def changed(**keys):
    return {"keys": {**DOCUMENT["keys"], **keys}}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"keys": {}},
        {**DOCUMENT, "more": 1},
        changed(team={"meaning": "m"}),
        changed(team={"meaning": "m", "values": {"A": "upper"}}),
        changed(team={"meaning": "m", "values": {"a" * 51: "long"}}),
        changed(team={"meaning": "m", "values": {f"v{n}": "many" for n in range(1001)}}),
        changed(team={"meaning": "m", "values": {"a": "x"}, "default": "b"}),
        changed(pii={"meaning": "m", "values": {"none": "n"}}),
        changed(product={"meaning": "m", "values": {"a": "x"}}),
        changed(team={"meaning": "m", "values": {"a": {"meaning": "x", "implies": {"domain": "risk"}}}}),
        changed(**{f"k{n}": {"meaning": "m", "values": {"a": "x"}} for n in range(47)}),
    ],
)
def test_an_ontology_beyond_lake_formations_limits_or_our_rules_is_refused(document):
    with pytest.raises(OntologyInvalid) as refused:
        parse_ontology(document)
    assert refused.value.where["violations"]


@pytest.mark.parametrize("where", ["lf_tags", "table_tags", "columns"])
def test_the_meshs_own_key_is_set_by_no_contract(where):
    own = {"publication": "published"}
    given = {"columns": [column("a", lf_tags=own)]} if where == "columns" else {where: own}
    with pytest.raises(UnknownLFTag, match="'publication' is set by Meshwork itself") as caught:
        check_tags(contract(**given), ONTOLOGY)
    assert caught.value.remedy == "Remove publication from the contract's lfTags."


def test_the_meshs_own_key_is_not_in_the_ontology_and_always_created():
    assert ONTOLOGY.tag_values()["publication"] == ("pending", "published")
    with pytest.raises(OntologyInvalid, match="publication: the key is the mesh's own"):
        parse_ontology({"keys": {**DOCUMENT["keys"], "publication": {"meaning": "m", "values": {"yes": "y"}}}})
