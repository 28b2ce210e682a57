"""Central's own look at a contract."""

from datetime import timedelta

import pytest
from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.contracts.contract import (
    ContractLocationMismatch,
    ContractNameMismatch,
    ContractNotYaml,
    ContractSchemaViolation,
)
from mesh.domain.contracts.product import RetirementIsNewer
from mesh.domain.contracts.revision import BreakingContractChange, ContractVersionNotRaised
from mesh.domain.events import ProductDeclared
from mesh.domain.governance.ontology import UnknownLFTag, parse_ontology
from mesh.domain.membership.authorisation import NotTheOwner
from mesh.usecases.contracts.check_contract import CrawlModeChanged, DomainMismatch, check_contract

from tests.builders import (
    BUCKET,
    CENTRAL,
    CONSUMER,
    CONTRACT,
    PRODUCER,
    PRODUCT,
    REGION,
    a_contract,
    a_member,
    a_product,
    a_sender,
    an_envelope,
    an_ontology,
)
from tests.fakes import NOON, FakeRegistry
from tests.unit.contracts.announcing import announcing

REVISED = CONTRACT.replace("1.0.0", "1.1.0")


def check(text=CONTRACT, *, bucket=BUCKET, sequencer="10", **given):
    declared = ProductDeclared(
        product=PRODUCT, bucket=bucket, key=f"{PRODUCT}/contract.yaml", sequencer=sequencer, contract=text
    )
    return check_declared(declared, **given)


def check_declared(declared, *, registry=None, account=PRODUCER, domains=("retail",), ontology=None):
    registry = registry if registry is not None else FakeRegistry(a_member())
    return check_contract(
        an_envelope(declared, account=account),
        a_sender(account, domains=domains),
        catalog_id=CENTRAL,
        region=REGION,
        read_contract=read_contract,
        announcing=announcing(registry, ontology=ontology),
    )


def test_a_valid_contract_claims_its_name_and_gives_the_registration():
    registry = FakeRegistry(a_member())

    checked = check(registry=registry)

    assert checked.current
    made = checked.registration
    assert (made.database, made.catalog_id, made.owner) == (PRODUCT, CENTRAL, PRODUCER)
    assert made.location == f"s3://{BUCKET}/{PRODUCT}/published/"
    assert made.tags == {"product": PRODUCT, "domain": "retail", "confidentiality": "internal", "pii": "none"}
    assert (made.crawler_prefix, made.draft) == ("credit", False)
    claimed = registry.products[PRODUCT]
    assert (claimed.owner, claimed.status, claimed.contract_sequencer) == (PRODUCER, "claimed", "10")


def test_a_contract_without_a_domain_gets_its_senders():
    assert check().registration.domain == "retail"
    assert check(CONTRACT + "domain: retail\n").registration.domain == "retail"


def test_a_sender_of_several_domains_names_one_of_them_or_means_the_first():
    both = ("risk", "retail")
    assert check(domains=both).registration.domain == "risk"
    assert check(CONTRACT + "domain: retail\n", domains=both).registration.tags["domain"] == "retail"


def test_another_domain_than_the_senders_is_refused():
    for domains in (("retail",), ("retail", "payments")):
        with pytest.raises(DomainMismatch):
            check(CONTRACT + "domain: risk\n", domains=domains)


def test_another_producers_product_is_refused_and_stays_its_owners():
    registry = FakeRegistry(a_member(), a_member(CONSUMER, "both"))
    registry.products[PRODUCT] = a_product()
    bucket = BUCKET.replace(PRODUCER, CONSUMER)

    with pytest.raises(NotTheOwner):
        check(registry=registry, account=CONSUMER, bucket=bucket, sequencer="99")

    assert registry.products[PRODUCT].owner == PRODUCER


def test_another_producers_bucket_is_refused_before_anything_is_claimed():
    registry = FakeRegistry(a_member())

    with pytest.raises(NotTheOwner):
        check(registry=registry, bucket=BUCKET.replace(PRODUCER, CONSUMER))

    assert registry.products == {}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (CONTRACT.replace("confidentiality: internal", "confidentiality: secret"), UnknownLFTag),
        (CONTRACT.replace("confidentiality: internal", "colour: red"), UnknownLFTag),
        (CONTRACT.replace("confidentiality: internal", "product: other"), UnknownLFTag),
        (CONTRACT.replace("classification: pii", "classification: secretish"), UnknownLFTag),
        (CONTRACT.replace("name: credit-card", "name: loans"), ContractNameMismatch),
        (CONTRACT.replace("version: 1.0.0", "version: [1]"), ContractSchemaViolation),
        (CONTRACT + "servers: [{server: s, type: s3, location: 's3://other-bucket/credit-card/data/'}]\n",
         ContractLocationMismatch),
        ("name: [unclosed", ContractNotYaml),
        ("\x00\x01binary", ContractNotYaml),
    ],
)  # fmt: skip
def test_a_contract_that_does_not_pass_claims_nothing(text, error):
    registry = FakeRegistry(a_member())

    with pytest.raises(error):
        check(text, registry=registry)

    assert registry.products == {}


