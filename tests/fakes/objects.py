"""Fakes of objects in buckets, and of jobs on them."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from mesh.adapters.s3.storage import ObjectGone
from mesh.domain.onboarding.curation.jobs import JobOrder, JobRun, JobState
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.landing import ListedObject, Listing
from mesh.ports import Part

from tests.fakes.runs import NOON


class FakeObjects:
    """Versioned buckets. `put` uploads as a producer would and gives the reference that S3's event carries."""

    def __init__(self) -> None:
        self.content: dict[tuple[str, str], list[bytes]] = {}
        self.reports: set[tuple[str, str]] = set()
        """(bucket, key) of objects that are kept for a time."""
        self.uploads = 0

    def put(self, bucket: str, key: str, body: bytes | str) -> ObjectRef:
        body = body.encode() if isinstance(body, str) else body
        versions = self.content.setdefault((bucket, key), [])
        versions.append(body)
        self.uploads += 1
        sequencer = f"{self.uploads:016X}"
        return ObjectRef(
            bucket=bucket,
            key=key,
            size=len(body),
            etag=hashlib.md5(body, usedforsecurity=False).hexdigest(),
            version_id=str(len(versions)),
            sequencer=sequencer,
        )

    def reader(self, ref: ObjectRef) -> "FakeReader":
        return FakeReader(self, ref)

    def read(self, bucket: str, key: str, *, version_id: str | None = None, limit: int) -> bytes:
        versions = self.content.get((bucket, key))
        if not versions:
            raise ObjectGone(f"s3://{bucket}/{key} is gone", bucket=bucket, key=key)
        return (versions[int(version_id) - 1] if version_id else versions[-1])[:limit]

    def write(self, bucket: str, key: str, body: bytes, content_type: str, *, report: bool = False) -> str | None:
        (self.reports.add if report else self.reports.discard)((bucket, key))
        self.content.setdefault((bucket, key), []).append(body)
        return str(len(self.content[bucket, key]))

    def copy(self, bucket: str, source: str, target: str) -> None:
        self.write(bucket, target, self.read(bucket, source, limit=2**40), "")

    def exists(self, bucket: str, key: str) -> bool:
        return (bucket, key) in self.content

    def delete(self, bucket: str, key: str) -> None:
        """As a producer deletes: all that this fake knows of the object."""
        self.content.pop((bucket, key), None)

    def keys(self, bucket: str) -> list[str]:
        return sorted(key for name, key in self.content if name == bucket)


class FakeLanding:
    """What is at the keys of `objects` now. A listing has `page` objects, all written at that moment."""

    def __init__(self, objects: FakeObjects, *, written: datetime = NOON, page: int = 1_000) -> None:
        self._objects, self._written, self._page = objects, written, page
        self.pages: list[str] = []

    def listed(self, bucket: str, after: str) -> Listing:
        self.pages.append(after)
        keys = sorted(key for place, key in self._objects.content if place == bucket and key > after)
        found = [ref for key in keys if (ref := self.present(bucket, key))]
        objects = tuple(ListedObject(ref.evolve(version_id=None), self._written) for ref in found[: self._page])
        return Listing(objects, objects[-1].ref.key if len(found) > self._page else "")

    def contracts(self, bucket: str) -> Iterator[ListedObject]:
        for folder in sorted({key.partition("/")[0] for place, key in self._objects.content if place == bucket}):
            if ref := self.present(bucket, f"{folder}/contract.yaml"):
                yield ListedObject(ref, self._written)

    def present(self, bucket: str, key: str) -> ObjectRef | None:
        versions = self._objects.content.get((bucket, key))
        if not versions:
            return None
        etag = hashlib.md5(versions[-1], usedforsecurity=False).hexdigest()
        return ObjectRef(bucket=bucket, key=key, size=len(versions[-1]), etag=etag, version_id=str(len(versions)))


class FakeReader:
    """Reads one version of an object."""

    def __init__(self, objects: FakeObjects, ref: ObjectRef) -> None:
        self._objects, self._ref = objects, ref

    @property
    def size(self) -> int:
        return self._ref.size

    def read(self, start: int, length: int) -> bytes:
        ref = self._ref
        content = self._objects.read(ref.bucket, ref.key, version_id=ref.version_id, limit=ref.size)
        return content[start : start + length]


class FakeWorkFiles:
    """Documents by key."""

    def __init__(self) -> None:
        self.documents: dict[str, str] = {}

    def put(self, key: str, document: str) -> None:
        self.documents[key] = document

    def put_first(self, key: str, document: str) -> str | None:
        stands = self.documents.setdefault(key, document)
        return None if stands is document else stands

    def get(self, key: str) -> str | None:
        return self.documents.get(key)

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self.documents if key.startswith(prefix)]


class FakeRecipeJobs:
    """DataBrew: jobs that end as `ends` says, by job name or for all; what runs write goes to `files`."""

    def __init__(self, files: "FakeJobFiles") -> None:
        self.files = files
        self.recipes: dict[str, list[Any]] = {}
        self.runs: dict[str, list[JobRun]] = {}
        self.removed: list[str] = []
        self.room = 10

    def newest(self, order: JobOrder) -> JobRun | None:
        runs = self.runs.get(order.name, [])
        return runs[-1]._replace(attempts=len(runs)) if runs else None

    def start(self, order: JobOrder, steps: Sequence[Any]) -> bool:
        going = [runs[-1] for runs in self.runs.values() if runs[-1].goes_on]
        if len(going) >= self.room:
            return False
        assert order.source in self.files.content, "a job reads what was staged"
        self.recipes[order.recipe] = list(steps)
        runs = self.runs.setdefault(order.name, [])
        if not runs or not runs[-1].goes_on:
            runs.append(JobRun("STARTING"))
        return True

    def end(
        self, order: JobOrder, written: bytes | None = None, state: JobState = "SUCCEEDED", error: str = ""
    ) -> None:
        """The run is over; what it wrote, if anything."""
        self.runs[order.name][-1] = JobRun(state, error)
        if written is not None:
            self.files.content[f"{order.output}{order.name}_part00000.{order.format}"] = written

    def remove(self, order: JobOrder) -> None:
        if self.runs.pop(order.name, None) is not None:
            self.removed.append(order.name)

    def remove_recipe(self, name: str) -> None:
        self.recipes.pop(name, None)


class FakeJobFiles:
    """The work bucket's `jobs/`, beside the producer's `objects`."""

    def __init__(self, objects: FakeObjects) -> None:
        self.objects = objects
        self.content: dict[str, bytes] = {}
        self.staged = 0

    def stage(self, ref: ObjectRef, key: str) -> None:
        if key not in self.content:
            self.content[key] = self.objects.read(ref.bucket, ref.key, version_id=ref.version_id, limit=2**40)
            self.staged += 1

    def parts(self, prefix: str) -> list[Part]:
        found = sorted(self.content.items())
        return [Part(key, len(body)) for key, body in found if key.startswith(prefix) and body]

    def head(self, key: str) -> bytes:
        return self.content[key][: 1024 * 1024]

    def chunks(self, key: str) -> Iterator[bytes]:
        body = self.content[key]
        yield from (body[at : at + 3] for at in range(0, len(body), 3))

    def deliver(self, key: str, target: str, content_type: str) -> None:
        self.content[target] = self.content[key]

    def clear(self, prefix: str) -> None:
        self.content = {key: body for key, body in self.content.items() if not key.startswith(prefix)}
