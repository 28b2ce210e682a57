"""Flows of accounts: admitted, expelled."""

import json
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from cli.membership.members import admit, expel
from cli.mesh_context import MeshContext, mesh_context
from cli.output import CommandFailed
from tests.sweep.kinds import ATTEMPTS
from tests.sweep.stage import Stage, Subject
from tests.sweep.state import Seen

_COMMANDS: Final = 4 * ATTEMPTS + 1
"""More than the calls that the faults of a schedule strike: the SDK does not repeat each of them."""


def _command(stage: Stage, give: Callable[[MeshContext], object]) -> None:
    """As the mesh's owner. A command that fails says so, and whoever gave it gives it again: until it succeeds."""
    owner = mesh_context(port=urlsplit(stage.mesh.endpoint).port, acting="central", role="DataMeshOwner")
    for attempt in range(_COMMANDS):
        try:
            give(owner)
        except (CommandFailed, ClientError):
            if attempt == _COMMANDS - 1:
                raise
        else:
            return


def admit_account(stage: Stage, subject: Subject) -> None:
    _command(stage, lambda owner: admit(owner, subject.product, "consumer", ("risk",)))


def expel_account(stage: Stage, subject: Subject) -> None:
    _command(stage, lambda owner: expel(owner, subject.product, "a sweep"))


def is_member(stage: Stage, subject: Subject, _: Seen) -> str:
    return _membership(stage, subject, status="admitted", there=True)


def is_no_member(stage: Stage, subject: Subject, _: Seen) -> str:
    return _membership(stage, subject, status="expelled", there=False)


def _membership(stage: Stage, subject: Subject, *, status: str, there: bool) -> str:
    """Record, statement on the bus and topic agree."""
    account, mesh = subject.product, stage.mesh
    item = mesh.item("central", {"pk": {"S": f"MEMBER#{account}"}, "sk": {"S": "MEMBER"}})
    found = json.loads(item["body"]["S"])["status"] if item else "unknown"
    policy = mesh.client("central", "events").describe_event_bus(Name="mesh")["Policy"]
    topics = mesh.client("central", "sns").get_paginator("list_topics").paginate()
    topic = any(each["TopicArn"].endswith(f":mesh-to-{account}") for page in topics for each in page["Topics"])
    facts = {"status": found, "on the bus": f"member-{account}" in policy, "topic": topic}
    return "" if facts == {"status": status, "on the bus": there, "topic": there} else str(facts)


def expelled(stage: Stage, subjects: Sequence[Subject]) -> None:
    for subject in subjects:
        expel_account(stage, subject)


def admitted(stage: Stage, subjects: Sequence[Subject]) -> None:
    for subject in subjects:
        admit_account(stage, subject)
