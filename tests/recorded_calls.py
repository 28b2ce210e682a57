"""Which AWS calls a flow makes, read from the mesh's record: who, what, how often. Each can then be disturbed."""

from collections import Counter
from collections.abc import Collection
from typing import Final, NamedTuple

from tests.mesh_driver import MeshDriver

PEOPLE: Final = ("ProducerSteward", "DataMeshOwner", "ConsumerAdmin", "DataAnalyst", "MeshAdmin", "Admin", "root")
"""Whose calls are what the test does, not what the mesh does."""


class Call(NamedTuple):
    """A call as the record tells it from others; `principal` is the role's ARN."""

    principal: str
    service: str
    action: str

    @property
    def role(self) -> str:
        """`central/CommitVersionFunctionRole` of `arn:…:role/meshwork-central-CommitVersionFunctionRole-1A2B`."""
        parts = self.principal.rpartition("/")[2].split("-")
        return "/".join(parts[1:3]) if len(parts) > 3 and parts[0] == "meshwork" else self.principal.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.role} {self.service}:{self.action}"


def recorded(
    mesh: MeshDriver, since: float, *, conditional: bool = False, about: Collection[str] = ()
) -> Counter[Call]:
    """How often each call was made since that Unix time: conditional writes alone, or those about some names alone
    (`local.subjects`)."""
    return Counter(
        Call(call["principal"], call["service"], call["action"])
        for call in mesh.record(since)
        if not call["principal"].endswith(PEOPLE)
        and (call["conditional"] or not conditional)
        and (not about or not set(about).isdisjoint(call["subjects"]))
    )


def passed_over(occurrence: str, count: int) -> int:
    """How many calls come before the first, second or last of `count`."""
    return {"first": 0, "second": 1, "last": count - 1}[occurrence]
