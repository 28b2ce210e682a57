"""Query executions: QUEUED, RUNNING, then SUCCEEDED, FAILED or CANCELLED; a thread each, with the caller's rights."""

import contextlib
import contextvars
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Final

import duckdb

from local.athena import engine, errors, objects, results, tables, workgroups
from local.athena.statement import Query, Utility, invalid_request, parse
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json

MAX_CONCURRENT: Final = 4
"""Queries that run at a time in the whole mesh; the others are queued."""
_FINAL: Final = ("SUCCEEDED", "FAILED", "CANCELLED")
_slots = threading.BoundedSemaphore(MAX_CONCURRENT)
_executions: "dict[tuple[str, str, str], Execution]" = {}


@dataclass
class Execution:
    """One query. `record` is what GetQueryExecution gives; it is replaced as a whole, never changed."""

    caller: Identity
    record: Json
    statement: Query | Utility
    session: engine.Session
    token: str
    started: float = field(default_factory=time.time)

    @property
    def state(self) -> str:
        return str(self.record["Status"]["State"])

    @property
    def output(self) -> str:
        return str(self.record["ResultConfiguration"]["OutputLocation"])

    def enter(self, state: str, **status: object) -> None:
        """Change the state; one that is final stays."""
        if self.state not in _FINAL:
            ended = {"CompletionDateTime": time.time()} if state in _FINAL else {}
            self.record = self.record | {"Status": self.record["Status"] | {"State": state, **ended, **status}}

    def fail(self, error: errors.QueryError) -> None:
        category = 1 if error.kind < errors.UNAUTHORIZED else errors.USER_ERROR
        reason = error.reason
        details = {"ErrorCategory": category, "ErrorType": error.kind, "Retryable": False, "ErrorMessage": reason}
        self.enter("FAILED", StateChangeReason=reason, AthenaError=details)


def start(caller: Identity, params: Json) -> Json:
    """Accept a query; an invalid text, work group or output location is an error at once.

    Raises:
        AwsError: `InvalidRequestException`.
    """
    if known := _by_token(caller, params):
        return {"QueryExecutionId": known}
    group = workgroups.find(caller, params.get("WorkGroup") or "primary")
    where = params.get("QueryExecutionContext") or {}
    database, catalog = where.get("Database") or "default", where.get("Catalog") or "AwsDataCatalog"
    statement = parse(params["QueryString"], database.lower(), catalog.lower(), params.get("ExecutionParameters") or ())
    acting, number = tables.acting_for(caller), str(uuid.uuid4())
    kind, ending = ("SELECT", "csv") if isinstance(statement, Query) else (statement.kind.upper(), "txt")
    output = workgroups.output(acting, group, params)
    output["OutputLocation"] += f"{number}.{ending}"
    record = {
        "QueryExecutionId": number,
        "Query": params["QueryString"],
        "StatementType": "DML" if ending == "csv" else "UTILITY",
        "SubstatementType": kind,
        "ResultConfiguration": output,
        "QueryExecutionContext": {"Database": database.lower(), "Catalog": catalog.lower()},
        "Status": {"State": "QUEUED", "SubmissionDateTime": time.time()},
        "Statistics": {},
        "WorkGroup": group["Name"],
        "EngineVersion": {
            "SelectedEngineVersion": "AUTO",
            "EffectiveEngineVersion": "Athena engine version 3",
        },
    }
    limit = (group.get("Configuration") or {}).get("BytesScannedCutoffPerQuery")
    session = engine.Session(acting, int(limit) if limit else None)
    token = params.get("ClientRequestToken") or ""
    execution = Execution(caller, record, statement, session, token)
    _executions[caller.account, caller.region, number] = execution
    inherited = contextvars.copy_context()
    threading.Thread(target=lambda: inherited.run(_run, execution), name=f"athena-{number}", daemon=True).start()
    return {"QueryExecutionId": number}


def get(caller: Identity, params: Json) -> Json:
    return {"QueryExecution": find(caller, params["QueryExecutionId"]).record}


def batch_get(caller: Identity, params: Json) -> Json:
    found, missing = [], []
    for number in params["QueryExecutionIds"]:
        execution = _executions.get((caller.account, caller.region, number))
        if execution:
            found.append(execution.record)
        else:
            why = {"ErrorCode": "INVALID_INPUT", "ErrorMessage": f"QueryExecution {number} was not found"}
            missing.append({"QueryExecutionId": number, **why})
    return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}


def stop(caller: Identity, params: Json) -> Json:
    """Cancel a query; one that has ended stays as it is."""
    _cancel(find(caller, params["QueryExecutionId"]))
    return {}


def list_all(caller: Identity, params: Json) -> Json:
    """Ids of the work group's queries, newest first."""
    group = workgroups.find(caller, params.get("WorkGroup") or "primary")["Name"]
    mine = [
        (execution.started, number)
        for (account, region, number), execution in _executions.items()
        if (account, region) == (caller.account, caller.region) and execution.record["WorkGroup"] == group
    ]
    items, rest = _page([number for _, number in sorted(mine, reverse=True)], params, 50)
    return {"QueryExecutionIds": items} | rest


