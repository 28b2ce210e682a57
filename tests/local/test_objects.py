"""S3 across accounts by bucket policy, denials within one, conditional writes."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.local.running import RunningServer, allow

CENTRAL, PRODUCER, OUTSIDER = "111111111111", "222222222222", "999999999999"
BUCKET = "credit-card-objects"
ARN = f"arn:aws:s3:::{BUCKET}"
METADATA = "card/published/t/metadata/00000.metadata.json"
ROLE = f"arn:aws:iam::{CENTRAL}:role/objects-commit"


@pytest.fixture(scope="module", autouse=True)
def _bucket(server: RunningServer):
    s3 = server.client("s3", PRODUCER)
    s3.create_bucket(Bucket=BUCKET)
    for key in (METADATA, "card/published/t/data/x.parquet", "card/data/t/a.csv"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    reads = allow("s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject")
    for name in ("objects-commit", "objects-other"):
        server.make_role(CENTRAL, name, f"arn:aws:iam::{CENTRAL}:root", reads)
    server.make_role(
        CENTRAL, "objects-nobody", f"arn:aws:iam::{CENTRAL}:root", allow("s3:GetObject", resource="arn:aws:s3:::x")
    )
    for name in ("objects-publish", "objects-steward"):
        server.make_role(PRODUCER, name, f"arn:aws:iam::{PRODUCER}:root", allow("s3:*"))


@pytest.fixture
def policy(server):
    def put(*statements):
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        server.client("s3", PRODUCER).put_bucket_policy(Bucket=BUCKET, Policy=document)

    yield put
    server.client("s3", PRODUCER).delete_bucket_policy(Bucket=BUCKET)


def lets(principal, *actions, resource=f"{ARN}/*/published/*/metadata/*", **condition):
    given = {"Effect": "Allow", "Principal": principal, "Action": list(actions), "Resource": resource}
    return given | ({"Condition": condition} if condition else {})


def denies(*actions, resource=f"{ARN}/*", **condition):
    given = {"Effect": "Deny", "Principal": "*", "Action": list(actions), "Resource": resource}
    return given | ({"Condition": condition} if condition else {})


def code(call, **arguments):
    """The error's code, empty for a call that succeeds."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


def read(server, key, account=CENTRAL, role="objects-commit"):
    return code(server.client("s3", account, role).get_object, Bucket=BUCKET, Key=key)


def test_without_a_policy_no_other_account_sees_the_bucket(server):
    assert read(server, METADATA) == "AccessDenied"


@pytest.mark.parametrize("principal", [{"AWS": ROLE}, {"AWS": f"arn:aws:iam::{CENTRAL}:root"}, {"AWS": CENTRAL}])
def test_a_role_reads_what_the_policy_gives_it_or_its_account(server, policy, principal):
    policy(lets(principal, "s3:GetObject"))
    assert read(server, METADATA) == ""
    assert code(server.client("s3", CENTRAL, "objects-commit").head_object, Bucket=BUCKET, Key=METADATA) == ""
    for key in ("card/published/t/data/x.parquet", "card/data/t/a.csv"):
        assert read(server, key) == "AccessDenied"


def test_a_statement_about_one_role_lets_no_other_in(server, policy):
    policy(lets({"AWS": ROLE}, "s3:GetObject"))
    assert read(server, METADATA, role="objects-other") == "AccessDenied"
    assert code(server.client("s3", OUTSIDER).get_object, Bucket=BUCKET, Key=METADATA) == "AccessDenied"


def test_the_roles_own_policies_must_allow_too(server, policy):
    policy(lets({"AWS": f"arn:aws:iam::{CENTRAL}:root"}, "s3:GetObject"))
    assert read(server, METADATA, role="objects-nobody") == "AccessDenied"


