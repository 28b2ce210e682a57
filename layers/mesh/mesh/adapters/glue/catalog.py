"""The Glue Data Catalog, through resource links or directly, and crawlers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.domain.contracts.claims import require_link, require_mark, require_own_crawler
from mesh.domain.names import DEFAULT_DATABASE

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient


class GlueCatalog:
    """Implements `ports.Catalog` on the caller's own catalog; a resource link's name stands for its target."""

    def __init__(self, client: "GlueClient") -> None:
        self._client = client

    def create_database(
        self, name: str, *, location: str, description: str, marks: Sequence[Mapping[str, str]]
    ) -> None:
        """See the port."""
        wanted: Any = {
            "Name": name,
            "LocationUri": location,
            "Description": description,
            "Parameters": dict(marks[0]),
            "CreateTableDefaultPermissions": [],
        }
        try:
            with transient_errors():
                self._client.create_database(DatabaseInput=wanted)
        except ClientError as error:
            if code_of(error) != "AlreadyExistsException":
                raise
            require_mark(name, self._database(name).get("Parameters", {}), marks)
            with transient_errors():
                self._client.update_database(Name=name, DatabaseInput=wanted)

    def create_resource_link(self, name: str, *, catalog: str, database: str, region: str) -> None:
        """See the port."""
        target: Any = {"CatalogId": catalog, "DatabaseName": database, "Region": region}
        try:
            with transient_errors():
                self._client.create_database(DatabaseInput={"Name": name, "TargetDatabase": target})
        except ClientError as error:
            if code_of(error) != "AlreadyExistsException":
                raise
            require_link(name, self._database(name).get("TargetDatabase", {}), catalog, database)

    def _database(self, name: str) -> Mapping[str, Any]:
        """As it is; of a resource link the link itself."""
        with transient_errors():
            return self._client.get_database(Name=name)["Database"]

    def table(self, database: str, name: str) -> dict[str, Any] | None:
        """Glue's table, or None."""
        try:
            with transient_errors():
                return dict(self._client.get_table(DatabaseName=database, Name=name)["Table"])
        except ClientError as error:
            if code_of(error) != "EntityNotFoundException":
                raise
            return None

    def create_table(self, database: str, table_input: Mapping[str, Any]) -> None:
        """See the port."""
        try:
            with transient_errors():
                self._client.create_table(DatabaseName=database, TableInput=table_input)  # type: ignore[arg-type]
        except ClientError as error:
            if code_of(error) != "AlreadyExistsException":
                raise

    def update_table(
        self, database: str, table_input: Mapping[str, Any], *, archive: bool = True, version: str | None = None
    ) -> None:
        """See the port."""
        fence: Any = {"VersionId": version} if version is not None else {}
        with transient_errors():
            self._client.update_table(
                DatabaseName=database,
                TableInput=table_input,  # type: ignore[arg-type]
                SkipArchive=not archive,
                **fence,
            )

    def drop_table(self, database: str, name: str) -> None:
        """See the port."""
        try:
            with transient_errors():
                self._client.delete_table(DatabaseName=database, Name=name)
        except ClientError as error:
            if code_of(error) != "EntityNotFoundException":
                raise

    def require_default_database(self) -> None:
        """See the port. One that is there stays as it is: it may be anybody's."""
        try:
            with transient_errors():
                self._client.create_database(
                    DatabaseInput={"Name": DEFAULT_DATABASE, "CreateTableDefaultPermissions": []}
                )
        except ClientError as error:
            if code_of(error) != "AlreadyExistsException":
                raise


class GlueCrawlers:
    """Implements `ports.Crawlers`."""

    def __init__(self, client: "GlueClient") -> None:
        self._client = client

    def put_crawler(self, name: str, product: str, definition: Mapping[str, Any]) -> None:
        """See the port."""
        try:
            with transient_errors():
                self._client.create_crawler(Name=name, **definition)
        except ClientError as error:
            if code_of(error) != "AlreadyExistsException":
                raise
            with transient_errors():
                found = self._client.get_crawler(Name=name)["Crawler"]
            require_own_crawler(name, found, product)
            with transient_errors():
                self._client.update_crawler(Name=name, **definition)
