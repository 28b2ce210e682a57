"""The environment functions run in: what AWS's python3.13 runtime brings along, and nothing of ours.

An environment of its own, so that a dependency missing from the layer shows on the laptop as it would on AWS.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

_STAMP: Final = "lock.sha256"


def child_environment() -> dict[str, str]:
    """Our environment for a process of ours, which may keep its bytecode: compiling sam anew each time takes a second,
    the server's modules two."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


class RuntimeEnvironmentError(RuntimeError):
    """The environment could not be made; the message holds what uv said."""


def is_made(root: Path) -> bool:
    """Whether `ensure` has nothing to do."""
    stamp = _folder(root) / _STAMP
    return _python(root).exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == _digest(root)


def ensure(root: Path) -> Path:
    """The interpreter of `<root>/.mesh/runtime`, made from the lock if it is absent or out of date."""
    if is_made(root):
        return _python(root)
    folder = _folder(root)
    options = ["--only-group", "lambda-runtime", "--no-install-project", "--locked", "--compile-bytecode"]
    command = [_uv(root), "sync", *options]
    environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder)}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeEnvironmentError(f"cannot make {folder}: {done.stderr.strip()}")
    (folder / _STAMP).write_text(_digest(root), encoding="utf-8")
    return _python(root)


def _folder(root: Path) -> Path:
    return root / ".mesh" / "runtime"


def _python(root: Path) -> Path:
    return _folder(root) / "bin" / "python"


def _digest(root: Path) -> str:
    return hashlib.sha256((root / "uv.lock").read_bytes()).hexdigest()


def _uv(root: Path) -> str:
    """The uv that `make` found or installed, else the one on the path."""
    own = root / ".mesh" / "uv" / "bin" / "uv"
    found = str(own) if own.exists() else shutil.which("uv")
    if found is None:
        raise RuntimeEnvironmentError("uv is neither in .mesh/uv nor on the path: make up, or make demo, installs it")
    return found
