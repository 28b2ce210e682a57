"""S3 with the rights of a job's role."""

from ministack.core.responses import request_scope

from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError


def read(role: Identity, bucket: str, key: str) -> bytes:
    """An object. Raises `AwsError`: the role may not, or it is not there."""
    from ministack.services import s3  # noqa: PLC0415

    role.require("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", service="s3")
    with request_scope(_owner(bucket), role.region):
        body = s3._get_object_data(bucket, key)
    if body is None:
        raise AwsError("NoSuchKey", f"The specified key does not exist: s3://{bucket}/{key}")
    return bytes(body)


def write(role: Identity, bucket: str, key: str, body: bytes) -> None:
    """Raises `AwsError` where the role may not."""
    from ministack.services import s3  # noqa: PLC0415

    role.require("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}", service="s3")
    with request_scope(_owner(bucket), role.region):
        status, _, answer = s3._put_object(bucket, key, body, {"content-type": "application/octet-stream"})
    if status != 200:
        raise AwsError("InternalError", f"s3://{bucket}/{key} was not written: {answer!r}"[:300])


def clear(role: Identity, bucket: str, prefix: str) -> None:
    """Remove what is below a prefix. Raises `AwsError` where the role may not list, or delete."""
    from ministack.services import s3  # noqa: PLC0415

    role.require("s3:ListBucket", f"arn:aws:s3:::{bucket}", service="s3", keys={"s3:prefix": prefix})
    owner = _owner(bucket)
    with request_scope(owner, role.region):
        keys = [key for key in s3._buckets[bucket]["objects"] if key.startswith(prefix)]
    for key in keys:
        role.require("s3:DeleteObject", f"arn:aws:s3:::{bucket}/{key}", service="s3")
        with request_scope(owner, role.region):
            s3._delete_object(bucket, key)


def _owner(bucket: str) -> str:
    from ministack.services import s3  # noqa: PLC0415

    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        raise AwsError("NoSuchBucket", f"The specified bucket does not exist: {bucket}")
    return str(owner)
