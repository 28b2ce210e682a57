"""Our verdict on data beside datacontract-cli's, rule by rule (docs/quality.md).

`python -m tests.unit.onboarding.quality.data_agreement PATH/TO/datacontract [CASE …]` runs it on the cases of
`fixtures/data-cases.yaml` and prints the record that is kept as `fixtures/data-verdicts.yaml`. It is too heavy to be a
dependency: it is installed in an environment of its own, `pip install 'datacontract-cli[duckdb,csv,parquet]==1.2.8'`.

A rule is called by its path below the contract's table (`properties[0].required`, `quality[rows]`), and a verdict is
`passed`, `failed`, `warning` (it does not hold back) or `skipped`. `properties[0]` is the presence of the column,
`file` whether the file could be read by the contract's types.
"""

import copy
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.hive_types import hive_type
from mesh.domain.onboarding.quality.model import TableReport

from local.samples import credit, credit_english
from tests.unit.onboarding.measuring.measuring import measure

FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES: dict[str, dict[str, Any]] = yaml.safe_load((FIXTURES / "data-cases.yaml").read_text("utf-8"))
ROWS = 200
FILE = "file"
_OPTIONS = {
    "field_minimum": ("minimum", "exclusiveMinimum"),
    "field_maximum": ("maximum", "exclusiveMaximum"),
    "field_not_equal": ("exclusiveMinimum", "exclusiveMaximum"),
    "field_min_length": ("minLength",),
    "field_max_length": ("maxLength",),
    "field_regex": ("pattern",),
}
_PLACES = {
    "field_is_present": "",
    "field_required": ".required",
    "field_unique": ".unique",
    "field_enum": ".enum",
    "field_primary_key_required": ".primaryKey required",
    "field_primary_key_unique": ".primaryKey",
}
_WORSE = ("passed", "skipped", "warning", "failed")


def document(case: Mapping[str, Any]) -> dict[str, Any]:
    """The case's contract."""
    if shipped := case.get("shipped"):
        return (credit if shipped == "german" else credit_english).contract()
    table = {"name": "t", "properties": case["columns"]}
    if rules := case.get("quality"):
        table["quality"] = rules
    return {
        "apiVersion": "v3.2.0", "kind": "DataContract", "id": "p", "name": "product", "version": "1.0.0",
        "status": "active", "schema": [table],
    }  # fmt: skip


