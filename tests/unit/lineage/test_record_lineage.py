"""Orders become OpenLineage events: of what runs wrote down, the same each time, judged by OpenLineage's library."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from mesh.domain.access.consumer_access import ConsumerAccess
from mesh.domain.contracts.product import ProductVersion, TableSnapshot
from mesh.domain.events import ColumnRef, ReadableTable, Rollback, TableChange
from mesh.domain.lineage import facets
from mesh.domain.lineage.model import ColumnOrigin, Place, StepRun, s3_object
from mesh.domain.lineage.orders import LineageSourceGone, Orders, PromoteOrder, ProveOrder, PublishOrder
from mesh.domain.lineage.run_events import MAX_BYTES, MAX_DATASETS, run_events, size_of
from mesh.usecases.lineage.record_lineage import keep, proof_runs, publication_runs
from mesh.usecases.onboarding.round_lineage import COLUMN_SOURCES, promotion_runs
from mesh.usecases.onboarding.rounds import ProductFacts

from functions.lineage.record_lineage import app
from tests import lineage_oracle
from tests.builders import CENTRAL, CONSUMER, PRODUCER, REGION, a_product
from tests.consumer_fakes import FakeConsumerAccesses
from tests.fakes import FakeRegistry, FakeWorkFiles
from tests.unit.onboarding.rounds import World
from tests.unit.onboarding.test_check_objects import BAD_NAME, ENUM, GOOD

BEGAN = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
TIMES = {"correlation_id": "c", "execution": "arn:run", "began": BEGAN, "ended": BEGAN + timedelta(seconds=9)}
PLACE = Place(PRODUCER, REGION)
GLUE = f"arn:aws:glue:{REGION}:{CENTRAL}"
SAMPLES = sorted((Path(__file__).parents[3] / "events" / "record_lineage").glob("*.json"))


class Log:
    """Implements `ports.LineageLog`."""

    def __init__(self):
        self.kept = {}

    def put(self, product, event):
        self.kept[product, event["eventTime"], event["run"]["runId"], event["eventType"]] = event


def judged(runs):
    """All events, each found sound by the library."""
    events = [event for run in runs for event in run_events(run)]
    for event in events:
        lineage_oracle.check(json.loads(json.dumps(event)))
        assert size_of(event) <= MAX_BYTES
    return events


def ends(runs):
    return [event for event in judged(runs) if event["eventType"] != "START"]


def parameters(event):
    return {one["key"]: one["value"] for one in event["run"]["facets"]["executionParameters"]["parameters"]}


def promoted(product, work, facts=None, generation=1):
    order = PromoteOrder(
        kind="promote",
        product=product,
        generation=generation,
        work=f"runs/{product}/{generation:08d}/batch.json",
        published=True,
        **TIMES,
    )
    facts = facts or ProductFacts(database=product, catalog_id=CENTRAL, link=f"rl_{product}")
    return promotion_runs(order, place=PLACE, facts=facts, work=work)


def checked():
    """A batch of a good object and a bad one, and what is known of its product."""
    world = World(ENUM)
    good = world.upload("a.csv", GOOD)
    world.upload("b.csv", BAD_NAME)
    return world, good, with_catalog(world.check())


def with_catalog(round_):
    """What is known of the product, with central's catalog."""
    return round_.facts.model_copy(update={"database": "credit-card", "catalog_id": CENTRAL})


