"""Contracts: read, refused with the place of the fault, drafted."""

import json
import time

import pytest
import yaml
from mesh.adapters.odcs.contracts import draft_contract, load_document, read_contract
from mesh.domain.contracts.contract import (
    Contract,
    ContractLocationMismatch,
    ContractNameMismatch,
    ContractNotYaml,
    ContractSchemaViolation,
)
from mesh.domain.schema import Column, TableSchema

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: 7f5e
name: credit-card
version: 1.0.0
status: active
domain: consumer-banking
description: {purpose: Credit decisions., usage: Train models., limitations: Not for marketing.}
team: {name: cards, members: [{username: ana, role: Data Owner}]}
tags: [finance]
slaProperties: [{property: latency, value: 4, unit: d}]
servers: [{server: lake, type: s3, location: "s3://b/credit-card/data/", format: csv, delimiter: new_line}]
customProperties:
  - {property: lfTags, value: {Confidentiality: Internal}}
  - {property: crawlerPrefix, value: credit}
  - {property: crawl, value: express}
schema:
  - name: credit_card
    description: One row per applicant.
    customProperties: [{property: lfTags, value: {pii: none}}]
    quality: [{type: text, description: no gaps}]
    properties:
      - {name: Alter, logicalType: integer, classification: Confidential, required: true}
      - {name: hoehe, physicalName: amount, logicalType: number, physicalType: "DECIMAL(10, 2)"}
      - {name: dt, logicalType: date, partitioned: true, partitionKeyPosition: 2}
      - {name: country, partitioned: true, partitionKeyPosition: 1}
      - {name: extra, logicalType: object}
