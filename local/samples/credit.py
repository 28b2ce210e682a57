"""A generated credit portfolio in the shape of the South German Credit data: the same 21 columns, codes and ranges.

No row of the real data is in here. The marginal frequencies and the direction of each effect follow it, so that about
70% of the applicants are good and a model can learn why.
"""

import csv
import math
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

PRODUCT: Final = "credit-card"
TABLE: Final = "credit_card"


class Code(NamedTuple):
    """A coded column: value → (weight among applicants, effect on the log-odds of being good)."""

    meaning: str
    values: dict[int, tuple[int, float]]


CODES: Final = {
    "laufkont": Code("Status of the checking account", {1: (274, -0.8), 2: (269, -0.4), 3: (63, 0.4), 4: (394, 1.1)}),
    "moral": Code("Credit history", {0: (40, -1.0), 1: (49, -0.9), 2: (530, 0.0), 3: (88, 0.1), 4: (293, 0.8)}),
    "verw": Code(
        "Purpose of the loan",
        {0: (234, -0.3), 1: (103, 0.8), 2: (181, 0.0), 3: (280, 0.4), 4: (12, 0.0), 5: (22, -0.2), 6: (50, -0.5),
         8: (9, 0.7), 9: (97, -0.1), 10: (12, -0.4)},
    ),
    "sparkont": Code("Savings", {1: (603, -0.3), 2: (103, -0.1), 3: (63, 0.4), 4: (48, 0.8), 5: (183, 0.6)}),
    "beszeit": Code(
        "Duration of employment", {1: (62, -0.3), 2: (172, -0.4), 3: (339, 0.0), 4: (174, 0.4), 5: (253, 0.2)}
    ),
    "rate": Code(
        "Installment as a class of disposable income", {1: (136, 0.3), 2: (231, 0.2), 3: (157, 0.1), 4: (476, -0.1)}
    ),
    "famges": Code("Personal status and sex", {1: (50, -0.3), 2: (310, -0.2), 3: (548, 0.2), 4: (92, 0.1)}),
    "buerge": Code("Other debtors or guarantors", {1: (907, 0.0), 2: (41, -0.5), 3: (52, 0.6)}),
    "wohnzeit": Code("Present residence since", {1: (130, 0.1), 2: (308, 0.0), 3: (149, 0.0), 4: (413, 0.0)}),
    "verm": Code("Most valuable property", {1: (282, 0.4), 2: (232, 0.0), 3: (332, 0.0), 4: (154, -0.5)}),
    "weitkred": Code("Other installment plans", {1: (139, -0.5), 2: (47, -0.4), 3: (814, 0.1)}),
    "wohn": Code("Housing", {1: (179, -0.3), 2: (714, 0.2), 3: (107, -0.3)}),
    "bishkred": Code("Number of credits at this bank", {1: (633, -0.1), 2: (333, 0.1), 3: (28, 0.3), 4: (6, -0.1)}),
    "beruf": Code("Job", {1: (22, 0.0), 2: (200, 0.1), 3: (630, 0.0), 4: (148, -0.1)}),
    "pers": Code("Number of people liable", {1: (155, 0.0), 2: (845, 0.0)}),
    "telef": Code("Telephone registered", {1: (596, -0.1), 2: (404, 0.1)}),
    "gastarb": Code("Foreign worker", {1: (37, 0.9), 2: (963, 0.0)}),
}  # fmt: skip
MEANINGS: Final = {
    **{name: code.meaning for name, code in CODES.items()},
    "laufzeit": "Duration of the loan in months",
    "hoehe": "Amount of the loan in DM, monotonically transformed",
    "alter": "Age in years",
    "kredit": "Whether the loan was repaid: 1 good, 0 bad",
}
COLUMNS: Final = (
    "laufkont", "laufzeit", "moral", "verw", "hoehe", "sparkont", "beszeit", "rate", "famges", "buerge", "wohnzeit",
    "verm", "alter", "weitkred", "wohn", "bishkred", "beruf", "pers", "telef", "gastarb", "kredit",
)  # fmt: skip
PERSONAL: Final = {"famges": "personal", "alter": "personal", "gastarb": "sensitive"}
_INTERCEPT: Final = 0.6


