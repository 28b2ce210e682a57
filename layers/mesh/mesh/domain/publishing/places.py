"""Locations in S3, as Iceberg and Glue write them."""

SCHEME = "s3://"


def bucket_and_key(location: str) -> tuple[str, str]:
    """`s3://bucket/a/b` → ("bucket", "a/b"). Raises ValueError for anything else."""
    bucket, slash, key = location.removeprefix(SCHEME).partition("/")
    if not location.startswith(SCHEME) or not slash or not key:
        raise ValueError(f"{location!r} is not a location in S3")
    return bucket, key
