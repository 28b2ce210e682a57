"""`layers/dependencies/requirements.txt`, exported from `uv.lock`: what runs on Lambda is what was tested.

`python -m tools.layer_lock` writes it; `--check` fails when it differs.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "layers" / "dependencies" / "requirements.txt"
EXPORT = ("export", "--only-group", "layer", "--no-emit-project", "--frozen", "--no-header")


def exported(uv: str) -> str:
    """The group `layer` of the lock, with hashes. Raises CalledProcessError when uv fails."""
    return subprocess.run([uv, *EXPORT], cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603


def main() -> int:
    """Write or check; 1 when they differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--uv", default=str(ROOT / ".mesh" / "uv" / "bin" / "uv"))
    options = parser.parse_args()
    wanted = exported(options.uv)
    if not options.check:
        REQUIREMENTS.write_text(wanted, encoding="utf-8")
        return 0
    if REQUIREMENTS.read_text(encoding="utf-8") == wanted:
        return 0
    print(f"{REQUIREMENTS.relative_to(ROOT)} differs from uv.lock: make build", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
