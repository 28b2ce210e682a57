"""Which databases of central's catalog are products'."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mesh.adapters.aws import transient_errors
from mesh.domain.governance.renewal import ProductDatabase

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient


class GlueProductDatabases:
    """Implements `ports.ProductDatabases`."""

    def __init__(self, client: "GlueClient") -> None:
        self._client = client

    def all(self) -> tuple[ProductDatabase, ...]:
        """See the port."""
        found: list[ProductDatabase] = []
        with transient_errors():
            for page in self._client.get_paginator("get_databases").paginate():
                for database in page["DatabaseList"]:
                    if product := database.get("Parameters", {}).get("meshwork:product"):
                        bucket = urlsplit(database.get("LocationUri", "")).netloc
                        found.append(ProductDatabase(product=product, database=database["Name"], bucket=bucket))
        return tuple(found)
