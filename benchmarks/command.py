"""How fast the command starts: `mesh --help` and a listing beside an empty typer application of as many commands.

    python benchmarks/command.py [--pairs 9]

The peer of a listing imports what the listing needs (boto3, pydantic's models of the registry) and does nothing; the
listing itself ends where it would open a session, since no mesh is up. Each pair runs in turn, so that whatever else
the machine does slows both. CPU seconds of the child process, its median of all pairs; read the ratios.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

from cli.commands import COMMANDS

PEER = """
import sys
import typer
{imports}
app = typer.Typer(name="peer", add_completion=False, pretty_exceptions_enable=False)
for number in range({commands}):
    def command(port: int = 0) -> None:
        "A command of the empty application."
    app.command(name=f"command-{{number}}")(command)
app()
"""
MESH = "from cli.main import main; main()"
NEEDED = "import boto3, botocore.client, pydantic, rich.table\nimport mesh.adapters.dynamodb.registry"


def cpu_seconds(code: str, *arguments: str, home: str) -> float:
    """Of one child process, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MESH_", "AWS_"))}
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment | {"MESH_HOME": home},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def compare(name: str, mesh: Callable[[], float], peer: Callable[[], float], pairs: int) -> None:
    """One line: medians, and the median ratio of the pairs."""
    mesh(), peer()  # bytecode is compiled, files are in the cache
    found = [(mesh(), peer()) for _ in range(pairs)]
    ours, theirs = (statistics.median(column) for column in zip(*found, strict=True))
    ratios = sorted(one / other for one, other in found)
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    print(f"{name:<24} {ours:6.2f} s  {theirs:6.2f} s  {statistics.median(ratios):5.2f}  ({spread})")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=9)
    pairs = parser.parse_args(arguments).pairs
    commands = len(COMMANDS)
    empty, needing = (PEER.format(imports=imports, commands=commands) for imports in ("", NEEDED))
    with tempfile.TemporaryDirectory() as home:

        def run(code: str, *words: str) -> Callable[[], float]:
            return lambda: cpu_seconds(code, *words, home=home)

        print(f"CPU seconds, {commands} commands, {pairs} pairs; ratio: median (least to most)")
        print(f"{'':<24} {'mesh':>8}  {'peer':>8}  ratio")
        compare("mesh --help", run(MESH, "--help"), run(empty, "--help"), pairs)
        for listing in ("products", "requests", "notices", "quarantine"):
            compare(f"mesh {listing}", run(MESH, listing), run(needing, "command-1"), pairs)


if __name__ == "__main__":
    main()
