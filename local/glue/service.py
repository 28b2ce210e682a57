"""The Glue API: catalog, crawlers and classifiers here, everything else (jobs, triggers, tags) by MiniStack."""

from local.glue import catalog, crawlers, partitions, statistics
from local.lakeformation.identity import Identity, request_identity
from local.lakeformation.protocol import (
    Answer,
    AwsError,
    Json,
    Operation,
    error_answer,
    json_answer,
    load_json,
    service_model,
    validate,
)
from local.lakeformation.service_registry import Handler, Request
from local.lakeformation.store import LOCK

CONTENT_TYPE = "application/x-amz-json-1.1"

CATALOG: dict[str, Operation[Identity]] = {
    "CreateDatabase": catalog.create_database,
    "GetDatabase": catalog.get_database,
    "GetDatabases": catalog.get_databases,
    "UpdateDatabase": catalog.update_database,
    "DeleteDatabase": catalog.delete_database,
    "CreateTable": catalog.create_table,
    "GetTable": catalog.get_table,
    "GetTables": catalog.get_tables,
    "UpdateTable": catalog.update_table,
    "DeleteTable": catalog.delete_table,
    "BatchDeleteTable": catalog.batch_delete_table,
    "CreatePartition": partitions.create_partition,
    "BatchCreatePartition": partitions.batch_create_partition,
    "UpdatePartition": partitions.update_partition,
    "BatchUpdatePartition": partitions.batch_update_partition,
    "DeletePartition": partitions.delete_partition,
    "BatchDeletePartition": partitions.batch_delete_partition,
    "GetPartition": partitions.get_partition,
    "BatchGetPartition": partitions.batch_get_partition,
    "GetPartitions": partitions.get_partitions,
    "UpdateColumnStatisticsForTable": statistics.update,
    "GetColumnStatisticsForTable": statistics.get,
}
OPERATIONS: dict[str, Operation[Identity]] = CATALOG | crawlers.OPERATIONS


def call(caller: Identity, operation: str, params: Json) -> Json:
    """One Glue operation as `caller`, with IAM and Lake Formation asked: what the API does, for services inside.

    Raises:
        AwsError: what the API would answer.
    """
    validate(service_model("glue").operation_model(operation).input_shape, params)
    with LOCK:
        return OPERATIONS[operation](caller, params)


def handler(original: Handler) -> Handler:
    """Serve what is ours, pass on the rest to MiniStack's own handler."""

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
    ) -> Answer:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if operation not in OPERATIONS:
            return await original(method, path, headers, body, query_params)
        try:
            answer = call(request_identity(headers, query_params), operation, load_json(body))
            return json_answer(answer, CONTENT_TYPE)
        except AwsError as error:
            return error_answer(error, CONTENT_TYPE)

    return handle_request


def resource_arn(request: Request) -> str | None:
    """What the dispatcher asks IAM about before the call: the first resource; the operation asks about the rest."""
    operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
    if operation not in OPERATIONS:
        return None
    try:
        params = load_json(request.body)
    except AwsError:
        params = {}
    if operation in CATALOG:
        return f"arn:aws:glue:{request.region}:{params.get('CatalogId') or request.account}:catalog"
    return crawlers.resource_arn(f"arn:aws:glue:{request.region}:{request.account}", operation, params)
