"""Plays cases of a flow: several at once, each on a product of its own; what waits for time gets it at once."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from typing import Any, Final

from local.accounts import FIRST
from tests.mesh_driver import MACHINES, MeshDriver
from tests.recorded_calls import PEOPLE, Call, passed_over, recorded
from tests.sweep.invariants import violations
from tests.sweep.kinds import KINDS, Kind
from tests.sweep.stage import NAMES, REUSED, Flow, Stage, Subject

AT_ONCE: Final = 8
"""Cases that are played together."""
SCHEDULED: Final = (
    ("producer", "CollectUploadsFunction", {"Records": []}),
    *((account, "SettleFailureFunction", {"detail-type": "Scheduled Event"}) for account in FIRST),
)
"""Account, function and what its schedule sends: those that run every few minutes, whatever happens."""
PASS_SECONDS: Final = 1800.0
"""Longer than any wait for an answer, than a message stays invisible, and than a run's lease outlives it."""
ROUNDS: Final = 4
"""How often so much time passes before a case is said not to converge."""
_SILENCE: Final = 6.0
"""Without any call: longer than the SDK, or Lambda, waits before it tries again."""
_PAUSE: Final = 1.0
_LONGEST: Final = 150.0
_POLL: Final = 0.4
_LOCKED_SECONDS: Final = 16.0
"""Longer than anybody who lives holds a lock, the SDK's repetitions included."""
_NOT_THE_FLOW: Final = ("JoinMesh", "FindDrift")
"""Roles of functions that run on schedules of their own."""


@dataclass(frozen=True)
class Case:
    """One fault at one call: after so many of the same caller's calls about the same product."""

    flow: str
    call: Call
    occurrence: str
    after: int
    kind: Kind

    def __str__(self) -> str:
        return f"{self.flow}: {self.kind.name} at the {self.occurrence} {self.call}"


@dataclass(frozen=True)
class Schedule:
    """Several faults of one flow, drawn from a seed."""

    flow: str
    seed: int
    cases: tuple[Case, ...]

    def __str__(self) -> str:
        return f"{self.flow}: seed {self.seed}: " + " + ".join(str(case).partition(": ")[2] for case in self.cases)


type Play = Case | Schedule


def faults_of(play: Play) -> tuple[Case, ...]:
    return play.cases if isinstance(play, Schedule) else (play,)


@dataclass
class Outcome:
    """How it ended: `converged`, `announced` (a clean rejection, see `how`), `unmet` (no call met the fault), `failed`.

    `waited`: how often a long time had to pass first.
    """

    play: Play
    product: str
    verdict: str
    how: str = ""
    waited: int = 0
    seconds: float = 0.0
    runs: list[str] = field(default_factory=list)
    """Of one that failed."""


class Locks:
    """Locks that outlive their holder: two minutes, which pass at once for one that has been held for long enough."""

    def __init__(self, mesh: MeshDriver) -> None:
        self._mesh = mesh
        self._since: dict[tuple[str, str, str], float] = {}
        self._looked = time.monotonic()

    def end_those_of_the_dead(self) -> None:
        """Looks now and then."""
        now = time.monotonic()
        if now - self._looked < _LOCKED_SECONDS / 4:
            return
        self._looked = now
        held = [(account, *lock) for account in FIRST for lock in self._mesh.held_locks(account)]
        self._since = {lock: self._since.get(lock, now) for lock in held}
        for account, name, holder in held:
            if now - self._since[account, name, holder] > _LOCKED_SECONDS:
                self._mesh.let_lock_expire(account, name, holder)


@dataclass
class Pool:
    """Products that are where a flow begins: used ones again where the flow knows how."""

    stage: Stage
    flow: Flow
    _ready: list[Subject] = field(default_factory=list)

    def take(self, number: int) -> list[Subject]:
        """So many; new ones where there are not enough."""
        chosen = self._ready[:number]
        del self._ready[: len(chosen)]
        if missing := number - len(chosen):
            fresh = self.stage.subjects(self.flow, missing)
            self.flow.start(self.stage, fresh)
            chosen += fresh
        return chosen

    def give_back(self, subjects: Iterable[Subject]) -> None:
        """Undisturbed work: they are made ready for another case."""
        chosen = [subject for subject in subjects if subject.number < REUSED]
        if self.flow.again is not None and chosen:
            self.flow.again(self.stage, chosen)
            self._ready += chosen


