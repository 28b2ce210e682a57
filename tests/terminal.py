"""All tests run without a terminal, wherever they are started. Imported before anything that asks for one."""

import os
from collections.abc import MutableMapping

_OF_A_TERMINAL = (
    "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "LINES", "NO_COLOR",
    "PY_COLORS", "TERMINAL_WIDTH", "TTY_INTERACTIVE",
)  # fmt: skip


def forget(environment: MutableMapping[str, str]) -> None:
    """What rich, click and typer read; processes that a test starts have it from there as well."""
    for name in _OF_A_TERMINAL:
        environment.pop(name, None)
    environment.update(TERM="dumb", TTY_COMPATIBLE="0")


forget(os.environ)
