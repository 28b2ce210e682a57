"""Injected errors are those that the service's model knows, or that AWS documents for all services."""

from typing import Any, Final

import botocore.session
import pytest

from tests.recorded_calls import Call
from tests.sweep.kinds import CODES, KINDS, PARTIAL, Code

BOTO: Final = {"states": "stepfunctions", "tagging": "resourcegroupstaggingapi"}
UNMODELLED: Final = {
    # https://docs.aws.amazon.com/awssupport/latest/APIReference/CommonErrors.html
    "AccessDenied", "AccessDeniedException", "InternalFailure", "Throttling", "ThrottlingException",
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    "InternalError", "SlowDown",
}  # fmt: skip


def modelled(service: str) -> dict[str, int | None]:
    """Codes of the service's model, with their HTTP status where it says one."""
    model: Any = botocore.session.get_session().get_service_model(BOTO.get(service, service))
    return {shape.error_code: shape.metadata.get("error", {}).get("httpStatusCode") for shape in model.error_shapes}


@pytest.mark.parametrize("service", CODES)
def test_codes_are_the_services_own(service: str) -> None:
    known = modelled(service)
    for code in CODES[service]:
        assert isinstance(code, Code)
        assert code.name in known or code.name in UNMODELLED, code
        assert known.get(code.name) in (None, code.status), code
        assert code.status // 100 == (5 if code is CODES[service].broken or code.status == 503 else 4), code


def test_partial_answers_are_of_operations_that_exist() -> None:
    session = botocore.session.get_session()
    for service, action in PARTIAL:
        assert action in session.get_service_model(service).operation_names


def test_a_kind_says_why_a_call_cannot_meet_it() -> None:
    machine, function = "arn:aws:iam::1:role/machine", "arn:aws:iam::1:role/function"
    started = Call(machine, "states", "StartExecution")
    assert "no process" in KINDS["crash-before"].pointless(started, {function})
    assert KINDS["crash-before"].pointless(started._replace(principal=function), {function}) == ""
    assert "no batch" in KINDS["partial"].pointless(started, {function})
    assert KINDS["partial"].pointless(Call(function, "events", "PutEvents"), {function}) == ""
    assert KINDS["throttled"].pointless(started, {function}) == ""
