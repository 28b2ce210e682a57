"""Accesses in central's registry: requests, grants and their ends, with the task tokens of the runs that wait.

| pk | sk | item |
|---|---|---|
| `ACCESS#<id>` | `ACCESS` | Access, with its revision and status beside the body |
| `ACCESS#<id>` | `TOKEN#<step>` | the task token that an answer releases; kept here alone, used once |
| `REQUEST#<receiver>` | the ask's fingerprint | the access that asks for it |
| `HOLDER#<receiver>` | the id | accesses of that account that are not over |
| `LIST#ACCESSES` | `<asked at>#<id>` | all of them, for people |

Record, request and place in the list of an access that is over go together, when it is kept no longer.
"""

from collections.abc import Iterator
from typing import Any

from mesh.adapters.dynamodb.items import Table, delete, put, put_new
from mesh.domain.access.record import ASKING, OVER, Access, AlreadyRequested
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.retention import Kind


class DynamoAccessRegistry:
    """Implements `ports.AccessRegistry`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def open(self, access: Access) -> Access:
        """See the port: the ask, the access and its places in the lists are written together or not at all."""
        existing = self.access(access.id)
        if existing is not None:
            return existing
        claim = _claim(access)
        requested = self._table.get(claim["pk"], claim["sk"])
        holder = self.access(str(requested["access"])) if requested else None
        if holder is not None and holder.id == access.id:
            return holder  # recorded since the look above: its event was delivered twice at once
        if holder is not None and holder.status in ASKING:
            raise AlreadyRequested(
                f"this access was requested already: {holder.id}, {holder.status}",
                access=holder.id,
                remedy="mesh requests shows its status",
            )
        claimed = put(claim, "access = :seen", {":seen": requested["access"]}) if requested else put_new(claim)
        held = {"pk": f"HOLDER#{access.receiver}", "sk": access.id}
        if not self._table.write(claimed, put_new(_item(access)), put(held), put(_listed(access))):
            raise ConcurrentChange(
                f"another event requests the same access now: {access.request.what}", access=access.id
            )
        return access

    def access(self, access_id: str) -> Access | None:
        """See the port."""
        item = self._table.get(f"ACCESS#{access_id}", "ACCESS")
        return Access.model_validate_json(item["body"]) if item else None

    def save(self, access: Access) -> Access:
        """See the port."""
        written = access.evolve(revision=access.revision + 1)
        item, seen = _item(written), {":seen": access.revision}
        if written.status in OVER:
            ended = self._table.expiry(Kind.ENDED_ACCESS)
            ending = (
                put(item | ended, "revision = :seen", seen),
                put(_listed(access) | ended),
                delete(f"HOLDER#{access.receiver}", access.id),
            )
            # The same request may have been made anew: then that one holds the claim.
            claim = put(_claim(access) | ended, "access = :mine", {":mine": access.id})
            saved = self._table.write(*ending, claim) or self._table.write(*ending)
        else:
            saved = self._table.write(put(item, "revision = :seen", seen))
        if not saved:
            raise ConcurrentChange(f"access {access.id} changed meanwhile", access=access.id)
        return written

    def held_by(self, receiver: str) -> Iterator[Access]:
        """See the port."""
        for item in self._table.query(f"HOLDER#{receiver}"):
            access = self.access(item["sk"])
            if access is not None and access.status not in OVER:
                yield access

    def newest(self) -> Iterator[Access]:
        """See the port."""
        for item in self._table.query("LIST#ACCESSES", newest_first=True):
            access = self.access(item["access"])
            if access is not None:
                yield access

    def keep_token(self, access_id: str, step: str, token: str, *, order: str = "", execution: str = "") -> None:
        """See the port."""
        item: dict[str, Any] = {"pk": f"ACCESS#{access_id}", "sk": f"TOKEN#{step}"}
        item |= {"task_token": token, "ordered_by": order, "execution": execution}
        item |= self._table.expiry(Kind.TASK_TOKEN)
        its_own = "attribute_not_exists(pk) OR ordered_by <> :order OR execution = :execution"
        self._table.write(put(item, its_own, {":order": order, ":execution": execution}) if order else put(item))

    def token(self, access_id: str, step: str) -> str | None:
        """See the port."""
        item = self._table.get(f"ACCESS#{access_id}", f"TOKEN#{step}")
        return str(item["task_token"]) if item else None

    def drop_token(self, access_id: str, step: str, token: str) -> None:
        """See the port."""
        self._table.write(delete(f"ACCESS#{access_id}", f"TOKEN#{step}", "task_token = :token", {":token": token}))


def _claim(access: Access) -> dict[str, str]:
    return {"pk": f"REQUEST#{access.receiver}", "sk": access.request.fingerprint(), "access": access.id}


def _listed(access: Access) -> dict[str, str]:
    return {"pk": "LIST#ACCESSES", "sk": f"{access.asked_at.isoformat()}#{access.id}", "access": access.id}


def _item(access: Access) -> dict[str, Any]:
    """The body, and beside it what conditions look at."""
    return {
        "pk": f"ACCESS#{access.id}",
        "sk": "ACCESS",
        "status": access.status,
        "revision": access.revision,
        "body": access.model_dump_json(),
    }
