"""`mesh quarantine`, `release` and `reject`, with an account in memory."""

import json

import boto3
import pytest
from mesh.adapters.dynamodb.items import Table
from mesh.adapters.dynamodb.quarantine import DynamoQuarantine
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quarantine import HeldBatch, HeldObject, HeldObjects
from moto import mock_aws

from cli.onboarding import quarantine
from cli.output import CommandFailed
from tests.builders import CORRELATION, NOON

BUCKET = "bucket"
REASON = {"code": "ValueNotInEnum", "message": "zoe is none of them", "remedy": "Correct it."}


class Site:
    """One account, in moto."""

    def __init__(self):
        dynamo = boto3.client("dynamodb", region_name="us-east-1")
        keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
        kinds = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
        dynamo.create_table(TableName="t", KeySchema=keys, AttributeDefinitions=kinds, BillingMode="PAY_PER_REQUEST")
        self._table = Table(dynamo, "t")
        self.s3 = boto3.client("s3", region_name="us-east-1")
        self.s3.create_bucket(Bucket=BUCKET)
        for run, releasable, page in (("00000003", True, True), ("00000004", False, False)):
            self.hold(run, releasable=releasable, page=page)

    def hold(self, run, *, releasable, page):
        key, there = f"p1/data/t/{run}.csv", f"p1/reports/{run}.held.html"
        ref = ObjectRef(bucket=BUCKET, key=key, size=2048)
        item = HeldObject(key=key, size=2048, reason=REASON, ref=ref)
        if page:
            self.s3.put_object(Bucket=BUCKET, Key=there, Body=b"<html>why</html>")
        facts = {"product": "p1", "run": run, "bucket": BUCKET, "correlation_id": CORRELATION, "reason": REASON,
                 "objects": 1, "releasable": releasable, "held_at": NOON}  # fmt: skip
        batch = HeldBatch.model_validate({**facts, "page": there if page else None})
        self.s3.put_object(Bucket=BUCKET, Key=batch.listing, Body=HeldObjects.dump_json((item,)))
        DynamoQuarantine(self._table).hold(batch)

    def table(self, account):
        return self._table

    def client(self, account, service):
        return self.s3

    def caller(self, account):
        return "the steward"

    def output(self, account, name):
        return "own-bus"


@pytest.fixture
def where(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        found = Site()
        monkeypatch.setattr(quarantine, "mesh_context", lambda *_, **__: found)
        yield found


def test_what_is_held_is_listed_with_its_reason(where, capsys):
    quarantine.quarantine_command(every=False, report=None, show=False, account="producer")

    said = capsys.readouterr().out
    assert "p1/00000003" in said
    assert "ValueNotInEnum" in said


def test_decided_batches_are_listed_on_request(where, capsys):
    store = DynamoQuarantine(where.table("producer"))
    batch = store.batch("p1", "00000003")
    store.save(batch.model_copy(update={"status": "released"}), was="held")

    quarantine.quarantine_command(every=False, report=None, show=False, account="producer", as_json=True)
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["batches"]] == ["p1/00000004"]
    quarantine.quarantine_command(every=True, report=None, show=False, account="producer", as_json=True)
    assert len(json.loads(capsys.readouterr().out)["batches"]) == 2


def test_a_batch_shows_what_can_be_done(where, capsys, tmp_path):
    page = tmp_path / "why.html"

    quarantine.quarantine_command("p1/3", every=False, report=page, show=False, account="producer")

    said = capsys.readouterr().out
    assert page.read_text() == "<html>why</html>"
    assert "p1/data/t/00000003.csv  2.0 KiB" in said
    assert "mesh release p1/00000003 --reason TEXT" in said


def test_what_cannot_be_read_is_not_offered_for_release(where, capsys):
    quarantine.quarantine_command("p1/00000004", every=False, report=None, show=False, account="producer")

    said = capsys.readouterr().out
    assert "mesh release" not in said
    assert "mesh reject p1/00000004" in said


@pytest.mark.parametrize("name", ["p1/9", "p1", "../p1/3", "p1/3/../4", "P1/3", "p1/123456789"])
def test_what_names_no_batch_is_refused(where, name):
    with pytest.raises(CommandFailed) as refusal:
        quarantine.quarantine_command(name, every=False, report=None, show=False, account="producer")

    assert refusal.value.code == "UnknownBatch"


def test_a_batch_without_a_page_is_reported(where, tmp_path):
    with pytest.raises(CommandFailed, match="no report page"):
        quarantine.quarantine_command("p1/4", every=False, report=tmp_path / "x.html", show=False, account="producer")


@pytest.fixture
def three(where):
    """A batch of three objects: one as it was, one uploaded again since, one that is not data."""
    reasons = {
        "a.csv": REASON,
        "b.csv": REASON,
        "c.csv": {"code": "BinaryContent", "message": "zero bytes", "remedy": "Upload text."},
    }
    listed = tuple(
        HeldObject(
            key=f"p1/data/t/{name}",
            size=2048,
            reason=reason,
            ref=ObjectRef(bucket=BUCKET, key=f"p1/data/t/{name}", size=2048, version_id=f"v-{name[0]}"),
            releasable=reason is REASON,
            superseded_by="00000006" if name == "b.csv" else "",
        )
        for name, reason in reasons.items()
    )
    batch = HeldBatch(
        product="p1", run="00000005", bucket=BUCKET, correlation_id=CORRELATION, reason=REASON, objects=3,
        releasable=True, held_at=NOON, superseded=1,
    )  # fmt: skip
    where.s3.put_object(Bucket=BUCKET, Key="p1/reports/00000005.held.json", Body=HeldObjects.dump_json(listed))
    DynamoQuarantine(where.table("producer")).hold(batch)
    return batch


def test_a_batch_names_versions_and_what_becomes_of_each(where, three, capsys):
    quarantine.quarantine_command("p1/5", every=False, report=None, show=False, account="producer")

    lines = capsys.readouterr().out.splitlines()
    assert "    p1/data/t/a.csv  2.0 KiB  version v-a" in lines
    assert any("b.csv" in line and "superseded" in line and "00000006" in line for line in lines)
    assert any("c.csv" in line and "cannot be released (BinaryContent)" in line for line in lines)
    assert "    Correct it." in lines


def test_the_list_counts_what_is_superseded(where, three, capsys):
    quarantine.quarantine_command(every=False, report=None, show=False, account="producer")

    assert "3 (1 superseded)" in " ".join(capsys.readouterr().out.split())


def test_a_release_shows_what_it_left_out(where, three, capsys, monkeypatch):
    answer = {"by": "the steward", "objects": 1, "left": {"replaced": 1, "unreadable": 1}}
    monkeypatch.setattr(quarantine, "send_on", lambda *_: None)
    monkeypatch.setattr(quarantine, "wait_for_note", lambda *_: answer)

    quarantine.release_command("p1/5", reason="a new name", account="producer")

    said = capsys.readouterr().out
    assert "being checked again: 1 object" in said
    assert "not released: 1 object replaced: the newer version is used" in said
    assert "not released: 1 object not releasable" in said
