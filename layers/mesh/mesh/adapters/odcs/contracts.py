"""Open Data Contract Standard: YAML → limits → the standard's JSON Schema → `Contract`."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from mesh.adapters.odcs.drafts import draft_contract
from mesh.adapters.odcs.json_schema import MAX_VIOLATIONS, REMEDY, check_document, violation
from mesh.adapters.safe_yaml import Source, load_yaml
from mesh.domain import names
from mesh.domain.contracts.contract import (
    MAX_TEXT,
    Contract,
    ContractColumn,
    ContractDescription,
    ContractLocationMismatch,
    ContractNameMismatch,
    ContractNotYaml,
    ContractSchemaViolation,
    ContractServer,
    ContractTable,
    ReleasedFinding,
)
from mesh.domain.contracts.enforcement import not_enforced
from mesh.domain.contracts.service_levels import notice_faults
from mesh.domain.hive_types import hive_type
from mesh.domain.onboarding.budgets import MAX_COLUMNS
from mesh.domain.onboarding.keys import RESERVED_DATABASES
from mesh.domain.onboarding.quality.rules import faults
from mesh.domain.packing import MOST, fits, pack
from mesh.domain.semver import SemanticVersion

SHORTEN: Final = "Split the product, or shorten the contract."
_CRAWLER_PREFIX: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,100}")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_RELEASE: Final = "Write it as {pii: personal, by: NAME, reason: TEXT}."
_CRAWL_MODES: Final = ("auto", "express", "glue")
_USED: Final = {
    "kind", "id", "version", "apiVersion", "name", "status", "domain", "description", "tags", "team", "schema",
    "servers", "customProperties", "properties", "physicalName", "logicalType", "physicalType", "classification",
    "required", "primaryKey", "primaryKeyPosition", "unique", "partitioned", "partitionKeyPosition",
    "logicalTypeOptions", "enum", "items",
}  # fmt: skip


def load_document(text: str | bytes, **where: str) -> dict[str, Any]:
    """The contract's YAML, and no more. Raises `ContractNotYaml`."""
    return load_yaml(text, Source("the contract", ContractNotYaml, where, MAX_TEXT, SHORTEN))


def read_contract(text: str | bytes, *, bucket: str, key: str) -> Contract:
    """The contract in an object `<product>/contract.yaml`.

    Raises `ContractNotYaml`, `ContractSchemaViolation` (`where["violations"]`: `{"path", "message"}`, at most 20),
    `ContractNameMismatch`, `ContractLocationMismatch`.
    """
    where = {"bucket": bucket, "key": key}
    document = load_document(text, **where)
    _check_columns(document, where)
    check_document(document, where)
    contract = _Reader(where).contract(document)
    product = key.split("/", 1)[0]
    if not contract.name:
        below = f" (it lies under {product!r})" if "/" in key else ""
        raise ContractNameMismatch(
            f"the contract has no name{below}",
            remedy=f"Add name: {product if below else '<product>'}, the prefix that the contract is uploaded to.",
            **where,
        )
    if contract.name != product:
        raise ContractNameMismatch(
            f"the contract is named {contract.name!r} but lies under {product!r}",
            remedy=f"Set name: {product}, or upload it to {contract.name or '<name>'}/contract.yaml.",
            **where,
        )
    if contract.name in RESERVED_DATABASES:
        message = f"Glue and Athena reserve {contract.name!r} for a database"
        remedy = "Choose another name for the product, and upload the contract to a prefix of that name."
        raise violation([{"path": "$.name", "message": message}], where, remedy=remedy)
    _check_locations(contract, where)
    if broken := [*faults(contract), *notice_faults(contract)]:
        raise violation(broken[:MAX_VIOLATIONS], where, count=len(broken))
    contract = contract.evolve(not_enforced=not_enforced(contract))
    _check_size(text, contract, where)
    return contract


def _check_columns(document: Mapping[str, Any], where: Mapping[str, str]) -> None:
    """Before the standard's schema, which takes a millisecond for each."""
    tables = document.get("schema")
    for index, table in enumerate(tables if isinstance(tables, list) else ()):
        columns = table.get("properties") if isinstance(table, dict) else None
        if isinstance(columns, list) and len(columns) > MAX_COLUMNS:
            found = f"{len(columns):,} columns, {MAX_COLUMNS:,} are possible"
            raise violation([{"path": f"$.schema[{index}].properties", "message": found}], where, remedy=SHORTEN)


