"""What Lake Formation grants on: the `Resource` structure as values that can be compared and used as keys."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from local.lakeformation.protocol import Json, invalid_input

DATABASE_PERMISSIONS = frozenset({"ALTER", "CREATE_TABLE", "DESCRIBE", "DROP"})
TABLE_PERMISSIONS = frozenset({"ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"})

type Expression = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, order=True)
class Catalog:
    catalog: str
    valid = frozenset({"ALL", "ALTER", "CREATE_CATALOG", "CREATE_DATABASE", "CREATE_LF_TAG", "DESCRIBE", "DROP"})

    def render(self) -> Json:
        return {"Catalog": {"Id": self.catalog}}


@dataclass(frozen=True, order=True)
class Database:
    catalog: str
    name: str
    valid = DATABASE_PERMISSIONS | {"ALL"}

    def render(self) -> Json:
        return {"Database": {"CatalogId": self.catalog, "Name": self.name}}


@dataclass(frozen=True, order=True)
class Table:
    """A table, or with an empty name every table of the database."""

    catalog: str
    database: str
    name: str
    valid = TABLE_PERMISSIONS | {"ALL"}

    def render(self) -> Json:
        table: Json = {"CatalogId": self.catalog, "DatabaseName": self.database, "Name": self.name}
        if not self.name:
            table |= {"Name": "ALL_TABLES", "TableWildcard": {}}
        return {"Table": table}


@dataclass(frozen=True, order=True)
class Columns:
    """Columns of a table: one named column, or (empty `column`) all but the excluded ones."""

    catalog: str
    database: str
    table: str
    column: str = ""
    excluded: tuple[str, ...] = ()
    valid = frozenset({"SELECT"})

    def covers(self, column: str) -> bool:
        return column == self.column if self.column else column not in self.excluded

    def render(self) -> Json:
        names: Json = {"ColumnNames": [self.column]} if self.column else {"ColumnWildcard": {}}
        if self.excluded:
            names = {"ColumnWildcard": {"ExcludedColumnNames": list(self.excluded)}}
        table = {"CatalogId": self.catalog, "DatabaseName": self.database, "Name": self.table or "ALL_TABLES"}
        return {"TableWithColumns": table | names}


@dataclass(frozen=True, order=True)
class DataLocation:
    catalog: str
    arn: str
    valid = frozenset({"DATA_LOCATION_ACCESS"})

    def render(self) -> Json:
        return {"DataLocation": {"CatalogId": self.catalog, "ResourceArn": self.arn}}


@dataclass(frozen=True, order=True)
class LFTag:
    """One value of a tag key. A grant on several values is one grant for each."""

    catalog: str
    key: str
    value: str
    valid = frozenset({"ALTER", "ASSOCIATE", "DESCRIBE", "DROP", "GRANT_WITH_LF_TAG_EXPRESSION"})

    def render(self) -> Json:
        return {"LFTag": {"CatalogId": self.catalog, "TagKey": self.key, "TagValues": [self.value]}}


@dataclass(frozen=True, order=True)
class TagPolicy:
    """Every database or table (`kind`) whose tags match an inline expression, or a saved one by name."""

    catalog: str
    kind: str
    expression: Expression = ()
    expression_name: str = ""

    @property
    def valid(self) -> frozenset[str]:
        return (DATABASE_PERMISSIONS if self.kind == "DATABASE" else TABLE_PERMISSIONS) | {"ALL"}

    def render(self) -> Json:
        policy: Json = {"CatalogId": self.catalog, "ResourceType": self.kind}
        if self.expression_name:
            return {"LFTagPolicy": policy | {"ExpressionName": self.expression_name}}
        return {"LFTagPolicy": policy | {"Expression": render_expression(self.expression)}}


@dataclass(frozen=True, order=True)
class SavedExpression:
    catalog: str
    name: str
    valid = frozenset({"ALTER", "DESCRIBE", "DROP", "GRANT_WITH_LF_TAG_EXPRESSION"})

    def render(self) -> Json:
        return {"LFTagExpression": {"CatalogId": self.catalog, "Name": self.name}}


@dataclass(frozen=True, order=True)
class CellsFilter:
    """A data cells filter of a table: some columns in some rows.

    https://docs.aws.amazon.com/lake-formation/latest/dg/granting-filter-perms.html (SELECT, DESCRIBE and DROP).
    """

    catalog: str
    database: str
    table: str
    name: str
    valid = frozenset({"SELECT", "DESCRIBE", "DROP"})

    def render(self) -> Json:
        where = {"TableCatalogId": self.catalog, "DatabaseName": self.database, "TableName": self.table}
        return {"DataCellsFilter": where | {"Name": self.name}}


type Resource = Catalog | Database | Table | Columns | DataLocation | LFTag | TagPolicy | SavedExpression | CellsFilter

EXPRESSION_BYTES = 900


def parse_expression(tags: Iterable[Json]) -> Expression:
    """An LF-Tag expression in normal form: keys and values lower-case, sorted, so that equal ones compare equal."""
    pairs = [(tag["TagKey"].lower(), tuple(sorted({value.lower() for value in tag["TagValues"]}))) for tag in tags]
    if len({key for key, _ in pairs}) < len(pairs):
        raise invalid_input("Provided list of tags contains duplicate tag key")
    if sum(len(text.encode()) for key, values in pairs for text in (key, *values)) > EXPRESSION_BYTES:
        raise invalid_input(f"LF-Tag expression is larger than {EXPRESSION_BYTES} bytes")
    return tuple(sorted(pairs))


def render_expression(expression: Expression) -> list[Json]:
    return [{"TagKey": key, "TagValues": list(values)} for key, values in expression]


def parse_resource(resource: Json, catalog: str) -> list[Resource]:
    """The grantable things that a `Resource` structure names, in the catalog `catalog` unless it names another.

    Several columns or several tag values are several things: each can be granted and revoked alone.

    Raises:
        AwsError: `InvalidInputException` unless exactly one kind of resource is given, and completely.
    """
    given = [(kind, body) for kind, body in resource.items() if body is not None]
    if len(given) != 1:
        raise invalid_input("Resource must have exactly one of the types set")
    kind, body = given[0]
    where = body.get("CatalogId") or body.get("Id") or body.get("TableCatalogId") or catalog
    match kind:
        case "Catalog":
            return [Catalog(where)]
        case "Database":
            return [Database(where, body["Name"].lower())]
        case "Table":
            return [Table(where, body["DatabaseName"].lower(), _table_name(body))]
        case "TableWithColumns":
            return _columns(where, body)
        case "DataLocation":
            return [DataLocation(where, body["ResourceArn"].rstrip("/"))]
        case "LFTag":
            return [LFTag(where, body["TagKey"].lower(), value.lower()) for value in body["TagValues"]]
        case "LFTagPolicy":
            return [_tag_policy(where, body)]
        case "LFTagExpression":
            return [SavedExpression(where, body["Name"])]
        case "DataCellsFilter":
            return [parse_cells_filter(body, where)]
    raise invalid_input(f"Resource type {kind} is not supported")


def parse_cells_filter(body: Json, catalog: str) -> CellsFilter:
    """The filter that `TableCatalogId`, `DatabaseName`, `TableName` and `Name` say; the model requires none of them."""
    if missing := [member for member in ("DatabaseName", "TableName", "Name") if not body.get(member)]:
        raise invalid_input(f"Data cells filter has no {', '.join(missing)}")
    where = body.get("TableCatalogId") or catalog
    return CellsFilter(where, body["DatabaseName"].lower(), body["TableName"].lower(), body["Name"])


def _table_name(body: Json) -> str:
    if (body.get("Name") is None) == (body.get("TableWildcard") is None):
        raise invalid_input("Table must have either Name or TableWildcard")
    return str(body.get("Name") or "").lower()


def _columns(catalog: str, body: Json) -> list[Resource]:
    database, table = body["DatabaseName"].lower(), body["Name"].lower()
    names, wildcard = body.get("ColumnNames"), body.get("ColumnWildcard")
    if (not names) == (wildcard is None):
        raise invalid_input("TableWithColumns must have either ColumnNames or ColumnWildcard")
    if names:
        return [Columns(catalog, database, table, name.lower()) for name in names]
    excluded: Any = (wildcard or {}).get("ExcludedColumnNames") or ()
    return [Columns(catalog, database, table, excluded=tuple(sorted(name.lower() for name in excluded)))]


def _tag_policy(catalog: str, body: Json) -> TagPolicy:
    expression, name = body.get("Expression"), body.get("ExpressionName") or ""
    if bool(expression) == bool(name):
        raise invalid_input("LFTagPolicy must have either Expression or ExpressionName")
    return TagPolicy(catalog, body["ResourceType"], parse_expression(expression or ()), name)


SHARE_KINDS: Final = ("Database", "Table")


def share_kind(resource: Resource) -> str:
    """Which of the two shares that Lake Formation keeps for each pair of accounts the resource is in."""
    is_table = isinstance(resource, Table | Columns | CellsFilter) or (
        isinstance(resource, TagPolicy) and resource.kind == "TABLE"
    )
    return "Table" if is_table else "Database"
