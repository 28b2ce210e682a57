"""A producer's batch of uploads: taken under a lease, worked on, settled.

Only one run works on a product at a time. What arrives meanwhile is pending and is taken by the same run's next round.
Nothing is lost when a run dies: objects stay pending until they are settled, and the lease expires.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Literal

from pydantic import Field, TypeAdapter

from mesh.domain.errors import Rejected
from mesh.domain.events import MAX_TABLES, Reason
from mesh.domain.model import Model
from mesh.domain.onboarding.batches import CheckedBatch
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import RawKey, parse_key
from mesh.domain.onboarding.standing import Standing
from mesh.ports import Clock, LandingObjects, Note, Uploads, WorkFiles
from mesh.usecases.onboarding.contract_revisions import is_on_its_way
from mesh.usecases.onboarding.rounds import Round

LEASE = timedelta(minutes=40)
"""Longer than a run works before it waits: two functions of 15 minutes each; a waiting run renews the lease for
the same time."""
MAX_OBJECTS = 5_000
"""Objects in one round; further ones wait for the next round of the same run."""

Refs = TypeAdapter(tuple[ObjectRef, ...])


class LeaseLost(Rejected):
    """The product's lease is not this run's any more: what it was about to do, another run does, or has done."""


class HandedOver(Rejected):
    """Data of a product that is another account's by now."""


class TakeBatch(Model):
    """`holder` is the execution's ARN."""

    product: str
    holder: str
    correlation_id: str


class Batch(Model):
    """What a run works on. The objects are in a work file, since there may be many. `seconds`: to wait, of one that
    comes `early`; `reason`: why all of it is held, of one that is `refused`."""

    status: Literal["taken", "raw", "busy", "early", "empty", "undeclared", "waiting", "refused"]
    product: str
    correlation_id: str
    generation: int = 0
    seconds: int = 0
    work: str = ""
    objects: int = 0
    facts: dict[str, Any] = Field(default_factory=dict)
    reason: Reason | None = None


@dataclass(frozen=True)
class Taking:
    """The ports that taking a batch needs; `bucket` holds contracts and data."""

    bucket: str
    uploads: Uploads
    landing: LandingObjects
    work: WorkFiles
    clock: Clock


def take_batch(command: TakeBatch, *, using: Taking) -> Batch:
    """Take pending data, or else (`raw`) pending raw data. `busy`: another run has the lease and will take it;
    `waiting`: central has not registered the product, or the contract's newest revision. `early`: the product had two
    batches within a minute; the run keeps the lease, waits, and takes what has come by then.
    `refused`: the product was handed over, and what came for it is held.

    Taking again under the same holder gives the same generation, so a retry of the step is safe.
    """
    product, now, standing = command.product, using.clock.now(), using.uploads.standing(command.product)
    refs, raw = _pending(product, using)
    if refs and _is_waiting(product, standing, using):
        return _nothing("waiting", command, standing, using)
    if not refs:
        return _nothing("empty", command, standing, using)
    lease = standing.lease.taken(command.holder, now + LEASE, now)
    early = lease.early(standing.lease, now) if lease else timedelta()
    facts = {"product": product, "objects": len(refs), "execution": command.holder}
    what = "batch waits for others" if early else "batch taken"
    if lease is None or not using.uploads.take_lease(
        product,
        lease,
        seen=standing.lease,
        note=Note(command.correlation_id, what, facts | {"generation": lease.generation}),
    ):
        return Batch(status="busy", product=product, correlation_id=command.correlation_id)
    if early:
        seconds = ceil(early.total_seconds())
        return Batch(status="early", product=product, correlation_id=command.correlation_id, seconds=seconds)
    path = f"runs/{product}/{lease.generation:08d}/batch.json"
    using.work.put(path, Refs.dump_json(tuple(refs)).decode())
    refusal = handed_over(product, standing.new_owner) if standing.new_owner else None
    return Batch(
        status="refused" if refusal else "raw" if raw else "taken" if standing.facts else "undeclared",
        product=product,
        correlation_id=command.correlation_id,
        generation=lease.generation,
        work=path,
        objects=len(refs),
        facts=dict(standing.facts or {}),
        reason=Reason.model_validate(refusal.to_dict()) if refusal else None,
    )