"""


def read(text, key="credit-card/contract.yaml"):
    return read_contract(text, bucket="b", key=key)


def changed(**changes):
    return yaml.safe_dump({**yaml.safe_load(CONTRACT), **changes})


def test_the_parts_the_mesh_acts_on_are_read():
    contract = read(CONTRACT.encode())
    assert (contract.name, contract.version, contract.domain, contract.owner) == (
        "credit-card", "1.0.0", "consumer-banking", "cards",
    )  # fmt: skip
    assert contract.lf_tags == {"confidentiality": "internal"}
    assert (contract.crawl, contract.crawler_prefix, contract.draft) == ("express", "credit", False)
    assert contract.description.limitations == "Not for marketing."
    assert contract.table("credit_card").lf_tags == {"pii": "none"}
    assert contract.table("credit_card").column("alter").classification == "confidential"
    assert contract.servers[0].location == "s3://b/credit-card/data/"


def test_the_schema_has_catalog_names_and_hive_types_and_ordered_partition_keys():
    schema = read(CONTRACT).table_schema("credit_card")
    assert [(c.name, c.type) for c in schema.columns] == [
        ("alter", "bigint"),
        ("amount", "decimal(10,2)"),
        ("extra", ""),
    ]
    assert [(c.name, c.type) for c in schema.partition_keys] == [("country", "string"), ("dt", "date")]
    assert read(CONTRACT).table_schema("other") is None


def test_what_the_mesh_does_not_use_is_kept_aside():
    contract = read(CONTRACT)
    assert contract.extras["slaProperties"][0]["property"] == "latency"
    assert contract.table("credit_card").extras["quality"][0]["type"] == "text"


def test_a_contract_survives_its_way_through_an_event():
    contract = read(CONTRACT)
    assert Contract.model_validate(json.loads(json.dumps(contract.model_dump(mode="json")))) == contract


def test_a_contract_without_custom_properties_gets_the_defaults():
    contract = read(changed(customProperties=[], team=[{"username": "bo", "role": "owner"}]))
    assert (contract.crawl, contract.crawler_prefix, contract.owner, contract.lf_tags) == (
        "auto",
        "creditCard",
        "bo",
        {},
    )


@pytest.mark.parametrize("version", ["v3.0.2", "v3.1.0", "v3.1.7", "v3.2.0"])
def test_versions_three_are_accepted(version):
    assert read(changed(apiVersion=version)).api_version == version


@pytest.mark.parametrize("version", ["v2.2.2", "v3.3.0", "v4.0.0", "3.2.0"])
def test_other_versions_are_not(version):
    with pytest.raises(ContractSchemaViolation):
        read(changed(apiVersion=version))


def test_a_syntax_error_names_line_and_column():
    with pytest.raises(ContractNotYaml) as refused:
        read("name: x\nschema: [1, 2\nversion: }")
    assert refused.value.where == {"bucket": "b", "key": "credit-card/contract.yaml", "line": 3, "column": 8}
    assert refused.value.remedy


BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))])
DEEP_CHAIN = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [[[[*a{n - 1}]]]]" for n in range(1, 30))])


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe\x00n", b"\x00\x01\x02", "", "- a", "just text", "a: 1\n---\nb: 2", "name: a\nname: b", "a: &a [*a]",
        "a: *nowhere", "1: x", "[" * 100_000, "a: !!python/object/apply:os.system [ls]", "a: !!set {x}", "a: .nan",
        'a: "\\ud800"', "a: !!timestamp 2026-01-01", "x" * 300_000, "a: " + "9" * 5000, BOMB, DEEP_CHAIN,
        "<<: 5", "? [a, b]\n: c", "a: {[x]: y}", "a: !!bool maybe", "a: !!bool yes", "a: !!null nothing",
        'a: !!int ""', 'a: !!float ""', 'a: !!int "_"', "a: !!int 0x_", "a: !!int 1:30", "a: !!float 1:30.5",
        "a: !!int " + "1:" * 200_000 + "1", "a: !!float " + "1:" * 200 + "1.5", "a: !!timestamp foo",
        "a: !!omap [b: 1]", "a: !!pairs [b: 1]", "a: !!binary YQ==", "a: !!map [b]", "a: !!map [[b, c]]", "a: !!map bc",
        "a: !!seq {b: c}", "a: !!str [b]", "!!map [a]", "a: !own b", "a: 0x" + "f" * 500, "a: 1." + "0" * 500,
        "a: " + "9" * 500,
        'a: "\\UFFFFFFFF"', "%YAML 1." + "9" * 5000 + "\n--- {a: b}",
    ],
)  # fmt: skip
def test_a_document_that_is_not_a_plain_yaml_mapping_is_rejected_quickly(text):
    started = time.monotonic()
    with pytest.raises(ContractNotYaml):
        read(text)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a:\n  !!bool maybe", "the contract is not YAML: 'maybe' is not written as !!bool"),
        ("a:\n  !!timestamp foo", "the tag 'tag:yaml.org,2002:timestamp' is none of !!str, !!int"),
        ("a:\n  " + "9" * 500, "the number 99999999999999999999… has 500 characters, 400 are possible"),
    ],
)
def test_a_value_that_cannot_be_made_is_refused_with_its_place(text, told):
    with pytest.raises(ContractNotYaml) as refused:
        read(text)
    assert told in refused.value.message
    assert (refused.value.where["line"], refused.value.where["column"]) == (2, 3)


SCALARS = {
    "0644": 420, "0": 0, "-0x_1F": -31, "0b1_0": 2, "1_000": 1000, "+7": 7, "1_0.5": 10.5, "-1.": -1.0, ".5": 0.5,
    "1.5e+3": 1500.0, "9" * 400: int("9" * 400), "true": True, "FALSE": False, "~": None, "null": None, "": None,
    "!!int 0644": 420, "!!float 1.0": 1.0, '!!bool "true"': True, "!!null ~": None, "!!str 1": "1", "! 1": 1,
    "!!seq [1]": [1], "!!map {b: 1}": {"b": 1},
    **{text: text for text in (
        "1:30", "1:1:1.5", "-1:30", "0089", "1e3", "0x_", "_1", "+", ".", "yes", "off", "2026-01-01",
        "2026-01-01T10:00:00Z", "1.2.3", "=", "1:" * 200_000 + "1", "1:" * 200 + "1.5",
    )},
}  # fmt: skip


@pytest.mark.parametrize("text", SCALARS)
def test_scalars_are_json_s(text):
    made = load_document(f"a: {text}\nb: &b {{c: 1}}\nd: {{<<: *b, e: 2}}")
    assert (made["a"], type(made["a"])) == (SCALARS[text], type(SCALARS[text]))
    assert made["d"] == {"c": 1, "e": 2}


TABLES = "schema: [{name: t, properties: [&c {name: no}]}, {name: u, properties: [*c]}]"


def test_aliases_dates_and_words_for_booleans_are_read_as_json_would_have_them():
    contract = read(CONTRACT + "contractCreatedTs: 2026-11-21T10:00:00Z\n")
    assert contract.extras["contractCreatedTs"] == "2026-11-21T10:00:00Z"
    text = changed(schema=[]).replace("schema: []", TABLES)
    assert read(text).table("t").column("no") is not None
    assert read(text).table("u").column("no") is not None


def test_a_map_without_its_definition_is_refused_and_a_property_without_logical_type_is_not():
    with pytest.raises(ContractSchemaViolation):
        read(changed(schema=[{"name": "t", "properties": [{"name": "a", "logicalType": "map"}]}]))
    assert read(changed(schema=[{"name": "t", "properties": [{"name": "a", "physicalType": "int"}]}]))


def test_each_violation_comes_with_its_path():
    with pytest.raises(ContractSchemaViolation) as refused:
        read(changed(version=1.0, schema=[{"name": "t", "properties": [{"logicalType": "integer"}]}], status=3))
    paths = {violation["path"] for violation in refused.value.where["violations"]}
    assert {"$.version", "$.status", "$.schema[0].properties[0]"} <= paths
    assert "and" in refused.value.message


def test_at_most_twenty_violations_are_listed():
    columns = [{"name": n} for n in range(50)]
    with pytest.raises(ContractSchemaViolation) as refused:
        read(changed(schema=[{"name": "t", "properties": columns}]))
    assert len(refused.value.where["violations"]) == 20


@pytest.mark.parametrize(
    ("property_", "value", "path"),
    [
        ("lfTags", ["a"], "$.customProperties.lfTags"),
        ("lfTags", {"a": ["b", "c"]}, "$.customProperties.lfTags"),
        ("lfTags", None, "$.customProperties.lfTags"),
        ("crawl", "sometimes", "$.customProperties.crawl"),
        ("crawl", ["auto"], "$.customProperties.crawl"),
        ("crawlerPrefix", "a b", "$.customProperties.crawlerPrefix"),
        ("crawlerPrefix", 3, "$.customProperties.crawlerPrefix"),
    ],
)
def test_our_own_custom_properties_are_checked_as_well(property_, value, path):
    with pytest.raises(ContractSchemaViolation) as refused:
        read(changed(customProperties=[{"property": property_, "value": value}]))
    assert refused.value.where["violations"][0]["path"] == path


def test_a_column_twice_in_the_contract_is_refused():
    with pytest.raises(ContractSchemaViolation):
        read(changed(schema=[{"name": "t", "properties": [{"name": "a"}, {"name": "A"}]}]))


@pytest.mark.parametrize("name", ["debit-card", "Credit-Card", ""])
def test_a_contract_for_another_product_is_refused(name):
    with pytest.raises(ContractNameMismatch) as refused:
        read(changed(name=name))
    assert "credit-card" in refused.value.message


@pytest.mark.parametrize(
    "location", ["s3://other/credit-card/data/", "s3://b/debit-card/data/", "s3://b/credit-cards/", "s3://b/"]
)
def test_a_server_that_is_not_the_products_is_refused(location):
    with pytest.raises(ContractLocationMismatch) as refused:
        read(changed(servers=[{"server": "x", "type": "s3", "location": location}]))
    assert refused.value.where["location"] == location


def test_a_draft_is_a_valid_contract_with_the_types_of_the_data():
    schema = TableSchema(
        columns=(
            Column(name="no", type="bigint"),
            Column(name="price", type="decimal(10,2)"),
            Column(name="s", type="struct<a:int>"),
        ),
        partition_keys=(Column(name="dt", type="string"),),
    )  # fmt: skip
    contract = read_contract(draft_contract("p1", {"t": schema}), bucket="b", key="p1/contract.yaml")
    assert contract.draft
    assert contract.table_schema("t") == schema
