"""What a service says when it is too busy, or has a fault of its own, is transient; a missing right is not."""

import pytest
from botocore.exceptions import ClientError
from mesh.adapters.aws import transient_errors
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
