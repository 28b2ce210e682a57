"""Drift: one difference between the registry and AWS, what is done about it, and why it is left where it is."""

import json
from collections.abc import Iterable
from typing import Literal

from mesh.domain.errors import MeshError
from mesh.domain.events import AccessId, GrantEntry, ReadableTable
from mesh.domain.model import Model

type Kind = Literal[
    "settings", "bus", "topic", "location", "tags", "rights", "missing", "surplus", "iam-allowed", "overdue",
    "stricter", "not-allowed", "reader", "suspended", "table", "share", "foreign", "policy", "crawler", "rename",
    "not-compared",
]  # fmt: skip
"""Repaired, in this order:
settings: an administrator or an LF-Tag is missing, or what IAM allows by default is on · bus: whom central's bus lets
in (what is not the mesh's statement is reported) · topic: a member's topic, its policy, its key · location: a product's
data is not registered · tags: less strict than contract and findings say, or not published · rights: the owner lacks
what registration granted · missing: a live access lacks a grant, or the filter that it names was changed · surplus:
granted for an access that has ended · iam-allowed: IAMAllowedPrincipals bypasses every tag · overdue: it should have
ended, or nothing goes on with it · stricter: it exposes a column by name that is stricter by now than what was decided
on, so it ends · not-allowed: the rules would not allow, or somebody would have to approve, what it exposes by now: it
ends in the time that policies.yaml states · reader: the reader's own account says that it cannot read (its account
repairs) · rename: something still has an old name: the next step of the rename, or what people have to do before it
(docs/decisions/0042).

Reported: suspended: the reader's role is gone, or is another one of that name · table: gone, or not at the registry's
version · share: RAM has not delivered it · foreign: granted by hand · policy: of a queue or topic of central's stack;
and in members' accounts, where only their operators may look, besides settings: policy, crawler · not-compared: it
could not be looked at.
"""

type Step = Literal["", "records", "grants", "tags", "value"]
"""Of a rename, what is done next: records are rewritten, an access is granted by other names, tables and columns are
tagged anew, the old value is removed. Empty: nothing, until somebody else has done something."""

REPAIRED: frozenset[Kind] = frozenset(
    {
        "settings",
        "bus",
        "topic",
        "location",
        "tags",
        "rights",
        "missing",
        "surplus",
        "iam-allowed",
        "overdue",
        "stricter",
        "not-allowed",
        "rename",
    }
)
"""By central itself; an account repairs its reader's side when it is asked to look."""


class Drift(Model):
    """One difference. `entry` is the grant in question, `database` the product's, where it is about one. `ours` is
    False for what is somebody else's; `reason`: why a repair did not succeed."""

    kind: Kind
    principal: str
    what: str
    access: str = ""
    database: str = ""
    entry: GrantEntry | None = None
    ours: bool = True
    remedy: str = ""
    reason: str = ""
    waiting: bool = False
    """It may be over soon, by itself."""
    step: Step = ""

    @property
    def key(self) -> tuple[str, ...]:
        """The same for the same difference, whenever it is found."""
        return (self.kind, self.principal, self.access, self.database, self.what)

    @property
    def repairable(self) -> bool:
        """Whether central repairs it by itself; manual grants, what needs a decision, and what is somebody else's are
        only reported."""
        return self.ours and self.kind in REPAIRED


class Look(Model):
    """A live access whose reader's account is to look whether it reads: one row of `table`, if there is any."""

    access: AccessId
    table: ReadableTable | None = None


class Drifts(Model):
    """What was compared, and the differences: as many are listed as fit a state's payload, `total` counts all.
    `repaired` were found before, and are not any more. `looks`: the accesses to look at; `waiting`: some answers may
    still come; `due`: a rename has a step that can be taken now."""

    accesses: int
    grants: int
    total: int
    drifts: tuple[Drift, ...]
    repaired: tuple[Drift, ...] = ()
    looks: tuple[Look, ...] = ()
    waiting: bool = False
    due: bool = False


class Repaired(Model):
    """Which differences were repaired; `left` are as they were found, each with its reason if a repair failed; `again`:
    some failed for a reason that passes."""

    repaired: tuple[Drift, ...] = ()
    left: tuple[Drift, ...] = ()
    again: bool = False


def fitting[Item: Model](items: Iterable[Item], most: int, size: int) -> tuple[Item, ...]:
    """The first ones that fit: at most so many, and together of so many bytes of JSON."""
    found: list[Item] = []
    for item in items:
        own = len(json.dumps(item.model_dump(mode="json")))
        if own <= size and len(found) < most:
            found.append(item)
            size -= own
    return tuple(found)


def reason_of(error: Exception) -> str:
    """For people: what went wrong, in a line."""
    text = error.message if isinstance(error, MeshError) else str(error)
    return f"{type(error).__name__}: {text}"[:300]


def settled(found: Iterable[Drift], before: Repaired) -> tuple[tuple[Drift, ...], tuple[Drift, ...]]:
    """What is found now, with the reasons of earlier attempts; and what was repaired and is not found any more."""
    why = {drift.key: drift.reason for drift in before.left}
    now = tuple(drift.evolve(reason=drift.reason or why.get(drift.key, "")) for drift in found)
    there = {drift.key for drift in now}
    return now, tuple({drift.key: drift for drift in before.repaired if drift.key not in there}.values())
