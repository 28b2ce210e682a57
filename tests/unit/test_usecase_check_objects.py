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


def test_the_pages_name_what_was_held_beside_what_was_published():
    world = World(ENUM)
    world.upload("a.csv", GOOD)
    world.upload("b.csv", BAD_NAME)
    world.run()

    def page(name: str) -> str:
        return world.objects.read(BUCKET, f"{PRODUCT}/reports/00000001.{name}", limit=1_000_000).decode()

    for html, fate in ((page("report.html"), "published in version 1"), (page("report.held.html"), "published")):
        assert f"{fate} (1 object)" in html
        assert "held back: ValueNotInEnum in column name (1 object)" in html
        assert "$.schema" not in html
    assert "1 other object was held back" in page("report.html")
    assert f"mesh release {PRODUCT}/00000001" in page("report.held.html")


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


def amounts(factor: int = 1, rows: int = 60, first: int = 0, **more: str) -> str:
    """CSV of ids, amounts, and columns of one value each."""
    head = ",".join(["id", "amount", *more])
    lines = [",".join([str(first + n), str((first + n) * 7919 % 1_000 * factor), *more.values()]) for n in range(rows)]
    return "\n".join([head, *lines]) + "\n"


IDS = [{"name": "id", "logicalType": "integer"}, {"name": "amount", "logicalType": "integer"}]


def test_a_first_load_of_files_is_a_history_that_the_next_file_is_judged_by():
    world = World(IDS)
    for number in range(6):
        world.upload(f"{number}.csv", amounts(first=60 * number))
    assert world.run().accepted == 6

    settled = world.upload_and_run("7.csv", amounts(10, first=400))

    assert settled.held == 1
    assert listed(world)["7.csv"].reason.code in {"DistributionShifted", "OutliersUnusual"}


def test_amounts_times_ten_in_a_second_large_file_are_published_with_a_warning():
    world = World(IDS)
    world.upload_and_run("1.csv", amounts(rows=2_000))

    settled = world.upload_and_run("2.csv", amounts(10, rows=2_000, first=2_000))

    assert (settled.outcome, settled.held) == ("published", 0)
    [report] = world.reports(2).passed.tables
    assert [(each.code, each.column, each.severity) for each in report.findings if each.severity != "info"] == [
        ("DistributionShifted", "amount", "warning")
    ]


def test_a_new_major_revision_renames_removes_and_retypes_without_suspicion():
    world = World([*IDS, {"name": "note", "logicalType": "string"}])
    for number in range(6):
        world.upload(f"{number}.csv", amounts(first=60 * number, note="x"))
    world.run()

    world.revise(
        [{"name": "id", "logicalType": "string"}, {"name": "betrag", "logicalType": "integer"}], version="2.0.0"
    )
    settled = world.upload_and_run("7.csv", amounts(first=400).replace("amount", "betrag"))

    assert (settled.outcome, settled.held) == ("published", 0)
    assert "7.csv" in world.sources
    assert {each.code for each in world.reports(2).passed.tables[0].findings if each.severity == "error"} == set()


def test_the_same_bytes_under_another_key_are_held_until_the_first_is_deleted():
    world = World(IDS)
    first = world.upload("a.csv", amounts(rows=300))
    world.run()

    world.upload_and_run("b.csv", amounts(rows=300))
    assert listed(world)["b.csv"].reason.code == "SameObjectAgain"

    world.objects.delete(BUCKET, first.key)
    world.uploads.add_pending(PRODUCT, first.model_copy(update={"deleted": True, "sequencer": "F" * 16}), "story")
    world.run()
    settled = world.upload_and_run("c.csv", amounts(rows=300))
    assert (settled.outcome, world.sources) == ("published", ["c.csv"])