def _check_size(text: str | bytes, contract: Contract, where: Mapping[str, str]) -> None:
    """It travels as text to central, and back as it was read."""
    written = text if isinstance(text, str) else text.decode("utf-8-sig")
    read = json.dumps(contract.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False)
    if not (fits(written) and fits(read)):
        most = max(len(pack(written)), len(pack(read)))
        message = f"the contract has {most:,} characters when it is compressed, {MOST:,} are possible"
        raise ContractNotYaml(message, remedy=SHORTEN, **where)


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
            version=self._version(document["version"]),
            api_version=document["apiVersion"],
            status=document.get("status", "").lower(),
            domain=document.get("domain", "").strip(),
            owner=_owner(document.get("team"), custom),
            description=ContractDescription(
                **{part: description.get(part, "") for part in ("purpose", "usage", "limitations")}
            ),
            tables=self._tables(document.get("schema", ())),
            servers=tuple(_server(server) for server in document.get("servers", ())),
            crawl=self._crawl_mode(custom),
            crawler_prefix=self._crawler_prefix(custom) or names.camel_case(name),
            hand_over_to=self._hand_over_to(custom),
            digest=hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=False).encode()).hexdigest(),
        )

    def _version(self, version: str) -> str:
        if SemanticVersion.parse(version) is None:
            message = f"{version!r} is not a semantic version: a contract's revision is MAJOR.MINOR.PATCH (semver.org)"
            raise self._wrong("$.version", message, remedy="Write the version as in 1.0.0.")
        return version

    def _tables(self, tables: Sequence[Mapping[str, Any]]) -> tuple[ContractTable, ...]:
        read = tuple(self._table(table, f"$.schema[{index}]") for index, table in enumerate(tables))
        self._check_unique([table.catalog_name for table in read], "$.schema[{}].name", "table")
        return read

    def _table(self, table: Mapping[str, Any], path: str) -> ContractTable:
        columns = tuple(
            self._column(column, f"{path}.properties[{index}]")
            for index, column in enumerate(table.get("properties", ()))
        )
        self._check_unique([column.catalog_name for column in columns], path + ".properties[{}].name", "column")
        return ContractTable(
            **self._part(table, path, _custom(table)),
            physical_name=table.get("physicalName", ""),
            description=table.get("description", ""),
            columns=columns,
        )

    def _check_unique(self, catalog_names: Sequence[str], path: str, what: str) -> None:
        known: set[str] = set()
        for index, name in enumerate(catalog_names):
            if name in known:
                raise self._wrong(path.format(index), f"{what} {name!r} comes twice")
            known.add(name)

    def _fields(self, column: Mapping[str, Any], path: str) -> tuple[ContractColumn, ...]:
        """What an object holds, or each element of an array."""
        items = column.get("items")
        if isinstance(items, dict):
            return (self._column({"name": "items", **items}, f"{path}.items"),)
        return tuple(
            self._column(field, f"{path}.properties[{index}]")
            for index, field in enumerate(column.get("properties", ()))
        )

    def _column(self, column: Mapping[str, Any], path: str) -> ContractColumn:
        logical, physical = column.get("logicalType", ""), column.get("physicalType", "")
        return ContractColumn(
            **self._part(column, path, custom := _custom(column)),
            released=self._released(custom.get("releasedFinding"), path),
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
            primary_key_position=column.get("primaryKeyPosition", -1),
            options=column.get("logicalTypeOptions") or {},
            enum=tuple(entry["value"] for entry in column.get("enum", ())),
            fields=self._fields(column, path),
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

    def _released(self, value: object, path: str) -> ReleasedFinding | None:
        if value is None:
            return None
        try:
            released = ReleasedFinding.model_validate(value, extra="forbid")
        except ValidationError as fault:
            what = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in fault.errors()[:5])
            raise self._wrong(f"{path}.customProperties.releasedFinding", what, remedy=_RELEASE) from fault
        return released.evolve(pii=released.pii.strip().lower())

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

    def _hand_over_to(self, custom: Mapping[str, Any]) -> str:
        account = custom.get("handOverTo", "")
        if account and not (isinstance(account, str) and _ACCOUNT.fullmatch(account)):
            raise self._wrong(
                "$.customProperties.handOverTo",
                f"{account!r} is no account: twelve digits, as text",
                remedy='Write it as {property: handOverTo, value: "123456789012"}.',
            )
        return str(account)

    def _wrong(self, path: str, message: str, remedy: str = REMEDY) -> ContractSchemaViolation:
        return violation([{"path": path, "message": message}], self._where, remedy=remedy)


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


__all__ = ["draft_contract", "read_contract"]
