"""Access by events, as a consumer meets it: asked, allowed or approved, read through Athena alone, and over."""

import time

import pytest
from botocore.exceptions import ClientError

from tests.access_driver import OPEN, PRIVATE, SECRET, AccessDriver
from tests.consumer_accesses import query
from tests.mesh_driver import MeshDriver

PROMISED_SECONDS = 30.0
"""From the request for internal data to the first result, without a human."""


def test_internal_data_is_read_within_half_a_minute_of_the_request(mesh: MeshDriver, accesses: AccessDriver) -> None:
    sql = f'SELECT sum(amount) FROM "rl_{OPEN}".t1'
    assert query(mesh, sql) != ""
    begun = time.monotonic()
    accesses.live(OPEN)
    assert query(mesh, sql) == ""
    assert time.monotonic() - begun < PROMISED_SECONDS


def test_athena_cannot_be_bypassed(mesh: MeshDriver, accesses: AccessDriver) -> None:
    accesses.live(OPEN)
    assert query(mesh, f'SELECT * FROM "rl_{OPEN}".t1') == ""

    with pytest.raises(ClientError, match=r"AccessDenied|Forbidden"):
        mesh.client("consumer", "s3", "DataAnalyst").get_object(Bucket=mesh.bucket, Key=f"{OPEN}/data/t1/a.csv")


def test_rows_and_columns_that_were_not_given_are_not_seen(mesh: MeshDriver, accesses: AccessDriver) -> None:
    accesses.live(OPEN, rows="amount > 15")
    athena = mesh.client("consumer", "athena", "DataAnalyst")
    number = athena.start_query_execution(
        QueryString=f'SELECT id, amount FROM "rl_{OPEN}".t1', WorkGroup="consumer-workgroup"
    )["QueryExecutionId"]

    def ended() -> bool:
        state = athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]["Status"]["State"]
        return state not in ("QUEUED", "RUNNING")

    mesh.until(ended, "end of the query")
    rows = athena.get_query_results(QueryExecutionId=number)["ResultSet"]["Rows"]
    assert [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows] == [["id", "amount"], ["2", "20"]]


def test_several_products_are_joined_in_one_query(mesh: MeshDriver, accesses: AccessDriver) -> None:
    accesses.live(OPEN)
    secret = accesses.waiting(SECRET)
    sql = f'SELECT a.id FROM "rl_{OPEN}".t1 a JOIN "rl_{SECRET}".t1 b ON a.id = b.id WHERE b.amount > 5'
    assert query(mesh, sql) != ""
    accesses.decide(secret)
    accesses.wait(secret, "live")
    assert query(mesh, sql) == ""


def test_the_trace_of_a_request_is_complete(mesh: MeshDriver, accesses: AccessDriver) -> None:
    """Who asked what, who agreed and why, what was granted and when it ended: in one record, in order."""
    access = accesses.waiting(PRIVATE, purpose="audit")
    accesses.decide(access, by="central")
    mesh.until(lambda: accesses.record(access).answers, "the steward's answer")
    accesses.decide(access)
    accesses.wait(access, "live")
    accesses.end(access, by="producer")

    said = [step.what for step in accesses.record(access).history]
    assert said[0] == "requested for audit"
    assert said[2:4] == ["approve by 111111111111: as agreed", "approve by 222222222222: as agreed"]
    assert said[-2:] == ["ending (revoked): the project is over", "ended (revoked)"]
    moments = [step.at for step in accesses.record(access).history]
    assert moments == sorted(moments)
