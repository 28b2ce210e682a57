"""Function processes are forks of templates, one for each set of layers: an init then imports what is its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

from local import clock

_BOOTSTRAP: Final = Path(__file__).with_name("bootstrap.py")
_SECONDS: Final = 60.0
_KILLED: Final = -int(signal.SIGKILL)


class Fork:
    """A process that a template made."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._ended = threading.Event()
        self._code = 0

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    def end(self, code: int) -> None:
        """Told by the template: the exit status, or the signal as a negative number."""
        self._code = code
        self._ended.set()

    def wait(self) -> int:
        """Its exit status, or the signal as a negative number, once it has ended."""
        self._ended.wait()
        return self._code

    def kill(self) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._ended.wait(_SECONDS)


class Template:
    """One template process. Safe for threads."""

    def __init__(self, python: Path, layers: str, environment: Mapping[str, str], log: Path) -> None:
        ours, theirs = socket.socketpair()
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Fork]] = {}
        self._forks: dict[int, Fork] = {}
        self._requests = 0
        with theirs, log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
                [python, "-s", _BOOTSTRAP, str(theirs.fileno()), layers, clock.file()],
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        self._channel = ours
        threading.Thread(target=self._listen, name="function-template", daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, environment: Mapping[str, str], folder: Path, log: Path) -> Fork:
        """A process with that environment, in that folder, that writes to `log`. Raises `RuntimeError`."""
        future: Future[Fork] = Future()
        with self._lock:
            self._requests += 1
            self._waiting[self._requests] = future
            request = {"id": self._requests, "environment": environment, "folder": str(folder), "log": str(log)}
            with contextlib.suppress(OSError):  # it is gone, which the listener tells
                self._channel.sendall(json.dumps(request).encode() + b"\n")
        return future.result(_SECONDS)

    def close(self) -> None:
        """Ends the template, and by the end of their stdin all forks that are left."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def _listen(self) -> None:
        with self._channel.makefile("rb") as lines:
            for line in lines:
                self._hear(json.loads(line))
        with self._lock:
            for future in self._waiting.values():
                future.set_exception(RuntimeError("the template of the function's process has ended"))
            for fork in self._forks.values():
                fork.end(_KILLED)
            self._waiting.clear()
            self._forks.clear()
        self.close()

    def _hear(self, message: dict[str, Any]) -> None:
        with self._lock:
            if "code" in message:
                self._forks.pop(message["pid"]).end(message["code"])
                return
            fork = self._forks[message["pid"]] = Fork(message["pid"])
            self._waiting.pop(message["id"]).set_result(fork)


class Templates:
    """The template of each set of layers, started when it is first asked for. Safe for threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "templates.log"
        self._lock = threading.Lock()
        self._templates: dict[str, Template] = {}

    def of(self, python: Path, layers: str, environment: Mapping[str, str]) -> Template:
        """What Python reads from the environment when it starts, and pydantic when it makes a model, is the template's,
        too."""
        own = {name: value for name, value in environment.items() if name.startswith(_OF_THE_START)}
        identity = json.dumps([str(python), layers, own], sort_keys=True)
        with self._lock:
            template = self._templates.get(identity)
            if template is None or not template.alive:
                template = self._templates[identity] = Template(python, layers, own, self._log)
        return template

    def close(self) -> None:
        with self._lock:
            while self._templates:
                self._templates.popitem()[1].close()


_OF_THE_START: Final = ("LANG", "LC_ALL", "PATH", "PYDANTIC", "PYTHON", "TZ")
"""Beginnings of names; the same as `bootstrap.py`'s, which imports nothing of ours."""
