"""What `mesh put` uploads, and how it tells what became of it."""

import json
from datetime import UTC, datetime
from io import BytesIO

import pytest
from mesh.domain.contracts.product import ProductVersion
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quarantine import HeldBatch
from mesh.usecases.onboarding.declare_product import correlation_of

from cli import tracing
from cli.onboarding import upload_watcher, uploads
from cli.onboarding.upload_watcher import Baseline, Follower
from cli.output import CommandFailed

BUCKET = "credit-card-222222222222-us-east-1"
CONTRACT, DATA = "fees/contract.yaml", "fees/data/fees/a.csv"
STORY = "00000000-0000-5000-8000-000000000001"
ONBOARD = "arn:aws:states:us-east-1:222222222222:stateMachine:onboard-upload"
NOW = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
REF = ObjectRef(bucket=BUCKET, key=CONTRACT, version_id="v1", sequencer="02", size=0)


def folder(tmp_path, *names):
    for name in names:
        path = tmp_path / "fees" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("name: fees\n" if name == "contract.yaml" else "a,b\n1,2\n")
    return tmp_path / "fees"


def test_the_contract_goes_first_and_only_what_belongs_to_a_product(tmp_path):
    names = ("data/fees/dt=2026-11-21/b c+d.csv", "raw/fees/r.csv", "recipe.json", "contract.yaml", "notes.txt")
    found = folder(tmp_path, *names, "data/fees/.DS_Store", "data/.cache/x.csv")
    assert [file.key for file in uploads.files_of(found, "fees")] == [
        "fees/contract.yaml",
        "fees/recipe.json",
        "fees/raw/fees/r.csv",
        "fees/data/fees/dt=2026-11-21/b c+d.csv",
    ]


def test_the_contracts_name_wins_over_the_folders(tmp_path):
    found = folder(tmp_path, "contract.yaml")
    (found / "contract.yaml").write_text("name: card-fees\n")
    assert uploads.product_name(found) == "card-fees"


@pytest.mark.parametrize("text", ["name: [", "- a list", "name: 7", "name: fees-2\nid: !!bool maybe"])
def test_a_contract_that_names_nothing_leaves_the_folders_name_to_the_mesh_to_refuse(tmp_path, text):
    found = folder(tmp_path, "contract.yaml")
    (found / "contract.yaml").write_text(text)
    assert uploads.product_name(found) == "fees"


def test_an_invalid_name_is_rejected_here(tmp_path):
    found = folder(tmp_path, "contract.yaml")
    (found / "contract.yaml").write_text("name: Card Fees\n")
    with pytest.raises(CommandFailed, match="'Card Fees' is not a valid product name"):
        uploads.product_name(found)


