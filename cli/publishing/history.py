"""`mesh history` and `mesh diff`: a product's versions, and what changed between any two of them."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from mesh.adapters.dynamodb.proposals import DynamoProposals
from mesh.adapters.dynamodb.registry import DynamoRegistry
from mesh.domain.contracts.product import ProductVersion, TableSnapshot, VersionEnd
from mesh.domain.events import Rollback, TableChange
from mesh.domain.packing import Packed
from mesh.domain.publishing.keeping import VersionEnded, require_kept
from mesh.domain.publishing.pins import Pin
from mesh.domain.publishing.version_diff import TableDiff, VersionDiff, diff_versions, with_partitions

from cli import output
from cli.mesh_context import As, AsJson, InAccount, Port, mesh_context

_FACTS = {
    "version", "published", "correlation_id", "contract_version", "changes", "severity", "compatibility", "follows",
    "draft", "rollback", "ended",
}  # fmt: skip

Product = Annotated[str, typer.Argument(help="The product's name.")]


def history_command(
    product: Product,
    *,
    newest: Annotated[int, typer.Option("--newest", min=0, help="Number of versions to show; 0 shows all.")] = 20,
    account: InAccount = "central",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """List a product's versions and their changes.

    Newest first, with rows, contract version, severity, rollbacks and pins.
    """
    registry = mesh_context(port, acting=account, role=role).registry()
    present = require_product(registry, product)
    versions, pins = list(registry.versions(product)), registry.pins(product)
    shown = versions[:newest] if newest else versions
    if as_json:
        found = [{**version_facts(version), "pinned": pinned(pins.of_version(version.version))} for version in shown]
        output.emit({"product": product, "present": present, "count": len(versions), "versions": found})
        return
    if not versions:
        output.say(f"{product} has no versions yet")
        return
    rows = [
        (
            version.version,
            output.day_text(version.published),
            f"{sum(table.rows for table in version.tables):,}",
            version.contract_version,
            version.severity,
            "\n".join((*what_happened(version), *kept(pins.of_version(version.version)))),
        )
        for version in shown
    ]
    output.table(
        (">version", "published (UTC)", ">rows", "contract", "severity", "what changed"), rows, wrap="what changed"
    )
    if len(shown) < len(versions):
        output.say(f"{len(versions) - len(shown)} older versions: --newest 0")


def diff_command(
    product: Product,
    old: Annotated[int, typer.Argument(metavar="A", help="The version to compare against.", min=1)],
    new: Annotated[int, typer.Argument(metavar="B", help="The version to compare.", min=1)],
    *,
    account: InAccount = "central",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Compare two versions of a product.

    Shows columns with their compatibility, rows, files, partitions and the contract version.
    """
    where = mesh_context(port, acting=account, role=role)
    registry = where.registry()
    require_product(registry, product)
    before, after = (find_kept(registry, product, number) for number in (old, new))
    found = with_partitions(diff_versions(before, after), partition_rows(where.proposals(), before, after))
    if as_json:
        output.emit(
            found.model_dump(mode="json") | {"texts": [change.text for t in found.tables for change in t.changes]}
        )
        return
    render_diff(found)


def require_product(registry: DynamoRegistry, name: str) -> int:
    """Its present version. Raises `CommandFailed` for an unknown product."""
    product = registry.product(name)
    if product is None:
        raise output.CommandFailed(f"product {name!r} not found", code="UnknownProduct", remedy="mesh products")
    return product.version


def find_version(registry: DynamoRegistry, product: str, number: int) -> ProductVersion:
    """That version. Raises `CommandFailed`."""
    found = registry.version(product, number)
    if found is None:
        raise output.CommandFailed(
            f"{product} has no version {number}", code="UnknownVersion", remedy=f"mesh history {product}"
        )
    return found


def find_kept(registry: DynamoRegistry, product: str, number: int) -> ProductVersion:
    """That version, unless it has ended. Raises `CommandFailed`."""
    found = find_version(registry, product, number)
    try:
        require_kept(found)
    except VersionEnded as ended:
        raise output.CommandFailed.refusal(ended.to_dict()) from ended
    return found


def partition_rows(
    proposals: DynamoProposals, old: ProductVersion, new: ProductVersion
) -> dict[str, tuple[dict[str, int], dict[str, int]]]:
    """Rows by partition of both versions, of each table of which central recorded them; a table that a version lacks
    has none."""
    before, after = ({table.table: table for table in version.tables} for version in (old, new))
    found = {}
    for name in before.keys() | after.keys():
        rows = [_rows(proposals, new.product, version.get(name)) for version in (before, after)]
        if rows[0] is not None and rows[1] is not None:
            found[name] = (rows[0], rows[1])
    return found


