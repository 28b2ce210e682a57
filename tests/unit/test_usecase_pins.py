"""A version is kept: who may ask, what is closed when, as strict as the present table, until the last who wants it."""

from datetime import timedelta

import pytest
from mesh.domain.access.asking import UntilInThePast
from mesh.domain.events import MalformedEvent
from mesh.domain.manifest import VersionGone
from mesh.domain.membership import ForgedSender, NotAllowedForRole, NotAMember, NotTheOwner
from mesh.domain.pins import NoLiveAccess, NotPinned, PinnedTableTaken, PinTooLong, TooLargeToPin, TooManyPins
from mesh.domain.product import ConcurrentChange
from mesh.usecases import pin_version
from mesh.usecases.change_subscription import UnknownProduct
from mesh.usecases.pinning import change_pins
from mesh.usecases.request_access import decided_today
from mesh.usecases.roll_back import UnknownVersion, VersionNotPinned
from mesh.usecases.tag_pins import follow_pins

from tests.builders import CENTRAL, CONSUMER, PRODUCER, PRODUCT, STRANGER, TABLE
from tests.fakes import NOON
from tests.unit.central_accesses import OTHER
from tests.unit.pinning_world import CLOSED, KEY, LINK, MONTH, OLD, PINNED, ROLE, Pinning, definition


@pytest.fixture
def world():
    return Pinning()


def later(**by):
    return (NOON + timedelta(**by)).isoformat()


# --- the way ----------------------------------------------------------------------------------------------------------


def test_the_reader_is_told_what_to_read_and_the_rows_are_those_of_the_version(world):
    pin = world.ready()

    [ready] = world.central.told(CONSUMER, "PinReady")
    assert (ready["version"], ready["pin"], ready["rows"], ready["not_reached"]) == (1, pin.id, 1, [])
    assert [query["sql"] for query in ready["queries"]] == [f'SELECT * FROM "{LINK}"."{PINNED}" LIMIT 10']
    place = f"{PRODUCT}/pinned/1/{pin.id}/{TABLE}/"
    assert world.copied() == {f"{place}dt=1/a.csv": OLD}
    table = world.catalog.table(PRODUCT, PINNED)
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == ["laufkont", "email", "gone"]
    assert table["StorageDescriptor"]["Location"].endswith(place)
    [(values, partition)] = world.catalog.partition_inputs[PRODUCT, PINNED].items()
    assert (values, partition["StorageDescriptor"]["Location"][-len(place) - 5 :]) == (("1",), f"{place}dt=1/")


def test_nothing_lies_behind_the_tables_before_they_are_closed_and_they_open_when_all_is_there(world):
    world.ask()
    [prepare] = world.orders()
    report = world.step(prepare).report
    assert world.copied() == {}

    world.report(report)
    assert world.tags("laufkont") == world.tags("gone") == {"product": PRODUCT, **CLOSED}
    assert world.published("laufkont", "gone") == []
    assert world.copied() == {}
    [fill] = world.orders()
    filled = world.step(fill).report
    assert world.tags("laufkont")["pii"] == "sensitive", "copied, and closed"
    assert world.central.told(CONSUMER, "PinReady") == []

    world.report(filled)
    assert world.tags("laufkont")["pii"] == "personal"
    world.report(report)  # once more, and late
    assert world.tags("laufkont")["pii"] == "personal"
    assert world.orders() == []


def test_asked_for_again_it_is_the_same_copy_and_the_later_end_counts(world):
    pin = world.ready()
    world.ask()  # delivered again
    assert len(world.central.topics.published) == len({detail for _, _, detail in world.central.topics.published})

    world.ask(event="pin-2", until=later(days=60))
    world.run()

    assert world.copies.made == 1
    [told] = [one for one in world.central.told(CONSUMER, "PinReady") if one["until"].startswith("2027")]
    assert told["pin"] == pin.id
    [holder] = world.pins()[0].holders
    assert world.central.schedules.planned[f"{pin.id}-{CONSUMER}"][0] == holder.until == NOON + timedelta(days=60)


