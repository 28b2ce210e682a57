"""All tests, in runs beside each other: those on a deployed mesh mostly wait, the others mostly compute.

    python -m tools.run_tests [pytest's arguments]

With arguments it is pytest with these arguments. The exit code is 0 when all runs passed.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).resolve().parents[1]
ON_A_MESH: Final = ("workflow", "e2e", "perf")
OF_ACCESS: Final = "access"
"""The folder of tests of how an access is requested, used and ended; the others on a mesh are of uploads."""


def groups(root: Path = ROOT) -> dict[str, list[str]]:
    """Name → what is run together: what is of accesses, and of uploads, on a mesh each; and all that needs none."""
    tests = root / "tests"
    folders = sorted({path.relative_to(tests).parts[0] for path in tests.rglob("test_*.py")})
    on_a_mesh = [path for name in ON_A_MESH for path in sorted((tests / name).rglob("test_*.py"))]
    accesses = [path for path in on_a_mesh if OF_ACCESS in path.parts]
    uploads = [path for path in on_a_mesh if path not in accesses]
    return {
        "accesses": [path.relative_to(root).as_posix() for path in accesses],
        "uploads": [path.relative_to(root).as_posix() for path in uploads],
        "others": [f"tests/{name}" for name in folders if name not in ON_A_MESH],
    }


def main(arguments: list[str]) -> int:
    """Run, and tell which run said what."""
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    if arguments:
        return subprocess.call([*pytest, *arguments])  # noqa: S603 - our own interpreter
    started = time.monotonic()
    runs = {
        name: subprocess.Popen([*pytest, *places], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
        for name, places in groups().items()
    }
    readers = [threading.Thread(target=_relay, args=(name, run.stdout)) for name, run in runs.items()]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    codes = {name: run.wait() for name, run in runs.items()}
    said = ", ".join(f"{name} {'passed' if code == 0 else f'failed ({code})'}" for name, code in codes.items())
    print(f"{said} in {time.monotonic() - started:.0f} s")
    return max(codes.values())


def _relay(name: str, output: IO[str] | None) -> None:
    for line in output or ():
        print(f"{name:>8} | {line.rstrip()}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
