"""Copies of object versions in S3, and their end: the only place that deletes versions for good."""

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import as_transient, code_of, transient_errors
from mesh.adapters.versions import ABSENT
from mesh.domain.errors import MeshError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PINNED_FROM: Final = "pinned-from"
"""Metadata of a copy: the version id that it was made of."""
_PAGE: Final = 1_000
"""As many as `DeleteObjects` takes."""


class CopiesNotRemoved(MeshError):  # noqa: N818 - as the other errors are named
    """`DeleteObjects` answered 200, but kept some versions."""


class S3PinnedCopies:
    """Implements `ports.PinnedCopies`."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def copy_version(self, bucket: str, key: str, version_id: str, target: str) -> bool:
        """See the port. The copy is managed: past 5 GB it is made in parts, from that version."""
        if self._made_of(bucket, target) == version_id:
            return True
        source: Any = {"Bucket": bucket, "Key": key, "VersionId": version_id}
        try:
            with transient_errors():
                pinned = self._client.head_object(Bucket=bucket, Key=key, VersionId=version_id)
                extra: dict[str, Any] = {
                    "MetadataDirective": "REPLACE",
                    "Metadata": {PINNED_FROM: version_id},
                    "ContentType": pinned.get("ContentType", "binary/octet-stream"),
                }
                if encoding := pinned.get("ContentEncoding"):
                    extra["ContentEncoding"] = encoding
                self._client.copy(source, bucket, target, ExtraArgs=extra)
        except ClientError as error:
            if code_of(error) not in ABSENT:
                raise
            return False
        return True

    def remove_below(self, bucket: str, prefix: str, limit: int) -> int:
        """See the port; 1,000 a call. Raises CopiesNotRemoved, or a transient error."""
        removed = 0
        while removed < limit:
            with transient_errors():
                page = self._client.list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=_PAGE)
                found: list[Any] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                if not found:
                    break
                going: Any = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
                answer = self._client.delete_objects(Bucket=bucket, Delete={"Objects": going, "Quiet": True})
            for failed in answer.get("Errors", []):
                code, message = failed.get("Code", ""), failed.get("Message", "")
                raise as_transient(code, message) or CopiesNotRemoved(f"{code}: {message}", key=failed.get("Key"))
            removed += len(found)
        return removed

    def _made_of(self, bucket: str, target: str) -> str:
        try:
            with transient_errors():
                head = self._client.head_object(Bucket=bucket, Key=target)
        except ClientError as error:
            if code_of(error) not in ABSENT:
                raise
            return ""
        return head.get("Metadata", {}).get(PINNED_FROM, "")
