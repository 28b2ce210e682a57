"""The owner's part of a pin: tables first, on locations where nothing lies; objects once central has closed the tables.

Nothing here needs the product's lease: object versions do not change, and a pin's keys are its own. Every step may be
repeated.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from mesh.domain.events import Envelope, Event, Metadata, Model, PinOrdered, PinReported, follow, read_event
from mesh.domain.manifest import Manifest, PinnedObject, VersionGone, definition_of
from mesh.domain.names import copied_path, resource_link
from mesh.domain.pinned_tables import PIN, Place, require_copyable
from mesh.domain.pins import PinnedTableTaken
from mesh.domain.product import ConcurrentChange
from mesh.ports import Catalog, Clock, ObjectVersions, PinnedCopies, Trace, WorkFiles
from mesh.usecases.manifests import read_manifest
from mesh.usecases.restore_version import MAX_LISTED, require_all, side_by_side

_AT_ONCE: Final = 64
_ROUND: Final = timedelta(minutes=4)
"""For so long one call takes on more copies; the machine calls again while some remain."""
_REMOVED_AT_ONCE: Final = 20_000


class PinCommand(Model):
    """An order, and the ARN of the execution that does it."""

    envelope: Envelope
    execution: str


class PinStep(Model):
    """How far a step is: it is called again while `remaining`, and then there is a report for central."""

    remaining: int
    report: Event[PinReported] | None = None


def prepare_pin(
    command: PinCommand, *, bucket: str, catalog: Catalog, versions: ObjectVersions, trace: Trace
) -> PinStep:
    """Look for every pinned version, then make the tables, on locations where nothing lies.

    Raises VersionGone, ManifestDamaged, TooLargeToPin, UnsafeKey, PinnedTableTaken before anything is made;
    ConcurrentChange while the tables of an earlier pin of the version are still there; MalformedEvent.
    """
    event = read_event(PinOrdered, command.envelope)
    order, place = event.data, _place(event.data, bucket)
    manifest = read_manifest(bucket, order.manifest, versions)
    require_copyable(manifest, place)
    require_all(manifest, bucket, order.version, versions)
    link = resource_link(order.product)
    wanted = [place.definition(table) for table in manifest.tables]
    missing = [definition for definition in wanted if not _is_there(definition, link, catalog)]
    for definition in missing:
        catalog.create_table(link, definition)
    facts = _facts(order, command)
    trace.note(event.metadata.correlation_id, "pin prepared", **facts, tables=len(wanted))
    return PinStep(remaining=0, report=_report(event, manifest))


def fill_pin(
    command: PinCommand,
    *,
    bucket: str,
    catalog: Catalog,
    versions: ObjectVersions,
    copies: PinnedCopies,
    work: WorkFiles,
    clock: Clock,
    trace: Trace,
) -> PinStep:
    """Copy the objects by their version ids, for some minutes a call, then register the partitions.

    Raises VersionGone, ManifestDamaged, MalformedEvent.
    """
    event = read_event(PinOrdered, command.envelope)
    order, place = event.data, _place(event.data, bucket)
    manifest = read_manifest(bucket, order.manifest, versions)
    notes = copied_path(order.product, order.pin)
    done: dict[str, str] = json.loads(work.get(notes) or "{}")
    waiting = [item for item in manifest.objects().values() if item.key not in done]
    until = clock.now() + _ROUND
    while waiting and clock.now() < until:
        batch, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        _copy(batch, place, order.version, copies)
        done |= {item.key: item.version_id or "" for item in batch}
    work.put(notes, json.dumps(done, sort_keys=True))
    if waiting:
        return PinStep(remaining=len(waiting))
    link = resource_link(order.product)
    for table in manifest.tables:
        catalog.create_partitions(link, place.definition(table)["Name"], list(place.partitions(table)))
    facts = _facts(order, command)
    trace.note(event.metadata.correlation_id, "pin filled", **facts, objects=len(done))
    return PinStep(remaining=0, report=_report(event, manifest))


def remove_pin(command: PinCommand, *, bucket: str, copies: PinnedCopies, trace: Trace) -> PinStep:
    """Remove all copies of a pin, for good. Where none are there (any more) it is done. Raises MalformedEvent."""
    event = read_event(PinOrdered, command.envelope)
    order = event.data
    removed = copies.remove_below(bucket, _place(order, bucket).prefix, _REMOVED_AT_ONCE)
    if removed >= _REMOVED_AT_ONCE:
        return PinStep(remaining=removed)
    facts = _facts(order, command)
    trace.note(event.metadata.correlation_id, "pin removed", **facts)
    return PinStep(remaining=0, report=_report(event, None))


def _facts(order: PinOrdered, command: PinCommand) -> dict[str, object]:
    return {"product": order.product, "version": order.version, "pin": order.pin, "execution": command.execution}


def _place(order: PinOrdered, bucket: str) -> Place:
    return Place(bucket=bucket, product=order.product, version=order.version, pin=order.pin)


def _is_there(definition: Mapping[str, Any], link: str, catalog: Catalog) -> bool:
    """Whether this pin has the table already. Raises PinnedTableTaken, ConcurrentChange."""
    name = definition["Name"]
    found = catalog.table(link, name)
    if found is None:
        return False
    holder = definition_of(found).get("Parameters", {}).get(PIN)
    if holder is None:
        raise PinnedTableTaken(
            f"there is a table {name} that is no pinned version",
            table=name,
            remedy="Rename it: names that end in __v and a number are for pinned versions.",
        )
    if holder != definition["Parameters"][PIN]:
        raise ConcurrentChange(f"{name} still belongs to {holder}, which is ending", table=name)
    return True


def _copy(batch: Sequence[PinnedObject], place: Place, version: int, copies: PinnedCopies) -> None:
    def one(item: PinnedObject) -> bool:
        return copies.copy_version(place.bucket, item.key, item.version_id or "", place.target(item.key))

    found = side_by_side(one, batch)
    gone = [item.key for item, copied in zip(batch, found, strict=True) if not copied]
    if gone:
        raise VersionGone(
            f"{len(gone)} objects of version {version} do not exist any more",
            product=place.product,
            version=version,
            missing=gone[:MAX_LISTED],
            remedy="Choose another version: mesh history.",
        )


def _report(event: Event[PinOrdered], manifest: Manifest | None) -> Event[PinReported]:
    """The same for every attempt."""
    order, items = event.data, manifest.objects().values() if manifest else ()
    cause = Metadata(id=event.metadata.id, correlation_id=event.metadata.correlation_id)
    return Event[PinReported](
        metadata=follow(cause, "pin", order.step).model_copy(update={"time": event.metadata.time}),
        data=PinReported(
            product=order.product,
            version=order.version,
            pin=order.pin,
            step=order.step,
            tables=tuple(table.table for table in manifest.tables) if manifest else (),
            objects=len(items),
            bytes=sum(item.size for item in items),
        ),
    )
