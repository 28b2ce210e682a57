"""The names that a product needs for itself, and how a Glue database shows that it is a product's.

Database, data location and crawler are claimed together, once, in central's registry. What exists under such a name
without being the product's own is never adopted: it belongs to another product, or to somebody who does not know of
the mesh.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from mesh.domain.contracts.product import Product
from mesh.domain.errors import Rejected
from mesh.domain.names import camel_case, crawler, published_location_arn, resource_link

MARK: Final = "meshwork:product"
"""Parameter of a Glue database in central: the product that it was created for. Without it a database is not the
mesh's."""
OWNER: Final = "meshwork:owner"
"""Parameter beside it: the account that the product belongs to."""
CRAWLER_MARK: Final = "Meshwork: crawls what is published of "
"""How the description of a product's Glue crawler begins."""


class NameTaken(Rejected):
    """A name that the product needs is another product's, or is used for something that the mesh did not create."""


class LinkTaken(Rejected):
    """A database of the account has the name of a resource link, but is something else."""


class Claim(NamedTuple):
    """One name: `kind` is `database`, `location` or `crawler`."""

    kind: str
    name: str


def claims_of(product: Product) -> tuple[Claim, ...]:
    """What a product claims, by the contract that it is registered with. Glue folds names of databases; crawlers whose
    names differ in case alone would be taken for one another by people."""
    prefix = str(product.contract.get("crawler_prefix") or camel_case(product.name))
    return (
        Claim("database", product.name.lower()),
        Claim("location", published_location_arn(product.bucket, product.name)),
        Claim("crawler", crawler(prefix, product.owner).lower()),
    )


def claimed_by_another(claim: Claim, holder: str) -> NameTaken:
    """The refusal of a name that another product has."""
    remedies = {"crawler": "Set another crawlerPrefix in the contract; without one it is the product's name."}
    return NameTaken(
        f"{claim.kind} {claim.name} belongs to the product {holder}",
        name=claim.name,
        holder=holder,
        remedy=remedies.get(claim.kind, "Choose another name for the product."),
    )


def database_mark(product: str, owner: str) -> dict[str, str]:
    """The parameters that a product's database is created with."""
    return {MARK: product, OWNER: owner}


def require_mark(database: str, found: Mapping[str, str], marks: Iterable[Mapping[str, str]]) -> None:
    """Raises NameTaken unless an existing database's parameters carry one of these marks."""
    if not any(mark.items() <= found.items() for mark in marks):
        raise NameTaken(
            f"there is a database {database} in central's catalog that was not created for this product",
            name=database,
            remedy="Choose another name for the product, or ask the data mesh owner to rename that database.",
        )


def require_free_location(arn: str, role: str, registered: Mapping[str, str]) -> None:
    """Raises NameTaken where the location, one above or one below it is registered with Lake Formation (ARN → role)
    under another role than the mesh's."""
    for other, theirs in registered.items():
        above, below = other.rstrip("/") + "/", arn + "/"
        if theirs != role and (below.startswith(above) or above.startswith(below)):
            raise NameTaken(
                f"{other} is registered with Lake Formation already, under {theirs}",
                name=arn,
                remedy="Choose another name for the product, or ask the data mesh owner to deregister that location.",
            )


def require_link(name: str, found: Mapping[str, str], catalog: str, database: str) -> None:
    """Raises LinkTaken unless an existing database is a resource link (`found`: its target) to that database."""
    target = (found.get("CatalogId", ""), found.get("DatabaseName", ""))
    if target != (catalog, database):
        leads = f"points to {target[1]} of {target[0]}" if any(target) else "is a database of its own"
        raise LinkTaken(
            f"{name} of this account {leads}, where a resource link to {database} of {catalog} is needed",
            link=name,
            remedy=f"Delete or rename the database {name}, then upload the contract, or request the access, again.",
        )


def require_own_crawler(name: str, found: Mapping[str, Any], product: str) -> None:
    """Raises NameTaken unless an existing crawler (as Glue describes it) is that product's."""
    if found.get("Description") != CRAWLER_MARK + product or found.get("DatabaseName") != resource_link(product):
        raise NameTaken(
            f"there is a crawler {name} in this account that was not created for {product}",
            name=name,
            remedy="Set another crawlerPrefix in the contract, or delete that crawler; then upload the contract again.",
        )
