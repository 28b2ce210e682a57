"""Open Data Contract Standard: YAML → limits → the standard's JSON Schema → `Contract`; and a draft back to YAML.

jsonschema and the standard's schema are loaded on first use: a function that reads no contract does not pay for them.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import yaml

from mesh.adapters.safe_yaml import MAX_BYTES, load_yaml
from mesh.domain import names
from mesh.domain.contract import Contract, ContractColumn, ContractDescription, ContractServer, ContractTable
from mesh.domain.hive_types import hive_type
from mesh.domain.rejections import ContractLocationMismatch, ContractNameMismatch, ContractSchemaViolation
from mesh.domain.schema import Column, TableSchema

if TYPE_CHECKING:
    from jsonschema import Draft201909Validator
    from jsonschema.exceptions import ValidationError

MAX_VIOLATIONS: Final = 20
API_VERSION: Final = "v3.2.0"
_SCHEMA_REMEDY: Final = (
    "Correct the contract; the standard is at https://bitol-io.github.io/open-data-contract-standard/."
)
_CRAWLER_PREFIX: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,100}")
_CRAWL_MODES: Final = ("auto", "express", "glue")
_LOGICAL: Final = (
    (("tinyint", "smallint", "int", "bigint"), "integer"),
    (("float", "double", "decimal"), "number"),
    (("boolean",), "boolean"),
    (("date",), "date"),
    (("timestamp",), "timestamp"),
    (("array",), "array"),
    (("struct", "map"), "object"),
)
_USED: Final = {
    "kind", "id", "version", "apiVersion", "name", "status", "domain", "description", "tags", "team", "schema",
    "servers", "customProperties", "properties", "physicalName", "logicalType", "physicalType", "classification",
    "required", "primaryKey", "unique", "partitioned", "partitionKeyPosition",
}  # fmt: skip


def read_contract(text: str | bytes, *, bucket: str, key: str) -> Contract:
    """The contract in an object `<product>/contract.yaml`.

    Raises `ContractNotYaml`, `ContractSchemaViolation` (`where["violations"]`: `{"path", "message"}`, at most 20),
    `ContractNameMismatch`, `ContractLocationMismatch`.
    """
    where = {"bucket": bucket, "key": key}
    document = load_yaml(text, **where)
    _check_schema(document, where)
    contract = _Reader(where).contract(document)
    product = key.split("/", 1)[0]
    if contract.name != product:
        raise ContractNameMismatch(
            f"the contract is named {contract.name!r} but lies under {product!r}",
            remedy=f"Set name: {product}, or upload it to {contract.name or '<name>'}/contract.yaml.",
            **where,
        )
    _check_locations(contract, where)
    return contract


def draft_contract(product: str, tables: Mapping[str, TableSchema], *, domain: str = "") -> str:
    """A draft contract in YAML for data that came without one: names and types from the crawl, all else for the owner.

    `tables` is table name → its schema. The result passes `read_contract`.
    """
    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"{product}-draft",
        "name": product,
        "version": "0.0.1",
        "status": "draft",
        **({"domain": domain} if domain else {}),
        "description": {"purpose": "Inferred from the data. Describe it, then set status: active."},
        "schema": [_draft_table(name, schema) for name, schema in tables.items()],
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _draft_table(name: str, schema: TableSchema) -> dict[str, Any]:
    keys = [
        {**_draft_column(column), "partitioned": True, "partitionKeyPosition": position}
        for position, column in enumerate(schema.partition_keys, start=1)
    ]
    columns = [_draft_column(column) for column in schema.columns]
    return {"name": name, "physicalType": "table", "logicalType": "object", "properties": columns + keys}


def _draft_column(column: Column) -> dict[str, Any]:
    base = re.split(r"[(<]", column.type)[0]
    logical = next((logical for bases, logical in _LOGICAL if base in bases), "string")
    return {"name": column.name, "logicalType": logical, "physicalType": column.type or "string"}


def _check_schema(document: object, where: Mapping[str, str]) -> None:
    violations = [
        {"path": error.json_path, "message": error.message[:300]}
        for error in _relevant(_validator().iter_errors(document))
    ]
    if violations:
        raise _violation(violations[:MAX_VIOLATIONS], where, count=len(violations))


def _relevant(errors: Iterable["ValidationError"]) -> list["ValidationError"]:
    """Without the echoes: a failing part leaves its properties 'unevaluated' as well, which says nothing new."""
    found = sorted(errors, key=lambda error: (error.json_path, error.validator == "unevaluatedProperties"))
    causes = [error.json_path for error in found if error.validator != "unevaluatedProperties"]
    return [
        error
        for error in found
        if error.validator != "unevaluatedProperties" or not any(cause.startswith(error.json_path) for cause in causes)
    ]


def _violation(violations: list[dict[str, str]], where: Mapping[str, str], count: int = 1) -> ContractSchemaViolation:
    first = violations[0]
    more = f" (and {count - 1} more)" if count > 1 else ""
    return ContractSchemaViolation(
        f"{first['path']}: {first['message']}{more}", violations=violations, remedy=_SCHEMA_REMEDY, **where
    )


@cache
def _validator() -> "Draft201909Validator":
    from jsonschema import Draft201909Validator  # noqa: PLC0415 - only where a contract is read

    schema = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
    # The schema lists the releases of its day; 3.x promises compatible patches, so those to come pass as well.
    schema["properties"]["apiVersion"] = {"type": "string", "pattern": r"^v3\.[0-2]\.\d+$"}
    # Release 3.2.0 demands a map (and a vector's options) of each property without a logicalType; corrected upstream
    # since (bitol-io/open-data-contract-standard #322). The other conditions only allow things: they stay.
    for condition in schema["$defs"]["SchemaBaseProperty"]["allOf"]:
        if condition.get("if", {}).get("properties", {}).get("logicalType", {}).get("const") in {"map", "vector"}:
            condition["if"]["required"] = ["logicalType"]
    return Draft201909Validator(schema)


def _check_locations(contract: Contract, where: Mapping[str, str]) -> None:
    for server in contract.servers:
        if server.type != "s3" or not server.location:
            continue
        bucket, _, path = server.location.removeprefix("s3://").partition("/")
        if bucket != where["bucket"] or not f"{path}/".startswith(f"{contract.name}/"):
            raise ContractLocationMismatch(
                f"server {server.server!r} is at {server.location}, which is not this product's",
                server=server.server,
                location=server.location,
                remedy=f"Use s3://{where['bucket']}/{names.data_prefix(contract.name)}, or leave servers out.",
                **where,
            )


class _Reader:
    """A validated document → the model; violations of our own custom properties name their path."""

    def __init__(self, where: Mapping[str, str]) -> None:
        self._where = where

    def contract(self, document: Mapping[str, Any]) -> Contract:
        custom = _custom(document)
        name = document.get("name", "")
        description = document.get("description") or {}
        return Contract(
            **self._part(document, "$", custom),
            id=document["id"],
            version=document["version"],
            api_version=document["apiVersion"],
            status=document.get("status", "").lower(),
            domain=document.get("domain", "").strip(),
            owner=_owner(document.get("team"), custom),
            description=ContractDescription(
                **{part: description.get(part, "") for part in ("purpose", "usage", "limitations")}
            ),
            tables=tuple(
                self._table(table, f"$.schema[{index}]") for index, table in enumerate(document.get("schema", ()))
            ),
            servers=tuple(_server(server) for server in document.get("servers", ())),
            crawl=self._crawl_mode(custom),
            crawler_prefix=self._crawler_prefix(custom) or names.camel_case(name),
        )

    def _table(self, table: Mapping[str, Any], path: str) -> ContractTable:
        columns = tuple(
            self._column(column, f"{path}.properties[{index}]")
            for index, column in enumerate(table.get("properties", ()))
        )
        seen: set[str] = set()
        for index, column in enumerate(columns):
            if column.catalog_name in seen:
                raise self._wrong(f"{path}.properties[{index}].name", f"column {column.catalog_name!r} comes twice")
            seen.add(column.catalog_name)
        return ContractTable(
            **self._part(table, path, _custom(table)),
            physical_name=table.get("physicalName", ""),
            description=table.get("description", ""),
            columns=columns,
        )

    def _column(self, column: Mapping[str, Any], path: str) -> ContractColumn:
        logical, physical = column.get("logicalType", ""), column.get("physicalType", "")
        return ContractColumn(
            **self._part(column, path, _custom(column)),
            physical_name=column.get("physicalName", ""),
            logical_type=logical,
            physical_type=physical,
            hive_type=hive_type(physical, logical),
            description=column.get("description", ""),
            classification=column.get("classification", "").strip().lower(),
            required=column.get("required", False),
            primary_key=column.get("primaryKey", False),
            unique=column.get("unique", False),
            partitioned=column.get("partitioned", False),
            partition_position=column.get("partitionKeyPosition", -1),
        )

    def _part(self, part: Mapping[str, Any], path: str, custom: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": part.get("name", ""),
            "tags": tuple(part.get("tags", ())),
            "lf_tags": self._lf_tags(custom.get("lfTags", {}), path),
            "custom": custom,
            "extras": {name: value for name, value in part.items() if name not in _USED},
        }

    def _lf_tags(self, value: object, path: str) -> dict[str, str]:
        """Keys and values lower-case and stripped, as Lake Formation stores them."""
        if not isinstance(value, dict) or not all(isinstance(x, str) for pair in value.items() for x in pair):
            raise self._wrong(f"{path}.customProperties.lfTags", "not a mapping of LF-Tag keys to one value each")
        return {key.strip().lower(): tag.strip().lower() for key, tag in value.items()}

    def _crawl_mode(self, custom: Mapping[str, Any]) -> Any:  # noqa: ANN401 - pydantic narrows it
        mode = custom.get("crawl", "auto")
        if mode not in _CRAWL_MODES:
            raise self._wrong("$.customProperties.crawl", f"{mode!r} is none of {', '.join(_CRAWL_MODES)}")
        return mode

    def _crawler_prefix(self, custom: Mapping[str, Any]) -> str:
        prefix = custom.get("crawlerPrefix", "")
        if prefix and not (isinstance(prefix, str) and _CRAWLER_PREFIX.fullmatch(prefix)):
            raise self._wrong(
                "$.customProperties.crawlerPrefix", f"{prefix!r} does not match {_CRAWLER_PREFIX.pattern}"
            )
        return str(prefix)

    def _wrong(self, path: str, message: str) -> ContractSchemaViolation:
        return _violation([{"path": path, "message": message}], self._where)


def _custom(part: Mapping[str, Any]) -> dict[str, Any]:
    return {entry.get("property", ""): entry.get("value") for entry in part.get("customProperties", ())}


def _owner(team: object, custom: Mapping[str, Any]) -> str:
    """The custom property `owner`, else the team's name, else its first member with the role of an owner."""
    if isinstance(owner := custom.get("owner"), str):
        return owner
    if isinstance(team, dict) and team.get("name"):
        return str(team["name"])
    members = team.get("members", ()) if isinstance(team, dict) else team or ()
    if not isinstance(members, list | tuple):
        return ""
    owners = [member for member in members if "owner" in str(member.get("role", "")).lower()] or list(members)
    return str(owners[0].get("username") or owners[0].get("name") or "") if owners else ""


def _server(server: Mapping[str, Any]) -> ContractServer:
    return ContractServer(
        server=server["server"],
        type=server["type"],
        **{part: str(server.get(part, "")) for part in ("location", "format", "delimiter")},
    )


__all__ = ["MAX_BYTES", "draft_contract", "read_contract"]