class FakeProducer:
    """Both accounts, as far as a follower looks: tables by partition, runs, reports, versions."""

    acting = "producer"

    def __init__(self):
        self.items = {}
        self.runs = {}
        self.reports = {}
        self.traces = {"producer": {}, "central": {}}
        self.published = []

    def output(self, _account, name):
        return {"DataBucketName": BUCKET, "OnboardUploadArn": ONBOARD, "PrepareProductArn": "arn:prepare"}[name]

    def table(self, _account):
        return self

    def query(self, pk, **_):
        return iter([{"sk": sk, **item} for (found, sk), item in self.items.items() if found == pk])

    def get(self, pk, sk):
        return self.items.get((pk, sk))

    def registry(self):
        return self

    def product(self, _name):
        return None

    def versions(self, _product):
        return iter(reversed(self.published))

    def trace(self, account):
        return type("Trace", (), {"entries": lambda _, trace_id: iter(self.traces[account].get(trace_id, []))})()

    def client(self, _account, _service):
        return self

    def list_executions(self, *, stateMachineArn, **_):  # noqa: N803 - boto3's
        runs = self.runs.values() if stateMachineArn == ONBOARD else ()
        return {"executions": [{"name": run["name"], **run} for run in runs]}

    def describe_execution(self, *, executionArn):  # noqa: N803 - boto3's
        return self.runs[executionArn]

    def head_object(self, **_):
        return {"VersionId": "v1"}

    def get_paginator(self, _name):
        return self

    def paginate(self, **_):
        return [{"Contents": [{"Key": key} for key in self.reports]}]

    def get_object(self, *, Key, **_):  # noqa: N803 - boto3's
        return {"Body": BytesIO(json.dumps(self.reports[Key]).encode())}

    def declare(self, status="declared"):
        self.items["PRODUCT#fees", "PRODUCT"] = {"status": status, "sequencer": "02"}

    def link(self):
        self.declare("registered")
        note = {"time": NOW.isoformat(), "what": "resource link ready", "facts": {}}
        self.traces["producer"][correlation_of(REF)] = [note]

    def run(self, status, **output):
        arn = f"{ONBOARD.replace('stateMachine', 'execution')}:fees-{STORY}"
        self.runs[arn] = {
            "executionArn": arn,
            "name": f"fees-{STORY}",
            "status": status,
            "input": json.dumps({"product": "fees", "correlation_id": STORY}),
            "output": json.dumps(output),
        }
        return self.runs[arn]

    def arrive(self, *, pending):
        self.items["SEEN#fees", DATA] = {"sequencer": "03"}
        self.items.pop(("PENDING#fees", DATA), None)
        if pending:
            self.items["PENDING#fees", DATA] = {}

    def report(self, key):
        reason = {"code": "X", "message": "no good", "where": {}, "remedy": "fix it"}
        self.reports[f"fees/reports/1/{key}.refusal.json"] = {"bucket": BUCKET, "key": key, "reason": reason}

    def hold(self, trace_id, *keys):
        reason = {"code": "ValueNotOfType", "message": "'x' is not a number", "where": {}, "remedy": "fix it"}
        batch = HeldBatch(
            product="fees", run=trace_id[-8:], bucket=BUCKET, correlation_id=trace_id, reason=reason, objects=len(keys),
            releasable=False, held_at=NOW,
        )  # fmt: skip
        self.items["QUARANTINE", f"fees#{batch.run}"] = {"body": batch.model_dump_json()}
        listed = [
            {"key": key, "size": 1, "reason": reason, "ref": {"bucket": BUCKET, "key": key, "size": 1}} for key in keys
        ]
        self.reports[batch.listing] = listed

    def publish(self):
        document = {"product": "fees", "version": 1, "run": "r", "correlation_id": STORY, "contract_version": "1"}
        self.published.append(ProductVersion(**document, tables=(), changes=(), published=NOW))


@pytest.fixture
def producer(monkeypatch):
    monkeypatch.setattr(upload_watcher, "_concerned", {})
    monkeypatch.setattr(tracing, "_prepared", {})
    return FakeProducer()


def follow(producer, *keys):
    return Follower(producer, Baseline.take(producer, "fees"), keys)


def test_a_product_is_followed_from_declaration_to_version(producer):
    follower = follow(producer, CONTRACT, DATA)
    assert follower.look().waiting_for == "the contract to be declared"
    producer.declare()
    assert follower.look().waiting_for == "central to register the product"
    producer.link()
    assert follower.look().waiting_for == f"{DATA} to arrive"
    producer.arrive(pending=True)
    producer.run("RUNNING")
    assert follower.look().waiting_for == f"the run fees-{STORY}"
    producer.arrive(pending=False)
    producer.publish()
    producer.run("SUCCEEDED", outcome="published", version=1)
    outcome = follower.look()
    assert outcome.good
    assert [version.version for version in outcome.versions] == [1]
    assert outcome.correlation_ids == [correlation_of(REF), STORY]


def test_a_rejected_object_ends_the_wait_without_success(producer):
    follower = follow(producer, DATA)
    producer.report(DATA)
    producer.arrive(pending=False)
    producer.run("SUCCEEDED", outcome="rejected")
    outcome = follower.look()
    assert outcome.done
    assert not outcome.good
    assert [report["reason"]["message"] for report in outcome.rejections] == ["no good"]
    assert outcome.to_dict()["outcome"] == "rejected"


