"""An Iceberg table in the Glue Data Catalog: the pointer, and the columns that readers' rights rest on.

Sources: Apache Iceberg's `GlueCatalog` (parameters `table_type`, `metadata_location`, `previous_metadata_location`, the
columns' `iceberg.field.*`); Amazon Athena User Guide, "Query Apache Iceberg tables".
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mesh.domain.contracts.contract import ContractTable
from mesh.domain.publishing.fields import Field
from mesh.domain.publishing.table_state import Marks

POINTER: Final = "metadata_location"
PREVIOUS: Final = "previous_metadata_location"
MARKS: Final = "meshwork.highest-ids"
_MAX_COMMENT: Final = 255
_MAX_DESCRIPTION: Final = 2048


def is_iceberg(table: Mapping[str, Any] | None) -> bool:
    """Whether a table as `GetTable` gives it is one of Iceberg."""
    return str(((table or {}).get("Parameters") or {}).get("table_type", "")).upper() == "ICEBERG"


def pointer_of(table: Mapping[str, Any] | None) -> str:
    """The location of the table's metadata file; "" where there is none."""
    return str((table or {}).get("Parameters", {}).get(POINTER, "")) if is_iceberg(table) else ""


def location_of(metadata: str) -> str:
    """Of the table that has this metadata file: each lies in the folder `metadata` of its table."""
    return metadata.rpartition("/metadata/")[0]


def own_metadata(pointer: str, location: str) -> str:
    """The pointer, if it is a file of the table at that location; "" for one that lies with a former owner of the
    product, who alone can read what it lists: a new table begins there."""
    return pointer if location_of(pointer) == location else ""


def marks_of(table: Mapping[str, Any] | None) -> Marks:
    """The highest ids that were ever given in the table, as central wrote them beside the pointer."""
    text = ((table or {}).get("Parameters") or {}).get(MARKS)
    return Marks.model_validate_json(text) if text else Marks()


def iceberg_input(
    name: str,
    pointer: str,
    fields: Sequence[Field],
    *,
    marks: Marks,
    previous: str = "",
    described: ContractTable | None = None,
) -> dict[str, Any]:
    """The TableInput whose `metadata_location` is `pointer`, at the location of that file; `previous` is the pointer
    before it."""
    before = {PREVIOUS: previous} if previous else {}
    comments = {column.catalog_name: column.description for column in described.columns} if described else {}
    return {
        "Name": name,
        "Description": (described.description if described else "")[:_MAX_DESCRIPTION],
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [_column(field, comments.get(field.name, "")) for field in fields],
            "Location": location_of(pointer),
        },
        "Parameters": {
            "EXTERNAL": "TRUE",
            "table_type": "ICEBERG",
            POINTER: pointer,
            **before,
            MARKS: json.dumps(marks.model_dump(), separators=(",", ":")),
        },
    }


def _column(field: Field, comment: str) -> dict[str, Any]:
    parameters = {
        "iceberg.field.current": "true",
        "iceberg.field.id": str(field.id),
        "iceberg.field.optional": "true",
    }
    column = {"Name": field.name, "Type": field.hive_type, "Parameters": parameters}
    return {**column, "Comment": comment[:_MAX_COMMENT]} if comment else column
