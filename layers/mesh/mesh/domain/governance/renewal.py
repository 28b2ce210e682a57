"""What central's roles need on products that are there already.

CloudFormation names a role anew when a stack is deployed again, or replaces it, and Lake Formation's grants are for
names: what the role before had made, or was granted, the new one may not touch.
"""

from typing import Any

from mesh.domain.governance.product_rights import central_grants, registrar_grant
from mesh.domain.model import Model


class ProductDatabase(Model):
    """A database that carries the mesh's mark; `bucket` holds the product's data."""

    product: str
    database: str
    bucket: str


class ProductRoles(Model):
    """ARNs: `registrar` keeps the databases up to date, the `committers` create and switch tables."""

    registrar: str
    committers: tuple[str, ...]


def renewed_grants(catalog: str, product: ProductDatabase, roles: ProductRoles) -> list[dict[str, Any]]:
    """Entries of `BatchGrantPermissions`."""
    return [
        registrar_grant(catalog, product.database, roles.registrar),
        *(
            entry
            for role in roles.committers
            for entry in central_grants(catalog, product.product, product.bucket, role)
        ),
    ]
