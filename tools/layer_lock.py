"""The layers' `requirements.txt`, exported from `uv.lock`: what runs on Lambda is what was tested.

`python -m tools.layer_lock` writes them; `--check` fails when one differs.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {"layer": "dependencies", "profiling": "profiling", "staging": "staging"}
"""Dependency group → folder below `layers/`."""
EXPORT = ("export", "--no-emit-project", "--frozen", "--no-header", "--only-group")


def requirements(group: str) -> Path:
    """Where a group's export lies."""
    return ROOT / "layers" / LAYERS[group] / "requirements.txt"


def exported(uv: str, group: str) -> str:
    """A group of the lock, with hashes. Raises CalledProcessError when uv fails."""
    return subprocess.run([uv, *EXPORT, group], cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603


def main() -> int:
    """Write or check; 1 when they differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--uv", default=str(ROOT / ".mesh" / "uv" / "bin" / "uv"))
    options = parser.parse_args()
    return max(_settle(group, exported(options.uv, group), check=options.check) for group in LAYERS)


def _settle(group: str, wanted: str, *, check: bool) -> int:
    file = requirements(group)
    if not check:
        file.parent.mkdir(exist_ok=True)
        file.write_text(wanted, encoding="utf-8")
    elif not file.is_file() or file.read_text(encoding="utf-8") != wanted:
        print(f"{file.relative_to(ROOT)} differs from uv.lock: make build", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
