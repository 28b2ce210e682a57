"""Athena's SQL: what kind of statement it is, which tables it reads, and the same query for DuckDB.

Only reading is emulated. `sqlglot` parses Athena's dialect (Trino's, Hive's for the rest) and writes DuckDB's.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from local.athena.errors import QueryError
from local.lakeformation.protocol import AwsError

logging.getLogger("sqlglot").setLevel(logging.ERROR)
_UTILITY = re.compile(
    r"\s*(?:(?P<databases>show\s+(?:databases|schemas))"
    r"|(?P<tables>show\s+tables)(?:\s+(?:in|from)\s+(?P<within>\S+))?"
    r"|(?P<describe>desc(?:ribe)?)\s+(?P<table>\S+))\s*;?\s*",
    re.IGNORECASE,
)
_QUERY = (exp.Select, exp.SetOperation, exp.Values, exp.Subquery)
UNNAMED = "__unnamed_"


@dataclass(frozen=True)
class TableName:
    """A table as a query names it, folded to lower case; `at` is where, as Athena says it (`line 1:15: `)."""

    catalog: str
    database: str
    name: str
    at: str


@dataclass(frozen=True)
class Utility:
    """SHOW DATABASES, SHOW TABLES, DESCRIBE: what is asked, and of which database or table."""

    kind: str
    name: TableName


@dataclass
class Query:
    """A SELECT. `tables` are its reads of the catalog, each node once; `root` is rewritten in place."""

    root: exp.Expr
    tables: list[tuple[TableName, exp.Table]] = field(default_factory=list)

    def names(self) -> set[str]:
        """Every name that the query mentions, in lower case: no other column of any table is needed."""
        return {identifier.name.lower() for identifier in self.root.find_all(exp.Identifier)}

    def takes_all(self) -> bool:
        """Whether it mentions columns by `*`, other than to count rows."""
        return any(not isinstance(star.parent, exp.Count) for star in self.root.find_all(exp.Star))

    def place_of(self, column: str, table: str = "") -> str:
        """Where a column is first named, as Athena says it."""
        for node in self.root.find_all(exp.Column):
            if node.name.lower() == column.lower() and table.lower() in ("", node.table.lower()):
                return place(node.args.get("table") or node.this)
        return ""

    def place_of_projection(self) -> str:
        """Where the first thing selected is: a star has a place of its own."""
        select = self.root.find(exp.Select)
        first = select.expressions[0] if select and select.expressions else None
        return place(next(first.find_all(exp.Star, exp.Identifier), first)) if first else ""

    def read_from(self, node: exp.Table, relation: str) -> None:
        """Let the query read `relation` where it named a table of the catalog; column references keep its name."""
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(node.name.lower(), quoted=True))
        kept = {name: value for name, value in node.args.items() if name in ("joins", "laterals", "pivots", "sample")}
        node.replace(exp.Table(this=exp.to_identifier(relation, quoted=True), alias=alias, **kept))

    def sql(self) -> str:
        """The query in DuckDB's dialect. Raises `QueryError` where it has no like of a construct."""
        for column in self.root.find_all(exp.Column):
            column.set("db", None)
            column.set("catalog", None)
        try:
            return self.root.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE)
        except SqlglotError as error:
            raise QueryError(f"NOT_SUPPORTED: {error}") from error


def parse(sql: str, database: str, catalog: str, parameters: Sequence[str] = ()) -> Query | Utility:
    """The statement; unqualified tables are in `database`. `parameters` are SQL, for its question marks.

    Raises:
        AwsError: `InvalidRequestException`, which Athena answers before there is an execution: for what does not
            parse, and for statements other than these.
    """
    if utility := _utility(sql, database, catalog):
        return utility
    try:
        statements = [statement for statement in sqlglot.parse(sql, read="athena") if statement is not None]
        values = [sqlglot.parse_one(value, read="athena") for value in parameters]
    except SqlglotError as error:
        raise _malformed(error) from error
    if len(statements) != 1:
        raise invalid_request("Only one sql statement is allowed. Got: " + sql)
    root = statements[0]
    if not isinstance(root, _QUERY) or root.find(exp.Insert, exp.Delete, exp.Update, exp.Into, exp.Command):
        raise invalid_request("Queries of this type are not supported")
    _fill_in(root, values)
    _name_unnamed(root)
    return Query(root, list(_tables(root, database, catalog)))