def generate(rows: int, seed: int) -> Iterator[dict[str, int]]:
    """Applicants, the same ones for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - sample data, no secret
    for _ in range(rows):
        applicant = {name: _draw(dice, code) for name, code in CODES.items()}
        applicant["laufzeit"] = min(72, max(4, round(dice.lognormvariate(2.9, 0.55) / 3) * 3))
        # Longer loans are larger ones.
        applicant["hoehe"] = min(18424, max(250, round(applicant["laufzeit"] * dice.lognormvariate(4.85, 0.6))))
        applicant["alter"] = min(75, max(19, round(19 + dice.gammavariate(2.1, 7.9))))
        chance = 1 / (1 + math.exp(-_log_odds(applicant)))
        applicant["kredit"] = int(dice.random() < chance)
        yield {name: applicant[name] for name in COLUMNS}


def write_product(folder: Path, rows: int = 1000, seed: int = 7, dt: str | None = None) -> Path:
    """`<folder>/credit-card/` with its contract and one CSV file, in the partition `dt=…` if given. Returns it."""
    product = _write_contract(folder)
    write_rows(_data_folder(product, dt) / "part-0.csv", rows, seed)
    return product


def write_product_from(csv_file: Path, folder: Path) -> Path:
    """The same product with a CSV file of one's own (the real data, say), byte for byte."""
    product = _write_contract(folder)
    shutil.copyfile(csv_file, _data_folder(product, None) / csv_file.name)
    return product


def contract() -> dict[str, Any]:
    """The contract, an Open Data Contract Standard document."""
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "credit-card",
        "name": PRODUCT,
        "version": "1.0.0",
        "status": "active",
        "domain": "consumer-banking",
        "description": {
            "purpose": "Applicants for credit and whether they repaid, to model and monitor credit risk.",
            "usage": "Train and validate risk models; aggregate reporting.",
            "limitations": "Codes, not amounts of today. Not for marketing, not for decisions about single customers.",
        },
        "team": {"name": "consumer-credit", "members": [{"username": "credit-steward", "role": "Data Owner"}]},
        "tags": ["credit-risk", "tabular"],
        "customProperties": [
            {"property": "crawlerPrefix", "value": "credit"},
            {"property": "lfTags", "value": {"confidentiality": "internal"}},
        ],
        "schema": [
            {
                "name": TABLE,
                "logicalType": "object",
                "physicalType": "table",
                "description": "One row per applicant.",
                "customProperties": [{"property": "guard", "value": {"label": "kredit"}}],
                "properties": [_property(name) for name in COLUMNS],
            }
        ],
    }


def _property(name: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "name": name,
        "logicalType": "integer",
        "physicalType": "bigint",
        "description": MEANINGS[name],
        "required": True,
    }
    if level := PERSONAL.get(name):
        result["classification"] = "restricted" if level == "sensitive" else "confidential"
        result["customProperties"] = [{"property": "lfTags", "value": {"pii": level}}]
    return result


def _draw(dice: random.Random, code: Code) -> int:
    return dice.choices(list(code.values), [weight for weight, _ in code.values.values()])[0]


def _log_odds(applicant: dict[str, int]) -> float:
    coded = sum(code.values[applicant[name]][1] for name, code in CODES.items())
    duration = -0.035 * (applicant["laufzeit"] - 21)
    amount = -0.00005 * (applicant["hoehe"] - 3271)
    age = 0.012 * (applicant["alter"] - 35)
    return _INTERCEPT + coded + duration + amount + age


def _write_contract(folder: Path) -> Path:
    product = folder / PRODUCT
    product.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(contract(), sort_keys=False, allow_unicode=True, width=120)
    (product / "contract.yaml").write_text(text, "utf-8")
    return product


def _data_folder(product: Path, dt: str | None) -> Path:
    folder = product / "data" / TABLE
    folder = folder / f"dt={dt}" if dt else folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_rows(path: Path, rows: int, seed: int, extra_column: str | None = None) -> None:
    """A CSV file of applicants, with one more integer column at the end if named."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, extra_column] if extra_column else COLUMNS)
        for number, applicant in enumerate(generate(rows, seed)):
            writer.writerow([*applicant.values(), number % 10] if extra_column else applicant.values())
