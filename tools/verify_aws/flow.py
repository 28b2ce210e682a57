"""The demo's flow with the synthetic product, by `mesh` alone: from the contract to the query that is refused."""

import json
import tempfile
from pathlib import Path
from typing import Any, Final

from tools.verify_aws.commands import CommandFailed, Commands
from tools.verify_aws.names import PERSONAL, TABLE
from tools.verify_aws.product import write_contract, write_data
from tools.verify_aws.progress import Progress, until

JOIN_SECONDS: Final = 420.0
"""A stack joins within five minutes of its admission."""
_NOTICE_SECONDS: Final = 120.0


class FlowBroken(RuntimeError):  # noqa: N818 - the name is the outcome
    """A step ended, but not as it should."""


class Flow:
    """In two halves: checks are made while the access is live."""

    def __init__(self, commands: Commands, progress: Progress) -> None:
        self._commands, self._progress = commands, progress
        self._product = commands.names.product
        self._access = ""

    def publish(self) -> None:
        """Until the consumer has the notice of version 1. Raises CommandFailed, FlowBroken, TookTooLong."""
        mesh, step = self._commands.mesh, self._progress.step
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            write_contract(folder, self._commands.names)
            with step("both members listen"):
                until(self._joined, "the members' stacks join the mesh", JOIN_SECONDS)
            with step("contract uploaded and registered"):
                self._expect(mesh("put", made, "--wait"), "outcome", "registered")
            with step("consumer subscribed"):
                self._expect(mesh("subscribe", self._product), "status", "subscribed")
            write_data(folder)
            with step("data uploaded, version 1 published"):
                self._expect(mesh("put", made, "--wait"), "outcome", "published")
            with step("notice arrived"):
                until(self._notified, "the notice", _NOTICE_SECONDS)

    def give_access(self) -> None:
        """Request, live, and a query as the reader: the personal column is not among the columns."""
        with self._progress.step("access requested and live"):
            asked = self._commands.mesh("request", self._product, "--purpose", "risk-modelling", "--until", "2h")
            self._expect(asked, "status", "live")
            self._access = asked["id"]
        with self._progress.step(f"query as the reader: 3 rows, without {PERSONAL}"):
            found = self._commands.mesh("query", self.sql())
            self._expect({"columns": [each["name"] for each in found["columns"]]}, "columns", ["id", "amount"])
            self._expect({"rows": len(found["rows"])}, "rows", 3)

    def end_access(self) -> None:
        """Revoke, and the same query is refused."""
        with self._progress.step("access revoked"):
            self._commands.mesh("revoke", self._access, "--reason", "the verification is over")
        with self._progress.step("query refused"):
            try:
                found = self._commands.mesh("query", self.sql())
            except CommandFailed as refused:
                if not any(word in str(refused) for word in ("denied", "does not exist", "Insufficient", "NOT_FOUND")):
                    raise
                return
            raise FlowBroken(f"the reader still reads {len(found['rows'])} rows")

    def sql(self, columns: str = "*") -> str:
        """As the notice says it."""
        return f'SELECT {columns} FROM "rl_{self._product}"."{TABLE}" LIMIT 10'  # noqa: S608 - names of our own

    def _joined(self) -> bool:
        checks = self._commands.mesh("doctor")["checks"]
        members = [check["found"] for check in checks if check["name"].startswith("member ")]
        return len(members) == 2 and all("listens" in found for found in members)

    def _notified(self) -> bool:
        notices = self._commands.mesh("notices")["notices"]
        return any(notice["detail"]["data"].get("version") == 1 for notice in notices)

    @staticmethod
    def _expect(document: dict[str, Any], member: str, wanted: object) -> None:
        if document.get(member) != wanted:
            raise FlowBroken(f"{member} is {document.get(member)}, not {wanted}: {json.dumps(document)[:1000]}")
