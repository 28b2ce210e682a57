"""A version is kept: who may ask, what is closed when, as strict as the present table, until the last who wants it."""

import itertools
from contextlib import suppress
from datetime import timedelta

import pytest
from mesh.domain.access.request import UntilInThePast
from mesh.domain.contracts.product import UnknownProduct
from mesh.domain.events import MalformedEvent
from mesh.domain.membership.authorisation import ForgedSender, NotAMember, NotTheOwner
from mesh.domain.publishing.fields import Field
from mesh.domain.publishing.iceberg_table import iceberg_input, pointer_of
from mesh.domain.publishing.keeping import NeedsExpress, UnknownVersion
from mesh.domain.publishing.pins import PIN, NoLiveAccess, NotPinned, PinIsNewer, Pins, PinTooLong, TooManyPins
from mesh.domain.publishing.table_state import Marks
from mesh.usecases.access_decision import current_decision
from mesh.usecases.publishing.pin_updates import change_pins
from mesh.usecases.publishing.tag_pins import follow_pins

from tests.builders import CENTRAL, CONSUMER, PRODUCER, PRODUCT, STRANGER, TABLE
from tests.fakes import NOON
from tests.unit.access.central_accesses import OTHER
from tests.unit.publishing.pinning_world import CLOSED, EMPTY, LINK, PINNED, ROLE, Pinning, metadata_of


@pytest.fixture
def world():
    return Pinning()


def later(**by):
    return (NOON + timedelta(**by)).isoformat()


def a_table(**parameters):
    """One of the name that the pinned table gets."""
    found = iceberg_input(PINNED, EMPTY, [Field(id=1, name="a", type="string")], marks=Marks())
    return {**found, "Parameters": {**found["Parameters"], **parameters}}


# --- the way ----------------------------------------------------------------------------------------------------------


def test_the_reader_is_notified_of_tables_with_the_versions_rows(world):
    pin = world.ready()

    [ready] = world.central.notified(CONSUMER, "PinReady")
    assert (ready["version"], ready["pin"], ready["rows"], ready["not_reached"]) == (1, pin.id, 1, [])
    assert [query["sql"] for query in ready["queries"]] == [f'SELECT * FROM "{LINK}"."{PINNED}" LIMIT 10']
    table = world.table()
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == ["laufkont", "email", "gone"]
    assert pointer_of(table) == metadata_of(1)


def test_nothing_lies_behind_the_table_before_it_is_closed_and_it_opens_when_its_tags_are_right(world):
    seen = []
    tag_columns, update_table = world.lake.tag_columns, world.catalog.update_table

    def tagged(*arguments, **more):
        seen.append((pointer_of(world.table()), world.tags("laufkont"), world.published("laufkont", "gone")))
        tag_columns(*arguments, **more)

    def updated(*arguments, **more):
        seen.append((pointer_of(world.table()), world.tags("laufkont"), world.published("laufkont", "gone")))
        update_table(*arguments, **more)

    world.lake.tag_columns, world.catalog.update_table = tagged, updated
    world.ready()

    assert seen[0] == (EMPTY, {"product": PRODUCT, **CLOSED}, []), "closed first"
    pointer, tags, published = seen[-1]
    assert (pointer, tags["pii"], published) == (EMPTY, "personal", ["laufkont", "gone"]), "then tagged, then filled"


def test_a_repeated_pin_is_the_same_table_until_the_later_end(world):
    pin = world.ready()
    world.ask()  # delivered again
    assert len(world.central.topics.published) == len({detail for _, _, detail in world.central.topics.published})

    world.ask(event="pin-2", until=later(days=60))
    world.run()

    assert world.catalog.writes.count(f"create_table {PINNED}") == 1
    [notice] = [one for one in world.central.notified(CONSUMER, "PinReady") if one["until"].startswith("2027")]
    assert notice["pin"] == pin.id
    [holder] = world.pins()[0].holders
    assert world.central.schedules.planned[f"{pin.id}-{CONSUMER}"][0] == holder.until == NOON + timedelta(days=60)


def test_an_access_by_name_is_reported_as_not_including_the_pin(world):
    number = world.central.requested(event="e-2", columns=("hoehe",))
    found = current_decision(
        world.central.access(number), world.central.context, world.central.catalog, world.central.policies
    )
    world.central.change(number, "live", decided=found)

    world.ready()

    assert world.central.notified(CONSUMER, "PinReady")[0]["not_reached"] == [number]


