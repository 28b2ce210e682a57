"""The Glue API: catalog, crawlers and classifiers here, everything else (jobs, triggers, tags) by MiniStack.

Calls of the catalog that are not served here are refused: MiniStack asks Lake Formation about none of them.
"""

import re
from typing import Final

from local.glue import crawlers
from local.glue.operations import CATALOG, call
from local.lakeformation.identity import Identity, request_identity
from local.lakeformation.protocol import (
    Answer,
    AwsError,
    Operation,
    error_answer,
    json_answer,
    load_json,
)
from local.lakeformation.service_registry import Handler, Request

CONTENT_TYPE = "application/x-amz-json-1.1"

OPERATIONS: dict[str, Operation[Identity]] = CATALOG | crawlers.OPERATIONS
_OF_THE_CATALOG: Final = re.compile("Catalog|ColumnStatistics|Database|Partition|Table|UserDefinedFunction")


def handler(original: Handler) -> Handler:
    """Serve what is ours, pass on the rest to MiniStack's own handler."""

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
    ) -> Answer:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if operation not in OPERATIONS and not _OF_THE_CATALOG.search(operation):
            return await original(method, path, headers, body, query_params)
        try:
            if operation not in OPERATIONS:
                raise AwsError("InvalidInputException", f"The local mesh does not serve {operation}")
            answer = call(request_identity(headers, query_params), operation, load_json(body), OPERATIONS)
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
