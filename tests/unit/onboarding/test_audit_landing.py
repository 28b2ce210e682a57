"""Uploads whose events never came are found by the day's comparison of the bucket with what is known."""

from datetime import timedelta

import pytest
from mesh.domain.membership.authorisation import NotOnTheBus
from mesh.usecases.onboarding.audit_landing import EVERY, LATE, PAGES, Auditing, audit_landing
from mesh.usecases.onboarding.collect_uploads import Arrival, collect_uploads

from tests.builders import BUCKET
from tests.fakes import (
    FakeBus,
    FakeClock,
    FakeExecutions,
    FakeLanding,
    FakeObjects,
    FakeRawUploads,
    FakeTrace,
    FakeUploads,
)  # fmt: skip

RECIPE = "loans/recipe.json"
FIRST, SECOND = "loans/data/loans/a.csv", "loans/data/loans/b.csv"
MINUTE = timedelta(minutes=1)


class World:
    """A producer's bucket, and what its events told."""

    def __init__(self, page=1_000):
        self.trace, self.objects, self.clock = FakeTrace(), FakeObjects(), FakeClock()
        self.uploads, self.page = FakeUploads(self.trace), page
        self.raw, self.runs, self.bus = FakeRawUploads(self.uploads), FakeExecutions(), FakeBus()
        self.landing = FakeLanding(self.objects, written=self.clock.now(), page=page)
        self.clock.move(LATE)

    def upload(self, key, body="1", *, told=True):
        ref = self.objects.put(BUCKET, key, body)
        if told:
            self.uploads.add_pending("loans", [ref], "c")
            self.uploads.settle("loans", [ref])
        return ref

    def audit(self):
        return audit_landing(BUCKET, using=Auditing(self.uploads, self.landing, self.trace, self.clock, self.collect))

    def collect(self, arrivals):
        return collect_uploads(
            arrivals, uploads=self.uploads, raw=self.raw, objects=self.objects, executions=self.runs, bus=self.bus,
            trace=self.trace, clock=self.clock,
        )  # fmt: skip

    def waiting(self, product="loans"):
        return [ref.key for ref, _ in self.uploads.pending(product, 100)]


@pytest.fixture
def world():
    return World()


def test_what_is_known_waits_for_nothing(world):
    world.upload(FIRST)
    found = world.audit()
    assert (found.compared, found.missed, found.over, world.waiting()) == (1, 0, True, [])


def test_an_upload_that_nobody_was_told_of_waits_as_if_it_had_been(world):
    world.upload(FIRST)
    world.upload(SECOND, told=False)
    world.upload("new/raw/t/x.json", told=False)
    assert world.audit().missed == 2
    assert (world.waiting(), world.waiting("new")) == ([SECOND], ["new/raw/t/x.json"])
    assert world.uploads.products() == ["loans", "new"]
    assert world.trace.said()[-1] == "uploads were missed"


def test_a_newer_content_is_newer_than_what_is_known_and_older_than_the_next_upload(world):
    known = world.upload(FIRST)
    world.upload(FIRST, "2", told=False)
    assert world.audit().missed == 1
    [(found, _)] = world.uploads.pending("loans", 9)
    assert (found.etag != known.etag, found.version_id) == (True, None)
    following = world.objects.put(BUCKET, FIRST, "3")
    assert world.uploads.add_pending("loans", [known], "c") == []
    assert world.uploads.add_pending("loans", [following], "c") == [following]


def test_an_object_that_is_replaced_during_the_audit_does_not_follow_the_newer_one(world, monkeypatch):
    world.upload(FIRST)
    listed = world.landing.listed

    def replaced_then(bucket, after):
        page = listed(bucket, after)
        if len(world.landing.pages) == 1:
            world.upload(FIRST, "2")
        return page

    monkeypatch.setattr(world.landing, "listed", replaced_then)

    assert (world.audit().missed, world.waiting()) == (0, [])


def test_what_was_missed_twice_is_older_than_the_next_upload_all_the_same(world):
    """S3's sequencers begin with zeros."""
    world.upload(FIRST, told=False)
    world.audit()
    world.uploads.settle("loans", [ref for ref, _ in world.uploads.pending("loans", 9)])
    world.upload(FIRST, "2", told=False)
    world.clock.move(EVERY)
    assert world.audit().missed == 1
    following = world.objects.put(BUCKET, FIRST, "3")
    assert world.uploads.add_pending("loans", [following], "c") == [following]


