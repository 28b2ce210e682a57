"""Versions, rollbacks and restored objects: one suite for the fakes and for the adapters, where both stand for it."""

from datetime import timedelta

import pytest
from mesh.adapters.registry import DynamoRegistry
from mesh.adapters.storage import ObjectGone
from mesh.adapters.uploads import DynamoUploads
from mesh.adapters.versions import RESTORED_FROM, S3ObjectVersions
from mesh.domain.counting import ObjectCount
from mesh.domain.events import ManifestPointer
from mesh.domain.formats.model import ObjectRef
from mesh.domain.product import ProductVersion, RollbackOrder

from tests.builders import BUCKET, PRODUCER, PRODUCT, REGION, a_product
from tests.fakes import NOON, FakeRegistry, FakeUploads

KEY = f"{PRODUCT}/data/t1/a.csv"


@pytest.fixture(params=["fake", "dynamodb"])
def registry(request):
    found = FakeRegistry() if request.param == "fake" else DynamoRegistry(request.getfixturevalue("table"))
    found.claim_product(a_product())
    return found


@pytest.fixture(params=["fake", "dynamodb"])
def uploads(request):
    return FakeUploads() if request.param == "fake" else DynamoUploads(request.getfixturevalue("table"))


@pytest.fixture
def bucket(aws):
    s3 = aws("s3", region_name=REGION)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return s3


def version(number):
    return ProductVersion(
        product=PRODUCT, version=number, run=f"run-{number}", correlation_id="c", contract_version="1.0.0",
        tables=(), changes=(), published=NOON,
    )  # fmt: skip


def order(request="r-1", at=NOON):
    return RollbackOrder(
        product=PRODUCT, version=1, request=request, requested_by=PRODUCER, reason="bad", correlation_id="c", at=at
    )


def test_versions_are_read_one_by_one_and_newest_first(registry):
    for number in (1, 2, 3):
        registry.record_version(version(number))

    assert registry.version(PRODUCT, 2) == version(2)
    assert registry.version(PRODUCT, 4) is None
    assert [found.version for found in registry.versions(PRODUCT)] == [3, 2, 1]


def test_one_rollback_at_a_time_and_the_next_when_it_has_ended(registry):
    assert registry.begin_rollback(order(), NOON + timedelta(hours=2))
    assert registry.begin_rollback(order(), NOON + timedelta(hours=2)), "the same event, delivered again"
    assert not registry.begin_rollback(order("r-2"), NOON + timedelta(hours=2))
    assert registry.rollback(PRODUCT, "r-2") is None

    registry.end_rollback(PRODUCT, "r-1", "published")
    registry.end_rollback(PRODUCT, "r-1", "refused")

    assert registry.rollback(PRODUCT, "r-1").status == "published"
    assert registry.begin_rollback(order("r-2"), NOON + timedelta(hours=2))


def test_a_rollback_that_nothing_is_heard_of_keeps_nobody_for_ever(registry):
    registry.begin_rollback(order(), NOON + timedelta(hours=2))

    assert registry.begin_rollback(order("r-2", NOON + timedelta(hours=3)), NOON + timedelta(hours=5))


def test_a_crawl_is_held_back_until_the_next_version(registry):
    registry.record_version(version(1))
    assert not registry.held_back(PRODUCT)

    registry.hold_back(PRODUCT, "run-x", {"code": "BreakingSchemaChange"}, NOON)
    assert registry.held_back(PRODUCT)

    registry.record_version(version(2))
    assert not registry.held_back(PRODUCT)


def test_the_newest_manifest_is_kept_and_an_older_one_does_not_come_back(uploads):
    pointers = [ManifestPointer(key=f"k{number}", sha256="0" * 64, objects=number) for number in (0, 1, 2)]
    assert uploads.manifest(PRODUCT) is None

    for generation in (1, 2, 1):
        uploads.record_manifest(PRODUCT, generation, pointers[generation])

    assert uploads.manifest(PRODUCT) == (2, pointers[2])


