"""What DataBrew jobs read and write, in the work bucket. Copies are S3's own: no byte of them passes through here."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors, whole_object
from mesh.adapters.s3.storage import GONE, ObjectGone
from mesh.domain.onboarding.curation.jobs import HEAD_BYTES
from mesh.domain.onboarding.formats.model import MIB, ObjectRef
from mesh.ports import Part

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_COPY: Final = TransferConfig(multipart_threshold=1024 * MIB, multipart_chunksize=256 * MIB, max_concurrency=16)
"""One call up to 1 GiB (S3 takes 5); beyond it parts, sixteen at a time."""
_CHUNK: Final = 4 * MIB


class S3JobFiles:
    """Implements `ports.JobFiles`."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def stage(self, ref: ObjectRef, key: str) -> None:
        """See the port."""
        if self._size(self._bucket, key) is not None:
            return
        source: Any = {"Bucket": ref.bucket, "Key": ref.key}
        if ref.version_id:
            source["VersionId"] = ref.version_id
        try:
            with transient_errors():
                self._client.copy(source, self._bucket, key, Config=_COPY)
        except ClientError as error:
            if code_of(error) not in GONE:
                raise
            raise ObjectGone(
                f"s3://{ref.bucket}/{ref.key} is gone",
                bucket=ref.bucket,
                key=ref.key,
                version_id=ref.version_id,
                remedy="Upload it again if it should be published.",
            ) from error

    def parts(self, prefix: str) -> list[Part]:
        """See the port."""
        return [Part(key, size) for key, size in self._below(prefix) if size]

    def head(self, key: str) -> bytes:
        """See the port."""
        return whole_object(self._client, Bucket=self._bucket, Key=key, Range=f"bytes=0-{HEAD_BYTES - 1}")[0]

    def chunks(self, key: str) -> Iterator[bytes]:
        """See the port."""
        with transient_errors():
            yield from self._client.get_object(Bucket=self._bucket, Key=key)["Body"].iter_chunks(_CHUNK)

    def deliver(self, key: str, target: str, content_type: str) -> None:
        """See the port."""
        described = {"MetadataDirective": "REPLACE", "ContentType": content_type}
        source: Any = {"Bucket": self._bucket, "Key": key}
        with transient_errors():
            self._client.copy(source, self._bucket, target, ExtraArgs=described, Config=_COPY)

    def clear(self, prefix: str) -> None:
        """See the port."""
        for key, _ in list(self._below(prefix)):
            with transient_errors():
                self._client.delete_object(Bucket=self._bucket, Key=key)

    def _below(self, prefix: str) -> Iterator[tuple[str, int]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        with transient_errors():
            for page in pages:
                yield from ((item["Key"], item["Size"]) for item in page.get("Contents", []))

    def _size(self, bucket: str, key: str) -> int | None:
        try:
            with transient_errors():
                return self._client.head_object(Bucket=bucket, Key=key)["ContentLength"]
        except ClientError as error:
            if code_of(error) not in GONE:
                raise
            return None
