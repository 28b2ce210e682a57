"""Rules in SQL are run in a process of their own, which ends within their budget whatever they do.

An interrupt ends a query between two vectors of its rows, and not within one, of which an expression can make gigabytes
or for which it can compute for hours (`repeat`, a comparison of two long texts). A thread cannot be ended, a process
can; and what it allocates is not the function's. Lambda has no /dev/shm, so that it is not one of `multiprocessing`
with its queues and pools: https://aws.amazon.com/blogs/compute/parallel-processing-in-python-with-aws-lambda/.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from mesh.adapters.duckdb.measuring import rule_process
from mesh.adapters.duckdb.measuring.rule_process import Answer, Budget, Order, Rows, Rule
from mesh.domain.onboarding.budgets import RULES_START_SECONDS
from mesh.domain.onboarding.formats.model import MIB

_PASSED: Final = ("LD_LIBRARY_PATH", "PATH")
"""What Python needs on Lambda. The process has no credentials."""


def run_rules(tables: list[Rows], rules: list[Rule], folder: Path, budget: Budget) -> list[Answer]:
    """One answer for each rule. A rule that exceeds its budget ends the process; the next one gets another.

    `folder` is for the order, and what the engine spills. Raises TimeoutError where no process starts.
    """
    answers, left = list[Answer](), budget.total
    while len(answers) < len(rules) and left > 0:
        rest = rules[len(answers) :]
        with _started(Order(tables, rest, str(folder), budget)) as process:
            for _ in rest:
                began = time.monotonic()
                answers.append(process.answer(budget, left))
                left -= time.monotonic() - began
                if answers[-1].last or left <= 0:
                    break
    return answers + [_too_long_together(budget)] * (len(rules) - len(answers))


def _too_long_together(budget: Budget) -> Answer:
    return Answer(fault=f"the rules take longer than {budget.total:g} s together", costly=True, last=True)


@contextmanager
def _started(order: Order) -> Iterator["_Process"]:
    file = Path(order.folder) / "order.json"
    order.write(file)
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-P", "-m", rule_process.__name__, str(file)]
    with subprocess.Popen(  # noqa: S603 - our own module, and a file of ours
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment
    ) as child:
        try:
            if child.stdout is None:
                raise ValueError("the process has no output")
            process = _Process(child.stdout)
            if not process.line(RULES_START_SECONDS):
                raise TimeoutError(f"the process of rules in SQL does not start within {RULES_START_SECONDS:g} s")
            yield process
        finally:
            child.kill()


class _Process:
    """What a process says, line by line."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output, self._said = output.fileno(), b""

    def answer(self, budget: Budget, left: float) -> Answer:
        """Of the next rule. `left` are the seconds of all."""
        said = self.line(min(budget.seconds, left))
        if said:
            return Answer(**said)
        if said is None and left < budget.seconds:
            return _too_long_together(budget)
        what = f"takes longer than {budget.seconds:g} s"
        if said is not None:
            what = (
                f"ends its process: it takes more memory than {budget.memory // MIB:,} MiB, or the engine fails at it"
            )
        return Answer(fault=f"the query {what}", costly=True, last=True)

    def line(self, seconds: float) -> dict[str, Any] | None:
        """The next line; None when there is none in time, nothing where the process has ended."""
        end = time.monotonic() + seconds
        while b"\n" not in self._said:
            ready, _, _ = select.select([self._output], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            if not (more := os.read(self._output, 65_536)):
                return {}
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found
