"""The account that has them is notified of files of ended versions that nothing needs any more, and of what stays."""

from collections.abc import Collection, Iterable, Sequence
from itertools import batched
from typing import Final

from mesh.domain.contracts.product import Product, ProductVersion
from mesh.domain.events import FilesKept, FilesReleased, Metadata
from mesh.domain.publishing.keeping import kept_files
from mesh.domain.publishing.places import SCHEME
from mesh.ports import MemberTopics, Proposals
from mesh.usecases.central_context import CentralContext
from mesh.usecases.member_notifications import notify_member

_AT_ONCE: Final = 200


def tell_kept(
    product: Product,
    versions: Sequence[ProductVersion],
    going: Collection[int],
    cause: Metadata,
    *,
    context: CentralContext,
    topics: MemberTopics,
) -> None:
    """Table by table: what stays of `versions`, all of the product, but those that are `going`."""
    for table in sorted({snapshot.table for version in versions for snapshot in version.tables}):
        kept = kept_files(versions, going, table)
        for bucket, account in product.buckets.items():
            if staying := _in(bucket, kept):
                news = FilesKept(product=product.name, table=table, kept=tuple(map(_name, staying)))
                notify_member(account, news, cause, "kept", table, context=context, topics=topics)


def release_versions(
    product: Product,
    numbers: Collection[int],
    cause: Metadata,
    *,
    context: CentralContext,
    topics: MemberTopics,
    proposals: Proposals,
) -> int:
    """Table by table: what is released, and what stays; how many files were released. What central knew of the files is
    forgotten. Idempotent.

    Only versions that are marked are released, whatever is asked. What they share with versions that another run
    releases at the same time, each of the two takes for kept: the one that ends last looks again.
    """
    count, beside = 0, set[int]()
    while True:
        versions = list(context.registry.versions(product.name))
        gone = [version for version in versions if version.version in numbers and version.ended is not None]
        count += _release(product, versions, gone, cause, beside, context=context, topics=topics, proposals=proposals)
        before = _released(versions, numbers)
        beside = _released(context.registry.versions(product.name), numbers)
        if beside == before:
            break
    facts = {"product": product.name, "versions": sorted(each.version for each in gone), "files": count}
    context.trace.note(cause.correlation_id, "files released", **facts)
    return count


def _released(versions: Iterable[ProductVersion], but: Collection[int]) -> set[int]:
    return {
        each.version
        for each in versions
        if each.version not in but and each.ended is not None and each.ended.released is not None
    }


def _release(
    product: Product,
    versions: Sequence[ProductVersion],
    gone: Sequence[ProductVersion],
    cause: Metadata,
    beside: Collection[int],
    *,
    context: CentralContext,
    topics: MemberTopics,
    proposals: Proposals,
) -> int:
    """`beside`: what other runs have released meanwhile; what is said then is another message."""
    marked, again = {version.version for version in gone}, sorted(beside)[-1:]
    count = 0
    for table in sorted({snapshot.table for version in gone for snapshot in version.tables}):
        kept = kept_files(versions, marked, table)
        files = {snapshot.metadata for version in gone for snapshot in version.tables if snapshot.table == table}
        for bucket, account in product.buckets.items():
            going, staying = _in(bucket, files - kept), _in(bucket, kept)
            for number, part in enumerate(batched(going, _AT_ONCE, strict=False)):
                news = FilesReleased(
                    product=product.name,
                    table=table,
                    released=tuple(map(_name, part)),
                    kept=tuple(map(_name, staying)),
                )
                parts = ("released", table, number, *again)
                notify_member(account, news, cause, *parts, context=context, topics=topics)
                count += len(part)
        proposals.forget_tables(product.name, table, files - kept)
    now = context.clock.now()
    for version in gone:
        if version.ended is not None and version.ended.released is None:
            end = version.ended.evolve(released=now)
            context.registry.end_version(product.name, version.version, end)
    return count


def _in(bucket: str, files: Collection[str]) -> list[str]:
    """Whoever has the bucket deletes, and reads what is kept."""
    return sorted(file for file in files if file.startswith(f"{SCHEME}{bucket}/"))


def _name(location: str) -> str:
    return location.rpartition("/")[2]
