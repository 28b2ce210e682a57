"""An Iceberg table as one of its metadata files has it: columns, partitioning, and the highest ids ever given.

Source: Apache Iceberg specification, format version 2, "Table Metadata" and "Schemas and Data Types".
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mesh.domain.errors import Rejected
from mesh.domain.model import Model
from mesh.domain.publishing.fields import ELEMENT, KEY, VALUE, Field

INDEX: Final = "meshwork.index"
"""Table property: where the index of the version's sources lies."""
ONLY_NULLS: Final = "meshwork.only-nulls"
"""Table property: ids of columns whose type is unknown, since they have no values yet."""
PROPOSAL: Final = "meshwork.proposal"
"""Table property: the proposal that staged the file."""
CONTRACT: Final = "meshwork.contract"
"""Table property: version of the contract that the newest batch was checked by."""
DETAILS: Final = "meshwork.details"
"""Table property: what the newest batch brought (`TableDetails`)."""
FIRST_PARTITION_ID: Final = 1000
_TO_HIVE: Final = {"long": "bigint"}
_TO_ICEBERG: Final = {"bigint": "long", "tinyint": "int", "smallint": "int"}


class MetadataInvalid(Rejected):
    """A metadata file that is none, or that Meshwork would not have written."""


class Marks(Model):
    """The highest ids ever given in a table, whatever its present metadata file says: none is given twice, also not
    after a rollback."""

    column: int = 0
    partition: int = FIRST_PARTITION_ID - 1
    schema_id: int = -1
    spec: int = -1
    sequence: int = 0

    def covering(self, other: "Marks") -> "Marks":
        """The higher of both, each for itself."""
        mine, theirs = self.model_dump(), other.model_dump()
        return Marks(**{name: max(value, theirs[name]) for name, value in mine.items()})


class PartitionPart(Model):
    """A partition field: its id, and the id of the column that it is the value of."""

    id: int
    source: int


class TableState(Model):
    """`metadata` and `index` are locations (`s3://…`), `index` empty for a table without data; `partition_fields` are
    in order, each the identity of a column. `snapshots` counts those in the file; of the present one `manifest_list` is
    the location, and `bytes` the size of its data files. `uuid` is the table's own."""

    metadata: str
    location: str
    fields: tuple[Field, ...]
    partition_fields: tuple[PartitionPart, ...] = ()
    schema_id: int = 0
    spec_id: int = 0
    index: str = ""
    proposal: str = ""
    contract: str = ""
    details: str = ""
    only_nulls: frozenset[int] = frozenset()
    snapshots: int = 0
    manifest_list: str = ""
    bytes: int = 0
    uuid: str = ""
    marks: Marks

    @property
    def partition(self) -> tuple[str, ...]:
        """Names of the columns that the table is partitioned by."""
        names = {field.id: field.name for field in self.fields}
        return tuple(names[part.source] for part in self.partition_fields)


def read_state(metadata: str, document: Mapping[str, Any]) -> TableState:
    """The state in a metadata file's JSON. Raises MetadataInvalid."""
    try:
        return _state(metadata, document)
    except (KeyError, TypeError, ValueError, StopIteration) as fault:
        raise MetadataInvalid(
            f"{metadata} is not Iceberg table metadata: {type(fault).__name__} {fault}",
            metadata=metadata,
            remedy="Upload the data again, so that it is staged anew.",
        ) from fault


def _state(metadata: str, document: Mapping[str, Any]) -> TableState:
    if document["format-version"] != 2:
        raise ValueError(f"format version {document['format-version']}, not 2")
    schema = next(each for each in document["schemas"] if each["schema-id"] == document["current-schema-id"])
    spec = next(each for each in document["partition-specs"] if each["spec-id"] == document["default-spec-id"])
    fields = tuple(map(field_of, schema["fields"]))
    ids = {field.id for field in fields}
    if any(part["transform"] != "identity" for part in spec["fields"]):
        raise ValueError("a partition transform that is not identity")
    if any(part["source-id"] not in ids for part in spec["fields"]):
        raise ValueError("a partition field of no column")
    properties, snapshots = document.get("properties") or {}, document.get("snapshots") or ()
    present = document.get("current-snapshot-id")
    current: Mapping[str, Any] = next((each for each in snapshots if each["snapshot-id"] == present), {})
    return TableState(
        metadata=metadata,
        location=document["location"],
        fields=fields,
        partition_fields=tuple(PartitionPart(id=part["field-id"], source=part["source-id"]) for part in spec["fields"]),
        schema_id=schema["schema-id"],
        spec_id=spec["spec-id"],
        index=properties.get(INDEX, ""),
        proposal=properties.get(PROPOSAL, ""),
        contract=properties.get(CONTRACT, ""),
        details=properties.get(DETAILS, ""),
        only_nulls=frozenset(map(int, properties.get(ONLY_NULLS, "").split())),
        snapshots=len(snapshots),
        manifest_list=current.get("manifest-list", ""),
        bytes=int(current.get("summary", {}).get("total-files-size", 0)),
        uuid=document["table-uuid"],
        marks=Marks(
            column=document["last-column-id"],
            partition=document["last-partition-id"],
            schema_id=max(each["schema-id"] for each in document["schemas"]),
            spec=max(each["spec-id"] for each in document["partition-specs"]),
            sequence=document["last-sequence-number"],
        ),
    )


def field_of(document: Mapping[str, Any]) -> Field:
    """A field of a schema's JSON."""
    return _field(document["id"], document["name"], document["type"])


def schema_json(fields: Sequence[Field], schema_id: int) -> dict[str, Any]:
    """The JSON of a schema; every column is optional."""
    return {"type": "struct", "schema-id": schema_id, "fields": [_json(field) for field in fields]}


def _field(id_: int, name: str, type_: str | Mapping[str, Any]) -> Field:
    if isinstance(type_, str):
        return Field(id=id_, name=name, type=_TO_HIVE.get(type_, type_.replace(" ", "")))
    match type_["type"]:
        case "struct":
            return Field(id=id_, name=name, type="struct", children=tuple(map(field_of, type_["fields"])))
        case "list":
            element = _field(type_["element-id"], ELEMENT, type_["element"])
            return Field(id=id_, name=name, type="array", children=(element,))
        case "map":
            key, value = _field(type_["key-id"], KEY, type_["key"]), _field(type_["value-id"], VALUE, type_["value"])
            return Field(id=id_, name=name, type="map", children=(key, value))
    raise ValueError(f"column {name}: an unknown type {type_['type']!r}")


def _json(field: Field) -> dict[str, Any]:
    return {"id": field.id, "name": field.name, "required": False, "type": _type_json(field)}


def _type_json(field: Field) -> str | dict[str, Any]:
    match field.type:
        case "struct":
            return {"type": "struct", "fields": [_json(child) for child in field.children]}
        case "array":
            (element,) = field.children
            named = {"element-id": element.id, "element": _type_json(element), "element-required": False}
            return {"type": "list", **named}
        case "map":
            key, value = field.children
            named = {"key-id": key.id, "key": _type_json(key), "value-id": value.id, "value": _type_json(value)}
            return {"type": "map", **named, "value-required": False}
    return _TO_ICEBERG.get(field.type, field.type)