def test_a_contract_of_another_name_than_was_declared_is_refused():
    """Glue folds names of databases: Credit-Card would be credit-card's."""
    declared = ProductDeclared(
        product="loans",
        bucket=BUCKET,
        key="Credit-Card/contract.yaml",
        sequencer="10",
        contract=CONTRACT.replace("name: credit-card", "name: Credit-Card"),
    )
    registry = FakeRegistry(a_member())
    with pytest.raises(ContractNameMismatch):
        check_declared(declared, registry=registry)
    assert registry.products == {}


@pytest.mark.parametrize("name", ["default", "sys"])
def test_a_name_that_is_reserved_is_refused(name):
    declared = ProductDeclared(
        product=name,
        bucket=BUCKET,
        key=f"{name}/contract.yaml",
        sequencer="10",
        contract=CONTRACT.replace("name: credit-card", f"name: {name}"),
    )
    with pytest.raises(ContractSchemaViolation) as caught:
        check_declared(declared)
    assert "reserve" in caught.value.where["violations"][0]["message"]


REQUIRED = CONTRACT.replace("- {name: laufkont, logicalType: integer}", "- {name: laufkont, logicalType: string}")
MORE = CONTRACT.replace("- {name: email,", "- {name: telef, logicalType: boolean}\n      - {name: email,")


def test_central_refuses_a_bad_setting_of_the_guard_as_well():
    with pytest.raises(ContractSchemaViolation, match="minBatches"):
        check(CONTRACT + "    customProperties: [{property: guard, value: {minBatches: 1}}]\n")


def registered(*subscribers):
    registry = FakeRegistry(a_member())
    registry.products[PRODUCT] = a_product()
    for account in subscribers:
        registry.subscribe(PRODUCT, account, NOON)
    return registry


def test_a_compatible_change_with_a_later_version_is_accepted_and_reported():
    registry = registered()

    checked = check(MORE.replace("1.0.0", "1.1.0"), registry=registry, sequencer="11")

    assert checked.current
    assert checked.changes == ("credit_card.telef: added (boolean)",)
    assert registry.products[PRODUCT].contract_version == "1.1.0"


@pytest.mark.parametrize("version", ["1.0.0", "0.9.9", "1.0.0-rc.1", "1.0.0+build.2"])
def test_a_changed_contract_needs_a_later_version(version):
    registry = registered()

    with pytest.raises(ContractVersionNotRaised) as refused:
        check(MORE.replace("1.0.0", version), registry=registry, sequencer="11")

    assert refused.value.where["needed"] == "1.1.0"
    assert refused.value.where["changes"] == ["credit_card.telef: added (boolean)"]
    assert (refused.value.where["bucket"], refused.value.where["key"]) == (BUCKET, f"{PRODUCT}/contract.yaml")
    assert registry.products[PRODUCT] == a_product()


def test_a_breaking_change_without_a_new_major_names_changes_and_live_subscribers():
    registry = registered(CONSUMER, "444444444444", PRODUCER)

    with pytest.raises(BreakingContractChange) as refused:
        check(REQUIRED.replace("1.0.0", "1.7.0"), registry=registry, sequencer="11")

    assert refused.value.where["changes"] == ["credit_card.laufkont: type changed, bigint → string"]
    assert (refused.value.where["subscribers"], refused.value.where["needed"]) == (2, "2.0.0")
    assert registry.products[PRODUCT] == a_product()


def test_a_breaking_change_with_a_new_major_goes_on():
    registry = registered(CONSUMER)

    assert check(REQUIRED.replace("1.0.0", "2.0.0"), registry=registry, sequencer="11").current
    assert registry.products[PRODUCT].contract_version == "2.0.0"


