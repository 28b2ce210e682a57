"""The producer's part of a rollback, on the use cases' own fakes: onboard twice, go back, come forward."""

import pytest
from mesh.domain.events import Envelope, ManifestPointer, Rollback
from mesh.domain.manifest import Manifest, ManifestDamaged, VersionGone
from mesh.domain.product import ConcurrentChange
from mesh.usecases import restore_version
from mesh.usecases.collect_uploads import Arrival, collect_uploads
from mesh.usecases.crawl import Summarise, summarise_crawl, write_catalog
from mesh.usecases.restore_version import TakeRestore, restore_catalog, restore_objects, take_restore

from tests.builders import BUCKET, CORRELATION
from tests.fakes import FakeClock, FakeExecutions, FakeObjectVersions, FakeRawUploads, FakeTrace
from tests.unit.test_usecase_inspection import FOLDER
from tests.unit.test_usecase_inspection import World as Inspecting

PRODUCT = "credit-card"
HOLDER = "arn:run"


class World(Inspecting):
    """A producer that has onboarded some batches."""

    def __init__(self):
        super().__init__()
        self.versions, self.clock, self.trace = FakeObjectVersions(self.objects), FakeClock(), FakeTrace()

    def onboard(self, generation, **files):
        self.refs.clear()
        for name, body in files.items():
            self.upload(f"{name}.csv", body)
        self.inspect(generation)
        self.uploads.leases[PRODUCT] = ("", self.clock.now(), generation)
        write_catalog(self.round(generation), catalog=self.catalog, work=self.work)
        command = Summarise(**self.round(generation).model_dump(), mode="express")
        return summarise_crawl(
            command,
            catalog=self.catalog,
            uploads=self.uploads,
            work=self.work,
            versions=self.versions,
            clock=FakeClock(),
        ).data

    def take(self, pointer, holder=HOLDER):
        rollback = Rollback(version=1, request="rb-1", requested_by="222222222222", reason="bad labels")
        data = {"product": PRODUCT, "rollback": rollback.model_dump(), "manifest": pointer.model_dump()}
        envelope = Envelope.model_validate({
            "id": "d", "account": "222222222222", "source": "meshwork", "detail-type": "RestoreRequested",
            "detail": {"metadata": {"id": "rr-1", "correlation_id": CORRELATION}, "data": data},
        })  # fmt: skip
        command = TakeRestore(envelope=envelope, holder=holder)
        return take_restore(command, bucket=BUCKET, uploads=self.uploads, clock=self.clock, trace=self.trace)

    def objects_back(self, restore):
        return restore_objects(restore, uploads=self.uploads, versions=self.versions, work=self.work, clock=self.clock)

    def catalog_back(self, restore):
        return restore_catalog(
            restore, catalog=self.catalog, uploads=self.uploads, versions=self.versions, work=self.work,
            clock=self.clock, trace=self.trace,
        )  # fmt: skip

    def back(self, pointer):
        restore = self.take(pointer)
        self.objects_back(restore)
        return self.catalog_back(restore).data

    def content(self):
        """What a reader finds below data/: name → text."""
        return {
            key.removeprefix(FOLDER): versions[-1].decode()
            for (_, key), versions in self.objects.content.items()
            if key.startswith(FOLDER) and key not in self.versions.hidden
        }

    def columns(self):
        table = self.catalog.table("rl_credit-card", "credit_card")
        return [column["Name"] for column in table["StorageDescriptor"]["Columns"]]


A1, A2 = "id,name\n1,ana\n2,bo\n", "id,name,note\n1,ana,x\n"
B = "id,name,note\n9,eve,y\n"


@pytest.fixture
def world():
    return World()


@pytest.fixture
def versions(world):
    first = world.onboard(1, a=A1)
    second = world.onboard(2, a=A2, b=B)
    return first.manifest, second.manifest


def test_data_tables_and_counts_are_those_of_the_version(world, versions):
    data = world.back(versions[0])

    assert world.content() == {"a.csv": A1}
    assert world.columns() == ["id", "name"]
    [table] = data.tables
    assert (table.rows, table.objects, table.total.rows, table.total.objects) == (2, 1, 2, 1)
    assert (data.rollback.version, data.rollback.reason, data.generation) == (1, "bad labels", 3)
    assert world.uploads.manifest(PRODUCT) == (3, data.manifest)


def test_and_forward_again(world, versions):
    world.back(versions[0])
    world.uploads.drop_lease(PRODUCT, HOLDER)

    data = world.back(versions[1])

    assert world.content() == {"a.csv": A2, "b.csv": B}
    assert world.columns() == ["id", "name", "note"]
    assert data.tables[0].total.rows == 2


