"""From landing to readers with `crawl: glue`: Parquet in a folder of Hive, which a Glue crawler makes a table of."""

from copy import deepcopy

import pytest
from mesh.domain.contracts.product import NotYetReadable
from mesh.domain.events import ProposalSettled
from mesh.domain.governance.ontology import PUBLICATION
from mesh.usecases.onboarding.confirm_crawl import CatalogBehind, NotCrawled

from tests.builders import BUCKET, PRODUCT, REGION
from tests.pipeline import Pipeline, contract_of

LOANS = {"id": "bigint", "amount": "double", "note": "string"}
FOLDER = f"{PRODUCT}/published/hive/t/"


@pytest.fixture
def s3(aws):
    return aws("s3", region_name=REGION)


@pytest.fixture
def loans(s3):
    """With a contract of three columns."""
    return Pipeline(s3, contract_of(LOANS), crawl="glue")


@pytest.fixture
def open_(s3):
    """A contract of one column: types of all others are what the first objects have."""
    return Pipeline(s3, contract_of({"id": "bigint"}), crawl="glue")


def ids(pipeline, tmp_path, **more):
    return sorted(row["id"] for row in pipeline.hive_rows(tmp_path, **more))


def test_what_passes_is_parquet_in_the_tables_folder_and_a_version(loans, tmp_path):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n2,,y\n")
    loans.put("bad.csv", "id,amount,note\nnone,1,x\n")

    settled = loans.run()

    assert (settled.outcome, settled.version, settled.accepted, settled.held) == ("published", 1, 1, 1)
    assert loans.held() == {"bad.csv": "ValueNotOfType"}
    assert loans.types() == LOANS
    assert loans.hive_rows(tmp_path) == [
        {"id": 1, "amount": 10.5, "note": "x"}, {"id": 2, "amount": None, "note": "y"},
    ]  # fmt: skip
    [table] = loans.version().tables
    assert (table.rows, table.rows_exact, table.objects, table.metadata) == (2, True, 1, "")
    assert not loans.version().staged
    assert loans.keys("published/t/_staged/") == []
    own = {key.rpartition("/")[2] for key in loans.keys("published/t/")}
    assert own == {"details.json", "index.parquet", "promoted.parquet"}


def test_columns_are_published_and_tagged(loans):
    loans.put("a.csv", "id,amount,note\n1,1,ann@example.com\n2,2,bob@example.com\n")
    loans.run()
    _, columns = loans.lake.table_tags(PRODUCT, "t")
    assert {name: tags[PUBLICATION] for name, tags in columns.items()} == dict.fromkeys(LOANS, "published")
    assert columns["note"]["pii"] == "personal"


def test_an_overwrite_replaces_the_file_and_a_deletion_removes_it(loans, tmp_path):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n2,3,y\n")
    loans.put("b.csv", "id,amount,note\n3,1,z\n")
    loans.run()
    loans.put("a.csv", "id,amount,note\n9,1,x\n")
    loans.delete("b.csv")
    loans.run()
    assert ids(loans, tmp_path) == [9]
    [table] = loans.version().tables
    assert (loans.version().version, table.rows, table.objects) == (2, 1, 1)
    assert loans.version().changes[0].rows_delta == -2


def test_the_same_bytes_change_nothing(loans):
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n")
    loans.run()
    loans.put("a.csv", "id,amount,note\n1,10.5,x\n")
    settled = loans.run()
    assert (settled.outcome, settled.same, loans.version().version) == ("nothing", 1, 1)


def test_partition_keys_lie_in_folders_and_not_in_the_files(s3, tmp_path):
    pipeline = Pipeline(s3, contract_of({"id": "bigint", "dt": "date"}), crawl="glue")
    pipeline.put("dt=2026-11-01/a.csv", "id\n1\n")
    pipeline.run()
    pipeline.put("dt=2026-11-02/b.csv", "id\n2\n")
    pipeline.run()
    assert [key.removeprefix(FOLDER).split("/")[0] for key in sorted(pipeline.keys("published/hive/"))] == [
        "dt=2026-11-01", "dt=2026-11-02",
    ]  # fmt: skip
    assert pipeline.hive_rows(tmp_path) == [{"id": 1, "dt": "2026-11-01"}, {"id": 2, "dt": "2026-11-02"}]
    [table] = pipeline.version().tables
    assert ([key.name for key in table.partition_keys], table.partitions) == (["dt"], 2)
    assert pipeline.version().changes[0].added_partitions == ("dt=2026-11-02",)
    pipeline.put("c.csv", "id\n3\n")
    pipeline.run()
    assert pipeline.held() == {"c.csv": "InconsistentPartitions"}