def test_tables_that_revisions_dropped_are_known_until_one_describes_them_again():
    registry = registered(CONSUMER)
    lines = CONTRACT.replace("name: credit_card", "name: cards")

    def dropped(version, text, sequencer):
        found = check(text.replace("1.0.0", version), registry=registry, sequencer=sequencer)
        assert registry.products[PRODUCT].dropped == found.registration.dropped
        return found.registration.dropped

    assert dropped("2.0.0", lines, "11") == ("credit_card",)
    assert dropped("2.0.0", lines, "11") == ("credit_card",), "delivered again"
    assert dropped("3.0.0", CONTRACT.replace("name: credit_card", "name: loans"), "12") == ("credit_card", "cards")
    assert dropped("4.0.0", CONTRACT, "13") == ("cards", "loans")


def test_the_same_contract_laid_out_otherwise_is_the_same_contract():
    registry = registered()

    assert check("# with a remark\n" + CONTRACT, registry=registry, sequencer="11").changes == ()


def test_a_late_older_contract_is_superseded_whatever_its_version():
    registry = registered()

    late = check(REQUIRED.replace("1.0.0", "0.1.0"), registry=registry, sequencer="0F")

    assert not late.current
    assert registry.products[PRODUCT] == a_product()


def test_a_draft_is_replaced_by_a_contract_of_any_version():
    registry = registered()
    registry.products[PRODUCT] = a_product(a_contract(CONTRACT.replace("status: active", "status: draft")))

    assert check(REQUIRED.replace("1.0.0", "0.1.0"), registry=registry, sequencer="11").current


@pytest.mark.parametrize("version", ["1.0.1", "2.0.0"])
def test_a_draft_replaces_no_contract(version):
    """What came after it would be compared with nothing, and loosen by silence what it leaves out."""
    registry = registered(CONSUMER)
    draft = CONTRACT.replace("status: active", "status: draft").replace("1.0.0", version)

    with pytest.raises(BreakingContractChange, match="it is a draft"):
        check(draft, registry=registry, sequencer="11")

    assert registry.products[PRODUCT] == a_product()


def test_a_run_that_is_started_again_knows_that_a_draft_was_before_until_the_contract_is_registered():
    registry = registered()
    registry.products[PRODUCT] = a_product(a_contract(CONTRACT.replace("status: active", "status: draft")))
    assert check(registry=registry, sequencer="11").registration.after_draft

    assert check(registry=registry, sequencer="11").registration.after_draft, "its first run failed after the claim"
    registry.mark_registered(PRODUCT, "11", NOON)
    assert not check(registry=registry, sequencer="11").registration.after_draft, "delivered again"


GLUE = CONTRACT.replace("{property: crawlerPrefix", "{property: crawl, value: glue}\n  - {property: crawlerPrefix")
EXPRESS = GLUE.replace("value: glue", "value: express")


@pytest.mark.parametrize(("before", "after"), [(CONTRACT, GLUE), (GLUE, CONTRACT), (EXPRESS, GLUE)])
def test_who_fills_the_tables_of_a_product_with_versions_stays(before, after):
    registry = registered()
    registry.products[PRODUCT] = a_product(a_contract(before), version=1)

    with pytest.raises(CrawlModeChanged, match="has versions"):
        check(after.replace("1.0.0", "2.0.0"), registry=registry, sequencer="11")

    registry.products[PRODUCT] = a_product(a_contract(before))
    assert check(after.replace("1.0.0", "2.0.0"), registry=registry, sequencer="11").current


def test_auto_means_express():
    registry = registered()
    registry.products[PRODUCT] = a_product(version=1)
    assert check(EXPRESS.replace("1.0.0", "1.0.1"), registry=registry, sequencer="11").registration.crawl == "express"


def test_promises_that_are_not_enforced_are_reported_to_the_owner():
    text = CONTRACT.replace("- {name: laufkont,", "- {name: laufkont, required: true, encryptedName: l,")
    text += "slaProperties: [{property: latency, value: 4, unit: d}, {property: retention, value: 4, unit: y}]\n"

    found = check(text).registration.contract["not_enforced"]

    assert [(item["where"], item["what"]) for item in found] == [
        ("$.schema[0].properties[0].encryptedName", "laufkont: l"),
        ("$.slaProperties[1]", "retention = 4 y"),
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ('query: ""', "the query is empty"),
        ('query: "delete from credit_card"', "the query is not a SELECT: it begins with 'delete'"),
        ('query: "select 1; select 2"', "the query is more than one statement"),
        ('query: "select count(*) from {object} where 1 / 0 = 1"', "the query divides by zero"),
        ('query: "select count(*) from loans.all"', "the query reads loans.all: a rule reads its own table alone"),
    ],
)
def test_a_quality_rule_that_cannot_be_evaluated_is_refused_when_it_arrives(rule, message):
    text = CONTRACT.replace("- {name: laufkont,", f"- {{name: laufkont, quality: [{{type: sql, mustBe: 0, {rule}}}],")

    with pytest.raises(ContractSchemaViolation) as refused:
        check(text)

    assert refused.value.where["violations"] == [{"path": "$.schema[0].properties[0].quality[0]", "message": message}]