def test_a_batch_is_promoted_and_what_was_held_back_failed():
    world, good, facts = checked()

    promote, check, failed = ends(promoted("credit-card", world.work, facts))

    assert [one["job"]["name"].split(".")[1] for one in (promote, check, failed)] == ["promote", "check", "check"]
    [source], [table] = promote["inputs"], promote["outputs"]
    assert (source["name"], source["facets"]["version"]["datasetVersion"]) == (good.key, good.version_id)
    assert (table["namespace"], table["name"]) == (GLUE, "table/credit-card/credit_card")
    assert [one["name"] for one in table["facets"]["schema"]["fields"]] == ["id", "name"]
    assert table["facets"]["columnLineage"]["fields"]["id"]["inputFields"][0]["name"] == good.key
    assert {one["name"] for one in table["facets"]["ownership"]["owners"]} >= {f"account:{PRODUCER}"}
    metrics = check["inputs"][0]["inputFacets"]["dataQualityMetrics"]
    assert (metrics["rowCount"], metrics["columnMetrics"]["id"]["max"]) == (2, 2.0)
    assert {one["success"] for one in check["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]} == {
        True
    }
    assert (failed["eventType"], parameters(failed)["codes"]) == ("FAIL", "ValueNotInEnum")
    assert failed["run"]["facets"]["errorMessage"]["message"].startswith("ValueNotInEnum")
    parents = {one["run"]["facets"]["parent"]["run"]["runId"] for one in (promote, check, failed)}
    assert len(parents) == 1


def test_no_value_of_a_personal_column_is_shown():
    world, *_ = checked()
    report = world.reports(1).table("credit_card")

    notices = facets.quality(report, {"id"})["dataQualityMetrics"]["columnMetrics"]["id"]

    assert notices == {"nullCount": 0, "distinctCount": 2, "count": 2}
    assert "min" in facets.quality(report, set())["dataQualityMetrics"]["columnMetrics"]["id"]


def test_the_same_order_gives_the_same_events():
    world, _, facts = checked()
    log = Log()

    for _ in range(2):
        runs = promoted("credit-card", world.work, facts)
        assert keep("credit-card", runs, log=log, transport=None) == 6

    assert len(log.kept) == 6


def test_a_round_with_missing_work_files_is_a_clear_error():
    with pytest.raises(LineageSourceGone, match="no work files"):
        promoted("credit-card", FakeWorkFiles())


def a_run(objects=1, columns=3):
    names = [f"column_{number:04}" for number in range(columns)]
    raws = tuple(s3_object("bucket", f"loans/raw/t/{number}.csv", facets.version("v")) for number in range(objects))
    origins = {name: ColumnOrigin(inputs=(name,), steps=(1,)) for name in names}
    shown = [facets.schema(ColumnRef(name=name, type="bigint") for name in names)] * objects
    outputs = tuple(
        s3_object(
            "bucket", f"loans/data/t/{number}.csv", shown[number] | facets.recipe_columns([raw], [origins], ["RENAME"])
        )
        for number, raw in enumerate(raws)
    )
    run_id = "0f5c8a52-54f0-5d5e-9f0a-6a3a3f6f2c11"
    return StepRun(PLACE, "loans.curate", run_id, BEGAN, BEGAN, inputs=raws, outputs=outputs)


def test_a_run_that_fits_is_recorded_in_full():
    [event] = ends([a_run(objects=3)])

    assert (len(event["inputs"]), len(event["outputs"])) == (3, 3)
    assert "executionParameters" not in event["run"]["facets"]


def test_lists_are_cut_until_an_event_fits_and_their_length_is_recorded():
    [event] = ends([a_run(objects=2_000)])
    assert len(event["inputs"]) == MAX_DATASETS
    assert parameters(event)["inputs.count"] == "2000"

    [event] = ends([a_run(objects=200, columns=200)])
    assert 1 <= len(event["outputs"]) < MAX_DATASETS
    assert parameters(event)["outputs.listed"] == str(len(event["outputs"]))


def test_a_dataset_of_too_many_columns_goes_without_their_lineage():
    [event] = ends([a_run(columns=5_000)])

    assert parameters(event)["facets.dropped"].split(", ")[0] == "columnLineage"
    assert event["outputs"][0]["name"] == "loans/data/t/0.csv"


def test_a_tables_columns_are_traced_to_so_many_objects():
    world = World(ENUM)
    for number in range(COLUMN_SOURCES + 2):
        world.upload(f"{number}.csv", f"id,name\n{number},ana\n")
    facts = with_catalog(world.check())

    promote = ends(promoted("credit-card", world.work, facts))[0]

    assert len(promote["inputs"]) == COLUMN_SOURCES + 2
    assert len(promote["outputs"][0]["facets"]["columnLineage"]["fields"]["id"]["inputFields"]) == COLUMN_SOURCES
    assert parameters(promote)["columnLineage.sources"] == str(COLUMN_SOURCES + 2)


def test_a_proof_reads_the_link_which_shows_centrals_table():
    accesses = FakeConsumerAccesses()
    held = ConsumerAccess(
        access="ac-0123456789ab",
        state="ready",
        noted=BEGAN,
        reader=f"arn:aws:iam::{CONSUMER}:role/DataAnalyst",
        catalog_id=CENTRAL,
        region=REGION,
        databases=("loans",),
        tables=(ReadableTable(database="loans", table="t1", columns=("id",)),),
        proved_as=f"arn:aws:iam::{CONSUMER}:role/DataAnalyst",
        query_execution_id="q-1",
    )
    accesses.save(held)
    order = ProveOrder(kind="prove", access=held.access, **TIMES)

    [(product, runs)] = proof_runs(order, place=Place(CONSUMER, REGION), accesses=accesses).items()
    [event] = ends(runs)

    assert product == "loans"
    [link] = event["inputs"]
    assert (link["namespace"], link["name"]) == (f"arn:aws:glue:{REGION}:{CONSUMER}", "table/rl_loans/t1")
    assert link["facets"]["symlinks"]["identifiers"] == [{"namespace": GLUE, "name": "table/loans/t1", "type": "TABLE"}]
    assert event["run"]["facets"]["externalQuery"]["externalQueryId"] == "q-1"
    assert parameters(event)["proved_as"].endswith("role/DataAnalyst")
    with pytest.raises(LineageSourceGone):
        proof_runs(order.model_copy(update={"access": "ac-000000000000"}), place=PLACE, accesses=accesses)


def test_lineage_of_a_rollback_names_tables_requester_and_reason():
    registry = FakeRegistry()
    registry.products["loans"] = a_product(name="loans", version=3)
    back = Rollback(version=1, request="rb-1", requested_by=PRODUCER, reason="labels were flipped")
    tables = tuple(TableSnapshot(table=name, columns=(), rows=1) for name in ("t1", "t2"))
    changes = tuple(TableChange(table=table.table) for table in tables)
    facts = {"product": "loans", "version": 3, "run": "r", "correlation_id": "c", "contract_version": "1.0.0"}
    version = ProductVersion(**facts, tables=tables, changes=changes, published=BEGAN, rollback=back)
    registry.recorded["loans"] = [version]
    order = PublishOrder(kind="publish", product="loans", version=3, **TIMES)

    [event] = ends(publication_runs(order, place=Place(CENTRAL, REGION), registry=registry))

    assert [one["name"] for one in event["outputs"]] == ["table/loans/t1", "table/loans/t2"]
    states = [one["facets"]["lifecycleStateChange"]["lifecycleStateChange"] for one in event["outputs"]]
    assert states == ["OVERWRITE", "OVERWRITE"]
    assert not [one for one in event["inputs"] if "lifecycleStateChange" in one["facets"]]
    said = parameters(event)
    assert (said["rollback.version"], said["rollback.by"], said["rollback.reason"]) == (
        "1", PRODUCER, "labels were flipped",
    )  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_the_samples_are_orders(sample):
    [message] = json.loads(sample.read_text())["Records"]

    assert Orders.validate_json(message["body"]).kind in {"promote", "publish", "prove"}


def test_the_function_takes_the_batch_and_gives_back_what_failed_alone(monkeypatch):
    world, _, facts = checked()
    log, messages = Log(), []
    for work in ("runs/credit-card/00000001/batch.json", "runs/credit-card/00000009/batch.json"):
        [message] = json.loads(SAMPLES[0].read_text())["Records"]
        body = json.loads(message["body"]) | {"work": work}
        messages.append(message | {"messageId": work, "body": json.dumps(body)})
    said = {"account_id": PRODUCER, "aws_region": REGION, "table_name": "t", "work_bucket": "w", "lineage_target": ""}
    said |= {"lineage_transport": "table", "lineage_token_arn": "", "history_days": "400", "record_days": "90"}
    settings = app.Settings.model_validate(said)
    monkeypatch.setattr(app, "load", lambda _: settings)
    monkeypatch.setattr(app, "_facts", lambda *_: facts)
    wired = {"work": lambda _: world.work, "lineage": lambda _: log, "lineage_transport": cache(lambda _: None)}
    monkeypatch.setattr(app, "wiring", SimpleNamespace(**wired))

    answer = app.lambda_handler({"Records": messages}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "runs/credit-card/00000009/batch.json"}]}
    assert len(log.kept) == 6


def test_the_oracle_rejects_invalid_openlineage():
    [event] = [one for one in run_events(a_run()) if one["eventType"] == "COMPLETE"]
    event["outputs"][0]["facets"]["schema"]["fields"][0]["kind"] = "bigint"

    with pytest.raises(AssertionError, match="kind"):
        lineage_oracle.check(event)
