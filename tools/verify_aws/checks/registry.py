"""A check for each line of docs/aws.md that has something "not settled", under that line's text."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, Literal

from botocore.exceptions import BotoCoreError, ClientError

from tools.verify_aws.accounts import Account, Accounts
from tools.verify_aws.commands import CommandFailed, Commands
from tools.verify_aws.flow import Flow
from tools.verify_aws.names import Names
from tools.verify_aws.progress import Progress, TookTooLong
from tools.verify_aws.state import State

Verdict = Literal["same", "differs", "not observable", "failed"]


@dataclass(frozen=True)
class Bench:
    """What a check works on: the accounts, and a mesh in them with an access that is live."""

    commands: Commands
    flow: Flow
    state: State

    @property
    def accounts(self) -> Accounts:
        return self.commands.accounts

    @property
    def names(self) -> Names:
        return self.commands.names

    @property
    def central(self) -> Account:
        return self.accounts["central"]

    @property
    def producer(self) -> Account:
        return self.accounts["producer"]

    @property
    def consumer(self) -> Account:
        return self.accounts["consumer"]


@dataclass(frozen=True)
class Seen:
    """What AWS did. `why` it cannot be told, where it cannot."""

    observed: str
    verdict: Verdict


type Look = Callable[[Bench, ExitStack], Seen]
"""A check. What it makes carries the prefix, and is pushed on the stack to be removed, whatever happens."""


@dataclass(frozen=True)
class Check:
    """`behaviour` is the text of the line in docs/aws.md, `assumes` what design and laptop take for given."""

    behaviour: str
    assumes: str
    look: Look


@dataclass(frozen=True)
class Outcome:
    check: Check
    seen: Seen


@dataclass
class Registry:
    """In the order in which they are made."""

    checks: list[Check] = field(default_factory=list)

    def check(self, behaviour: str, *, assumes: str) -> Callable[[Look], Look]:
        """Registers a function."""

        def registered(look: Look) -> Look:
            self.checks.append(Check(behaviour, assumes, look))
            return look

        return registered


REGISTRY: Final = Registry()


def same_if(wanted: bool, observed: str) -> Seen:
    return Seen(observed, "same" if wanted else "differs")


def not_observable(why: str) -> Seen:
    return Seen(why, "not observable")


def run_checks(checks: list[Check], bench: Bench, progress: Progress, outcomes: list[Outcome]) -> None:
    """Each by itself: one that fails is told, and keeps no other from being made. Each outcome is added at once."""
    for check in checks:
        try:
            with ExitStack() as made:
                seen = check.look(bench, made)
        except (BotoCoreError, ClientError, CommandFailed, TookTooLong) as error:
            seen = Seen(f"{type(error).__name__}: {error}", "failed")
        outcomes.append(Outcome(check, seen))
        progress.say(f"{seen.verdict}: {check.behaviour}: {seen.observed}")


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
