"""Ctrl-C: exit code 130, never a traceback; what was started is stopped, or said."""

import pytest
from typer.testing import CliRunner

from cli import interrupts, mesh_commands
from cli.app import app
from local import mesh


@pytest.fixture
def local(monkeypatch, tmp_path):
    """A mesh whose start is interrupted, unless it is up; then its deployment is. Gives what was stopped."""
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    stopped = []

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(mesh.Mesh, "start", interrupted)
    monkeypatch.setattr(mesh.Mesh, "stop", lambda self: stopped.append(self.port))
    monkeypatch.setattr(mesh_commands, "deploy", interrupted)
    monkeypatch.setattr(mesh_commands.runtime, "is_made", lambda _: True)
    return stopped


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_mesh_that_is_being_started_is_stopped(local, command):
    done = CliRunner().invoke(app, [command, "--port", "4001"])

    assert (done.exit_code, local) == (130, [4001])
    assert done.stderr == "\nmesh: interrupted\n  the local mesh on port 4001 was stopped\n"


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_mesh_that_was_up_stays_up_and_reports_it(local, command, monkeypatch):
    monkeypatch.setattr(mesh.Mesh, "pid", lambda _: 1)

    done = CliRunner().invoke(app, [command, "--port", "4001"])

    assert (done.exit_code, local) == (130, [])
    assert "the local mesh on port 4001 stays up; continue with: mesh up --port 4001" in done.stderr


def test_a_command_starts_with_nothing_left_behind(monkeypatch):
    interrupts.leaves("of an earlier command in the same process")

    CliRunner().invoke(app, ["contract", "check", "nowhere"])

    assert interrupts.notes() == ()