def test_every_step_may_be_repeated(world, versions):
    restore = world.take(versions[0])
    assert world.take(versions[0]) == restore
    for _ in range(2):
        world.objects_back(restore)
    kept = {key: len(found) for key, found in world.objects.content.items()}
    first = world.catalog_back(restore)
    world.objects_back(restore)
    second = world.catalog_back(restore)

    assert first.metadata.id == second.metadata.id
    assert first.data == second.data
    assert {key: len(world.objects.content[key]) for key in kept} == kept


def test_objects_come_back_in_bits(world, versions, monkeypatch):
    monkeypatch.setattr(restore_version, "_AT_ONCE", 1)
    restore = world.take(versions[1])
    world.versions.hidden.update({FOLDER + "a.csv", FOLDER + "b.csv"})

    progress = world.objects_back(restore)
    assert (progress.restored, progress.remaining) == (1, 1)

    progress = world.objects_back(restore)
    assert (progress.restored, progress.remaining) == (2, 0)
    assert world.content() == {"a.csv": A2, "b.csv": B}


def test_an_object_version_that_is_gone_changes_nothing(world, versions):
    world.versions.gone.add((FOLDER + "a.csv", "1"))
    restore = world.take(versions[0])
    before = world.content()

    with pytest.raises(VersionGone) as raised:
        world.objects_back(restore)
    assert raised.value.where["missing"] == [FOLDER + "a.csv"]
    assert world.content() == before


def test_a_manifest_that_is_gone_or_another_is_said_to_be(world, versions):
    elsewhere = versions[0].model_copy(update={"key": f"{PRODUCT}/versions/00000009.json.gz"})
    with pytest.raises(VersionGone):
        world.objects_back(world.take(elsewhere))
    with pytest.raises(ManifestDamaged):
        world.objects_back(world.take(versions[0].model_copy(update={"sha256": "f" * 64})))


def test_it_waits_for_who_has_the_lease_and_stops_when_it_is_lost(world, versions):
    world.uploads.take_lease(PRODUCT, "another", world.clock.now().replace(year=2030), world.clock.now())
    assert world.take(versions[0]).status == "busy"
    world.uploads.drop_lease(PRODUCT, "another")

    restore = world.take(versions[0])
    world.uploads.drop_lease(PRODUCT, HOLDER)
    world.uploads.take_lease(PRODUCT, "another", world.clock.now().replace(year=2030), world.clock.now())
    with pytest.raises(ConcurrentChange):
        world.objects_back(restore)


def arrive(world, ref):
    return collect_uploads(
        [Arrival(event_id=f"e-{ref.version_id}-{ref.key}", ref=ref)], uploads=world.uploads,
        raw=FakeRawUploads(world.uploads), objects=world.objects, executions=FakeExecutions(), trace=world.trace,
        clock=world.clock,
    )  # fmt: skip


@pytest.mark.parametrize("early", [True, False])
def test_what_is_restored_is_no_upload(world, versions, early):
    copied = world.refs[0].model_copy(update={"version_id": "3", "sequencer": "FF"})
    restore = world.take(versions[0])
    if early:
        arrive(world, copied)
        world.uploads.waiting[PRODUCT].clear()  # the event came between the copy and the mark: it waits, as any does
        world.uploads.waiting[PRODUCT][copied.key] = (copied, "c")
        world.uploads.know_restored(PRODUCT, copied.key, "3")
    else:
        world.objects_back(restore)
        assert arrive(world, copied).pending == 0
    assert not world.uploads.has_pending(PRODUCT)


def test_an_upload_that_waits_comes_on_top(world, versions):
    late = world.objects.put(BUCKET, FOLDER + "a.csv", "id,name\n7,kim\n")
    arrive(world, late)

    world.back(versions[0])

    assert world.content() == {"a.csv": "id,name\n7,kim\n"}
    assert world.uploads.pending_keys(PRODUCT) == {FOLDER + "a.csv"}


def test_objects_from_before_manifests_leave_the_version_unpinned(world):
    world.onboard(1, a=A1)
    world.uploads.manifests.clear()

    assert world.onboard(2, b=B).manifest is None


def test_the_manifest_of_a_batch_is_the_same_at_every_attempt(world):
    first = world.onboard(1, a=A1)
    second = world.onboard(1, a=A1)

    assert first.manifest == second.manifest
    body = world.versions.fetch(BUCKET, first.manifest.key, first.manifest.version_id)
    assert list(Manifest.from_bytes(body, first.manifest.sha256).objects()) == [FOLDER + "a.csv"]
    assert isinstance(first.manifest, ManifestPointer)