# --- who, which, how long ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"version": 9}, UnknownVersion),
        ({"version": 0}, MalformedEvent),
        ({"reason": ""}, MalformedEvent),
        ({"product": "nobodys"}, UnknownProduct),
        ({"until": later(seconds=0)}, UntilInThePast),
        ({"until": later(days=91)}, PinTooLong),
        ({"account": CENTRAL}, ForgedSender),
        ({"by": OTHER}, NoLiveAccess),
        ({"by": STRANGER}, NotAMember),
    ],
)
def test_an_illegal_request_is_rejected_recorded_and_reported(world, changes, error):
    by, before = changes.pop("by", CONSUMER), dict(world.central.schedules.planned)

    with pytest.raises(error):
        world.ask(by=by, **changes)

    assert world.central.registry.refused[-1][1] == "PinRequested"
    assert (world.pins(), world.bus.events, world.central.schedules.planned) == ((), [], before)
    if by == CONSUMER and changes.get("version") != 0:
        [notice] = world.central.notified(CONSUMER, "PinRefused")
        assert (notice["request"], notice["reason"]["code"]) == ("pin-1", error.__name__)


def test_a_version_of_hive_tables_is_not_kept_and_the_requester_is_notified(world):
    world.as_hive(1)
    with pytest.raises(NeedsExpress):
        world.ask()
    [notices] = world.central.notified(CONSUMER, "PinRefused")
    assert notices["reason"]["code"] == "NeedsExpress"
    assert "crawl: express" in notices["reason"]["remedy"]
    assert notices["reason"]["where"] == {"product": PRODUCT, "version": 1}
    assert world.central.registry.refused[-1][1] == "PinRequested"
    assert (world.pins(), world.bus.events) == ((), [])


def test_an_ended_access_does_not_count(world):
    world.central.change(world.access, "ended")
    with pytest.raises(NoLiveAccess):
        world.ask(2)


@pytest.mark.parametrize("by", [CENTRAL, PRODUCER])
def test_central_and_the_owner_need_no_access(world, by):
    assert world.ready(by=by).holders[0].account == by


def test_as_many_versions_as_are_kept(world):
    world.limits = world.limits.__class__(world.limits.longest, 1)
    world.ready()
    with pytest.raises(TooManyPins) as caught:
        world.ask(2, event="pin-2")
    assert caught.value.where["versions"] == [1]
    world.ask(1, by=CENTRAL, event="pin-3")
    assert len(world.pins()) == 1


# --- tags -------------------------------------------------------------------------------------------------------------


def test_the_stricter_of_contract_findings_and_the_present_table_holds(world):
    world.lake.tag_columns(PRODUCT, TABLE, ["laufkont"], {"confidentiality": "restricted"})
    world.ready()

    assert world.tags("laufkont") == {"product": PRODUCT, "confidentiality": "restricted", "pii": "personal"}
    assert world.tags("email") == {"product": PRODUCT, "confidentiality": "confidential", "pii": "personal"}
    assert world.tags("gone") == {"product": PRODUCT, **CLOSED}, "nobody knows what it would be tagged now"
    assert world.published("laufkont", "email", "gone", "to-come") == ["laufkont", "email", "gone"]
    assert world.lake.on[PRODUCT, PINNED].get("publication") != "published"
    assert world.lake.on[PRODUCT, PINNED]["confidentiality"] == "internal"


def test_what_becomes_stricter_later_does_so_here_as_well_and_nothing_becomes_laxer(world):
    world.ready()
    world.lake.tag_columns(PRODUCT, TABLE, ["email"], {"pii": "sensitive"})
    world.lake.tag_database(PRODUCT, {"confidentiality": "public"})

    assert follow_pins(PRODUCT, world.tagging) == 1

    assert world.tags("email")["pii"] == "sensitive"
    assert world.tags("laufkont") == {"product": PRODUCT, "confidentiality": "confidential", "pii": "personal"}
    assert world.lake.on[PRODUCT, PINNED]["confidentiality"] == "internal", "the contract says so"


