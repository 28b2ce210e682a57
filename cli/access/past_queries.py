"""`mesh queries`: an account's past queries of a product, and which of them an announced contract breaks."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Final

import sqlglot
import typer
from mesh.adapters.dynamodb.notices import DynamoNotices
from mesh.domain.events import ContractChangeAnnounced
from mesh.domain.names import resource_link
from sqlglot import exp
from sqlglot.errors import SqlglotError

from cli import output
from cli.mesh_context import As, AsJson, InAccount, MeshContext, Port, mesh_context
from cli.publishing.notices import event_of

_MOST: Final = 1_000
"""The newest queries that are looked at; Athena keeps them for 45 days."""
_UNLOAD: Final = re.compile(r"\s*UNLOAD\s*\((.*)\)\s*TO\s", re.IGNORECASE | re.DOTALL)
_AT_ONCE: Final = 50
"""BatchGetQueryExecution takes no more."""


@dataclass(frozen=True)
class PastQuery:
    """A query, and which announced changes concern what it names."""

    query_execution_id: str
    at: datetime
    sql: str
    breaks: tuple[str, ...]


def queries_command(
    product: Annotated[str, typer.Argument(help="The product that they read.")],
    *,
    workgroup: Annotated[str, typer.Option(help="Athena work group, if not that of the account's stack.")] = "",
    account: InAccount = "consumer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """List an account's past queries of a product, newest first.

    With the changes of an announced contract that concern what each query names (mesh notices).
    """
    where = mesh_context(port, acting=account, role=role)
    announced = announced_change(where, product)
    group = workgroup or where.output(account, "WorkgroupName")
    found = list(past_queries(where.client(account, "athena"), group, product, announced))
    if as_json:
        version = announced.contract_version if announced else None
        output.emit({"announced": version, "queries": [asdict(query) for query in found]})
    else:
        render(product, announced, found)


def announced_change(where: MeshContext, product: str) -> ContractChangeAnnounced | None:
    """The newest announcement that the account received, unless it was withdrawn."""
    newest = None
    for notice in DynamoNotices(where.table(where.acting or "consumer")).all():
        event = event_of(notice)
        if isinstance(event, ContractChangeAnnounced) and event.product == product:
            newest = None if event.withdrawn else event
    return newest


def past_queries(
    athena: Any,  # noqa: ANN401 - a boto3 client
    workgroup: str,
    product: str,
    announced: ContractChangeAnnounced | None,
) -> Iterator[PastQuery]:
    """Those that name a table of the product, through its resource link."""
    for execution in _executions(athena, workgroup):
        named = named_in(execution["Query"], resource_link(product))
        if named:
            yield PastQuery(
                query_execution_id=execution["QueryExecutionId"],
                at=execution["Status"]["SubmissionDateTime"],
                sql=" ".join(execution["Query"].split()),
                breaks=tuple(broken_by(announced, named)) if announced else (),
            )


def _executions(athena: Any, workgroup: str) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - a boto3 client
    pages = athena.get_paginator("list_query_executions").paginate(WorkGroup=workgroup)
    ids = list(islice((each for page in pages for each in page["QueryExecutionIds"]), _MOST))
    for start in range(0, len(ids), _AT_ONCE):
        wanted = ids[start : start + _AT_ONCE]
        found = athena.batch_get_query_execution(QueryExecutionIds=wanted)["QueryExecutions"]
        yield from sorted(found, key=lambda each: wanted.index(each["QueryExecutionId"]))


def named_in(sql: str, database: str) -> dict[str, frozenset[str]]:
    """Table of the database → columns that the query names, `*` for all; empty where it names none. A column may be any
    table's of the query: it counts for each."""
    inner = _UNLOAD.match(sql)
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # that it does not know a statement is no news
    try:
        parsed = sqlglot.parse_one(inner[1] if inner else sql, dialect="athena")
    except (SqlglotError, RecursionError):
        return {}
    named = {column.name.lower() for column in parsed.find_all(exp.Column) if not isinstance(column.this, exp.Star)}
    if any(isinstance(star.parent, exp.Select | exp.Column) for star in parsed.find_all(exp.Star)):
        named.add("*")
    tables = (table for table in parsed.find_all(exp.Table) if table.db.lower() == database.lower())
    return {table.name.lower(): frozenset(named) for table in tables}


def broken_by(announced: ContractChangeAnnounced, named: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """The changes of columns that are named, of all columns where all are read, and of the tables themselves."""
    for change in announced.changes:
        columns = named.get(change.table) if change.table else frozenset("*")
        column = change.column.partition(".")[0].lower()
        if columns is not None and (not column or columns & {column, change.before.lower(), "*"}):
            yield change.text


def render(product: str, announced: ContractChangeAnnounced | None, found: Iterable[PastQuery]) -> None:
    """The changes that concern a query stand below it."""
    queries = list(found)
    if not queries:
        output.say(f"no query of {product} in the last 45 days")
        return
    for query in queries:
        output.say(output.day_text(query.at), style="bold")
        output.say_whole(f"  {query.sql}")
        for text in query.breaks:
            output.say(f"  breaks: {text}", style="yellow")
    if announced is None:
        output.say(f"no contract of {product} is announced")
        return
    broken = sum(1 for query in queries if query.breaks)
    what = output.amount(broken, "query", plural="queries")
    output.say(f"contract {announced.contract_version} may break {what} of {len(queries)}")
