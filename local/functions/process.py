"""One execution environment: a process of AWS's runtime client and its Runtime API."""

import os
import queue
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.functions.runtime_api import Invocation, Outcome, RuntimeApi
from local.functions.template import Templates

INIT_SECONDS = 60.0
"""AWS gives init 10 s; a laptop that starts many at once gets more."""


@dataclass(frozen=True)
class Blueprint:
    """All that decides whether an idle process can serve a call."""

    name: str
    digest: str
    python: Path
    code: Path
    layers: str
    environment: Mapping[str, str]


class FunctionProcess:
    """Not thread-safe: the pool hands it to one call at a time."""

    def __init__(self, blueprint: Blueprint, log_folder: Path, templates: Templates) -> None:
        self.blueprint = blueprint
        self.last_used = time.monotonic()
        self._api = RuntimeApi()
        log_folder.mkdir(parents=True, exist_ok=True)
        self._log_path = log_folder / f"{blueprint.name}-{self._api.server_address[1]}.log"
        self._log_path.touch(0o600)
        self._temporary = self._log_path.with_suffix(".tmp")
        self._temporary.mkdir()
        self._ready = False
        # An execution environment on AWS has a /tmp of its own, which ends with it.
        own = {"AWS_LAMBDA_RUNTIME_API": self._api.address, "TMPDIR": str(self._temporary)}
        environment = {**blueprint.environment, **own}
        template = templates.of(blueprint.python, blueprint.layers, environment)
        self._process = template.fork(environment, blueprint.code, self._log_path)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        self._process.wait()
        self._api.outcomes.put(Outcome("exit"))

    @property
    def alive(self) -> bool:
        return self._process.alive

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_text(self) -> str:
        """How AWS words the end of a process."""
        code = self._process.wait()
        return f"signal: {_SIGNALS.get(-code, -code)}" if code < 0 else f"exit status {code}"

    def initialise(self) -> Outcome:
        """Wait for the handler's module. `ready`, `init_error`, `exit`, or raises `TimeoutError`."""
        if self._ready:
            return Outcome("ready")
        outcome = self._wait(INIT_SECONDS)
        self._ready = outcome.kind == "ready"
        return outcome

    def invoke(self, invocation: Invocation, seconds: float) -> Outcome:
        """Hand the event over and wait for the answer at most `seconds`. Raises `TimeoutError`."""
        self._api.invocations.put(invocation)
        outcome = self._wait(seconds)
        self.last_used = time.monotonic()
        return outcome

    def _wait(self, seconds: float) -> Outcome:
        try:
            return self._api.outcomes.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None

    def kill(self) -> None:
        """As when the sandbox dies: whoever waits for the answer gets the end of the process."""
        self._process.kill()

    def take_log(self) -> str:
        """What was printed since the last call. The client writes its log before it posts its answer."""
        try:
            text = self._log_path.read_text(encoding="utf-8", errors="replace")
            os.truncate(self._log_path, 0)
        except FileNotFoundError:
            return ""
        return text

    def stop(self) -> None:
        self._process.kill()
        self._api.close()
        self._log_path.unlink(missing_ok=True)
        shutil.rmtree(self._temporary, ignore_errors=True)


_SIGNALS = {6: "aborted", 9: "killed", 11: "segmentation fault", 15: "terminated"}
