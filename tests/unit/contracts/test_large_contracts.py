"""Contracts as large as data may be, wherever AWS has a limit; what is larger is refused before anything is sent."""

import json
from functools import cache

import pytest
from mesh.adapters.dynamodb.items import dump
from mesh.adapters.dynamodb.registry import _product_item
from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.contracts.contract import MAX_TEXT, ContractNotYaml, ContractSchemaViolation
from mesh.domain.contracts.registration import Registration
from mesh.domain.events import Event, ProductDeclared, ProductRegistered
from mesh.usecases.onboarding.rounds import ProductFacts

from tests.builders import BUCKET, CONTRACT, PRODUCT
from tests.unit.contracts import test_check_contract
from tests.unit.contracts.test_check_contract import check
from tests.unit.contracts.test_register_product import World as Registering
from tests.unit.onboarding import test_declare_product
from tests.unit.onboarding.test_declare_product import World as Declaring

STATE = 262_144
"""Bytes of a state's payload, and of a message of a topic."""
ITEM = 400 * 1024
ROOM = 20_000
"""What else is in them."""


def wide(tables: int, columns: int, more: str = "") -> str:
    head = CONTRACT.partition("schema:")[0]
    text = [
        f"  - name: t{table}\n    properties:\n"
        + "".join(f"      - {{name: column_{n}, logicalType: integer{more}}}\n" for n in range(columns))
        for table in range(tables)
    ]
    return head + "schema:\n" + "".join(text)


@pytest.fixture(autouse=True)
def _read_once(monkeypatch):
    """Reading so many columns takes seconds, and is not what these tests are about."""
    read = cache(lambda text, bucket, key: read_contract(text, bucket=bucket, key=key))

    def reading(text, *, bucket, key):
        return read(text if isinstance(text, str) else text.decode(), bucket, key)

    monkeypatch.setattr(test_check_contract, "read_contract", reading)
    monkeypatch.setattr(test_declare_product, "read_contract", reading)


def test_a_contract_of_5000_columns_fits_wherever_it_goes():
    text = wide(1, 5_000, ", classification: pii")
    declaring, registering = Declaring(), Registering()
    declaring.declare(declaring.upload(text))
    [(_, declared)] = declaring.bus.events
    assert len(declared) < STATE - ROOM  # the input of register-product

    checked = check(Event[ProductDeclared].model_validate_json(declared).data.contract)
    result = checked.model_dump_json()
    assert len(result) < STATE - ROOM  # what CheckContract returns, and RegisterProduct is given
    again = Registration.model_validate(json.loads(result)["registration"])
    assert again == checked.registration

    registering.registration = again
    announced = registering.register().model_dump_json()
    assert len(announced) < STATE - ROOM  # the message, and the input of prepare-product
    contract = Event[ProductRegistered].model_validate_json(announced).data.contract
    assert [len(table["columns"]) for table in contract["tables"]] == [5_000]
    facts = ProductFacts(contract=contract).model_dump_json()
    assert len(facts) < STATE - ROOM  # of TakeBatch, and of each step of a round
    assert ProductFacts.model_validate_json(facts).promised == ProductFacts(contract=contract).promised

    product = registering.registry.products[PRODUCT].evolve(contract=again.contract)
    assert len(json.dumps(dump(_product_item(product)))) < ITEM - ROOM


def described(length: int) -> str:
    """A contract whose one text is used by a thousand columns."""
    text = f'x-text: &t "{"a" * length}"\n'
    return text + wide(1, 1_000, ", description: *t")


def nested() -> str:
    """Twenty thousand times the same column of a struct."""
    fields = ", ".join(f"{{name: f{n}, logicalType: integer}}" for n in range(100))
    text = wide(1, 1) + f"      - &c {{name: s, logicalType: object, properties: [{fields}]}}\n"
    return text + "      - *c\n" * 1_000


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        pytest.param("#" * (MAX_TEXT + 1), ContractNotYaml, "1,048,576 bytes", id="bytes"),
        pytest.param(described(10_000), ContractNotYaml, "2,097,152 characters", id="aliases"),
        pytest.param(wide(1, 5_001), ContractSchemaViolation, "5,001 columns, 5,000 are possible", id="columns"),
        pytest.param(nested(), ContractNotYaml, "100,000 nodes", id="nodes"),
    ],
)
def test_what_is_over_a_limit_is_refused_with_the_limit(text, error, says):
    with pytest.raises(error, match=says) as refused:
        read_contract(text, bucket=BUCKET, key=f"{PRODUCT}/contract.yaml")
    assert "Split the product" in refused.value.remedy
    assert refused.value.where["key"] == f"{PRODUCT}/contract.yaml"


def test_what_does_not_get_small_enough_is_refused():
    noise = "".join(chr(0x4E00 + (n * n * 7919 + n * 104_729) % 20_000) for n in range(90_000))
    text = CONTRACT + f'description: {{purpose: "{noise}"}}\n'
    with pytest.raises(ContractNotYaml, match="when it is compressed, 120,000 are possible"):
        read_contract(text, bucket=BUCKET, key=f"{PRODUCT}/contract.yaml")


def test_a_refusal_repeats_no_more_of_it_than_an_error_of_a_state_holds():
    text = CONTRACT.replace("status: active", f"status: 3\nversion: {'x' * 300_000}").replace("version: 1.0.0\n", "")
    with pytest.raises(ContractSchemaViolation) as refused:
        read_contract(text, bucket=BUCKET, key=f"{PRODUCT}/contract.yaml")
    assert len(str(refused.value)) < 32_768
