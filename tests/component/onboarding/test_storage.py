"""The producer's objects and the work files: one suite for the fakes and for S3."""

import hashlib

import boto3
import pytest
from mesh.adapters.s3.landing import S3LandingObjects
from mesh.adapters.s3.storage import ObjectGone, S3Objects, S3WorkFiles
from mesh.domain.onboarding.formats.model import ObjectRef

from tests.builders import BUCKET
from tests.fakes import FakeObjects, FakeWorkFiles

KEY = "loans/data/loans/a.csv"


class Fake:
    """A producer with the fake's bucket."""

    def __init__(self):
        self.objects, self.work = FakeObjects(), FakeWorkFiles()

    def upload(self, key, body):
        return self.objects.put(BUCKET, key, body)

    def delete(self, key):
        self.objects.delete(BUCKET, key)

    def keys(self):
        return self.objects.keys(BUCKET)


class S3:
    """A producer with a versioned bucket on moto."""

    def __init__(self):
        self.client = boto3.client("s3")
        for bucket in (BUCKET, "work"):
            self.client.create_bucket(Bucket=bucket)
        self.client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.objects, self.work = S3Objects(self.client), S3WorkFiles(self.client, "work")

    def upload(self, key, body):
        version = self.client.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]
        return ObjectRef(bucket=BUCKET, key=key, size=len(body), version_id=version)

    def delete(self, key):
        for version in self.client.list_object_versions(Bucket=BUCKET, Prefix=key)["Versions"]:
            self.client.delete_object(Bucket=BUCKET, Key=key, VersionId=version["VersionId"])

    def keys(self):
        return [item["Key"] for item in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


@pytest.fixture(params=["fake", "s3"])
def producer(request):
    if request.param == "fake":
        return Fake()
    request.getfixturevalue("aws")
    return S3()


@pytest.mark.parametrize(
    ("start", "length", "found"),
    [(0, 4, b"0123"), (6, 100, b"6789"), (10, 5, b""), (3, 0, b""), (99, 1, b"")],
)
def test_ranges_are_read_and_end_with_the_object(producer, start, length, found):
    reader = producer.objects.reader(producer.upload(KEY, b"0123456789"))

    assert reader.size == 10
    assert reader.read(start, length) == found


def test_the_version_of_the_reference_is_read(producer):
    old = producer.upload(KEY, b"old")
    producer.upload(KEY, b"new and longer")

    assert producer.objects.reader(old).read(0, 100) == b"old"
    assert producer.objects.read(BUCKET, KEY, version_id=old.version_id, limit=100) == b"old"
    assert producer.objects.read(BUCKET, KEY, limit=3) == b"new"


def test_an_empty_object_reads_as_nothing(producer):
    ref = producer.upload(KEY, b"")

    assert producer.objects.read(BUCKET, KEY, version_id=ref.version_id, limit=10) == b""


def test_a_missing_object_is_reported_with_its_place(producer):
    ref = producer.upload(KEY, b"x")
    producer.delete(KEY)

    with pytest.raises(ObjectGone) as gone:
        producer.objects.reader(ref).read(0, 1)
    assert (gone.value.where["bucket"], gone.value.where["key"]) == (BUCKET, KEY)
    with pytest.raises(ObjectGone):
        producer.objects.read(BUCKET, KEY, limit=1)


def test_what_is_written_can_be_read(producer):
    producer.objects.write(BUCKET, "loans/reports/r.report.json", b"{}", "application/json")

    assert producer.objects.read(BUCKET, "loans/reports/r.report.json", limit=10) == b"{}"


def test_a_work_file_is_what_was_put_last(producer):
    assert producer.work.get("runs/loans/1/batch.json") is None
    producer.work.put("runs/loans/1/batch.json", "[]")
    producer.work.put("runs/loans/1/batch.json", '["größe"]')

    assert producer.work.get("runs/loans/1/batch.json") == '["größe"]'


def test_what_is_written_first_stands(producer):
    assert producer.work.put_first("runs/a.json", "one") is None
    assert producer.work.put_first("runs/a.json", "two") == "one"
    assert producer.work.get("runs/a.json") == "one"


def test_the_contract_of_each_folder_is_found_with_its_version(aws):
    made = S3()
    made.upload("cards/data/cards/a.csv", "a")
    made.upload("loans/contract.yaml", "old")
    newest = made.upload("loans/contract.yaml", "new")
    made.upload("contract.yaml", "of no folder")
    [(found, modified)] = S3LandingObjects(made.client).contracts(BUCKET)
    assert (found.key, found.version_id, bool(modified.tzinfo)) == ("loans/contract.yaml", newest.version_id, True)


def test_the_bucket_is_listed_page_by_page_with_what_an_event_would_tell(aws):
    made = S3()
    refs = [made.upload(f"loans/data/loans/{name}.csv", name) for name in "abc"]
    landing = S3LandingObjects(made.client)
    whole = landing.listed(BUCKET, "")
    digests = [hashlib.md5(name.encode(), usedforsecurity=False).hexdigest() for name in "abc"]
    assert [(ref.key, ref.etag) for ref, _ in whole.objects] == [(r.key, d) for r, d in zip(refs, digests, strict=True)]
    assert whole.after == "" and all(modified.tzinfo for _, modified in whole.objects)
    assert [ref.key for ref, _ in landing.listed(BUCKET, refs[1].key).objects] == [refs[2].key]
    call = made.client.list_objects_v2
    made.client.list_objects_v2 = lambda **given: call(**given, MaxKeys=2)
    assert landing.listed(BUCKET, "").after == refs[1].key
    assert landing.listed(BUCKET, refs[2].key) == ((), "")
