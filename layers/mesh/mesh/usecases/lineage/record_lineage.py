"""Turn the state machines' orders into OpenLineage events: stored in the account's table, and sent to a receiver.

Repeatable as a whole: run ids, times and so the events themselves follow from the order alone.
"""

from collections.abc import Iterable

from mesh.domain.events import stable_id
from mesh.domain.lineage import facets
from mesh.domain.lineage.model import Dataset, Place, StepRun, glue_namespace, glue_table
from mesh.domain.lineage.orders import LineageSourceGone, ProveOrder, PublishOrder
from mesh.domain.lineage.run_events import RunEvent, run_events
from mesh.domain.names import resource_link
from mesh.ports import ConsumerAccesses, LineageLog, LineageTransport, Registry


def keep(product: str, runs: Iterable[StepRun], *, log: LineageLog, transport: LineageTransport | None) -> int:
    """Store in the account's table first, then send; returns the number of events. Raises LineageUndelivered,
    Throttled."""
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
        back = version.rollback
        said |= {"rollback.version": str(back.version), "rollback.by": back.requested_by}
        said |= {"rollback.reason": back.reason}
    inputs, outputs = [], []
    for table in version.tables:
        if table.table in changed:
            shown = facets.schema((*table.columns, *table.partition_keys)) | owned
            statistics = facets.output_statistics(table.rows if table.rows_exact else None, table.bytes, table.objects)
            inputs.append(glue_table(place, order.product, table.table, shown))
            replaced = facets.overwritten() if version.rollback is not None else {}
            outputs.append(glue_table(place, order.product, table.table, shown | replaced, statistics))
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


def proof_runs(order: ProveOrder, *, place: Place, accesses: ConsumerAccesses) -> dict[str, list[StepRun]]:
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
