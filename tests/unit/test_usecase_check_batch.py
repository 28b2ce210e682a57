"""Accepted objects checked with the real engine: what goes on, what is held back, and what its owner lets pass."""

import random

import pytest
import yaml
from mesh.adapters.measuring import DuckMeasurements
from mesh.adapters.measuring.measurements import MAX_BYTES
from mesh.domain.glue_table import table_input
from mesh.domain.quarantine import ReleaseUnfinished, Ticket
from mesh.usecases.batch_reports import read_reports
from mesh.usecases.check_batch import check_batch
from mesh.usecases.histories import forget_batches, read_history, remember_batch, remember_rollback
from mesh.usecases.inspection import read_inspection

from tests.builders import BUCKET, CONTRACT, a_contract
from tests.fakes import FakeClock, FakeLocks, FakeQuarantine, FakeTrace
from tests.unit.test_usecase_inspection import FOLDER, World, parquet

ENUM = [
    {"name": "id", "logicalType": "integer", "required": True, "unique": True},
    {"name": "name", "logicalType": "string", "enum": [{"value": "ana"}, {"value": "bob"}, {"value": "cleo"}]},
]
GOOD, OTHER = "id,name\n1,ana\n2,bob\n", "id,name\n3,cleo\n"
BAD_NAME, TWICE = "id,name\n9,zoe\n", "id,name\n1,ana\n"


class Checked(World):
    """A producer whose batches are inspected, checked and, in the end, remembered."""

    def __init__(self, properties=ENUM, **table):
        document = yaml.safe_load(CONTRACT)
        document["apiVersion"] = "v3.2.0"
        document["schema"][0] |= {"properties": list(properties), **table}
        super().__init__(contract=a_contract(yaml.safe_dump(document)).model_dump(mode="json"))
        self.quarantine = FakeQuarantine()
        self.measured_bytes = MAX_BYTES

    def check(self, generation=1):
        self.inspect(generation)
        return check_batch(
            self.round(generation),
            objects=self.objects,
            catalog=self.catalog,
            work=self.work,
            measurements=DuckMeasurements(self.objects, max_bytes=self.measured_bytes),
            quarantine=self.quarantine,
            clock=FakeClock(),
            trace=FakeTrace(),
        )

    def after(self, generation=1):
        return read_inspection(self.work, self.round(generation))

    def reports(self, generation=1):
        return read_reports(self.work, self.round(generation).work)

    def publish(self, generation, *bodies):
        """A whole round of objects, as `onboard-upload` goes through it."""
        self.refs.clear()
        for number, body in enumerate(bodies):
            self.upload(f"g{generation}-{number}.csv", body)
        summary = self.check(generation)
        for table in read_inspection(self.work, self.round(generation)).tables:
            self.catalog.create_table("rl_credit-card", table_input(table.merged, f"s3://{BUCKET}/{FOLDER}"))
        remember_batch(self.work, "credit-card", generation, self.round(generation).work, generation)
        return summary


def codes(inspection):
    return sorted((rejection.ref.key.removeprefix(FOLDER), rejection.reason.code) for rejection in inspection.rejected)


def test_what_keeps_the_contract_goes_on_with_its_report():
    world = Checked()
    world.upload("a.csv", GOOD)

    summary = world.check()

    assert (summary.accepted, summary.rejected) == (1, 0)
    report = world.reports().table("credit_card")
    assert (report.profile.rows, report.errors) == (2, ())
    assert report.scores.validity == 1


def test_an_object_that_breaks_the_contract_is_held_alone():
    world = Checked()
    world.upload("a.csv", GOOD)
    world.upload("b.csv", BAD_NAME)
    world.upload("c.csv", OTHER)

    summary = world.check()

    assert (summary.accepted, summary.rejected) == (2, 1)
    assert codes(world.after()) == [("b.csv", "ValueNotInEnum")]
    [rejection] = world.after().rejected
    assert rejection.releasable
    assert rejection.reason.where["column"] == "name"
    [table] = world.after().tables
    assert ([count.key for count in table.counts], table.merged.rows) == ([FOLDER + "a.csv", FOLDER + "c.csv"], 3)
    assert world.reports().table("credit_card").profile.rows == 3
    [held] = world.reports().held.tables
    assert held.profile.rows == 4


def test_what_only_all_objects_together_break_holds_all_of_them():
    world = Checked()
    world.upload("a.csv", GOOD)
    world.upload("b.csv", TWICE)

    summary = world.check()

    assert (summary.accepted, summary.rejected) == (0, 2)
    assert {code for _, code in codes(world.after())} == {"NotUnique"}
    assert world.after().tables == ()


def test_a_column_of_an_object_that_is_held_never_reaches_the_catalog():
    world = Checked()
    world.upload("a.csv", GOOD)
    world.upload("b.csv", "id,name,extra\n9,zoe,1\n")

    world.check()

    [table] = world.after().tables
    assert list(table.merged.table_schema.types()) == ["id", "name"]


def test_a_retry_of_the_step_finds_what_it_found():
    world = Checked()
    world.upload("a.csv", BAD_NAME)
    first = world.check()
    written = dict(world.work.documents)
    world.objects.delete("bucket", FOLDER + "a.csv")

    assert world.check() == first
    assert world.work.documents == written