def test_what_becomes_stricter_while_the_tables_are_made_is_so_when_they_show_rows(world, monkeypatch):
    tag = world.lake.tag_columns

    def overtaken(*given):
        """The commit of a batch with card numbers, after the tags were planned and before they are set."""
        monkeypatch.setattr(world.lake, "tag_columns", tag)
        tag(PRODUCT, TABLE, ["email"], {"pii": "sensitive", "confidentiality": "restricted"})
        follow_pins(PRODUCT, world.tagging)
        tag(*given)

    monkeypatch.setattr(world.lake, "tag_columns", overtaken)
    world.ready()

    assert world.tags("email") == {"product": PRODUCT, **CLOSED}


def test_what_becomes_stricter_before_the_pin_is_ready_is_so_as_well(world, monkeypatch):
    update = world.catalog.update_table

    def overtaken(*given, **more):
        """The tags are set, and the table is about to show the version."""
        world.lake.tag_columns(PRODUCT, TABLE, ["email"], {"pii": "sensitive", "confidentiality": "restricted"})
        assert follow_pins(PRODUCT, world.tagging) == 1
        update(*given, **more)

    monkeypatch.setattr(world.catalog, "update_table", overtaken)
    world.ready()

    assert world.tags("email") == {"product": PRODUCT, **CLOSED}


def test_a_pin_that_ends_at_this_moment_does_not_keep_others_from_being_tagged(world):
    world.ready()
    world.catalog.drop_table(PRODUCT, PINNED)

    assert follow_pins(PRODUCT, world.tagging) == 0


def test_a_table_that_is_gone_leaves_its_pinned_version_closed(world):
    world.ask()
    world.catalog.drop_table(PRODUCT, TABLE)
    world.run()

    assert world.tags("laufkont") == {"product": PRODUCT, **CLOSED}


def test_pinned_tables_are_not_what_an_access_is_decided_on(world):
    central = world.central
    lake = central.catalog.at
    database = lake.databases[PRODUCT]
    twin = {"credit_card__v1": database.tables["credit_card"].__class__(PRODUCT, "credit_card__v1", ("hoehe",))}
    tables = {**database.tables, **twin}
    changed = database.__class__(PRODUCT, database.tags, tables)
    central.catalog.at = lake.__class__(lake.account, {**lake.databases, PRODUCT: changed}, lake.grants)

    whole = current_decision(central.access(world.access), central.context, central.catalog, central.policies)
    by_column = central.requested(event="e-2", columns=("hoehe",))
    named = central.requested(event="e-3", table="credit_card__v1")

    assert not [column for column in whole.columns if "__v1" in column]
    assert central.decide(by_column).effect == "allow", "its name is not ambiguous"
    assert central.decide(named).effect == "allow"
    assert central.access(named).decided.columns == (f"{PRODUCT}.credit_card__v1.hoehe",)


# --- ends -------------------------------------------------------------------------------------------------------------


def test_the_table_is_dropped_with_its_last_holder(world):
    pin = world.ready(until=later(days=1))
    world.ask(by=PRODUCER, event="pin-2", until=later(days=2))

    world.central.clock.move(timedelta(days=1))
    world.due()
    [notice] = world.central.notified(CONSUMER, "PinEnded")
    assert (notice["cause"], world.table() is not None, [each.account for each in world.pins()[0].holders]) == (
        "expired", True, [PRODUCER],
    )  # fmt: skip
    world.due()  # delivered again
    assert world.central.notified(PRODUCER, "PinEnded") == []

    world.central.clock.move(timedelta(days=1))
    world.due()
    assert (world.table(), world.pins()) == (None, ())
    assert [grant["Permissions"] for grant in world.lake.grants if grant["Principal"] == _who(ROLE)] == [["DROP"]]
    assert [one["cause"] for one in world.central.notified(PRODUCER, "PinEnded")][:1] == ["expired"]
    assert f"{pin.id}-{PRODUCER}" not in world.central.schedules.planned
    assert world.due(pin.id).pins[0].status == "ended"


def _who(arn):
    return {"DataLakePrincipalIdentifier": arn}


def test_unpinned_by_who_pinned_it_alone(world):
    world.ready()
    with pytest.raises(NotPinned):
        world.unpin(by=PRODUCER)
    assert world.central.notified(PRODUCER, "PinRefused")[0]["reason"]["code"] == "NotPinned"
    with pytest.raises(NotPinned):
        world.unpin(2)

    world.unpin()
    world.unpin()  # delivered again
    assert len(world.central.notified(CONSUMER, "PinRefused")) == 1, "of version 2"

    assert {one["cause"] for one in world.central.notified(CONSUMER, "PinEnded")} == {"unpinned"}
    assert (world.table(), world.pins()) == (None, ())


