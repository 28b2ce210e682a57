"""CloudFormation is answered once, whatever happens, and after as much patience as the function has time for."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from mesh.domain.contracts.product import NotPropagated
from mesh.domain.errors import Rejected
from mesh.entry import custom_resource

PROPERTIES = {"Name": "loans"}


@pytest.fixture
def cloudformation(monkeypatch):
    """What CloudFormation is told; time passes by sleeping alone, and Lambda gives 120 seconds."""
    world = SimpleNamespace(told=[], passed=0.0)
    world.context = SimpleNamespace(get_remaining_time_in_millis=lambda: int((120 - world.passed) * 1000))

    def open_url(request, timeout):
        world.told.append(json.loads(request.data))
        return nullcontext(SimpleNamespace(status=200))

    def sleep(seconds):
        world.passed += seconds

    monkeypatch.setattr(custom_resource.urllib.request, "urlopen", open_url)
    monkeypatch.setattr(custom_resource, "time", SimpleNamespace(sleep=sleep))
    return world


def answered(world, work, kind="Create", *, delete=None, name="", **more):
    event = {
        "RequestType": kind, "ResponseURL": "https://s3/answer", "StackId": "stack", "RequestId": "request",
        "LogicalResourceId": "Bucket", "ResourceProperties": PROPERTIES, **more,
    }  # fmt: skip
    custom_resource.answer_cloudformation(event, world.context, work, delete, name=name)
    [answer] = world.told
    return answer


def failing(error, times=None):
    """Raises it so many times, or always; then gives an ARN."""
    attempts = []

    def work(*_):
        attempts.append(1)
        if times is None or len(attempts) <= times:
            raise error
        return {"Arn": "arn"}

    work.attempts = attempts
    return work


def test_what_is_not_known_everywhere_yet_is_tried_again(cloudformation):
    work = failing(NotPropagated("Invalid principal"), times=5)

    answer = answered(cloudformation, work)

    assert (answer["Status"], answer["Data"], len(work.attempts)) == ("SUCCESS", {"Arn": "arn"}, 6)


def test_a_right_that_is_not_known_yet_is_waited_for(cloudformation):
    message = "role is not authorized to perform: s3:CreateBucket because no identity-based policy allows it"
    work = failing(RuntimeError(message), times=1)

    assert answered(cloudformation, work)["Status"] == "SUCCESS"


def test_patience_ends_while_there_is_time_to_answer(cloudformation):
    answer = answered(cloudformation, failing(NotPropagated("Invalid principal")))

    assert answer["Status"] == "FAILED"
    assert "Invalid principal" in answer["Reason"]
    assert 60 < cloudformation.passed <= 90


@pytest.mark.parametrize("error", [Rejected("taken"), KeyError("Name")])
def test_what_stays_wrong_is_told_at_once(cloudformation, error):
    work = failing(error)

    assert answered(cloudformation, work)["Status"] == "FAILED"
    assert (len(work.attempts), cloudformation.passed) == (1, 0)


def test_a_deletion_without_anything_to_do_answers_with_the_id_that_it_was_given(cloudformation):
    answer = answered(cloudformation, failing(KeyError()), "Delete", name="new", PhysicalResourceId="old")

    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "old")


def test_a_deletion_is_tried_again_too(cloudformation):
    answer = answered(cloudformation, failing(KeyError()), "Delete", delete=failing(NotPropagated("not yet"), times=1))

    assert answer["Status"] == "SUCCESS"


@pytest.mark.parametrize(("name", "known", "expected"), [("b", None, "b"), ("b", "a", "b"), ("", "a", "a"),
                                                         ("", None, "Bucket")])  # fmt: skip
def test_the_name_is_what_ref_gives(cloudformation, name, known, expected):
    more = {"PhysicalResourceId": known} if known else {}

    answer = answered(cloudformation, failing(None, times=0), "Update", name=name, **more)

    assert answer["PhysicalResourceId"] == expected
