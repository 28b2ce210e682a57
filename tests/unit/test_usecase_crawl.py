"""From an inspection to the catalog and to central's bus; and what is set aside."""

import json

import pytest
from mesh.domain.quarantine import listing_key
from mesh.usecases.crawl import CatalogBehind, Summarise, summarise_crawl, write_catalog
from mesh.usecases.quarantine_objects import quarantine_objects

from tests.builders import BUCKET, CORRELATION
from tests.fakes import FakeClock, FakeQuarantine
from tests.unit.test_usecase_inspection import FOLDER, GOOD, World


def quarantine(world):
    return quarantine_objects(
        world.round(), objects=world.objects, work=world.work, quarantine=FakeQuarantine(), clock=FakeClock()
    )


def write(world):
    return write_catalog(world.round(), catalog=world.catalog, work=world.work)


def summarise(world, mode="express", generation=1):
    command = Summarise(**world.round(generation).model_dump(), mode=mode)
    return summarise_crawl(
        command,
        catalog=world.catalog,
        uploads=world.uploads,
        work=world.work,
        objects=world.objects,
        clock=FakeClock(),
    )


def types(world, table="credit_card"):
    columns = world.catalog.table("rl_credit-card", table)["StorageDescriptor"]["Columns"]
    return {column["Name"]: column["Type"] for column in columns}


def test_a_new_table_and_its_partitions_are_written_through_the_link():
    world = World()
    world.upload("dt=2026-11-21/a.csv", GOOD)
    world.inspect()

    written = write(world)

    assert (written.tables, written.partitions) == (1, 1)
    assert types(world) == {"id": "bigint", "name": "string"}
    table = world.catalog.table("rl_credit-card", "credit_card")
    assert table["StorageDescriptor"]["Location"] == f"s3://{BUCKET}/{FOLDER}"
    assert world.catalog.partitions("rl_credit-card", "credit_card", [["2026-11-21"]]) == {("2026-11-21",)}


def test_an_object_uploaded_again_is_counted_once():
    world = World()
    for generation, names in ((1, ("a.csv", "b.csv")), (2, ("a.csv",))):
        world.refs.clear()
        for name in names:
            world.upload(name, GOOD)
        world.inspect(generation)
        write_catalog(world.round(generation), catalog=world.catalog, work=world.work)
        [table] = summarise(world, generation=generation).data.tables

    assert (table.objects, table.rows) == (1, 2)
    assert (table.total.objects, table.total.rows) == (2, 4)


def test_an_event_lists_partitions_as_far_as_an_execution_can_take_them():
    world = World()
    for number in range(300):
        world.upload(f"dt={number:0300d}/a.csv", GOOD)
    world.inspect()
    write(world)

    event = summarise(world)

    [table] = event.data.tables
    assert table.partitions_added_count == 300
    assert 0 < len(table.partitions_added) < 300
    assert len(event.model_dump_json()) < 100_000


def test_an_ordinary_upload_writes_no_new_table_version():
    world = World()
    world.upload("a.csv", GOOD)
    world.inspect()
    write(world)
    world.upload("b.csv", GOOD)
    world.inspect(2)

    write_catalog(world.round(2), catalog=world.catalog, work=world.work)

    assert [call for call in world.catalog.writes if "table" in call] == ["create_table credit_card"]


def test_a_new_column_extends_the_table():
    world = World()
    world.upload("a.csv", GOOD)
    world.inspect()
    write(world)
    world.refs.clear()
    world.upload("b.csv", "id,name,note\n3,eve,x\n")
    world.inspect(2)

    write_catalog(world.round(2), catalog=world.catalog, work=world.work)

    assert types(world) == {"id": "bigint", "name": "string", "note": "string"}
    assert world.catalog.writes[-1] == "update_table credit_card"


def test_an_event_names_the_columns_that_this_batch_has_read():
    """Not those of the table: of the others its findings say nothing."""
    world = World()
    world.upload("a.csv", "id,name,note\n3,eve,x\n")
    world.inspect()
    write(world)
    assert summarise(world).data.tables[0].columns == ("id", "name", "note")
    world.refs.clear()
    world.upload("b.csv", GOOD)
    world.inspect(2)
    write_catalog(world.round(2), catalog=world.catalog, work=world.work)

    assert summarise(world, generation=2).data.tables[0].columns == ("id", "name")
    assert summarise(world, "glue", generation=2).data.tables[0].columns == ("id", "name", "note")


