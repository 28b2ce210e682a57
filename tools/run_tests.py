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

TESTS: Final = Path(__file__).resolve().parents[1] / "tests"
ON_A_MESH: Final = ("e2e", "perf", "workflow")


def groups(folder: Path = TESTS) -> dict[str, list[str]]:
    """Name → folders: the machines' paths on a mesh of their own; all else, and then whole stories on a second mesh."""
    found = sorted({path.relative_to(folder).parts[0] for path in folder.rglob("test_*.py")})
    ordered = [name for name in found if name not in ON_A_MESH] + [name for name in ON_A_MESH if name in found]
    named = {name: f"tests/{name}" for name in ordered}
    return {"workflow": [named.pop("workflow")], "others": list(named.values())}


def main(arguments: list[str]) -> int:
    """Run, and tell which run said what."""
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    if arguments:
        return subprocess.call([*pytest, *arguments])  # noqa: S603 - our own interpreter
    started = time.monotonic()
    runs = {
        name: subprocess.Popen([*pytest, *folders], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
        for name, folders in groups().items()
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
