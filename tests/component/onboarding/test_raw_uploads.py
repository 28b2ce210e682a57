"""Raw objects and recipes of a producer: one suite for the fake and for DynamoDB."""

from typing import Any, NamedTuple

import pytest
from mesh.adapters.dynamodb.raw_uploads import DynamoRawUploads
from mesh.adapters.dynamodb.uploads import DynamoUploads
from mesh.domain.onboarding.formats.model import ObjectRef

from tests.builders import BUCKET, NOTE
from tests.fakes import FakeRawUploads, FakeUploads


class Producer(NamedTuple):
    uploads: Any
    raw: Any

    def pending(self):
        return [(one.key.rpartition("/")[2], one.sequencer) for one, _ in self.uploads.pending("loans", 100)]


@pytest.fixture(params=["fake", "dynamodb"])
def producer(request):
    if request.param == "fake":
        uploads = FakeUploads()
        return Producer(uploads, FakeRawUploads(uploads))
    table = request.getfixturevalue("table")
    return Producer(DynamoUploads(table), DynamoRawUploads(table))


def ref(name="raw/loans/a.csv", sequencer="01"):
    return ObjectRef(bucket=BUCKET, key=f"loans/{name}", size=7, etag="e", version_id="v", sequencer=sequencer)


def recipe(sequencer):
    return ref("recipe.json", sequencer)


def test_a_recipe_is_in_force_until_a_newer_one_comes(producer):
    assert producer.raw.recipe("loans") is None
    assert producer.raw.record_recipe("loans", recipe("0A"))
    assert producer.raw.record_recipe("loans", recipe("0A")), "delivered twice: its objects may not be pending yet"
    assert not producer.raw.record_recipe("loans", recipe("09"))
    assert producer.raw.recipe("loans") == recipe("0A")
    assert producer.raw.record_recipe("loans", recipe("0A01"))
    assert producer.raw.recipe("loans") == recipe("0A01")
    assert producer.raw.recipe("cards") is None


def test_a_recipe_is_known_by_the_newest_event_that_came(producer):
    key = "loans/recipe.json"
    for sequencer, etag in (("0A", "e1"), ("0A01", "e2"), ("0A01", "e2"), ("09", "e0")):
        producer.raw.note_recipe("loans", recipe(sequencer).evolve(etag=etag))
    assert producer.uploads.known("loans", [key]) == {key: ("0A01", "e2")}
    assert producer.raw.recipe("loans") is None, "it may be refused"


def test_what_is_held_is_not_pending_until_it_is_taken_up(producer):
    producer.uploads.add_pending("loans", [ref()], "trace-id")
    producer.uploads.add_pending("loans", [ref("raw/loans/b.csv")], "trace-id")

    for _ in range(2):
        producer.raw.hold("loans", [ref()])
        assert producer.pending() == [("b.csv", "01")]
    assert producer.raw.take_up("loans") == 1
    assert producer.uploads.pending("loans", 9)[0] == (ref(), "trace-id")
    assert producer.raw.take_up("loans") == 0


def test_a_version_that_was_replaced_meanwhile_is_not_held(producer):
    producer.uploads.add_pending("loans", [ref()], "c")
    producer.uploads.add_pending("loans", [ref(sequencer="02")], "c")

    producer.raw.hold("loans", [ref()])

    assert producer.pending() == [("a.csv", "02")]
    assert producer.raw.take_up("loans") == 0


def test_a_held_version_does_not_come_back_over_a_newer_one(producer):
    producer.uploads.add_pending("loans", [ref()], "c")
    producer.raw.hold("loans", [ref()])
    producer.uploads.add_pending("loans", [ref(sequencer="02")], "c")
    producer.uploads.finish("loans", "nobody", [ref(sequencer="02")], NOTE)

    assert producer.raw.take_up("loans") == 0
    assert producer.pending() == []


def test_products_do_not_meet(producer):
    producer.uploads.add_pending("loans", [ref()], "c")
    producer.raw.hold("loans", [ref()])

    assert producer.raw.take_up("cards") == 0
    assert producer.raw.take_up("loans") == 1


def test_a_released_version_waits_for_a_run_and_for_no_recipe(producer):
    producer.uploads.add_pending("loans", [ref()], "c")
    producer.raw.hold("loans", [ref()])

    assert producer.uploads.add_again("loans", ref(), "released")
    assert producer.pending() == [("a.csv", "01")]
    producer.uploads.finish("loans", "nobody", [ref()], NOTE)
    assert producer.raw.take_up("loans") == 0
    assert producer.pending() == []


def test_an_upload_that_comes_while_held_ones_are_taken_up_waits(table, monkeypatch):
    uploads, raw, real = DynamoUploads(table), DynamoRawUploads(table), table.get
    uploads.add_pending("loans", [ref()], "c")
    raw.hold("loans", [ref()])

    def get(pk, sk):
        found = real(pk, sk)
        if pk.startswith("SEEN#"):
            monkeypatch.setattr(table, "get", real)
            assert uploads.add_pending("loans", [ref(sequencer="02")], "d")
        return found

    monkeypatch.setattr(table, "get", get)
    assert raw.take_up("loans") == 0
    assert [(one.sequencer, trace) for one, trace in uploads.pending("loans", 9)] == [("02", "d")]
    assert raw.take_up("loans") == 0