class Sweep:
    """Plays cases on one mesh. `say` gets a line of progress now and then."""

    def __init__(self, stage: Stage, say: Callable[[str], None] = lambda line: None) -> None:
        self.stage, self.mesh, self._say = stage, stage.mesh, say
        self.mesh.look_for_subjects(NAMES)
        self.functions = frozenset(self._function_roles())
        self._before = frozenset(violations(self.stage.observer.whole((), time.time(), self.mesh.dead_letters())))
        """What others left on the mesh, and earlier cases."""
        self.untold: dict[str, list[str]] = {}
        """By flow, calls made meanwhile of which nothing tells what they are about: no fault can be aimed at them."""
        self._pools: dict[str, Pool] = {}

    def close(self) -> None:
        """Nobody's calls are looked at any more, and no fault is left."""
        self.mesh.clear_faults()
        self.mesh.look_for_subjects("")

    def _function_roles(self) -> Iterator[str]:
        for account in FIRST:
            for page in self.mesh.client(account, "lambda").get_paginator("list_functions").paginate():
                yield from (function["Role"] for function in page["Functions"])

    # --- which cases ------------------------------------------------------------------------------------------------

    def calls(self, flow: Flow) -> Counter[Call]:
        """The calls of the flow undisturbed, and how often each is made. It ends as it should, or this fails."""
        self.mesh.clear_faults()
        pool = self._pool(flow)
        [subject] = pool.take(1)
        self._quiet()
        self._begin(subject)
        since = time.time()
        self._act(flow, [subject])
        found = self._missing(flow, [subject], since)
        assert not found, f"{flow.name}, undisturbed: {found}"
        everything = _of_flows(recorded(self.mesh, since))
        calls = _of_flows(recorded(self.mesh, since, about=subject.names.split()))
        self.untold[flow.name] = sorted(str(call) for call in everything.keys() - calls.keys())
        pool.give_back([subject])
        return calls

    def cases(self, flow: Flow, calls: Mapping[Call, int]) -> tuple[list[Case], Counter[str]]:
        """Each call, its first and its last occurrence, with each kind; and how many are left out, by reason."""
        chosen, left_out = list[Case](), Counter[str]()
        for call, count in sorted(calls.items()):
            for kind in KINDS.values():
                if why := kind.pointless(call, self.functions):
                    left_out[why] += 1
                    continue
                for occurrence in ("first", "last") if count > 1 else ("first",):
                    chosen.append(Case(flow.name, call, occurrence, passed_over(occurrence, count), kind))
        return chosen, left_out

    # --- playing ----------------------------------------------------------------------------------------------------

    def play(self, flow: Flow, plays: Sequence[Play], at_once: int = AT_ONCE) -> Iterator[Outcome]:
        """Each once, `at_once` together."""
        for number, some in enumerate(batched(plays, at_once, strict=False)):
            began = time.time()
            outcomes = self._together(flow, some)
            for outcome in outcomes:
                outcome.seconds = (time.time() - began) / len(some)
                yield outcome
            verdicts = Counter(outcome.verdict for outcome in outcomes)
            said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
            done = min(len(plays), (number + 1) * at_once)
            self._say(f"{flow.name} {done}/{len(plays)}: {said} in {time.time() - began:.1f} s")
            for outcome in outcomes:
                if outcome.verdict == "failed":
                    self._say(f"  FAILED {outcome.play} ({outcome.product}): {outcome.how}")
                    for run in outcome.runs:
                        self._say(f"    {run}")

    def _together(self, flow: Flow, plays: Sequence[Play]) -> list[Outcome]:
        pool = self._pool(flow)
        subjects = pool.take(len(plays))
        self._quiet()
        for subject in subjects:
            self._begin(subject)
        since, dead = time.time(), self.mesh.dead_letters()
        for subject, play in zip(subjects, plays, strict=True):
            for case in faults_of(play):
                self.mesh.inject(**case.kind.rule(case.call), after=case.after, subject=subject.names)
        self._act(flow, subjects)
        unmet = Counter(fault["subject"] for fault in self.mesh.faults())
        left = {fault["subject"]: fault for fault in self.mesh.faults()}
        self.mesh.clear_faults()
        waited = self._let_time_pass(flow, subjects, since, dead)
        outcomes = [
            self._outcome(
                flow, subject, play, since, waited.get(subject.product, 0), met=_met(play, subject, left, unmet)
            )
            for subject, play in zip(subjects, plays, strict=True)
        ]
        self._judge(subjects, outcomes, since, dead)
        pool.give_back(each for each, outcome in zip(subjects, outcomes, strict=True) if outcome.verdict == "converged")
        return outcomes

    def _act(self, flow: Flow, subjects: Sequence[Subject]) -> None:
        """What people do, and all that comes of it, as far as it comes by itself."""
        since = time.time()
        for subject in subjects:
            flow.act(self.stage, subject)
        time.sleep(flow.begins_after)
        self._quiet(lambda: not self._missing(flow, subjects, since))

    def _begin(self, subject: Subject) -> None:
        seen = self.stage.seen(subject)
        subject.number += 1
        subject.versions = max((version.version for version in seen.versions), default=0)
        subject.held = len(seen.held)

    def _pool(self, flow: Flow) -> Pool:
        return self._pools.setdefault(flow.name, Pool(self.stage, flow))

    # --- waiting ----------------------------------------------------------------------------------------------------

    def _missing(self, flow: Flow, subjects: Iterable[Subject], since: float) -> dict[str, str]:
        """What each still lacks, of those that are not over."""
        subjects = list(subjects)
        found = self.stage.observer.products([each.product for each in subjects], since)
        ends = {each.product: flow.ends(self.stage, each, found[each.product]) for each in subjects}
        return {
            each.product: ends[each.product]
            for each in subjects
            if ends[each.product] and not flow.rejected(self.stage, each, found[each.product])
        }

    def _quiet(self, over: Callable[[], bool] = lambda: True) -> None:
        """Until nothing runs, and nothing is in a queue, and it is over; or nothing happens, but that somebody waits
        for an answer."""
        deadline, locks = time.monotonic() + _LONGEST, Locks(self.mesh)
        while time.monotonic() < deadline:
            locks.end_those_of_the_dead()
            time.sleep(_POLL)
            if not self._silent(_PAUSE):
                continue
            running = self.mesh.running()
            ended = not running and not self.stage.observer.queues() and over()
            waits = not ended and not any(":retry-run:" in run for run in running) and self._silent(_SILENCE)
            if (ended or waits) and not self.mesh.locks():
                return

    def _silent(self, seconds: float) -> bool:
        """Whether nobody but people has called for so long."""
        calls = self.mesh.record(time.time() - seconds)
        return all(
            call["principal"].endswith(PEOPLE) or any(role in call["principal"] for role in _NOT_THE_FLOW)
            for call in calls
        )

    def _let_time_pass(
        self, flow: Flow, subjects: Sequence[Subject], since: float, dead: Mapping[str, int]
    ) -> dict[str, int]:
        """Half an hour, as often as it takes, and what runs on a schedule; how often each product needed it. Once for
        what is in a dead letter queue, which may be delivered again."""
        waited: dict[str, int] = {}
        for number in range(1, ROUNDS + 1):
            missing = self._missing(flow, subjects, since)
            left = number == 1 and self.mesh.dead_letters() != dead
            if not missing and not left and not self.mesh.running() and not self.stage.observer.queues():
                break
            waited |= dict.fromkeys(missing, number)
            self.mesh.skip(PASS_SECONDS)
            for account, function, event in SCHEDULED:
                self._call_scheduled(account, function, event)
            self._quiet(lambda: not self._missing(flow, subjects, since))
        return waited

    def _call_scheduled(self, account: str, function: str, event: Mapping[str, Any]) -> None:
        answer = self.mesh.client(account, "lambda").invoke(
            FunctionName=self.mesh.physical_id(account, function), Payload=json.dumps(event).encode()
        )
        assert "FunctionError" not in answer, answer["Payload"].read()

    # --- judging ----------------------------------------------------------------------------------------------------

    def _outcome(self, flow: Flow, subject: Subject, play: Play, since: float, waited: int, *, met: bool) -> Outcome:
        seen = self.stage.observer.products([subject.product], since)[subject.product]
        lacks = flow.ends(self.stage, subject, seen)
        if not lacks:
            return Outcome(play, subject.product, "converged" if met else "unmet", waited=waited)
        if how := flow.rejected(self.stage, subject, seen):
            return Outcome(play, subject.product, "announced", how, waited)
        return Outcome(play, subject.product, "failed", lacks, waited)

    def _judge(
        self, subjects: Sequence[Subject], outcomes: Sequence[Outcome], since: float, dead: Mapping[str, int]
    ) -> None:
        """A violation makes its product's case a failure; one of the mesh each case that was played then."""
        state = self.stage.observer.whole([each.product for each in subjects], since, dead)
        broken = [found for found in violations(state) if found not in self._before]
        self._before |= {found for found in broken if found.startswith("mesh:")}
        kept = {queue: count for queue, count in state.dead.items() if count}
        for outcome, subject in zip(outcomes, subjects, strict=True):
            mine = [found for found in broken if _concerns(found, subject)]
            if mine:
                outcome.how = "; ".join([*filter(None, [outcome.how]), *mine])
                outcome.verdict = "failed"
        if kept:
            self._blame(kept, outcomes)
        for outcome, subject in zip(outcomes, subjects, strict=True):
            if outcome.verdict == "failed":
                outcome.runs = self._runs(subject, since)

    def _runs(self, subject: Subject, since: float) -> list[str]:
        """How the runs about it that began since then ended, for whoever looks for the cause."""
        began = datetime.fromtimestamp(since, UTC)
        found = [run for machine in MACHINES for name in subject.names.split() for run in self.mesh.runs(machine, name)]
        recent = [run for run in found if run.events and run.events[0]["timestamp"] >= began]
        return [f"{run.machine} {run.status} {run.outcome or run.error} {'/'.join(run.states[-3:])}" for run in recent]

    def _blame(self, kept: Mapping[str, int], outcomes: Sequence[Outcome]) -> None:
        """Somebody would have to look: it is said with whose case it came, if that can be told from the message."""
        for queue in kept:
            letters = self._letters(queue)
            for outcome in outcomes:
                if any(outcome.product in letter for letter in letters):
                    outcome.how = "; ".join([*filter(None, [outcome.how]), f"kept in {queue}"])
                    if outcome.verdict == "converged":
                        outcome.verdict = "kept"

    def _letters(self, queue: str) -> list[str]:
        account, _, name = queue.partition("/")
        client, url = self.mesh.client(account, "sqs"), self.mesh.physical_id(account, name)
        found: list[str] = []
        while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            found += [message["Body"] for message in messages]
            for message in messages:
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


def _of_flows(calls: Counter[Call]) -> Counter[Call]:
    """Without those that are made on a schedule."""
    return Counter(
        {call: count for call, count in calls.items() if not any(role in call.principal for role in _NOT_THE_FLOW)}
    )


def _concerns(violation: str, subject: Subject) -> bool:
    about = violation.partition(":")[0]
    return about in {subject.product, "mesh"}


def _met(play: Play, subject: Subject, left: Mapping[str, Any], unmet: Mapping[str, int]) -> bool:
    """Whether its faults were met: of one that strikes several calls in a row, the first is enough."""
    waiting = unmet.get(subject.names, 0)
    if not waiting:
        return True
    if isinstance(play, Schedule):
        return waiting < len(play.cases)
    fault = left[subject.names]
    return bool(fault["count"] < play.kind.count)
