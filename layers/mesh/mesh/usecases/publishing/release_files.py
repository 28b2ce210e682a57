"""The account that has them deletes what only ended versions needed, with all versions of each object, and looks
whether all is there that is kept.

What a kept version needs is looked up first: when that cannot be read nothing is deleted. Data files go first, then the
manifests that list them, then the list of these, and the metadata file last, so that a repetition finds what is left.

Messages come late, and in another order: of a version that ended since, nothing is left, not even the marker that stays
of what somebody else deleted. Then there may be newer versions as well, and whatever is there is taken as kept.

Data files of proposals that came to nothing, and of steps that were taken twice, are listed by no version. Those that
were written `ABANDONED` before central said what is kept go, when no run that wrote them can publish them any more.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from mesh.domain.errors import Rejected
from mesh.domain.events import Event, FilesKept, FilesReleased
from mesh.domain.model import Model
from mesh.domain.names import table_location
from mesh.domain.publishing.places import bucket_and_key
from mesh.domain.publishing.staging import Reach
from mesh.ports import Reaching, RemovedObjects, Trace

ABANDONED: Final = timedelta(days=3)
"""A run ends within 36 hours (`TimeoutSeconds` of onboard-upload), and a restarted run writes new files."""
_MOST: Final = 5
_HOW: Final = 'docs/versions.md, "Files that are gone"'


class KeptFileGone(Rejected):
    """A file that a kept version needs is not there."""


class Removed(Model):
    """How many object versions went."""

    product: str
    table: str
    objects: int


def release_files(
    event: Event[FilesReleased] | Event[FilesKept],
    *,
    bucket: str,
    reaching: Reaching,
    removed: RemovedObjects,
    trace: Trace,
) -> Removed:
    """Idempotent. Raises KeptFileGone: for a metadata file or manifest before anything is deleted, for a data file
    afterwards."""
    news, table = event.data, _Table(event.data, bucket, reaching, removed)
    released = [name for name in (news.released if isinstance(news, FilesReleased) else ()) if name not in news.kept]
    kept, late = table.needed(news.kept)
    if late and released:
        kept, _ = table.needed(table.names() - set(released))
    count = sum(table.remove(name, kept) for name in released)
    if not late:
        count += removed.remove_others(bucket, f"{table.prefix}data/", kept, event.metadata.time - ABANDONED)
    if released or count:
        facts = {"product": news.product, "table": news.table, "files": len(released), "objects": count}
        trace.note(event.metadata.correlation_id, "files removed", **facts)
    if not late:
        table.require(kept)
    return Removed(product=news.product, table=news.table, objects=count)


class _Table:
    """The table's folder in the bucket; files are keys."""

    def __init__(self, news: FilesKept, bucket: str, reaching: Reaching, removed: RemovedObjects) -> None:
        self._news, self._bucket, self._reaching, self._removed = news, bucket, reaching, removed
        self._location = table_location(bucket, news.product, news.table)
        self.prefix = f"{bucket_and_key(f'{self._location}/x')[1].removesuffix('x')}"

    def names(self) -> set[str]:
        """Of all metadata files that are there."""
        below = f"{self.prefix}metadata/"
        found = self._removed.present(self._bucket, below)
        return {key.removeprefix(below) for key in found if key.endswith(".metadata.json")}

    def needed(self, names: Iterable[str]) -> tuple[frozenset[str], bool]:
        """All that these metadata files need; whether one of them is gone for good. Raises KeptFileGone."""
        found, gone = set[str](), False
        for name in names:
            metadata = self._metadata(name)
            try:
                found |= self._keys(self._reaching.of(metadata).all)
            except Rejected as lost:
                if self._removed.has_any(self._bucket, bucket_and_key(metadata)[1]):
                    raise self._gone([f"metadata/{name}"], str(lost)) from lost
                gone = True
        return frozenset(found), gone

    def remove(self, name: str, kept: frozenset[str]) -> int:
        """What the metadata file needs, and nothing in `kept` is; how many object versions."""
        reach = self._reaching.remains(self._metadata(name))
        count = 0
        for part in _from_data_to_metadata(reach) if reach is not None else ():
            keys = self._keys(part) - kept
            count += self._removed.remove(self._bucket, self.prefix, keys) if keys else 0
        return count

    def require(self, kept: frozenset[str]) -> None:
        """Raises KeptFileGone unless all are there."""
        if gone := sorted(kept - self._removed.present(self._bucket, self.prefix)):
            raise self._gone([key.removeprefix(self.prefix) for key in gone])

    def _metadata(self, name: str) -> str:
        return f"{self._location}/metadata/{name}"

    def _keys(self, places: Iterable[str]) -> set[str]:
        """Those in the folder."""
        return {bucket_and_key(each)[1] for each in places if each.startswith(f"{self._location}/")}

    def _gone(self, names: list[str], why: str = "") -> KeptFileGone:
        news = self._news
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        return KeptFileGone(
            f"versions of {news.product} that are kept cannot be read any more: {', '.join(names[:_MOST])}{more} of "
            f"{news.table} {'is' if len(names) == 1 else 'are'} not there{f' ({why})' if why else ''}",
            table=news.table,
            files=names[:_MOST],
            remedy=f"Bring it back, or withdraw the versions: {_HOW}",
        )


def _from_data_to_metadata(reach: Reach) -> tuple[frozenset[str], ...]:
    return reach.data, reach.manifests, reach.beside, frozenset({reach.metadata})
