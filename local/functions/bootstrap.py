"""The first thing of each function process: AWS's own runtime client, in a fork of a template that has imported what
functions need.

A template serves all functions of the same layers. It imports what some function imported before of the runtime and
of the layers, in a call as well, and reads botocore's models of the services that some function called; it runs no
function's code. A layer's own module that looks at the environment while it is imported, at more than the template was
started with, is left to each process: there it sees the function's. What pip brought is not watched: it looks for
settings of its own, of which functions have none. The rest of an init is each process's own, as on AWS. Runs in the
runtime's environment: standard library imports only.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
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
_MODEL = "model:"
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
        self._models: Any = None
        self._known: set[str] = set()
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
            self._news: _by_line(self._learn),
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

    def begin_telling(self) -> None:
        """From a fork: what it knows so far is not told."""
        self._known.update(sys.modules, self._read_models())

    def tell(self) -> None:
        """From a fork that waits for its next call: what it imported since, and of which services it read the models,
        since others will too. The last modules first, which is what the others are made of."""
        modules = [name for name, module in list(sys.modules.items()) if self._shared(module)]
        line = b""
        for name in (*reversed(modules), *self._read_models()):
            if name in self._known:
                continue
            self._known.add(name)
            if len(line) + len(name) > _ATOMIC:
                os.write(self._teller, line + b"\n")
                line = b""
            line += name.encode() + b" "
        if line:
            os.write(self._teller, line + b"\n")

    def _shared(self, module: ModuleType) -> bool:
        return _origin(module).startswith((*self._packages, *self._layers)) and not module.__name__.startswith(
            _OF_THE_CLIENT
        )

    def _learn(self, names: bytes) -> bool:
        """Once: what was left to each process is told by all of them."""
        for name in names.decode().split():
            if name in self._known:
                continue
            self._known.add(name)
            with contextlib.suppress(Exception):  # whoever needs it gets the error
                if name.startswith(_MODEL):
                    self._read_model(name.removeprefix(_MODEL))
                else:
                    self._import(name)
        return False

    def _import(self, name: str) -> None:
        known = set(sys.modules)
        with _watched_environment() as seen, contextlib.suppress(Exception):
            importlib.import_module(name)
        if seen:
            self._forget(set(sys.modules) - known)
        session: Any = sys.modules.get("botocore.session")
        if self._models is None and session is not None:
            self._models = loader = session.create_loader()
            create = session.create_loader
            # Who has models of its own in AWS_DATA_PATH gets a loader of its own.
            session.create_loader = lambda path=None: create(path) if path else loader

    def _read_models(self) -> list[str]:
        """As they are told."""
        kept = () if self._models is None else tuple(self._models._cache)
        return [f"{_MODEL}{key[1]}" for key in kept if key[0] == "load_service_model"]

    def _read_model(self, service: str) -> None:
        """All that botocore reads for a client is kept by the loader that the forks inherit."""
        keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        sys.modules["botocore.session"].Session().create_client(service, "us-east-1", **keys)

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

    template.begin_telling()
    wait_next = bootstrap.LambdaRuntimeClient.wait_next_invocation

    def wait_next_invocation(waiting: Any) -> Any:  # noqa: ANN401 - the client's own types
        template.tell()
        return wait_next(waiting)

    bootstrap.LambdaRuntimeClient.wait_next_invocation = wait_next_invocation
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


def _keep_time(file: str) -> None:
    """The mesh's clock in the place of the system's, before anything is imported that may hold on to that."""
    if file:
        ours = runpy.run_path(str(Path(__file__).parents[1] / "shared_clock.py"))  # no module of a function's
        ours["SharedClock"](Path(file)).install()


def main() -> None:
    _keep_time(sys.argv[3])
    channel = socket.socket(fileno=int(sys.argv[1]))
    # The script's own folder (local/functions) is not part of a function's environment.
    sys.path[0:1] = filter(None, sys.argv[2].split(os.pathsep))
    template = Template(channel)
    request = template.serve()
    if request is not None:
        _run(request, template)


if __name__ == "__main__":
    main()
