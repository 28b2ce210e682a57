"""What is deployed before and after an upgrade: sources of a commit, or of this checkout, in a folder of their own."""

import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from local.deploy import IGNORED, SOURCES, TEMPLATES
from local.mesh import ROOT

FORMATS: Final = "events/contracts"
"""A commit that changes these changes what accounts say to each other."""
DEPLOYED: Final = (*TEMPLATES.values(), *SOURCES)


class NoHistoryError(RuntimeError):
    """There is nothing to upgrade from: a shallow clone, or no clone at all."""


@dataclass(frozen=True)
class Release:
    """`root` holds what a deployment builds; `name` is for people: a commit, or `this checkout`."""

    name: str
    root: Path


def of_commit(commit: str, home: Path) -> Release:
    """The sources of a commit, below that folder. Raises `NoHistoryError`."""
    found = _git("rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}").decode().strip()
    root = home / found[:12]
    if not root.exists():
        there = _git("ls-tree", "--name-only", found, *DEPLOYED).decode().split()
        archive = _git("archive", "--format=tar", found, "--", *there)
        partial = root.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        with tarfile.open(fileobj=BytesIO(archive)) as sources:
            sources.extractall(partial, filter="data")
        partial.rename(root)
    return Release(_git("log", "-1", "--format=%h %s", found).decode().strip(), root)


def of_this_checkout(home: Path) -> Release:
    """The sources as they lie here now, so that nobody's editing meanwhile is deployed."""
    root = home / "this"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for name in DEPLOYED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns(*IGNORED, "*.pyc"))
        else:
            shutil.copy2(ROOT / name, root / name)
    return Release("this checkout", root)


def before() -> str:
    """The commit to upgrade from: the last tagged release before this one, else the last one of other formats. Raises
    `NoHistoryError`."""
    if _git("rev-parse", "--is-shallow-repository").strip() == b"true":
        raise NoHistoryError("this clone is shallow: git fetch --unshallow")
    if (
        tag := _git("tag", "--list", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-version:refname")
        .decode()
        .split()
    ):
        return tag[0]
    changed = _git("log", "-1", "--format=%H", "--", FORMATS).decode().strip()
    if not changed:
        raise NoHistoryError(f"no commit has changed {FORMATS}")
    return f"{changed}^"


def _git(*arguments: str) -> bytes:
    """What git answers about this checkout. Raises `NoHistoryError`."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise NoHistoryError("git is not installed") from error
    if done.returncode:
        raise NoHistoryError(f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