def test_of_a_table_too_wide_for_an_event_no_columns_are_named():
    world = World()
    names = [f"{number:04d}_{'x' * 60}" for number in range(700)]
    world.upload("a.csv", f"{','.join(names)}\n{','.join('1' for _ in names)}\n")
    world.inspect()
    write(world)

    assert summarise(world).data.tables[0].columns is None


def test_a_retry_of_the_write_changes_nothing_more():
    world = World()
    world.upload("dt=1/a.csv", GOOD)
    world.inspect()

    assert write(world) == write(world)
    assert world.catalog.writes.count("create_table credit_card") == 1


def test_the_announcement_is_a_summary_and_the_same_at_every_attempt():
    world = World()
    world.upload("dt=2026-11-21/a.csv", GOOD)
    world.upload("bad.csv", b"")
    world.inspect()
    write(world)

    event = summarise(world)

    assert event.metadata.id == summarise(world).metadata.id
    assert event.metadata.correlation_id == CORRELATION
    assert (event.data.generation, event.data.mode, event.data.quarantined) == (1, "express", 1)
    [table] = event.data.tables
    assert (table.name, table.new_table, table.objects, table.rows, table.rows_exact) == (
        "credit_card",
        True,
        1,
        2,
        True,
    )
    assert (table.partitions_added, table.partitions_added_count) == (("dt=2026-11-21",), 1)


def test_another_generation_is_another_event():
    world = World()
    world.upload("a.csv", GOOD)
    world.inspect()
    write(world)
    world.inspect(2)

    assert summarise(world).metadata.id != summarise(world, generation=2).metadata.id


def test_a_catalog_that_lacks_the_table_or_a_column_is_waited_for():
    world = World()
    world.upload("a.csv", GOOD)
    world.inspect()
    with pytest.raises(CatalogBehind):
        summarise(world)
    write(world)
    world.catalog.tables["credit-card", "credit_card"]["StorageDescriptor"]["Columns"].pop()

    with pytest.raises(CatalogBehind) as behind:
        summarise(world)

    assert behind.value.where["missing"] == ["name"]


def test_after_a_glue_crawl_the_inspected_types_win():
    world = World(crawl="glue")
    world.upload("a.csv", GOOD)
    world.inspect()
    write(world)
    world.catalog.tables["credit-card", "credit_card"]["StorageDescriptor"]["Columns"][0]["Type"] = "string"

    summarise(world, "glue")

    assert types(world)["id"] == "bigint"


def test_bad_objects_are_moved_aside_with_reports_and_the_good_ones_stay():
    world = World()
    world.upload("good.csv", GOOD)
    world.upload("bad.csv", b"junk\x00\x01\x02")
    world.inspect()

    event = quarantine(world)

    moved = "credit-card/quarantine/00000001/data/credit_card/bad.csv"
    listing = listing_key("credit-card", "00000001")
    assert world.objects.keys(BUCKET) == [FOLDER + "good.csv", moved, moved + ".report.json", listing]
    [item] = event.data.objects
    assert (item.key, item.moved_to, item.report) == (FOLDER + "bad.csv", moved, moved + ".report.json")
    report = json.loads(world.objects.read(BUCKET, item.report, limit=10_000))
    assert (report["bucket"], report["key"], report["moved_to"]) == (BUCKET, FOLDER + "bad.csv", moved)
    assert report["reason"]["code"] == "BinaryContent"
    assert report["correlation_id"] == CORRELATION


def test_setting_aside_can_be_repeated():
    world = World()
    world.upload("bad.csv", b"")
    world.inspect()

    first = quarantine(world)
    again = quarantine(world)

    assert first.data == again.data
    assert first.metadata.id == again.metadata.id
    assert first.data.objects[0].moved_to in world.objects.keys(BUCKET)


def test_an_object_that_is_gone_has_a_report_and_no_new_place():
    world = World()
    world.upload("a.csv", GOOD)
    world.objects.delete(BUCKET, FOLDER + "a.csv")
    world.inspect()

    event = quarantine(world)

    [item] = event.data.objects
    assert item.moved_to is None
    assert world.objects.keys(BUCKET) == [item.report, listing_key("credit-card", "00000001")]