def test_a_missing_version_is_reported_to_the_requester_and_nothing_is_left(world):
    world.proposals.tables.clear()
    state = world.ask()
    world.run()

    assert world.table() is None
    [notice] = world.central.notified(CONSUMER, "PinRefused")
    assert (notice["request"], notice["reason"]["code"]) == ("pin-1", "VersionGone")
    assert (world.pins(), world.central.notified(CONSUMER, "PinEnded")) == ((), [])
    assert world.central.schedules.planned.keys().isdisjoint({f"{state.pin}-{CONSUMER}"})


def test_a_request_that_is_delivered_again_after_its_end_begins_nothing(world):
    world.ready()
    world.unpin()
    assert world.ask().status == "ended"
    world.run()
    assert (world.pins(), world.table()) == ((), None)


def test_an_earlier_request_that_is_delivered_again_does_not_replace_a_later_one(world):
    pin = world.ready()
    world.ask(event="pin-2", until=later(days=60))
    world.ask()
    assert world.pins()[0].holders[0].until == NOON + timedelta(days=60)
    assert world.central.schedules.planned[f"{pin.id}-{CONSUMER}"][0] == NOON + timedelta(days=60)


@pytest.mark.parametrize("order", [*itertools.permutations(["pin-1", "un-1", "pin-2", "un-1"])])
def test_what_was_sent_last_counts_in_whichever_order_requests_come(world, order):
    for event in order:
        sent = NOON - timedelta(minutes=["pin-2", "un-1", "pin-1"].index(event))
        if event == "un-1":
            with suppress(NotPinned, PinIsNewer):
                world.unpin(event=event, at=sent)
        else:
            world.ask(event=event, at=sent, until=later(days=60 if event == "pin-2" else 30))
        world.run()

    [pin] = world.pins()
    assert [(holder.request, holder.until) for holder in pin.holders] == [("pin-2", NOON + timedelta(days=60))]
    assert world.central.schedules.planned[f"{pin.id}-{CONSUMER}"][0] == NOON + timedelta(days=60)
    assert world.table() is not None


def test_an_expelled_account_holds_no_pins_and_others_do(world):
    world.ready()
    world.ask(event="pin-2", by=PRODUCER)
    member = world.central.registry.member(CONSUMER)
    ended = {"member": CONSUMER, "reason": "the contract ended"}
    assert world.send("MembershipEnded", ended, by=CENTRAL).pins == (), "it was admitted again since"

    world.central.registry.put_member(member.evolve(status="expelled"))
    with pytest.raises(ForgedSender):
        world.send("MembershipEnded", ended, by=PRODUCER)
    for _ in range(2):
        world.send("MembershipEnded", ended, by=CENTRAL)
    assert [holder.account for holder in world.pins()[0].holders] == [PRODUCER]
    world.central.registry.put_member(world.central.registry.member(PRODUCER).evolve(status="expelled"))
    world.send("MembershipEnded", {**ended, "member": PRODUCER}, by=CENTRAL)
    assert (world.pins(), world.table()) == ((), None)


@pytest.mark.parametrize("late", [False, True])
def test_a_request_that_comes_too_late_to_end_a_pin_is_told_so_and_one_that_comes_again_is_not(world, late):
    world.ask(event="pin-1", at=NOON - timedelta(minutes=2))
    world.run()
    if not late:
        world.unpin(event="un-1", at=NOON - timedelta(minutes=1))
    world.ask(event="pin-2")
    world.run()
    with suppress(PinIsNewer):
        world.unpin(event="un-1", at=NOON - timedelta(minutes=1))

    told = [notice["reason"]["code"] for notice in world.central.notified(CONSUMER, "PinRefused")]
    assert told == (["PinIsNewer"] if late else [])
    assert len(world.pins()) == 1


@pytest.mark.parametrize("order", [*itertools.permutations(["pin-1", "un-1"])])
def test_a_version_that_is_not_kept_any_more_is_not_pinned_by_a_request_that_is_late(world, order):
    for event in order:
        if event == "un-1":
            with suppress(NotPinned):
                world.unpin(event=event)
        else:
            world.ask(event=event, at=NOON - timedelta(minutes=1))
        world.run()

    assert (world.pins(), world.table()) == ((), None)


