"""A batch inspected: bad objects named, each with its reason, and good ones merged beside them."""

import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mesh.usecases.batches import Refs
from mesh.usecases.inspection import Inspection, ProductFacts, Round, inspect_batch

from tests.builders import BUCKET, CORRELATION, a_contract
from tests.fakes import FakeCatalog, FakeObjects, FakeUploads, FakeWorkFiles

FOLDER = "credit-card/data/credit_card/"
GOOD = "id,name\n1,ana\n2,bob\n"


def parquet(**columns):
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


class World:
    """A producer with a batch to inspect."""

    def __init__(self, **facts):
        self.objects, self.catalog, self.work = FakeObjects(), FakeCatalog(), FakeWorkFiles()
        self.uploads = FakeUploads()
        self.catalog.create_resource_link("rl_credit-card", catalog="1", database="credit-card", region="r")
        self.facts = ProductFacts(link="rl_credit-card", database="credit-card", **facts)
        self.refs = []

    def upload(self, name, body, folder=FOLDER):
        ref = self.objects.put(BUCKET, folder + name, body)
        self.refs.append(ref)
        return ref

    def round(self, generation=1):
        work = f"runs/credit-card/{generation:08d}/batch.json"
        return Round(
            product="credit-card", generation=generation, work=work, correlation_id=CORRELATION, facts=self.facts
        )

    def inspect(self, generation=1):
        self.work.put(self.round(generation).work, Refs.dump_json(tuple(self.refs)).decode())
        return inspect_batch(self.round(generation), objects=self.objects, catalog=self.catalog, work=self.work)

    def found(self, generation=1):
        return Inspection.model_validate_json(self.work.documents[self.round(generation).inspection])


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("empty.csv", b"", "EmptyFile"),
        ("blank.csv", b" \n \n", "EmptyFile"),
        ("header.csv", "id,name\n", "HeaderWithoutRows"),
        ("ragged.csv", "id,name\n1,ana\n2\n", "RaggedRows"),
        ("twice.csv", "id,ID\n1,2\n", "DuplicateColumns"),
        ("nameless.csv", "id,,c\n1,2,3\n", "EmptyColumnName"),
        ("junk.csv", bytes(range(256)) * 8, "BinaryContent"),
        ("corrupt.parquet", b"PAR1" + b"\x07" * 64 + b"PAR1", "CorruptParquet"),
        ("cut.parquet", parquet(id=[1])[:-6], "CorruptParquet"),
        ("broken.json", '{"id": 1}\n{"id": \n', "MalformedJson"),
        ("array.json", "[1, 2]\n", "MalformedJson"),
        ("latin.csv", "id,name\n1,größe\n".encode("latin-1"), "UnsupportedEncoding"),
        ("fake.csv.gz", b"id,name\n1,ana\n", "InconsistentCompression"),
        ("quote.csv", 'id,name\n1,"ana\n', "UnclosedQuote"),
    ],
)
def test_a_bad_object_is_named_with_bucket_key_and_reason(name, body, code):
    world = World()
    world.upload(name, body)

    summary = world.inspect()

    assert (summary.accepted, summary.rejected) == (0, 1)
    [rejection] = world.found().rejected
    assert rejection.reason.code == code
    assert (rejection.reason.where["bucket"], rejection.reason.where["key"]) == (BUCKET, FOLDER + name)
    assert rejection.reason.message
    assert rejection.reason.remedy
    assert rejection.move


def test_good_objects_are_accepted_beside_bad_ones():
    world = World()
    world.upload("a.csv", GOOD)
    world.upload("b.csv", b"")
    world.upload("c.csv", GOOD)

    summary = world.inspect()

    assert (summary.accepted, summary.rejected, summary.mode) == (2, 1, "express")
    [table] = world.found().tables
    assert (table.table, table.new_table, table.objects) == ("credit_card", True, 2)
    assert table.merged.table_schema.types() == {"id": "bigint", "name": "string"}


def test_an_object_that_was_deleted_before_the_crawl_is_named_as_gone():
    world = World()
    world.upload("a.csv", GOOD)
    world.objects.delete(BUCKET, FOLDER + "a.csv")

    assert world.inspect().rejected == 1
    assert world.found().rejected[0].reason.code == "ObjectGone"


