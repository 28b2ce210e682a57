"""`kill -9` of the laptop's server in the middle of a publish: its accounts were in memory, and everything says so."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.mesh_commands import deploy
from local.mesh import ROOT, Mesh
from tests.local.running import free_port
from tests.mesh_driver import MeshDriver
from tests.mesh_fixtures import HOME, WAIT_SCALE

pytestmark = [pytest.mark.mesh, pytest.mark.timeout(400)]

CSV = "a,b\n1,2\n"
PRODUCT = "crashed"


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mesh]:
    monkeypatch.setenv("MESH_HOME", str(HOME))
    found = Mesh(free_port(), HOME)
    yield found
    found.stop()


def start(local: Mesh, *words: str) -> subprocess.Popen[str]:
    """The command, as people run it."""
    command = [sys.executable, "-m", "cli.main", *words, "--port", str(local.port)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def mesh(local: Mesh, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, and how it ended."""
    started = start(local, *words)
    out, err = started.communicate(timeout=200)
    return subprocess.CompletedProcess(started.args, started.returncode, out, err)


def processes(local: Mesh) -> list[str]:
    """Command lines of what runs for that mesh, functions among them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            whole = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if f"{local.state_dir}/".encode() in whole or f"127.0.0.1:{local.port}".encode() in whole:
            found.append((folder / "cmdline").read_text("utf-8").replace("\0", " "))
    return found


def publish(driver: MeshDriver) -> dict[str, Any]:
    driver.prepare(PRODUCT)
    driver.put_object(f"{PRODUCT}/data/t1/a.csv", CSV)
    return driver.wait_for_notice(PRODUCT, "producer")


def test_after_a_kill_nothing_pretends_and_the_mesh_starts_anew(local: Mesh) -> None:
    local.start(WAIT_SCALE, with_parent=True)
    deploy(local, lambda account, what: None)
    driver = MeshDriver(local.endpoint, local.state_dir / "build")
    driver.prepare(PRODUCT)
    driver.put_object(f"{PRODUCT}/data/t1/a.csv", CSV)
    driver.until(lambda: driver.lease(PRODUCT), "a run at work")
    server = local.pid()
    assert server is not None
    waiting = start(local, "put", str(ROOT / "examples" / "loans"), "--wait")
    time.sleep(4)  # it is at work
    assert waiting.poll() is None
    os.kill(server, signal.SIGKILL)
    _, said = waiting.communicate(timeout=60)
    assert waiting.returncode == 1
    assert "Traceback" not in said
    assert f"the mesh on port {local.port} ended without being stopped" in " ".join(said.split())
    deadline = time.monotonic() + 30
    while processes(local) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes(local) == []  # functions end with it

    for words in (("products",), ("put", str(ROOT / "examples" / "loans")), ("doctor",), ("failures",)):
        done = mesh(local, *words)
        assert done.returncode == 1, done
        assert "Traceback" not in done.stderr
        said = " ".join((done.stdout + done.stderr).split())
        assert f"the mesh on port {local.port} ended without being stopped" in said, said
        assert f"mesh up --port {local.port}" in said

    up = mesh(local, "up", "--wait-scale", str(WAIT_SCALE))
    assert up.returncode == 0, up.stderr
    said = " ".join(up.stdout.split())
    assert f"the server before (process {server}) ended without being stopped" in said
    assert "all that was in its accounts is lost" in said
    assert mesh(local, "show", PRODUCT).returncode == 1
    assert publish(MeshDriver(local.endpoint, local.state_dir / "build"))["version"] == 1

    again = mesh(local, "up", "--wait-scale", str(WAIT_SCALE))
    assert (again.returncode, again.stdout) == (0, f"the mesh is up and unchanged: {local.endpoint}\n")


def test_down_removes_what_a_killed_server_left(local: Mesh) -> None:
    local.start(WAIT_SCALE, with_parent=True)
    server = local.pid()
    assert server is not None
    os.kill(server, signal.SIGKILL)

    assert "ended without being stopped" in mesh(local, "down").stdout
    done = mesh(local, "products")
    assert done.returncode == 1
    assert "ended without being stopped" not in done.stderr
