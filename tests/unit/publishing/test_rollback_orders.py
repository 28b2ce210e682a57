"""A rollback is requested: who may, to which version, once at a time; every refusal is recorded and told once."""

import json
from datetime import timedelta

import pytest
from mesh.domain.contracts.product import ProductIsRetired, ProductVersion, TableSnapshot, VersionEnd
from mesh.domain.errors import Rejected
from mesh.domain.events import MalformedEvent, Reason
from mesh.domain.membership.authorisation import ForgedSender, NotAllowedForRole, NotAMember, NotTheOwner
from mesh.domain.publishing.iceberg_table import iceberg_input
from mesh.domain.publishing.keeping import NeedsExpress, UnknownVersion, VersionEnded, VersionGone
from mesh.domain.publishing.table_state import Marks
from mesh.usecases.publishing.announce_outcome import Outcome, announce_outcome
from mesh.usecases.publishing.prepare_rollback import AlreadyThere, OrderRefused, RollbackTooLate, prepare_rollback
from mesh.usecases.publishing.verify_proposal import Verifier

from tests.builders import CENTRAL, CONSUMER, NOTE, PRODUCER, PRODUCT, SEQUENCER, STRANGER, TABLE
from tests.fakes import NOON, FakeCatalog, FakeContents, FakeProposals
from tests.unit.access.central_accesses import OTHER, Central, an_envelope, loans
from tests.unit.access.requests import credit_card

REQUEST = {"product": PRODUCT, "version": 1, "reason": "labels were flipped"}


class Requests(Central):
    """Version 2 is of Hive tables, version 4 was withdrawn, version 5 is the present one."""

    def __init__(self):
        super().__init__(credit_card(), loans())
        self.proposals, self.catalog = FakeProposals(self.trace), FakeCatalog()
        present = f"s3://b/{PRODUCT}/published/{TABLE}/iceberg/metadata/v5.metadata.json"
        self.catalog.create_table(PRODUCT, iceberg_input(TABLE, present, [], marks=Marks()))
        for number in range(1, 6):
            folder = f"s3://b/{PRODUCT}/published/{TABLE}/iceberg/metadata"
            metadata = "" if number == 2 else f"{folder}/v{number}.metadata.json"
            ended = VersionEnd(status="withdrawn", at=NOON, reason="not ours", by=PRODUCER) if number == 4 else None
            self.registry.record_version(
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
                contract=SEQUENCER,
            )

    def event(self, by=PRODUCER, event="rb-1", **changes):
        return an_envelope({**REQUEST, **changes}, "RollbackRequested", by=by, event=event)

    def prepare(self, envelope):
        using = Verifier(self.registry, self.proposals, self.catalog, FakeContents(), self.clock, self.trace)
        return prepare_rollback(envelope, context=self.context, using=using)

    def refuse(self, envelope, error):
        return announce_outcome(
            Outcome(rollback=envelope, verdict=Reason.model_validate(error.to_dict())),
            catalog_id=CENTRAL,
            context=self.context,
            proposals=self.proposals,
            topics=self.topics,
        )

    def deliver(self, envelope):
        """A run of `roll-back` whose first step rejects the event; what it raised, and the run's end."""
        with pytest.raises(Rejected) as rejected:
            self.prepare(envelope)
        return rejected.value, self.refuse(envelope, rejected.value)

    def told(self):
        """Refusals that the producer's inbox keeps: one for each event id."""
        kinds = ("RollbackRefused", "EventRefused")
        refusals = (detail for _, kind, detail in self.topics.published if kind in kinds)
        found = {event["metadata"]["id"]: event["data"] for event in map(json.loads, refusals)}
        return list(found.values())


@pytest.fixture
def central():
    return Requests()


ILLEGAL = [
    ({"version": 9}, UnknownVersion),
    ({"version": 5}, AlreadyThere),
    ({"version": 4}, VersionEnded),
    ({"version": 2}, NeedsExpress),
    ({"version": 0}, MalformedEvent),
    ({"version": "one"}, MalformedEvent),
    ({"reason": ""}, MalformedEvent),
    ({"product": "nobodys"}, NotTheOwner),
    ({"account": CONSUMER}, ForgedSender),
    ({"by": OTHER}, NotTheOwner),
    ({"by": CONSUMER}, NotAllowedForRole),
    ({"by": STRANGER}, NotAMember),
    ({"by": CENTRAL, "version": 9}, UnknownVersion),
]


@pytest.mark.parametrize(("changes", "error"), ILLEGAL)
def test_an_illegal_request_is_rejected_recorded_and_reported(central, changes, error):
    envelope = central.event(**changes)

    rejected, end = central.deliver(envelope)

    assert isinstance(rejected, error)
    assert (end.status, end.reason.code) == ("refused", error.__name__)
    [(account, kind, reason)] = central.registry.refused
    assert (account, kind, reason["code"]) == (envelope.account, "RollbackRequested", error.__name__)
    assert (central.registry.rolling, central.proposals.turns, central.proposals.commits) == ({}, {}, {})
    if envelope.account == PRODUCER:
        [notice] = central.told()
        assert (notice.get("request", "rb-1"), notice["reason"]["code"]) == ("rb-1", error.__name__)


