"""Objects of an Iceberg table, checked with the real engine, held in place, released, and settled."""

from mesh.domain.events import Reason
from mesh.domain.quarantine import HeldObject
from mesh.usecases.held_in_place import read_listing

from tests.builders import BUCKET, PRODUCT
from tests.unit.rounds import FOLDER, World

ENUM = [
    {"name": "id", "logicalType": "integer", "required": True},
    {"name": "name", "logicalType": "string", "enum": [{"value": "ana"}, {"value": "bob"}, {"value": "cleo"}]},
]
GOOD, OTHER, BAD_NAME = "id,name\n1,ana\n2,bob\n", "id,name\n3,cleo\n", "id,name\n9,zoe\n"
NOT_A_NUMBER = "id,name\nnine,ana\n"


def listed(world: World) -> dict[str, HeldObject]:
    [batch] = world.held
    return {item.key.removeprefix(FOLDER): item for item in read_listing(batch, world.objects)}


def test_what_breaks_the_contract_is_held_where_it_is_and_the_rest_published():
    world = World(ENUM)
    world.upload("a.csv", GOOD)
    bad = world.upload("b.csv", BAD_NAME)

    settled = world.run()

    assert (settled.outcome, settled.accepted, settled.held, world.sources) == ("published", 1, 1, ["a.csv"])
    assert listed(world)["b.csv"].ref.version_id == bad.version_id
    assert listed(world)["b.csv"].reason.code == "ValueNotInEnum"
    assert world.objects.exists(BUCKET, FOLDER + "b.csv")
    assert not [key for key in world.objects.keys(BUCKET) if "/quarantine/" in key]


def test_a_released_version_is_checked_again_and_published_with_its_error_as_a_warning():
    world = World(ENUM)
    world.upload_and_run("b.csv", BAD_NAME)
    [batch] = world.held

    world.release(batch)
    settled = world.run()

    assert (settled.outcome, settled.held, world.sources) == ("published", 0, ["b.csv"])
    [report] = world.reports(2).passed.tables
    [finding] = [each for each in report.findings if each.code == "ValueNotInEnum"]
    assert (finding.severity, "released by the steward: it is right" in finding.message) == ("warning", True)


def test_a_value_of_another_type_is_held_again_whatever_its_owner_says():
    world = World(ENUM)
    world.upload("a.csv", BAD_NAME)
    world.upload("b.csv", NOT_A_NUMBER)
    world.run()
    [batch] = world.held
    assert {name: item.releasable for name, item in listed(world).items()} == {"a.csv": True, "b.csv": False}

    world.release(batch)
    world.run()

    assert world.sources == ["a.csv"]
    assert world.held == []


def test_what_central_held_is_proposed_again_when_it_is_released():
    world = World(ENUM)
    world.upload("a.csv", GOOD)
    settled = world.run(refusal=Reason(code="BreakingSchemaChange", message="a column is gone"))
    assert (settled.outcome, settled.held) == ("held", 1)
    [batch] = world.held
    assert batch.reason.code == "BreakingSchemaChange"

    world.release(batch)
    settled = world.run()

    assert (settled.outcome, world.sources) == ("published", ["a.csv"])


def test_a_newer_upload_of_the_key_supersedes_the_held_one():
    world = World(ENUM)
    world.upload_and_run("b.csv", BAD_NAME)

    world.upload_and_run("b.csv", OTHER)

    assert world.sources == ["b.csv"]
    assert world.held == []
    assert world.quarantine.batch(PRODUCT, "00000001").status == "superseded"


def test_a_held_overwrite_leaves_the_published_rows():
    world = World(ENUM)
    world.upload_and_run("a.csv", GOOD)

    settled = world.upload_and_run("a.csv", BAD_NAME)

    assert (settled.outcome, settled.held, world.sources) == ("nothing", 1, ["a.csv"])


def test_the_same_bytes_at_the_same_key_are_no_news():
    world = World(ENUM)
    world.upload_and_run("a.csv", GOOD)

    settled = world.upload_and_run("a.csv", GOOD)

    assert (settled.outcome, settled.held, settled.same, settled.more) == ("nothing", 0, 1, False)
    assert world.versions == 1
    told = [facts["same"] for _, what, facts in world.trace.notes if what == "batch settled"]
    assert told == [[], [FOLDER + "a.csv"]]
