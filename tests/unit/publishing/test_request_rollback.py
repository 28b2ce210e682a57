"""A rollback is asked for: who may, to which version, once at a time; and a crawl that is held back."""

import json

import pytest
from mesh.domain.contracts.product import ProductVersion, TableSnapshot, VersionEnd
from mesh.domain.events import MalformedEvent, Metadata, Reason
from mesh.domain.membership.authorisation import ForgedSender, NotAllowedForRole, NotAMember, NotTheOwner
from mesh.domain.publishing.keeping import NeedsExpress, VersionEnded
from mesh.usecases.publishing.block_version import notify_held
from mesh.usecases.publishing.request_rollback import AlreadyThere, RollbackInProgress, UnknownVersion, request_rollback

from tests.builders import CENTRAL, CONSUMER, NOTE, PRODUCER, PRODUCT, STRANGER, TABLE
from tests.fakes import NOON, FakeExecutions
from tests.unit.access.central_accesses import OTHER, Central, an_envelope, loans
from tests.unit.access.requests import credit_card

REQUEST = {"product": PRODUCT, "version": 1, "reason": "labels were flipped"}


@pytest.fixture
def central():
    """Version 2 is of Hive tables, version 4 was withdrawn, version 5 is the present one."""
    found = Central(credit_card(), loans())
    for number in range(1, 6):
        metadata = "" if number == 2 else f"s3://b/{PRODUCT}/published/{TABLE}/iceberg/metadata/v{number}.metadata.json"
        ended = VersionEnd(status="withdrawn", at=NOON, reason="not ours", by=PRODUCER) if number == 4 else None
        found.registry.record_version(
            ProductVersion(
                product=PRODUCT,
                version=number,
                run=f"r{number}",
                correlation_id="c",
                contract_version="1.0.0",
                tables=(TableSnapshot(table=TABLE, columns=(), metadata=metadata),),
                changes=(),
                published=NOON,
                ended=ended,
            ),
            NOTE,
        )
    found.commits = FakeExecutions()
    return found


def ask(central, by=PRODUCER, event="rb-1", **changes):
    envelope = an_envelope({**REQUEST, **changes}, "RollbackRequested", by=by, event=event)
    return request_rollback(envelope, context=central.context, topics=central.topics, commits=central.commits)


@pytest.mark.parametrize("by", [PRODUCER, CENTRAL])
def test_it_is_begun_and_it_is_kept_who_wanted_it(central, by):
    assert ask(central, by).status == "requested"

    assert [json.loads(run) for run in central.commits.started.values()] == [{"product": PRODUCT, "request": "rb-1"}]
    order = central.registry.rollback(PRODUCT, "rb-1")
    assert (order.version, order.requested_by, order.reason) == (1, by, "labels were flipped")
    assert central.trace.notes[-1][2]["why"] == "labels were flipped"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"version": 9}, UnknownVersion),
        ({"version": 5}, AlreadyThere),
        ({"version": 4}, VersionEnded),
        ({"version": 2}, NeedsExpress),
        ({"version": 0}, MalformedEvent),
        ({"reason": ""}, MalformedEvent),
        ({"product": "nobodys"}, NotTheOwner),
        ({"account": CONSUMER}, ForgedSender),
        ({"by": OTHER}, NotTheOwner),
        ({"by": CONSUMER}, NotAllowedForRole),
        ({"by": STRANGER}, NotAMember),
    ],
)
def test_an_illegal_request_is_rejected_recorded_and_reported(central, changes, error):
    by = changes.pop("by", PRODUCER)

    with pytest.raises(error):
        ask(central, by, **changes)

    assert central.registry.refused[-1][1] == "RollbackRequested"
    assert (central.commits.started, central.registry.rolling) == ({}, {})
    if by == PRODUCER and changes.get("version") != 0:
        [notice] = central.notified(PRODUCER, "RollbackRefused")
        assert (notice["request"], notice["reason"]["code"]) == ("rb-1", error.__name__)


def test_of_hive_tables_it_is_said_what_keeps_versions(central):
    with pytest.raises(NeedsExpress):
        ask(central, version=2)
    [notice] = central.notified(PRODUCER, "RollbackRefused")
    assert notice["reason"]["where"] == {"product": PRODUCT, "version": 2}
    assert notice["reason"]["remedy"].startswith("Set crawl: express in the contract of a new product")


def test_one_at_a_time_and_a_redelivery_is_the_same_one(central):
    ask(central)
    ask(central)

    with pytest.raises(RollbackInProgress):
        ask(central, event="rb-2")
    assert len(central.commits.started) == 1


def test_a_held_back_crawl_reports_the_affected_readers_to_its_owner(central):
    mine = central.held()
    central.held(event="e-9", product="loans")
    exposed = central.access(mine).decided.columns
    touched = exposed[0].removeprefix(f"{PRODUCT}.")
    refusal = {
        "code": "BreakingSchemaChange", "message": "gone", "remedy": "major",
        "where": {"columns": [touched, "credit_card.unheard"]},
    }  # fmt: skip

    product, cause = central.registry.product(PRODUCT), Metadata(id="e-1", correlation_id="c-1")
    held = notify_held(product, Reason(**refusal), cause, context=central.context, topics=central.topics)

    [reader] = held.where["readers"]
    assert (reader["account"], reader["access"], reader["columns"]) == (CONSUMER, mine, [touched])
    [notice] = central.notified(PRODUCER, "ProductQuarantined")
    assert notice["reason"]["where"]["readers_count"] == 1
    assert central.notified(CONSUMER, "ProductQuarantined") == []