def data(case: Mapping[str, Any]) -> str:
    """The case's CSV file."""
    if "shipped" not in case:
        return str(case["data"])
    rows = [{name: str(value) for name, value in row.items()} for row in credit.generate(ROWS, 7)]
    if case["shipped"] == "english":
        translated = credit_english.TRANSLATIONS.items()
        rows = [{to.name: to.meanings.get(int(row[name]), row[name]) for name, to in translated} for row in rows]
    if "column" in case:
        rows[ROWS // 2][case["column"]] = case["becomes"]
    return "\n".join(",".join(row) for row in (list(rows[0]), *(row.values() for row in rows))) + "\n"


def ours(case: Mapping[str, Any]) -> dict[str, str]:
    """Rule → our verdict. The table has the contract's types, of the columns that the file has."""
    stated = document(case)
    content = data(case)
    header = content.split("\n", 1)[0].split(",")
    contract = read_contract(yaml.safe_dump(stated), bucket="b", key=f"{stated['name']}/contract.yaml")
    [table] = contract.tables
    columns = {column.catalog_name: column for column in table.columns}
    types = {name: hive_type(columns[name].physical_type, columns[name].logical_type) for name in header}
    report = measure({"a.csv": content}, types, contract, table=table.catalog_name)
    if any(finding.code == "HeaderWithoutRows" for finding in report.findings):  # refused before any rule
        return {FILE: "failed"}
    found = _presence(report, list(columns))
    for result in report.rules:
        verdict = "warning" if result.outcome == "failed" and result.severity != "error" else result.outcome
        place = _with_ids(result.where.removeprefix("$.schema[0]."), stated)
        found[place + (" required" if result.rule.endswith("so required") else "")] = verdict
    return found


def _presence(report: TableReport, columns: list[str]) -> dict[str, str]:
    missing = {finding.column for finding in report.findings if finding.code == "RequiredColumnMissing"}
    found = {f"properties[{i}]": "failed" if name in missing else "passed" for i, name in enumerate(columns)}
    wrong = any(finding.code == "ValueNotOfType" for finding in report.findings)
    return found | ({FILE: "failed"} if wrong else {})


def _with_ids(place: str, stated: Mapping[str, Any]) -> str:
    """`quality[0]` → `quality[rows]`."""
    steps = re.findall(r"(\w+)\[(\d+)\]", place)
    if "quality" not in dict(steps):
        return place
    node: Any = stated["schema"][0]
    for name, index in steps:
        node = node[name][int(index)]
    return re.sub(r"quality\[\d+\]", f"quality[{node['id']}]", place)


def theirs(command: str, case: Mapping[str, Any]) -> dict[str, str]:
    """Rule → datacontract-cli's verdict."""
    found: dict[str, str] = {}
    for stated in _rounds(document(case)):
        found |= _run(command, stated, data(case))
    return found


def _rounds(stated: dict[str, Any]) -> list[dict[str, Any]]:
    """The contract with at most one rule of each metric in each place: the tool keeps results by column and metric,
    so that the last of two rules speaks for both."""
    rounds = []
    while True:
        this, left = copy.deepcopy(stated), 0
        table = this["schema"][0]
        for node in (table, *table["properties"]):
            ranked = list(zip(node.get("quality", ()), _ranks(node.get("quality", ())), strict=True))
            left += sum(rank > len(rounds) for _, rank in ranked)
            if kept := [rule for rule, rank in ranked if rank == len(rounds)]:
                node["quality"] = kept
            else:
                node.pop("quality", None)
        rounds.append(this)
        if not left:
            return rounds


def _ranks(rules: Iterable[Mapping[str, Any]]) -> list[int]:
    seen: Counter[str] = Counter()
    ranks = []
    for rule in rules:
        metric = str(rule.get("metric", rule.get("id")))
        ranks.append(seen[metric])
        seen[metric] += 1
    return ranks


def _run(command: str, stated: dict[str, Any], content: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data.csv").write_text(content, "utf-8")
        stated["servers"] = [{"server": "local", "type": "local", "path": f"{folder}/data.csv", "format": "csv"}]
        contract, result = Path(folder) / "contract.yaml", Path(folder) / "result.json"
        contract.write_text(yaml.safe_dump(stated), "utf-8")
        arguments = ["test", str(contract), "--server", "local", "--output-format", "json", "--output", str(result)]
        subprocess.run([command, *arguments], check=False, capture_output=True)
        checks = json.loads(result.read_text("utf-8"))["checks"]
    ran = [check for check in checks if check["result"]]  # of a file that it cannot read, none is
    return _worst((_place(check, stated["schema"][0]), _verdict(check)) for check in ran)


def _verdict(check: Mapping[str, Any]) -> str:
    """A rule that is not run is a warning for it, with a reason that says so; for us it is skipped."""
    reason = str(check.get("reason") or "")
    return "skipped" if re.search(r"not (supported|executed|run)|has to be combined", reason) else str(check["result"])


def _place(check: Mapping[str, Any], table: Mapping[str, Any]) -> str:
    names = [column["name"] for column in table["properties"]]
    at = f"properties[{names.index(check['field'])}]" if check.get("field") else ""
    kind = check["type"]
    if kind == "general":
        return FILE
    if rule := check.get("qualityId"):
        return f"{at}.quality[{rule}]".removeprefix(".")
    if kind in _PLACES:
        return at + _PLACES[kind]
    if kind in _OPTIONS:
        stated = table["properties"][names.index(check["field"])]["logicalTypeOptions"]
        return f"{at}.logicalTypeOptions.{next(name for name in _OPTIONS[kind] if name in stated)}"
    if "primary_key" in kind:
        first = min((c for c in table["properties"] if c.get("primaryKey")), key=lambda c: c["primaryKeyPosition"])
        return f"properties[{names.index(first['name'])}].primaryKey"
    return f"{at} {kind}".strip()


def _worst(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    worst: dict[str, str] = {}
    for place, verdict in found:
        worst[place] = max(verdict, worst.get(place, "passed"), key=lambda v: _WORSE.index(v) if v in _WORSE else 9)
    return worst


if __name__ == "__main__":
    wanted = sys.argv[2:] or list(CASES)
    yaml.safe_dump({name: theirs(sys.argv[1], CASES[name]) for name in wanted}, sys.stdout, sort_keys=False)
