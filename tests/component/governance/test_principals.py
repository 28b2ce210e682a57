"""Which principals of the account IAM still knows."""

import json

import pytest
from mesh.adapters.iam import IamPrincipals

from tests.builders import CENTRAL, PRODUCER


@pytest.fixture
def principals(aws):
    iam, trust = aws("iam"), json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName="there", AssumeRolePolicyDocument=trust)
    iam.create_role(RoleName="below", Path="/teams/data/", AssumeRolePolicyDocument=trust)
    iam.create_user(UserName="jo")
    return IamPrincipals(iam, CENTRAL)


@pytest.mark.parametrize(
    ("principal", "gone"),
    [
        (f"arn:aws:iam::{CENTRAL}:role/there", False),
        (f"arn:aws:iam::{CENTRAL}:role/teams/data/below", False),
        (f"arn:aws:iam::{CENTRAL}:role/below", True),  # made again elsewhere: another role
        (f"arn:aws:iam::{CENTRAL}:role/was", True),
        (f"arn:aws:iam::{CENTRAL}:user/jo", False),
        (f"arn:aws:iam::{CENTRAL}:user/was", True),
        ("AROAIOSFODNN7EXAMPLE", True),
        (f"arn:aws:iam::{PRODUCER}:role/was", False),
        ("arn:aws:identitystore:::group/a", False),
        (f"arn:aws:iam::{CENTRAL}:saml-provider/x:group/analysts", False),
    ],
)
def test_a_role_or_user_of_the_account_is_gone_when_iam_does_not_know_it(principals, principal, gone):
    assert principals.is_gone(principal) is gone
