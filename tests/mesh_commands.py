"""The `mesh` command, run in this process on a mesh under test."""

import json
from typing import Any
from urllib.parse import urlsplit

from typer.testing import CliRunner

from cli.app import app
from tests.mesh_driver import MeshDriver


def mesh_command(mesh: MeshDriver, *words: str) -> tuple[int, dict[str, Any]]:
    """Its exit code, and the one document of `--json`. Raises what the command raised."""
    done = CliRunner().invoke(app, [*words, "--port", str(urlsplit(mesh.endpoint).port), "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, json.loads(done.stdout)