def test_reading_is_not_writing(server, policy):
    policy(lets({"AWS": ROLE}, "s3:GetObject"))
    s3 = server.client("s3", CENTRAL, "objects-commit")
    assert code(s3.put_object, Bucket=BUCKET, Key=METADATA, Body=b"y") == "AccessDenied"
    assert code(s3.delete_object, Bucket=BUCKET, Key=METADATA) == "AccessDenied"
    assert code(s3.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
    assert code(s3.get_object_tagging, Bucket=BUCKET, Key=METADATA) == "AccessDenied"
    assert code(s3.get_bucket_policy, Bucket=BUCKET) == "AccessDenied"
    assert server.client("s3", PRODUCER).get_object(Bucket=BUCKET, Key=METADATA)["Body"].read() == b"x"


def test_listing_where_the_policy_lets_one_list(server, policy):
    prefix = {"s3:prefix": "card/published/*"}
    policy(lets({"AWS": ROLE}, "s3:ListBucket", resource=ARN, StringLike=prefix))
    s3 = server.client("s3", CENTRAL, "objects-commit")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix="card/published/t/")["Contents"]
    assert [each["Key"] for each in found] == ["card/published/t/data/x.parquet", METADATA]
    assert code(s3.list_objects_v2, Bucket=BUCKET, Prefix="card/data/") == "AccessDenied"
    assert read(server, METADATA) == "AccessDenied"


def test_a_caller_that_may_not_list_does_not_learn_that_an_object_is_missing(server, policy):
    gone = METADATA.replace("00000", "gone")
    policy(lets({"AWS": ROLE}, "s3:GetObject"))
    assert read(server, gone) == "AccessDenied"
    policy(lets({"AWS": ROLE}, "s3:GetObject"), lets({"AWS": ROLE}, "s3:ListBucket", resource=ARN))
    assert read(server, gone) == "NoSuchKey"


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        (denies("s3:*"), True),
        (denies("s3:GetObject", resource=f"{ARN}/other/*"), False),
        (denies("s3:*", Bool={"aws:SecureTransport": "false"}), False),
        (denies("s3:*", Bool={"aws:SecureTransport": "true"}), True),
        (denies("s3:GetObject", ArnNotLike={"aws:PrincipalArn": f"arn:aws:iam::{CENTRAL}:role/objects-com*"}), False),
        (denies("s3:GetObject", ArnNotEquals={"aws:PrincipalArn": ROLE}), False),
        (denies("s3:GetObject", StringNotEquals={"aws:PrincipalArn": f"{ROLE}s"}), True),
        (denies("s3:GetObject", StringNotEquals={"aws:PrincipalAccount": [PRODUCER, CENTRAL]}), False),
        (denies("s3:GetObject", StringNotEquals={"aws:PrincipalAccount": PRODUCER}), True),
    ],
)
def test_a_denial_counts_more_than_any_permission(server, policy, statement, refused):
    policy(lets({"AWS": ROLE}, "s3:GetObject"), statement)
    assert read(server, METADATA) == ("AccessDenied" if refused else "")


def test_a_permission_holds_under_its_condition_alone(server, policy):
    everyone = {"AWS": f"arn:aws:iam::{CENTRAL}:root"}
    policy(lets(everyone, "s3:GetObject", ArnEquals={"aws:PrincipalArn": ROLE}))
    assert (read(server, METADATA), read(server, METADATA, role="objects-other")) == ("", "AccessDenied")


def test_within_the_account_a_denial_holds_against_a_role_that_may_do_everything(server, policy):
    publish = f"arn:aws:iam::{PRODUCER}:role/objects-publish"
    changes = ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion")
    policy(denies(*changes, resource=f"{ARN}/*/published/*", ArnNotEquals={"aws:PrincipalArn": publish}))
    steward, writer = server.client("s3", PRODUCER, "objects-steward"), server.client("s3", PRODUCER, "objects-publish")
    key = "card/published/t/data/y.parquet"
    assert code(steward.put_object, Bucket=BUCKET, Key=key, Body=b"y") == "AccessDenied"
    assert code(steward.create_multipart_upload, Bucket=BUCKET, Key=key) == "AccessDenied"
    copy = {"Bucket": BUCKET, "Key": "card/data/t/a.csv"}
    assert code(steward.copy_object, Bucket=BUCKET, Key=key, CopySource=copy) == "AccessDenied"
    assert code(writer.put_object, Bucket=BUCKET, Key=key, Body=b"y") == ""
    assert code(steward.get_object, Bucket=BUCKET, Key=key) == ""
    assert code(steward.delete_object, Bucket=BUCKET, Key=key) == "AccessDenied"
    batch = {"Objects": [{"Key": "card/data/none.csv"}, {"Key": key}]}
    assert code(steward.delete_objects, Bucket=BUCKET, Delete=batch) == "AccessDenied"
    assert code(steward.put_object, Bucket=BUCKET, Key="card/data/t/b.csv", Body=b"y") == ""
    assert code(writer.delete_object, Bucket=BUCKET, Key=key) == ""


