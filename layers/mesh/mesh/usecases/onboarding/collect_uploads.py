"""Record arrived objects, reject those that cannot be data, and start one run for each product."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress

from mesh.domain.errors import Rejected
from mesh.domain.events import stable_id
from mesh.domain.model import Model
from mesh.domain.names import execution_name
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import REFUSAL_SUFFIX, DataKey, RawKey, RecipeKey, parse_key
from mesh.ports import Bus, Clock, Executions, Objects, RawUploads, Trace, Uploads
from mesh.usecases.onboarding.receive_recipe import receive_recipe
from mesh.usecases.onboarding.refusal_reports import report_refusal
from mesh.usecases.onboarding.rounds import Start


class Arrival(Model):
    """One `Object Created` event. `event_id` is EventBridge's."""

    event_id: str
    ref: ObjectRef


class Refused(Model):
    """An object that cannot belong to a table; it stays where it is, with a report."""

    ref: ObjectRef
    reason: dict[str, object]


class Collected(Model):
    """The outcome for a batch of arrivals. `ignored`: folder markers, reports, duplicates, older versions."""

    started: tuple[str, ...]
    pending: int
    ignored: int
    refused: tuple[Refused, ...]


def collect_uploads(
    arrivals: Sequence[Arrival],
    *,
    uploads: Uploads,
    raw: RawUploads,
    objects: Objects,
    executions: Executions,
    bus: Bus,
    trace: Trace,
    clock: Clock,
) -> Collected:
    """Record each new object as pending, then start `onboard-upload` once for each product; report what is refused.

    None is started where a run will take these objects anyway: the lease's holder drops the lease first and then
    looks for more (this writes first and looks then), and a product that central has yet to register gets a run
    once it is. So a million uploads need few runs.

    Raw objects are pending like data: the run applies the recipe to them. A recipe is checked and recorded, and
    objects that waited for it become pending.

    S3 delivers at least once and unordered: an event that is not newer than the last one of its key is ignored. The
    runs' names are derived from the arrivals, so a batch that SQS redelivers starts nothing twice.
    """
    by_product, refused, ignored = _sorted(arrivals, objects, raw)
    started, pending = [], 0
    for product, items in by_product.items():
        correlation_id = stable_id(product, *sorted(item.event_id for item in items))
        refs = [item.ref for item in items if recipe_product(item.ref) is None]
        created = {ref.key for ref in refs if not ref.deleted}
        uploaded = [ref for ref in refs if ref.key in created or not _ignored(ref, uploads)]
        new = uploads.add_pending(product, uploaded, correlation_id)
        pending += len(new)
        ignored += len(items) - len(new)
        if not new:  # an earlier attempt may have come this far without starting a run
            if not uploads.has_pending(product):
                continue
            trace.note(correlation_id, "uploads received", product=product, objects=0)
        standing = uploads.standing(product)
        if standing.facts is None:
            uploads.list_product(product)
        if not standing.may_start(clock.now()):
            continue
        name = execution_name(product, correlation_id)
        executions.start(name, Start(product=product, correlation_id=correlation_id).model_dump_json())
        started.append(name)
    for item in refused:
        product = item.ref.key.partition("/")[0] or "?"
        report_refusal(item.ref, item.reason, product=product, objects=objects, bus=bus, clock=clock)
    _note_recipes(arrivals, raw)
    return Collected(started=tuple(started), pending=pending, ignored=ignored, refused=tuple(refused))


def _sorted(
    arrivals: Sequence[Arrival], objects: Objects, raw: RawUploads
) -> tuple[dict[str, list[Arrival]], list[Refused], int]:
    """Arrivals by product, rejected objects, and how many are ignored. Recipes are received on the way."""
    by_product: dict[str, list[Arrival]] = defaultdict(list)
    refused: list[Refused] = []
    ignored = 0
    for arrival in arrivals:
        try:
            product = product_of(arrival.ref)
            if product is None and not arrival.ref.deleted and (recipe_of := recipe_product(arrival.ref)):
                if receive_recipe(arrival.ref, recipe_of, objects=objects, raw=raw):
                    by_product[recipe_of].append(arrival)
                continue
        except Rejected as reason:
            if arrival.ref.deleted:  # there is no object to report on
                ignored += 1
                continue
            refused.append(Refused(ref=arrival.ref, reason=reason.to_dict()))
            continue
        if product is None:
            ignored += 1
            continue
        by_product[product].append(arrival)
    return by_product, refused, ignored


def _note_recipes(arrivals: Sequence[Arrival], raw: RawUploads) -> None:
    """Last of all: one that fails before is repeated, by its event or by the next audit."""
    for arrival in arrivals:
        with suppress(Rejected):  # a key that cannot be a recipe's: it was reported
            product = recipe_product(arrival.ref)
            if product is not None and not arrival.ref.deleted:
                raw.note_recipe(product, arrival.ref)


def _ignored(ref: ObjectRef, uploads: Uploads) -> bool:
    """A deletion that changes nothing: the product was never declared, and nobody knows the object. One that is known
    waits, for a contract or a recipe, as a version that S3 still has."""
    if not ref.deleted:
        return False
    key = parse_key(ref.key)
    if not isinstance(key, DataKey | RawKey):
        return True
    return uploads.product(key.product) is None and not uploads.known(key.product, [ref.key])


def product_of(ref: ObjectRef) -> str | None:
    """The product whose data, or raw data, this is; `None` for other keys. Raises UnsafeKey, UnknownPrefix, …"""
    folders = ref.key.split("/")
    if folders[0] == "reports" and ref.key.endswith(REFUSAL_SUFFIX):
        return None
    key = parse_key(ref.key)
    if isinstance(key, RawKey) and any(segment[0] in "_." for segment in folders[3:]):
        return None  # as below data/: `_SUCCESS`, `.crc`
    return key.product if isinstance(key, DataKey | RawKey) else None


def recipe_product(ref: ObjectRef) -> str | None:
    """The product whose recipe this is; `None` for all else."""
    if not ref.key.endswith("/recipe.json") or ref.key.count("/") != 1:
        return None  # the key of a report outside any product cannot be parsed
    key = parse_key(ref.key)
    return key.product if isinstance(key, RecipeKey) else None
