#!/usr/bin/env bash
# find_uv.sh TARGET: puts uv at TARGET - a link to the one on the path, or one installed with Python 3.13's pip.
# find_uv.sh --python: prints a Python 3.13.
set -euo pipefail

python_313() {
    local candidate
    for candidate in python3.13 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    echo "make: Python 3.13 is needed, as python3.13, python3 or python on the path (pyenv install 3.13, for instance)" >&2
    return 1
}

if [ "${1:-}" = --python ]; then
    python_313
    exit
fi

target=$1
if "$target" --version >/dev/null 2>&1; then
    exit
fi
# In an environment of its own: pip refuses to install beside a distribution's packages (PEP 668).
home=$(dirname "$(dirname "$target")")
rm -rf "$home"
if found=$(command -v uv) && uv --version >/dev/null 2>&1; then
    mkdir -p "$(dirname "$target")"
    # A script, since what is on the path may be a shim that goes by its own name.
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$found" >"$target"
    chmod +x "$target"
    exit
fi
python=$(python_313)
if ! "$python" -m venv "$home"; then
    echo "make: $python cannot make environments; install its venv and pip (python3.13-venv on Debian)" >&2
    exit 1
fi
"$home/bin/python" -m pip install --quiet --disable-pip-version-check uv
