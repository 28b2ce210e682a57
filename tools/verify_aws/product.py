"""The synthetic product: one small table with one column about persons, none of them real."""

from pathlib import Path
from typing import Any, Final

import yaml

from tools.verify_aws.deployment import DOMAINS
from tools.verify_aws.names import PERSONAL, TABLE, Names

_ROWS: Final = "".join(f"{number},{number * 100},Nobody {number}\n" for number in range(1, 4))


def write_contract(folder: Path, names: Names) -> None:
    """`contract.yaml` alone: what is registered before there are data."""
    (folder / "contract.yaml").write_text(yaml.safe_dump(_contract(names), sort_keys=False), "utf-8")


def write_data(folder: Path) -> None:
    """Three rows beside the contract."""
    data = folder / "data" / TABLE
    data.mkdir(parents=True)
    (data / "part-0.csv").write_text(f"id,amount,{PERSONAL}\n{_ROWS}", "utf-8")


def _contract(names: Names) -> dict[str, Any]:
    personal = [{"property": "lfTags", "value": {"pii": "personal"}}]
    columns: list[dict[str, Any]] = [
        {"name": "id", "physicalType": "bigint"},
        {"name": "amount", "physicalType": "bigint"},
        {"name": PERSONAL, "physicalType": "string", "classification": "confidential", "customProperties": personal},
    ]
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": names.product,
        "name": names.product,
        "version": "1.0.0",
        "status": "active",
        "domain": DOMAINS["producer"],
        "customProperties": [
            {"property": "lfTags", "value": {"confidentiality": "internal"}},
            {"property": "crawlerPrefix", "value": names.product},
        ],
        "schema": [{"name": TABLE, "physicalType": "table", "properties": columns}],
    }
