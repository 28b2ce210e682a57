"""Adapters on moto, in this process: no socket is opened, no account is reached."""

import time

import boto3
import pytest
from mesh.adapters.dynamodb.items import Table
from moto import mock_aws

from tests.builders import CENTRAL, REGION
from tests.fakes import NOON


@pytest.fixture(scope="session")
def session():
    """What botocore has read of its models: moto makes boto3 forget it between tests."""
    return boto3.Session("testing", "testing", region_name=REGION)


@pytest.fixture
def aws(monkeypatch, session):
    """An empty AWS account, central's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("MOTO_ACCOUNT_ID", CENTRAL)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield session.client


@pytest.fixture
def glue(aws):
    """Glue on moto."""
    return aws("glue")


class PassingTime:
    """From NOON on, as fast as the machine's; `skip` lets time pass."""

    def __init__(self):
        self._ahead = NOON.timestamp() - time.time()

    def skip(self, by):
        self._ahead += by.total_seconds()

    def __call__(self):
        return time.time() + self._ahead


@pytest.fixture
def passing_time():
    """The table's clock."""
    return PassingTime()


@pytest.fixture
def table(aws, passing_time):
    """The account's own table, with the keys of the templates."""
    client = aws("dynamodb")
    client.create_table(
        TableName="mesh",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    return Table(client, "mesh", now=passing_time)
