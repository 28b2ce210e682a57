"""What outlives a stack, on moto: made once, taken up again with all that is in it, never another account's."""

import boto3
import pytest
from botocore.exceptions import ClientError
from mesh.adapters.kept_storage import DynamoKeptTables, S3KeptBuckets
from mesh.domain.governance.kept_storage import BucketTaken, Expiry, KeptBucket

from tests.builders import CENTRAL, REGION

NAME = f"loans-{CENTRAL}-{REGION}"
RULES = (
    Expiry(id="replaced-versions", noncurrent_days=365),
    Expiry(id="unfinished-uploads", unfinished_days=7),
    Expiry(id="published-landing", tag="meshwork-published", days=30, noncurrent_days=1),
)


@pytest.fixture
def s3(aws):
    """S3 on moto."""
    return aws("s3")


@pytest.fixture
def buckets(s3):
    """The buckets of central's account."""
    return S3KeptBuckets(s3, account=CENTRAL, region=REGION)


def test_a_bucket_is_private_encrypted_versioned_and_tells_eventbridge(s3, buckets, monkeypatch):
    told = []  # moto does not keep it
    monkeypatch.setattr(s3, "put_bucket_notification_configuration", lambda **arguments: told.append(arguments))

    buckets.keep(KeptBucket(name=NAME, events=True, expires=RULES))

    closed = s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"]
    assert len(closed) == 4
    assert all(closed.values())
    assert s3.get_bucket_versioning(Bucket=NAME)["Status"] == "Enabled"
    [owner] = s3.get_bucket_ownership_controls(Bucket=NAME)["OwnershipControls"]["Rules"]
    assert owner["ObjectOwnership"] == "BucketOwnerEnforced"
    [rule] = s3.get_bucket_encryption(Bucket=NAME)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert [each["NotificationConfiguration"] for each in told] == [{"EventBridgeConfiguration": {}}]
    replaced, unfinished, landing = s3.get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]
    assert replaced["NoncurrentVersionExpiration"] == {"NoncurrentDays": 365}
    assert unfinished["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert landing["Expiration"] == {"Days": 30}
    assert landing["Filter"] == {"Tag": {"Key": "meshwork-published", "Value": "true"}}


def test_what_ends_after_days_may_be_named_by_prefixes(s3, buckets):
    rule = Expiry(id="old", under=("runs/", "jobs/"), days=30, noncurrent_days=1)

    buckets.keep(KeptBucket(name=NAME, expires=(rule,)))

    rules = s3.get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]
    assert [(each["Filter"]["Prefix"], each.get("Expiration")) for each in rules] == [
        ("runs/", {"Days": 30}),
        ("jobs/", {"Days": 30}),
        ("", None),
    ]
    assert [each.get("NoncurrentVersionExpiration") for each in rules] == [None, None, {"NoncurrentDays": 1}]


def test_a_bucket_that_was_kept_is_taken_up_with_what_is_in_it(s3, buckets):
    buckets.keep(KeptBucket(name=NAME, expires=RULES))
    s3.put_object(Bucket=NAME, Key="loans/data/t/a.csv", Body=b"id\n1\n")

    buckets.keep(KeptBucket(name=NAME, expires=RULES[:1]))

    assert s3.get_object(Bucket=NAME, Key="loans/data/t/a.csv")["Body"].read() == b"id\n1\n"
    assert len(s3.get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]) == 1


def test_a_bucket_outside_of_us_east_1_is_made_where_its_account_works(aws, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    client = boto3.client("s3", region_name="eu-central-1")
    name = f"loans-{CENTRAL}-eu-central-1"

    S3KeptBuckets(client, account=CENTRAL, region="eu-central-1").keep(KeptBucket(name=name, expires=RULES))

    assert client.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-central-1"


def refused(monkeypatch, s3, **codes):
    for call, code in codes.items():

        def refuse(call=call, code=code, **_):
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, call)

        monkeypatch.setattr(s3, call, refuse)


def test_another_accounts_bucket_is_refused(s3, buckets, monkeypatch):
    refused(monkeypatch, s3, head_bucket="403", create_bucket="BucketAlreadyExists")

    with pytest.raises(BucketTaken, match="belongs to another account"):
        buckets.keep(KeptBucket(name=NAME, expires=RULES))


def test_a_bucket_that_is_not_seen_and_cannot_be_made_is_nobodys_yet(s3, buckets, monkeypatch):
    """The right to create it may come: whoever calls waits for that."""
    refused(monkeypatch, s3, head_bucket="403", create_bucket="AccessDenied")

    with pytest.raises(ClientError, match="AccessDenied"):
        buckets.keep(KeptBucket(name=NAME, expires=RULES))


def test_a_bucket_that_an_attempt_before_made_is_taken_up(s3, buckets, monkeypatch):
    buckets.keep(KeptBucket(name=NAME, expires=RULES))
    refused(monkeypatch, s3, head_bucket="404", create_bucket="BucketAlreadyOwnedByYou")

    buckets.keep(KeptBucket(name=NAME, expires=RULES[:1]))

    assert len(s3.get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]) == 1


def test_a_table_is_made_with_backups_and_expiry_and_taken_up_with_its_items(aws):
    dynamodb = aws("dynamodb")
    tables = DynamoKeptTables(dynamodb)
    arn = tables.keep("meshwork-producer")
    dynamodb.put_item(TableName="meshwork-producer", Item={"pk": {"S": "a"}, "sk": {"S": "b"}})

    assert tables.keep("meshwork-producer") == arn

    assert dynamodb.scan(TableName="meshwork-producer")["Count"] == 1
    table = dynamodb.describe_table(TableName="meshwork-producer")["Table"]
    assert table["SSEDescription"]["Status"] == "ENABLED"
    backups = dynamodb.describe_continuous_backups(TableName="meshwork-producer")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    expiry = dynamodb.describe_time_to_live(TableName="meshwork-producer")["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires")


def test_backups_that_a_new_table_does_not_take_yet_are_asked_for_again(aws, monkeypatch):
    dynamodb = aws("dynamodb")
    unavailable = dynamodb.exceptions.ContinuousBackupsUnavailableException(
        {"Error": {"Code": "ContinuousBackupsUnavailableException"}}, "UpdateContinuousBackups"
    )
    answers = iter([unavailable, unavailable])
    update = dynamodb.update_continuous_backups

    def answer(**arguments):
        for error in answers:
            raise error
        return update(**arguments)

    monkeypatch.setattr(dynamodb, "update_continuous_backups", answer)
    monkeypatch.setattr("mesh.adapters.kept_storage._BACKUP_SECONDS", 0)

    DynamoKeptTables(dynamodb).keep("meshwork-producer")

    backups = dynamodb.describe_continuous_backups(TableName="meshwork-producer")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