def test_an_account_has_its_last_requests_remembered_and_no_more():
    pins = Pins(product=PRODUCT).unpinned_by(PRODUCER, 1, NOON)
    for version in range(30):
        pins = pins.unpinned_by(CONSUMER, version, NOON).unpinned_by(CONSUMER, version, NOON)

    assert len([each for each in pins.unpinned if each.account == CONSUMER]) == 20
    assert pins.is_outdated(CONSUMER, 29, NOON - timedelta(seconds=1))
    assert pins.is_outdated(PRODUCER, 1, NOON - timedelta(seconds=1))
    assert not pins.is_outdated(PRODUCER, 1, NOON)


def test_a_later_pins_table_of_the_same_name_stays(world):
    world.ready()
    world.catalog.update_table(PRODUCT, a_table(**{PIN: "another"}))
    world.unpin()
    assert world.table() is not None


def test_a_product_that_is_retired_keeps_no_versions(world):
    world.ready()
    request = {"product": PRODUCT, "reason": "replaced"}
    with pytest.raises(NotTheOwner):
        world.send("RetirementRequested", request, by=OTHER)

    drop_table = world.catalog.drop_table
    world.catalog.drop_table = None  # the function dies on the way
    with pytest.raises(TypeError):
        world.send("RetirementRequested", request)
    world.catalog.drop_table = drop_table
    world.send("RetirementRequested", request)
    world.send("RetirementRequested", request)
    assert [notice["cause"] for notice in world.central.notified(CONSUMER, "PinEnded")] == ["retired"]
    assert (world.pins(), world.table()) == ((), None)


def test_a_product_that_central_retires_keeps_no_versions(world):
    world.ready()
    world.send("RetirementRequested", {"product": PRODUCT, "reason": "its owner was expelled"}, by=CENTRAL)
    assert (world.pins(), world.table()) == ((), None)


def test_a_pin_that_is_asked_for_while_its_product_retires_shows_nothing_of_it(world, monkeypatch):
    world.send("RetirementRequested", {"product": PRODUCT, "reason": "replaced"})  # retire_product is still at work
    world.ask()
    open_tables = world.lake.tag_table

    def retired(*given):
        registry = world.central.registry
        registry.products[PRODUCT] = registry.product(PRODUCT).evolve(status="retired")
        open_tables(*given)

    monkeypatch.setattr(world.lake, "tag_table", retired)
    world.run()

    assert (world.pins(), world.table()) == ((), None)
    assert [notice["cause"] for notice in world.central.notified(CONSUMER, "PinEnded")] == ["retired"]
    assert world.central.notified(CONSUMER, "PinReady") == []


def test_a_retirement_that_comes_again_leaves_the_pins_of_what_was_revived(world):
    registry = world.central.registry
    registry.products[PRODUCT] = registry.product(PRODUCT).evolve(contract_sequencer="11", retirements={"r-1": "10"})
    world.ready()

    world.send("RetirementRequested", {"product": PRODUCT, "reason": "replaced"}, event="r-1")

    assert [pin.status for pin in world.pins()] == ["ready"]
    assert world.central.notified(CONSUMER, "PinEnded") == []


def test_an_unrelated_table_of_that_name_is_left_alone(world):
    mine = a_table()
    world.catalog.create_table(PRODUCT, mine)
    world.ask()
    world.run()

    [notice] = world.central.notified(CONSUMER, "PinRefused")
    assert notice["reason"]["code"] == "PinnedTableTaken"
    assert pointer_of(world.table()) == EMPTY
    assert world.pins() == ()


def test_a_table_that_an_earlier_pin_left_is_taken_over(world):
    world.catalog.create_table(PRODUCT, a_table(**{PIN: "earlier"}))
    pin = world.ready()
    assert world.table()["Parameters"][PIN] == pin.id
    assert pointer_of(world.table()) == metadata_of(1)


# --- written by several at once ---------------------------------------------------------------------------------------


def test_who_writes_meanwhile_is_not_lost(world):
    world.ready()
    registry = world.central.registry
    raced = []

    def change(found):
        if not raced:
            raced.append(registry.save_pins(found))
        return found.model_copy(update={"pins": ()})

    assert change_pins(PRODUCT, change, registry).pins == ()
    assert registry.pins(PRODUCT).revision == raced[0].revision + 1


def test_a_lost_pin_request_is_completed_when_repeated(world):
    world.ask()
    world.bus.events.clear()
    world.ask(event="pin-2")
    world.run()
    assert world.pins()[0].status == "ready"
