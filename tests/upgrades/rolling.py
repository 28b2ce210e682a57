"""One mesh of a release, whose accounts are upgraded one after the other while people go on with their work."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from cli.mesh_commands import deploy, silent
from local.accounts import ACCOUNTS, ADMIN_ROLE, FIRST
from local.deploy import Deployment
from local.mesh import Mesh
from tests.local.running import free_port
from tests.mesh_driver import MACHINES, MeshDriver
from tests.mesh_fixtures import HOME, WAIT_SCALE
from tests.publishing_driver import csv
from tests.sweep import publishing
from tests.sweep.invariants import violations
from tests.sweep.stage import NAMES, Stage, Subject
from tests.upgrades.flows import AFTER, DURING
from tests.upgrades.releases import Release

SCHEDULED: Final = (
    ("producer", "CollectUploadsFunction", {"Records": []}),
    *((account, "SettleFailureFunction", {"detail-type": "Scheduled Event"}) for account in FIRST),
)
"""Account, function and what its schedule sends: those that run every few minutes, whatever happens."""
_EVERY_SECONDS: Final = 2.0
_BETWEEN: Final = 0.3
"""Seconds between what people do, so that some of it comes at each moment of an update."""
_FLOW_SECONDS: Final = 150.0
_ROUNDS: Final = 6
"""How often so much time passes: a message is received five times before it is a dead letter."""
_PASS_SECONDS: Final = 1800.0
_QUIET: Final = 5.0
"""Seconds without a run: what is not over then waits for time to pass."""
_POLL: Final = 1.0


@contextmanager
def mesh_of(release: Release, home: Path = HOME) -> Iterator[tuple[Mesh, MeshDriver]]:
    """Three accounts of that release on a server of this checkout; gone at the end."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MESH_HOME", str(home))
    mesh = Mesh(free_port(), home)
    try:
        mesh.start(WAIT_SCALE, with_parent=True)
        deploy(mesh, silent, root=release.root)
        yield mesh, MeshDriver(mesh.endpoint, mesh.state_dir / "build")
    finally:
        mesh.stop()
        patch.undo()


class Uploads:
    """One product into which objects come all the time, each with a row of its own."""

    def __init__(self, stage: Stage) -> None:
        self.subject = stage.subjects(DURING["publish"], 1)[0]
        self.count = 0
        self._stage, self._stop = stage, threading.Event()
        publishing.registered_and_subscribed(stage, [self.subject])

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Until the end of the block."""
        self._stop.clear()
        # A client of its own: `MeshDriver` makes them when they are first used, in one thread.
        s3, bucket = self._stage.mesh._client(ACCOUNTS["producer"], "s3", ADMIN_ROLE), self._stage.mesh.bucket
        thread = threading.Thread(target=self._upload, args=(s3, bucket))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _upload(self, s3: Any, bucket: str) -> None:
        while True:
            number = self.count + 1
            s3.put_object(Bucket=bucket, Key=f"{self.subject.product}/data/t1/{number:04d}.csv", Body=csv((number, 10)))
            self.count = number
            if self._stop.wait(_EVERY_SECONDS):
                return

    def missing(self) -> str:
        """What was uploaded and cannot be read, or who was not told of a version, or more than once."""
        seen, counts = self._stage.seen(self.subject), self._stage.observer.notice_counts()
        lost = sorted(set(range(1, self.count + 1)) - set(seen.rows.get("t1") or ()))
        if lost:
            return f"rows {lost} of {self.count} cannot be read"
        told = {
            (account, each.version): counts[account, self.subject.product, each.version]
            for account in {*seen.subscribers, ACCOUNTS["consumer"]}
            for each in seen.versions
        }
        wrong = {whom: count for whom, count in told.items() if count != 1}
        return f"notices by account and version: {wrong}" if wrong else ""


@dataclass
class Step:
    """What an account's upgrade came to, or another change. `failures` is empty where nothing was lost."""

    name: str
    seconds: float = 0.0
    waited: dict[str, int] = field(default_factory=dict)
    """Flow → how often half an hour had to pass for it."""
    started_again: list[str] = field(default_factory=list)
    """Runs that failed, and succeeded when `retry-run` started them again."""
    kept: dict[str, int] = field(default_factory=dict)
    """Messages in dead letter queues that another release is to process: none may be left at the end."""
    failures: list[str] = field(default_factory=list)


