"""Pins in the registry, one suite for the fake and for DynamoDB; and their copies in S3."""

import pytest
from mesh.adapters.pinned_copies import PINNED_FROM, CopiesNotRemoved, S3PinnedCopies
from mesh.adapters.registry import DynamoRegistry
from mesh.domain.events import ManifestPointer
from mesh.domain.pins import Pin, Pins
from mesh.domain.product import ConcurrentChange

from tests.builders import BUCKET, PRODUCT, REGION, a_product
from tests.fakes import NOON, FakeRegistry

KEY, TARGET = f"{PRODUCT}/data/t1/a.csv", f"{PRODUCT}/pinned/1/pin-0123456789ab/t1/a.csv"
PIN = Pin(
    id="pin-0123456789ab",
    version=1,
    manifest=ManifestPointer(key="m", sha256="0" * 64, objects=1),
    status="preparing",
    holders=(),
    ordered=NOON,
)


@pytest.fixture(params=["fake", "dynamodb"])
def registry(request):
    found = FakeRegistry() if request.param == "fake" else DynamoRegistry(request.getfixturevalue("table"))
    found.claim_product(a_product())
    return found


@pytest.fixture
def s3(aws):
    client = aws("s3", region_name=REGION)
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


def put(s3, key, body):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType="text/csv")["VersionId"]


def versions(s3, prefix):
    found = s3.list_object_versions(Bucket=BUCKET, Prefix=prefix)
    return [item["Key"] for item in (*found.get("Versions", []), *found.get("DeleteMarkers", []))]


def test_pins_are_written_over_what_was_read_alone(registry):
    nothing = registry.pins(PRODUCT)
    assert nothing == Pins(product=PRODUCT)

    saved = registry.save_pins(nothing.having(PIN))

    assert registry.pins(PRODUCT) == saved
    assert saved.of_version(1) == PIN
    with pytest.raises(ConcurrentChange):
        registry.save_pins(nothing)
    assert registry.save_pins(saved.without(PIN.id)).pins == ()


def test_a_copy_is_of_that_version_and_made_once(s3):
    copies, old = S3PinnedCopies(s3), put(s3, KEY, b"old")
    put(s3, KEY, b"new")

    assert copies.copy_version(BUCKET, KEY, old, TARGET)
    assert copies.copy_version(BUCKET, KEY, old, TARGET)

    found = s3.get_object(Bucket=BUCKET, Key=TARGET)
    assert (found["Body"].read(), found["ContentType"], found["Metadata"]) == (b"old", "text/csv", {PINNED_FROM: old})
    assert len(versions(s3, TARGET)) == 1


def test_a_version_that_is_gone_is_said(s3):
    old = put(s3, KEY, b"old")
    put(s3, KEY, b"new")
    s3.delete_object(Bucket=BUCKET, Key=KEY, VersionId=old)

    assert not S3PinnedCopies(s3).copy_version(BUCKET, KEY, old, TARGET)
    assert versions(s3, TARGET) == []


def test_copies_are_removed_for_good_and_nothing_beside_them(s3):
    prefix, other = TARGET.rpartition("t1/")[0], TARGET.replace("0123456789ab", "0123456789ac")
    for number in range(3):
        put(s3, f"{TARGET}{number}", b"x")
    put(s3, TARGET, b"once")
    put(s3, TARGET, b"twice")
    s3.delete_object(Bucket=BUCKET, Key=TARGET)
    put(s3, other, b"another pin")
    put(s3, KEY, b"data")

    assert S3PinnedCopies(s3).remove_below(BUCKET, prefix, 10_000) == 6
    assert S3PinnedCopies(s3).remove_below(BUCKET, prefix, 10_000) == 0

    assert versions(s3, f"{PRODUCT}/pinned/") == [other]
    assert versions(s3, KEY) == [KEY]


def test_what_s3_keeps_with_200_is_an_error(s3, monkeypatch):
    put(s3, TARGET, b"x")
    refused = {"Errors": [{"Key": TARGET, "Code": "AccessDenied", "Message": "no"}]}
    monkeypatch.setattr(s3, "delete_objects", lambda **_: refused)

    with pytest.raises(CopiesNotRemoved, match="AccessDenied: no"):
        S3PinnedCopies(s3).remove_below(BUCKET, TARGET, 10)
