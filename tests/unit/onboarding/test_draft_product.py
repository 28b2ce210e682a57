"""Drafts of contracts: what the checks would publish, from objects of all kinds, good and bad."""

import json

import pytest
from mesh.adapters.duckdb.reading.reading import DuckReadings
from mesh.adapters.odcs.contracts import draft_contract, read_contract
from mesh.domain.onboarding.formats.model import Curated
from mesh.usecases.onboarding.batches import Refs, read_checked
from mesh.usecases.onboarding.draft_product import Draft, draft_product
from mesh.usecases.onboarding.rounds import ProductFacts

from tests.builders import BUCKET, CONTRACT, PRODUCT
from tests.fakes import FakeBus, FakeObjects, FakeTrace, FakeUploads, FakeWorkFiles
from tests.unit.onboarding.test_declare_product import World as Declaring

BATCH = f"runs/{PRODUCT}/00000001/batch.json"


class World:
    """A producer that has declared nothing."""

    def __init__(self):
        self.objects, self.uploads, self.bus = FakeObjects(), FakeUploads(), FakeBus()
        self.work, self.refs = FakeWorkFiles(), []

    def put(self, name, body, table="t", folder="data"):
        self.refs.append(self.objects.put(BUCKET, f"{PRODUCT}/{folder}/{table}/{name}", body))
        return self.refs[-1]

    def draft(self):
        self.work.put(BATCH, Refs.dump_json(tuple(self.refs)).decode())
        round_ = Draft(
            product=PRODUCT, generation=1, work=BATCH, correlation_id="c", facts=ProductFacts(), holder="run",
        )  # fmt: skip
        return draft_product(
            round_, draft_contract=draft_contract, readings=DuckReadings(self.objects), uploads=self.uploads,
            bus=self.bus, work=self.work, trace=FakeTrace(),
        )  # fmt: skip

    def contract(self):
        [(_, text)] = self.bus.events
        return read_contract(json.loads(text)["data"]["contract"], bucket=BUCKET, key=f"{PRODUCT}/contract.yaml")


def test_a_draft_names_the_types_that_the_checks_publish():
    world = World()
    first, last = "007,1234567890123456,1,2026-11-21,x\n", "009,3,2.5,2026-11-23,z\n"
    world.put("a.csv", "code,account,amount,day,note\n" + first + "008,2,3,2026-11-22,y\n" * 3 + last)

    drafted = world.draft()

    assert (drafted.tables, drafted.sent, drafted.held) == (("t",), True, 0)
    contract = world.contract()
    assert (contract.draft, contract.crawl) == (True, "auto")
    assert contract.table_schema("t").types() == {
        "code": "string", "account": "string", "amount": "double", "day": "date", "note": "string",
    }  # fmt: skip


def test_tables_and_partition_keys_come_from_folders():
    world = World()
    world.put("dt=2026-11-01/a.csv", "id,v\n1,x\n", table="one")
    world.put("a.jsonl", '{"a": 1, "b": [1.5]}\n', table="two")
    world.draft()

    one, two = world.contract().tables
    assert (one.name, [(column.name, column.partitioned) for column in one.columns]) == (
        "one", [("id", False), ("v", False), ("dt", True)],
    )  # fmt: skip
    assert [column.hive_type for column in two.columns] == ["bigint", "array<double>"]


@pytest.mark.parametrize("bad", ["id,v\n1,2,3\n", "", "id,v\n1,\0\n"])
def test_objects_that_cannot_be_read_do_not_spoil_the_draft(bad):
    world = World()
    world.put("a.csv", "id,v\n1,x\n")
    world.put("b.csv", bad)
    world.put("c.csv", bad, table="other")

    assert world.draft().tables == ("t",)
    assert world.contract().table_schema("t").types() == {"id": "bigint", "v": "string"}
    assert read_checked(world.work, BATCH).held == (), "the next run holds them"


def test_a_draft_of_raw_objects_is_of_what_their_recipe_made():
    world = World()
    ref = world.put("a.csv", "x,y\n1,2\n", folder="raw")
    body = b"id,v\n1,x\n"
    world.objects.write("mesh-work", "runs/c.csv", body, "text/csv")
    made = Curated(bucket="mesh-work", key="runs/c.csv", size=len(body), recipe="0" * 64)
    world.put("refused.csv", "x\n1,2\n", folder="raw")
    world.refs[0] = ref.model_copy(update={"curated": made})
    world.draft()

    assert world.contract().table_schema("t").types() == {"id": "bigint", "v": "string"}


def test_what_only_a_crawler_reads_is_drafted_for_it_without_columns():
    world = World()
    world.put("a.avro", b"Obj\x01" + b"\x00" * 100)
    world.put("a.csv", "id,v\n1,x\n", table="other")

    assert world.draft().tables == ("other", "t")
    contract = world.contract()
    assert (contract.draft, contract.crawl) == (True, "glue")
    assert contract.table_schema("t") is None
    assert contract.table_schema("other").types() == {"id": "bigint", "v": "string"}


def test_a_table_that_can_be_read_needs_no_crawler():
    world = World()
    world.put("a.csv", "id,v\n1,x\n")
    world.put("b.avro", b"Obj\x01" + b"\x00" * 100)
    world.draft()

    assert (world.contract().crawl, len(world.contract().tables[0].columns)) == ("auto", 2)


def test_where_nothing_can_be_read_everything_is_held_with_its_reason():
    world = World()
    world.put("a.csv", "")
    world.put("b.csv", "id,v\n1,2,3\n", table="other")

    drafted = world.draft()

    assert (drafted.tables, drafted.sent, drafted.held, world.bus.events) == ((), False, 2, [])
    checked = read_checked(world.work, BATCH)
    assert {held.ref.key.rpartition("/")[2]: held.reason.code for held in checked.held} == {
        "a.csv": "EmptyFile", "b.csv": "RaggedRows",
    }  # fmt: skip
    assert not any(held.releasable for held in checked.held)
    assert world.draft() == drafted


def test_a_draft_is_sent_once_and_gives_way_to_any_real_contract():
    world, declaring = World(), Declaring()
    world.uploads = declaring.uploads
    world.put("a.csv", "id,v\n1,x\n")

    assert [world.draft().sent for _ in range(2)] == [True, False]
    assert declaring.declare(declaring.upload(CONTRACT)).sent
    assert not world.draft().sent


def test_what_is_too_large_for_a_draft_is_held_and_says_what_to_do(monkeypatch):
    monkeypatch.setattr("mesh.usecases.onboarding.draft_product.MAX_DRAFTED", 3)
    world = World()
    world.put("a.csv", "a,b\n1,2\n3,4\n")
    world.put("b.csv", "c,d\n1,2\n3,4\n", table="u")

    drafted = world.draft()

    assert (drafted.tables, drafted.sent, drafted.held, world.bus.events) == ((), False, 2, [])
    held = read_checked(world.work, BATCH).held
    assert {each.reason.code for each in held} == {"DraftTooLarge"}
    assert {each.reason.where["table"] for each in held} == {"t", "u"}
    assert "2 tables with 4 columns" in held[0].reason.message
    assert held[0].reason.remedy.startswith("Upload a contract")
