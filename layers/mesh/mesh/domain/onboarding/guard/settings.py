"""What a contract's table says about the guard: its custom property `guard`. Without one the defaults hold."""

from typing import Annotated, Any, Final, Literal, get_args

from pydantic import ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from mesh.domain.contracts.contract import Contract, ContractSchemaViolation, ContractTable
from mesh.domain.model import Model
from mesh.domain.onboarding.quality.model import Severity

Check = Literal[
    "ColumnGone",
    "ColumnAllNull",
    "TypeBecameText",
    "SameObjectAgain",
    "RepeatsEarlierData",
    "UnknownSource",
    "VolumeUnusual",
    "RowsRepeated",
    "DistributionShifted",
    "LabelRateShifted",
    "LabelsContradictData",
    "OutliersUnusual",
]
"""Of several findings of a severity the first in this order is the reason that the owner reads."""
CHECKS: Final[tuple[Check, ...]] = get_args(Check)
THRESHOLDS: Final[dict[Check, float]] = {
    "DistributionShifted": 0.25,
    "LabelRateShifted": 0.1,
    "LabelsContradictData": 0.1,
    "VolumeUnusual": 4.0,
    "OutliersUnusual": 0.02,
    "RowsRepeated": 0.05,
    "RepeatsEarlierData": 0.3,
}
"""From what size on a deviation is an error; what each means is in docs/guard.md."""
NEAR: Final = 0.4
"""A deviation of this part of the threshold is a warning. PSI's rule of thumb is the model: 0.1 is looked at, 0.25 is
a major shift (Siddiqi, Credit Risk Scorecards, 2006)."""
SHARE_OF_FALSE_ALARMS: Final[dict[Check, float]] = {
    "DistributionShifted": 0.2,
    "LabelRateShifted": 0.1,
    "LabelsContradictData": 0.55,
    "OutliersUnusual": 0.1,
    "RowsRepeated": 0.025,
    "RepeatsEarlierData": 0.025,
}
"""How the checks that test a hypothesis divide the allowed false alarms among them; together 1. Flipped
labels are the attack that is hardest to see, and get the most."""
_WARNINGS: Final = 3.0
"""Warnings may be false this many times as often."""
_DEFAULT_SEVERITY: Final[dict[Check, Severity]] = {"UnknownSource": "warning"}
_STRENGTH: Final[dict[Severity, int]] = {"info": 0, "warning": 1, "error": 2}
_REMEDY: Final = "Correct the custom property guard of the table; docs/guard.md lists what it may say."
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class GuardSettings(Model):
    """`false_alarms` is how probable an error may be in a batch that is like the accepted ones; `columns` are those of
    the contract, empty where it leaves them open."""

    model_config = ConfigDict(
        defer_build=True, frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )

    label: str = ""
    ignore: tuple[str, ...] = ()
    off: tuple[Check, ...] = ()
    severity: dict[Check, Severity] = Field(default_factory=dict)
    thresholds: dict[Check, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    duplicates_allowed: _Share = 0.0
    false_alarms: Annotated[float, Field(gt=0, le=0.2)] = 0.01
    min_batches: Annotated[int, Field(ge=2, le=50)] = 5
    min_rows: Annotated[int, Field(ge=20)] = 200
    columns: tuple[str, ...] = ()

    def on(self, check: Check) -> bool:
        """Whether the check is made."""
        return check not in self.off

    def threshold(self, check: Check) -> float:
        """From what size on a deviation is an error."""
        return self.thresholds.get(check, THRESHOLDS[check])

    def chance(self, check: Check, *, warning: bool = False) -> float:
        """How often the check may be wrong about a batch that is like the accepted ones."""
        return self.false_alarms * SHARE_OF_FALSE_ALARMS[check] * (_WARNINGS if warning else 1.0)

    def severity_of(self, check: Check, *, near: bool = False) -> Severity:
        """Beyond the threshold: the contract's severity, else an error. `near` it: a warning, or less if the contract
        says so."""
        past = self.severity.get(check, _DEFAULT_SEVERITY.get(check, "error"))
        return "warning" if near and _STRENGTH[past] > _STRENGTH["warning"] else past


def settings_of(table: ContractTable, path: str = "") -> GuardSettings:
    """The settings of a table. `path` is its path in the contract, `$.schema[0]`.

    Raises `ContractSchemaViolation` that lists each bad setting by its path.
    """
    path = f"{path or f'$.schema[{table.name}]'}.customProperties.guard"
    said = table.custom.get("guard", {})
    if not isinstance(said, dict) or "columns" in said:
        raise _violation([(path, "not a mapping of the guard's settings")])
    names = tuple(column.catalog_name for column in table.columns)
    try:
        found = GuardSettings.model_validate({**_lower(said), "columns": names}, extra="forbid")
    except ValidationError as invalid:
        raise _violation([(_place(path, fault["loc"]), fault["msg"]) for fault in invalid.errors()]) from invalid
    if wrong := _contradictions(found, path):
        raise _violation(wrong)
    return found


def check_settings(contract: Contract) -> None:
    """All tables' settings, when the contract arrives. Raises `ContractSchemaViolation` for the first bad table."""
    for position, table in enumerate(contract.tables):
        settings_of(table, f"$.schema[{position}]")


def _lower(said: dict[str, Any]) -> dict[str, Any]:
    """Columns named as the catalog names them."""
    found = dict(said)
    if isinstance(label := said.get("label"), str):
        found["label"] = label.lower()
    if isinstance(ignore := said.get("ignore"), list):
        found["ignore"] = [name.lower() if isinstance(name, str) else name for name in ignore]
    return found


def _contradictions(found: GuardSettings, path: str) -> list[tuple[str, str]]:
    wrong = [
        (f"{path}.thresholds.{check}", "this check has no threshold; turn it off, or change its severity")
        for check in found.thresholds
        if check not in THRESHOLDS
    ]
    if (factor := found.thresholds.get("VolumeUnusual")) is not None and factor <= 1:
        wrong.append((f"{path}.thresholds.VolumeUnusual", "a factor, more than 1"))
    if found.columns:
        named = [("label", found.label), *((f"ignore[{place}]", name) for place, name in enumerate(found.ignore))]
        wrong += [
            (f"{path}.{where}", f"the table has no column {name!r}"[:200])
            for where, name in named
            if name and name not in found.columns
        ]
    return wrong


def _place(path: str, parts: tuple[int | str, ...]) -> str:
    """pydantic's place of a fault as a path; `[key]` marks a fault of a key itself."""
    known = [part for part in parts if part != "[key]"]
    return path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}"[:100] for part in known)


def _violation(wrong: list[tuple[str, str]]) -> ContractSchemaViolation:
    path, message = wrong[0]
    return ContractSchemaViolation(
        f"{path}: {message}",
        violations=[{"path": place, "message": said} for place, said in wrong[:20]],
        remedy=_REMEDY,
    )
