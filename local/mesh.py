"""The life of a local mesh: started once per port, found again through files under `.mesh/`, stopped as a whole.

Its accounts are in the server's memory: they end with it, however it ends.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local import runtime
from local.accounts import ACCOUNTS

ROOT: Final = Path(__file__).resolve().parents[1]
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0


class MeshError(RuntimeError):
    """The local mesh cannot do what was asked; the message says what to do next."""


@dataclass(frozen=True)
class Mesh:
    """One server on one port; it may or may not be running."""

    port: int
    home: Path

    @property
    def state_dir(self) -> Path:
        return self.home / str(self.port)

    @property
    def cache_dir(self) -> Path:
        """What is made once, by content, for all meshes of this home."""
        return self.home / "cache"

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A temporary folder; should its process be killed, the server's next start removes it."""
        temporary = self.state_dir / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=temporary) as folder:
            yield Path(folder)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pid(self) -> int | None:
        """The server's process, None when it is not running."""
        marker = self._marker()
        return int(marker["pid"]) if marker and self._healthy() else None

    def crashed(self) -> int | None:
        """The process of a server that was ready, and ended without being stopped: nobody listens on its port any more.
        None otherwise."""
        marker = self._marker()
        if not marker:
            return None
        with socket.socket() as asking:
            return int(marker["pid"]) if asking.connect_ex(("127.0.0.1", self.port)) else None

    def down(self) -> str:
        """What there is to say of a mesh that does not answer."""
        port = self.port
        if self.crashed() is None:
            return f"the mesh on port {port} is down: start it with `mesh up --port {port}`"
        return (
            f"the mesh on port {port} ended without being stopped, and all that was in its accounts is lost: "
            f"start anew with `mesh up --port {port}`"
        )

    def has_organization(self) -> bool:
        """Whether the accounts of the server share without RAM invitations."""
        return bool(self._marker().get("organization", True))

    def _marker(self) -> dict[str, Any]:
        """What the server wrote when it was ready, empty without one."""
        try:
            found: dict[str, Any] = json.loads((self.state_dir / "ready.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found

    def _healthy(self) -> bool:
        return bool(self._ask("health"))

    def accounts(self) -> tuple[str, ...]:
        """Names of the accounts that have been opened, deployed or not; none while it is down."""
        there = set(self._ask("accounts").get("accounts", ()))
        return tuple(name for name, account_id in ACCOUNTS.items() if account_id in there)

    def skip(self, seconds: float) -> float:
        """Let so much time pass; the mesh's time after that, in seconds since 1970. Raises `MeshError`."""
        answer = self._ask("clock", json.dumps({"skip": seconds}).encode())
        if not answer:
            raise MeshError(f"no local mesh answers on port {self.port}: start one with `mesh up`")
        return float(answer["now"])

    def _ask(self, what: str, body: bytes | None = None) -> dict[str, Any]:
        """The server's own answer about itself, empty without one."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_mesh/{what}", body, timeout=5) as answer:  # noqa: S310 - our own
                return dict(json.load(answer))
        except (OSError, ValueError):
            return {}

    def start(self, wait_scale: float = 0.2, *, with_parent: bool = False, organization: bool = True) -> None:
        """Start the server and wait until it answers. Raises `MeshError`."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        # The accounts of a server before this one are gone, and so is what was deployed into them.
        for stale in (self.state_dir / "ready.json", *self.state_dir.glob("deployed-*")):
            stale.unlink(missing_ok=True)
        command = [sys.executable, "-m", "local.server", "--port", str(self.port)]
        command += ["--state-dir", str(self.state_dir), "--cache-dir", str(self.cache_dir)]
        command += ["--runtime-python", str(runtime.ensure(ROOT)), "--wait-scale", str(wait_scale)]
        command.append("--organization" if organization else "--no-organization")
        if with_parent:
            command.append("--exit-with-parent")
        with (self.state_dir / "server.out").open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                cwd=ROOT,
                env=runtime.child_environment(),
                stdin=subprocess.PIPE if with_parent else subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready(process)
        except BaseException:  # an interrupt as well: nothing finds this server again
            process.terminate()
            process.wait()
            raise
        _children.append(process)
        (self.home / "current").write_text(str(self.port), encoding="utf-8")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not (self.state_dir / "ready.json").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                said = (self.state_dir / "server.out").read_text(encoding="utf-8", errors="replace").strip()
                raise MeshError(f"the local mesh did not start: {said[-2000:] or 'no answer'}")
            time.sleep(0.02)

    def stop(self) -> bool:
        """Stop the server and all its functions; False when it was not running. What a server that was killed left is
        forgotten."""
        pid = self.pid()
        if pid is None and self.crashed() is None:
            return False
        if pid is not None:
            _end(pid)
        (self.state_dir / "ready.json").unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            current = self.home / "current"
            if current.read_text(encoding="utf-8") == str(self.port):
                current.unlink()
        return pid is not None


# Kept, so that a server started with its parent has its standard input open until we are gone.
_children: list[subprocess.Popen[bytes]] = []


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _running(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            break
        time.sleep(0.02)


def _running(pid: int) -> bool:
    for child in _children:
        if child.pid == pid:
            return child.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def home() -> Path:
    """Where meshes keep their state: `MESH_HOME`, else `.mesh/` of this repository."""
    return Path(os.environ.get("MESH_HOME") or ROOT / ".mesh")


def on_port(port: int | None = None) -> Mesh:
    """The mesh of that port, or the one that was started last. Raises `MeshError` when there is none."""
    if port is None:
        try:
            port = int((home() / "current").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            ports = ", ".join(str(mesh.port) for mesh in running())
            raise MeshError(
                f"the local mesh started last is down; choose one that is up: --port {ports}"
                if ports
                else "no local mesh is up: start one with `mesh up`"
            ) from None
    return Mesh(port, home())


def running() -> Iterator[Mesh]:
    """Every mesh that answers."""
    return (mesh for mesh in _started() if mesh.pid() is not None)


def crashed_behind(text: str) -> Mesh | None:
    """The mesh that ended without being stopped whose address an error names."""
    return next((mesh for mesh in _started() if mesh.endpoint in text and mesh.crashed() is not None), None)


def _started() -> Iterator[Mesh]:
    return (Mesh(int(marker.parent.name), home()) for marker in home().glob("*/ready.json"))