def test_an_object_that_came_again_after_its_deletion_is_missed_too(world):
    ref = world.upload(FIRST)
    gone = ref.evolve(deleted=True, etag="", sequencer=f"{ref.sequencer}0F")
    world.uploads.add_pending("loans", [gone], "c")
    world.uploads.settle("loans", [gone])
    assert world.audit().missed == 1


def test_what_came_before_digests_were_kept_is_taken_for_known(world):
    world.upload(FIRST)
    world.uploads.etags.clear()
    assert world.audit().missed == 0


@pytest.mark.parametrize(
    "key",
    ["loans/contract.yaml", "loans/data/loans/", "reports/x.refused.json", "nothing.csv",
     "loans/data/loans/_SUCCESS", "loans/data/loans/../x.csv", "loans/published/loans/iceberg/data/x.parquet"],
)  # fmt: skip
def test_what_is_no_data_is_left_alone(world, key):
    world.upload(key, told=False)
    assert world.audit().missed == 0


def test_a_recipe_that_nobody_was_told_of_is_in_force_and_what_waited_for_it_waits_no_more(world):
    raw = world.upload("loans/raw/loans/x.json", told=False)
    world.uploads.add_pending("loans", [raw], "c")
    world.raw.hold("loans", [raw])
    recipe = world.upload(RECIPE, "[]", told=False)
    assert world.audit().missed == 1
    assert world.raw.recipe("loans").version_id == recipe.version_id, "the version, which no listing names"
    assert (world.waiting(), len(world.runs.started)) == ([raw.key], 1)


@pytest.mark.parametrize("told", [True, False], ids=["its event came", "its event never came"])
def test_a_refused_recipe_is_told_once_and_the_one_before_stays_in_force(world, told):
    in_force = world.upload(RECIPE, "[]", told=False)
    world.collect([Arrival(event_id="1", ref=in_force)])
    refused = world.upload(RECIPE, "{", told=False)
    if told:
        world.collect([Arrival(event_id="2", ref=refused)])
    found = []
    for _ in range(3):
        found.append(world.audit().missed)
        world.clock.move(EVERY)
    assert (found, len(world.bus.events)) == ([0 if told else 1, 0, 0], 1)
    assert world.raw.recipe("loans") == in_force


def test_a_recipe_whose_refusal_could_not_be_told_is_missed_again(world):
    world.upload(RECIPE, "{", told=False)
    world.bus.closed = True
    with pytest.raises(NotOnTheBus):
        world.audit()
    world.bus.closed = False
    assert (world.audit().missed, len(world.bus.events)) == (1, 1)


def test_a_recipe_that_was_missed_is_older_than_the_next_one(world):
    world.upload(RECIPE, "[]", told=False)
    world.audit()
    following = world.upload(RECIPE, "[] ", told=False)
    world.collect([Arrival(event_id="2", ref=following)])
    assert world.raw.recipe("loans") == following


def test_what_is_young_may_be_on_its_way(world):
    world.upload(FIRST, told=False)
    world.clock.move(-MINUTE)
    assert world.audit().missed == 0
    world.clock.move(EVERY)
    assert world.audit().missed == 1


def test_once_a_day(world):
    world.audit()
    world.upload(FIRST, told=False)
    world.clock.move(EVERY - MINUTE)
    assert (world.audit().missed, len(world.landing.pages)) == (0, 1)
    world.clock.move(MINUTE)
    assert (world.audit().missed, world.audit().missed) == (1, 0)


def test_a_large_bucket_takes_several_calls_and_what_meshwork_wrote_is_passed_over():
    world = World(page=1)
    for number in range(PAGES + 5):
        world.upload(f"loans/data/loans/{number:02}.csv", told=False)
    for number in range(50):
        world.upload(f"loans/published/loans/iceberg/data/{number:02}.parquet", told=False)
    world.upload("loans/raw/loans/z.json", told=False)
    first, second = world.audit(), world.audit()
    assert (first.compared, first.over, second.over) == (PAGES, False, True)
    assert (first.missed + second.missed, len(world.waiting())) == (PAGES + 6, PAGES + 6)
    assert second.compared == 7, "one page of what is published"
