"""Reports on what is refused, and where they lie."""

import json

import pytest
from mesh.domain.events import Event, ProductQuarantined, QuarantinedObject, Reason
from mesh.usecases.onboarding.refusal_reports import file_report, refusal_report_place, report_refusal

from tests.builders import BUCKET
from tests.fakes import FakeBus, FakeClock, FakeObjects

REASON = Reason(code="EmptyFile", message="the object has no bytes", where={"key": "k"}, remedy="Upload it with data.")


def test_a_rejected_object_stays_in_place_and_its_owner_is_notified():
    objects, bus = FakeObjects(), FakeBus()
    ref = objects.put(BUCKET, "stray.csv", b"x")

    for _ in range(2):
        report_refusal(
            ref, {"code": "UnknownPrefix", "message": "m"}, product="?", objects=objects, bus=bus, clock=FakeClock()
        )

    assert "stray.csv" in objects.keys(BUCKET)
    [(kind, first), (_, again)] = bus.events
    detail = json.loads(first)
    assert kind == "ProductQuarantined"
    assert detail["metadata"]["id"] == json.loads(again)["metadata"]["id"]
    assert detail["data"]["objects"][0]["report"].startswith("reports/")


def test_a_rejection_for_naming_anothers_bucket_has_no_report_there():
    objects = FakeObjects()
    item = QuarantinedObject(key="loans/contract.yaml", reason=REASON)
    data = ProductQuarantined(product="loans", bucket="theirs", reason=REASON, objects=(item,), objects_count=1)

    file_report(Event[ProductQuarantined](data=data), bucket=BUCKET, objects=objects, clock=FakeClock())

    assert objects.keys("theirs") == objects.keys(BUCKET) == []


def test_centrals_rejection_becomes_a_report_beside_the_contract():
    objects = FakeObjects()
    objects.put(BUCKET, "loans/contract.yaml", b"name: loans")
    event = Event[ProductQuarantined](
        data=ProductQuarantined(
            product="loans",
            bucket=BUCKET,
            reason=REASON,
            objects=(QuarantinedObject(key="loans/contract.yaml", reason=REASON),),
            objects_count=1,
        )
    )

    for _ in range(2):
        file_report(event, bucket=BUCKET, objects=objects, clock=FakeClock())

    [contract, report] = objects.keys(BUCKET)
    assert contract == "loans/contract.yaml"
    assert json.loads(objects.read(BUCKET, report, limit=10_000))["reason"]["code"] == "EmptyFile"


@pytest.mark.parametrize(
    "key",
    ["loans/data//a.csv", "loans/../a.csv", "loans/data/loans/" + "é" * 500 + ".csv", "x", "/", "🦊/a", "a\ud800b"],
)
def test_every_key_has_a_safe_place_for_its_report(key):
    report = refusal_report_place(key, "run-1")

    assert report.endswith(".refusal.json")
    assert len(report.encode()) <= 1024
    assert not {"", ".", ".."} & set(report.split("/"))
    assert "reports" in report.split("/")[:2]
