"""`make verify-aws`: the mesh in three AWS accounts, whether it works there, and whether AWS does what is assumed.

    python -m tools.verify_aws --central PROFILE --producer PROFILE --consumer PROFILE

Says what it costs and asks; deploys three stacks under a prefix; runs the demo's flow with a synthetic product; checks
each line of docs/aws.md that has something not settled; removes everything, after a failure or an interrupt as well.
Exit code 0 only if the flow passed, nothing differed, and nothing is left.
"""

import argparse
import shlex
import signal
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tools.templates import ROOT
from tools.verify_aws import report
from tools.verify_aws.accounts import Accounts, Refused, accounts_of
from tools.verify_aws.checks import CHECKS, UNOBSERVABLE
from tools.verify_aws.checks.registry import Bench, Check, Outcome, run_checks
from tools.verify_aws.commands import SAM, CommandFailed, Commands
from tools.verify_aws.costs import cost_lines
from tools.verify_aws.deployment import deploy
from tools.verify_aws.flow import Flow, FlowBroken
from tools.verify_aws.names import ACCOUNT_NAMES, PREFIX, Names
from tools.verify_aws.precheck import taken
from tools.verify_aws.progress import Progress, TookTooLong
from tools.verify_aws.removal import left, remove
from tools.verify_aws.state import State, keep, kept, look

_FAILURES: Final = (BotoCoreError, ClientError, CommandFailed, FlowBroken, TookTooLong)


@dataclass
class Verification:
    """One run of `checks`. `wrong` is what keeps its exit code from being 0, a line each."""

    commands: Commands
    built: str
    file: Path
    checks: list[Check] = field(default_factory=lambda: CHECKS)
    progress: Progress = field(default_factory=Progress)
    outcomes: list[Outcome] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def run(self, state: State) -> None:
        """Deploy, use, check; whatever happens, remove."""
        try:
            deploy(self.commands, self.built, self.progress)
            flow = Flow(self.commands, self.progress)
            flow.publish()
            flow.give_access()
            run_checks(self.checks, Bench(self.commands, flow, state), self.progress, self.outcomes)
            flow.end_access()
        except _FAILURES as error:
            self.wrong.append(f"{type(error).__name__}: {error}")
            self.progress.say(self.wrong[-1])
        except KeyboardInterrupt:
            self.wrong.append("interrupted")
        finally:
            self.remove(state)

    def remove(self, state: State) -> None:
        """Everything, then look once more."""
        self.wrong += remove(self.commands, state, self.progress)
        found = left(self.commands, state)
        self.wrong += ["something is left"] if found else []
        self.progress.say(report.what_is_left(self.commands.accounts, found))
        if not found:
            self.file.unlink(missing_ok=True)

    def tell(self) -> int:
        """The table, and the exit code."""
        if self.outcomes:
            print(f"\n{report.table(self.outcomes, UNOBSERVABLE)}\n")
            unlike = [each for each in self.outcomes if each.seen.verdict not in report.AS_ASSUMED]
            self.wrong += [f"{each.seen.verdict}: {each.check.behaviour}" for each in unlike]
        for line in self.wrong:
            print(f"verify-aws: {line}", file=sys.stderr)
        print("not verified" if self.wrong else "verified")
        return 1 if self.wrong else 0


def main() -> int:
    """The exit code: 0 verified, 1 not, 2 for what cannot begin."""
    for number in (signal.SIGTERM, signal.SIGINT):  # a script's background job would ignore the second
        signal.signal(number, signal.default_int_handler)
    options = _options()
    names = Names(options.prefix)
    file = Path(options.state) / f"{options.prefix}.json"
    try:
        accounts = accounts_of({name: getattr(options, name) for name in ACCOUNT_NAMES})
        checks = [check for check in CHECKS if options.only in check.behaviour]
        verification = Verification(
            Commands(accounts, names, tuple(shlex.split(options.sam))), options.built, file, checks
        )
        if options.remove_only:
            verification.remove(kept(file, accounts))
            return verification.tell()
        state = _may_begin(accounts, names, options, file)
    except Refused as refused:
        print(f"verify-aws: {refused}", file=sys.stderr)
        return 2
    keep(file, state)
    verification.run(state)
    return verification.tell()


def _may_begin(accounts: Accounts, names: Names, options: Any, file: Path) -> State:  # noqa: ANN401 - argparse's
    """What the accounts hold, when they are free and somebody agreed. Raises `Refused`."""
    if file.exists():
        raise Refused(f"{file} is there: remove first what that run made (--remove-only --prefix {names.prefix})")
    for name in ACCOUNT_NAMES:
        if not Path(options.built.format(account=name), "template.yaml").is_file():
            raise Refused(f"nothing is built for {name} in {options.built.format(account=name)}: make build")
    state = look(accounts)
    if there := taken(accounts, names, state):
        told = "\n  ".join(there)
        raise Refused(f"the accounts are not free for a mesh; remove it, or use others:\n  {told}")
    print(_plan(accounts, names))
    if not options.yes:
        _confirm()
    return state


def _plan(accounts: Accounts, names: Names) -> str:
    stacks = [f"  {names.stack(name)} in {each.number} ({each.profile})" for name, each in accounts.items()]
    return "\n".join([
        f"deploys, uses for half an hour, and removes, in {next(iter(accounts.values())).region}:", *stacks,
        "use accounts in which nothing else happens meanwhile: what comes into them counts as left", "",
        "list prices in us-east-1, without free tiers (tools/list_prices.py)", *cost_lines(), "",
    ])  # fmt: skip


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise Refused("there is no terminal to ask: agree with --yes")
    if input("begin? [y/N] ").strip().lower() != "y":
        raise Refused("nothing was made")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="verify-aws", description=(__doc__ or "").partition("\n")[0])
    for name in ACCOUNT_NAMES:
        parser.add_argument(f"--{name}", required=True, metavar="PROFILE", help=f"AWS profile of the {name} account")
    parser.add_argument("--prefix", default=f"verify-{datetime.now(UTC):%Y%m%d}", help="of the names of what is made")
    built = str(ROOT / ".aws-sam" / "{account}")
    parser.add_argument("--built", default=built, metavar="DIR", help="what sam build made, with {account} in its path")
    parser.add_argument(
        "--state", default=str(ROOT / ".mesh" / "verify"), metavar="DIR", help="for what was there before"
    )
    parser.add_argument("--sam", default=SAM, metavar="COMMAND", help="how sam is started")
    parser.add_argument("--only", default="", metavar="TEXT", help="checks whose line in docs/aws.md has this text")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--remove-only", action="store_true", help="remove what a run under this prefix left")
    options = parser.parse_args()
    if not PREFIX.fullmatch(options.prefix):
        parser.error(f"--prefix {options.prefix}: 4 to 20 lower-case letters, digits and dashes, a letter first")
    if not any(options.only in check.behaviour for check in CHECKS):
        parser.error(f"--only {options.only!r}: no check has this text")
    return options


if __name__ == "__main__":
    sys.exit(main())
