"""`python -m tests.upgrades`: a mesh of an earlier commit is upgraded to this checkout, account by account, in each
order, while uploads, requests, approvals and rollbacks go on.

    make upgrades                                       # from the release before, or the last change of formats
    make upgrades ARGS="--from 4c08541f --order central,producer,consumer"
    make upgrades ARGS="--flow publish --flow grant"

Ends with 1 where something was lost, came twice, or is left over.
"""

import argparse
import fcntl
import itertools
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from local.accounts import FIRST
from local.deploy import Deployment
from local.mesh import Mesh
from tests import terminal  # noqa: F401 - first: what is imported below asks for the terminal
from tests.mesh_fixtures import HOME
from tests.upgrades import releases
from tests.upgrades.flows import ALL
from tests.upgrades.releases import NoHistoryError, Release
from tests.upgrades.rolling import Rolling, Step, mesh_of


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if nothing was lost in any order."""
    options = _parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    home = HOME / "upgrades"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two would share folders
        try:
            old = releases.of_commit(options.before or releases.before(), home)
        except NoHistoryError as error:
            say(f"nothing to upgrade from: {error}")
            return 2
        new = releases.of_commit(options.after, home) if options.after else releases.of_this_checkout(home)
        say(f"from {old.name} to {new.name}")
        build(old, new)
        orders = options.order or list(itertools.permutations(FIRST))
        failed = sum(not play(order, old, new, options.flow or [*ALL]) for order in orders)
    say(f"{len(orders) - failed} of {len(orders)} orders without a loss")
    return int(failed > 0)


def build(*chosen: Release) -> None:
    """What differs from the last time."""
    mesh = Mesh(0, HOME)
    mesh.state_dir.mkdir(parents=True, exist_ok=True)
    for release in chosen:
        Deployment(mesh, release.root).build()


def play(order: Sequence[str], old: Release, new: Release, flows: Sequence[str]) -> bool:
    """Whether nothing was lost in this order."""
    say(f"{' → '.join(order)}")
    steps = list[Step]()
    with mesh_of(old) as (mesh, driver):
        rolling = Rolling(mesh, driver, flows, say)
        for number, account in enumerate(order, start=1):
            step = rolling.upgrade(account, new, last=number == len(order))
            steps.append(step)
            _say_step(step)
        steps.append(rolling.finish_old_runs())
        _say_step(steps[-1])
    return not any(step.failures for step in steps)


def _say_step(step: Step) -> None:
    say(f"  {step.name}: {'FAILED' if step.failures else 'nothing lost'} after {step.seconds:.0f} s")
    for what, found in (("waited", step.waited), ("kept", step.kept)):
        for name, count in found.items():
            say(f"    {what}: {name} {count}")
    for run in step.started_again:
        say(f"    started again: {run}")
    for failure in step.failures:
        say(f"    FAILED {failure}")


def say(line: str) -> None:
    print(time.strftime("%H:%M:%S"), line, flush=True)  # noqa: T201


def _order(text: str) -> tuple[str, ...]:
    accounts = tuple(text.split(","))
    if sorted(accounts) != sorted(FIRST):
        raise argparse.ArgumentTypeError(f"{text!r} is not each of {', '.join(FIRST)} once, with commas between")
    return accounts


def _parse(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(prog="python -m tests.upgrades", description=__doc__)
    parser.add_argument("--from", dest="before", metavar="COMMIT", help="what runs before; a tag or a commit")
    parser.add_argument("--to", dest="after", metavar="COMMIT", help="what they are upgraded to, if not this checkout")
    parser.add_argument(
        "--order", action="append", type=_order, metavar="ACCOUNTS", help="central,consumer,producer; may be repeated"
    )
    parser.add_argument("--flow", action="append", choices=[*ALL], help="one of the flows; may be repeated")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
