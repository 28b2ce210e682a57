"""A mesh on which flows are played, what a flow is, and the products or accounts that it is played with."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal

from tests.access_driver import AccessDriver
from tests.mesh_driver import MeshDriver
from tests.publishing_driver import csv
from tests.sweep.state import Observer, Seen

_STRANGERS: Final = "55555555"
"""How the ids of accounts of the sweep begin."""
NAMES: Final = rf"swp-[0-9a-z]+-[0-9]+|\bac-[0-9a-f]{{12}}|{_STRANGERS}[0-9]{{4}}"
"""Products of the sweep, accesses, and accounts: what calls are about."""
MOST: Final = 1000
"""The contract's maximum of `amount`."""
REUSED: Final = 25
"""How often a product is used at most: what it keeps makes it slower."""
SECONDS: Final = 180.0


@dataclass
class Subject:
    """A product in a flow's hands. `access` is the id that its next request will have, `event` that request's id."""

    product: str
    access: str = ""
    event: str = ""
    number: int = 0
    """How many acts it has seen."""
    versions: int = 0
    """Before the act."""
    held: int = 0
    """Batches that were held back before the act."""

    @property
    def names(self) -> str:
        """As faults have it."""
        return f"{self.product} {self.access}".strip()


@dataclass(frozen=True)
class Flow:
    """`start` brings new products to where the act begins, `again` those that have been used (None: a product is used
    once); `act` is what people do; `ends` says what is missing yet, empty when it is over as it should be.

    `rejected` says how the flow may otherwise end, announced, because of the fault: a sentence, empty where it has not.
    """

    name: str
    what: str
    start: Callable[["Stage", Sequence[Subject]], None]
    act: Callable[["Stage", Subject], None]
    ends: Callable[["Stage", Subject, Seen], str]
    again: Callable[["Stage", Sequence[Subject]], None] | None = None
    rejected: Callable[["Stage", Subject, Seen], str] = field(default=lambda stage, subject, seen: "")
    begins_after: float = 0.0
    """Seconds after the act."""
    of: Literal["products", "accounts"] = "products"
    """What its subjects are; of an account, `product` is its id."""


class Stage:
    """A mesh on which flows are played."""

    def __init__(self, mesh: MeshDriver, tag: str = "") -> None:
        self.mesh = mesh
        self.observer = Observer(mesh)
        self.accesses = AccessDriver(mesh)
        self.tag = tag or f"{int(time.time()) % 10**6:x}"
        self._numbers = count(1)

    def subjects(self, flow: Flow, number: int) -> list[Subject]:
        """New ones: products, or accounts that no template names."""
        numbers = [next(self._numbers) for _ in range(number)]
        if flow.of == "accounts":
            return [Subject(f"{_STRANGERS}{each:04d}") for each in numbers]
        return [Subject(f"swp-{self.tag}-{each}") for each in numbers]

    def seen(self, subject: Subject) -> Seen:
        """What is known of its product now."""
        return self.observer.products([subject.product], time.time())[subject.product]

    def until(self, look: Callable[[], bool], what: str) -> None:
        self.mesh.until(look, what, SECONDS)

    def fact(self, product: str, name: str) -> str:
        """Of the product's record at its producer."""
        found = [item for item in self.mesh.items("producer", f"PRODUCT#{product}") if item["sk"] == "PRODUCT"]
        return found[0].get(name, "") if found else ""

    def rest(self, product: str) -> None:
        """Time passes until the product takes a batch at once again."""
        self.mesh.client("producer", "dynamodb").update_item(
            TableName=self.mesh.output("producer", "TableName"),
            Key={"pk": {"S": f"PRODUCT#{product}"}, "sk": {"S": "LEASE"}},
            UpdateExpression="SET paced = :long_ago",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":long_ago": {"S": "2000-01-01T00:00:00+00:00"}},
        )

    def put(self, subject: Subject, amount: int) -> None:
        """An object with one row that no other has."""
        number = subject.number
        key = f"{subject.product}/data/t1/{number:04d}.csv"
        self.mesh.put_object(key, csv((number, amount)))
