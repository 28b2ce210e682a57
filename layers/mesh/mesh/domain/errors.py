"""The errors of Meshwork: the state machines' API.

Two roots, and nothing else is raised on purpose:

- `Rejected`: the input is wrong and stays wrong. Never retried; ends as rejected, with a reason for its owner.
- `Transient`: the world was not ready. Retried with jitter by the machine that called.

Step Functions matches `ErrorEquals` on exact class names (no base classes), so the machines list leaves by name and
`tests/contract/test_errors.py` holds both lists together.
"""

import json
from typing import Any


class MeshError(Exception):
    """What went wrong (`message`), where (`where`: bucket, key, line, column, …) and what to do (`remedy`)."""

    def __init__(self, message: str, *, remedy: str = "", **where: Any) -> None:  # noqa: ANN401 - any JSON value
        self.message = message
        self.remedy = remedy
        self.where = {name: value for name, value in where.items() if value is not None}
        super().__init__(message)

    def __str__(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_dict(self) -> dict[str, Any]:
        """`{"code", "message", "where", "remedy"}`, as stored in reports and events."""
        return {"code": type(self).__name__, "message": self.message, "where": self.where, "remedy": self.remedy}


class Rejected(MeshError):  # noqa: N818 - the name is the outcome that people read
    """Root of all input that will never be accepted as it is."""


class Transient(MeshError):  # noqa: N818
    """Root of all that may work when tried again."""
