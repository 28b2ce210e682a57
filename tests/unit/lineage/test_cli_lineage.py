"""`mesh lineage`: events of several accounts drawn as trees that fit a terminal."""

import json

import pytest
from botocore.exceptions import ClientError
from mesh.domain.access.consumer_access import ConsumerAccess
from mesh.domain.events import ColumnRef, ReadableTable
from mesh.domain.lineage import facets
from mesh.domain.lineage.model import Place, StepRun, glue_table
from mesh.domain.lineage.orders import ProveOrder
from mesh.domain.lineage.run_events import run_events
from mesh.usecases.lineage.record_lineage import proof_runs
from rich.console import Console
from typer.testing import CliRunner

from cli import output
from cli.app import app
from cli.lineage import lineage, tree
from cli.lineage.graph import graph_of
from local.accounts import FIRST
from tests.builders import CENTRAL, CONSUMER, PRODUCER, REGION
from tests.consumer_fakes import FakeConsumerAccesses
from tests.unit.lineage.test_record_lineage import BEGAN, TIMES, a_run

TABLE = (f"arn:aws:glue:{REGION}:{CENTRAL}", "table/loans/t")
RUN = "0f5c8a52-54f0-5d5e-9f0a-6a3a3f6f2c1"


def crawl(number, sources, step="crawl"):
    shown = facets.same_columns(sources, ["column_0000"])
    table = glue_table(Place(CENTRAL, REGION), "loans", "t", shown)
    place = Place(PRODUCER, REGION)
    return StepRun(place, f"loans.{step}", RUN + str(number), BEGAN, BEGAN, inputs=tuple(sources), outputs=(table,))


def publication(number, **more):
    shown = facets.version(str(number)) | facets.schema([ColumnRef(name="column_0000", type="bigint")])
    table = glue_table(Place(CENTRAL, REGION), "loans", "t", shown)
    said = {"contract_version": "1.0.0", "severity": "info", **more}
    place = Place(CENTRAL, REGION)
    made = {"inputs": (table,), "outputs": (table,), "parameters": said}
    return StepRun(place, "loans.publish", RUN + "9", BEGAN, BEGAN, **made)


def proof():
    accesses = FakeConsumerAccesses()
    held = ConsumerAccess(access="ac-0123456789ab", state="ready", noted=BEGAN, catalog_id=CENTRAL, region=REGION)
    role = f"arn:aws:iam::{CONSUMER}:role/DataAnalyst"
    tables = (ReadableTable(database="loans", table="t", columns=("column_0000",)),)
    accesses.save(held.model_copy(update={"databases": ("loans",), "tables": tables, "proved_as": role}))
    order = ProveOrder(kind="prove", access=held.access, **TIMES)
    return proof_runs(order, place=Place(CONSUMER, REGION), accesses=accesses)["loans"]


def lineage_events():
    """By account: raw objects curated and crawled, a version, a consumer's proof."""
    curate = a_run(objects=2, columns=1)
    producer = [event for run in (curate, crawl(1, list(curate.outputs))) for event in run_events(run)]
    central, consumer = run_events(publication(1)), [event for run in proof() for event in run_events(run)]
    return {"producer": producer, "central": central, "consumer": consumer}


def whole():
    return graph_of(event for events in lineage_events().values() for event in events)


def drawn(trees, width=80):
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        for tree in trees:
            console.print(tree)
    return capture.get()


@pytest.mark.parametrize("width", [80, 120])
def test_upstream_leads_to_the_raw_objects_version(width):
    text = drawn(tree.draw_upstream(whole(), TABLE), width)

    assert (
        text.index("crawl") < text.index("loans/data/t/0.csv") < text.index("curate") < text.index("loans/raw/t/0.csv")
    )
    assert text.count("loans/raw/t/0.csv") == 1  # each object by its own columns, though one run curated both
    assert "version v" in text
    assert max(map(len, text.splitlines())) <= width