def get_results(caller: Identity, params: Json) -> Json:
    """A page of the result, read from S3 with the caller's rights. The first row of a SELECT's is its header.

    Raises:
        AwsError: `InvalidRequestException`: the query has not succeeded, or the result is gone or not the caller's.
    """
    execution = find(caller, params["QueryExecutionId"])
    if execution.state in ("QUEUED", "RUNNING"):
        raise invalid_request(f"Query has not yet finished. Current state: {execution.state}")
    if execution.state != "SUCCEEDED":
        raise invalid_request(f"Query did not finish successfully. Final query state: {execution.state}")
    acting = tables.acting_for(caller)
    try:
        body = objects.read(acting, execution.output)
        columns = results.from_metadata(objects.read(acting, f"{execution.output}.metadata"))
    except errors.QueryError as error:
        raise AwsError("InvalidRequestException", f"Could not find results: {error.reason}") from error
    is_csv = execution.output.endswith(".csv")
    lines, rest = _page(results.from_csv(body) if is_csv else results.from_text(body), params, 1000)
    rows = [{"Data": [{} if value is None else {"VarCharValue": value} for value in line]} for line in lines]
    return {"UpdateCount": 0, "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": columns}}} | rest


def find(caller: Identity, number: str) -> Execution:
    """The execution in the caller's account. Raises `AwsError`."""
    try:
        return _executions[caller.account, caller.region, number]
    except KeyError:
        raise invalid_request(f"QueryExecution {number} was not found") from None


def work_group_of(account: str, region: str, number: str) -> str:
    """The work group of an execution, which IAM is asked about; empty where there is none."""
    execution = _executions.get((account, region, number))
    return str(execution.record["WorkGroup"]) if execution else ""


def reset() -> None:
    """Cancel what runs, forget all."""
    for execution in list(_executions.values()):
        _cancel(execution)
    _executions.clear()


def _cancel(execution: Execution) -> None:
    execution.session.cancelled.set()
    execution.enter("CANCELLED", StateChangeReason=errors.STOPPED)
    # The query may end, and close its connection, at this very moment.
    with contextlib.suppress(duckdb.Error):
        execution.session.connection.interrupt()


def _by_token(caller: Identity, params: Json) -> str:
    """The query that the same token started already.

    Raises:
        AwsError: `InvalidRequestException`, where that was another query.
    """
    token = params.get("ClientRequestToken")
    for (account, region, number), execution in _executions.items():
        if token and (account, region, token) == (caller.account, caller.region, execution.token):
            if execution.record["Query"] != params["QueryString"]:
                raise invalid_request("Idempotent parameters do not match")
            return number
    return ""


def _page[T](items: list[T], params: Json, size: int) -> tuple[list[T], Json]:
    token = params.get("NextToken") or "0"
    if not token.isdigit():
        raise invalid_request("Invalid NextToken")
    start, end = int(token), int(token) + (params.get("MaxResults") or size)
    return items[start:end], {"NextToken": str(end)} if end < len(items) else {}


def _run(execution: Execution) -> None:
    """The thread of a query."""
    with _slots:
        if execution.session.cancelled.is_set():
            return
        execution.enter("RUNNING")
        try:
            _answer(execution)
        except errors.QueryError as error:
            execution.fail(error)
        except (errors.CancelledError, duckdb.InterruptException) as error:
            execution.enter("CANCELLED", StateChangeReason=str(error))
        except Exception as error:
            # A defect of the emulation must end the query, not leave it running for ever.
            execution.fail(
                errors.QueryError(f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}", errors.INTERNAL)
            )
        finally:
            execution.session.connection.close()


def _answer(execution: Execution) -> None:
    begun, acting = time.time(), execution.session.caller
    if isinstance(execution.statement, Query):
        result = execution.session.run(execution.statement)
        columns, body = results.columns_of(result), results.to_csv(result.names, results.lines_of(result))
    else:
        names, rows = tables.listed(acting, execution.statement)
        columns, body = [results.column_info(name, "string") for name in names], results.to_text(map(list, rows))
    computed = time.time()
    if execution.session.cancelled.is_set():
        return
    objects.write(acting, execution.output, body)
    objects.write(acting, f"{execution.output}.metadata", results.to_metadata(columns))
    execution.record = execution.record | {"Statistics": _statistics(execution, begun, computed)}
    execution.enter("SUCCEEDED")


def _statistics(execution: Execution, begun: float, computed: float) -> Json:
    def milliseconds(seconds: float) -> int:
        return round(seconds * 1000)

    return {
        "EngineExecutionTimeInMillis": milliseconds(computed - begun),
        "DataScannedInBytes": execution.session.scanned,
        "TotalExecutionTimeInMillis": milliseconds(time.time() - execution.started),
        "QueryQueueTimeInMillis": milliseconds(begun - execution.started),
        "ServiceProcessingTimeInMillis": milliseconds(time.time() - computed),
    }
