"""What an ended version alone needed goes, with all versions of each object; what is kept reads as before."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from mesh.adapters.iceberg.content import IcebergContents
from mesh.adapters.iceberg.reach import IcebergReach
from mesh.adapters.iceberg.staging import IcebergStaging
from mesh.adapters.s3.removed_objects import ObjectsNotRemoved, S3RemovedObjects
from mesh.adapters.s3.storage import ObjectGone
from mesh.domain.events import Event, FilesKept, FilesReleased, Metadata
from mesh.domain.names import table_location
from mesh.domain.publishing.fields import FieldIds, assign_fields
from mesh.domain.publishing.staging import DataFile, StageOrder
from mesh.domain.publishing.table_state import read_state
from mesh.domain.schema import Column
from mesh.usecases.publishing.release_files import KeptFileGone, release_files

from tests.builders import BUCKET, PRODUCT, REGION
from tests.fakes import FakeTrace

LOCATION = table_location(BUCKET, PRODUCT, "t")
FIELDS = assign_fields([Column(name="id", type="bigint")], (), FieldIds(0))


class Bucket:
    """A versioned bucket with staged versions of one table."""

    def __init__(self, client):
        self.client, self.staging = client, IcebergStaging(client)
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})

    def put(self, location, body=b"x"):
        self.client.put_object(Bucket=BUCKET, Key=location.removeprefix(f"s3://{BUCKET}/"), Body=body)

    def stage(self, number, *add, base="", remove=()):
        """The name of its metadata file, and of the empty one."""
        for name in add:
            self.put(f"{LOCATION}/data/{name}")
        self.put(f"{LOCATION}/metadata/n{number}.index.parquet")
        staged = self.staging.stage(
            StageOrder(
                location=LOCATION, base=self.state(base) if base else None, fields=FIELDS,
                add=tuple(DataFile(path=f"{LOCATION}/data/{name}", rows=1, bytes=1) for name in add),
                remove=frozenset(f"{LOCATION}/data/{name}" for name in remove),
                index=f"{LOCATION}/metadata/n{number}.index.parquet",
            )
        )  # fmt: skip
        return staged.metadata.rpartition("/")[2], staged.empty.rpartition("/")[2]

    def state(self, name):
        place = f"{LOCATION}/metadata/{name}"
        body = self.client.get_object(Bucket=BUCKET, Key=place.removeprefix(f"s3://{BUCKET}/"))["Body"].read()
        return read_state(place, json.loads(body))

    def release(self, released, kept, days=0, removed=None):
        return self.hear(FilesReleased(product=PRODUCT, table="t", released=released, kept=kept), days, removed)

    def look(self, *kept):
        return self.hear(FilesKept(product=PRODUCT, table="t", kept=kept))

    def hear(self, news, days=0, removed=None):
        event = Event[type(news)](metadata=Metadata(time=datetime.now(UTC) + timedelta(days=days)), data=news)
        return release_files(
            event, bucket=BUCKET, reaching=IcebergReach(self.client),
            removed=removed or S3RemovedObjects(self.client), trace=FakeTrace(),
        ).objects  # fmt: skip

    def left(self):
        """Keys of which any version, or marker, is there."""
        found = self.client.list_object_versions(Bucket=BUCKET)
        keys = {each["Key"] for each in (*found.get("Versions", ()), *found.get("DeleteMarkers", ()))}
        return {key.partition("/iceberg/")[2] for key in keys}


@pytest.fixture
def bucket(aws):
    return Bucket(aws("s3", region_name=REGION))


def test_what_it_alone_needed_goes_and_the_rest_reads_as_before(bucket):
    first, empty = bucket.stage(1, "a", "b")
    second, _ = bucket.stage(2, "c", base=first, remove=("a",))
    third, _ = bucket.stage(3, "d", base=second)
    bucket.put(f"{LOCATION}/data/a", b"written over")
    bucket.put(f"{LOCATION}/data/staged-just-now")
    reach = IcebergReach(bucket.client)
    assert reach.of(f"{LOCATION}/metadata/{first}").data == {f"{LOCATION}/data/{name}" for name in "ab"}
    before = bucket.left()

    assert bucket.release((first, second), (empty, third)) > 0

    gone = before - bucket.left()
    assert {key for key in gone if key.startswith("data/")} == {"data/a"}
    assert {f"metadata/{name}" for name in (first, second)} < gone
    assert {"metadata/n1.index.parquet", "metadata/n2.index.parquet"} < gone
    assert {f"metadata/{empty}", f"metadata/{third}", "data/staged-just-now"} <= bucket.left()
    rows = IcebergContents(bucket.client).read(f"{LOCATION}/metadata/{third}").rows
    assert rows == 3
    assert bucket.release((first, second), (empty, third)) == 0
    with pytest.raises(ObjectGone):
        reach.of(f"{LOCATION}/metadata/{first}")


def test_unlisted_files_are_deleted_once_no_run_can_publish_them(bucket):
    first, empty = bucket.stage(1, "a")
    second, _ = bucket.stage(2, "b", base=first, remove=("a",))
    refused, _ = bucket.stage(3, "refused", base=second)
    bucket.put(f"{LOCATION}/data/twice")
    bucket.put(f"{LOCATION}/data/twice", b"written over")

    bucket.release((first,), (empty, second), days=2)
    assert {"data/refused", "data/twice"} <= bucket.left()

    bucket.release((first,), (empty, second), days=4)
    assert {key for key in bucket.left() if key.startswith("data/")} == {"data/b"}
    assert IcebergContents(bucket.client).read(f"{LOCATION}/metadata/{second}").rows == 1
    assert f"metadata/{refused}" in bucket.left(), "no rows are in it"


def test_a_version_that_came_again_keeps_its_files(bucket):
    first, empty = bucket.stage(1, "a")
    second, _ = bucket.stage(2, "b", base=first)
    bucket.release((second,), (empty, first))
    assert {"data/a", f"metadata/{first}"} <= bucket.left()
    assert "data/b" not in bucket.left()


@pytest.mark.parametrize("of", ["data/a", "data/b", "metadata/n1.index.parquet", "metadata/{second}"])
def test_what_somebody_deleted_is_missed_until_it_is_brought_back(bucket, of):
    first, empty = bucket.stage(1, "a")
    second, _ = bucket.stage(2, "b", base=first)
    name = of.format(second=second)
    key = f"{LOCATION}/{name}".removeprefix(f"s3://{BUCKET}/")
    marker = bucket.client.delete_object(Bucket=BUCKET, Key=key)["VersionId"]

    with pytest.raises(KeptFileGone) as lost:
        bucket.look(empty, first, second)
    assert lost.value.where["files"] == [name]

    bucket.client.delete_object(Bucket=BUCKET, Key=key, VersionId=marker)
    before = bucket.left()
    assert bucket.look(empty, first, second) == 0
    assert bucket.left() == before


def test_of_two_releases_the_second_may_come_first(bucket):
    """And a version is published in between, on files that the first one named."""
    first, empty = bucket.stage(1, "a", "b")
    second, _ = bucket.stage(2, "c", base=first, remove=("a",))
    third, _ = bucket.stage(3, "d", base=second, remove=("c",))

    bucket.release((second,), (empty, third))
    bucket.release((first,), (empty, second), days=9)
    bucket.look(empty, first, second)

    kept = IcebergReach(bucket.client).of(f"{LOCATION}/metadata/{third}")
    assert bucket.left() == {each.partition("/iceberg/")[2] for each in kept.all} | {f"metadata/{empty}"}
    assert {each.rpartition("/")[2] for each in kept.data} == {"b", "d"}
    bucket.look(empty, third)


class Interrupted(S3RemovedObjects):
    """Deletes some of what it is told to and fails, as DeleteObjects may, at the n-th time."""

    def __init__(self, client, after):
        super().__init__(client)
        self._after = after

    def remove(self, bucket, prefix, keys):
        self._after -= 1
        if self._after >= 0:
            return super().remove(bucket, prefix, keys)
        super().remove(bucket, prefix, sorted(keys)[:-1])
        raise ObjectsNotRemoved("InternalError")


@pytest.mark.parametrize("after", range(8))
def test_a_repetition_deletes_what_was_left_wherever_the_first_one_failed(bucket, after):
    first, empty = bucket.stage(1, "a", "b")
    second, _ = bucket.stage(2, "c", base=first, remove=("a", "b"))
    third, _ = bucket.stage(3, "d", base=second, remove=("c",))
    failing = Interrupted(bucket.client, after)

    with pytest.raises(ObjectsNotRemoved):
        bucket.release((first, second), (empty, third), removed=failing)
    bucket.release((first, second), (empty, third))

    kept = {
        each.partition("/iceberg/")[2] for each in IcebergReach(bucket.client).of(f"{LOCATION}/metadata/{third}").all
    }
    assert bucket.left() == kept | {f"metadata/{empty}"}
