"""Kinds of fault that a call can meet, with the codes that its service has for them.

Codes are those of the services' models (botocore) and of AWS's common errors; a test compares them.
https://docs.aws.amazon.com/awssupport/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tests.recorded_calls import Call

ATTEMPTS: Final = 4
"""Of one call of a function, by the SDK (`mesh.adapters.aws`)."""
SLOW_SECONDS: Final = 1.5


class Code(NamedTuple):
    """An error as a service answers it."""

    name: str
    status: int


class Codes(NamedTuple):
    """A service's own errors: too many calls, a fault of its own, a right that is missing."""

    throttled: Code
    broken: Code
    refused: Code


_DENIED: Final = Code("AccessDeniedException", 400)
_COMMON_BROKEN: Final = Code("InternalFailure", 500)
CODES: Final = {
    "athena": Codes(Code("TooManyRequestsException", 400), Code("InternalServerException", 500), _DENIED),
    "databrew": Codes(
        Code("ThrottlingException", 429), Code("InternalServerException", 500), Code("AccessDeniedException", 403)
    ),
    "dynamodb": Codes(Code("ProvisionedThroughputExceededException", 400), Code("InternalServerError", 500), _DENIED),
    "events": Codes(Code("ThrottlingException", 400), Code("InternalException", 500), _DENIED),
    "glue": Codes(Code("ThrottlingException", 400), Code("InternalServiceException", 500), _DENIED),
    "iam": Codes(Code("Throttling", 400), Code("ServiceFailure", 500), Code("AccessDenied", 403)),
    "lakeformation": Codes(
        Code("ThrottledException", 429), Code("InternalServiceException", 500), Code("AccessDeniedException", 403)
    ),
    "lambda": Codes(
        Code("TooManyRequestsException", 429), Code("ServiceException", 500), Code("AccessDeniedException", 403)
    ),
    "ram": Codes(
        Code("ThrottlingException", 429), Code("ServerInternalException", 500), Code("AccessDeniedException", 403)
    ),
    "s3": Codes(Code("SlowDown", 503), Code("InternalError", 500), Code("AccessDenied", 403)),
    "scheduler": Codes(
        Code("ThrottlingException", 429), Code("InternalServerException", 500), Code("AccessDeniedException", 403)
    ),
    "sns": Codes(Code("Throttled", 429), Code("InternalError", 500), Code("AuthorizationError", 403)),
    "sqs": Codes(Code("RequestThrottled", 403), _COMMON_BROKEN, Code("AccessDeniedException", 403)),
    "states": Codes(Code("ThrottlingException", 400), _COMMON_BROKEN, _DENIED),
    "sts": Codes(Code("Throttling", 400), _COMMON_BROKEN, Code("AccessDenied", 403)),
    "tagging": Codes(Code("ThrottledException", 400), Code("InternalServiceException", 500), _DENIED),
}
PARTIAL: Final = {
    ("events", "PutEvents"): "InternalFailure",
    ("sns", "Publish"): "InternalError",  # PublishBatch, by the action that IAM checks
    ("dynamodb", "BatchGetItem"): "",
    ("s3", "DeleteObject"): "InternalError",  # DeleteObjects, by the action that IAM checks
    ("lakeformation", "BatchGrantPermissions"): "ConcurrentModificationException",
    ("lakeformation", "BatchRevokePermissions"): "ConcurrentModificationException",
    ("lakeformation", "AddLFTagsToResource"): "ConcurrentModificationException",
    ("lakeformation", "RemoveLFTagsFromResource"): "ConcurrentModificationException",
}
"""Batches of which an entry can fail while the call succeeds, with the entry's error."""
CRASHES: Final = frozenset({"crash_before", "crash_after"})


@dataclass(frozen=True)
class Kind:
    """A fault of `local.faults`, as it is injected: `count` calls in a row."""

    name: str
    fault: str
    count: int
    meaning: str
    code: str = ""
    """Which of the service's codes: a field of `Codes`."""

    def rule(self, call: Call) -> dict[str, Any]:
        """What is injected, but for the place."""
        rule: dict[str, Any] = {"kind": self.fault, "service": call.service, "action": call.action}
        rule |= {"principal": call.principal, "count": self.count}
        if self.code:
            code: Code = getattr(CODES[call.service], self.code)
            rule |= {"code": code.name, "status": code.status, "message": f"{code.name}, injected"}
        if self.fault == "delay":
            rule["seconds"] = SLOW_SECONDS
        if self.fault == "batch_failure":
            rule["code"] = PARTIAL[call.service, call.action]
        return rule

    def pointless(self, call: Call, functions: Collection[str]) -> str:
        """Why the call cannot meet it; empty where it can. `functions` are the roles of functions, by ARN."""
        if self.fault in CRASHES and call.principal not in functions:
            return "a service makes this call: there is no process of ours to kill"
        if self.fault == "batch_failure" and (call.service, call.action) not in PARTIAL:
            return "no batch: it succeeds or fails as a whole"
        return ""


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("throttled", "throttle", ATTEMPTS, "refused, too many calls: each attempt of the SDK", "throttled"),
        Kind("refused", "throttle", 1, "access denied, once", "refused"),
        Kind("error-after", "error_after_effect", ATTEMPTS, "done, and answered by 500: each attempt", "broken"),
        Kind("lost-answer", "lost_answer", 1, "done, and the connection breaks"),
        Kind("lost-answers", "lost_answer", ATTEMPTS, "the same, at each attempt"),
        Kind("slow", "delay", 1, f"done and answered {SLOW_SECONDS} s late"),
        Kind("partial", "batch_failure", 1, "HTTP 200, and one entry of the batch failed"),
        Kind("crash-before", "crash_before", 1, "the function's process dies as it makes the call"),
        Kind("crash-after", "crash_after", 1, "the call is done, and the process dies before it has the answer"),
    )
}
