"""Partial batch failures: an entry fails for no reason of its own (see `local.faults`)."""

from local import faults
from local.lakeformation.protocol import AwsError


def inject(operation: str, account: str) -> None:
    """Fail one entry of a batch where a fault says so.

    Raises:
        AwsError: the fault's code, `ConcurrentModificationException` where it has none.
    """
    where = faults.current.get()._replace(service="lakeformation", action=operation, account=account)
    if fault := faults.take("batch_failure", where):
        raise AwsError(fault.code or "ConcurrentModificationException", fault.message)
