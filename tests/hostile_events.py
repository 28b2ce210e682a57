"""Events as a member's console, a broken client or an attacker sends them: each type, with each kind of fault."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from mesh.domain.membership.authorisation import SENDERS

_LATER: Final = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
_ACCESS: Final = "ac-0123456789ab"
_PRODUCT: Final = "nobodys-product"
_REASON: Final = {"code": "No", "message": "no"}

VALID: Final[Mapping[str, Mapping[str, Any]]] = {
    "ProductDeclared": {"product": _PRODUCT, "bucket": "somebodys-bucket", "key": "contract.yaml", "contract": "{}"},
    "VersionProposed": {
        "product": _PRODUCT,
        "proposal": "00000000",
        "generation": 1,
        "expires": _LATER,
        "tables": [{"name": "t", "details": "d.json", "rows": 1, "bytes": 1, "files": 1}],
    },
    "RetirementRequested": {"product": _PRODUCT, "reason": "old"},
    "RollbackRequested": {"product": _PRODUCT, "version": 1, "reason": "wrong"},
    "WithdrawalRequested": {"product": _PRODUCT, "versions": [1], "reason": "wrong"},
    "SubscriptionRequested": {"product": _PRODUCT},
    "SubscriptionEnded": {"product": _PRODUCT},
    "AccessRequested": {"product": _PRODUCT, "purpose": "fraud", "until": _LATER},
    "AccessReady": {"access": _ACCESS, "proved_as": "DataAnalyst"},
    "AccessNotReady": {"access": _ACCESS, "reason": _REASON},
    "AccessReleased": {"access": _ACCESS},
    "AccessChecked": {"access": _ACCESS, "run": "5b1f7c7e", "asked": "2026-11-21T09:30:00Z", "reason": _REASON},
    "AccessDecided": {"access": _ACCESS, "decision": "approve", "reason": "why not"},
    "RevocationRequested": {"access": _ACCESS, "reason": "enough"},
    "PinRequested": {"product": _PRODUCT, "version": 1, "until": _LATER, "reason": "audit"},
    "UnpinRequested": {"product": _PRODUCT, "version": 1},
}
"""Data of each type that names what nobody has."""

assert VALID.keys() == SENDERS.keys()


class Hostile(NamedTuple):
    """What PutEvents takes of it, and what is wrong."""

    detail_type: str
    fault: str
    detail: str


def hostile_events(mark: str) -> Iterator[Hostile]:
    """Every type with every fault. `mark` keeps the events of one sender apart from another's."""
    for kind, valid in VALID.items():
        for fault, detail in _faults(valid, f"{mark}-{kind}"):
            yield Hostile(kind, fault, json.dumps(detail))


def _faults(valid: Mapping[str, Any], mark: str) -> Iterator[tuple[str, Any]]:
    subject = "product" if "product" in valid else "access"
    yield "nothing in it", {"mark": mark}
    for name, data in {"a list": [mark], "a text": mark, "null": None, "a number": 7}.items():
        yield f"data is {name}", {"metadata": {"id": f"{mark}-{name}"}, "data": data}
    for name, metadata in {
        "a list": [mark],
        "of a later version": {"version": 99},
        "with an endless id": {"id": mark + "x" * 5000},
        "with escape sequences": {"id": f"{mark}\x1b[2J\u202e\x00", "correlation_id": "\x07" * 20},
        "of another kind": {"id": {"a": 1}, "time": "yesterday"},
        "of no time zone": {"time": "2026-11-28T12:00:00"},
        "of the end of time": {"time": "9999-12-31T23:59:59-14:00"},
        "of the beginning of time": {"time": "0001-01-01T00:00:00+14:00"},
    }.items():
        yield f"metadata {name}", {"metadata": metadata, "data": {**valid}, "mark": mark}
    for name, value in {
        "empty": "",
        "a path": "../../etc/passwd",
        "a wildcard": "*",
        "a list": ["a"],
        "an object": {"S": "a"},
        "of control characters": "\x00\x1b]8;;http://x\x07",
        "longer than a key": "x" * 3000,
        "a script": "<script>alert(1)</script>",
        "SQL": "x'; DROP TABLE t; --",
    }.items():
        yield f"{subject} is {name}", {"metadata": {"id": f"{mark}-{name}"}, "data": {**valid, subject: value}}
    yield "another's account", {"metadata": {"id": f"{mark}-forged"}, "data": {**valid, "account": "111111111111"}}
    yield "a claim that never ends", {"metadata": {"id": f"{mark}-claims"}, "data": {**valid, "sender": "9" * 60_000}}
    yield "an unknown field", {"metadata": {"id": f"{mark}-more"}, "data": {**valid, "surprise": {"deep": [[[[]]]]}}}
    for field, value in valid.items():
        if isinstance(value, int):
            yield f"{field} is endless", {"metadata": {"id": f"{mark}-{field}"}, "data": {**valid, field: 10**400}}
        if value == _LATER:
            end = {**valid, field: "9999-12-31T23:59:59-14:00"}
            yield f"{field} is the end of time", {"metadata": {"id": f"{mark}-{field}"}, "data": end}
    yield "nobody has it", {"metadata": {"id": f"{mark}-nobody"}, "data": dict(valid)}
