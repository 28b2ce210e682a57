"""Compare what registration and publication gave each product with what central's account has: location, LF-Tags,
the owner's rights, and the tables at the last version. And the data lake settings that all of it rests on."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.product import Product, ProductVersion, TableSnapshot
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, Database
from mesh.domain.governance.drift import Drift
from mesh.domain.governance.ontology import Ontology
from mesh.domain.governance.tag_drift import tag_faults
from mesh.domain.names import published_location_arn
from mesh.usecases.central_context import CentralContext
from mesh.usecases.governance.compare_grants import foreign_grants
from mesh.usecases.governance.compare_pins import compare_pins
from mesh.usecases.governance.compare_rights import RightsThere, compare_rights, foreign_rights
from mesh.usecases.governance.govern_lake import admins_of, merge_settings

_MOST: int = 5
"""Of a product so many faults are named in one difference."""


@dataclass(frozen=True)
class Foundation:
    """What products rest on: the ontology, registered locations (ARN → role), central's settings, its administrators,
    the role under which locations are registered, and rights on locations and LF-Tags."""

    ontology: Ontology
    locations: Mapping[str, str]
    settings: dict[str, Any]
    admins: tuple[str, ...]
    location_role: str
    rights: RightsThere
    values: Mapping[str, Sequence[str]]
    """Every LF-Tag key with its values."""


def compare_products(
    lake: CatalogSnapshot, *, context: CentralContext, foundation: Callable[[], Foundation]
) -> Iterator[Callable[[], Iterable[Drift]]]:
    """The comparisons, each by itself; a product that is being registered, or is retired, is left alone."""
    basis = foundation()
    yield partial(_settings, basis)
    yield partial(_lf_tags, basis)
    yield partial(foreign_grants, lake, [*basis.admins, basis.rights.roles.registrar, *basis.rights.roles.committers])
    names = list(context.registry.product_names())
    found = (context.registry.product(name) for name in names)
    yield partial(foreign_rights, basis.rights, [each for each in found if each is not None], basis.admins)
    for name in names:
        yield partial(_compare_product, name, lake, context, basis)


def _settings(foundation: Foundation) -> Iterator[Drift]:
    wanted = merge_settings(foundation.settings, foundation.admins, (), gone=lambda _: False)
    if wanted == foundation.settings:
        return
    missing = [arn for arn in foundation.admins if arn not in admins_of(foundation.settings)]
    faults = [f"no longer an administrator: {arn.rpartition('/')[2]}" for arn in missing]
    defaults = ("CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions")
    faults += [f"{key} grants to IAMAllowedPrincipals" for key in defaults if foundation.settings.get(key)]
    yield Drift(
        kind="settings",
        principal="DataLakeSettings",
        what="; ".join(faults[:_MOST]) or "shares are not made in the version that the mesh needs",
        remedy="mesh reconcile sets them again, and leaves all others as they are",
    )


def _lf_tags(foundation: Foundation) -> Iterator[Drift]:
    """What could not be tagged with: a deployment makes it again only where the ontology changes."""
    wanted = foundation.ontology.tag_values()
    gone = [
        f"{key}={each}" for key, some in wanted.items() for each in some if each not in foundation.values.get(key, ())
    ]
    if gone:
        remedy = "mesh reconcile makes them again, and then tags what they were on"
        yield Drift(kind="settings", principal="LF-Tags", what=f"gone: {', '.join(gone[:_MOST])}", remedy=remedy)


def _compare_product(
    name: str,
    lake: CatalogSnapshot,
    context: CentralContext,
    foundation: Foundation,
) -> Iterator[Drift]:
    product = context.registry.product(name)
    if product is None or product.status != "registered":
        return
    database = lake.databases.get(name)
    if database is None or not database.marked:
        what = "its database is not the mesh's any more" if database else "its database is gone"
        yield _of_table(product, what, f"upload its contract again, then its data: mesh history {name}")
        return
    yield from _location(product, foundation)
    yield from compare_rights(product, lake, foundation.rights)
    yield from compare_pins(product, database, context, foundation.ontology)
    version = context.registry.latest_version(name)
    faults = dict(_table_faults(version, database)) if version else {}
    intact = [table for table in version.tables if table.table not in faults] if version else []
    yield from _tags(product, intact, database, context, foundation.ontology)
    now = context.registry.latest_version(name) if faults else None
    if version is not None and now is not None and now.version == version.version:
        for table, what in faults.items():
            remedy = f'mesh rollback {name} {version.version} --reason "{table} was changed by hand"'
            yield _of_table(product, f"{table}: {what}", remedy)


def _location(product: Product, foundation: Foundation) -> Iterator[Drift]:
    """Former owners' as well: versions that they published are read there."""
    for bucket, account in product.buckets.items():
        arn = published_location_arn(bucket, product.name)
        role = foundation.locations.get(arn)
        if role == foundation.location_role:
            continue
        again = "aws lakeformation deregister-resource, then mesh reconcile"
        yield Drift(
            kind="location",
            principal=account,
            database=product.name,
            what=f"{arn} is registered under {role}" if role else f"{arn} is not registered with Lake Formation",
            ours=not role,
            remedy=again if role else "mesh reconcile registers it",
        )


def _table_faults(version: ProductVersion, database: Database) -> Iterator[tuple[str, str]]:
    """Tables that are not there, or do not point at the version's metadata file."""
    for snapshot in version.tables:
        table = database.tables.get(snapshot.table)
        if table is None:
            yield snapshot.table, "it is gone from the catalog"
        elif snapshot.metadata and table.pointer != snapshot.metadata:
            yield (
                snapshot.table,
                f"it points at {table.pointer or 'no metadata file'}, not at version {version.version}",
            )


def _tags(
    product: Product,
    tables: Sequence[TableSnapshot],
    database: Database,
    context: CentralContext,
    ontology: Ontology,
) -> Iterator[Drift]:
    faults = tag_faults(
        product.name,
        Contract.model_validate(product.contract),
        {table.table: _columns(table, database.tables[table.table].columns) for table in tables},
        database,
        findings=context.registry.findings(product.name),
        registered=product.tags,
        ontology=ontology,
    )
    if faults:
        more = f", and {len(faults) - _MOST} more" if len(faults) > _MOST else ""
        yield Drift(
            kind="tags",
            principal=product.owner,
            database=product.name,
            what=f"{'; '.join(faults[:_MOST])}{more}",
            remedy="mesh reconcile tags it as contract and findings say",
        )


def _columns(table: TableSnapshot, there: Collection[str]) -> list[str]:
    return [column.name for column in (*table.columns, *table.partition_keys) if column.name in there]


def _of_table(product: Product, what: str, remedy: str) -> Drift:
    return Drift(kind="table", principal=product.owner, database=product.name, what=what, remedy=remedy, waiting=True)
