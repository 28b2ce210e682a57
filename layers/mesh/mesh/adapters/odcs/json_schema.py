"""A document against the Open Data Contract Standard's own JSON Schema, of the release that it names.

The schemas lie beside this module (`odcs_schemas/`, with their licence): Lambda fetches nothing. jsonschema and a
schema are loaded on first use: a function that reads no contract does not pay for them.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from mesh.domain.contracts.contract import ContractSchemaViolation

if TYPE_CHECKING:
    from jsonschema import Draft201909Validator
    from jsonschema.exceptions import ValidationError

MAX_VIOLATIONS: Final = 20
API_VERSION: Final = re.compile(r"v3\.([0-2])\.\d+")
"""Releases that are read. A release's schema lists those before it; 3.x promises compatible patches."""
_SCHEMAS: Final = {"0": "odcs-3.0.2", "1": "odcs-3.1.0", "2": "odcs-3.2.0"}
_NEWEST: Final = "2"
REMEDY: Final = "Correct the contract; the standard is at https://bitol-io.github.io/open-data-contract-standard/."


def check_document(document: Mapping[str, Any], where: Mapping[str, str]) -> None:
    """Raises `ContractSchemaViolation`: `where["violations"]` holds `{"path", "message"}`, at most 20.

    A contract that names an older release, but uses parts of the newest one as that defines them, is read: tools write
    the one and update the other.
    """
    named = API_VERSION.fullmatch(str(document.get("apiVersion", "")))
    validator = _validator(named[1] if named else _NEWEST)
    if validator.is_valid(document) or _validator(_NEWEST).is_valid(document):
        return
    violations = [
        {"path": error.json_path, "message": error.message[:300]}
        for error in _relevant(validator.iter_errors(document))
    ]
    raise violation(violations[:MAX_VIOLATIONS], where, count=len(violations))


def violation(
    violations: list[dict[str, str]], where: Mapping[str, str], count: int = 1, remedy: str = REMEDY
) -> ContractSchemaViolation:
    """The rejection that names them; `count` counts those beyond the listed ones as well."""
    first = violations[0]
    more = f" (and {count - 1} more)" if count > 1 else ""
    return ContractSchemaViolation(
        f"{first['path']}: {first['message']}{more}", violations=violations, remedy=remedy, **where
    )


def _relevant(errors: Iterable["ValidationError"]) -> list["ValidationError"]:
    """Without the echoes: a failing part leaves its properties 'unevaluated' as well, which says nothing new."""
    found = sorted(errors, key=lambda error: (error.json_path, error.validator == "unevaluatedProperties"))
    causes = [error.json_path for error in found if error.validator != "unevaluatedProperties"]
    return [
        error
        for error in found
        if error.validator != "unevaluatedProperties" or not any(cause.startswith(error.json_path) for cause in causes)
    ]


@cache
def _validator(minor: str) -> "Draft201909Validator":
    from jsonschema import Draft201909Validator  # noqa: PLC0415 - only where a contract is read

    file = resources.files("mesh.adapters").joinpath("odcs_schemas", f"{_SCHEMAS[minor]}.schema.json")
    schema = json.loads(file.read_text("utf-8"))
    schema["properties"]["apiVersion"] = {"type": "string", "pattern": f"^{API_VERSION.pattern}$"}
    return Draft201909Validator(schema)
