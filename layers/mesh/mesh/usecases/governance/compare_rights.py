"""Compare the rights that registration gave, on tables, data locations and LF-Tags, with those that are there: the
owner's, and those of central's roles that work on a product. And who else has rights on a product's data or the mesh's
LF-Tags."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesh.domain.access.grants import unneeded
from mesh.domain.contracts.product import Product
from mesh.domain.events import GrantEntry
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot
from mesh.domain.governance.drift import Drift
from mesh.domain.governance.ontology import PRODUCT
from mesh.domain.governance.product_rights import location_entry, registered_rights
from mesh.domain.governance.renewal import ProductDatabase, ProductRoles, renewed_grants
from mesh.domain.names import published_location_arn
from mesh.usecases.governance.compare_grants import described, entry_of

type Held = Mapping[str, Sequence[GrantEntry]]
"""Principal → what it holds."""


@dataclass(frozen=True)
class RightsThere:
    """`beside`: what is held on data locations and LF-Tags, one location or value in each entry. `roles`: central's,
    that work on products."""

    beside: Held
    roles: ProductRoles


def compare_rights(product: Product, lake: CatalogSnapshot, there: RightsThere) -> Iterator[Drift]:
    """What the owner and central's roles lack of one product."""
    place = ProductDatabase(product=product.name, database=product.name, bucket=product.bucket)
    rights = registered_rights(lake.account, product.name, product.bucket, product.crawl)
    wanted = [(product.owner, GrantEntry(resource=on, permissions=tuple(some))) for on, some in rights]
    wanted += [_of(entry) for entry in renewed_grants(lake.account, place, there.roles)]
    kept = [published_location_arn(bucket, product.name) for bucket in product.buckets if bucket != product.bucket]
    wanted += [(role, location_entry(lake.account, arn)) for role in there.roles.committers for arn in kept]
    for principal in dict.fromkeys(who for who, _ in wanted):
        held = [*_held(principal, lake), *there.beside.get(principal, ())]
        for entry in unneeded([entry for who, entry in wanted if who == principal], [held]):
            yield Drift(
                kind="rights",
                principal=principal,
                database=product.name,
                what=f"it lacks {described(entry)}",
                entry=entry,
                remedy="mesh reconcile grants it again",
            )


def foreign_rights(there: RightsThere, products: Iterable[Product], own: Iterable[str]) -> Iterator[Drift]:
    """Rights on data locations of products, and on LF-Tags, that neither registration gave, nor the owner passed on.
    `own`: central's administrators, whose rights come with their work."""
    known, roles = list(products), {*own, there.roles.registrar, *there.roles.committers}
    locations = {
        published_location_arn(bucket, each.name): account for each in known for bucket, account in each.buckets.items()
    }
    for principal, entries in sorted(there.beside.items()):
        for entry in entries if principal not in roles else ():
            if not _is_expected(principal, entry, known, locations):
                remedy = "not the owner's, nor a role's of the present stack: aws lakeformation revoke-permissions"
                yield Drift(kind="foreign", principal=principal, what=described(entry), entry=entry, remedy=remedy)


def _is_expected(principal: str, entry: GrantEntry, products: Sequence[Product], locations: Mapping[str, str]) -> bool:
    """Somebody else's location is nobody's business; an owner sees its products' LF-Tag, and where a Glue crawler fills
    them it may use their location, and pass that on."""
    ((kind, body),) = entry.resource.items()
    account = principal if principal.isdigit() else (principal.split(":") + [""] * 5)[4]
    if kind == "DataLocation":
        owners = {owner for arn, owner in locations.items() if _overlap(arn, body["ResourceArn"])}
        return not owners or owners == {account}
    own = {each.name for each in products if each.owner == account}
    return body["TagKey"] == PRODUCT and set(body["TagValues"]) <= own and entry.permissions == ("DESCRIBE",)


def _overlap(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _held(principal: str, lake: CatalogSnapshot) -> Iterator[GrantEntry]:
    return (entry_of(grant, lake.account) for grant in lake.grants if grant.principal == principal)


def _of(entry: Mapping[str, Any]) -> tuple[str, GrantEntry]:
    who = str(entry["Principal"]["DataLakePrincipalIdentifier"])
    return who, GrantEntry(resource=entry["Resource"], permissions=tuple(entry["Permissions"]))
