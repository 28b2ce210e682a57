"""The ports in memory. `tests/component/` runs one contract suite against these and against the real adapters."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from mesh.adapters.lakeformation import LakeFormationRefused
from mesh.adapters.storage import ObjectGone
from mesh.domain.access.lake import Lake
from mesh.domain.access.record import ASKING, OVER, Access, AlreadyAsked
from mesh.domain.counting import ObjectCount, TableTotal
from mesh.domain.curation.jobs import JobOrder, JobRun, JobState
from mesh.domain.events import ManifestPointer
from mesh.domain.formats.model import BytesReader, ObjectRef
from mesh.domain.keys import compare_sequencers
from mesh.domain.membership import Member, NotTheOwner
from mesh.domain.pins import Pins
from mesh.domain.product import ConcurrentChange, Product, ProductVersion, RollbackOrder
from mesh.domain.quarantine import HeldBatch, HeldStatus, Ticket
from mesh.ports import Part, Target

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


class FakeTrace:
    """Notes, in order: (correlation id, what, facts)."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, dict[str, object]]] = []

    def note(self, correlation_id: str, what: str, **facts: object) -> None:
        self.notes.append((correlation_id, what, facts))

    def said(self) -> list[str]:
        return [what for _, what, _ in self.notes]


class FakeRegistry:
    """Central's registry."""

    def __init__(self, *members: Member) -> None:
        self.members = {member.account: member for member in members}
        self.products: dict[str, Product] = {}
        self.recorded: dict[str, list[ProductVersion]] = {}
        self.subscriptions: dict[str, dict[str, datetime]] = {}
        self.notices: set[tuple[str, int, str]] = set()
        self.refusals: list[tuple[str, str, dict[str, Any]]] = []
        self.rollbacks: dict[tuple[str, str], RollbackOrder] = {}
        self.rolling: dict[str, tuple[str, datetime]] = {}
        self.held: dict[str, tuple[int, dict[str, Any]]] = {}
        self.kept: dict[str, Pins] = {}

    def member(self, account: str) -> Member | None:
        return self.members.get(account)

    def put_member(self, member: Member) -> None:
        self.members[member.account] = member

    def product(self, name: str) -> Product | None:
        return self.products.get(name)

    def claim_product(self, product: Product) -> Product:
        existing = self.products.get(product.name)
        if existing is not None:
            if existing.owner != product.owner:
                raise NotTheOwner(f"product {product.name} belongs to account {existing.owner}", owner=existing.owner)
            if compare_sequencers(product.contract_sequencer, existing.contract_sequencer) < 0:
                return existing
            product = product.model_copy(update={"version": existing.version, "status": existing.status})
        self.products[product.name] = product
        return product

    def mark_registered(self, name: str, at: datetime) -> None:
        self.products[name] = self.products[name].model_copy(update={"status": "registered"})

    def mark_retired(self, name: str, at: datetime) -> None:
        self.products[name] = self.products[name].model_copy(update={"status": "retired"})

    def latest_version(self, product: str) -> ProductVersion | None:
        versions = self.recorded.get(product)
        return versions[-1] if versions else None

    def version(self, product: str, number: int) -> ProductVersion | None:
        return next((version for version in self._versions(product) if version.version == number), None)

    def _versions(self, product: str) -> list[ProductVersion]:
        return self.recorded.get(product, [])

    def versions(self, product: str) -> Iterator[ProductVersion]:
        return iter(reversed(self._versions(product)))

    def begin_rollback(self, order: RollbackOrder, until: datetime) -> bool:
        request, end = self.rolling.get(order.product, (order.request, until))
        if request != order.request and end >= order.at:
            return False
        self.rolling[order.product] = (order.request, until)
        self.rollbacks.setdefault((order.product, order.request), order)
        return True

    def rollback(self, product: str, request: str) -> RollbackOrder | None:
        return self.rollbacks.get((product, request))

    def end_rollback(self, product: str, request: str, status: Literal["published", "refused"]) -> None:
        order = self.rollbacks.get((product, request))
        if order is not None and order.status == "started":
            self.rollbacks[product, request] = order.model_copy(update={"status": status})
        if self.rolling.get(product, ("", NOON))[0] == request:
            del self.rolling[product]

    def pins(self, product: str) -> Pins:
        return self.kept.get(product, Pins(product=product))

    def save_pins(self, pins: Pins) -> Pins:
        if pins.revision != self.pins(pins.product).revision:
            raise ConcurrentChange(f"the pins of {pins.product} changed meanwhile", product=pins.product)
        self.kept[pins.product] = pins.model_copy(update={"revision": pins.revision + 1})
        return self.kept[pins.product]

    def hold_back(self, product: str, event_id: str, reason: Mapping[str, Any], at: datetime) -> None:
        self.held[product] = (self.products[product].version, dict(reason))

    def held_back(self, product: str) -> bool:
        return product in self.held and self.held[product][0] == self.products[product].version

    def record_version(self, version: ProductVersion) -> ProductVersion:
        recorded = self.version_of_run(version.product, version.run)
        if recorded is not None:
            return recorded
        product = self.products[version.product]
        if version.version != product.version + 1:
            raise ConcurrentChange(f"version {version.version} of {version.product} was taken meanwhile")
        self.recorded.setdefault(version.product, []).append(version)
        self.products[version.product] = product.model_copy(update={"version": version.version})
        return version

    def version_of_run(self, product: str, run: str) -> ProductVersion | None:
        return next((version for version in self._versions(product) if version.run == run), None)

    def subscribe(self, product: str, account: str, at: datetime) -> None:
        self.subscriptions.setdefault(product, {}).setdefault(account, at)

    def unsubscribe(self, product: str, account: str) -> None:
        self.subscriptions.get(product, {}).pop(account, None)

    def subscribers(self, product: str) -> Iterator[str]:
        return iter(sorted(self.subscriptions.get(product, {})))

    def notice_sent(self, product: str, version: int, account: str) -> bool:
        return (product, version, account) in self.notices

    def record_notice(self, product: str, version: int, account: str, at: datetime) -> None:
        self.notices.add((product, version, account))

    def record_refusal(self, account: str, detail_type: str, reason: Mapping[str, Any], at: datetime) -> None:
        self.refusals.append((account, detail_type, dict(reason)))


