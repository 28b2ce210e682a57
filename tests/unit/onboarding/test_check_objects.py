"""Objects of an Iceberg table, checked with the real engine, held in place, released, and settled."""

import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
from mesh.domain.events import Reason
from mesh.domain.onboarding.quarantine import HeldObject
from mesh.usecases.onboarding.baselines import read_history, remember_rollback
from mesh.usecases.onboarding.batches import Refs
from mesh.usecases.onboarding.held_objects import read_listing

from tests.builders import BUCKET, PRODUCT, TABLE
from tests.unit.onboarding.rounds import FOLDER, World

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


def test_a_value_of_another_type_is_held_again_after_a_release():
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


def test_the_same_bytes_at_the_same_key_change_nothing():
    world = World(ENUM)
    world.upload_and_run("a.csv", GOOD)

    settled = world.upload_and_run("a.csv", GOOD)

    assert (settled.outcome, settled.held, settled.same, settled.more) == ("nothing", 0, 1, False)
    assert world.versions == 1
    notices = [facts["same"] for _, what, facts in world.trace.notes if what == "batch settled"]
    assert notices == [[], [FOLDER + "a.csv"]]


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
    assert world.columns == {"id": "string", "betrag": "bigint"}
    assert {each.code for each in world.reports(2).passed.tables[0].findings if each.severity == "error"} == set()


def test_the_same_bytes_under_another_key_are_held_until_the_first_is_deleted():
    world = World(IDS)
    first = world.upload("a.csv", amounts(rows=300))
    world.run()

    world.upload_and_run("b.csv", amounts(rows=300))
    assert listed(world)["b.csv"].reason.code == "SameObjectAgain"

    world.objects.delete(BUCKET, first.key)
    world.uploads.add_pending(PRODUCT, [first.model_copy(update={"deleted": True, "sequencer": "F" * 16})], "trace-id")
    world.run()
    settled = world.upload_and_run("c.csv", amounts(rows=300))
    assert (settled.outcome, world.sources) == ("published", ["c.csv"])


TWICE = "id,name\n1,ana\n"


def test_what_only_all_objects_together_break_holds_all_of_them():
    world = World([{**ENUM[0], "unique": True}, ENUM[1]])
    world.upload("a.csv", GOOD)
    world.upload("b.csv", TWICE)

    settled = world.run()

    assert (settled.outcome, settled.held) == ("nothing", 2)
    assert {item.reason.code for item in listed(world).values()} == {"NotUnique"}


def test_a_column_of_a_held_object_is_not_added_to_the_table():
    world = World(ENUM)
    world.upload("a.csv", GOOD)
    world.upload("b.csv", "id,name,extra\n9,zoe,1\n")

    [table] = world.checked(world.check()).tables

    assert [field.name for field in table.fields] == ["id", "name"]


def test_a_retry_of_the_step_finds_what_it_found():
    world = World(ENUM)
    world.upload("a.csv", GOOD)
    round_ = world.check()
    written, files = dict(world.work.documents), set(world.published.files)
    world.objects.delete(BUCKET, FOLDER + "a.csv")

    world.check_again(round_)

    assert (world.work.documents, world.published.files) == (written, files)


def test_of_two_attempts_what_the_first_found_stands():
    world = World(ENUM)
    world.upload("a.csv", GOOD)
    round_ = world.check()
    found = world.checked(round_)
    ref = world.upload("a.csv", GOOD + GOOD.split("\n")[1] + "\n")
    world.work.put(round_.work, Refs.dump_json((ref,)).decode())

    world.check_again(round_)

    assert world.checked(round_) == found


def clean(seed: int, rows: int = 100, mean: float = 100.0) -> str:
    dice = random.Random(seed)
    lines = [f"{dice.gauss(mean, 10):.3f},{int(dice.random() < 0.3)}" for _ in range(rows)]
    return "amount,bad\n" + "\n".join(lines) + "\n"


NUMBERS = [{"name": "amount", "logicalType": "number"}, {"name": "bad", "logicalType": "integer"}]


def test_what_is_unlike_the_accepted_history_is_held_for_its_own_reason():
    world = World(NUMBERS)
    for number in range(8):
        assert world.upload_and_run(f"{number}.csv", clean(number)).held == 0

    attacks = {
        "shifted.csv": (clean(1, mean=140), {"DistributionShifted"}),
        "again.csv": (clean(2), {"RepeatsEarlierData", "SameObjectAgain"}),
        "dropped.csv": ("bad\n" + "1\n0\n" * 50, {"ColumnGone"}),
    }
    for name, (body, codes) in attacks.items():
        assert world.upload_and_run(name, body).held == 1
        held = {item.key: item.reason.code for batch in world.held for item in read_listing(batch, world.objects)}
        assert held[FOLDER + name] in codes
    assert world.upload_and_run("good.csv", clean(20)).held == 0
    assert len(world.sources) == 9


def test_small_identical_files_are_not_a_repetition():
    world = World(NUMBERS)

    assert world.upload_and_run("1.csv", "amount,bad\n1,0\n").held == 0
    assert world.upload_and_run("2.csv", "amount,bad\n1,0\n").held == 0
    assert world.upload_and_run("3.csv", clean(1, rows=200)).held == 0
    assert world.upload_and_run("4.csv", clean(1, rows=200)).held == 1


def examples(world: World) -> list[int]:
    """Versions whose objects new ones are compared with."""
    history = read_history(world.work, PRODUCT, TABLE)
    return sorted({batch.version for batch in history.batches})


def test_what_was_rolled_back_is_an_example_again_when_somebody_goes_forward_to_it():
    world = World(NUMBERS)
    for number in range(1, 9):
        world.upload_and_run(f"{number}.csv", clean(number))

    for _ in range(2):
        remember_rollback(PRODUCT, 9, 6, work=world.work)
    assert examples(world) == [1, 2, 3, 4, 5, 6]
    remember_rollback(PRODUCT, 10, 8, work=world.work)
    assert examples(world) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_personal_data_is_found_by_its_values_also_in_parquet():
    file = io.BytesIO()
    pq.write_table(pa.table({"x": ["ana@example.org", "bob@example.org"], "amount": [1.5, 2.5], "bad": [0, 1]}), file)
    world = World(NUMBERS)
    world.upload("a.parquet", file.getvalue())

    [table] = world.checked(world.check()).tables

    assert [(found.column, found.value) for found in table.findings] == [("x", "personal")]


def test_a_minor_revision_takes_no_column_away():
    world = World([*IDS, {"name": "note", "logicalType": "string"}])
    world.upload_and_run("1.csv", amounts(note="x"))

    world.revise(IDS, version="1.1.0")
    world.upload_and_run("2.csv", amounts(first=100))

    assert world.columns == {"id": "bigint", "amount": "bigint", "note": "string"}


def test_a_deletion_carries_out_a_major_revision_as_well():
    world = World([*IDS, {"name": "note", "logicalType": "string"}])
    world.upload("1.csv", amounts(note="x"))
    gone = world.upload("2.csv", amounts(first=100, note="y"))
    world.run()

    world.revise(IDS, version="2.0.0")
    world.objects.delete(BUCKET, gone.key)
    world.uploads.add_pending(PRODUCT, [gone.model_copy(update={"deleted": True, "sequencer": "F" * 16})], "trace-id")
    world.run()

    assert (world.columns, world.sources) == ({"id": "bigint", "amount": "bigint"}, ["1.csv"])