def test_a_permission_within_the_account_needs_no_other(server, policy):
    server.make_role(PRODUCER, "objects-poor", f"arn:aws:iam::{PRODUCER}:root")
    poor = server.client("s3", PRODUCER, "objects-poor")
    assert code(poor.get_object, Bucket=BUCKET, Key=METADATA) == "AccessDenied"
    policy(lets({"AWS": f"arn:aws:iam::{PRODUCER}:role/objects-poor"}, "s3:GetObject"))
    assert code(poor.get_object, Bucket=BUCKET, Key=METADATA) == ""


def test_tags_that_come_with_an_object_need_a_right_of_their_own(server):
    without, at = (
        allow("s3:PutObject", resource=f"{ARN}/*"),
        {"Bucket": BUCKET, "Key": "card/reports/1.json", "Body": b"1"},
    )
    server.make_role(PRODUCER, "objects-plain", f"arn:aws:iam::{PRODUCER}:root", without)
    server.make_role(
        PRODUCER, "objects-tagging", f"arn:aws:iam::{PRODUCER}:root", without,
        allow("s3:PutObjectTagging", resource=f"{ARN}/*/reports/*"),
    )  # fmt: skip
    plain, tagging = (server.client("s3", PRODUCER, role) for role in ("objects-plain", "objects-tagging"))

    assert code(plain.put_object, **at) == ""
    assert code(plain.put_object, **at, Tagging="kept=no") == "AccessDenied"
    assert code(tagging.put_object, **at | {"Key": "card/data/1.json"}, Tagging="kept=no") == "AccessDenied"
    assert code(tagging.put_object, **at, Tagging="kept=no") == ""
    found = server.client("s3", PRODUCER).get_object_tagging(Bucket=BUCKET, Key=at["Key"])["TagSet"]
    assert found == [{"Key": "kept", "Value": "no"}]


@pytest.fixture
def s3(server):
    return server.client("s3", PRODUCER)


def test_what_must_not_exist_is_written_once(s3):
    new = {"Bucket": BUCKET, "Key": "conditional/once", "IfNoneMatch": "*"}
    assert code(s3.put_object, **new, Body=b"1") == ""
    assert code(s3.put_object, **new, Body=b"2") == "PreconditionFailed"
    assert s3.get_object(Bucket=BUCKET, Key="conditional/once")["Body"].read() == b"1"
    s3.delete_object(Bucket=BUCKET, Key="conditional/once")
    assert code(s3.put_object, **new, Body=b"3") == ""


def test_what_must_be_unchanged_is_written_by_its_etag(s3):
    there = {"Bucket": BUCKET, "Key": "conditional/same"}
    assert code(s3.put_object, **there, Body=b"1", IfMatch='"0"') == "NoSuchKey"
    etag = s3.put_object(**there, Body=b"1")["ETag"]
    second = s3.put_object(**there, Body=b"2", IfMatch=etag)["ETag"]
    assert code(s3.put_object, **there, Body=b"3", IfMatch=etag) == "PreconditionFailed"
    assert code(s3.delete_object, **there, IfMatch=etag) == "PreconditionFailed"
    assert code(s3.delete_object, **there, IfMatch=second) == ""
    assert code(s3.get_object, **there) == "NoSuchKey"


def test_a_multipart_upload_is_completed_on_the_same_conditions(s3):
    there = {"Bucket": BUCKET, "Key": "conditional/parts"}

    def complete(**condition):
        upload = s3.create_multipart_upload(**there)["UploadId"]
        etag = s3.upload_part(**there, UploadId=upload, PartNumber=1, Body=b"1")["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        return code(s3.complete_multipart_upload, **there, UploadId=upload, MultipartUpload=parts, **condition)

    assert complete(IfMatch='"0"') == "NoSuchKey"
    assert complete(IfNoneMatch="*") == ""
    assert complete(IfNoneMatch="*") == "PreconditionFailed"
    assert complete(IfMatch='"0"') == "PreconditionFailed"
    assert complete(IfMatch=s3.head_object(**there)["ETag"]) == ""
