"""What the owner puts into the producer's bucket, below `data/` and `raw/`."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.adapters.s3.storage import GONE
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import contract_key
from mesh.domain.onboarding.landing import ListedObject, Listing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

PUBLISHED_TAG: Final["TagTypeDef"] = {"Key": "meshwork-published", "Value": "true"}
"""Landing objects that the data bucket's lifecycle rule `published-landing` takes (`LandingRetentionDays`)."""
_MOST_TAGS: Final = 10
"""Of one object. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html"""
_AT_ONCE: Final = 16


class S3LandingObjects:
    """Implements `ports.LandingObjects`."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def present(self, bucket: str, key: str) -> ObjectRef | None:
        """See the port. Its writer is no longer known."""
        found = self._head(bucket, key)
        return found.ref if found else None

    def listed(self, bucket: str, after: str) -> Listing:
        """See the port."""
        with transient_errors():
            page = self._client.list_objects_v2(Bucket=bucket, StartAfter=after)
        objects = tuple(
            ListedObject(
                ObjectRef(bucket=bucket, key=each["Key"], size=each["Size"], etag=each["ETag"].strip('"')),
                each["LastModified"],
            )
            for each in page.get("Contents", ())
        )
        return Listing(objects, objects[-1].ref.key if page["IsTruncated"] and objects else "")

    def contracts(self, bucket: str) -> Iterator[ListedObject]:
        """See the port."""
        with ThreadPoolExecutor(_AT_ONCE) as pool, transient_errors():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter="/"):
                folders = [each["Prefix"].removesuffix("/") for each in page.get("CommonPrefixes", ())]
                found = pool.map(lambda folder: self._head(bucket, contract_key(folder)), folders)
                yield from filter(None, found)

    def _head(self, bucket: str, key: str) -> ListedObject | None:
        try:
            with transient_errors():
                head: Any = self._client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if code_of(error) not in GONE:
                raise
            return None
        ref = ObjectRef(
            bucket=bucket, key=key, size=head["ContentLength"], etag=head["ETag"].strip('"'),
            version_id=head.get("VersionId"),
        )  # fmt: skip
        return ListedObject(ref, head["LastModified"])

    def mark_published(self, refs: Iterable[ObjectRef]) -> None:
        """See the port. S3 replaces an object's tags as a whole."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            deque(pool.map(self._mark, refs), maxlen=0)

    def _mark(self, ref: ObjectRef) -> None:
        of: Any = {"Bucket": ref.bucket, "Key": ref.key} | ({"VersionId": ref.version_id} if ref.version_id else {})
        try:
            with transient_errors():
                tags = self._client.get_object_tagging(**of)["TagSet"]
                if PUBLISHED_TAG not in tags and len(tags) < _MOST_TAGS:
                    self._client.put_object_tagging(**of, Tagging={"TagSet": [*tags, PUBLISHED_TAG]})
        except ClientError as error:
            if code_of(error) not in GONE:
                raise
