"""`mesh withdraw`: versions of a product are deleted for good."""

import re
import time
from typing import Annotated, Final

import typer
from mesh.domain.events import Metadata, WithdrawalRequested

from cli import output
from cli.event_client import build, send
from cli.mesh_context import As, AsJson, MeshContext, Port, account_option, mesh_context
from cli.session import Account
from cli.wait_for_event import central_notes

DEADLINE_SECONDS: Final = 180.0
_POLL_SECONDS: Final = 0.5
_MOST: Final = 500
_RANGE: Final = re.compile(r"(?P<low>\d{1,8})(-(?P<high>\d{1,8}))?")


def withdraw_command(
    product: Annotated[str, typer.Argument(help="The product's name.")],
    *,
    versions: Annotated[str, typer.Option("--versions", help="Such as 3-5 or 3,4,7.")] = "",
    key: Annotated[
        str, typer.Option("--object", metavar="KEY", help="Instead: all versions with rows of this object.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="Recorded, and shown by mesh history.")],
    account: Annotated[Account, account_option("Account that requests it: the owner's, or central.")] = "producer",
    role: As = None,
    wait: Annotated[bool, typer.Option(help="Wait until the files to delete are released.")] = True,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Delete versions permanently.

    They can no longer be restored or pinned, their pins end, and the files that only they use are deleted.
    """
    if bool(versions) == bool(key):
        raise typer.BadParameter("give one of --versions and --object", param_hint="--versions / --object")
    numbers = parse_versions(versions) if versions else []
    where = mesh_context(port, acting=account, role=role)
    event = send(where, account, build(WithdrawalRequested, product=product, versions=numbers, key=key, reason=reason))
    files = wait_until_released(where, event) if wait else None
    status = "requested" if files is None else "withdrawn"
    if as_json:
        ids = {"request": event.id, "correlation_id": event.correlation_id}
        output.emit({"product": product, "versions": numbers, "object": key, "status": status, "files": files, **ids})
        return
    subject = ", ".join(map(str, numbers)) or f"versions with rows of {key}"
    output.say(
        f"requested: mesh history {product}"
        if files is None
        else f"{product} {subject} withdrawn; the owner's account deletes the files that only they use"
    )
    output.say_whole(f"  trace  {event.correlation_id}")


def parse_versions(text: str) -> list[int]:
    """`3-5,7` → [3, 4, 5, 7]. Raises BadParameter."""
    found: set[int] = set()
    for part in text.split(","):
        shape = _RANGE.fullmatch(part.strip())
        low, high = (int(shape["low"]), int(shape["high"] or shape["low"])) if shape else (0, 0)
        if not 0 < low <= high:
            raise typer.BadParameter(
                f"{part.strip()!r} is not a version or a range such as 3-5", param_hint="--versions"
            )
        if high - low + len(found) >= _MOST:
            raise typer.BadParameter(f"at most {_MOST} versions at once", param_hint="--versions")
        found |= set(range(low, high + 1))
    return sorted(found)


def wait_until_released(where: MeshContext, event: Metadata) -> int | None:
    """How many metadata files were released; None where the caller may not read central's record.

    Raises `CommandFailed`: refused, or not done in time.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        entries = central_notes(where, event)
        if entries is None:
            return None
        for entry in entries:
            if entry["what"] == "files released":
                return int(entry["facts"]["files"])
        time.sleep(_POLL_SECONDS)
    raise output.CommandFailed(
        f"no answer within {DEADLINE_SECONDS:.0f} s",
        code="StillWaiting",
        remedy=f"mesh trace {event.correlation_id}; mesh failures lists failed runs",
    )