class FakeCatalog:
    """One account's Glue catalog; a resource link's name stands for its target."""

    def __init__(self) -> None:
        self.databases: dict[str, dict[str, Any]] = {}
        self.links: dict[str, dict[str, str]] = {}
        self.tables: dict[tuple[str, str], dict[str, Any]] = {}
        self.partition_inputs: dict[tuple[str, str], dict[tuple[str, ...], Mapping[str, Any]]] = {}
        self.writes: list[str] = []
        self.statistics: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}

    def create_database(self, name: str, *, location: str, description: str, parameters: Mapping[str, str]) -> None:
        wanted = {"LocationUri": location, "Description": description, "Parameters": dict(parameters)}
        self.databases[name] = wanted
        self.writes.append(f"create_database {name}")

    def create_resource_link(self, name: str, *, catalog: str, database: str, region: str) -> None:
        self.links.setdefault(name, {"CatalogId": catalog, "DatabaseName": database, "Region": region})
        self.writes.append(f"create_resource_link {name}")

    def table(self, database: str, name: str) -> dict[str, Any] | None:
        found = self.tables.get((self._target(database), name))
        return dict(found) if found else None

    def create_table(self, database: str, table_input: Mapping[str, Any]) -> None:
        self._write("create_table", database, table_input)

    def drop_table(self, database: str, name: str) -> None:
        place = (self._target(database), name)
        self.tables.pop(place, None)
        self.partition_inputs.pop(place, None)
        self.writes.append(f"drop_table {name}")

    def put_statistics(self, database: str, table: str, statistics: Sequence[Mapping[str, Any]]) -> None:
        self.statistics[self._target(database), table] = {item["ColumnName"]: item for item in statistics}

    def update_table(self, database: str, table_input: Mapping[str, Any], *, archive: bool = True) -> None:
        self._write("update_table", database, table_input)

    def partitions(self, database: str, table: str, values: Sequence[Sequence[str]]) -> set[tuple[str, ...]]:
        known = self.partition_inputs.get((self._target(database), table), {})
        return {tuple(value) for value in values if tuple(value) in known}

    def create_partitions(self, database: str, table: str, inputs: Sequence[Mapping[str, Any]]) -> None:
        known = self.partition_inputs.setdefault((self._target(database), table), {})
        for item in inputs:
            known.setdefault(tuple(item["Values"]), item)

    def _write(self, what: str, database: str, table_input: Mapping[str, Any]) -> None:
        target = self._target(database)
        self.tables[target, table_input["Name"]] = {**table_input, "DatabaseName": target}
        self.writes.append(f"{what} {table_input['Name']}")

    def _target(self, database: str) -> str:
        link = self.links.get(database)
        return link["DatabaseName"] if link else database


