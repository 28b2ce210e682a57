"""The owner's account deletes what only ended versions needed, with all versions of each object.

What a kept version needs is looked up first: when that cannot be read nothing is deleted. Data files go first, then the
manifests that list them, then the list of these, and the metadata file last, so that a repetition finds what is left.

Data files of proposals that came to nothing, and of steps that were taken twice, are listed by no version. They go with
the next release of their table: those that were written `ABANDONED` before central said what is kept, when no run that
wrote them can publish them any more.
"""

from datetime import timedelta
from typing import Final

from mesh.domain.errors import Rejected
from mesh.domain.events import Event, FilesReleased
from mesh.domain.model import Model
from mesh.domain.names import table_location
from mesh.domain.publishing.places import bucket_and_key
from mesh.ports import Reaching, RemovedObjects, Trace

ABANDONED: Final = timedelta(days=3)
"""A run ends within 36 hours (`TimeoutSeconds` of onboard-upload), and a restarted run writes new files."""


class KeptFileGone(Rejected):
    """A metadata file that is to stay cannot be read: what it needs is not known."""


class Removed(Model):
    """How many object versions went."""

    product: str
    table: str
    objects: int


def release_files(
    event: Event[FilesReleased], *, bucket: str, reaching: Reaching, removed: RemovedObjects, trace: Trace
) -> Removed:
    """Idempotent. Raises KeptFileGone before anything is deleted."""
    news = event.data
    location = table_location(bucket, news.product, news.table)
    kept = _kept(news, location, reaching)
    prefix = f"{bucket_and_key(f'{location}/x')[1].removesuffix('x')}"
    count = 0
    for name in news.released:
        if name in news.kept:
            continue
        metadata = f"{location}/metadata/{name}"
        reach = reaching.remains(metadata)
        for part in (reach.data, reach.manifests, reach.beside, {metadata}) if reach is not None else ():
            keys = {bucket_and_key(each)[1] for each in part - kept if each.startswith(f"{location}/")}
            count += removed.remove(bucket, prefix, keys) if keys else 0
    in_use = {bucket_and_key(each)[1] for each in kept}
    count += removed.remove_others(bucket, f"{prefix}data/", in_use, event.metadata.time - ABANDONED)
    facts = {"product": news.product, "table": news.table, "files": len(news.released), "objects": count}
    trace.note(event.metadata.correlation_id, "files removed", **facts)
    return Removed(product=news.product, table=news.table, objects=count)


def _kept(news: FilesReleased, location: str, reaching: Reaching) -> frozenset[str]:
    kept: frozenset[str] = frozenset()
    for name in news.kept:
        try:
            kept |= reaching.of(f"{location}/metadata/{name}").all
        except Rejected as lost:
            raise KeptFileGone(
                f"{name} of {news.table} cannot be read, so nothing was deleted: {lost}",
                table=news.table,
                metadata=name,
                remedy="mesh doctor says what is wrong with the bucket; the failed event is in its queue.",
            ) from lost
    return kept
