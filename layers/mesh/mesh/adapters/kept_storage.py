"""Buckets and tables that outlive their stack: made where there is none, taken up again where there is one.

CloudFormation's own resources refuse a name that exists, and a stack that is deployed again would find its data kept,
and be without them (docs/decisions/0025-what-is-kept-is-taken-up-again.md).
"""

import time
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.domain.contracts.product import Throttled
from mesh.domain.governance.kept_storage import BucketTaken, Expiry, KeptBucket

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_REGION_WITHOUT_CONSTRAINT: Final = "us-east-1"
_BACKUP_ATTEMPTS: Final = 20
_BACKUP_SECONDS: Final = 3.0
_KEYS: Final = ("pk", "sk")


class S3KeptBuckets:
    """The buckets of an account."""

    def __init__(self, client: "S3Client", *, account: str, region: str) -> None:
        self._client = client
        self._account = account
        self._region = region

    def keep(self, bucket: KeptBucket) -> None:
        """Make the bucket, or take up the one that is there, and put all of its settings. Idempotent. Raises
        BucketTaken."""
        with transient_errors():
            if not self._exists(bucket.name):
                self._create(bucket.name)
            self._configure(bucket)

    def _exists(self, name: str) -> bool:
        try:
            self._client.head_bucket(Bucket=name, ExpectedBucketOwner=self._account)
        except ClientError as error:
            # Forbidden without a reason: another account's, or a right that is not known yet. To create it tells.
            if code_of(error) in {"403", "404", "AccessDenied", "NoSuchBucket"}:
                return False
            raise
        return True

    def _create(self, name: str) -> None:
        place: dict[str, Any] = {}
        if self._region != _REGION_WITHOUT_CONSTRAINT:  # S3 refuses its name as a constraint
            place = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        try:
            self._client.create_bucket(Bucket=name, ObjectOwnership="BucketOwnerEnforced", **place)
        except ClientError as error:
            if code_of(error) == "BucketAlreadyExists":
                raise _taken(name) from error
            if code_of(error) != "BucketAlreadyOwnedByYou":  # by an attempt before, whose answer was lost
                raise

    def _configure(self, bucket: KeptBucket) -> None:
        own: dict[str, Any] = {"Bucket": bucket.name, "ExpectedBucketOwner": self._account}
        closed: Any = {
            "BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True,
        }  # fmt: skip
        encryption: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        owner: Any = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        self._client.put_public_access_block(**own, PublicAccessBlockConfiguration=closed)
        self._client.put_bucket_ownership_controls(**own, OwnershipControls=owner)
        self._client.put_bucket_encryption(**own, ServerSideEncryptionConfiguration=encryption)
        self._client.put_bucket_versioning(**own, VersioningConfiguration={"Status": "Enabled"})
        rules = [rule for each in bucket.expires for rule in _rules(each)]
        self._client.put_bucket_lifecycle_configuration(**own, LifecycleConfiguration={"Rules": rules})
        if bucket.events:
            to_eventbridge: Any = {"EventBridgeConfiguration": {}}
            self._client.put_bucket_notification_configuration(**own, NotificationConfiguration=to_eventbridge)


def _taken(name: str) -> BucketTaken:
    return BucketTaken(
        f"bucket {name} belongs to another account, or this account may not see it",
        bucket=name,
        remedy="Deploy with another DataBucketPrefix, or find out who made the bucket.",
    )


def _rules(expiry: Expiry) -> list[Any]:
    """A rule of S3 has one prefix."""
    if not expiry.under:
        return [_rule(expiry)]
    ends = [
        _rule(Expiry(id=f"{expiry.id}-{place.rstrip('/')}", days=expiry.days), under=place) for place in expiry.under
    ]
    return [*ends, _rule(expiry.evolve(days=0))]


def _rule(expiry: Expiry, under: str = "") -> Any:  # noqa: ANN401 - a rule as boto3 has it
    rule: dict[str, Any] = {"ID": expiry.id, "Status": "Enabled", "Filter": {"Prefix": under}}
    if expiry.tag:
        rule["Filter"] = {"Tag": {"Key": expiry.tag, "Value": "true"}}
    if expiry.days:
        rule["Expiration"] = {"Days": expiry.days}
    if expiry.noncurrent_days:
        rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": expiry.noncurrent_days}
    if expiry.unfinished_days:
        rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": expiry.unfinished_days}
    return rule


class DynamoKeptTables:
    """The tables of an account."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client

    def keep(self, name: str) -> str:
        """Make the table, or take up the one that is there; its ARN, once it can be used. Idempotent."""
        with transient_errors():
            arn = self._arn(name) or self._create(name)
            self._back_up(name)
            self._expire(name)
        return arn

    def _arn(self, name: str) -> str | None:
        try:
            return self._client.describe_table(TableName=name)["Table"]["TableArn"]
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            return None

    def _create(self, name: str) -> str:
        try:
            self._client.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in _KEYS],
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                SSESpecification={"Enabled": True},
            )
        except ClientError as error:
            if code_of(error) != "ResourceInUseException":  # by an attempt before, whose answer was lost
                raise
        self._client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 2, "MaxAttempts": 30})
        return self._client.describe_table(TableName=name)["Table"]["TableArn"]

    def _back_up(self, name: str) -> None:
        """Point-in-time recovery, which a new table does not take for some seconds."""
        for _ in range(_BACKUP_ATTEMPTS):
            try:
                self._client.update_continuous_backups(
                    TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
                )
            except ClientError as error:
                if code_of(error) != "ContinuousBackupsUnavailableException":
                    raise
                time.sleep(_BACKUP_SECONDS)
            else:
                return
        raise Throttled(f"backups of {name} were not available for {_BACKUP_ATTEMPTS * _BACKUP_SECONDS:.0f} s")

    def _expire(self, name: str) -> None:
        """DynamoDB refuses to turn on what is on."""
        now = self._client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if now.get("TimeToLiveStatus") not in {"ENABLED", "ENABLING"}:
            self._client.update_time_to_live(
                TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
            )
