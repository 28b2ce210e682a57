"""Contracts for tests of evolution: a table from a few properties, as written in a contract."""

from typing import Any

import yaml
from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.contracts.contract import Contract


def column(name: str, logical: str = "integer", **more: Any) -> dict[str, Any]:
    return {"name": name, "logicalType": logical, **more}


def contract_document(
    *columns: dict[str, Any], version: str = "1.0.0", table: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """As it is written."""
    shape = {"name": "t", "properties": list(columns), **(table or {})}
    return {
        "apiVersion": "v3.2.0", "kind": "DataContract", "id": "p", "name": "product", "version": version,
        "status": "active", "schema": [shape], **more,
    }  # fmt: skip


def contract(*columns: dict[str, Any], **more: Any) -> Contract:
    """As it is read."""
    return read_contract(yaml.safe_dump(contract_document(*columns, **more)), bucket="b", key="product/contract.yaml")
