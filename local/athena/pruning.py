"""Which partitions a query needs: the conditions of its WHERE clause on their keys, as a GetPartitions Expression."""

from sqlglot import exp

_PLAIN = (
    exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE,
    exp.In, exp.Between, exp.Like, exp.Literal, exp.Column, exp.Identifier, exp.Neg,
)  # fmt: skip
MAX_EXPRESSION = 2048


def expression(node: exp.Table, keys: list[str]) -> str:
    """The condition on the partition keys of the table read by `node`; empty where nothing can be left out.

    Only conditions that every row of the SELECT meets count: those of its WHERE, joined by AND, and none where an outer
    join makes rows of the absence of others.
    """
    select = node.find_ancestor(exp.Select)
    where = select.args.get("where") if select else None
    if select is None or where is None or not keys:
        return ""
    joins = [join for join in select.find_all(exp.Join) if join.find_ancestor(exp.Select) is select]
    if any(join.side for join in joins):
        return ""
    alone = not joins and not select.args.get("laterals")
    conditions = where.this.flatten() if isinstance(where.this, exp.And) else [where.this]
    parts = [part for part in conditions if _is_of_keys(part, node, keys, alone=alone)]
    text = " AND ".join(f"({_bare(part).sql(dialect='duckdb')})" for part in parts)
    return text if len(text) <= MAX_EXPRESSION else ""


def _is_of_keys(part: exp.Expr, node: exp.Table, keys: list[str], *, alone: bool) -> bool:
    """Built of nothing but keys of this table, literals and comparisons."""
    if any(not isinstance(inner, _PLAIN) for inner in part.walk()):
        return False
    columns = list(part.find_all(exp.Column))
    named = {node.alias_or_name.lower()} | ({""} if alone else set())
    return bool(columns) and all(c.table.lower() in named and c.name.lower() in keys for c in columns)


def _bare(part: exp.Expr) -> exp.Expr:
    bare = part.copy()
    for column in bare.find_all(exp.Column):
        column.set("table", None)
        column.set("this", exp.to_identifier(column.name.lower(), quoted=True))
    return bare