def invalid_request(message: str, code: str = "InvalidRequestException") -> AwsError:
    return AwsError(code, message)


def place(node: exp.Expr | None) -> str:
    """`line 1:15: ` of an identifier or star; empty where the parser kept none."""
    meta = node.meta if node is not None else {}
    if "line" not in meta:
        return ""
    return f"line {meta['line']}:{meta['col'] - (meta['end'] - meta['start'])}: "


def _utility(sql: str, database: str, catalog: str) -> Utility | None:
    found = _UTILITY.fullmatch(sql)
    if found is None:
        return None
    parts = [part.strip('`"').lower() for part in (found["table"] or "").split(".")]
    if found["describe"]:
        return Utility("describe", TableName(catalog, parts[-2] if len(parts) > 1 else database, parts[-1], ""))
    within = (found["within"] or "").strip('`"').lower() or database
    return Utility("tables" if found["tables"] else "databases", TableName(catalog, within, "", ""))


def _malformed(error: SqlglotError) -> AwsError:
    details = getattr(error, "errors", None)
    if not details:
        return invalid_request(f"line 1:1: {error}")
    first = details[0]
    column = max(1, (first["col"] or 1) - len(first["highlight"] or "") + 1)
    return invalid_request(f"line {first['line']}:{column}: mismatched input '{first['highlight']}'")


def _fill_in(root: exp.Expr, values: list[exp.Expr]) -> None:
    marks = list(root.find_all(exp.Placeholder))
    if len(marks) != len(values):
        raise invalid_request(f"Incorrect number of parameters: expected {len(marks)} but found {len(values)}")
    for mark, value in zip(sorted(marks, key=lambda mark: mark.meta.get("start", 0)), values, strict=True):
        mark.replace(value)


def _name_unnamed(root: exp.Expr) -> None:
    """Mark what is selected without a name: Athena calls it `_col0`, after its place, once stars are columns."""
    while isinstance(root, exp.SetOperation | exp.Subquery):
        root = root.this
    if isinstance(root, exp.Select):
        for position, expression in enumerate(root.expressions):
            if not isinstance(expression, exp.Alias | exp.Column | exp.Star | exp.Dot):
                expression.replace(exp.alias_(expression.copy(), f"{UNNAMED}{position}", quoted=True))


def _tables(root: exp.Expr, database: str, catalog: str) -> list[tuple[TableName, exp.Table]]:
    """The tables of the catalog that the query reads: whatever a scope does not bind to a common table expression."""
    found: dict[int, tuple[TableName, exp.Table]] = {}
    bound: set[int] = set()
    for scope in traverse_scope(root):
        for node in scope.tables:
            if not isinstance(node.this, exp.Identifier):
                function = node.this.name if isinstance(node.this, exp.Anonymous) else node.this.sql_name().lower()
                raise invalid_request(f"line 1:1: Table function '{function}' not registered")
            if not node.db and isinstance(scope.sources.get(node.alias_or_name), Scope):
                bound.add(id(node))
            else:
                name = TableName(
                    (node.catalog or catalog).lower(), (node.db or database).lower(), node.name.lower(), _place(node)
                )
                found[id(node)] = (name, node)
    unseen = [node for node in root.find_all(exp.Table) if id(node) not in found.keys() | bound]
    if unseen:
        raise invalid_request("Queries of this type are not supported")
    return list(found.values())


def _place(node: exp.Table) -> str:
    first = node.args.get("catalog") or node.args.get("db") or node.this
    return place(first)