def test_lineage_of_iceberg_leads_to_its_objects_and_rollbacks_show_version_and_reason():
    raw = a_run(objects=1, columns=1)
    back = publication(3, **{"rollback.version": "1", "rollback.reason": "labels were flipped"})
    runs = (raw, crawl(1, list(raw.outputs), "promote"), publication(1), back)
    graph = graph_of(event for run in runs for event in run_events(run))

    text = drawn(tree.draw_upstream(graph, TABLE), 120)

    assert "version 1 again: labels were flipped" in text
    assert text.index("promote") < text.index("loans/data/t/0.csv") < text.index("loans/raw/t/0.csv")
    assert text.count("publish") == 1, "of versions, rollbacks alone"


def test_a_column_leads_back_to_the_raw_column_with_its_steps():
    text = drawn(tree.draw_column(whole(), TABLE, "column_0000"))

    lines = text.splitlines()
    assert lines[0].startswith("column_0000  loans/data/t/0.csv")
    assert "curate  step 1 RENAME" in lines[1]
    assert "column_0000  loans/raw/t/0.csv  version v" in lines[2]
    assert drawn(tree.draw_column(whole(), TABLE, "other")) == ""


def test_downstream_names_versions_links_and_who_proved_it():
    text = drawn(tree.draw_downstream(whole(), TABLE), 120)

    assert "version 1" in text
    assert f"rl_loans.t  in {CONSUMER}" in text
    assert "role/DataAnalyst" in text
    assert "ac-0123456789ab" in text


def test_only_so_many_runs_are_drawn_and_the_rest_is_counted():
    raw = a_run(objects=1, columns=1)
    runs = [run_events(crawl(number % 9, list(raw.outputs)))[1] for number in range(tree.SHOWN + 5)]

    text = drawn(tree.draw_upstream(graph_of(runs), TABLE))

    assert text.count("crawl") == tree.SHOWN
    assert "5 earlier runs" in text


class Table:
    """A table of one account; `events` None: the caller may not read it."""

    def __init__(self, events):
        self.events = events

    def query(self, pk):
        if self.events is None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "Query")
        return [{"body": json.dumps(event)} for event in self.events] if pk == "LINEAGE#loans" else []


@pytest.fixture
def accounts(monkeypatch):
    found = dict(lineage_events())

    class Site:
        def names(self):
            return FIRST

        def table(self, account):
            return Table(found[account])

    monkeypatch.setattr(lineage, "mesh_context", lambda _port: Site())
    monkeypatch.setattr(output, "console", Console(width=120, color_system=None))
    return found


def ask(*arguments):
    return CliRunner().invoke(app, ["lineage", "loans", *arguments], catch_exceptions=True)


def test_json_is_the_events_of_all_accounts_and_who_was_not_seen(accounts):
    accounts["consumer"] = None
    found = json.loads(ask("--json").stdout)

    assert len(found["events"]) == 6
    assert {event["job"]["name"] for event in found["events"]} == {"loans.curate", "loans.crawl", "loans.publish"}
    assert found["unseen"] == ["consumer: not authorized"]


def test_an_account_that_may_not_be_seen_is_said_and_the_rest_is_drawn(accounts):
    accounts["consumer"] = None
    found = ask()

    assert found.exit_code == 0
    assert "not visible: consumer: not authorized" in found.stderr
    assert "loans.t  downstream" in found.stdout


def test_mermaid_has_each_dataset_once_and_jobs_on_its_arrows(accounts):
    lines = ask("--mermaid").stdout.splitlines()

    assert lines[0] == "flowchart LR"
    assert len([line for line in lines if "-->|curate|" in line]) >= 2
    assert [line for line in lines if "-.->|link|" in line]
    assert len([line for line in lines if "loans/raw/t/0.csv" in line]) == 1


def test_what_is_not_known_is_an_error(accounts):
    for arguments in (["--table", "other"], ["--version", "7"]):
        assert isinstance(ask(*arguments).exception, output.CommandFailed)