def test_values_that_do_not_fit_the_published_type_are_held(open_, tmp_path):
    open_.put("a.csv", "id,v\n1,5\n")
    open_.run()
    open_.put("b.csv", "id,v\n2,2.5\n")
    open_.put("c.csv", "id,v\n3,7\n")
    settled = open_.run()
    assert (settled.outcome, open_.held(), open_.types()) == (
        "published", {"b.csv": "TypeNeedsExpress"}, {"id": "bigint", "v": "bigint"},
    )  # fmt: skip
    [held] = settled.news.data.objects
    assert "v are not of type bigint" in held.reason.message
    assert "Only express" in held.reason.remedy
    assert ids(open_, tmp_path) == [1, 3]


def test_a_type_that_the_contract_changes_holds_the_table(loans):
    loans.put("a.csv", "id,amount,note\n1,1,x\n")
    loans.run()
    loans.revise(contract_of({**LOANS, "amount": "string"}, version="2.0.0"))
    loans.put("b.csv", "id,amount,note\n2,2,x\n")
    settled = loans.run()
    assert loans.held() == {"b.csv": "TypeNeedsExpress"}
    assert settled.news.data.reason.where["column"] == "amount"


def test_a_new_column_is_null_in_older_rows(open_, tmp_path):
    open_.put("a.csv", "id,v\n1,x\n")
    open_.run()
    open_.put("b.csv", "id,v,w\n2,y,z\n")
    assert open_.run().outcome == "published"
    assert sorted((row["id"], row["w"]) for row in open_.hive_rows(tmp_path)) == [(1, None), (2, "z")]
    assert [column.name for column in open_.version().changes[0].added_columns] == ["w"]


def test_what_only_a_crawler_reads_is_promoted_as_it_is(open_):
    avro = open_.put("a.avro", b"Obj\x01\x03\x10")
    open_.run()
    [key] = open_.keys("published/hive/")
    assert key.endswith(".avro")
    assert open_.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"Obj\x01\x03\x10"
    [table] = open_.version().tables
    assert (table.rows, table.rows_exact, table.bytes, table.objects) == (0, False, avro.size, 1)
    assert [column.name for column in table.columns] == ["id", "v"]
    open_.put("b.csv", "id,v\n1,x\n")
    open_.put("c.orc", b"ORCabcdef")
    settled = open_.run()
    assert (settled.outcome, open_.held()) == ("nothing", {"b.csv": "MixedFormats", "c.orc": "MixedFormats"})
    open_.delete("a.avro")
    open_.run()
    assert (open_.keys("published/hive/"), open_.version().tables[0].objects) == ([], 0)


def test_a_permanently_deleted_object_version_is_not_a_source(open_):
    gone, kept = open_.put("a.avro", b"Obj\x01\x03\x10"), open_.put("b.avro", b"Obj\x01\x03\x11")
    open_.check()
    open_.s3.delete_object(Bucket=BUCKET, Key=gone.key, VersionId=gone.version_id)
    open_.promote()
    open_.crawl()
    open_.settle(open_.propose())
    assert (len(open_.keys("published/hive/")), open_.version().tables[0].bytes) == (1, kept.size)


def test_express_names_what_would_accept_the_format(s3):
    pipeline = Pipeline(s3, contract_of({"id": "bigint"}))
    pipeline.put("a.avro", b"Obj\x01\x03\x10")
    [held] = pipeline.run().news.data.objects
    assert (held.reason.code, "crawl: glue" in held.reason.remedy) == ("FormatDeclined", True)


def test_a_table_that_the_crawler_does_not_recognise_makes_no_version(open_):
    open_.formats = {}
    open_.put("a.avro", b"Obj\x01\x03\x10")
    open_.check()
    open_.promote()
    with pytest.raises(NotCrawled):
        open_.confirm()


def test_a_catalog_that_lacks_what_was_written_is_behind(loans):
    loans.put("a.csv", "id,amount,note\n1,1,x\n")
    loans.check()
    loans.promote()
    with pytest.raises(CatalogBehind, match="not in the catalog"):
        loans.propose()
    central = deepcopy(loans.catalog)
    loans.crawl()
    seen, loans.catalog = loans.catalog, central
    with pytest.raises(NotYetReadable):  # central believes no producer's look
        loans.propose(seen)
    loans.catalog = seen
    table = loans.catalog.tables[PRODUCT, "t"]
    table["StorageDescriptor"]["Columns"][1]["Type"] = "string"
    with pytest.raises(CatalogBehind, match="amount is string, not double"):
        loans.propose()


def test_names_of_meshworks_own_folders_are_not_tables(loans):
    loans.put("a.csv", "id\n1\n", table="hive")
    settled = loans.run()
    assert (settled.outcome, loans.held()) == ("nothing", {"a.csv": "ReservedTableName"})


