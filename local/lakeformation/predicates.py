"""Row filter expressions: the subset of PartiQL that Lake Formation accepts, checked against the table's columns.

https://docs.aws.amazon.com/lake-formation/latest/dg/partiql-support.html: comparisons of a column with constants of its
own type (`=, >, <, >=, <=, <>, !=, BETWEEN, IN, LIKE, IS [NOT] NULL`), joined by AND, OR, NOT; no functions, no
comparison of columns; no IS [NOT] NULL of partition keys. `true` stands for all rows.
"""

import re
from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from local.lakeformation.protocol import Json, invalid_input

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_KINDS = dict.fromkeys(("string", "char", "varchar"), "text")
_KINDS |= dict.fromkeys(("int", "integer", "long", "bigint", "float", "decimal", "double"), "number")
_KINDS |= {"boolean": "boolean", "struct": "struct"}


def check(expression: str, record: Json) -> None:
    """Refuse what Lake Formation would not take for the Glue table `record`.

    Raises:
        AwsError: `InvalidInputException`, saying what is wrong with the expression.
    """
    columns = (record.get("StorageDescriptor") or {}).get("Columns") or []
    keys = record.get("PartitionKeys") or []
    types = {c["Name"].lower(): (c.get("Type") or "string").lower() for c in [*columns, *keys]}
    root = _parsed(expression)
    if not isinstance(root, exp.Boolean):
        _Checker(expression, types, {key["Name"].lower() for key in keys}).condition(root)


def columns_of(expression: str) -> set[str]:
    """The columns of the table that an expression reads, in lower case."""
    return {_root_name(column) for column in _parsed(expression).find_all(exp.Column)}


def to_duckdb(expressions: Iterable[str]) -> str:
    """The condition that one of the expressions holds, in DuckDB's SQL."""
    return " OR ".join(f"({_quoted(_parsed(each)).sql(dialect='duckdb')})" for each in expressions)


def _parsed(expression: str) -> exp.Expr:
    try:
        found = sqlglot.parse(expression, read="trino")
    except SqlglotError as error:
        raise _invalid(expression, str(error).split("\n", 1)[0]) from error
    if len(found) != 1 or found[0] is None:
        raise _invalid(expression, "it must be one condition")
    return found[0]


def _quoted(root: exp.Expr) -> exp.Expr:
    for identifier in root.find_all(exp.Identifier):
        identifier.set("this", identifier.name.lower())
        identifier.set("quoted", True)
    return root


def _root_name(column: exp.Column) -> str:
    """`customer` of `customer.address.zip`: what SQL would take for tables is the path into a structure."""
    return column.parts[0].name.lower()


class _Checker:
    def __init__(self, expression: str, types: dict[str, str], keys: set[str]) -> None:
        self._expression, self._types, self._keys = expression, types, keys

    def condition(self, node: exp.Expr) -> None:
        match node:
            case exp.Paren() | exp.Not():
                self.condition(node.this)
            case exp.And() | exp.Or():
                self.condition(node.this)
                self.condition(node.expression)
            case exp.Is():
                self._null(node)
            case exp.Between():
                self._compared(node.this, node.args["low"], node.args["high"])
            case exp.In() if node.expressions:
                self._compared(node.this, *node.expressions)
            case exp.Like() if isinstance(node.expression, exp.Literal):
                if self._compared(node.this, node.expression) == "number":
                    raise _invalid(self._expression, "LIKE compares text")
            case _ if isinstance(node, _COMPARISONS):
                self._compared(node.this, node.expression)
            case _:
                raise _invalid(self._expression, f"'{node.sql()}' is not supported")

    def _null(self, node: exp.Is) -> None:
        if not isinstance(node.expression, exp.Null):
            raise _invalid(self._expression, f"'{node.sql()}' is not supported")
        self._kind(node.this)
        if _root_name(node.this) in self._keys:
            raise _invalid(self._expression, "IS [NOT] NULL cannot be used on partition columns")

    def _compared(self, column: exp.Expr, *values: exp.Expr) -> str:
        """The kind of the column, with which every value must agree; within structures any constant will do."""
        kind = self._kind(column)
        for value in values:
            found = _constant(value)
            if found is None:
                raise _invalid(self._expression, f"'{value.sql()}' is not a constant")
            if kind not in (found, "struct"):
                raise _invalid(self._expression, f"{value.sql()} is not of the type of {column.sql()}")
        return kind

    def _kind(self, column: exp.Expr) -> str:
        if not isinstance(column, exp.Column) or isinstance(column.this, exp.Star):
            raise _invalid(self._expression, f"'{column.sql()}' is not a column")
        name = _root_name(column)
        if name not in self._types:
            raise _invalid(self._expression, f"column '{name}' is not in the table")
        kind = _KINDS.get(re.split(r"[(<]", self._types[name])[0].strip())
        nested = len(column.parts) > 1
        if kind is None or nested != (kind == "struct"):
            raise _invalid(self._expression, f"type {self._types[name]} of column '{name}' is not supported")
        return kind


def _constant(value: exp.Expr) -> str | None:
    match value:
        case exp.Boolean():
            return "boolean"
        case exp.Literal():
            return "text" if value.is_string else "number"
        case exp.Neg() if isinstance(value.this, exp.Literal) and not value.this.is_string:
            return "number"
    return None


def _invalid(expression: str, why: str) -> Exception:
    return invalid_input(f"Invalid row filter expression '{expression}': {why}")