class Rolling:
    """One order of accounts. `say` gets a line of progress now and then."""

    def __init__(self, mesh: Mesh, driver: MeshDriver, flows: Sequence[str], say: Callable[[str], None]) -> None:
        self.mesh, self.driver, self._say = mesh, driver, say
        self.stage = Stage(driver)
        driver.look_for_subjects(NAMES)
        self._began, self._dead = time.time(), driver.dead_letters()
        self._flows = {name: flow for name, flow in (DURING | AFTER).items() if name in flows}
        self._subjects: dict[str, Subject] = {}
        self._uploads = Uploads(self.stage)
        self._products = {self._uploads.subject.product}
        self._failed: set[str] = set()
        self._before = {account: dict(self._definitions(account)) for account in FIRST}
        """Definitions of the machines, by their ARNs."""

    def upgrade(self, account: str, release: Release, *, last: bool) -> Step:
        """Upgrade it while all flows go on; then all that was begun has to end as it should."""

        def update() -> None:
            began = time.time()
            updated = Deployment(self.mesh, release.root, (account,)).run()
            assert updated, f"{account} is of {release.name} already"
            self._say(f"  {account} updated in {time.time() - began:.0f} s")

        return self._step(account, update, last=last)

    def finish_old_runs(self) -> Step:
        """All flows by the definitions of the release before, with the functions of this one: what runs go through that
        were begun before their account's upgrade, and what their steps say to each other."""
        now = {account: dict(self._definitions(account)) for account in FIRST}
        self._define(self._before)
        try:
            return self._step("runs begun before", lambda: None, last=True)
        finally:
            self._define(now)

    def _definitions(self, account: str) -> Iterator[tuple[str, str]]:
        client = self.driver.client(account, "stepfunctions")
        for page in client.get_paginator("list_state_machines").paginate():
            for machine in page["stateMachines"]:
                arn = machine["stateMachineArn"]
                yield arn, client.describe_state_machine(stateMachineArn=arn)["definition"]

    def _define(self, definitions: Mapping[str, Mapping[str, str]]) -> None:
        for account, found in definitions.items():
            client = self.driver.client(account, "stepfunctions")
            for arn, definition in found.items():
                client.update_state_machine(stateMachineArn=arn, definition=definition)

    def _step(self, name: str, update: Callable[[], None], *, last: bool) -> Step:
        step, began = Step(name), time.time()
        with self._uploads.going_on():
            self._prepare()
            since = time.time()
            with ThreadPoolExecutor(1) as thread:
                updated = thread.submit(update)
                for flow in self._flows:
                    if flow in DURING:
                        self._act(flow)
                        time.sleep(_BETWEEN)
                updated.result()
            for flow in self._flows:
                if flow in AFTER:
                    self._act(flow)
        self._end(step, since)
        self._judge(step, last=last)
        step.seconds = time.time() - began
        return step

    def _prepare(self) -> None:
        """Each flow is where it begins: with what it left in the step before, or anew."""
        for name, flow in self._flows.items():
            subject = self._subjects.get(name)
            if subject is not None and flow.again is not None:
                flow.again(self.stage, [subject])
            else:
                [subject] = self.stage.subjects(flow, 1)
                flow.start(self.stage, [subject])
            self._subjects[name] = subject
            if flow.of == "products":
                self._products.add(subject.product)
            seen = self.stage.seen(subject)
            subject.number += 1
            subject.versions = max((version.version for version in seen.versions), default=0)
            subject.held = len(seen.held)

    def _act(self, name: str) -> None:
        self._flows[name].act(self.stage, self._subjects[name])

    def _end(self, step: Step, since: float) -> None:
        """Until every flow is over; now and then half an hour passes, with what runs on schedules."""
        for number in range(_ROUNDS + 1):
            missing = self._wait(since)
            if not missing:
                break
            if number == _ROUNDS:
                step.failures += [f"{name}: {what}" for name, what in missing.items()]
                break
            self._say(f"  waits for {missing}")
            step.waited |= dict.fromkeys(missing, number + 1)
            self.pass_time()

    def _wait(self, since: float) -> dict[str, str]:
        deadline = time.monotonic() + _FLOW_SECONDS
        while self._missing(since):
            if time.monotonic() > deadline or self._nothing_runs_for(_QUIET):
                return self._missing(since)
            time.sleep(_POLL)
        return {}

    def _nothing_runs_for(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.driver.running():
                return False
            time.sleep(_POLL)
        return True

    def _missing(self, since: float) -> dict[str, str]:
        products = [self._subjects[name].product for name in self._flows]
        found = self.stage.observer.products(products, since)
        ends = {
            name: flow.ends(self.stage, self._subjects[name], found[self._subjects[name].product])
            for name, flow in self._flows.items()
        }
        ends["uploads"] = self._uploads.missing()
        if not any(ends.values()) and (self.driver.running() or self.stage.observer.queues()):
            ends["mesh"] = f"running {self.driver.running()}, queued {self.stage.observer.queues()}"
        return {name: what for name, what in ends.items() if what}

    def pass_time(self) -> None:
        """Half an hour, and what runs on schedules meanwhile."""
        self.driver.skip(_PASS_SECONDS)
        for account, function, event in SCHEDULED:
            answer = self.driver.client(account, "lambda").invoke(
                FunctionName=self.driver.physical_id(account, function), Payload=json.dumps(event).encode()
            )
            if "FunctionError" in answer:
                raise AssertionError(f"{account}/{function}: {answer['Payload'].read()!r}")

    def _judge(self, step: Step, *, last: bool) -> None:
        """Nothing is lost, nothing is there twice, and no message is left that nobody is going to process."""
        if last and self._kept():
            self.pass_time()
            self._wait(time.time())
        state = self.stage.observer.whole(sorted(self._products), self._began, self._dead)
        step.failures += violations(state)
        step.failures += [f"{failed}: for good" for failed in self._failed_runs(step)]
        step.kept = self._kept()
        unread = {queue for queue in step.kept if last or not queue.endswith("/InboxDlq")}
        for queue in unread:
            step.failures += [f"{queue}: {letter[:600]}" for letter in self.driver.dead_letter(queue)]

    def _kept(self) -> dict[str, int]:
        return {name: count for name, count in self.driver.dead_letters().items() if count > self._dead[name]}

    def _failed_runs(self, step: Step) -> list[str]:
        """Those that nobody made good, and say of the others that they were started again."""
        lost = []
        for machine, account in MACHINES.items():
            client = self.driver.client(account, "stepfunctions")
            arn = f"arn:aws:states:us-east-1:{ACCOUNTS[account]}:stateMachine:{machine}"
            pages = client.get_paginator("list_executions").paginate(stateMachineArn=arn)
            found = {one["name"]: one["status"] for page in pages for one in page["executions"]}
            for name, status in found.items():
                if status in {"RUNNING", "SUCCEEDED"} or f"{machine} {name}" in self._failed:
                    continue
                self._failed.add(f"{machine} {name}")
                good = any(s == "SUCCEEDED" and n.startswith(f"{name[:71]}-retry-") for n, s in found.items())
                run = self.driver._describe(f"{arn.replace(':stateMachine:', ':execution:')}:{name}", machine)
                text = f"{machine} {name} {status} {run.error} {run.cause[:300]} in {run.states[-2:]}"
                (step.started_again if good or "-retry-" in name else lost).append(text)
        return lost
