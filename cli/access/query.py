"""`mesh query`: a SELECT in the consumer account, through Athena's own API, as the role that asks."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Annotated, Any, Final

import typer
from botocore.exceptions import ClientError
from rich.console import Console
from rich.text import Text

from cli import interrupts, output
from cli.mesh_context import As, AsJson, InAccount, Port, mesh_context

ANALYST: Final = "DataAnalyst"
DEADLINE_SECONDS: Final = 31 * 60.0
"""Athena ends a SELECT by itself after 30 minutes."""
_FIRST_POLL, _LONGEST_POLL = 0.1, 2.0
_INTEGERS = frozenset({"tinyint", "smallint", "integer", "bigint"})
_NUMBERS = _INTEGERS | {"float", "double", "decimal"}

REMEDIES: Final = {
    "SYNTAX_ERROR": "correct the SQL: Athena's SELECT is that of Trino",
    "COLUMN_NOT_FOUND": "there is no such column, or {role} cannot read it; SELECT * shows the columns it can",
    "TABLE_NOT_FOUND": 'mesh query "SHOW TABLES IN \\"rl_PRODUCT\\"" lists the tables that {role} can see',
    "SCHEMA_NOT_FOUND": "a product's database is rl_PRODUCT, once it is granted: mesh request PRODUCT …; "
    "mesh query 'SHOW DATABASES'",
    "Insufficient permissions": "request access: mesh request PRODUCT --role {role} --purpose … --until …; "
    "mesh explain PRODUCT.TABLE --role {role} says what is missing",
    "Access denied when writing output": "{role} needs s3:PutObject on the work group's output location",
    "PERMISSION_DENIED": "the location's role cannot read the objects: report it to the owner (mesh show PRODUCT)",
    "HIVE_": "the data is not what the catalog says: report it to the product's owner (mesh show PRODUCT)",
}


@dataclass(frozen=True)
class Column:
    """A result's column by its Athena type."""

    name: str
    type: str


@dataclass(frozen=True)
class Answer:
    """A result: values as text, None for NULL. `more` says that there are rows beyond the limit."""

    query_execution_id: str
    columns: list[Column]
    rows: list[list[str | None]]
    more: bool
    bytes_scanned: int
    seconds: float
    output_location: str