def _rows(proposals: DynamoProposals, product: str, table: TableSnapshot | None) -> dict[str, int] | None:
    if table is None:
        return {}
    record = proposals.table(product, table.table, table.metadata) if table.metadata else None
    return dict(record.partitions) if record is not None else None


def version_facts(version: ProductVersion) -> dict[str, Any]:
    """One version for programs: what changed, and every table's totals."""
    totals = {
        table.table: table.model_dump(mode="json", include={"rows", "rows_exact", "bytes", "objects", "partitions"})
        for table in version.tables
    }
    return {**version.model_dump(mode="json", include=_FACTS, context=Packed.READABLE), "totals": totals}


def what_happened(version: ProductVersion) -> Iterator[str]:
    """Who requested it, then each table's change."""
    if version.ended is not None:
        yield ended(version.ended)
    if version.rollback is not None:
        yield rolled_back(version.rollback)
    for change in version.changes:
        yield f"{change.table}: {'; '.join(in_words(change))}"


def kept(pin: Pin | None) -> Iterator[str]:
    """For whom it stays readable beside the present version."""
    for holder in pin.holders if pin else ():
        yield f"pinned for {holder.account} until {output.day_text(holder.until)} UTC"


def pinned(pin: Pin | None) -> list[dict[str, Any]]:
    """The same for programs."""
    return [holder.model_dump(mode="json", include={"account", "until"}) for holder in (pin.holders if pin else ())]


def rolled_back(rollback: Rollback) -> str:
    """Who wanted which version back, and why."""
    return f"version {rollback.version} again, by {rollback.requested_by}: {rollback.reason}"


def ended(end: VersionEnd) -> str:
    """Since when it is kept no more, and why."""
    if end.status == "expired":
        return f"dropped by retention on {end.at:%Y-%m-%d}"
    return f"withdrawn on {end.at:%Y-%m-%d} by {end.by}: {end.reason}"


def in_words(change: TableChange) -> Iterator[str]:
    """One table's change."""
    if change.new_table:
        yield "new table"
    if change.dropped:
        yield "dropped by the contract"
    prefix = f"{change.table}."
    yield from (text.removeprefix(prefix) for text in change.schema_changes[:5])
    if len(change.schema_changes) > 5:
        yield f"{len(change.schema_changes) - 5} more column changes"
    if change.rows_delta is not None and not change.new_table:
        yield f"{change.rows_delta:+,} rows"
    else:
        yield output.amount(change.rows, "row", exact=change.rows_exact)
    if change.quality is not None and change.quality.warnings:
        yield output.amount(change.quality.warnings, "warning")


def render_diff(found: VersionDiff) -> None:
    """`mesh diff` for people."""
    output.say(
        f"{found.product} version {found.versions[0]} → {found.versions[1]}: {found.compatibility}", style="bold"
    )
    if found.contract[0] != found.contract[1]:
        output.say(f"contract {found.contract[0]} → {found.contract[1]}")
    for table in found.tables:
        output.say()
        output.say(f"{table.table}: {', '.join(numbers(table)) or 'as before'}", style="bold")
        for line in partitions(table):
            output.say(f"  {line}")
        if table.changes:
            rows = [(change.compatibility, change.text) for change in table.changes]
            output.table(("compatibility", "change"), rows, wrap="change")


def partitions(table: TableDiff) -> Iterator[str]:
    """`2 partitions added: dt=2026-11-21, dt=2026-11-22`."""
    found = table.by_partition
    for what, names, count in (
        (("added", found.added, found.added_count), ("removed", found.removed, found.removed_count),
         ("changed", found.changed, found.changed_count)) if found else ()
    ):  # fmt: skip
        if count:
            more = f", and {count - len(names)} more" if count > len(names) else ""
            yield f"{output.amount(count, 'partition')} {what}: {', '.join(names)}{more}"


def numbers(table: TableDiff) -> Iterator[str]:
    """`rows 1,000 → 1,200 (+200)`, for what differs."""
    pairs = (("rows", table.rows), ("bytes", table.bytes), ("files", table.objects), ("partitions", table.partitions))
    for name, (before, after) in pairs:
        if before != after:
            said = [f"{value:,}" if value is not None else "none" for value in (before, after)]
            yield f"{name} {said[0]} → {said[1]} ({(after or 0) - (before or 0):+,})"
