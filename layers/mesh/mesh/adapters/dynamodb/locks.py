"""One worker at a time: a lock in the account's table that ends by itself when its holder dies."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any, Final
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from mesh.adapters.dynamodb.items import Table, delete, put
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.errors import MeshError

_LEASE_SECONDS: Final = 120.0
"""Renewed while the holder is at work, which a function may be for fifteen minutes."""
_RENEWALS_IN_A_LEASE: Final = 3
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
            with self._renewed(name, holder):
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
        condition = "attribute_not_exists(pk) OR #until < :now"
        return self._table.write(
            put(_item(name, holder, now), condition, {":now": _stamp(now)}, names={"#until": "until"})
        )

    @contextmanager
    def _renewed(self, name: str, holder: str) -> Iterator[None]:
        """While the block runs, by a thread that dies with its process: a dead holder's lock ends."""
        done = Event()

        def renew() -> None:
            while not done.wait(_LEASE_SECONDS / _RENEWALS_IN_A_LEASE):
                with suppress(MeshError, BotoCoreError, ClientError):  # the next renewal comes before the lease ends
                    self._table.write(put(_item(name, holder, time.time()), "holder = :holder", {":holder": holder}))

        Thread(target=renew, name=f"lock {name}", daemon=True).start()
        try:
            yield
        finally:
            done.set()


def _item(name: str, holder: str, now: float) -> dict[str, Any]:
    until = now + _LEASE_SECONDS
    return {"pk": f"LOCK#{name}", "sk": "LOCK", "holder": holder, "until": _stamp(until), "expires": int(until)}


def _stamp(seconds: float) -> str:
    """Epoch seconds as text that sorts as the number does."""
    return f"{seconds:017.3f}"
