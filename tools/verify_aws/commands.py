"""`sam`, `mesh` and `aws` as people run them, with a profile for each account."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.templates import ROOT
from tools.verify_aws.accounts import Account, Accounts
from tools.verify_aws.names import Names

_BIN: Final = Path(sys.executable).parent
SAM: Final = str(_BIN / "sam")
_SAID: Final = 3000


class CommandFailed(RuntimeError):  # noqa: N818 - the name is the outcome
    """A command ended with another exit code than 0; the message is the end of what it said."""


@dataclass(frozen=True)
class Commands:
    """`sam_command` is how SAM is started."""

    accounts: Accounts
    names: Names
    sam_command: tuple[str, ...] = (SAM,)

    def sam(self, account: Account, *arguments: str) -> str:
        """What it said. Raises `CommandFailed`."""
        profile = ("--profile", account.profile, "--region", account.region)
        return _run([*self.sam_command, *arguments, *profile], {"SAM_CLI_TELEMETRY": "0"})

    def mesh(self, *arguments: str) -> Any:  # noqa: ANN401 - each command's own document
        """Its JSON document. Raises `CommandFailed`."""
        environment = {f"MESH_PROFILE_{name.upper()}": account.profile for name, account in self.accounts.items()}
        environment |= {f"MESH_STACK_{name.upper()}": self.names.stack(name) for name in self.accounts}
        command = [str(_BIN / "mesh"), *arguments, "--json"]
        done = _done(command, environment)
        document = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        if error := document.get("error"):
            raise CommandFailed(f"{error['code']}: {error['message']}")
        _raise_if_failed(command, done)
        return document


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = _done(command, environment)
    _raise_if_failed(command, done)
    return done.stdout


def _done(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own programs
        command, cwd=ROOT, env=os.environ | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def _raise_if_failed(command: list[str], done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        said = f"{done.stdout}\n{done.stderr}".strip()
        raise CommandFailed(f"{' '.join([Path(command[0]).name, *command[1:3]])} failed: {said[-_SAID:]}")