@pytest.mark.parametrize("calls", range(1, 8))
def test_a_promotion_that_stops_anywhere_can_be_made_again(loans, tmp_path, monkeypatch, calls):
    loans.put("a.csv", "id,amount,note\n1,1,x\n")
    loans.put("b.csv", "id,amount,note\n2,1,x\n")
    loans.run()
    loans.put("a.csv", "id,amount,note\n3,1,x\n")
    loans.delete("b.csv")
    loans.check()
    with monkeypatch.context() as patch:
        _fail_after(patch, calls)
        with pytest.raises(StopError):
            loans.promote()
    loans.promote()
    loans.crawl()
    loans.settle(loans.propose())
    assert ids(loans, tmp_path) == [3]
    assert (loans.version().tables[0].rows, loans.keys("published/t/_staged/")) == (1, [])


@pytest.mark.parametrize("calls", range(1, 9))
def test_a_run_that_died_while_promoting_leaves_nothing_twice(loans, tmp_path, monkeypatch, calls):
    loans.put("a.csv", "id,amount,note\n1,1,x\n")
    loans.run()
    waiting = [loans.put("a.csv", "id,amount,note\n3,1,x\n"), loans.put("c.csv", "id,amount,note\n4,1,x\n")]
    loans.check()
    with monkeypatch.context() as patch:
        _fail_after(patch, calls)
        with pytest.raises(StopError):
            loans.promote()
    loans.landed = waiting
    loans.run()
    assert (ids(loans, tmp_path), loans.version().tables[0].rows) == ([3, 4], 2)
    assert loans.keys("published/t/_staged/") == []


def test_a_promoted_batch_without_an_answer_is_new_again(loans, tmp_path):
    first, second = (loans.put(name, f"id,amount,note\n{n},1,x\n") for n, name in enumerate(("a.csv", "b.csv")))
    loans.run()
    loans.landed = []
    gone, new = loans.delete("b.csv"), loans.put("c.csv", "id,amount,note\n5,1,x\n")
    loans.check()
    loans.promote()
    loans.crawl()  # and the run dies
    loans.landed = [gone, new]
    settled = loans.run()
    assert (settled.outcome, ids(loans, tmp_path)) == ("published", [0, 5])
    assert loans.version().tables[0].objects == 2
    assert first.key != second.key


def test_what_central_held_is_released_or_uploaded_again(loans, tmp_path):
    loans.put("a.csv", "id,amount,note\n1,1,x\n")
    loans.run()
    seen = deepcopy(loans.catalog)
    loans.catalog.tables[PRODUCT, "t"]["StorageDescriptor"]["Columns"].pop()  # somebody dropped a column
    held = loans.put("b.csv", "id,amount,note\n2,1,x\n")
    loans.check()
    loans.promote()
    answer = loans.propose(seen)
    settled = loans.settle(answer)
    assert (answer.outcome, answer.reason.code, settled.held) == ("held", "BreakingSchemaChange", 1)
    assert loans.version().version == 1
    loans.release(held)
    assert loans.run().outcome == "published"
    assert ids(loans, tmp_path) == [1, 2]


def test_columns_of_a_batch_that_was_not_published_wait_for_their_own(open_):
    open_.put("a.csv", "id,v\n1,x\n")
    open_.run()
    open_.put("b.csv", "id,v,email\n2,y,ann@example.com\n")
    open_.check()
    proposal = open_.promote()
    open_.crawl()
    open_.settle(ProposalSettled(product=PRODUCT, proposal=proposal, outcome="refused"))
    open_.put("c.csv", "id,v\n3,z\n")
    open_.run()
    assert [column.name for column in open_.version().tables[0].columns] == ["id", "v"]
    _, columns = open_.lake.table_tags(PRODUCT, "t")
    assert columns.get("email", {}).get(PUBLICATION) != "published"


def test_a_table_is_filled_by_the_contracts_crawl_mode_or_rejected(loans, s3):
    loans.put("a.csv", "id,amount,note\n1,1,x\n")
    loans.check()
    loans.promote()
    loans.crawl()
    loans.mode = "express"
    loans.revise(contract_of(LOANS))
    answer = loans.propose()
    assert (answer.outcome, answer.reason.code) == ("refused", "ProposalForged")


def test_a_proposal_describes_its_batch(loans):
    loans.put("a.csv", "id,amount,note\n1,1,x\n2,1,x\n")
    loans.run()
    loans.put("b.csv", "id,amount,note\n3,1,x\n")
    loans.run()
    [change] = loans.version().changes
    assert (change.rows, change.objects, change.rows_total, change.rows_delta) == (1, 1, 3, 1)
    assert change.quality is not None


class StopError(Exception):
    """The function's process ended."""


def _fail_after(patch, calls):
    """The n-th write to S3 is the last."""
    from mesh.adapters.s3.published_files import S3PublishedFiles

    made = []

    def wrapped(method):
        def call(self, *args, **more):
            made.append(method.__name__)
            if len(made) >= calls:
                raise StopError
            return method(self, *args, **more)

        return call

    for name in ("copy", "remove", "write", "write_index"):
        patch.setattr(S3PublishedFiles, name, wrapped(getattr(S3PublishedFiles, name)))
