"""`python -m local.sam …`: the real sam, with what it does most of the time done faster.

It reads each template a dozen times with the YAML parser that is written in Python, and packs layers as tightly as zlib
can, although they only go to this machine's own disk: half of a deployment's time.
"""

import functools
import sys
import zipfile

import yaml


class _FastZip(zipfile.ZipFile):
    __init__ = functools.partialmethod(zipfile.ZipFile.__init__, compresslevel=1)


def main() -> None:
    """sam's own command line, with libyaml and zlib's fastest level. Before sam is imported, which takes both."""
    yaml.SafeLoader = yaml.CSafeLoader  # type: ignore[misc, assignment]
    zipfile.ZipFile = _FastZip  # type: ignore[misc]
    from samcli.cli.main import cli  # noqa: PLC0415

    sys.exit(cli(prog_name="sam"))


if __name__ == "__main__":
    main()
