"""What goes on while accounts are upgraded: the sweep's flows, and those whose two ends lie in different releases."""

import json
from collections.abc import Sequence
from typing import Any, Final

from tests.sweep import accesses, publishing
from tests.sweep.flows import FLOWS
from tests.sweep.stage import SECONDS, Flow, Stage, Subject
from tests.sweep.state import Seen

_CONFIDENTIAL: Final = [{"property": "lfTags", "value": {"confidentiality": "confidential"}}]
_NOTICE: Final = [{"property": "noticePeriod", "value": 15, "unit": "s"}]


def waits(stage: Stage, subjects: Sequence[Subject]) -> None:
    """Confidential products, and a request for each that waits for its owner."""
    publishing.published_once(
        stage, subjects, lambda product: publishing.contract_of(product) | {"customProperties": _CONFIDENTIAL}
    )
    waits_again(stage, subjects)


def waits_again(stage: Stage, subjects: Sequence[Subject]) -> None:
    """What is live ends first."""
    accesses.asks_again(stage, subjects)
    for subject in subjects:
        accesses.request(stage, subject)
    for subject in subjects:
        stage.accesses.wait(subject.access, "waiting", seconds=SECONDS)


def approve(stage: Stage, subject: Subject) -> None:
    stage.accesses.decide(subject.access)


def promises(stage: Stage, subjects: Sequence[Subject]) -> None:
    """Products that are read, whose contract promises a notice period."""
    publishing.published_once(stage, subjects, lambda product: _revision(product, 1))


def revise(stage: Stage, subject: Subject) -> None:
    """A revision that breaks readers, and waits for the period where the release knows of one."""
    publishing.declare(stage, subject, lambda product: _revision(product, 2))


def revised(stage: Stage, subject: Subject, _: Seen) -> str:
    """It is in force in central and at its producer."""
    found = {
        account: json.loads(item.get("body", "{}")).get("contract", {}).get("version")
        for account in ("central", "producer")
        for item in stage.mesh.items(account, f"PRODUCT#{subject.product}")
        if item["sk"] == "PRODUCT"
    }
    return "" if set(found.values()) == {"2.0.0"} else f"contracts in force: {found}"


def ask(stage: Stage, _: Subject) -> None:
    """Central asks each reader's account whether it reads, as it does once a day."""
    machine = stage.mesh.output("central", "ReconcileArn")
    order = json.dumps({"dry_run": True, "same_role": []})
    stage.mesh.client("central", "stepfunctions").start_execution(stateMachineArn=machine, input=order)


def answered(stage: Stage, subject: Subject, seen: Seen) -> str:
    """Its account has looked, and the analyst reads."""
    [check] = [access.checked for access in seen.accesses if access.id == subject.access]
    return "" if check is not None and check.reason is None else f"{subject.access} was looked at: {check}"


def _revision(product: str, major: int) -> dict[str, Any]:
    document = publishing.contract_of(product) | {"version": f"{major}.0.0", "slaProperties": _NOTICE}
    if major > 1:
        document["schema"][0]["properties"][1]["name"] = "total"
    return document


def _approval(name: str) -> Flow:
    what = "a request that waits → approved, granted, live"
    return Flow(name, what, waits, approve, accesses.granted, waits_again)


DURING: Final = {
    flow.name: flow
    for flow in (
        *(flow for name, flow in FLOWS.items() if name != "expire"),
        _approval("approve"),
        Flow("ask", "reconciliation → readers are asked, and their account answers", accesses.live, ask, answered),
        Flow("revise", "a breaking contract → in force after its notice period", promises, revise, revised),
    )
}
"""Begun before an account's upgrade, done during it."""
AFTER: Final = {"approve-later": _approval("approve-later"), "expire": FLOWS["expire"]}
"""Begun before an upgrade, ended after it."""
ALL: Final = DURING | AFTER
