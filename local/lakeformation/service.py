"""The Lake Formation API over the modules beside it."""

from local.lakeformation import cells, grants, listing, settings, tagging, tags
from local.lakeformation.identity import Identity, request_identity
from local.lakeformation.protocol import (
    Answer,
    AwsError,
    Json,
    Operation,
    error_answer,
    json_answer,
    rest_input,
    rest_operation,
    validate,
)
from local.lakeformation.store import LOCK

OPERATIONS: dict[str, Operation[Identity]] = {
    "GetDataLakeSettings": settings.get_data_lake_settings,
    "PutDataLakeSettings": settings.put_data_lake_settings,
    "GetDataLakePrincipal": settings.get_data_lake_principal,
    "RegisterResource": settings.register_resource,
    "UpdateResource": settings.update_resource,
    "DeregisterResource": settings.deregister_resource,
    "DescribeResource": settings.describe_resource,
    "ListResources": settings.list_resources,
    "CreateLFTag": tags.create_lf_tag,
    "GetLFTag": tags.get_lf_tag,
    "ListLFTags": tags.list_lf_tags,
    "UpdateLFTag": tags.update_lf_tag,
    "DeleteLFTag": tags.delete_lf_tag,
    "CreateLFTagExpression": tags.create_lf_tag_expression,
    "GetLFTagExpression": tags.get_lf_tag_expression,
    "ListLFTagExpressions": tags.list_lf_tag_expressions,
    "DeleteLFTagExpression": tags.delete_lf_tag_expression,
    "AddLFTagsToResource": tagging.add_lf_tags_to_resource,
    "RemoveLFTagsFromResource": tagging.remove_lf_tags_from_resource,
    "GetResourceLFTags": tagging.get_resource_lf_tags,
    "SearchDatabasesByLFTags": tagging.search_databases_by_lf_tags,
    "SearchTablesByLFTags": tagging.search_tables_by_lf_tags,
    "CreateDataCellsFilter": cells.create_data_cells_filter,
    "GetDataCellsFilter": cells.get_data_cells_filter,
    "ListDataCellsFilter": cells.list_data_cells_filter,
    "UpdateDataCellsFilter": cells.update_data_cells_filter,
    "DeleteDataCellsFilter": cells.delete_data_cells_filter,
    "GrantPermissions": grants.grant_permissions,
    "RevokePermissions": grants.revoke_permissions,
    "BatchGrantPermissions": grants.batch_grant_permissions,
    "BatchRevokePermissions": grants.batch_revoke_permissions,
    "ListPermissions": listing.list_permissions,
    "GetEffectivePermissionsForPath": listing.get_effective_permissions_for_path,
    "CreateLakeFormationOptIn": listing.create_opt_in,
    "DeleteLakeFormationOptIn": listing.delete_opt_in,
    "ListLakeFormationOptIns": listing.list_opt_ins,
}


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
) -> Answer:
    """Serve one call in MiniStack's handler protocol: `(status, headers, body)`."""
    try:
        operation = rest_operation("lakeformation", method, path)
        params: Json = rest_input(operation, body, query_params)
        validate(operation.input_shape, params)
        if operation.name not in OPERATIONS:
            raise AwsError("UnknownOperationException", f"{operation.name} is not emulated", 501)
        with LOCK:
            answer = OPERATIONS[operation.name](request_identity(headers, query_params), params)
        return json_answer(answer)
    except AwsError as error:
        return error_answer(error)