class FakeCrawlers:
    """Crawlers and classifiers by name."""

    def __init__(self) -> None:
        self.classifiers: dict[str, dict[str, Any]] = {}
        self.crawlers: dict[str, dict[str, Any]] = {}

    def put_classifier(self, name: str, *, delimiter: str, header: Sequence[str], quote: str) -> None:
        self.classifiers[name] = {"delimiter": delimiter, "header": list(header), "quote": quote}

    def put_crawler(self, name: str, definition: Mapping[str, Any]) -> None:
        self.crawlers[name] = dict(definition)


class FakeLakeFormation:
    """One account's Lake Formation. `calls` are the writes, in order; tags inherit, the nearest value wins."""

    def __init__(self, tags: Mapping[str, Sequence[str]] | None = None) -> None:
        self.data_lake_settings: dict[str, Any] = {}
        self.tags: dict[str, tuple[str, ...]] = {key: tuple(values) for key, values in (tags or {}).items()}
        self.on: dict[tuple[str, ...], dict[str, str]] = {}
        self.locations: dict[str, str] = {}
        self.grants: list[dict[str, Any]] = []
        self.filters: dict[tuple[str, str, str], tuple[tuple[str, ...], str]] = {}
        self.calls: list[tuple[str, ...]] = []

    def settings(self) -> dict[str, Any]:
        return dict(self.data_lake_settings)

    def put_settings(self, settings: Mapping[str, Any]) -> None:
        self.data_lake_settings = dict(settings)
        self.calls.append(("put_settings",))

    def tag_values(self, key: str) -> tuple[str, ...] | None:
        return self.tags.get(key)

    def create_tag(self, key: str, values: Sequence[str]) -> None:
        self.tags.setdefault(key, tuple(values))

    def add_tag_values(self, key: str, values: Sequence[str]) -> None:
        self.tags[key] = tuple(dict.fromkeys((*self.tags[key], *values)))

    def tag_database(self, database: str, tags: Mapping[str, str]) -> None:
        self._assign((database,), tags)

    def tag_table(self, database: str, table: str, tags: Mapping[str, str]) -> None:
        self._assign((database, table), tags)

    def tag_columns(self, database: str, table: str, columns: Sequence[str], tags: Mapping[str, str]) -> None:
        for column in columns:
            self._assign((database, table, column), tags)

    def assigned_tags(self, database: str, table: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        columns = {
            place[2]: dict(tags) for place, tags in self.on.items() if place[:2] == (database, table) and place[2:]
        }
        return dict(self.on.get((database, table), {})), columns

    def table_tags(self, database: str, table: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        inherited = {**self.on.get((database,), {}), **self.on.get((database, table), {})}
        columns = {
            place[2]: {**inherited, **tags}
            for place, tags in self.on.items()
            if place[:2] == (database, table) and place[2:]
        }
        return inherited, columns

    def effective(self, database: str, table: str, column: str) -> dict[str, str]:
        """What a column has in the end, own or inherited."""
        inherited, columns = self.table_tags(database, table)
        return columns.get(column, inherited)

    def register_location(self, arn: str, role_arn: str) -> None:
        self.locations.setdefault(arn, role_arn)

    def grant(self, grants: Iterable[Mapping[str, Any]]) -> None:
        self.grants += [dict(grant) for grant in grants if dict(grant) not in self.grants]

    def revoke(self, grants: Iterable[Mapping[str, Any]]) -> None:
        for taken in grants:
            place = (taken["Principal"], taken["Resource"])
            for held in [held for held in self.grants if (held["Principal"], held["Resource"]) == place]:
                for kind in ("Permissions", "PermissionsWithGrantOption"):
                    held[kind] = [one for one in held[kind] if one not in taken[kind]]
                if not held["Permissions"]:
                    self.grants.remove(held)

    def put_filter(self, place: tuple[str, str], name: str, columns: Sequence[str], rows: str) -> None:
        self.filters[(*place, name)] = (tuple(columns), rows)

    def delete_filter(self, place: tuple[str, str], name: str) -> None:
        self.filters.pop((*place, name), None)

    def revoke_iam_allowed_principals(self, database: str) -> None:
        self.calls.append(("revoke_iam_allowed_principals", database))

    def _assign(self, place: tuple[str, ...], tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            if value not in self.tags.get(key, ()):
                raise LakeFormationRefused(f"EntityNotFoundException: LF-Tag {key}={value}")
        if tags:
            self.on.setdefault(place, {}).update(tags)
            self.calls.append(("tag", *place))


class FakeBus:
    """What was put: (detail-type, detail)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def put(self, detail_type: str, detail: str) -> None:
        self.events.append((detail_type, detail))


class FakeMemberTopics:
    """Topics, and what was published: (topic, detail-type, detail)."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self.published: list[tuple[str, str, str]] = []

    def create(self, account: str) -> str:
        self.created.append(account)
        return topic_of(account)

    def publish(self, topic_arn: str, detail_type: str, detail: str) -> None:
        self.published.append((topic_arn, detail_type, detail))


def topic_of(account: str) -> str:
    """A member topic's ARN."""
    return f"arn:aws:sns:us-east-1:111111111111:mesh-to-{account}"


class FakeInbox:
    """`admitted`: whether central lets this account subscribe."""

    def __init__(self, *, admitted: bool) -> None:
        self.admitted = admitted

    def subscribe(self, topic_arn: str) -> bool:
        return self.admitted


class FakeNotices:
    """Notices by event id."""

    def __init__(self) -> None:
        self.stored: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def known(self, event_id: str) -> bool:
        return event_id in self.stored

    def add(self, event_id: str, detail_type: str, detail: Mapping[str, Any], at: datetime) -> bool:
        if event_id in self.stored:
            return False
        self.stored[event_id] = (detail_type, detail)
        return True


class FakeObjects:
    """Versioned buckets. `put` uploads as a producer would and gives the reference that S3's event carries."""

    def __init__(self) -> None:
        self.content: dict[tuple[str, str], list[bytes]] = {}
        self.metadata: dict[tuple[str, str], dict[str, str]] = {}
        self.uploads = 0

    def put(self, bucket: str, key: str, body: bytes | str) -> ObjectRef:
        body = body.encode() if isinstance(body, str) else body
        versions = self.content.setdefault((bucket, key), [])
        versions.append(body)
        self.uploads += 1
        sequencer = f"{self.uploads:016X}"
        return ObjectRef(
            bucket=bucket,
            key=key,
            size=len(body),
            etag=hashlib.md5(body, usedforsecurity=False).hexdigest(),
            version_id=str(len(versions)),
            sequencer=sequencer,
        )

    def reader(self, ref: ObjectRef) -> "FakeReader":
        return FakeReader(self, ref)

    def read(self, bucket: str, key: str, *, version_id: str | None = None, limit: int) -> bytes:
        versions = self.content.get((bucket, key))
        if not versions:
            raise ObjectGone(f"s3://{bucket}/{key} is gone", bucket=bucket, key=key)
        return (versions[int(version_id) - 1] if version_id else versions[-1])[:limit]

    def write(
        self, bucket: str, key: str, body: bytes, content_type: str, *, metadata: Mapping[str, str] | None = None
    ) -> str | None:
        self.content.setdefault((bucket, key), []).append(body)
        self.metadata[bucket, key] = dict(metadata or {})
        return str(len(self.content[bucket, key]))

    def move(self, ref: ObjectRef, key: str) -> None:
        if (ref.bucket, ref.key) in self.content:
            self.write(ref.bucket, key, self.read(ref.bucket, ref.key, version_id=ref.version_id, limit=ref.size), "")
            self.delete(ref.bucket, ref.key)

    def copy(self, bucket: str, source: str, target: str) -> str:
        self.write(bucket, target, self.read(bucket, source, limit=2**40), "")
        return str(len(self.content[bucket, target]))

    def exists(self, bucket: str, key: str) -> bool:
        return (bucket, key) in self.content

    def delete(self, bucket: str, key: str) -> None:
        """As a producer deletes: all that this fake knows of the object."""
        self.content.pop((bucket, key), None)

    def keys(self, bucket: str) -> list[str]:
        return sorted(key for name, key in self.content if name == bucket)


class FakeObjectVersions:
    """The versions of what `objects` holds. `gone` are version ids that S3 has expired, by key."""

    def __init__(self, objects: FakeObjects) -> None:
        self.objects = objects
        self.hidden: set[str] = set()
        self.gone: set[tuple[str, str]] = set()
        self.copied: dict[tuple[str, str], str] = {}

    def store(self, bucket: str, key: str, body: bytes, content_type: str) -> str | None:
        return self.objects.put(bucket, key, body).version_id

    def fetch(self, bucket: str, key: str, version_id: str | None) -> bytes | None:
        if not self.exists(bucket, key, version_id):
            return None
        return self.objects.read(bucket, key, version_id=version_id, limit=10**9)

    def exists(self, bucket: str, key: str, version_id: str | None) -> bool:
        found = self.objects.content.get((bucket, key), [])
        return 0 < int(version_id or len(found)) <= len(found) and (key, version_id) not in self.gone

    def restore(self, bucket: str, key: str, version_id: str) -> str:
        current = str(len(self.objects.content[bucket, key]))
        if key not in self.hidden and version_id in (current, self.copied.get((key, current))):
            return current
        body = self.fetch(bucket, key, version_id)
        if body is None:
            raise ObjectGone(f"s3://{bucket}/{key} is gone", bucket=bucket, key=key)
        self.hidden.discard(key)
        new = self.objects.put(bucket, key, body).version_id or ""
        self.copied[key, new] = version_id
        return new

    def remove(self, bucket: str, key: str) -> None:
        self.hidden.add(key)


class FakePinnedCopies:
    """Copies in what `versions` holds; `made` counts them."""

    def __init__(self, versions: FakeObjectVersions) -> None:
        self.versions = versions
        self.of: dict[str, str] = {}
        self.made = 0

    def copy_version(self, bucket: str, key: str, version_id: str, target: str) -> bool:
        if self.of.get(target) == version_id:
            return True
        body = self.versions.fetch(bucket, key, version_id)
        if body is None:
            return False
        self.versions.objects.put(bucket, target, body)
        self.of[target] = version_id
        self.made += 1
        return True

    def remove_below(self, bucket: str, prefix: str, limit: int) -> int:
        content = self.versions.objects.content
        found = [place for place in content if place[0] == bucket and place[1].startswith(prefix)]
        going = found[:limit]
        for place in going:
            del content[place]
            self.of.pop(place[1], None)
        return len(going)


class FakeReader:
    """Reads one version of an object."""

    def __init__(self, objects: FakeObjects, ref: ObjectRef) -> None:
        self._objects, self._ref = objects, ref

    @property
    def size(self) -> int:
        return self._ref.size

    def read(self, start: int, length: int) -> bytes:
        ref = self._ref
        content = self._objects.read(ref.bucket, ref.key, version_id=ref.version_id, limit=ref.size)
        return BytesReader(content).read(start, length)


class FakeRawUploads:
    """Recipes and held objects of a producer's table, beside what `uploads` has of it."""

    def __init__(self, uploads: "FakeUploads") -> None:
        self.uploads = uploads
        self.recipes: dict[str, ObjectRef] = {}
        self.held: dict[str, dict[str, tuple[ObjectRef, str]]] = {}

    def recipe(self, product: str) -> ObjectRef | None:
        return self.recipes.get(product)

    def record_recipe(self, product: str, ref: ObjectRef) -> bool:
        current = self.recipes.get(product)
        order = compare_sequencers(ref.sequencer, current.sequencer) if current else 1
        if order > 0:
            self.recipes[product] = ref
        return order >= 0

    def hold(self, product: str, refs: Iterable[ObjectRef]) -> None:
        waiting = self.uploads.waiting.get(product, {})
        for ref in refs:
            if ref.key in waiting and waiting[ref.key][0].sequencer == ref.sequencer:
                self.held.setdefault(product, {})[ref.key] = waiting.pop(ref.key)

    def take_up(self, product: str) -> int:
        taken = 0
        for key, item in self.held.pop(product, {}).items():
            if self.uploads.seen[product, key] == item[0].sequencer:
                self.uploads.waiting.setdefault(product, {})[key] = item
                taken += 1
        return taken


class FakeUploads:
    """A producer's table."""

    def __init__(self) -> None:
        self.products: dict[str, dict[str, Any]] = {}
        self.seen: dict[tuple[str, str], str] = {}
        self.waiting: dict[str, dict[str, tuple[ObjectRef, str]]] = {}
        self.leases: dict[str, tuple[str, datetime, int]] = {}
        self.counted: dict[tuple[str, str], dict[str, ObjectCount]] = {}
        self.manifests: dict[str, tuple[int, ManifestPointer]] = {}
        self.restored: set[tuple[str, str, str]] = set()

    def product(self, name: str) -> dict[str, Any] | None:
        found = self.products.get(name)
        return dict(found) if found else None

    def may_declare(self, name: str, sequencer: str) -> bool:
        found = self.products.get(name)
        return found is None or compare_sequencers(sequencer, found["sequencer"]) > 0

    def record_declared(self, name: str, sequencer: str) -> None:
        self.products.setdefault(name, {"status": "declared"})["sequencer"] = sequencer

    def put_product(self, name: str, facts: Mapping[str, Any]) -> None:
        sequencer = self.products.get(name, {}).get("sequencer", "")
        self.products[name] = {**facts, "status": "registered", "sequencer": sequencer}

    def add_pending(self, product: str, ref: ObjectRef, correlation_id: str) -> bool:
        seen = self.seen.get((product, ref.key))
        if seen is not None and compare_sequencers(ref.sequencer, seen) <= 0:
            return False
        self.seen[product, ref.key] = ref.sequencer
        self.waiting.setdefault(product, {})[ref.key] = (ref, correlation_id)
        return True

    def pending(self, product: str, limit: int) -> list[tuple[ObjectRef, str]]:
        return [item for _, item in sorted(self.waiting.get(product, {}).items())][:limit]

    def has_pending(self, product: str) -> bool:
        return bool(self.waiting.get(product))

    def settle(self, product: str, refs: Iterable[ObjectRef]) -> None:
        waiting = self.waiting.get(product, {})
        for ref in refs:
            if ref.key in waiting and waiting[ref.key][0].sequencer == ref.sequencer:
                del waiting[ref.key]

    def count(self, product: str, table: str, counts: Sequence[ObjectCount]) -> TableTotal:
        counted = self.counted.setdefault((product, table), {})
        counted.update({count.key: count for count in counts})
        return self._total(counted)

    def uncount(self, product: str, table: str, keys: Sequence[str]) -> TableTotal:
        counted = self.counted.setdefault((product, table), {})
        for key in keys:
            counted.pop(key, None)
        return self._total(counted)

    def manifest(self, product: str) -> tuple[int, ManifestPointer] | None:
        return self.manifests.get(product)

    def record_manifest(self, product: str, generation: int, pointer: ManifestPointer) -> None:
        if generation >= self.manifests.get(product, (0, pointer))[0]:
            self.manifests[product] = (generation, pointer)

    def know_restored(self, product: str, key: str, version_id: str) -> None:
        self.restored.add((product, key, version_id))
        waiting = self.waiting.get(product, {}).get(key)
        if waiting is not None and waiting[0].version_id == version_id:
            self.settle(product, [waiting[0]])

    def forget_restored(self, product: str, ref: ObjectRef) -> bool:
        if (product, ref.key, ref.version_id or "") not in self.restored:
            return False
        self.settle(product, [ref])
        return True

    def pending_keys(self, product: str) -> set[str]:
        return set(self.waiting.get(product, {}))

    @staticmethod
    def _total(counted: Mapping[str, ObjectCount]) -> TableTotal:
        return TableTotal(
            rows=sum(count.rows for count in counted.values()),
            rows_exact=all(count.rows_exact for count in counted.values()),
            bytes=sum(count.bytes for count in counted.values()),
            objects=len(counted),
        )

    def take_lease(self, product: str, holder: str, until: datetime, now: datetime) -> int | None:
        if product not in self.leases:
            self.leases[product] = (holder, until, 1)
            return 1
        owner, end, generation = self.leases[product]
        if owner not in {"", holder} and end >= now:
            return None
        generation += owner != holder
        self.leases[product] = (holder, until, generation)
        return generation

    def lease_held(self, product: str, now: datetime) -> bool:
        owner, until, _ = self.leases.get(product, ("", NOON, 0))
        return owner != "" and until >= now

    def drop_lease(self, product: str, holder: str) -> None:
        owner, until, generation = self.leases.get(product, ("", NOON, 0))
        if owner == holder:
            self.leases[product] = ("", until, generation)


class FakeQuarantine:
    """Held batches by name, and tickets."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], HeldBatch] = {}
        self.tickets: dict[tuple[str, str], Ticket] = {}

    def hold(self, batch: HeldBatch) -> None:
        self.held.setdefault((batch.product, batch.run), batch)

    def batch(self, product: str, run: str) -> HeldBatch | None:
        return self.held.get((product, run))

    def batches(self) -> Iterator[HeldBatch]:
        yield from self.held.values()

    def save(self, batch: HeldBatch, *, was: HeldStatus) -> None:
        if self.held[batch.product, batch.run].status != was:
            raise ConcurrentChange("somebody else decided")
        self.held[batch.product, batch.run] = batch

    def ticket(self, product: str, key: str) -> Ticket | None:
        return self.tickets.get((product, key))

    def put_ticket(self, product: str, key: str, ticket: Ticket) -> None:
        self.tickets[product, key] = ticket


class FakeWorkFiles:
    """Documents by key."""

    def __init__(self) -> None:
        self.documents: dict[str, str] = {}

    def put(self, key: str, document: str) -> None:
        self.documents[key] = document

    def get(self, key: str) -> str | None:
        return self.documents.get(key)


class FakeRecipeJobs:
    """DataBrew: jobs that end as `ends` says, by job name or for all; what runs write goes to `files`."""

    def __init__(self, files: "FakeJobFiles") -> None:
        self.files = files
        self.recipes: dict[str, list[Any]] = {}
        self.runs: dict[str, list[JobRun]] = {}
        self.removed: list[str] = []
        self.room = 10

    def newest(self, order: JobOrder) -> JobRun | None:
        runs = self.runs.get(order.name, [])
        return runs[-1]._replace(attempts=len(runs)) if runs else None

    def start(self, order: JobOrder, steps: Sequence[Any]) -> bool:
        going = [runs[-1] for runs in self.runs.values() if runs[-1].goes_on]
        if len(going) >= self.room:
            return False
        assert order.source in self.files.content, "a job reads what was staged"
        self.recipes[order.recipe] = list(steps)
        runs = self.runs.setdefault(order.name, [])
        if not runs or not runs[-1].goes_on:
            runs.append(JobRun("STARTING"))
        return True

    def end(
        self, order: JobOrder, written: bytes | None = None, state: JobState = "SUCCEEDED", error: str = ""
    ) -> None:
        """The run is over; what it wrote, if anything."""
        self.runs[order.name][-1] = JobRun(state, error)
        if written is not None:
            self.files.content[f"{order.output}{order.name}_part00000.{order.format}"] = written

    def remove(self, order: JobOrder) -> None:
        if self.runs.pop(order.name, None) is not None:
            self.removed.append(order.name)

    def remove_recipe(self, name: str) -> None:
        self.recipes.pop(name, None)


class FakeJobFiles:
    """The work bucket's `jobs/`, beside the producer's `objects`."""

    def __init__(self, objects: FakeObjects) -> None:
        self.objects = objects
        self.content: dict[str, bytes] = {}
        self.staged = 0

    def stage(self, ref: ObjectRef, key: str) -> None:
        if key not in self.content:
            self.content[key] = self.objects.read(ref.bucket, ref.key, version_id=ref.version_id, limit=2**40)
            self.staged += 1

    def parts(self, prefix: str) -> list[Part]:
        found = sorted(self.content.items())
        return [Part(key, len(body)) for key, body in found if key.startswith(prefix) and body]

    def head(self, key: str) -> bytes:
        return self.content[key][: 1024 * 1024]

    def chunks(self, key: str) -> Iterator[bytes]:
        body = self.content[key]
        yield from (body[at : at + 3] for at in range(0, len(body), 3))

    def deliver(
        self, key: str, bucket: str, target: str, content_type: str, *, metadata: Mapping[str, str]
    ) -> str | None:
        return self.objects.write(bucket, target, self.content[key], content_type, metadata=metadata)

    def clear(self, prefix: str) -> None:
        self.content = {key: body for key, body in self.content.items() if not key.startswith(prefix)}


class FakeExecutions:
    """Executions by name, with their input. `at_work`: the ARNs of those that have not ended."""

    def __init__(self, *at_work: str) -> None:
        self.started: dict[str, str] = {}
        self.at_work = set(at_work)

    def running(self, execution_arn: str) -> bool:
        return execution_arn in self.at_work

    def start(self, name: str, payload: str) -> bool:
        if name in self.started:
            return False
        self.started[name] = payload
        return True


class FakeAccessRegistry:
    """Central's accesses."""

    def __init__(self) -> None:
        self.stored: dict[str, Access] = {}
        self.asks: dict[tuple[str, str], str] = {}
        self.tokens: dict[tuple[str, str], str] = {}

    def open(self, access: Access) -> Access:
        if access.id in self.stored:
            return self.stored[access.id]
        ask = (access.receiver, access.ask.fingerprint())
        holder = self.stored.get(self.asks.get(ask, ""))
        if holder is not None and holder.status in ASKING:
            raise AlreadyAsked(f"the same is asked already: {holder.id}", access=holder.id)
        self.asks[ask] = access.id
        self.stored[access.id] = access
        return access

    def access(self, access_id: str) -> Access | None:
        return self.stored.get(access_id)

    def save(self, access: Access) -> Access:
        if access.id not in self.stored or self.stored[access.id].revision != access.revision:
            raise ConcurrentChange(f"access {access.id} changed meanwhile", access=access.id)
        self.stored[access.id] = access.model_copy(update={"revision": access.revision + 1})
        return self.stored[access.id]

    def held_by(self, receiver: str) -> Iterator[Access]:
        return (each for each in self.stored.values() if each.receiver == receiver and each.status not in OVER)

    def newest(self) -> Iterator[Access]:
        return iter(sorted(self.stored.values(), key=lambda each: (each.asked_at, each.id), reverse=True))

    def keep_token(self, access_id: str, step: str, token: str) -> None:
        self.tokens[access_id, step] = token

    def token(self, access_id: str, step: str) -> str | None:
        return self.tokens.get((access_id, step))

    def drop_token(self, access_id: str, step: str, token: str) -> bool:
        if self.tokens.get((access_id, step)) != token:
            return False
        del self.tokens[access_id, step]
        return True


class FakeLocks:
    """`taken` are the locks that were held, in order; `elsewhere` are held by somebody else."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.held: set[str] = set()
        self.elsewhere: set[str] = set()

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        if name in self.elsewhere | self.held:
            raise ConcurrentChange(f"{name} is being changed by somebody else", lock=name)
        self.taken.append(name)
        self.held.add(name)
        try:
            yield
        finally:
            self.held.discard(name)


class FakeSchedules:
    """Schedules by name: when, what is called, with what."""

    def __init__(self) -> None:
        self.planned: dict[str, tuple[datetime, Target, str]] = {}

    def at(self, name: str, when: datetime, target: Target, payload: str) -> None:
        self.planned[name] = (when, target, payload)

    def drop(self, name: str) -> None:
        self.planned.pop(name, None)


class FakeAnswers:
    """Task tokens that were answered, with what; those in `gone` nobody waits for any more."""

    def __init__(self, *gone: str) -> None:
        self.sent: list[tuple[str, str]] = []
        self.gone = set(gone)

    def send(self, token: str, output: str) -> bool:
        if token in self.gone:
            return False
        self.gone.add(token)
        self.sent.append((token, output))
        return True


class FakeCatalogState:
    """Central's tables and LF-Tags, as a value that tests replace."""

    def __init__(self, lake: Lake, known: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.at = lake
        self.known = dict(known or {})

    def tagged(self, databases: Collection[str] = ()) -> Lake:
        found = {name: each for name, each in self.at.databases.items() if not databases or name in databases}
        return replace(self.at, databases=found)

    def lake(self, databases: Collection[str] = ()) -> Lake:
        return self.tagged(databases)

    def tag_values(self) -> dict[str, tuple[str, ...]]:
        return self.known
