"""What a service says when it is too busy, or has a fault of its own, is transient; a missing right is not."""

import pytest
from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError
from mesh.adapters.aws import transient_errors, whole_object
from mesh.domain.contracts.product import Throttled

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