def test_what_is_published_needs_no_more_than_its_run(producer):
    follower = follow(producer, DATA)
    producer.arrive(pending=False)
    producer.publish()
    producer.run("SUCCEEDED", outcome="published", version=1)
    outcome = follower.look()
    assert (outcome.good, outcome.to_dict()["outcome"]) == (True, "published")
    assert [version.version for version in outcome.versions] == [1]


def test_objects_held_in_place_are_shown_with_their_reason_without_success(producer, capsys):
    follower = follow(producer, DATA)
    producer.arrive(pending=False)
    producer.hold("before", "fees/data/fees/old.csv")
    producer.hold(STORY, DATA, "fees/data/fees/of-somebody-else.csv")
    producer.run("SUCCEEDED", outcome="nothing", held=2)
    outcome = follower.look()
    assert (outcome.done, outcome.good, outcome.unchanged) == (True, False, False)
    assert outcome.to_dict()["outcome"] == "held"
    assert [(held["batch"], held["key"], held["reason"]["code"]) for held in outcome.held] == [
        (f"fees/{STORY[-8:]}", DATA, "ValueNotOfType")
    ]
    uploads.render("fees", outcome)
    assert capsys.readouterr().out.splitlines() == [
        f"held {DATA}: 'x' is not a number",
        "  fix it",
        f"  next: mesh quarantine fees/{STORY[-8:]}",
    ]


def test_the_same_bytes_again_are_nothing_new_and_a_success(producer, capsys):
    follower = follow(producer, DATA)
    producer.arrive(pending=False)
    producer.run("SUCCEEDED", outcome="nothing", held=0)
    outcome = follower.look()
    assert (outcome.good, outcome.to_dict()["outcome"]) == (True, "unchanged")
    uploads.render("fees", outcome)
    assert capsys.readouterr().out == "no changes: the same data of fees is published already\n"


def test_data_of_a_refused_contract_is_left_waiting_not_waited_for(producer):
    follower = follow(producer, CONTRACT, DATA)
    producer.declare()
    producer.report(CONTRACT)
    producer.arrive(pending=True)
    producer.run("SUCCEEDED", outcome="waiting")
    outcome = follower.look()
    assert outcome.done
    assert outcome.left_waiting == [DATA]


def test_a_failed_run_ends_the_wait_with_its_error(producer):
    follower = follow(producer, DATA)
    producer.arrive(pending=True)
    producer.run("FAILED").update(error="CrawlFailed", cause="the crawler stopped")
    outcome = follower.look()
    assert outcome.failures == [f"onboard-upload fees-{STORY}: CrawlFailed: the crawler stopped"]
    assert outcome.done
    assert not outcome.good


def test_what_was_there_before_the_upload_is_not_taken_for_its_outcome(producer):
    producer.report(DATA)
    producer.run("FAILED").update(error="Old", cause="")
    producer.arrive(pending=False)
    follower = follow(producer, DATA)
    outcome = follower.look()
    assert (outcome.failures, outcome.rejections) == ([], [])
    assert outcome.waiting_for == f"{DATA} to arrive"


def test_a_run_of_another_product_with_a_longer_name_is_not_ours(producer):
    producer.runs["arn:other"] = {
        **producer.run("RUNNING"),
        "executionArn": "arn:other",
        "name": f"fees-extra-{STORY}",
        "input": json.dumps({"product": "fees-extra", "correlation_id": STORY}),
    }
    found = upload_watcher.newest_runs(producer, "fees")
    assert [run["name"] for run in found] == [f"fees-{STORY}"]


def test_waiting_has_a_deadline_that_names_what_is_missing(producer, monkeypatch):
    monkeypatch.setattr(uploads, "_POLL_SECONDS", 0)
    with pytest.raises(CommandFailed, match="not done within 0 s: waiting for the contract to be declared"):
        uploads.wait_for(follow(producer, CONTRACT), 0)


def test_raw_data_are_followed_like_data(producer):
    keys = ["fees/recipe.json", "fees/raw/fees/dt=1/a.csv", "fees/raw/fees/dt=/b.csv"]

    follower = follow(producer, *keys)

    assert follower.look().waiting_for == "fees/raw/fees/dt=1/a.csv to arrive"
