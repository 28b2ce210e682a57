"""Measured is that version of an object which was accepted, out of S3, whatever came after it."""

import pytest
from mesh.adapters.measuring import DuckMeasurements
from mesh.adapters.storage import S3Objects
from mesh.domain.formats.model import ObjectRef
from mesh.domain.quality.model import TableData
from mesh.domain.schema import Column, TableSchema

from tests.builders import BUCKET
from tests.unit.adapters.measuring import CSV, NOW

KEY = "product/data/t/a.csv"
BODY = b"a\n" + b"12345\n" * 2_000_000
"""More than one piece of a download."""


@pytest.fixture
def accepted(aws):
    s3 = aws("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=BUCKET, Key=KEY, Body=BODY)["VersionId"]
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"a\n1\n")
    return s3, ObjectRef(bucket=BUCKET, key=KEY, size=len(BODY), version_id=version)


def measure(s3, ref):
    schema = TableSchema(columns=(Column(name="a", type="bigint"),))
    data = TableData(table="t", table_schema=schema, storage=CSV, refs=(ref,))
    return DuckMeasurements(S3Objects(s3)).measure(data, None, now=NOW)


def test_the_accepted_version_is_measured_although_a_newer_one_is_there(accepted):
    report = measure(*accepted)
    assert (report.profile.rows, report.profile.columns[0].high, report.findings) == (2_000_000, "12345", ())


def test_an_object_that_its_owner_deleted_is_told(accepted):
    s3, ref = accepted
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    report = measure(s3, ref)
    assert (report.profile.rows, [finding.code for finding in report.findings]) == (0, ["ObjectGone"])
