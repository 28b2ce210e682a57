"""boto3 clients, and the only translation of AWS's transient errors into Meshwork's."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from boto3.exceptions import RetriesExceededError, S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's name
    HTTPClientError,
    IncompleteReadError,
)

from mesh.domain.contracts.product import ConcurrentChange, NotPropagated, Throttled

_ATTEMPTS = 4
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": _ATTEMPTS}, connect_timeout=5, read_timeout=60)

_THROTTLED = frozenset(
    {
        "Throttled",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "OperationTimeoutException",
        "InternalError",
        "InternalException",
        "InternalFailure",
        "InternalServiceException",
        "SlowDown",
    }
)
_SERVER_FAULT = 500
_CONCURRENT = frozenset(
    {
        "ConcurrentModificationException",
        "ConditionalRequestConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_NOT_READY = (
    "Invalid principal",
    "Grantee has no permissions",
    "register the S3 path",
    "is not authorized to access requested permissions",
)


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no common type; adapters annotate the clients they take
    """The client of a service, made once per process."""
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]  # any service's name


def code_of(error: ClientError) -> str:
    """The error's code, `AccessDeniedException` for instance."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message_of(error: ClientError) -> str:
    """The error's message."""
    return str(error.response.get("Error", {}).get("Message", ""))


@contextmanager
def transient_errors() -> Iterator[None]:
    """Raise Throttled, ConcurrentChange or NotPropagated for transient errors; re-raise all others, S3's own where
    boto3's transfers hide it. Whatever a service calls a fault of its own, it answers with a status of 500 or more."""
    try:
        yield
    except (ClientError, S3UploadFailedError) as error:
        said = error if isinstance(error, ClientError) else error.__context__
        if not isinstance(said, ClientError):
            raise
        translated = as_transient(code_of(said), message_of(said))
        if translated is None and said.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_FAULT:
            translated = Throttled(f"{code_of(said)}: {message_of(said)}")
        if translated is not None:
            raise translated from error
        if said is error:
            raise
        raise said from None
    except (ConnectionError, HTTPClientError, IncompleteReadError, RetriesExceededError) as error:
        raise Throttled(f"no answer from AWS: {error}") from error


def whole_object(s3: Any, **arguments: Any) -> tuple[bytes, Mapping[str, Any]]:  # noqa: ANN401 - of GetObject
    """GetObject: the content, and the answer's other parts. The SDK repeats a call that fails, and not one whose
    content breaks off: this does, as often. Raises ClientError, and what `transient_errors` raises."""
    left = _ATTEMPTS
    while True:
        left -= 1
        with transient_errors():
            answer = s3.get_object(**arguments)
            try:
                return answer["Body"].read(), answer
            except (HTTPClientError, IncompleteReadError):
                if not left:
                    raise


def as_transient(code: str, message: str) -> Throttled | ConcurrentChange | NotPropagated | None:
    """The transient error behind an AWS error, if any; Lake Formation signals some only by their message."""
    if code in _THROTTLED:
        return Throttled(f"{code}: {message}")
    if code in _CONCURRENT:
        return ConcurrentChange(f"{code}: {message}")
    if code in {"InvalidInputException", "AccessDeniedException"} and any(part in message for part in _NOT_READY):
        return NotPropagated(f"{code}: {message}")
    return None