def test_an_older_contract_is_not_current_and_changes_nothing():
    registry = FakeRegistry(a_member())
    check(registry=registry, sequencer="20")

    late = check(CONTRACT.replace("1.0.0", "0.9.0"), registry=registry, sequencer="1F")

    assert not late.current
    assert registry.products[PRODUCT].contract_version == "1.0.0"


def test_a_redelivered_contract_is_still_current():
    registry = FakeRegistry(a_member())
    check(registry=registry)

    assert check(registry=registry).current


def test_a_retired_product_is_revived_by_a_newer_contract_and_not_by_its_last_one_delivered_again():
    registry = registered()
    registry.products[PRODUCT] = a_product(status="retired", retirements={"r-1": "10"})

    assert not check(registry=registry).current
    assert check(registry=registry, sequencer="11").current
    assert check(registry=registry, sequencer="11").current, "its first run failed after the claim"


def test_a_newer_contract_keeps_the_products_version_and_state():
    registry = FakeRegistry(a_member())
    registry.products[PRODUCT] = a_product(version=7)

    check(CONTRACT.replace("1.0.0", "2.0.0"), registry=registry, sequencer="11")

    product = registry.products[PRODUCT]
    assert (product.contract_version, product.version, product.status) == ("2.0.0", 7, "registered")


def renaming(until="2099-12-31"):
    """The ontology with another name for `internal` and for the domain `retail`."""
    keys = an_ontology().model_dump(mode="json")["keys"]
    for key, old, new in (("confidentiality", "internal", "company"), ("domain", "retail", "shops")):
        values = keys[key]["values"]
        keys[key]["values"] = {
            new if name == old else name: {**each, "renamed_from": {old: until} if name == old else {}}
            for name, each in values.items()
        }
        keys[key]["default"] = new if keys[key]["default"] == old else keys[key]["default"]
    return parse_ontology({"keys": keys})


def test_a_contract_that_says_old_names_is_registered_by_the_new_ones_and_that_is_noted():
    registry = FakeRegistry(a_member())
    registry.products[PRODUCT] = a_product()

    text = CONTRACT.replace("version: 1.0.0", "version: 1.0.1") + "domain: retail\n"
    checked = check(text, registry=registry, sequencer="99", ontology=renaming())

    made = checked.registration
    assert (made.domain, made.tags["domain"], made.tags["confidentiality"]) == ("shops", "shops", "company")
    assert "internal" not in str(made.contract["lf_tags"])
    assert [each.partition(":")[0] for each in checked.renamed] == [
        "$.domain",
        "$.customProperties.lfTags.confidentiality",
    ]
    assert "write company" in checked.renamed[1]
    assert checked.changes == ()


def test_an_old_name_is_refused_when_its_time_is_over():
    with pytest.raises(UnknownLFTag, match="is called 'company' and was read until 2026-01-31") as refusal:
        check(ontology=renaming("2026-01-31"))
    assert refusal.value.remedy == "Write company in place of internal."
    assert refusal.value.where["path"] == "$.customProperties.lfTags.confidentiality"


def test_a_contract_that_was_sent_before_the_product_was_retired_and_comes_after_it_revives_nothing():
    """Contracts of these tests are sent at noon."""
    with pytest.raises(RetirementIsNewer) as refused:
        check(REVISED, sequencer="78", registry=retired(NOON + timedelta(seconds=1)))
    assert refused.value.where["product"] == PRODUCT
    assert check(REVISED, sequencer="78", registry=retired(NOON)).current


def retired(sent):
    registry = FakeRegistry(a_member())
    registry.products[PRODUCT] = a_product(a_contract(), contract_sequencer="77")
    registry.mark_retired(registry.product(PRODUCT), "r-1", sent, NOON + timedelta(hours=2))
    return registry


def test_when_a_run_began_with_a_contract_is_known_to_its_next_step():
    """By that it knows what another delivery has registered since."""
    assert check().registration.checked_at == NOON
