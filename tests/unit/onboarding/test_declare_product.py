"""A contract arrives in the producer's bucket; or data arrives without one."""

import json

import pytest
from mesh.adapters.duckdb.measuring.rule_trial import try_rules
from mesh.adapters.odcs.contracts import read_contract
from mesh.adapters.s3.storage import ObjectGone
from mesh.domain.contracts.contract import MAX_TEXT, ContractNameMismatch, ContractNotYaml, ContractSchemaViolation
from mesh.domain.onboarding.keys import ContractKey
from mesh.usecases.onboarding.declare_product import declare_product

from tests.builders import BUCKET, CONTRACT, PRODUCT
from tests.fakes import FakeBus, FakeObjects, FakeRevisions, FakeTrace, FakeUploads

KEY = f"{PRODUCT}/contract.yaml"
GUARDED = CONTRACT + "    customProperties: [{property: guard, value: {minBatches: 1}}]\n"


class World:
    """A producer."""

    def __init__(self):
        self.objects, self.uploads, self.bus, self.trace = FakeObjects(), FakeUploads(), FakeBus(), FakeTrace()
        self.revisions = FakeRevisions()

    def upload(self, text=CONTRACT):
        return self.objects.put(BUCKET, KEY, text)

    def declare(self, ref):
        return declare_product(
            ref,
            ContractKey(ref.key, PRODUCT),
            read_contract=read_contract,
            try_rules=try_rules,
            objects=self.objects,
            uploads=self.uploads,
            revisions=self.revisions,
            bus=self.bus,
            trace=self.trace,
        )


def test_a_contract_is_declared_as_the_text_that_was_uploaded():
    world = World()

    declared = world.declare(world.upload())

    [(kind, text)] = world.bus.events
    data = json.loads(text)["data"]
    assert (kind, declared.sent) == ("ProductDeclared", True)
    assert (data["bucket"], data["key"], data["contract"]) == (BUCKET, KEY, CONTRACT)
    assert json.loads(text)["metadata"]["correlation_id"] == declared.correlation_id
    assert world.uploads.facts[PRODUCT]["status"] == "declared"


def test_a_redelivered_event_declares_once():
    world = World()
    ref = world.upload()
    world.declare(ref)

    again = world.declare(ref)

    assert not again.sent
    assert len(world.bus.events) == 1


def test_contracts_out_of_order_leave_the_newest():
    world = World()
    old, new = world.upload(), world.upload(CONTRACT.replace("1.0.0", "2.0.0"))
    world.declare(new)

    assert not world.declare(old).sent
    assert "2.0.0" in world.bus.events[-1][1]


def test_the_version_of_the_event_is_read_and_not_a_later_one():
    world = World()
    old = world.upload()
    world.upload("not: the one")

    world.declare(old)

    assert json.loads(world.bus.events[0][1])["data"]["contract"] == CONTRACT


def test_a_crash_before_the_record_sends_the_same_event_again():
    world = World()
    ref = world.upload()
    record = world.uploads.record_declared
    world.uploads.record_declared = lambda *_: (_ for _ in ()).throw(RuntimeError("crashed"))
    with pytest.raises(RuntimeError):
        world.declare(ref)
    world.uploads.record_declared = record

    world.declare(ref)

    first, again = (json.loads(text) for _, text in world.bus.events)
    assert first["metadata"]["id"] == again["metadata"]["id"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: [", ContractNotYaml),
        ("#" * (MAX_TEXT + 1), ContractNotYaml),
        (CONTRACT.replace("name: credit-card", "name: loans"), ContractNameMismatch),
    ],
)
def test_a_contract_that_does_not_pass_is_not_sent(text, error):
    world = World()

    with pytest.raises(error):
        world.declare(world.upload(text))

    assert world.bus.events == []
    assert world.uploads.facts == {}


def test_a_bad_setting_of_the_guard_is_refused_when_the_contract_arrives():
    world = World()
    ref = world.upload(GUARDED)

    with pytest.raises(ContractSchemaViolation) as refusal:
        world.declare(ref)

    assert [each["path"] for each in refusal.value.where["violations"]] == [
        "$.schema[0].customProperties.guard.minBatches"
    ]
    assert (refusal.value.where["bucket"], refusal.value.where["key"]) == (BUCKET, KEY)
    assert world.bus.events == []


def test_a_contract_that_was_deleted_is_gone():
    world = World()
    ref = world.upload()
    world.objects.delete(BUCKET, KEY)

    with pytest.raises(ObjectGone):
        world.declare(ref)


def test_a_contract_with_a_byte_order_mark_is_read():
    world = World()

    assert world.declare(world.upload("\ufeff" + CONTRACT)).sent
    assert json.loads(world.bus.events[0][1])["data"]["contract"] == CONTRACT
