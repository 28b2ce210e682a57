"""Objects of published versions that go for good, with all their versions."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mesh.adapters.aws import as_transient, transient_errors
from mesh.domain.errors import MeshError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PAGE: Final = 1_000
"""As many as `DeleteObjects` takes."""


class ObjectsNotRemoved(MeshError):  # noqa: N818 - as the other errors are named
    """`DeleteObjects` answered 200, but kept some versions."""


class S3RemovedObjects:
    """Implements `ports.RemovedObjects`."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def remove(self, bucket: str, prefix: str, keys: Collection[str]) -> int:
        """See the port. Raises ObjectsNotRemoved, or a transient error."""
        wanted = set(keys)
        return self._remove(bucket, prefix, lambda version: version["Key"] in wanted)

    def has_any(self, bucket: str, key: str) -> bool:
        """See the port. Raises a transient error."""
        with transient_errors():
            page = self._client.list_object_versions(Bucket=bucket, Prefix=key, MaxKeys=1)
        return any(each["Key"] == key for each in (*page.get("Versions", []), *page.get("DeleteMarkers", [])))

    def present(self, bucket: str, prefix: str) -> set[str]:
        """See the port. Raises a transient error."""
        pages = self._client.get_paginator("list_objects_v2")
        with transient_errors():
            found = pages.paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": _PAGE})
            return {each["Key"] for page in found for each in page.get("Contents", [])}

    def remove_others(self, bucket: str, prefix: str, keep: Collection[str], before: datetime) -> int:
        """See the port. Raises as `remove`."""
        return self._remove(
            bucket, prefix, lambda version: version["Key"] not in keep and version["LastModified"] < before
        )

    def _remove(self, bucket: str, prefix: str, wanted: Callable[[Any], bool]) -> int:
        """One look through all below `prefix`."""
        removed = 0
        pages = self._client.get_paginator("list_object_versions")
        with transient_errors():
            for page in pages.paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": _PAGE}):
                found: list[Any] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                going = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found if wanted(each)]
                if going:
                    self._delete(bucket, going)
                    removed += len(going)
        return removed

    def _delete(self, bucket: str, going: list[Any]) -> None:
        answer = self._client.delete_objects(Bucket=bucket, Delete={"Objects": going, "Quiet": True})
        for failed in answer.get("Errors", []):
            code, message = failed.get("Code", ""), failed.get("Message", "")
            raise as_transient(code, message) or ObjectsNotRemoved(f"{code}: {message}", key=failed.get("Key"))