def test_objects_that_are_gone_are_not_counted(uploads):
    counts = [ObjectCount(key=f"k{number}", rows=10, rows_exact=True, bytes=5) for number in range(3)]
    uploads.count(PRODUCT, "t1", counts)

    for _ in range(2):
        total = uploads.uncount(PRODUCT, "t1", ["k0", "k2"])

    assert (total.rows, total.bytes, total.objects) == (10, 5, 1)
    assert uploads.count(PRODUCT, "t1", counts[:1]).rows == 20


def ref(version_id="v2", sequencer="02"):
    return ObjectRef(bucket=BUCKET, key=KEY, size=1, version_id=version_id, sequencer=sequencer)


def test_what_a_rollback_put_there_does_not_wait_whoever_comes_first(uploads):
    uploads.add_pending(PRODUCT, ref(), "c")
    uploads.know_restored(PRODUCT, KEY, "v2")
    assert not uploads.has_pending(PRODUCT)

    uploads.know_restored(PRODUCT, KEY, "v3")
    uploads.add_pending(PRODUCT, ref("v3", "03"), "c")
    assert uploads.forget_restored(PRODUCT, ref("v3", "03"))
    assert not uploads.has_pending(PRODUCT)

    uploads.add_pending(PRODUCT, ref("v4", "04"), "c")
    assert not uploads.forget_restored(PRODUCT, ref("v4", "04"))
    assert uploads.pending_keys(PRODUCT) == {KEY}


def test_a_version_comes_back_with_its_metadata_and_once(bucket):
    versions = S3ObjectVersions(bucket)
    first = bucket.put_object(Bucket=BUCKET, Key=KEY, Body=b"old", ContentType="text/csv", Metadata={"raw-key": "r"})
    bucket.put_object(Bucket=BUCKET, Key=KEY, Body=b"new")

    restored = versions.restore(BUCKET, KEY, first["VersionId"])

    now = bucket.get_object(Bucket=BUCKET, Key=KEY)
    assert (now["Body"].read(), now["ContentType"], now["VersionId"]) == (b"old", "text/csv", restored)
    assert now["Metadata"] == {"raw-key": "r", RESTORED_FROM: first["VersionId"]}
    assert restored != first["VersionId"]
    assert versions.restore(BUCKET, KEY, first["VersionId"]) == restored, "a repeated step copies nothing"
    assert len(bucket.list_object_versions(Bucket=BUCKET)["Versions"]) == 3


def test_a_version_that_is_current_is_left_alone_and_one_behind_a_marker_comes_back(bucket):
    versions = S3ObjectVersions(bucket)
    first = bucket.put_object(Bucket=BUCKET, Key=KEY, Body=b"old")["VersionId"]
    assert versions.restore(BUCKET, KEY, first) == first

    versions.remove(BUCKET, KEY)
    versions.remove(BUCKET, KEY)
    assert not versions.exists(BUCKET, KEY, None)
    assert versions.exists(BUCKET, KEY, first)
    assert len(bucket.list_object_versions(Bucket=BUCKET)["DeleteMarkers"]) == 1

    versions.restore(BUCKET, KEY, first)
    assert bucket.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"old"


def test_a_version_that_is_gone_is_said_to_be(bucket):
    versions = S3ObjectVersions(bucket)
    gone = bucket.put_object(Bucket=BUCKET, Key=KEY, Body=b"old")["VersionId"]
    bucket.put_object(Bucket=BUCKET, Key=KEY, Body=b"new")
    bucket.delete_object(Bucket=BUCKET, Key=KEY, VersionId=gone)

    assert not versions.exists(BUCKET, KEY, gone)
    with pytest.raises(ObjectGone):
        versions.restore(BUCKET, KEY, gone)
    assert versions.fetch(BUCKET, KEY, gone) is None
