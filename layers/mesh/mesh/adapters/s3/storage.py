"""The producer's objects, and the work files of runs, in S3."""

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors, whole_object
from mesh.domain.errors import Rejected
from mesh.domain.onboarding.formats.model import ObjectRef, RangeReader

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404", "NotFound"})

REPORT_TAG: Final = "meshwork-report=true"
"""Reports that the data bucket's lifecycle rule `old-reports` takes (`HistoryDays`)."""


class ObjectGone(Rejected):
    """The object was deleted before it could be read."""


class S3RangeReader:
    """Reads ranges of one version of one object. Raises ObjectGone, also while that version is kept behind a marker:
    an object that its owner deleted is not data any more.
    """

    def __init__(self, client: "S3Client", ref: ObjectRef) -> None:
        self._client = client
        self._ref = ref

    @property
    def size(self) -> int:
        """Size in bytes, as the upload's event said."""
        return self._ref.size

    def read(self, start: int, length: int) -> bytes:
        """Bytes from `start`; fewer at the end."""
        if length <= 0 or start >= self._ref.size:
            return b""
        ref, byte_range = self._ref, f"bytes={start}-{min(start + length, self._ref.size) - 1}"
        body, version_id = _get(self._client, ref.bucket, ref.key, None, byte_range)
        if ref.version_id and version_id != ref.version_id:
            # Replaced meanwhile: the newer version has an event of its own.
            return _read(self._client, ref.bucket, ref.key, ref.version_id, byte_range)
        return body


class S3Objects:
    """Implements `ports.Objects`."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def reader(self, ref: ObjectRef) -> RangeReader:
        """Random access to that version of the object."""
        return S3RangeReader(self._client, ref)

    def read(self, bucket: str, key: str, *, version_id: str | None = None, limit: int) -> bytes:
        """At most `limit` bytes. Raises ObjectGone."""
        return _read(self._client, bucket, key, version_id, f"bytes=0-{limit - 1}")

    def write(self, bucket: str, key: str, body: bytes, content_type: str, *, report: bool = False) -> str | None:
        """See the port."""
        tagged: dict[str, Any] = {"Tagging": REPORT_TAG} if report else {}
        with transient_errors():
            answer = self._client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **tagged)
        return answer.get("VersionId")

    def copy(self, bucket: str, source: str, target: str) -> None:
        """See the port."""
        try:
            with transient_errors():
                self._client.copy_object(Bucket=bucket, Key=target, CopySource={"Bucket": bucket, "Key": source})
        except ClientError as error:
            if code_of(error) not in GONE:
                raise
            raise ObjectGone(f"s3://{bucket}/{source} is gone", bucket=bucket, key=source) from error


class S3WorkFiles:
    """Implements `ports.WorkFiles` in the work bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, document: str) -> None:
        """Write a document."""
        self._put(key, document)

    def put_first(self, key: str, document: str) -> str | None:
        """See the port."""
        try:
            self._put(key, document, IfNoneMatch="*")
        except ClientError as error:
            if code_of(error) != "PreconditionFailed":
                raise
            return self.get(key)
        return None

    def _put(self, key: str, document: str, **condition: str) -> None:
        body, kind = document.encode(), "application/json"
        with transient_errors():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=kind, **condition)  # type: ignore[arg-type]

    def get(self, key: str) -> str | None:
        """The document, or None."""
        try:
            return _read(self._client, self._bucket, key, None, None).decode()
        except ObjectGone:
            return None

    def keys(self, prefix: str) -> list[str]:
        """Those that begin with it."""
        with transient_errors():
            pages = list(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix))
        return [found["Key"] for page in pages for found in page.get("Contents", [])]


def _read(client: "S3Client", bucket: str, key: str, version_id: str | None, byte_range: str | None) -> bytes:
    return _get(client, bucket, key, version_id, byte_range)[0]


def _get(
    client: "S3Client", bucket: str, key: str, version_id: str | None, byte_range: str | None
) -> tuple[bytes, str | None]:
    """Content and version. Raises ObjectGone."""
    arguments: dict[str, Any] = {"Bucket": bucket, "Key": key}
    if version_id:
        arguments["VersionId"] = version_id
    if byte_range:
        arguments["Range"] = byte_range
    try:
        content, answer = whole_object(client, **arguments)
        return content, answer.get("VersionId")
    except ClientError as error:
        if code_of(error) == "InvalidRange":
            return b"", version_id
        if code_of(error) in GONE:
            raise ObjectGone(
                f"s3://{bucket}/{key} is gone",
                bucket=bucket,
                key=key,
                version_id=version_id,
                remedy="Upload it again if it should be published.",
            ) from error
        raise
