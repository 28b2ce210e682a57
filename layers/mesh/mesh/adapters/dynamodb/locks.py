"""One worker at a time: a lock in the account's table that ends by itself when its holder dies."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

from mesh.adapters.dynamodb.items import Table, delete, put
from mesh.domain.contracts.product import ConcurrentChange

_LEASE_SECONDS: Final = 120.0
"""Longer than any function that holds a lock may run."""
_PATIENCE_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = (0.05, 0.4)


class DynamoLocks:
    """Implements `ports.Locks`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold the lock while the block runs. Waits up to 20 seconds, then raises ConcurrentChange: retry later."""
        holder = str(uuid4())
        try:
            self._take(name, holder)  # a call without an answer may have taken it
            yield
        finally:
            self._table.write(delete(f"LOCK#{name}", "LOCK", "holder = :holder", {":holder": holder}))

    def _take(self, name: str, holder: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._tried(name, holder):
            if time.monotonic() > deadline:
                raise ConcurrentChange(f"{name} is being changed by another process", lock=name)
            time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - spreads attempts, keeps no secret

    def _tried(self, name: str, holder: str) -> bool:
        now = time.time()
        until = now + _LEASE_SECONDS
        item = {"pk": f"LOCK#{name}", "sk": "LOCK", "holder": holder, "until": _stamp(until), "expires": int(until)}
        condition = "attribute_not_exists(pk) OR #until < :now"
        return self._table.write(put(item, condition, {":now": _stamp(now)}, names={"#until": "until"}))


def _stamp(seconds: float) -> str:
    """Epoch seconds as text that sorts as the number does."""
    return f"{seconds:017.3f}"
