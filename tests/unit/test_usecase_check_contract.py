"""Central's own look at a contract."""

import pytest
from mesh.adapters.odcs import read_contract
from mesh.domain.events import ProductDeclared
from mesh.domain.membership import NotTheOwner
from mesh.domain.rejections import (
    ContractLocationMismatch,
    ContractNameMismatch,
    ContractNotYaml,
    ContractSchemaViolation,
    UnknownLFTag,
)
from mesh.usecases.check_contract import DomainMismatch, check_contract

from tests.builders import (
    BUCKET,
    CENTRAL,
    CONSUMER,
    CONTRACT,
    PRODUCER,
    PRODUCT,
    REGION,
    a_member,
    a_product,
    a_sender,
    an_envelope,
    an_ontology,
)
from tests.fakes import FakeClock, FakeRegistry


def check(text=CONTRACT, *, registry=None, bucket=BUCKET, sequencer="10", account=PRODUCER):
    declared = ProductDeclared(
        product=PRODUCT, bucket=bucket, key=f"{PRODUCT}/contract.yaml", sequencer=sequencer, contract=text
    )
    return check_contract(
        an_envelope(declared, account=account),
        a_sender(account),
        catalog_id=CENTRAL,
        region=REGION,
        ontology=an_ontology(),
        read_contract=read_contract,
        registry=registry if registry is not None else FakeRegistry(a_member()),
        clock=FakeClock(),
    )


def test_a_sound_contract_claims_its_name_and_says_what_to_make():
    registry = FakeRegistry(a_member())

    checked = check(registry=registry)

    assert checked.current
    made = checked.registration
    assert (made.database, made.catalog_id, made.owner) == (PRODUCT, CENTRAL, PRODUCER)
    assert made.location_arn == f"arn:aws:s3:::{BUCKET}/{PRODUCT}/data"
    assert made.tags == {"product": PRODUCT, "domain": "retail", "confidentiality": "internal", "pii": "none"}
    assert (made.crawler_prefix, made.draft) == ("credit", False)
    claimed = registry.products[PRODUCT]
    assert (claimed.owner, claimed.status, claimed.contract_sequencer) == (PRODUCER, "claimed", "10")


def test_a_contract_without_a_domain_gets_its_senders():
    assert check().registration.domain == "retail"
    assert check(CONTRACT + "domain: retail\n").registration.domain == "retail"


def test_another_domain_than_the_senders_is_refused():
    with pytest.raises(DomainMismatch):
        check(CONTRACT + "domain: risk\n")


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


def test_a_newer_contract_keeps_the_products_version_and_state():
    registry = FakeRegistry(a_member())
    registry.products[PRODUCT] = a_product(version=7)

    check(CONTRACT.replace("1.0.0", "2.0.0"), registry=registry, sequencer="11")

    product = registry.products[PRODUCT]
    assert (product.contract_version, product.version, product.status) == ("2.0.0", 7, "registered")
