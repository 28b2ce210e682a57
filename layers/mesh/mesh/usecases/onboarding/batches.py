"""A producer's batch of uploads: taken under a lease, worked on, settled.

Only one run works on a product at a time. What arrives meanwhile is pending and is taken by the same run's next round.
Nothing is forgotten when a run dies: objects stay pending until they are settled, and the lease ends by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, TypeAdapter

from mesh.domain.events import MAX_TABLES
from mesh.domain.model import Model
from mesh.domain.onboarding.batches import CheckedBatch
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import RawKey, parse_key
from mesh.domain.onboarding.standing import Lease
from mesh.ports import Clock, LandingObjects, Note, Uploads, WorkFiles
from mesh.usecases.onboarding.contract_revisions import is_on_its_way

LEASE = timedelta(minutes=40)
"""Longer than any run works before it waits: two functions of a quarter of an hour; whoever waits holds the lease for
as long again."""
MAX_OBJECTS = 2_000
"""Objects of one round. More wait for the next round of the same run."""

Refs = TypeAdapter(tuple[ObjectRef, ...])


class TakeBatch(Model):
    """`holder` is the execution's ARN."""

    product: str
    holder: str
    correlation_id: str


class Batch(Model):
    """What a run works on. Objects themselves are in the work file, since they may be many."""

    status: Literal["taken", "raw", "busy", "empty", "undeclared", "waiting"]
    product: str
    correlation_id: str
    generation: int = 0
    work: str = ""
    objects: int = 0
    facts: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Taking:
    """What it takes to take a batch; `bucket` is where contracts and data lie."""

    bucket: str
    uploads: Uploads
    landing: LandingObjects
    work: WorkFiles
    clock: Clock


def take_batch(command: TakeBatch, *, using: Taking) -> Batch:
    """Take what is pending: data, or else (`raw`) what is to become data. `busy`: another run has the lease and will
    see it; `waiting`: for central, which has not registered the product, or the contract's newest revision.

    Taking again under the same holder gives the same generation, so a retry of the step is safe.
    """
    product, now, standing = command.product, using.clock.now(), using.uploads.standing(command.product)
    nothing = Batch(status="empty", product=product, correlation_id=command.correlation_id)
    if standing.awaits_registration:
        return nothing.evolve(status="waiting")
    # Only who has the lease settles objects: while it stays as it was seen, so does what is pending, or there is more.
    refs, raw = _of_one_kind([ref for ref, _ in using.uploads.pending(product, MAX_OBJECTS)])
    refs = _of_few_tables(refs)
    if not refs:
        return nothing
    if is_on_its_way(product, using.bucket, standing.settled, landing=using.landing):
        return nothing.evolve(status="waiting")
    lease = standing.lease.taken(command.holder, now + LEASE, now)
    if lease is None or not _taken(command, lease, standing.lease, len(refs), using):
        return nothing.evolve(status="busy")
    path = f"runs/{product}/{lease.generation:08d}/batch.json"
    using.work.put(path, Refs.dump_json(tuple(refs)).decode())
    return Batch(
        status="raw" if raw else "taken" if standing.facts else "undeclared",
        product=product,
        correlation_id=command.correlation_id,
        generation=lease.generation,
        work=path,
        objects=len(refs),
        facts=dict(standing.facts or {}),
    )


def _taken(command: TakeBatch, lease: Lease, seen: Lease, objects: int, using: Taking) -> bool:
    facts = {
        "product": command.product, "generation": lease.generation, "objects": objects, "execution": lease.holder,
    }  # fmt: skip
    note = Note(command.correlation_id, "batch taken", facts)
    return using.uploads.take_lease(command.product, lease, seen=seen, note=note)


def _of_one_kind(refs: list[ObjectRef]) -> tuple[list[ObjectRef], bool]:
    """Data before raw data: they need no recipe, and no job of minutes."""
    raw = [ref for ref in refs if is_raw(ref)]
    data = [ref for ref in refs if ref not in raw] if raw else refs
    return (data, False) if data else (raw, bool(raw))


def _of_few_tables(refs: list[ObjectRef]) -> list[ObjectRef]:
    """Those of the first tables, as many as one proposal has: the others wait for the next round."""
    tables = dict.fromkeys(ref.key.split("/")[2] for ref in refs)
    taken = set(list(tables)[:MAX_TABLES])
    return [ref for ref in refs if ref.key.split("/")[2] in taken]


def is_raw(ref: ObjectRef) -> bool:
    """Whether it is a recipe's to read."""
    return isinstance(parse_key(ref.key), RawKey)


def look_up(refs: Iterable[ObjectRef], landing: LandingObjects) -> tuple[list[ObjectRef], list[ObjectRef]]:
    """Objects that are there, and those that are not. After a deletion it is the key's present state that counts:
    events come late, twice, and in any order."""
    there, gone = [], []
    for ref in refs:
        if not ref.deleted:
            there.append(ref)
        elif (now := landing.present(ref.bucket, ref.key)) is not None:
            there.append(now.evolve(sequencer=ref.sequencer))
        else:
            gone.append(ref)
    return there, gone


def checked_path(batch: str) -> str:
    """Beside the work file of the batch's objects."""
    return batch.replace("batch.json", "checked.json")


def read_checked(work: WorkFiles, batch: str) -> CheckedBatch:
    """What the checks of this round wrote; of a round that checked nothing, its objects."""
    text = work.get(checked_path(batch))
    return CheckedBatch.model_validate_json(text) if text else CheckedBatch(objects=read_batch(work, batch))


def read_batch(work: WorkFiles, path: str) -> tuple[ObjectRef, ...]:
    """The objects of a taken batch."""
    return Refs.validate_json(work.get(path) or "[]")
