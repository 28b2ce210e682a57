"""Manifests: what a product was after a batch, and how to get from one to the other."""

import pytest
from mesh.domain.keys import VersionKey, manifest_key, parse_key
from mesh.domain.manifest import (
    Manifest,
    ManifestDamaged,
    PinnedObject,
    PinnedTable,
    definition_of,
    digest,
    extended,
    restoration,
    restored,
)

PRODUCT, BUCKET = "loans", "loans-222222222222-us-east-1"
FOLDER = f"{PRODUCT}/data/t1/"


def pin(name, version="v1", rows=2):
    return PinnedObject(key=FOLDER + name, version_id=version, size=10, rows=rows, rows_exact=True)


def table(*objects, name="t1", columns=("a",)):
    return PinnedTable(table=name, definition={"Name": name, "Columns": list(columns)}, objects=objects)


def after(previous, generation, *tables):
    return extended(previous, product=PRODUCT, bucket=BUCKET, generation=generation, batch=tables)


def test_a_batch_replaces_by_key_and_leaves_the_rest():
    first = after(None, 1, table(pin("a"), pin("b")), table(pin("z"), name="t2"))
    second = after(first, 2, table(pin("b", "v2"), pin("c"), columns=("a", "b")))

    assert {key.removeprefix(FOLDER): item.version_id for key, item in second.objects().items()} == {
        "a": "v1", "b": "v2", "c": "v1", "z": "v1",
    }  # fmt: skip
    assert (second.follows, second.table("t1").definition["Columns"]) == (1, ["a", "b"])
    assert second.table("t2") == first.table("t2")


def test_it_is_read_as_written_and_damage_shows():
    manifest = after(None, 1, table(pin("a")))
    body = manifest.to_bytes()

    assert body == after(None, 1, table(pin("a"))).to_bytes()
    assert Manifest.from_bytes(body, digest(body)) == manifest
    with pytest.raises(ManifestDamaged):
        Manifest.from_bytes(body, digest(b"other"))


def test_what_was_replaced_comes_back_and_what_came_later_goes():
    target = after(None, 1, table(pin("a"), pin("b")))
    current = after(target, 2, table(pin("b", "v2"), pin("c")))

    plan = restoration(current, target, ())

    assert {item.key.removeprefix(FOLDER): item.version_id for item in plan.wanted} == {"a": "v1", "b": "v1"}
    assert plan.unwanted == (FOLDER + "c",)


def test_what_waits_to_be_onboarded_is_left_alone():
    target = after(None, 1, table(pin("a")))
    current = after(target, 2, table(pin("a", "v2"), pin("c")))

    plan = restoration(current, target, {FOLDER + "a", FOLDER + "c"})

    assert (plan.wanted, plan.unwanted) == ((), ())


def test_the_manifest_after_it_has_the_versions_that_are_current_and_keeps_later_tables_empty():
    target = after(None, 1, table(pin("a"), pin("b")))
    current = after(target, 2, table(pin("b", "v2")), table(pin("z"), name="t2"))

    now = restored(current, target, generation=3, version_ids={FOLDER + "a": "v1", FOLDER + "b": "v3"})

    assert {key.removeprefix(FOLDER): item.version_id for key, item in now.objects().items()} == {"a": "v1", "b": "v3"}
    assert (now.generation, now.follows, now.table("t2").objects) == (3, 2, ())
    assert now.table("t1").definition == target.table("t1").definition


def test_partitions_are_those_that_objects_lie_in():
    def at(day, name):
        return PinnedObject(key=f"{FOLDER}dt={day}/{name}", version_id="v", size=1, rows=1, rows_exact=True)

    assert table(at("1", "a"), at("1", "b"), at("2", "a")).partitions() == 2
    assert table(pin("a")).partitions() == 0


def test_a_definition_is_what_glue_takes_as_input():
    found = definition_of({
        "Name": "t1", "StorageDescriptor": {"Columns": []}, "PartitionKeys": [], "Parameters": {"EXTERNAL": "TRUE"},
        "CreateTime": 1, "CatalogId": "111111111111", "VersionId": "4", "Description": "",
    })  # fmt: skip

    assert set(found) == {"Name", "StorageDescriptor", "PartitionKeys", "Parameters"}


def test_its_key_is_no_upload():
    assert manifest_key(PRODUCT, 7) == "loans/versions/00000007.json.gz"
    assert isinstance(parse_key(manifest_key(PRODUCT, 7)), VersionKey)
