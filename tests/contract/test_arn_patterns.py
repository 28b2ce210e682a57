"""Whether a Resource can match the ARNs of a type: what the tests of the policies rest on."""

import pytest

from tests.contract.test_policies import idle, uncovered
from tools.arn_patterns import can_match

GLUE = "arn:aws:glue:us-east-1:111111111111"


@pytest.mark.parametrize(
    ("pattern", "prefix", "kind", "matches"),
    [
        ("*", "s3", "object", True),
        ("arn:aws:s3:::bucket/*", "s3", "object", True),
        ("arn:aws:s3:::bucket/*", "s3", "bucket", False),
        ("arn:aws:s3:::bucket", "s3", "bucket", True),
        ("arn:aws:s3:::bucket", "s3", "object", False),
        ("arn:aws:s3:::*/*/published/*", "s3", "object", True),
        (f"{GLUE}:table/*/*__v*", "glue", "table", True),
        (f"{GLUE}:table/*/*__v*", "glue", "database", False),
        (f"{GLUE}:catalog/one", "glue", "rootcatalog", False),
        ("arn:aws:logs:us-east-1:111111111111:log-group:/aws-glue/crawlers*", "logs", "log-stream", True),
        ("arn:aws:states:us-east-1:111111111111:stateMachine:run", "states", "execution", False),
        ("arn:aws:sqs:us-east-1:111111111111:que?e", "sqs", "queue", True),
        ("arn:aws:sqs:us-east-1:111111111111:", "sqs", "queue", False),
    ],
)
def test_a_resource_matches_what_is_written_as_it_is(pattern: str, prefix: str, kind: str, *, matches: bool):
    assert can_match(pattern, prefix, kind) == matches


@pytest.mark.parametrize(
    ("action", "resources", "missing"),
    [
        ("glue:CreateCrawler", [f"{GLUE}:crawler/*"], ["glue:CreateCrawler on *"]),
        ("glue:CreateCrawler", ["*"], []),
        ("glue:GetDatabase", [f"{GLUE}:database/*"], ["glue:GetDatabase on rootcatalog"]),
        ("glue:GetDatabase", [f"{GLUE}:database/*", f"{GLUE}:catalog"], []),
        ("s3:GetObject", ["arn:aws:s3:::bucket"], ["s3:GetObject on accesspointobject or object"]),
        ("states:SendTaskSuccess", ["arn:aws:states:us-east-1:111111111111:stateMachine:run"], []),
    ],
)
def test_a_right_that_lacks_a_type_is_found(action: str, resources: list[str], missing: list[str]):
    assert uncovered([{"Effect": "Allow", "Action": action, "Resource": resources}]) == missing


def test_a_resource_that_no_action_takes_is_found():
    statement = {"Effect": "Allow", "Action": "glue:GetDatabase", "Resource": [f"{GLUE}:catalog", f"{GLUE}:table/*/*"]}

    assert idle(statement) == [f"{GLUE}:table/*/*"]
