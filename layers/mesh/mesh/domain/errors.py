"""The errors of Meshwork: the state machines' API.

Two roots, and nothing else is raised on purpose:

- `Rejected`: the input is wrong and stays wrong. Never retried; ends as rejected, with a reason for its owner.
- `Transient`: the world was not ready. Retried with jitter by the machine that called.

Step Functions matches `ErrorEquals` on exact class names (no base classes), so the machines list leaves by name and
`tests/contract/test_errors.py` holds both lists together.
"""

import json
from typing import Any, Final

_LONGEST_MESSAGE: Final = 2_000
_LONGEST_VALUE: Final = 1_200
"""Characters: more than the location of an object has."""
_LONGEST_LISTED: Final = 400
"""Of what stands in a list: the error of a state has 32,768 characters."""


def clipped(text: str, longest: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _clipped(value: Any, longest: int = _LONGEST_VALUE) -> Any:  # noqa: ANN401 - any JSON value
    """What people wrote may be repeated in an error, and be a megabyte."""
    match value:
        case str():
            return clipped(value, longest)
        case list() | tuple():
            return [_clipped(each, _LONGEST_LISTED) for each in value]
        case dict():
            return {name: _clipped(each, _LONGEST_LISTED) for name, each in value.items()}
    return value


class MeshError(Exception):
    """What went wrong (`message`), where (`where`: bucket, key, line, column, …) and what to do (`remedy`)."""

    def __init__(self, message: str, *, remedy: str = "", **where: Any) -> None:  # noqa: ANN401 - any JSON value
        self.message = _clipped(message, _LONGEST_MESSAGE)
        self.remedy = _clipped(remedy, _LONGEST_MESSAGE)
        self.where = {name: _clipped(value) for name, value in where.items() if value is not None}
        super().__init__(self.message)

    def __str__(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_dict(self) -> dict[str, Any]:
        """`{"code", "message", "where", "remedy"}`, as stored in reports and events."""
        return {"code": type(self).__name__, "message": self.message, "where": self.where, "remedy": self.remedy}


class Rejected(MeshError):  # noqa: N818 - the name is the outcome that people read
    """Root of all input that will never be accepted as it is."""


class Transient(MeshError):  # noqa: N818
    """Root of all that may work when tried again."""
