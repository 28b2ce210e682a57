"""An object that is written with tags: that asks for a right of its own.

"If you are putting an object with a tag set in the request header, you must have the s3:PutObjectTagging permission":
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

import functools
from typing import Any

from ministack.services import s3

from local.lakeformation.identity import request_identity
from local.lakeformation.protocol import AwsError


def install() -> None:
    """Before MiniStack writes it, which asks for the right to put an object alone."""
    s3._put_object = _with_its_tags(s3._put_object)


def _with_its_tags(put: Any) -> Any:  # noqa: ANN401 - MiniStack's function
    @functools.wraps(put)
    def put_object(bucket: str, key: str, body: bytes, headers: dict[str, str]) -> Any:  # noqa: ANN401
        if headers.get("x-amz-tagging"):
            try:
                caller = request_identity(headers, {})
                caller.require("s3:PutObjectTagging", f"arn:aws:s3:::{bucket}/{key}", service="s3")
            except AwsError as denied:
                return s3._error("AccessDenied", denied.message, 403, f"/{bucket}/{key}")
        return put(bucket, key, body, headers)

    return put_object
