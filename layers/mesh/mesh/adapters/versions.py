"""Versions of objects in S3: looked at, brought back, hidden. Nothing here deletes a version."""

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.adapters.storage import GONE, ObjectGone

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RESTORED_FROM: Final = "restored-from"
"""Metadata of a copy: the version id that it was made of. A repeated restoration knows by it what is done."""
ABSENT: Final = GONE | {"400", "405", "MethodNotAllowed", "InvalidArgument"}
"""Also for a version id that is none at all, or that names a delete marker."""
_HEADERS: Final = ("ContentType", "ContentEncoding", "ContentLanguage", "ContentDisposition", "CacheControl")


class S3ObjectVersions:
    """Implements `ports.ObjectVersions`."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def store(self, bucket: str, key: str, body: bytes, content_type: str) -> str | None:
        """See the port."""
        with transient_errors():
            answer = self._client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)
        return answer.get("VersionId")

    def fetch(self, bucket: str, key: str, version_id: str | None) -> bytes | None:
        """See the port."""
        try:
            with transient_errors():
                answer = self._client.get_object(Bucket=bucket, Key=key, **_version(version_id))
                return answer["Body"].read()
        except ClientError as error:
            if code_of(error) not in ABSENT:
                raise
            return None

    def exists(self, bucket: str, key: str, version_id: str | None) -> bool:
        """See the port."""
        return self._head(bucket, key, version_id) is not None

    def restore(self, bucket: str, key: str, version_id: str) -> str:
        """See the port. The copy is managed: past 5 GB it is made in parts, and so looked up after."""
        current = self._head(bucket, key, None)
        if current is not None and _is(current, version_id):
            return str(current["VersionId"])
        pinned = self._head(bucket, key, version_id)
        if pinned is None:
            raise ObjectGone(f"version {version_id} of s3://{bucket}/{key} is gone", bucket=bucket, key=key)
        extra: dict[str, Any] = {name: pinned[name] for name in _HEADERS if pinned.get(name)}
        extra |= {"MetadataDirective": "REPLACE", "Metadata": {**pinned.get("Metadata", {}), RESTORED_FROM: version_id}}
        source: Any = {"Bucket": bucket, "Key": key, "VersionId": version_id}
        try:
            with transient_errors():
                self._client.copy(source, bucket, key, ExtraArgs=extra)
        except ClientError as error:
            raise _gone(bucket, key, version_id, error) from error
        current = self._head(bucket, key, None)
        # Who uploads at this very moment is newer than what is restored: their object stays, and is pending.
        return str(current["VersionId"]) if current is not None and _is(current, version_id) else version_id

    def remove(self, bucket: str, key: str) -> None:
        """See the port. Looked at first, so that a repeated call writes no marker upon a marker."""
        if self._head(bucket, key, None) is not None:
            with transient_errors():
                self._client.delete_object(Bucket=bucket, Key=key)

    def _head(self, bucket: str, key: str, version_id: str | None) -> dict[str, Any] | None:
        try:
            with transient_errors():
                return dict(self._client.head_object(Bucket=bucket, Key=key, **_version(version_id)))
        except ClientError as error:
            if code_of(error) in ABSENT:
                return None
            raise


def _is(head: dict[str, Any], version_id: str) -> bool:
    """Whether this is that version, or was copied from it."""
    return version_id in (head.get("VersionId"), head.get("Metadata", {}).get(RESTORED_FROM))


def _version(version_id: str | None) -> Any:  # noqa: ANN401 - keyword arguments of boto3
    return {"VersionId": version_id} if version_id else {}


def _gone(bucket: str, key: str, version_id: str | None, error: ClientError) -> Exception:
    if code_of(error) not in GONE:
        return error
    return ObjectGone(f"s3://{bucket}/{key} is gone", bucket=bucket, key=key, version_id=version_id)
