"""The credit product once more, in English: raw German data, a recipe, a contract for what comes of it.

Source of names and meanings: the code table of the South German Credit data (UCI Machine Learning Repository, CC BY
4.0), which corrects that of the Statlog German Credit data.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from local.samples import credit


class Translation(NamedTuple):
    """A column's English name, and the meanings of its codes; none for a number."""

    name: str
    meanings: dict[int, str]


TRANSLATIONS: Final = {
    "laufkont": Translation(
        "status",
        {1: "no checking account", 2: "below 0 DM", 3: "0 to 200 DM", 4: "200 DM or more or salary for a year"},
    ),
    "laufzeit": Translation("duration", {}),
    "moral": Translation(
        "credit_history",
        {
            0: "delay in paying off in the past",
            1: "critical account or other credits elsewhere",
            2: "no credits taken or all paid back duly",
            3: "existing credits paid back duly till now",
            4: "all credits at this bank paid back duly",
        },
    ),
    "verw": Translation(
        "purpose",
        {0: "others", 1: "car (new)", 2: "car (used)", 3: "furniture or equipment", 4: "radio or television",
         5: "domestic appliances", 6: "repairs", 7: "education", 8: "vacation", 9: "retraining", 10: "business"},
    ),
    "hoehe": Translation("amount", {}),
    "sparkont": Translation(
        "savings",
        {1: "unknown or no savings account", 2: "below 100 DM", 3: "100 to 500 DM", 4: "500 to 1000 DM",
         5: "1000 DM or more"},
    ),
    "beszeit": Translation(
        "employment_duration",
        {1: "unemployed", 2: "below 1 year", 3: "1 to 4 years", 4: "4 to 7 years", 5: "7 years or more"},
    ),
    "rate": Translation(
        "installment_rate",
        {1: "35 percent or more", 2: "25 to 35 percent", 3: "20 to 25 percent", 4: "below 20 percent"},
    ),
    "famges": Translation(
        "personal_status_sex",
        {1: "male: divorced or separated", 2: "female: non-single or male: single", 3: "male: married or widowed",
         4: "female: single"},
    ),
    "buerge": Translation("other_debtors", {1: "none", 2: "co-applicant", 3: "guarantor"}),
    "wohnzeit": Translation(
        "present_residence", {1: "below 1 year", 2: "1 to 4 years", 3: "4 to 7 years", 4: "7 years or more"}
    ),
    "verm": Translation(
        "property",
        {1: "unknown or no property", 2: "car or other", 3: "building society savings or life insurance",
         4: "real estate"},
    ),
    "alter": Translation("age", {}),
    "weitkred": Translation("other_installment_plans", {1: "bank", 2: "stores", 3: "none"}),
    "wohn": Translation("housing", {1: "for free", 2: "rent", 3: "own"}),
    "bishkred": Translation("number_credits", {1: "1", 2: "2 to 3", 3: "4 to 5", 4: "6 or more"}),
    "beruf": Translation(
        "job",
        {1: "unemployed or unskilled: non-resident", 2: "unskilled: resident", 3: "skilled employee or official",
         4: "manager or self-employed or highly qualified"},
    ),
    "pers": Translation("people_liable", {1: "3 or more", 2: "0 to 2"}),
    "telef": Translation("telephone", {1: "no", 2: "yes"}),
    "gastarb": Translation("foreign_worker", {1: "yes", 2: "no"}),
    "kredit": Translation("credit_risk", {0: "bad", 1: "good"}),
}  # fmt: skip


def recipe() -> list[dict[str, Any]]:
    """Codes to meanings by CATEGORICAL_MAPPING, in a column beside the code, which then goes; numbers by RENAME."""
    steps = []
    for name, (english, meanings) in TRANSLATIONS.items():
        if not meanings:
            steps.append(_step("RENAME", sourceColumn=name, targetColumn=english))
            continue
        categories = json.dumps({str(code): meaning for code, meaning in meanings.items()})
        steps.append(_step("CATEGORICAL_MAPPING", sourceColumn=name, targetColumn=english, categoryMap=categories))
        steps.append(_step("DELETE", sourceColumn=name))
    return steps


def contract() -> dict[str, Any]:
    """The contract of the English columns: a new major version, since it breaks readers of the German ones."""
    german = credit.contract()
    table = german["schema"][0]
    properties = {item["name"]: item for item in table["properties"]}
    english = [_property(properties[name], translation) for name, translation in TRANSLATIONS.items()]
    guard = {"property": "guard", "value": {"label": "credit_risk"}}
    return german | {"version": "2.0.0", "schema": [{**table, "customProperties": [guard], "properties": english}]}


def write_product(folder: Path, data: Path | None = None, rows: int = 1000, seed: int = 7) -> Path:
    """`<folder>/credit-card/` with contract, recipe and raw data: the given CSV file, or generated rows. Returns it."""
    product = folder / credit.PRODUCT
    raw = product / "raw" / credit.TABLE
    raw.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(contract(), sort_keys=False, allow_unicode=True, width=120)
    (product / "contract.yaml").write_text(text, "utf-8")
    (product / "recipe.json").write_text(json.dumps(recipe(), indent=1, ensure_ascii=False) + "\n", "utf-8")
    if data:
        shutil.copyfile(data, raw / data.name)
    else:
        credit.write_rows(raw / "part-0.csv", rows, seed)
    return product


def _property(german: dict[str, Any], translation: Translation) -> dict[str, Any]:
    typed = {"logicalType": "string", "physicalType": "string"} if translation.meanings else {}
    return {**german, **typed, "name": translation.name, "description": german["description"].split(":")[0]}


def _step(operation: str, **parameters: str) -> dict[str, Any]:
    return {"Action": {"Operation": operation, "Parameters": parameters}}
