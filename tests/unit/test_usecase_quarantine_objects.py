"""What is set aside: moved, with a report beside each."""

import json

from mesh.domain.quarantine import listing_key
from mesh.usecases.quarantine_objects import quarantine_objects

from tests.builders import BUCKET, CORRELATION
from tests.fakes import FakeClock, FakeQuarantine
from tests.unit.test_usecase_inspection import FOLDER, GOOD, World


def quarantine(world):
    return quarantine_objects(
        world.round(), objects=world.objects, work=world.work, quarantine=FakeQuarantine(), clock=FakeClock()
    )


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
