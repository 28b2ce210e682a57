"""The manifest of each batch: written before the batch is announced, read when a version is to come back."""

from collections.abc import Iterable, Mapping

from mesh.domain.counting import ObjectCount
from mesh.domain.events import ManifestPointer
from mesh.domain.formats.model import ObjectRef
from mesh.domain.keys import manifest_key
from mesh.domain.manifest import Manifest, PinnedObject, PinnedTable, VersionGone, digest, extended
from mesh.ports import ObjectVersions, Uploads

_CONTENT_TYPE = "application/gzip"


def read_manifest(bucket: str, pointer: ManifestPointer, versions: ObjectVersions) -> Manifest:
    """The manifest behind a pointer. Raises VersionGone when it is not there, ManifestDamaged when it is another."""
    body = versions.fetch(bucket, pointer.key, pointer.version_id)
    if body is None:
        raise VersionGone(
            f"the manifest s3://{bucket}/{pointer.key} is gone",
            bucket=bucket,
            key=pointer.key,
            version_id=pointer.version_id,
            remedy="Choose another version: mesh history.",
        )
    return Manifest.from_bytes(body, pointer.sha256)


def write_manifest(manifest: Manifest, *, versions: ObjectVersions, uploads: Uploads) -> ManifestPointer:
    """Store it, and record it as the newest. Repeatable: the same manifest has the same bytes at the same key."""
    body, key = manifest.to_bytes(), manifest_key(manifest.product, manifest.generation)
    version_id = versions.store(manifest.bucket, key, body, _CONTENT_TYPE)
    count = sum(len(table.objects) for table in manifest.tables)
    pointer = ManifestPointer(key=key, version_id=version_id, sha256=digest(body), objects=count)
    uploads.record_manifest(manifest.product, manifest.generation, pointer)
    return pointer


def extend_manifest(
    product: str,
    bucket: str,
    generation: int,
    batch: Iterable[PinnedTable],
    *,
    versions: ObjectVersions,
    uploads: Uploads,
) -> tuple[ManifestPointer, Manifest]:
    """The manifest after a batch, from the newest one. A batch that has its manifest already keeps it."""
    newest = uploads.manifest(product)
    previous = read_manifest(bucket, newest[1], versions) if newest is not None else None
    if newest is not None and previous is not None and newest[0] == generation:
        return newest[1], previous
    manifest = extended(previous, product=product, bucket=bucket, generation=generation, batch=batch)
    return write_manifest(manifest, versions=versions, uploads=uploads), manifest


def pinned(counts: Iterable[ObjectCount], refs: Mapping[str, ObjectRef]) -> tuple[PinnedObject, ...]:
    """What was counted, by the version that the batch is about. `refs` are the batch's objects by key."""
    return tuple(
        PinnedObject(
            key=count.key,
            version_id=refs[count.key].version_id,
            size=count.bytes,
            etag=refs[count.key].etag,
            rows=count.rows,
            rows_exact=count.rows_exact,
        )
        for count in counts
    )
