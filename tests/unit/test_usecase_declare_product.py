"""A contract arrives in the producer's bucket; or data arrives without one."""

import json

import pytest
from mesh.adapters.odcs import draft_contract, read_contract
from mesh.adapters.storage import ObjectGone
from mesh.domain.keys import ContractKey
from mesh.domain.rejections import ContractNameMismatch, ContractNotYaml, ContractSchemaViolation
from mesh.usecases.declare_product import MAX_CONTRACT_BYTES, declare_product
from mesh.usecases.draft_product import NothingToDraft, draft_product

from tests.builders import BUCKET, CONTRACT, PRODUCT
from tests.fakes import FakeBus, FakeObjects, FakeTrace, FakeUploads
from tests.unit.test_usecase_inspection import GOOD
from tests.unit.test_usecase_inspection import World as Batch

KEY = f"{PRODUCT}/contract.yaml"
GUARDED = CONTRACT + "    customProperties: [{property: guard, value: {minBatches: 1}}]\n"


class World:
    """A producer."""

    def __init__(self):
        self.objects, self.uploads, self.bus, self.trace = FakeObjects(), FakeUploads(), FakeBus(), FakeTrace()

    def upload(self, text=CONTRACT):
        return self.objects.put(BUCKET, KEY, text)

    def declare(self, ref):
        return declare_product(
            ref,
            ContractKey(ref.key, PRODUCT),
            read_contract=read_contract,
            objects=self.objects,
            uploads=self.uploads,
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
    assert world.uploads.products[PRODUCT]["status"] == "declared"


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
        ("#" * (MAX_CONTRACT_BYTES + 1), ContractNotYaml),
        (CONTRACT.replace("name: credit-card", "name: loans"), ContractNameMismatch),
    ],
)
def test_a_contract_that_does_not_pass_is_not_sent(text, error):
    world = World()

    with pytest.raises(error):
        world.declare(world.upload(text))

    assert world.bus.events == []
    assert world.uploads.products == {}


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


def draft(batch, uploads, bus):
    batch.inspect()
    return draft_product(
        batch.round(),
        draft_contract=draft_contract,
        objects=batch.objects,
        uploads=uploads,
        bus=bus,
        work=batch.work,
        trace=FakeTrace(),
    )


def test_data_without_a_contract_gets_a_draft_that_central_will_read():
    batch, uploads, bus = Batch(), FakeUploads(), FakeBus()
    batch.upload("a.csv", GOOD)

    drafted = draft(batch, uploads, bus)

    [(_, text)] = bus.events
    contract = read_contract(json.loads(text)["data"]["contract"], bucket=BUCKET, key=KEY)
    assert drafted.tables == ("credit_card",)
    assert contract.draft
    assert [column.name for column in contract.tables[0].columns] == ["id", "name"]
    assert contract.table_schema("credit_card").types() == {"id": "bigint", "name": "string"}


def test_a_draft_is_sent_once_and_gives_way_to_any_real_contract():
    batch, world = Batch(), World()
    batch.upload("a.csv", GOOD)
    draft(batch, world.uploads, world.bus)

    assert not draft(batch, world.uploads, world.bus).sent
    assert world.declare(world.upload()).sent


def test_a_real_contract_is_never_replaced_by_a_draft():
    batch, world = Batch(), World()
    world.declare(world.upload())
    batch.upload("a.csv", GOOD)

    assert not draft(batch, world.uploads, world.bus).sent


def test_a_format_that_express_declines_is_drafted_too_for_the_crawler():
    batch, bus = Batch(), FakeBus()
    batch.upload("a.avro", b"Obj\x01" + b"\x00" * 100)

    assert draft(batch, FakeUploads(), bus).tables == ("credit_card",)
    contract = read_contract(json.loads(bus.events[0][1])["data"]["contract"], bucket=BUCKET, key=KEY)
    assert contract.draft
    assert contract.table_schema("credit_card") is None


def test_nothing_that_can_be_read_is_nothing_to_draft():
    batch, bus = Batch(), FakeBus()
    batch.upload("a.csv", b"")

    with pytest.raises(NothingToDraft):
        draft(batch, FakeUploads(), bus)

    assert bus.events == []
