"""The first thing of each function process: AWS's own runtime client, in a fork of a template that has imported what
functions need.

A template serves all functions of the same layers. It imports what some function imported before of the runtime and
of the layers, and runs no function's code. A layer's own module that looks at the environment while it is imported, at
more than the template was started with, is left to each process: there it sees the function's. What pip brought is not
watched: it looks for settings of its own, of which functions have none. The rest of an init is each process's own, as
on AWS. Runs in the runtime's environment: standard library imports only.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

_OF_THE_CLIENT = ("awslambdaric", "runtime_client")
"""Reads its address when it is imported."""
_OF_THE_START = ("LANG", "LC_ALL", "PATH", "PYDANTIC", "PYTHON", "TZ")
"""Beginnings of names: a template was started with what its functions have of these."""
_ATOMIC = 480
"""Bytes that any system writes to a pipe at once."""


class Template:
    """Forks for each request that comes over `channel`, a line of JSON each, and answers with pids and ends:
    `{"id", "pid"}`, `{"pid", "code"}` (negative: the signal). Single-threaded, since it forks.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._request: dict[str, Any] = {}
        self._packages = _roots_of_packages()
        self._layers = tuple(f"{folder}{os.sep}" for folder in sys.argv[2].split(os.pathsep) if folder)
        self._news, self._teller = os.pipe()
        self._ends, woken = os.pipe()
        os.set_blocking(woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)

    def serve(self) -> dict[str, Any] | None:
        """Until the server is gone: None. In a fork: what it is to run."""
        readers: dict[int, Callable[[bytes], bool]] = {
            self._ends: self._bury,
            self._channel.fileno(): _by_line(self._fork),
            self._news: _by_line(self._import),
        }
        with selectors.DefaultSelector() as selector:
            for file in (0, *readers):
                selector.register(file, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    read = os.read(key.fd, 65_536)
                    if not read:
                        return None
                    if readers[key.fd](read):
                        return self._request

    def _fork(self, line: bytes) -> bool:
        """Whether this is the fork."""
        self._request = json.loads(line)
        gc.freeze()  # or collections in the forks would copy what they share
        pid = os.fork()
        if pid:
            self._say(id=self._request["id"], pid=pid)
            return False
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._channel.close()
        os.close(self._news)
        os.close(self._ends)
        return True

    def _bury(self, _: bytes) -> bool:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                self._say(pid=pid, code=os.waitstatus_to_exitcode(status))
        return False

    def _say(self, **message: int) -> None:
        self._channel.sendall(json.dumps(message).encode() + b"\n")

    def tell(self, known: set[str]) -> None:
        """From a fork whose init is done: what it imported, beyond `known`, that others will import too. The last
        first, which is what the others are made of."""
        line = b""
        new = [name for name, module in list(sys.modules.items()) if name not in known and self._shared(module)]
        for name in reversed(new):
            if len(line) + len(name) > _ATOMIC:
                os.write(self._teller, line + b"\n")
                line = b""
            line += name.encode() + b" "
        os.write(self._teller, line + b"\n")
        os.close(self._teller)

    def _shared(self, module: ModuleType) -> bool:
        return _origin(module).startswith((*self._packages, *self._layers)) and not module.__name__.startswith(
            _OF_THE_CLIENT
        )

    def _import(self, names: bytes) -> bool:
        for name in names.decode().split():
            known = set(sys.modules)
            with contextlib.suppress(Exception), _watched_environment() as seen:  # whoever needs it gets the error
                importlib.import_module(name)
            if seen:
                self._forget(set(sys.modules) - known)
        return False

    def _forget(self, names: set[str]) -> None:
        """What was imported beside a module that looked at the environment may have done so too: it comes by its own
        name, or not at all."""
        for name in names:
            if not _origin(sys.modules[name]).startswith(self._packages):
                parent, _, child = name.rpartition(".")
                del sys.modules[name]
                if parent in sys.modules:
                    vars(sys.modules[parent]).pop(child, None)


def _by_line(each: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
    """Whether `each` said so of a line; what comes after that line is not for this process."""
    rest = b""

    def read(data: bytes) -> bool:
        nonlocal rest
        *lines, rest = (rest + data).split(b"\n")
        return any(each(line) for line in lines)

    return read


class _Watched(os._Environ[str]):
    """The environment, which notes what is looked for in it."""

    seen: ClassVar[set[str]] = set()

    def __getitem__(self, name: str) -> str:
        if not name.startswith(_OF_THE_START):
            self.seen.add(name)
        return str(super().__getitem__(name))

    def __iter__(self) -> Iterator[str]:
        self.seen.add("*")
        return super().__iter__()


@contextlib.contextmanager
def _watched_environment() -> Iterator[set[str]]:
    """What is looked for meanwhile, beyond what the template shares with the functions."""
    _Watched.seen.clear()
    plain = type(os.environ)
    os.environ.__class__ = _Watched
    try:
        yield _Watched.seen
    finally:
        os.environ.__class__ = plain


def _origin(module: ModuleType) -> str:
    return getattr(getattr(module, "__spec__", None), "origin", None) or ""


def _roots_of_packages() -> tuple[str, ...]:
    """Where the standard library lies, and what pip installed."""
    packages = [folder for folder in sys.path if any(Path(folder).glob("*.dist-info"))]
    return tuple(f"{folder}{os.sep}" for folder in (str(Path(os.__file__).parent), *packages))


def _run(request: dict[str, Any], template: Template) -> None:
    """As a process of its own from here on."""
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None  # decided by the environment, when it is first asked for
    os.chdir(request["folder"])
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    threading.Thread(target=_die_with_the_server, daemon=True).start()
    _use(os.environ["LAMBDA_TASK_ROOT"])
    from awslambdaric import __main__ as client  # noqa: PLC0415 - its modules must be found on the path above
    from awslambdaric import bootstrap  # noqa: PLC0415

    known, load = set(sys.modules), bootstrap.get_handler

    def get_handler(handler: str) -> Callable[..., Any]:
        found: Callable[..., Any] = load(handler)
        template.tell(known)
        return found

    bootstrap.get_handler = get_handler
    client.main([sys.argv[0], os.environ["_HANDLER"]])


def _use(task_root: str) -> None:
    """AWS's order: the task's own code, then layers, then the runtime. What the task brings itself is not taken from
    elsewhere."""
    sys.path.insert(0, task_root)
    own = {path.name.split(".")[0] for path in Path(task_root).iterdir()} - sys.stdlib_module_names
    for name in [name for name in sys.modules if name.split(".")[0] in own]:
        del sys.modules[name]
    importlib.invalidate_caches()


def _die_with_the_server() -> None:
    """The server holds the other end of stdin: when it is gone, however it went, so are we."""
    while os.read(0, 1):
        pass
    os._exit(1)


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    # The script's own folder (local/functions) is not part of a function's environment.
    sys.path[0:1] = filter(None, sys.argv[2].split(os.pathsep))
    template = Template(channel)
    request = template.serve()
    if request is not None:
        _run(request, template)


if __name__ == "__main__":
    main()