def test_what_the_owner_released_passes_with_its_error_as_a_warning():
    world = Checked()
    ref = world.upload("a.csv", BAD_NAME)
    ticket = Ticket(run="00000001", by="the steward", reason="a new colour", version_id=ref.version_id)
    world.quarantine.put_ticket("credit-card", ref.key, ticket)

    assert world.check().accepted == 1
    report = world.reports().table("credit_card")
    [finding] = [finding for finding in report.findings if finding.code == "ValueNotInEnum"]
    assert finding.severity == "warning"
    assert "the steward: a new colour" in finding.message
    assert world.reports().passed.released == "the steward: a new colour"


def test_a_ticket_is_for_one_version_of_the_object():
    world = Checked()
    world.upload("a.csv", GOOD)
    ref = world.upload("a.csv", BAD_NAME)
    world.refs = [ref]
    world.quarantine.put_ticket("credit-card", ref.key, Ticket(run="1", by="x", reason="y", version_id="1"))

    assert world.check().rejected == 1


def test_an_object_on_its_way_back_is_waited_for():
    world = Checked()
    ref = world.upload("a.csv", BAD_NAME)
    world.quarantine.put_ticket("credit-card", ref.key, Ticket(run="1", by="x", reason="y"))

    with pytest.raises(ReleaseUnfinished):
        world.check()


def clean(seed, rows=100, spread=10.0, label=0.3):
    dice = random.Random(seed)
    lines = [f"{dice.gauss(100, spread):.3f},{int(dice.random() < label)}" for _ in range(rows)]
    return "amount,bad\n" + "\n".join(lines) + "\n"


def shifted(seed):
    dice = random.Random(seed)
    return (
        "amount,bad\n" + "\n".join(f"{dice.gauss(140, 10):.3f},{int(dice.random() < 0.3)}" for _ in range(100)) + "\n"
    )


NUMBERS = [{"name": "amount", "logicalType": "number"}, {"name": "bad", "logicalType": "integer"}]


def test_what_is_unlike_the_accepted_history_is_held_for_its_own_reason():
    world = Checked(NUMBERS)
    slices = [clean(seed) for seed in range(8)]
    for generation, body in enumerate(slices, 1):
        assert world.publish(generation, body).rejected == 0

    assert world.publish(9, shifted(1)).rejected == 1
    assert codes(world.after(9)) == [("g9-0.csv", "DistributionShifted")]
    assert world.publish(10, slices[2]).rejected == 1
    assert codes(world.after(10))[0][1] in ("RepeatsEarlierData", "SameObjectAgain")
    assert world.publish(11, "bad\n" + "1\n0\n" * 50).rejected == 1
    assert codes(world.after(11)) == [("g11-0.csv", "ColumnDropped")]
    assert world.publish(12, clean(20)).rejected == 0
    assert len(read_history(world.work, "credit-card", "credit_card").batches) == 9


def test_small_files_that_are_alike_are_no_repetition():
    world = Checked(NUMBERS)

    assert world.publish(1, "amount,bad\n1,0\n").rejected == 0
    assert world.publish(2, "amount,bad\n1,0\n").rejected == 0
    assert world.publish(3, clean(1, rows=200)).rejected == 0
    assert world.publish(4, clean(1, rows=200)).rejected == 1


def test_what_was_rolled_back_is_an_example_again_when_somebody_goes_forward_to_it():
    world, locks = Checked(NUMBERS), FakeLocks()
    for generation in range(1, 9):
        world.publish(generation, clean(generation))

    remember_rollback("credit-card", 9, 6, work=world.work, locks=locks)
    remember_rollback("credit-card", 9, 6, work=world.work, locks=locks)

    kept = read_history(world.work, "credit-card", "credit_card").batches
    assert [batch.generation for batch in kept] == [1, 2, 3, 4, 5, 6]
    assert world.publish(10, clean(8)).rejected == 0
    remember_rollback("credit-card", 11, 8, work=world.work, locks=locks)
    kept = read_history(world.work, "credit-card", "credit_card").batches
    assert [batch.generation for batch in kept] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert world.publish(12, clean(8)).rejected == 1
    assert locks.taken == ["rollbacks-credit-card"] * 3


def test_what_is_rolled_back_is_no_example_any_more():
    world = Checked(NUMBERS)
    for generation in range(1, 9):
        world.publish(generation, clean(generation))

    forget_batches(world.work, "credit-card", ["credit_card", "unknown"], 6)

    kept = read_history(world.work, "credit-card", "credit_card").batches
    assert [batch.generation for batch in kept] == [1, 2, 3, 4, 5, 6]
    assert world.publish(9, clean(8)).rejected == 0
    assert world.publish(10, clean(3)).rejected == 1


def test_the_same_object_uploaded_again_repeats_nothing():
    world = Checked(NUMBERS)
    for generation in range(1, 8):
        world.publish(generation, clean(generation))
    again = [world.objects.put(ref.bucket, ref.key, clean(7)) for ref in world.refs]
    world.refs[:] = again

    assert world.check(8).rejected == 0


def test_personal_data_in_parquet_is_found_by_its_values():
    world = Checked(NUMBERS)
    world.upload("a.parquet", parquet(x=["ana@example.org", "bob@example.org"], amount=[1.5, 2.5], bad=[0, 1]))

    world.check()

    [inspected] = world.found().tables
    assert inspected.findings == ()
    [table] = world.after().tables
    assert [(found.column, found.value) for found in table.findings] == [("x", "personal")]


def test_what_the_inspection_found_is_never_made_laxer():
    world = Checked(NUMBERS)
    world.upload("a.csv", "amount,bad,iban\n1,0,GB82WEST12345698765432\n2,1,\n")

    world.check()

    [table] = world.after().tables
    assert [(found.column, found.confidence) for found in table.findings] == [("iban", 0.95)]
