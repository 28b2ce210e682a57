"""Compare central with the registry: every difference, and what is done about it.

Each comparison stands by itself: one that fails is told as `not-compared`, and the others go on.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from mesh.domain.access.policy import Policies
from mesh.domain.access.record import OVER, Access
from mesh.domain.governance.drift import Drift, Drifts, Repaired, reason_of, settled
from mesh.ports import CatalogState
from mesh.usecases.access_decision import current_decision
from mesh.usecases.central_context import CentralContext
from mesh.usecases.governance.compare_grants import compare_grants, granted_outside, not_allowed
from mesh.usecases.governance.compare_products import Foundation, compare_products
from mesh.usecases.governance.compare_readers import looks, unread

MAX_LISTED: Final = 200
"""The limit of a state machine's payload; further ones are found in the next run."""

type Comparison = Callable[[], Iterable[Drift]]


def find_drift(
    before: Repaired,
    *,
    run: str,
    context: CentralContext,
    catalog: CatalogState,
    policies: Policies,
    foundation: Foundation,
) -> Drifts:
    """Compare all. `before`: what this run repaired so far, and what it could not; `run` is empty before it has asked
    the readers' accounts.

    Raises Throttled where not even the catalog could be read.
    """
    lake, everything = catalog.lake(), list(context.accesses.newest())
    going_on = [access for access in everything if access.status not in OVER]
    today = partial(current_decision, context=context, catalog=catalog, policies=policies)
    comparisons: list[Comparison] = [
        *compare_products(lake, context=context, foundation=foundation),
        *compare_grants(lake, everything, context=context),
        *(partial(not_allowed, access, today) for access in going_on),
    ]
    found = [drift for comparison in comparisons for drift in _guarded(comparison)]
    looked_at = looks(going_on, today)
    found += unread(going_on, looked_at, run)
    drifts, repaired = settled(found, before)
    return Drifts(
        accesses=len(going_on),
        grants=sum(map(len, granted_outside(lake).values())),
        total=len(drifts) + len(repaired),
        drifts=drifts[:MAX_LISTED],
        repaired=repaired,
        looks=tuple(looked_at),
        admins=foundation.admins,
        waiting=any(drift.waiting for drift in drifts),
    )


def _guarded(comparison: Comparison) -> list[Drift]:
    found: list[Drift] = []
    try:
        found.extend(comparison())
    except Exception as error:
        found.append(_not_compared(comparison, error))
    return found


def _not_compared(comparison: Comparison, error: Exception) -> Drift:
    subject = comparison.args[0] if isinstance(comparison, partial) and comparison.args else ""
    name = subject.id if isinstance(subject, Access) else subject if isinstance(subject, str) else ""
    return Drift(
        kind="not-compared",
        principal=name,
        what=f"{name or 'a part of the catalog'} could not be looked at",
        reason=reason_of(error),
        remedy="the next run looks again",
    )
