"""`python -m local.sam CACHE …`: the real sam, with what it does most of the time done faster, or once.

Three accounts share their layers: what pip resolves of one `requirements.txt`, and the archive of one folder, are made
once and kept in the folder CACHE, by content. What is deployed is the same, byte for byte.

It reads each template a dozen times with the YAML parser that is written in Python, packs layers as tightly as zlib
can, although they only go to this machine's own disk, asks every 15 seconds for a bucket that is there at once, and
every 30 for a stack that is gone.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

_QUICKLY: Final = 1
_POLL_SECONDS: Final = 0.1
_MAX_POLLS: Final = 9_000
"""As long as sam waits for the stack with its own bucket: 60 times 15 s."""


class _FastZip(zipfile.ZipFile):
    __init__ = functools.partialmethod(zipfile.ZipFile.__init__, compresslevel=_QUICKLY)


def main() -> None:
    """sam's own command line. What it takes from other modules is replaced before it is imported."""
    cache = Path(sys.argv.pop(1))
    yaml.SafeLoader = yaml.CSafeLoader  # type: ignore[misc, assignment]
    zipfile.ZipFile = _FastZip  # type: ignore[misc]
    poll_often()
    from samcli.cli.main import cli  # noqa: PLC0415

    if keep := {"build": keep_requirements, "deploy": keep_archives}.get(sys.argv[1]):
        keep(cache)
    cli(prog_name="sam")


def poll_often() -> None:
    """Each waiter, whatever sam says to it."""
    from botocore.waiter import Waiter  # noqa: PLC0415 - after what it reads YAML with

    wait = Waiter.wait

    def wait_often(self: Waiter, **what: Any) -> None:  # noqa: ANN401 - an operation's parameters
        wait(self, **what | {"WaiterConfig": {"Delay": _POLL_SECONDS, "MaxAttempts": _MAX_POLLS}})

    Waiter.wait = wait_often  # type: ignore[method-assign]


def keep_requirements(cache: Path) -> None:
    """`sam build` resolves and unpacks the same `requirements.txt` once."""
    import aws_lambda_builders  # noqa: PLC0415 - takes a second
    from aws_lambda_builders.workflows.python_pip.packager import DependencyBuilder  # noqa: PLC0415

    build = DependencyBuilder.build_site_packages

    def build_site_packages(self: Any, requirements: str, target: str, scratch: str) -> None:  # noqa: ANN401
        key = repr([self.runtime, self.architecture, aws_lambda_builders.__version__]).encode()
        name = hashlib.sha256(key + Path(requirements).read_bytes()).hexdigest()
        kept = once(cache / "requirements" / name, lambda folder: build(self, requirements, str(folder), scratch))
        # Links: nobody writes into an installed package, and a build's folder is removed before it is made anew.
        shutil.copytree(kept, target, copy_function=os.link, dirs_exist_ok=True)

    DependencyBuilder.build_site_packages = build_site_packages


def keep_archives(cache: Path) -> None:
    """`sam deploy` packs the same folder once: it names an archive by a digest of the folder's files."""
    from samcli.lib.package import utils  # noqa: PLC0415

    def kept_by(method: str) -> Callable[[str, str], str]:
        pack: Callable[[str, str], str] = getattr(utils, method)

        def make_zip(name: str, folder: str) -> str:
            archive = Path(f"{name}.zip")
            kept = once(cache / "archives" / method / archive.stem, lambda made: pack(str(made / "it"), folder))
            archive.hardlink_to(kept / "it.zip")
            return str(archive)

        return make_zip

    for method in ("make_zip", "make_zip_with_lambda_permissions"):
        setattr(utils, method, kept_by(method))


def once(folder: Path, make: Callable[[Path], object]) -> Path:
    """The folder, filled by `make` where it is not there yet. Processes that want the same wait for the first."""
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_suffix(".lock")):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent) as partial:
                made = Path(partial) / "made"
                made.mkdir()
                make(made)
                made.rename(folder)
    return folder


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
        lock.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