def test_an_access_by_name_is_told_that_it_does_not_reach_it(world):
    number = world.central.requested(event="e-2", columns=("hoehe",))
    found = decided_today(
        world.central.access(number), world.central.books, world.central.catalog, world.central.policies
    )
    world.central.change(number, "live", decided=found)

    world.ready()

    assert world.central.told(CONSUMER, "PinReady")[0]["not_reached"] == [number]


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
def test_what_may_not_be_is_refused_recorded_and_told(world, changes, error):
    by = changes.pop("by", CONSUMER)

    with pytest.raises(error):
        world.ask(by=by, **changes)

    assert world.central.registry.refusals[-1][1] == "PinRequested"
    assert (world.pins(), world.orders(), world.central.schedules.planned.get("pin-")) == ((), [], None)
    if by == CONSUMER and changes.get("version") != 0:
        [told] = world.central.told(CONSUMER, "PinRefused")
        assert (told["request"], told["reason"]["code"]) == ("pin-1", error.__name__)


def test_a_version_from_before_manifests_and_an_access_that_has_ended(world):
    version = world.central.registry.recorded[PRODUCT][0]
    world.central.registry.recorded[PRODUCT][0] = version.model_copy(update={"manifest": None})
    with pytest.raises(VersionNotPinned):
        world.ask()
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

    whole = decided_today(central.access(world.access), central.books, central.catalog, central.policies)
    by_column = central.requested(event="e-2", columns=("hoehe",))
    named = central.requested(event="e-3", table="credit_card__v1")

    assert not [column for column in whole.columns if "__v1" in column]
    assert central.decide(by_column).effect == "allow", "its name is not ambiguous"
    assert central.decide(named).effect == "allow"
    assert central.access(named).decided.columns == (f"{PRODUCT}.credit_card__v1.hoehe",)


# --- ends -------------------------------------------------------------------------------------------------------------


def test_the_copy_goes_with_the_last_who_wants_it(world):
    pin = world.ready(until=later(days=1))
    world.ask(by=PRODUCER, event="pin-2", until=later(days=2))

    world.central.clock.move(timedelta(days=1))
    world.due()
    [told] = world.central.told(CONSUMER, "PinEnded")
    assert (told["cause"], world.copied() != {}, [each.account for each in world.pins()[0].holders]) == (
        "expired", True, [PRODUCER],
    )  # fmt: skip
    world.due()  # delivered again
    assert world.central.told(PRODUCER, "PinEnded") == []

    world.central.clock.move(timedelta(days=1))
    world.due()
    assert world.catalog.table(PRODUCT, PINNED) is None
    assert [grant["Permissions"] for grant in world.lake.grants if grant["Principal"] == _who(ROLE)] == [["DROP"]]
    world.due()
    world.run()

    assert (world.copied(), world.pins()) == ({}, ())
    assert [one["cause"] for one in world.central.told(PRODUCER, "PinEnded")][:1] == ["expired"]
    assert f"{pin.id}-{PRODUCER}" not in world.central.schedules.planned
    assert world.due(pin.id).pins[0].status == "ended"


def _who(arn):
    return {"DataLakePrincipalIdentifier": arn}


def test_unpinned_by_who_pinned_it_alone(world):
    world.ready()
    with pytest.raises(NotPinned):
        world.unpin(by=PRODUCER)
    assert world.central.told(PRODUCER, "PinRefused")[0]["reason"]["code"] == "NotPinned"
    with pytest.raises(NotPinned):
        world.unpin(2)

    world.unpin()
    world.unpin()  # delivered again
    world.run()

    assert {one["cause"] for one in world.central.told(CONSUMER, "PinEnded")} == {"unpinned"}
    assert (world.copied(), world.pins()) == ({}, ())


def test_a_version_that_is_gone_is_told_to_who_asked_and_nothing_is_left(world):
    world.versions.gone.add((KEY, "1"))
    world.ask()
    [order] = world.orders()
    with pytest.raises(VersionGone) as gone:
        world.step(order)
    assert world.catalog.table(PRODUCT, PINNED) is None
    reason = gone.value.to_dict()
    data = {**{name: order.detail["data"][name] for name in ("product", "version", "pin", "step")}, "reason": reason}

    world.say("PinReported", data)
    world.run()

    [told] = world.central.told(CONSUMER, "PinRefused")
    assert (told["reason"]["code"], told["reason"]["where"]["missing"]) == ("VersionGone", [KEY])
    assert (world.pins(), world.central.told(CONSUMER, "PinEnded")) == ((), [])
    assert world.central.schedules.planned.keys().isdisjoint({f"{data['pin']}-{CONSUMER}"})


