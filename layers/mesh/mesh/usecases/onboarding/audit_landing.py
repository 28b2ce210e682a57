"""Once a day the bucket is compared with what is known of it: S3's events are lost where somebody changes the bucket's
notifications, or the rule that takes them, and puts them right again.

What was deleted meanwhile is not found: the bucket's own lifecycle rule deletes what is published.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mesh.domain.errors import Rejected
from mesh.domain.events import stable_id
from mesh.domain.model import Model
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.landing import LATE, LandingAudit, ListedObject, missed
from mesh.ports import Clock, LandingObjects, Trace, Uploads
from mesh.usecases.onboarding.collect_uploads import Arrival, Collected, product_of, recipe_product

EVERY: Final = timedelta(days=1)
PAGES: Final = 20
"""Of 1,000 objects, in one call; the next call goes on."""


@dataclass(frozen=True)
class Auditing:
    """The ports that an audit needs, and `collect_uploads` with its own."""

    uploads: Uploads
    landing: LandingObjects
    trace: Trace
    clock: Clock
    collect: Callable[[Sequence[Arrival]], Collected]


class Audited(Model):
    """How many objects were compared, and how many of them were missed and wait now. `over`: the whole bucket was."""

    compared: int = 0
    missed: int = 0
    over: bool = True


def audit_landing(bucket: str, *, using: Auditing) -> Audited:
    """Go on with the audit of the day, or begin it. What was missed is pending, as if its event had come; a
    missed recipe is in force, or refused. Repeatable at any point."""
    now, last = using.clock.now(), using.uploads.last_audit()
    if last is not None and last.over and now - last.began < EVERY:
        return Audited()
    audit = LandingAudit(began=now) if last is None or last.over else last
    compared = found = 0
    for _ in range(PAGES):
        page = using.landing.listed(bucket, audit.after)
        compared += len(page.objects)
        found += _take(bucket, page.objects, audit, now, using)
        audit = audit.evolve(after=_beyond(page.after), over=not page.after)
        using.uploads.keep_audit(audit)
        if audit.over:
            break
    return Audited(compared=compared, missed=found, over=audit.over)


def _take(bucket: str, objects: Iterable[ListedObject], audit: LandingAudit, now: datetime, using: Auditing) -> int:
    by_product: dict[str, list[ObjectRef]] = defaultdict(list)
    for ref, modified in objects:
        product = _product(ref)
        if product and now - modified >= LATE:
            by_product[product].append(ref)
    unknown = {product: news for product, refs in by_product.items() if (news := _unknown(product, refs, using))}
    there = _listed_again(bucket, audit, using) if unknown else {}
    count = 0
    for product, unheard in unknown.items():
        news = [ref for ref in unheard if there.get(ref.key) == ref.etag]
        recipes = [ref for ref in news if recipe_product(ref)]
        correlation_id = stable_id(product, audit.began.isoformat(), by_product[product][0].key)
        data = [ref for ref in news if ref not in recipes]
        added = using.uploads.add_pending(product, data, correlation_id) if data else []
        if added:
            using.uploads.list_product(product)
        if missing := [*added, *recipes]:
            keys = [ref.key for ref in missing[:10]]
            using.trace.note(correlation_id, "uploads were missed", product=product, objects=len(missing), keys=keys)
        using.collect([_arrival(ref, audit, using.landing) for ref in recipes])
        count += len(missing)
    return count


def _unknown(product: str, refs: Sequence[ObjectRef], using: Auditing) -> list[ObjectRef]:
    known = using.uploads.known(product, [ref.key for ref in refs])
    return [found for ref in refs if (found := missed(ref, known.get(ref.key)))]


def _listed_again(bucket: str, audit: LandingAudit, using: Auditing) -> dict[str, str]:
    """The page's digests by key, after what is known was read: an object that was replaced in between is known by its
    newer version, which the older one must not follow."""
    return {ref.key: ref.etag for ref, _ in using.landing.listed(bucket, audit.after).objects}


def _arrival(missing: ObjectRef, audit: LandingAudit, landing: LandingObjects) -> Arrival:
    """As its event would have named it: with the version, which a listing leaves out."""
    found = landing.present(missing.bucket, missing.key) or missing
    event_id = stable_id(missing.key, audit.began.isoformat())
    return Arrival(event_id=event_id, ref=found.evolve(sequencer=missing.sequencer))


def _product(ref: ObjectRef) -> str | None:
    """None for what is neither data nor a recipe; a key that cannot be data has its report, or is told when it comes
    again."""
    try:
        return product_of(ref) or recipe_product(ref)
    except Rejected:
        return None


def _beyond(after: str) -> str:
    """What Meshwork itself writes is passed over: `0` follows `/`."""
    product, slash, rest = after.partition("/")
    return f"{product}/published0" if slash and rest.startswith("published/") else after
