"""`python -m tests.sweep`: every flow, each of its calls, each kind of fault; then several faults at once, at random.

    make sweep                                    # the whole: hours
    make sweep ARGS="--flow publish --flow grant --minutes 20"
    make sweep ARGS="--flow publish --kind lost-answer --call '*CommitVersion* glue:*'"
    make sweep ARGS="--random 300 --seed 1"

Ends with 1 where a case did not end as it should, or it was interrupted.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests import terminal  # noqa: F401 - first: what is imported below asks for the terminal
from tests.mesh_fixtures import running_mesh
from tests.sweep.flows import FLOWS
from tests.sweep.kinds import KINDS
from tests.sweep.report import FlowReport, failed, played, table
from tests.sweep.runner import AT_ONCE, Sweep
from tests.sweep.selection import chosen, schedules
from tests.sweep.stage import Stage


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if all that was tried ended as it should."""
    options = _parse(arguments)
    options.played = played(
        report for file in options.played for report in json.loads(file.read_text(encoding="utf-8"))
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    deadline = time.monotonic() + options.minutes * 60 if options.minutes else float("inf")
    reports, interrupted = list[FlowReport](), False
    with running_mesh(options.port) as mesh:
        sweep = Sweep(Stage(mesh), say)
        try:
            for name in options.flow or FLOWS:
                if time.monotonic() < deadline:
                    reports.append(FlowReport(name, FLOWS[name].what))
                    attempt(sweep, reports[-1], options, deadline)
        except KeyboardInterrupt:
            interrupted = True
            say("interrupted: the report is of what was done")
    say("\n" + table(reports))
    for outcome in failed(reports):
        say(f"FAILED {outcome.play} ({outcome.product}): {outcome.how}")
    if options.json:
        options.json.write_text(json.dumps([report.rendered() for report in reports], indent=1), encoding="utf-8")
    return bool(failed(reports) or interrupted or any(report.broken for report in reports))


def attempt(sweep: Sweep, report: FlowReport, options: Any, deadline: float) -> None:
    """A flow that cannot be played keeps no other from being played."""
    try:
        play(sweep, report, options, deadline)
    except (AssertionError, BotoCoreError, ClientError, OSError) as error:
        report.broken = f"{type(error).__name__}: {error}"
        say(f"BROKEN {report.flow}: {report.broken}")
        sweep.mesh.clear_faults()


def play(sweep: Sweep, report: FlowReport, options: Any, deadline: float) -> None:
    """All cases of a flow that are chosen, or schedules at random, until the time is over."""
    began, flow = time.monotonic(), FLOWS[report.flow]
    calls = sweep.calls(flow)
    cases, report.left_out = sweep.cases(flow, calls)
    report.calls, report.possible, report.untold = len(calls), len(cases), sweep.untold[flow.name]
    plays: Sequence[Any] = chosen(cases, options.kind, options.call, options.part, options.played)
    if options.random:
        plays = schedules(flow.name, cases, options.random, options.seed)
    for call in report.untold:
        say(f"{flow.name}: not tried, nothing tells whose it is: {call}")
    say(f"{flow.name}: {flow.what}: {len(calls)} calls, {len(cases)} cases, {len(plays)} chosen")
    for outcome in sweep.play(flow, plays, options.at_once):
        report.outcomes.append(outcome)
        report.seconds = time.monotonic() - began
        if time.monotonic() > deadline and len(report.outcomes) % options.at_once == 0:
            say(f"{flow.name}: the time is over after {len(report.outcomes)} of {len(plays)}")
            break


def say(line: str) -> None:
    print(time.strftime("%H:%M:%S"), line, flush=True)  # noqa: T201


def _parse(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(prog="python -m tests.sweep", description=__doc__)
    parser.add_argument("--flow", action="append", choices=[*FLOWS], help="one of the flows; may be repeated")
    parser.add_argument("--kind", action="append", choices=[*KINDS], help="one kind of fault; may be repeated")
    parser.add_argument("--call", default="*", help="pattern of calls, as `central/CommitVersion* glue:*`")
    parser.add_argument(
        "--played", action="append", type=Path, default=[], help="an earlier report: what ended well there is left out"
    )
    parser.add_argument("--part", default="1/1", help="each n-th case: 2/10 is the second tenth")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="N schedules of several faults instead")
    parser.add_argument("--seed", type=int, default=1, help="of the schedules")
    parser.add_argument("--minutes", type=float, default=0, help="no further cases are begun after that time")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="cases that are played together")
    parser.add_argument("--port", type=int, default=0, help="a mesh that is up, in place of one of its own")
    parser.add_argument("--json", type=Path, help="file for the report")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