def test_a_refusal_that_comes_late_ends_nothing_that_can_be_read(world):
    world.ask()
    [order] = world.orders()
    world.report(world.step(order).report)
    world.run()
    reason = {"code": "VersionGone", "message": "gone", "where": {}, "remedy": ""}
    data = {name: order.detail["data"][name] for name in ("product", "version", "pin", "step")}

    assert world.say("PinReported", {**data, "reason": reason}).pins[0].status == "ready"
    assert world.central.told(CONSUMER, "PinRefused") == []


def test_what_is_done_after_the_end_goes_as_well(world):
    world.ask()
    [prepare] = world.orders()
    prepared = world.step(prepare).report
    world.report(prepared)
    [fill] = world.orders()
    world.unpin()
    world.run()
    assert world.pins() == ()
    world.catalog.create_table(
        LINK, {**definition("laufkont"), "Name": PINNED, "Parameters": {"meshwork:pin": "other"}}
    )

    filled = world.step(fill).report
    assert world.copied() != {}
    world.report(filled)
    world.run()

    assert world.copied() == {}
    assert world.catalog.table(PRODUCT, PINNED) is not None, "a later pin's table of the same name stays"


def test_a_product_that_is_retired_keeps_no_versions(world):
    world.ready()
    wish = {"product": PRODUCT, "reason": "replaced"}
    with pytest.raises(NotTheOwner):
        world.say("RetirementRequested", wish, by=OTHER)

    world.say("RetirementRequested", wish)
    world.run()

    assert world.central.told(CONSUMER, "PinEnded")[0]["cause"] == "retired"
    assert (world.copied(), world.pins(), world.catalog.table(PRODUCT, PINNED)) == ({}, (), None)


@pytest.mark.parametrize(("by", "error"), [(OTHER, NotTheOwner), (CONSUMER, NotAllowedForRole)])
def test_only_the_owners_account_reports(world, by, error):
    world.ask()
    [order] = world.orders()
    with pytest.raises(error):
        world.report(world.step(order).report, by=by)
    assert world.pins()[0].status == "preparing"


# --- the owner's steps ------------------------------------------------------------------------------------------------


def test_a_step_that_takes_long_is_called_again_and_copies_nothing_twice(world, monkeypatch):
    world.ask()
    world.report(world.step(world.orders()[0]).report)
    [fill] = world.orders()
    monkeypatch.setattr(pin_version, "_ROUND", timedelta(0))
    assert world.step(fill).remaining == 1
    monkeypatch.undo()

    assert world.step(fill).remaining == 0
    assert world.step(fill).report == world.step(fill).report
    assert world.copies.made == 1


def test_a_table_of_that_name_that_is_no_pin_and_one_of_an_earlier_pin(world):
    world.ask()
    [order] = world.orders()
    world.catalog.create_table(LINK, {**definition("a"), "Name": PINNED})
    with pytest.raises(PinnedTableTaken):
        world.step(order)
    world.catalog.create_table(LINK, {**definition("a"), "Name": PINNED, "Parameters": {"meshwork:pin": "earlier"}})
    with pytest.raises(ConcurrentChange):
        world.step(order)


def test_an_object_that_no_call_can_copy_is_refused_first(world, monkeypatch):
    monkeypatch.setattr("mesh.domain.pinned_tables.MAX_COPIED", 10)
    world.ask()
    with pytest.raises(TooLargeToPin):
        world.step(world.orders()[0])


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


def test_a_pin_that_nothing_was_heard_of_is_ordered_anew_when_it_is_asked_for_again(world):
    world.ask()
    world.orders()
    world.ask(event="pin-2")
    assert world.orders() == []
    world.central.clock.move(timedelta(hours=3))
    world.ask(event="pin-3", until=(NOON + MONTH).isoformat())
    world.run()
    assert world.pins()[0].status == "ready"
