"""Who may touch what lies below `published/`: two functions write there, Lake Formation reads, nobody else does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from local.accounts import ACCOUNTS, ADMIN_ROLE
from tests.mesh_driver import MeshDriver
from tests.publishing_driver import PublishingDriver, csv

READERS_OF_METADATA: Final = frozenset(
    {"PrepareRollbackFunctionRole", "VerifyProposalFunctionRole", "WithdrawVersionsFunctionRole"}
)
"""Roles of central's account, by logical id, that read what was staged."""
LOCATION_ROLE: Final = "LFRegisterLocationServiceRole"
"""Lake Formation's, for whom it lets read: no person or function can take it."""


@pytest.fixture(scope="module")
def product(deployed_mesh: MeshDriver) -> PublishingDriver:
    """One version, of one object."""
    deployed_mesh.clear_faults()
    made = PublishingDriver(deployed_mesh, "own-files")
    made.upload("a.csv", csv((1, 10)))
    return made


@pytest.fixture(scope="module")
def keys(product: PublishingDriver) -> dict[str, str]:
    """A data file, and the metadata file that central's catalog points to."""
    pointer = product.mesh.table(product.name, "t1")["Parameters"]["metadata_location"]
    found = product.mesh.keys(f"{product.name}/published/t1/iceberg/data/")
    return {"data": found[0], "metadata": pointer.partition(f"{product.mesh.bucket}/")[2]}


@pytest.mark.parametrize("role", ["ProducerSteward", ADMIN_ROLE])
def test_the_producers_people_cannot_write_or_delete_there(
    product: PublishingDriver, keys: dict[str, str], role: str
) -> None:
    s3, bucket = product.mesh.client("producer", "s3", role), product.mesh.bucket
    version = product.mesh.client("producer", "s3").head_object(Bucket=bucket, Key=keys["data"])["VersionId"]
    for refused in (
        lambda: s3.put_object(Bucket=bucket, Key=keys["data"], Body=b"x"),
        lambda: s3.put_object(Bucket=bucket, Key=f"{product.name}/published/t2/iceberg/data/x.parquet", Body=b"x"),
        lambda: s3.copy_object(
            Bucket=bucket, Key=keys["data"], CopySource={"Bucket": bucket, "Key": product.key("a.csv")}
        ),
        lambda: s3.delete_object(Bucket=bucket, Key=keys["data"]),
        lambda: s3.delete_object(Bucket=bucket, Key=keys["data"], VersionId=version),
        lambda: s3.delete_object(Bucket=bucket, Key=keys["metadata"]),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()
    assert product.mesh.exists(keys["data"])


def test_in_central_only_the_verifier_reads_there(product: PublishingDriver, keys: dict[str, str]) -> None:
    """Its metadata alone: of the rows no function of central sees any."""
    mesh = product.mesh
    readers = {mesh.physical_id("central", name) for name in READERS_OF_METADATA}
    roles = [role for page in mesh.client("central", "iam").get_paginator("list_roles").paginate()
             for role in page["Roles"]]  # fmt: skip
    assert readers <= {role["RoleName"] for role in roles}
    may = {name: set[str]() for name in keys}
    for role in roles:
        with assumable(mesh, "central", role):
            s3 = mesh._client(ACCOUNTS["central"], "s3", role["RoleName"])
            for name, key in keys.items():
                if _reads(s3, mesh.bucket, key):
                    may[name].add(role["RoleName"])
    assert may == {"metadata": {*readers, LOCATION_ROLE}, "data": {LOCATION_ROLE}}


def test_the_consumer_reads_no_object(product: PublishingDriver, keys: dict[str, str]) -> None:
    """Rows reach its analysts through Athena, which Lake Formation lets read; never past it."""
    analyst = product.share()
    assert analyst.totals() == (1, 10)
    for role in ("DataAnalyst", "ConsumerAdmin", ADMIN_ROLE, None):
        s3 = product.mesh.client("consumer", "s3", role)
        for key in (*keys.values(), product.key("a.csv"), f"{product.name}/contract.yaml"):
            assert not _reads(s3, product.mesh.bucket, key), (role, key)


def _reads(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # Of another account's bucket the emulator knows nothing unless its policy lets the caller in.
        assert error.response["Error"]["Code"] in {"AccessDenied", "NoSuchBucket"}
        return False
    return True


@contextmanager
def assumable(mesh: MeshDriver, account: str, role: dict[str, Any]) -> Iterator[None]:
    """The account's people may assume the role meanwhile."""
    iam = mesh.client(account, "iam")
    own = role["AssumeRolePolicyDocument"]
    root = {"AWS": f"arn:aws:iam::{ACCOUNTS[account]}:root"}
    trust = {
        **own,
        "Statement": [*own["Statement"], {"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole"}],
    }
    iam.update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=json.dumps(trust))
    try:
        yield
    finally:
        iam.update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=json.dumps(own))