def test_files_whose_types_cannot_be_merged_set_one_aside():
    world = World()
    world.upload("a.parquet", parquet(id=[1]))
    world.upload("b.parquet", parquet(id=[[1, 2]]))

    assert (world.inspect().accepted, world.found().rejected[0].reason.code) == (1, "UnmergeableTypes")


def test_a_file_that_disagrees_with_the_table_is_set_aside_not_the_table():
    world = World()
    world.catalog.tables["credit-card", "credit_card"] = {
        "Name": "credit_card",
        "Parameters": {"classification": "parquet"},
        "StorageDescriptor": {"Columns": [{"Name": "id", "Type": "bigint"}]},
        "PartitionKeys": [],
    }
    world.upload("a.csv", GOOD)

    assert world.inspect().accepted == 0
    assert world.found().rejected[0].reason.code == "MixedFormats"


def test_two_tables_of_a_product_do_not_mix():
    world = World()
    world.upload("a.csv", GOOD)
    world.upload("a.parquet", parquet(x=[1.5]), "credit-card/data/ratings/")

    assert world.inspect().accepted == 2
    assert [table.table for table in world.found().tables] == ["credit_card", "ratings"]


def test_new_partitions_are_those_the_catalog_lacks():
    world = World()
    world.upload("dt=2026-11-21/a.csv", GOOD)
    world.upload("dt=2026-11-22/a.csv", GOOD)
    world.catalog.tables["credit-card", "credit_card"] = {
        "Name": "credit_card",
        "StorageDescriptor": {"Columns": [{"Name": "id", "Type": "bigint"}, {"Name": "name", "Type": "string"}]},
        "PartitionKeys": [{"Name": "dt", "Type": "string"}],
    }
    world.catalog.create_partitions("rl_credit-card", "credit_card", [{"Values": ["2026-11-21"]}])

    world.inspect()

    [table] = world.found().tables
    assert table.new_partition_paths == ("dt=2026-11-22",)


def test_a_retry_finds_what_was_found_and_not_its_own_effects():
    world = World()
    world.upload("a.csv", GOOD)
    first = world.inspect()
    written = world.work.documents[world.round().inspection]
    world.catalog.tables["credit-card", "credit_card"] = {"Name": "credit_card", "StorageDescriptor": {}}

    again = world.inspect()

    assert (again.accepted, again.mode) == (first.accepted, first.mode)
    assert world.work.documents[world.round().inspection] == written
    assert world.found().tables[0].new_table


@pytest.mark.parametrize(("crawl", "mode"), [("auto", "express"), ("express", "express"), ("glue", "glue")])
def test_the_contract_chooses_how_to_crawl(crawl, mode):
    world = World(crawl=crawl)
    world.upload("a.csv", GOOD)

    assert world.inspect().mode == mode


def test_a_format_that_express_declines_goes_to_the_crawler():
    world = World()
    world.upload("a.avro", b"Obj\x01" + b"\x00" * 100)

    assert world.inspect().mode == "glue"
    [table] = world.found().tables
    assert (table.merged, table.objects, table.bytes) == (None, 1, 104)


def test_the_contracts_types_and_personal_data_are_found():
    contract = a_contract().model_dump(mode="json", exclude_defaults=True)
    world = World(contract=contract)
    world.upload("a.csv", "laufkont,email\n1,ana@example.com\n2,bob@example.com\n")

    world.inspect()

    [table] = world.found().tables
    assert table.merged.table_schema.types() == {"laufkont": "bigint", "email": "string"}
    assert [finding.column for finding in table.findings] == ["email"]


def test_no_sample_of_the_data_is_written_down():
    world = World()
    world.upload("a.csv", "id,email\n1,ana.secret@example.com\n2,bob@example.com\n")

    world.inspect()

    assert "ana.secret" not in world.work.documents[world.round().inspection]


def test_without_a_contract_nothing_is_accepted_and_no_catalog_is_asked():
    world = World()
    world.facts = ProductFacts()
    world.catalog = None
    world.upload("a.csv", GOOD)
    world.upload("a.avro", b"Obj\x01" + b"\x00" * 100)

    assert (world.inspect().accepted, world.found().tables) == (0, ())
    assert {rejection.reason.code for rejection in world.found().rejected} == {"ContractNeeded"}


def test_how_much_was_read_is_counted():
    world = World()
    body = gzip.compress(GOOD.encode())
    world.upload("a.csv.gz", body)

    assert world.inspect().bytes_read == len(body)
