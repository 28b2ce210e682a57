"""Central's part of a rollback: who may, to which version, once at a time; and a crawl that is held back."""

import pytest
from mesh.domain.events import MalformedEvent, ManifestPointer, Metadata, Reason
from mesh.domain.membership import ForgedSender, NotAllowedForRole, NotAMember, NotTheOwner
from mesh.domain.product import ProductVersion
from mesh.usecases.held_versions import tell_held
from mesh.usecases.roll_back import (
    AlreadyThere,
    RollbackInProgress,
    UnknownVersion,
    VersionNotPinned,
    refuse_rollback,
    request_rollback,
)

from tests.builders import CENTRAL, CONSUMER, PRODUCER, PRODUCT, STRANGER
from tests.fakes import NOON, FakeExecutions
from tests.unit.central_accesses import OTHER, Central, an_envelope, loans
from tests.unit.domain.access.asks import credit_card

POINTER = ManifestPointer(key=f"{PRODUCT}/versions/00000001.json.gz", version_id="v", sha256="0" * 64, objects=1)
WISH = {"product": PRODUCT, "version": 1, "reason": "labels were flipped"}


@pytest.fixture
def central():
    found = Central(credit_card(), loans())
    for number, manifest in ((1, POINTER), (2, None), (3, POINTER)):
        found.registry.record_version(
            ProductVersion(
                product=PRODUCT,
                version=number,
                run=f"r{number}",
                correlation_id="c",
                contract_version="1.0.0",
                tables=(),
                changes=(),
                published=NOON,
                manifest=manifest,
            )
        )
    return found


def ask(central, by=PRODUCER, event="rb-1", **changes):
    envelope = an_envelope({**WISH, **changes}, "RollbackRequested", by=by, event=event)
    return request_rollback(envelope, books=central.books, topics=central.topics, commits=FakeExecutions())


@pytest.mark.parametrize("by", [PRODUCER, CENTRAL])
def test_the_owners_account_is_asked_to_restore_it_and_it_is_kept_who_wanted_it(central, by):
    ask(central, by)

    [request] = central.told(PRODUCER, "RestoreRequested")
    assert request["manifest"] == POINTER.model_dump(mode="json")
    assert request["rollback"] == {
        "version": 1, "request": "rb-1", "requested_by": by, "reason": "labels were flipped",
    }  # fmt: skip
    assert central.registry.rollback(PRODUCT, "rb-1").requested_by == by
    assert central.trace.notes[-1][2]["why"] == "labels were flipped"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"version": 9}, UnknownVersion),
        ({"version": 3}, AlreadyThere),
        ({"version": 2}, VersionNotPinned),
        ({"version": 0}, MalformedEvent),
        ({"reason": ""}, MalformedEvent),
        ({"product": "nobodys"}, NotTheOwner),
        ({"account": CONSUMER}, ForgedSender),
        ({"by": OTHER}, NotTheOwner),
        ({"by": CONSUMER}, NotAllowedForRole),
        ({"by": STRANGER}, NotAMember),
    ],
)
def test_what_may_not_be_is_refused_recorded_and_told(central, changes, error):
    by = changes.pop("by", PRODUCER)

    with pytest.raises(error):
        ask(central, by, **changes)

    assert central.registry.refusals[-1][1] == "RollbackRequested"
    assert central.told(PRODUCER, "RestoreRequested") == []
    assert central.registry.rolling == {}
    if by == PRODUCER and changes.get("version") != 0:
        [told] = central.told(PRODUCER, "RollbackRefused")
        assert (told["request"], told["reason"]["code"]) == ("rb-1", error.__name__)


def test_one_at_a_time_and_a_redelivery_is_the_same_one(central):
    ask(central)
    ask(central)

    with pytest.raises(RollbackInProgress):
        ask(central, event="rb-2")
    requests = [detail for _, kind, detail in central.topics.published if kind == "RestoreRequested"]
    assert len(requests) == 2
    assert len({detail.split('"causation_id"')[0] for detail in requests}) == 1, "the same event, twice"


def test_the_present_version_may_come_back_when_a_crawl_was_held_back_after_it(central):
    central.registry.hold_back(PRODUCT, "run-x", {}, NOON)

    assert ask(central, version=3).version == 3


def refuse(central, by=PRODUCER, request="rb-1", product=PRODUCT):
    reason = {"code": "VersionGone", "message": "gone", "where": {}, "remedy": "another"}
    data = {"product": product, "version": 1, "request": request, "reason": reason}
    envelope = an_envelope(data, "RollbackRefused", by=by, event="rb-9")
    return refuse_rollback(envelope, books=central.books, topics=central.topics)


def test_what_the_owner_cannot_restore_ends_the_rollback(central):
    ask(central)

    assert refuse(central).status == "refused"

    assert central.registry.rollback(PRODUCT, "rb-1").status == "refused"
    assert "rollback refused" in central.trace.said()
    ask(central, event="rb-2")


@pytest.mark.parametrize(("by", "request_id"), [(OTHER, "rb-1"), (PRODUCER, "rb-unknown")])
def test_nobody_else_ends_it(central, by, request_id):
    ask(central)

    with pytest.raises(NotTheOwner):
        refuse(central, by, request_id)
    assert central.registry.rollback(PRODUCT, "rb-1").status == "started"


def test_a_held_back_crawl_tells_its_owner_whom_it_would_have_touched(central):
    mine = central.held()
    central.held(event="e-9", product="loans")
    exposed = central.access(mine).decided.columns
    touched = exposed[0].removeprefix(f"{PRODUCT}.")
    refusal = {
        "code": "BreakingSchemaChange", "message": "gone", "remedy": "major",
        "where": {"columns": [touched, "credit_card.unheard"]},
    }  # fmt: skip

    product, cause = central.registry.product(PRODUCT), Metadata(id="e-1", correlation_id="c-1")
    held = tell_held(product, Reason(**refusal), cause, books=central.books, topics=central.topics)

    [reader] = held.where["readers"]
    assert (reader["account"], reader["access"], reader["columns"]) == (CONSUMER, mine, [touched])
    [told] = central.told(PRODUCER, "ProductQuarantined")
    assert told["reason"]["where"]["readers_count"] == 1
    assert central.registry.held_back(PRODUCT)
    assert central.told(CONSUMER, "ProductQuarantined") == []
