"""Which versions are kept: the newest, recent ones, pinned ones, and those that the present one consists of."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mesh.domain.contracts.product import ProductVersion
from mesh.domain.errors import Rejected

MOST_VERSIONS: Final = 2_000
"""Of a product, that retention keeps, however young. `FilesReleased` names the metadata files that stay: those of as
many versions, and of those that ended since the last check and in their grace period, one in 30 s at most."""


class UnknownVersion(Rejected):
    """A version that was never published."""


class VersionEnded(Rejected):
    """A version that was withdrawn, or is older than what is kept: it cannot be restored, pinned or compared."""


class NeedsExpress(Rejected):
    """A version of Hive tables: nothing of it is kept, so it cannot be restored, pinned or withdrawn."""


class VersionGone(Rejected):
    """A metadata file of the version no longer exists, has changed, or was never read by central."""


class ObjectPresent(Rejected):
    """The present version has rows of the object."""


class NothingToWithdraw(Rejected):
    """No version was named, or none that is kept has rows of the object."""


class PresentVersion(Rejected):
    """The present version cannot be withdrawn."""


@dataclass(frozen=True)
class Retention:
    """The last `versions` are kept, and those of the last `age`. Ended versions are deleted after `grace`: longer than
    the longest query, which may still read them."""

    versions: int
    age: timedelta
    grace: timedelta


def require_known(version: ProductVersion | None, product: str, number: int) -> ProductVersion:
    """The version, as it was looked up. Raises UnknownVersion."""
    if version is None:
        raise UnknownVersion(
            f"{product} has no version {number}",
            product=product,
            version=number,
            remedy=f"mesh history {product} lists the versions.",
        )
    return version


def require_kept(version: ProductVersion) -> None:
    """Raises VersionEnded."""
    if version.ended is not None:
        raise VersionEnded(
            f"version {version.version} of {version.product} was {_WORDS[version.ended.status]} on "
            f"{version.ended.at:%Y-%m-%d}{': ' if version.ended.reason else ''}{version.ended.reason}",
            product=version.product,
            version=version.version,
            status=version.ended.status,
            remedy=f"Its data is deleted. mesh history {version.product} lists the versions that are kept.",
        )


_WORDS = {"withdrawn": "withdrawn", "expired": "dropped by retention"}


def require_metadata(version: ProductVersion) -> None:
    """Raises NeedsExpress where the version has no metadata files."""
    if not version.staged:
        raise NeedsExpress(
            f"version {version.version} of {version.product} is not kept: its tables are Hive tables",
            product=version.product,
            version=version.version,
            remedy="Set crawl: express in the contract of a new product; a Hive table keeps no versions.",
        )


def require_not_present(wanted: Iterable[ProductVersion], last: ProductVersion) -> None:
    """Raises PresentVersion for the present version, and for one that the present one restored."""
    for version in wanted:
        if version.version == last.version or _files(version) == _files(last):
            again = "" if version.version == last.version else f", version {last.version},"
            raise PresentVersion(
                f"version {version.version} of {version.product} is what consumers read now{again}",
                product=version.product,
                version=version.version,
                remedy="Publish without the data in question, or roll back to another version; then withdraw this one.",
            )


def outdated(
    versions: Sequence[ProductVersion], pinned: Collection[int], retention: Retention, now: datetime
) -> tuple[ProductVersion, ...]:
    """Those of `versions` (all of a product, newest first) that are to end: the old ones, and those beyond
    MOST_VERSIONS."""
    if not versions:
        return ()
    kept = [version for version in versions if version.ended is None]
    return tuple(
        version
        for place, version in enumerate(kept)
        if place >= max(retention.versions, 1)
        and (place >= MOST_VERSIONS or version.published < now - retention.age)
        and version.version not in pinned
        and version.staged
        and _files(version) != _files(versions[0])
    )


def released(versions: Iterable[ProductVersion], retention: Retention, now: datetime) -> tuple[ProductVersion, ...]:
    """Ended versions past their grace period of which the owner was not notified yet."""
    return tuple(
        version
        for version in versions
        if version.ended is not None
        and version.ended.released is None
        and (version.ended.status == "withdrawn" or version.ended.at + retention.grace <= now)
    )


def kept_files(versions: Iterable[ProductVersion], released: Collection[int], table: str) -> set[str]:
    """Metadata files of a table that must stay: those of all other versions whose files are not released, and the one
    that it began with."""
    kept = set()
    for version in versions:
        gone = version.version in released or (version.ended is not None and version.ended.released is not None)
        for snapshot in version.tables:
            if snapshot.table == table:
                kept |= {snapshot.empty} | (set() if gone else {snapshot.metadata})
    return kept - {""}


def _files(version: ProductVersion) -> dict[str, str]:
    return {table.table: table.metadata for table in version.tables}