@pytest.mark.parametrize(("changes", "error"), ILLEGAL)
def test_a_second_delivery_is_refused_for_the_first_ones_reason(central, changes, error):
    envelope = central.event(**changes)
    central.deliver(envelope)
    before = dict(central.registry.rollbacks)

    _, end = central.deliver(envelope)

    assert (end.status, end.reason.code) == ("refused", error.__name__)
    assert central.registry.rollbacks == before
    assert {reason["code"] for _, _, reason in central.registry.refused} == {error.__name__}
    assert len(central.told()) == (envelope.account in {PRODUCER, OTHER, CONSUMER})


def test_a_retired_product_stays_where_it_was(central):
    products = central.registry.products
    products[PRODUCT] = products[PRODUCT].evolve(status="retired")

    rejected, end = central.deliver(central.event())

    assert (type(rejected), end.reason.code) == (ProductIsRetired, "ProductIsRetired")
    assert (central.registry.rolling, central.proposals.commits) == ({}, {})


def test_of_hive_tables_it_is_said_what_keeps_versions(central):
    central.deliver(central.event(version=2))
    [notice] = central.told()
    assert notice["reason"]["where"] == {"product": PRODUCT, "version": 2}
    assert notice["reason"]["remedy"].startswith("Set crawl: express in the contract of a new product")


def test_who_may_not_give_an_order_does_not_end_one_of_the_same_id(central):
    begun(central)
    for by in (OTHER, CONSUMER, STRANGER):
        central.deliver(central.event(by=by))
    assert central.registry.rollback(PRODUCT, "rb-1").status == "started"
    assert central.registry.rolling[PRODUCT][0] == "rb-1"


def begun(central, event="rb-1"):
    """Its files are not there to be read: a run that has got no further than that."""
    with pytest.raises(Rejected):
        central.prepare(central.event(event=event))


@pytest.mark.parametrize("by", [PRODUCER, CENTRAL])
def test_it_is_recorded_who_wants_which_version_and_why(central, by):
    with pytest.raises(Rejected):
        central.prepare(central.event(by))

    order = central.registry.rollback(PRODUCT, "rb-1")
    assert (order.version, order.requested_by, order.reason) == (1, by, "labels were flipped")
    [(_, _, facts)] = [note for note in central.trace.notes if note[1] == "rollback requested"]
    assert facts["why"] == "labels were flipped"


def test_one_at_a_time_and_what_was_refused_then_stays_refused(central):
    begun(central)
    other = central.event(event="rb-2")

    rejected, end = central.deliver(other)

    assert isinstance(rejected, OrderRefused)
    assert end.reason.code == "RollbackInProgress"
    assert central.registry.rollback(PRODUCT, "rb-1").status == "started"
    central.registry.publish_rollback(PRODUCT, "rb-1")
    _, again = central.deliver(other)
    assert again == end, "its notice says that it was refused"
    assert [notice["reason"]["code"] for notice in central.told()] == ["RollbackInProgress"]


def test_an_order_that_another_run_refused_is_not_committed_and_its_reason_told(central):
    envelope = central.event()
    begun(central)
    central.refuse(envelope, VersionEnded("withdrawn meanwhile"))

    _, end = central.deliver(envelope)

    assert end.reason.message == "withdrawn meanwhile"
    assert [notice["reason"]["message"] for notice in central.told()] == ["withdrawn meanwhile"]


def test_an_order_that_comes_long_after_another_version_was_published_is_refused(central):
    """Whoever gave it did not know of that version."""
    last = central.registry.recorded[PRODUCT][-1]
    central.registry.recorded[PRODUCT][-1] = last.evolve(published=NOON + timedelta(hours=20))
    central.clock.move(timedelta(hours=23))
    order = central.event(version=3)
    order.detail["metadata"]["time"] = NOON.isoformat()
    refused, _ = central.deliver(order)
    assert (type(refused), refused.where["version"]) == (RollbackTooLate, 5)
    assert refused.remedy == f"To go back all the same: mesh rollback {PRODUCT} 3"
    assert [each["reason"]["code"] for each in central.told()] == ["RollbackTooLate"]


@pytest.mark.parametrize(("published", "delivered"), [(-1, 23), (0.1, 0.5)])
def test_an_order_is_in_time_that_waited_for_a_commit_or_knew_the_present_version(central, published, delivered):
    last = central.registry.recorded[PRODUCT][-1]
    central.registry.recorded[PRODUCT][-1] = last.evolve(published=NOON + timedelta(hours=published))
    central.clock.move(timedelta(hours=delivered))
    order = central.event(version=3)
    order.detail["metadata"]["time"] = NOON.isoformat()
    refused, _ = central.deliver(order)
    assert isinstance(refused, VersionGone), "these fakes have no files"
