"""Objects arrived: remember them, refuse those that cannot be data, start one run for each product."""

from collections import defaultdict
from collections.abc import Sequence

from mesh.domain.errors import Rejected
from mesh.domain.events import Model, stable_id
from mesh.domain.formats.model import ObjectRef
from mesh.domain.keys import REPORT_SUFFIX, DataKey, parse_key
from mesh.domain.names import execution_name
from mesh.ports import Clock, Executions, Trace, Uploads


class Arrival(Model):
    """One `Object Created` event. `event_id` is EventBridge's."""

    event_id: str
    ref: ObjectRef


class Refused(Model):
    """An object that can belong to no table; it stays where it is, with a report."""

    ref: ObjectRef
    reason: dict[str, object]


class Collected(Model):
    """What became of a batch of arrivals. `ignored`: folder markers, reports, duplicates, older versions."""

    started: tuple[str, ...]
    pending: int
    ignored: int
    refused: tuple[Refused, ...]


def collect_uploads(
    arrivals: Sequence[Arrival], *, uploads: Uploads, executions: Executions, trace: Trace, clock: Clock
) -> Collected:
    """Record each new object as pending, then start `onboard-upload` once for each product.

    None is started where somebody will take these objects anyway: a run that holds the product's lease drops it first
    and looks for more after (we wrote first and look now), and a product that central has yet to register gets a run
    once it is. A million uploads are then few runs.

    S3 delivers at least once and unordered: an event that is not newer than what is known of its key is ignored. The
    runs' names follow from the arrivals, so a batch that SQS delivers again starts nothing twice.
    """
    by_product: dict[str, list[Arrival]] = defaultdict(list)
    refused: list[Refused] = []
    ignored = 0
    for arrival in arrivals:
        try:
            product = product_of(arrival.ref)
        except Rejected as reason:
            refused.append(Refused(ref=arrival.ref, reason=reason.to_dict()))
            continue
        if product is None:
            ignored += 1
            continue
        by_product[product].append(arrival)
    started, pending = [], 0
    for product, items in by_product.items():
        correlation_id = stable_id(product, *sorted(item.event_id for item in items))
        new = [item for item in items if uploads.add_pending(product, item.ref, correlation_id)]
        pending += len(new)
        ignored += len(items) - len(new)
        if not uploads.has_pending(product):
            continue
        trace.note(correlation_id, "uploads received", product=product, objects=len(new))
        facts = uploads.product(product)
        if (facts and facts["status"] != "registered") or uploads.lease_held(product, clock.now()):
            continue
        name = execution_name(product, correlation_id)
        executions.start(name, Start(product=product, correlation_id=correlation_id).model_dump_json())
        started.append(name)
    return Collected(started=tuple(started), pending=pending, ignored=ignored, refused=tuple(refused))


class Start(Model):
    """Input of `onboard-upload`."""

    product: str
    correlation_id: str


def product_of(ref: ObjectRef) -> str | None:
    """The product whose data this is; `None` for keys that are not data. Raises UnsafeKey, UnknownPrefix, …"""
    folders = ref.key.split("/")
    own_report = folders[0] == "quarantine" and ref.key.endswith(REPORT_SUFFIX)
    if own_report or folders[1:2] == ["quarantine"]:  # before its key is looked at: it lies there because it is bad
        return None
    key = parse_key(ref.key)
    return key.product if isinstance(key, DataKey) else None
