"""What a service says when it is too busy, or has a fault of its own, is transient; a missing right is not."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError
from mesh.adapters.aws import transient_errors, whole_object
from mesh.domain.contracts.product import Throttled

from cli.failures import failure_of
from tests.sweep.kinds import CODES, Code


def raised(code: Code) -> ClientError:
    answer = {"Error": {"Code": code.name, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": code.status}}
    return ClientError(answer, "Anything")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["throttled", "broken"])
@pytest.mark.parametrize("service", CODES)
def test_a_busy_or_broken_service_is_asked_again(service: str, kind: str) -> None:
    with pytest.raises(Throttled), transient_errors():
        raise raised(getattr(CODES[service], kind))


@pytest.mark.parametrize("service", CODES)
def test_a_missing_right_is_nothing_transient(service: str) -> None:
    with pytest.raises(ClientError), transient_errors():
        raise raised(CODES[service].refused)


class Body:
    """Of an answer that S3 did not give."""

    def __init__(self, code: str) -> None:
        self.text = f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()

    def stream(self) -> Iterator[bytes]:
        yield self.text


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [(503, "SlowDown", Throttled), (500, "Any", Throttled), (403, "Denied", ClientError)],
)
def test_what_s3_says_of_an_upload_in_parts_is_said_by_boto3_in_its_own_way(
    aws: Callable[..., Any], tmp_path: Path, status: int, code: str, expected: type[Exception]
) -> None:
    s3 = aws("s3", config=Config(retries={"total_max_attempts": 1}))
    answer = AWSResponse("https://s3", status, {}, Body(code))  # type: ignore[arg-type]
    s3.meta.events.register("before-send.s3.CreateMultipartUpload", lambda **_: answer)
    file = tmp_path / "large"
    file.write_bytes(b"." * (9 * 1024 * 1024))
    with pytest.raises(expected) as found, transient_errors():
        s3.upload_file(str(file), "bucket", "key")
    assert code in str(found.value)
    with pytest.raises(S3UploadFailedError) as hidden:
        s3.upload_file(str(file), "bucket", "key")
    shown = failure_of(hidden.value)
    assert shown is not None and shown.code == code


class Breaking:
    """S3, whose content breaks off so many times."""

    def __init__(self, times: int, error: Exception) -> None:
        self.left, self.error, self.asked = times, error, 0

    def get_object(self, **_: str) -> dict[str, object]:
        self.asked += 1
        return {"Body": self, "VersionId": "v"}

    def read(self) -> bytes:
        self.left -= 1
        if self.left >= 0:
            raise self.error
        return b"all of it"


BREAKS = [IncompleteReadError(actual_bytes=0, expected_bytes=9), ResponseStreamingError(error="reset")]


@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error).__name__)
def test_an_object_whose_content_breaks_off_is_asked_for_again(error: Exception) -> None:
    s3 = Breaking(3, error)
    content, answer = whole_object(s3, Bucket="b", Key="k")
    assert (content, answer["VersionId"], s3.asked) == (b"all of it", "v", 4)


@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error).__name__)
def test_one_that_breaks_off_each_time_is_transient(error: Exception) -> None:
    s3 = Breaking(9, error)
    with pytest.raises(Throttled):
        whole_object(s3, Bucket="b", Key="k")
    assert s3.asked == 4
