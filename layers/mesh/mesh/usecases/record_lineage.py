"""Orders of the machines become OpenLineage events: kept in the account's table, and sent on to whoever is told.

Repeatable as a whole: run ids, times and so the events themselves follow from the order alone.
"""

import json
from collections.abc import Iterable

from mesh.domain.events import stable_id
from mesh.domain.keys import DataKey, parse_key
from mesh.domain.lineage import facets
from mesh.domain.lineage.model import Dataset, Facets, Place, StepRun, glue_namespace, glue_table, s3_object
from mesh.domain.lineage.run_events import RunEvent, run_events
from mesh.domain.names import copied_path, pinned_table, resource_link
from mesh.ports import HeldAccesses, LineageLog, LineageTransport, Registry, WorkFiles
from mesh.usecases.inspection import ProductFacts
from mesh.usecases.lineage_orders import LineageSourceGone, PinOrder, ProveOrder, PublishOrder, RestoreOrder
from mesh.usecases.onboarding_lineage import COLUMN_SOURCES


def keep(product: str, runs: Iterable[StepRun], *, log: LineageLog, transport: LineageTransport | None) -> int:
    """In the account's table first, then send; how many events. Raises LineageUndelivered, Throttled."""
    events: list[RunEvent] = [event for run in runs for event in run_events(run)]
    for event in events:
        log.put(product, event)
    if transport is not None:
        transport.send(events)
    return len(events)


def publication_runs(order: PublishOrder, *, place: Place, registry: Registry) -> list[StepRun]:
    """A version was published: each table that it changed, as that version. Raises LineageSourceGone."""
    version, product = registry.version(order.product, order.version), registry.product(order.product)
    if version is None or product is None:
        raise LineageSourceGone(f"{order.product} has no version {order.version}", product=order.product)
    changed = {change.table for change in version.changes}
    owned = facets.ownership(str(product.contract.get("owner", "")), product.owner)
    owned |= facets.documentation(product.description) | facets.version(str(version.version))
    said = {
        "correlation_id": order.correlation_id,
        "version": str(version.version),
        "contract_version": version.contract_version,
        "severity": version.severity,
        "compatibility": version.compatibility,
    }
    if version.rollback is not None:
        said |= {"rollback.version": str(version.rollback.version), "rollback.by": version.rollback.requested_by}
    inputs, outputs = [], []
    for table in version.tables:
        if table.table in changed:
            shown = facets.schema((*table.columns, *table.partition_keys)) | owned
            statistics = facets.output_statistics(table.rows if table.rows_exact else None, table.bytes, table.objects)
            inputs.append(glue_table(place, order.product, table.table, shown))
            outputs.append(glue_table(place, order.product, table.table, shown, statistics))
    return [
        StepRun(
            place=place,
            job=f"{order.product}.publish",
            run_id=stable_id("lineage", "publish", place.account, order.product, order.version),
            began=order.began,
            ended=order.ended,
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            parameters=said,
        )
    ]


def proof_runs(order: ProveOrder, *, place: Place, accesses: HeldAccesses) -> dict[str, list[StepRun]]:
    """A consumer's query through its links, by product. Raises LineageSourceGone."""
    held = accesses.get(order.access)
    if held is None or held.catalog_id is None:
        raise LineageSourceGone(f"access {order.access} is not known to this account", access=order.access)
    central = glue_namespace(Place(held.catalog_id, held.region))
    said = {"correlation_id": order.correlation_id, "access": held.access, "proved_as": held.proved_as}
    runs = {}
    for database in held.databases:
        link = resource_link(database)
        inputs = []
        for table in held.tables:
            if table.database == database:
                names = table.columns
                linked = facets.symlink(central, database, table.table)
                original = Dataset(central, f"table/{database}/{table.table}")
                shown = linked | facets.same_columns([original], names)
                inputs.append(glue_table(place, link, table.table, shown))
        runs[database] = [
            StepRun(
                place=place,
                job=f"{database}.prove-query",
                run_id=stable_id("lineage", "prove", held.access, held.query_execution_id, database),
                began=order.began,
                ended=order.ended,
                inputs=tuple(inputs),
                run_facets=facets.external_query(held.query_execution_id),
                parameters={name: value for name, value in said.items() if value},
            )
        ]
    return runs


def restoration_runs(order: RestoreOrder, *, place: Place, facts: ProductFacts, work: WorkFiles) -> list[StepRun]:
    """A rollback's part in the owner's account: object versions that are current again, tables that were overwritten.

    Raises LineageSourceGone.
    """
    by_table = _copied(f"runs/{order.product}/{order.generation:08d}/restored.json", order.product, order.bucket, work)
    catalog = Place(facts.catalog_id, place.region)
    promised = facts.promised
    shown = facets.overwritten() | facets.ownership(promised.owner if promised else "", place.account)
    said = {
        "correlation_id": order.correlation_id,
        "rollback.version": str(order.version),
        "rollback.by": order.requested_by,
        "rollback.reason": order.reason,
    }
    return [
        StepRun(
            place=place,
            job=f"{order.product}.rollback",
            run_id=stable_id("lineage", "rollback", place.account, order.product, order.generation, table),
            began=order.began,
            ended=order.ended,
            inputs=tuple(objects),
            outputs=(
                glue_table(catalog, facts.database, table, shown | _columns(facts, table, objects[:COLUMN_SOURCES])),
            ),
            parameters=said,
        )
        for table, objects in by_table.items()
    ]


def pin_runs(order: PinOrder, *, place: Place, facts: ProductFacts, work: WorkFiles) -> list[StepRun]:
    """A version's object versions became the tables that readers asked to be kept. Raises LineageSourceGone."""
    by_table = _copied(copied_path(order.product, order.pin), order.product, order.bucket, work)
    catalog = Place(facts.catalog_id, place.region)
    shown = facets.version(str(order.version))
    said = {"correlation_id": order.correlation_id, "pin": order.pin, "pin.version": str(order.version)}
    return [
        StepRun(
            place=place,
            job=f"{order.product}.pin",
            run_id=stable_id("lineage", "pin", place.account, order.product, order.pin, table),
            began=order.began,
            ended=order.ended,
            inputs=tuple(objects),
            outputs=(glue_table(catalog, facts.database, pinned_table(table, order.version), shown),),
            parameters=said,
        )
        for table, objects in by_table.items()
    ]


def _copied(path: str, product: str, bucket: str, work: WorkFiles) -> dict[str, list[Dataset]]:
    """Table → the object versions that were copied, by the run's own record. Raises LineageSourceGone."""
    text = work.get(path)
    if text is None:
        raise LineageSourceGone(f"there is no work file {path}", product=product, remedy="it is kept 30 days")
    by_table: dict[str, list[Dataset]] = {}
    for key, version_id in sorted(json.loads(text).items()):
        parsed = parse_key(key)
        if isinstance(parsed, DataKey):
            by_table.setdefault(parsed.table, []).append(s3_object(bucket, key, facets.version(version_id)))
    return by_table


def _columns(facts: ProductFacts, table: str, objects: list[Dataset]) -> Facets:
    """By the contract in force: a rollback reads no object."""
    expected = facts.expected(table)
    return facets.same_columns(objects, [column.name for column in expected.columns]) if expected else {}
