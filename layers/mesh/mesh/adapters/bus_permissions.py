"""Members on central's bus: each has a statement of its own in the bus's policy."""

import json
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from mesh.adapters.aws import code_of, transient_errors
from mesh.domain.contracts.product import ConcurrentChange, Throttled
from mesh.domain.membership.authorisation import BusPolicyFull
from mesh.domain.membership.entrances import MEMBER, Statement

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = (0.1, 0.5)


class EventBusPermissions:
    """Implements `ports.BusPermissions`. EventBridge changes one statement in a call and leaves the others as they are,
    so that two admissions, or an admission and a deployment, do not undo each other.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
    """

    def __init__(self, client: "EventBridgeClient", bus: str) -> None:
        self._client = client
        self._bus = bus

    def statements(self) -> tuple[Statement, ...]:
        """See the port."""
        with transient_errors():
            policy = self._client.describe_event_bus(Name=self._bus).get("Policy") or "{}"
        return tuple(json.loads(policy).get("Statement", ()))

    def restore(self, statement: Statement) -> None:
        """See the port. A condition can only be put with the whole policy: an account that is admitted or expelled in
        the same moment may be lost in it, which the comparison after the repair finds."""
        kept = [each for each in self.statements() if each.get("Sid") != statement["Sid"]]
        policy = json.dumps({"Version": "2012-10-17", "Statement": [*kept, statement]})
        _repeated(lambda: self._client.put_permission(EventBusName=self._bus, Policy=policy))

    def allow(self, account: str) -> None:
        """See the port. A statement of the same id is replaced."""

        def put() -> None:
            self._client.put_permission(
                EventBusName=self._bus, StatementId=_statement(account), Action="events:PutEvents", Principal=account
            )

        try:
            _repeated(put)
        except ClientError as error:
            if code_of(error) != "PolicyLengthExceededException":
                raise
            raise BusPolicyFull(
                f"the policy of bus {self._bus} has no room for account {account}",
                account=account,
                remedy="expel accounts that are members no more, and admit it again",
            ) from error

    def withdraw(self, account: str) -> None:
        """See the port: EventBridge answers a statement, or a policy, that is not there with an error."""

        def remove() -> None:
            self._client.remove_permission(EventBusName=self._bus, StatementId=_statement(account))

        try:
            _repeated(remove)
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise


def _statement(account: str) -> str:
    return f"{MEMBER}{account}"


def _repeated(change: Callable[[], object]) -> None:
    """Another change of the policy at the same time refuses this one. Raises what the last attempt raised."""
    for attempt in range(_ATTEMPTS):
        try:
            with transient_errors():
                change()
        except (ConcurrentChange, Throttled):
            if attempt + 1 == _ATTEMPTS:
                raise
            time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - spreads attempts, keeps no secret
        else:
            return
