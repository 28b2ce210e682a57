"""Renames carried out in Lake Formation: whoever reads goes on reading after every write, and nobody else begins to;
whatever write is the last before a crash, the next run ends with the new names alone."""

import dataclasses

import pytest
from mesh.domain.governance.catalog_snapshot import Database
from mesh.domain.governance.tag_names import TagNames
from mesh.usecases.governance.carry_out_renames import carry_out

from tests.unit.governance.renamed_world import ROLE, CrashError, RenamedWorld

ONE = (("confidentiality", "internal", "company"),)
TWO = (*ONE, ("pii", "none", "no-person"))
CLOSED = (("confidentiality", "restricted", "secret"),)


def old_names(world):
    return [(key, old) for key, old, _ in world.renames]


def says_old(world):
    record = world.accesses.access(world.access.id)
    tags = {tag for each in world.all_tags() for tag in each.items()}
    granted = f"{record.decided.entries} {world.central} {world.local} {record.decided.exposure}"
    values = {(key, value) for key, found in world.catalog.known.items() for value in found}
    return [(key, old) for key, old in old_names(world) if (key, old) in tags | values or f"'{old}'" in granted]


@pytest.mark.parametrize("renames", [ONE, TWO, CLOSED], ids=["granted", "two at once", "not granted"])
def test_the_reader_reads_after_every_write(renames):
    world = RenamedWorld(*renames)
    assert world.expected

    world.carry_out()

    assert says_old(world) == []
    assert world.record.pending == frozenset()
    assert world.accesses.access(world.access.id).status == "live"


@pytest.mark.parametrize("renames", [ONE, TWO])
def test_a_crash_after_any_write_is_made_up_for(renames):
    whole = RenamedWorld(*renames)
    whole.carry_out()
    for write in range(1, whole.writes):
        world = RenamedWorld(*renames)
        world.left = write
        with pytest.raises(CrashError):
            world.carry_out("run-1")
        world.left = None

        world.carry_out("run-2")

        assert says_old(world) == [], write


def test_nothing_is_tagged_anew_before_the_account_has_granted_both_names():
    world = RenamedWorld(*ONE)
    for number in range(3):
        drifts = world.find("run-1" if number else "")
        world.repair(drifts, "run-1")
    assert [(drift.step, drift.waiting) for drift in world.find("run-1")] == [("grants", True)]
    assert len(world.topics.published) == 1, "it is told once in a run"
    assert world.record.pending

    world.answer()
    world.carry_out()
    assert says_old(world) == []


def test_what_becomes_stricter_after_all_was_looked_at_stays_so():
    world = RenamedWorld(*ONE)
    for number in range(12):
        drifts = world.find("run-1" if number else "")
        if [drift.step for drift in drifts] == ["tags"]:
            break
        world.repair(drifts, "run-1")
        world.answer()
    using = world.renaming
    place = using.stage.carriers[ONE[0][:2]][0]
    world.catalog.at = world.catalog.at.with_tag("confidentiality", "restricted", *place)  # by a registration, say
    world.expected = world.readable()

    assert carry_out(drifts[0], "run-1", using)

    assert "restricted" in [tags.get("confidentiality") for tags in world.all_tags()]


def test_an_access_that_is_being_granted_is_waited_for():
    world = RenamedWorld(*ONE)
    world.accesses.save(world.accesses.access(world.access.id).evolve(status="sharing"))

    [drift] = [each for each in world.find("") if each.step != "records"]

    assert (drift.repairable, drift.waiting) == (False, True)


def test_who_was_granted_the_old_name_by_hand_is_not_cut_off():
    """Central does not know why they have it: people grant it anew, and the rename goes on."""
    world = RenamedWorld(*ONE)
    [by_hand] = [entry for entry in world.local if "TABLE" in str(entry.resource)]
    with pytest.raises(AssertionError):
        find = world.find
        world.find = lambda run: find_with(world, find, run, by_hand)
        world.carry_out()

    assert world.record.pending, "tables and columns have the old name still"
    [drift] = [each for each in world.find("run-1") if each.principal == ROLE]
    assert (drift.ours, drift.repairable) == (False, False)
    assert "confidentiality=company" in drift.remedy


def find_with(world, find, run, entry):
    local, world.local = world.local, [*world.local, entry]
    try:
        return find(run)
    finally:
        world.local = local


def test_what_is_not_a_data_product_keeps_the_old_value():
    world = RenamedWorld(*ONE)
    foreign = Database("sales", {"confidentiality": "internal"}, {}, marked=False)
    world.catalog.at = dataclasses.replace(world.catalog.at, databases={**world.catalog.at.databases, "sales": foreign})
    tagged = world.catalog.tagged

    world.catalog.tagged = lambda databases=(): dataclasses.replace(
        tagged(databases), databases={n: each for n, each in tagged(databases).databases.items() if each.marked}
    )
    with pytest.raises(AssertionError, match="sales has it"):
        world.carry_out()
    assert "internal" in world.catalog.known["confidentiality"]


def test_until_then_tags_are_written_by_the_old_name_and_read_by_the_new():
    renamed = {("pii", "none"): "no-person", ("pii", "nothing"): "no-person"}
    names = TagNames(renamed, frozenset({("pii", "none")}))

    assert names.read({"pii": "none", "domain": "risk"}) == {"pii": "no-person", "domain": "risk"}
    assert names.written({"pii": "no-person"}) == {"pii": "none"}
    assert names.written({"pii": "nothing"}) == {"pii": "none"}
    assert TagNames(renamed).written({"pii": "none"}) == {"pii": "no-person"}


def test_an_access_by_name_is_only_recorded_anew():
    world = RenamedWorld(*ONE, table="credit_card", columns=("hoehe",))
    before = world.central.copy()

    world.carry_out()

    assert world.central == before
    record = world.accesses.access(world.access.id)
    assert [each.confidentiality for data in record.decided.exposure for each in data.classes] == ["company"]
