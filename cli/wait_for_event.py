"""The outcome of an event, from the trace that an account keeps."""

import time
from collections.abc import Collection, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError
from mesh.domain.events import Metadata

from cli.mesh_context import MeshContext, is_denied
from cli.output import CommandFailed
from cli.session import Account, SessionError

DEADLINE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.3


def central_notes(where: MeshContext, event: Metadata) -> list[dict[str, Any]] | None:
    """What central's trace says of an event; None where the caller may not read it. Raises `CommandFailed`: refused."""
    try:
        entries: list[dict[str, Any]] = list(where.trace("central").entries(event.correlation_id))
    except (ClientError, SessionError) as error:
        if isinstance(error, ClientError) and not is_denied(error):
            raise
        return None
    for entry in entries:
        if entry["what"] == "refused":
            raise CommandFailed.refusal(entry["facts"]["reason"])
    return entries


def wait_for_note(where: MeshContext, account: Account, event: Metadata, wanted: Collection[str]) -> Mapping[str, Any]:
    """The facts of the first note of that kind. Raises `CommandFailed`: refused, or not done in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        for entry in where.trace(account).entries(event.correlation_id):
            if entry["what"] == "refused":
                raise CommandFailed.refusal(entry["facts"]["reason"])
            if entry["what"] in wanted:
                facts: Mapping[str, Any] = entry["facts"]
                return facts
        time.sleep(_POLL_SECONDS)
    raise CommandFailed(
        f"no answer from the {account} account within {DEADLINE_SECONDS:.0f} s",
        remedy=f"mesh trace {event.correlation_id}; mesh doctor lists dead letters",
    )
