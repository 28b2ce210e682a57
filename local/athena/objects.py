"""Objects in S3, read and written with the caller's rights, including the bucket policy."""

import fnmatch
from collections.abc import Iterator

from ministack.core.responses import request_scope

from local.athena import errors
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError


def below(reader: Identity, location: str) -> Iterator[tuple[str, bytes]]:
    """The keys and contents of the data objects below `s3://bucket/prefix/`; hidden and empty ones are none.

    Raises:
        QueryError: the reader may not list or get them, or there is no such bucket.
    """
    bucket, _, path = location.removeprefix("s3://").partition("/")
    prefix = path if not path or path.endswith("/") else f"{path}/"
    for key in _keys(reader, bucket, prefix):
        if _is_data(key.removeprefix(prefix)):
            body = _read(reader, bucket, key)
            if body:
                yield key, body


def write(writer: Identity, url: str, body: bytes) -> None:
    """Put an object. Raises `QueryError` in Athena's words where the writer may not."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    denied = errors.QueryError(
        f"Access denied when writing output to url: {url} . Please ensure you are allowed to access the S3 bucket. "
        "If you are encrypting query results with KMS key, please ensure you are allowed to access your KMS key",
        kind=errors.RESULTS_NOT_WRITTEN,
    )
    try:
        writer.require("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}", service="s3")
    except AwsError as error:
        raise denied from error
    from ministack.services import s3  # noqa: PLC0415

    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        raise denied
    with request_scope(owner, writer.region):
        status, _, _ = s3._put_object(bucket, key, body, {"content-type": "application/octet-stream"})
    if status != 200:
        raise denied


def read(reader: Identity, url: str) -> bytes:
    """One object. Raises `QueryError` where the reader may not, or it is gone."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return _read(reader, bucket, key)


def _keys(reader: Identity, bucket: str, prefix: str) -> list[str]:
    from ministack.services import s3  # noqa: PLC0415

    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        raise _denied(bucket, prefix, "The specified bucket does not exist")
    try:
        reader.require("s3:ListBucket", f"arn:aws:s3:::{bucket}", service="s3", keys={"s3:prefix": prefix})
    except AwsError as error:
        raise _denied(bucket, prefix, error.message) from error
    with request_scope(owner, reader.region):
        return sorted(key for key in s3._buckets[bucket]["objects"] if key.startswith(prefix))


def _read(reader: Identity, bucket: str, key: str) -> bytes:
    from ministack.services import s3  # noqa: PLC0415

    try:
        reader.require("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", service="s3")
    except AwsError as error:
        raise _denied(bucket, key, error.message) from error
    owner = s3._bucket_owner_account(bucket) or reader.account
    with request_scope(owner, reader.region):
        body = s3._get_object_data(bucket, key)
    if body is None:
        raise errors.MissingObjectError(
            f"PERMISSION_DENIED: Access Denied on s3://{bucket}/{key}: The specified key does not exist",
            errors.UNAUTHORIZED,
        )
    return bytes(body)


def _denied(bucket: str, path: str, why: str) -> errors.QueryError:
    return errors.QueryError(f"PERMISSION_DENIED: Access Denied on s3://{bucket}/{path}: {why}", errors.UNAUTHORIZED)


def _is_data(path: str) -> bool:
    """Hive passes over files and folders that start with `_` or `.`, but for partitions (`_x=1`)."""
    parts = path.split("/")
    hidden = any(fnmatch.fnmatch(part, "[_.]*") and "=" not in part for part in parts)
    return bool(parts[-1]) and not hidden
