"""The Athena API: queries and the catalog's metadata here, work groups, named queries and the rest by MiniStack."""

from local.athena import executions, metadata
from local.lakeformation.identity import Identity, request_identity
from local.lakeformation.protocol import (
    Answer,
    AwsError,
    Operation,
    error_answer,
    json_answer,
    load_json,
    service_model,
    validate,
)
from local.lakeformation.service_registry import Handler, Request

CONTENT_TYPE = "application/x-amz-json-1.1"
QUERIES: dict[str, Operation[Identity]] = {
    "StartQueryExecution": executions.start,
    "GetQueryExecution": executions.get,
    "BatchGetQueryExecution": executions.batch_get,
    "GetQueryResults": executions.get_results,
    "StopQueryExecution": executions.stop,
    "ListQueryExecutions": executions.list_all,
}
CATALOG: dict[str, Operation[Identity]] = {
    "GetDatabase": metadata.get_database,
    "ListDatabases": metadata.list_databases,
    "GetTableMetadata": metadata.get_table_metadata,
    "ListTableMetadata": metadata.list_table_metadata,
}
OPERATIONS = QUERIES | CATALOG


def handler(original: Handler) -> Handler:
    """Serve what is ours, pass on the rest to MiniStack's own handler."""

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
    ) -> Answer:
        from ministack.services import athena  # noqa: PLC0415

        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if operation not in OPERATIONS:
            return await original(method, path, headers, body, query_params)
        # Every account has the work group `primary`; MiniStack makes it when it is first asked.
        athena._ensure_default_workgroup()
        try:
            params = load_json(body)
            shape = service_model("athena").operation_model(operation).input_shape
            validate(shape, params, "InvalidRequestException")
            return json_answer(OPERATIONS[operation](request_identity(headers, query_params), params), CONTENT_TYPE)
        except AwsError as error:
            return error_answer(error, CONTENT_TYPE)

    return handle_request


def resource_arn(request: Request) -> str | None:
    """What IAM is asked about: the data catalog, or the work group of the call or of the query that it names.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonathena.html
    """
    operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
    if operation not in OPERATIONS:
        return None
    try:
        params = load_json(request.body)
    except AwsError:
        params = {}
    root = f"arn:aws:athena:{request.region}:{request.account}"
    if operation in CATALOG:
        return f"{root}:datacatalog/{params.get('CatalogName') or '*'}"
    number = str(params.get("QueryExecutionId") or next(iter(params.get("QueryExecutionIds") or ()), ""))
    group = executions.work_group_of(request.account, request.region, number) if number else params.get("WorkGroup")
    return f"{root}:workgroup/{group or 'primary'}"