def query_command(
    sql: Annotated[str, typer.Argument(help="A SELECT (Athena's SQL), SHOW DATABASES, SHOW TABLES IN, DESCRIBE.")],
    *,
    limit: Annotated[int, typer.Option(min=0, help="Maximum number of rows; 0 shows all.")] = 100,
    database: Annotated[str, typer.Option(help="Database of tables named without one.")] = "default",
    workgroup: Annotated[str, typer.Option(help="Athena work group, if not that of the account's stack.")] = "",
    account: InAccount = "consumer",
    role: As = ANALYST,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Run a SELECT in Athena as a consumer role.

    Shows the rows and the bytes scanned, or why the query failed and what to do.
    """
    where = mesh_context(port, acting=account, role=role)
    athena = where.client(account, "athena")
    group = workgroup or where.output(account, "WorkgroupName")
    found = run(athena, sql, workgroup=group, database=database, limit=limit, role=where.role or ANALYST)
    if as_json:
        output.emit(asdict(found) | {"rows": [typed(row, found.columns) for row in found.rows]})
        return
    show(found)


def run(athena: Any, sql: str, *, workgroup: str, database: str, limit: int, role: str) -> Answer:  # noqa: ANN401
    """Start the query, wait for its end, fetch its rows. Raises `CommandFailed`. An interrupt stops the query."""
    try:
        number = athena.start_query_execution(
            QueryString=sql, WorkGroup=workgroup, QueryExecutionContext={"Database": database}
        )["QueryExecutionId"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidRequestException":
            raise
        message = error.response["Error"]["Message"]
        raise output.CommandFailed(
            message, code="InvalidRequest", remedy="one SELECT; names in \"double quotes\", text in 'single' ones"
        ) from error
    try:
        execution = wait(athena, number)
    except KeyboardInterrupt:
        athena.stop_query_execution(QueryExecutionId=number)
        interrupts.leaves(f"query {number} was stopped")
        raise
    status, statistics = execution["Status"], execution.get("Statistics", {})
    if status["State"] != "SUCCEEDED":
        raise failure(status, number, role)
    columns, lines = fetch(athena, number, has_header=execution.get("StatementType") == "DML")
    rows = list(islice(lines, limit + 1 if limit else None))
    more = bool(limit) and len(rows) > limit
    return Answer(
        query_execution_id=number,
        columns=columns,
        rows=rows[:limit] if more else rows,
        more=more,
        bytes_scanned=statistics.get("DataScannedInBytes", 0),
        seconds=statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
        output_location=execution["ResultConfiguration"]["OutputLocation"],
    )


def wait(athena: Any, number: str) -> Mapping[str, Any]:  # noqa: ANN401 - a boto3 client
    """The execution once it has ended, however it ended; its state is shown meanwhile."""
    deadline, pause = time.monotonic() + DEADLINE_SECONDS, _FIRST_POLL
    with Console(stderr=True).status("Athena: QUEUED") as progress:
        while time.monotonic() < deadline:
            execution: Mapping[str, Any] = athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]
            state = execution["Status"]["State"]
            if state not in {"QUEUED", "RUNNING"}:
                return execution
            progress.update(f"Athena: {state}")
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_POLL)
    raise output.CommandFailed(
        f"the query has not ended within {DEADLINE_SECONDS / 60:.0f} minutes",
        remedy=f"aws athena stop-query-execution --query-execution-id {number}",
        query=number,
    )


def failure(status: Mapping[str, Any], number: str, role: str) -> output.CommandFailed:
    """Athena's reason, and what to do about it."""
    reason = str(status.get("StateChangeReason") or status["State"])
    remedy = next((text for start, text in REMEDIES.items() if reason.startswith(start)), "")
    code = reason.partition(":")[0]
    code = code if code.isupper() and " " not in code else f"Query{status['State'].title()}"
    return output.CommandFailed(
        reason.removeprefix(f"{code}: "), code=code, remedy=remedy.replace("{role}", role), role=role, query=number
    )


def fetch(athena: Any, number: str, *, has_header: bool) -> tuple[list[Column], Iterator[list[str | None]]]:  # noqa: ANN401
    """The columns, and the rows of all pages, one page at a time. A SELECT's first row is its header."""
    pages = iter(athena.get_paginator("get_query_results").paginate(QueryExecutionId=number))
    first = next(pages)
    info = first["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]

    def rows() -> Iterator[list[str | None]]:
        page: Mapping[str, Any] | None = first
        while page is not None:
            for row in page["ResultSet"]["Rows"]:
                yield [datum.get("VarCharValue") for datum in row["Data"]]
            page = next(pages, None)

    return [Column(column["Name"], column["Type"]) for column in info], islice(rows(), int(has_header), None)


def typed(row: Sequence[str | None], columns: Sequence[Column]) -> list[object]:
    """A row's values for JSON: numbers and booleans as such; decimals stay text, which is exact."""
    return [None if value is None else _typed(value, column.type) for value, column in zip(row, columns, strict=False)]


def _typed(value: str, kind: str) -> object:
    if kind in _INTEGERS:
        return int(value)
    if kind == "boolean":
        return value == "true"
    # JSON has no name for the others.
    if kind in {"float", "double"} and value not in {"NaN", "Infinity", "-Infinity"}:
        return float(value)
    return value


def show(found: Answer) -> None:
    """The rows, what the query scanned, and where its result is."""
    headers = [f">{column.name}" if column.type in _NUMBERS else column.name for column in found.columns]
    output.table(headers, [[_cell(value) for value in row] for row in found.rows])
    scanned = f"{output.size(found.bytes_scanned)} scanned in {found.seconds:.1f} s"
    output.say(f"{output.amount(len(found.rows), 'row')}, {scanned}", style="dim")
    if found.more:
        output.say("more rows: --limit N, or --limit 0 for all")
    output.say_whole(found.output_location)


def _cell(value: str | None) -> Text:
    """A value as one line: what would steer the terminal is shown, not sent."""
    if value is None:
        return Text("NULL", style="dim italic")
    return Text("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value))
