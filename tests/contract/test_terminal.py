"""No test knows the terminal that it is run in."""

import os
import subprocess
import sys

import pytest

from tools.templates import ROOT

FILES = [
    f"tests/unit/{name}.py"
    for name in (
        "command/test_output",
        "access/test_cli_explain",
        "access/test_cli_access_views",
        "publishing/test_cli_notices",
    )
]


@pytest.mark.parametrize(
    "terminal",
    [
        {"COLUMNS": "20", "TERM": "xterm-256color", "FORCE_COLOR": "1", "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"},
        {"COLUMNS": "40", "TERM": "dumb", "NO_COLOR": "1", "LC_ALL": "C", "LANG": "C"},
    ],
    ids=["narrow and coloured", "dumb, and without a language"],
)
def test_what_the_command_prints_is_tested_whatever_the_terminal(terminal):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *FILES],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | terminal,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-3000:]