def handed_over(product: str, new_owner: str) -> HandedOver:
    """That a product's data are to come from another account."""
    return HandedOver(
        f"{product} belongs to account {new_owner} now",
        product=product,
        owner=new_owner,
        remedy="Upload the data there. If the product comes back, mesh release publishes them here.",
    )


def keep_lease(round_: Round, holder: str, until: datetime, *, uploads: Uploads) -> None:
    """Before a step that takes long, or changes what other runs look at. Raises LeaseLost."""
    if not uploads.renew_lease(round_.product, holder, until):
        raise lease_lost(round_)


def lease_lost(round_: Round) -> LeaseLost:
    """That the run of a round goes no further."""
    return LeaseLost(
        f"batch {round_.run} of {round_.product} is another run's by now",
        product=round_.product,
        generation=round_.generation,
        remedy="Nothing is to be done: the other run takes what this one has not settled.",
    )


def _pending(product: str, using: Taking) -> tuple[list[ObjectRef], bool]:
    """The objects of one round, and whether a recipe has to read them. Only the lease's holder settles objects: while
    the lease is unchanged, pending objects can only become more."""
    refs, raw = _of_one_kind([ref for ref, _ in using.uploads.pending(product, MAX_OBJECTS)])
    return _of_few_tables(refs), raw


def _is_waiting(product: str, standing: Standing, using: Taking) -> bool:
    """Whether central has yet to register the product, or its contract's newest revision."""
    return standing.awaits_registration or is_on_its_way(product, using.bucket, standing.settled, landing=using.landing)


def _nothing(status: Literal["empty", "waiting"], command: TakeBatch, standing: Standing, using: Taking) -> Batch:
    """Nothing to do, and so no lease: the run may have one from before it waited."""
    if standing.lease.holder == command.holder:
        using.uploads.drop_lease(command.product, command.holder)
    return Batch(status=status, product=command.product, correlation_id=command.correlation_id)


def _of_one_kind(refs: list[ObjectRef]) -> tuple[list[ObjectRef], bool]:
    """Data before raw data: they need neither a recipe nor a job of minutes."""
    raw = [ref for ref in refs if is_raw(ref)]
    data = [ref for ref in refs if ref not in raw] if raw else refs
    return (data, False) if data else (raw, bool(raw))


def _of_few_tables(refs: list[ObjectRef]) -> list[ObjectRef]:
    """The objects of as many tables as one proposal takes; the others wait for the next round."""
    tables = dict.fromkeys(ref.key.split("/")[2] for ref in refs)
    taken = set(list(tables)[:MAX_TABLES])
    return [ref for ref in refs if ref.key.split("/")[2] in taken]


def is_raw(ref: ObjectRef) -> bool:
    """Whether a recipe has to read it."""
    return isinstance(parse_key(ref.key), RawKey)


def look_up(refs: Iterable[ObjectRef], landing: LandingObjects) -> tuple[list[ObjectRef], list[ObjectRef]]:
    """Split objects into those that exist and those that do not. After a deletion the key's present state counts,
    since events arrive late, twice, and in any order. So it does for what an audit found, whose version no listing
    names: it is read as one version, whatever is uploaded meanwhile."""
    there, gone = [], []
    for ref in refs:
        if ref.version_id and not ref.deleted:
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
    """What the checks of this round wrote; for a round without checks, its objects."""
    text = work.get(checked_path(batch))
    return CheckedBatch.model_validate_json(text) if text else CheckedBatch(objects=read_batch(work, batch))


def read_batch(work: WorkFiles, path: str) -> tuple[ObjectRef, ...]:
    """The objects of a taken batch."""
    return Refs.validate_json(work.get(path) or "[]", extra="ignore")
