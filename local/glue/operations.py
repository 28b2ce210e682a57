"""Glue's calls of the catalog, which a crawler makes as well, as its role."""

from collections.abc import Mapping

from local.glue import catalog, partitions
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import Json, Operation, service_model, validate
from local.lakeformation.store import LOCK

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
}


def call(caller: Identity, operation: str, params: Json, among: Mapping[str, Operation[Identity]] = CATALOG) -> Json:
    """One Glue operation as `caller`, with IAM and Lake Formation asked: what the API does, for services inside.

    Raises:
        AwsError: what the API would answer.
    """
    validate(service_model("glue").operation_model(operation).input_shape, params)
    with LOCK:
        return among[operation](caller, params)
