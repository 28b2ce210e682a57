"""Compare central with the registry: every difference, and what is done about it.

Each comparison stands by itself: one that fails is told as `not-compared`, and the others go on.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Final

from mesh.domain.access.policy import Policies
from mesh.domain.access.record import OVER, Access
from mesh.domain.access.renamed_accesses import access_by_new_names
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot
from mesh.domain.governance.drift import Drift, Drifts, Repaired, fitting, reason_of, settled
from mesh.domain.governance.renames import lake_by_new_names
from mesh.ports import CatalogState, GovernanceRecord, ResourcePolicies
from mesh.usecases.access_decision import current_decision
from mesh.usecases.central_context import CentralContext
from mesh.usecases.governance.compare_entrances import Entrances, compare_entrances
from mesh.usecases.governance.compare_grants import compare_grants, granted_outside, overtaken
from mesh.usecases.governance.compare_products import Foundation, compare_products
from mesh.usecases.governance.compare_readers import MAX_LOOKS, looks, unread
from mesh.usecases.governance.find_renames import find_renames

MAX_LISTED: Final = 100
"""Differences in a run, those first that it repairs; further ones are found in the next (`_listed`)."""
MAX_BYTES: Final = 90_000
"""Of JSON, for what is found; for what was repaired, and for what readers are to look at, half as much each. A state's
payload has 262,144 bytes, and holds all of these, and the reasons of repairs that failed."""

type Comparison = Callable[[], Iterable[Drift]]


def find_drift(
    before: Repaired,
    *,
    run: str,
    context: CentralContext,
    catalog: CatalogState,
    policies: Policies,
    foundation: Callable[[], Foundation],
    entrances: Entrances,
    stack: ResourcePolicies,
    record: GovernanceRecord,
) -> Drifts:
    """Compare all. `before`: what this run repaired so far, and what it could not; `run` is empty before it has asked
    the readers' accounts; `stack`: the policies of central's own queues and topics; `record`: which renames are to be
    carried out. All else is compared by the names that values have by now.

    Raises Throttled where not even the catalog could be read.
    """
    lake, recorded = catalog.lake(), list(context.accesses.newest())
    named = lake_by_new_names(lake, policies.ontology)
    everything = [access_by_new_names(access, policies) for access in recorded]
    going_on = [access for access in everything if access.status not in OVER]
    today = partial(current_decision, context=context, catalog=_Seen(lake), policies=policies)
    comparisons: list[Comparison] = [
        *_each(partial(compare_entrances, entrances, stack, context)),
        *_each(partial(compare_products, named, context=context, foundation=foundation)),
        *_each(partial(compare_grants, lake, everything, context=context)),
        *(partial(overtaken, access, today, lake, policies) for access in going_on),
        partial(
            find_renames,
            lake,
            recorded,
            run=run,
            context=context,
            policies=policies,
            record=record,
            values=catalog.tag_values,
        ),
    ]
    found = [drift for comparison in comparisons for drift in _guarded(comparison)]
    looked_at = fitting(looks(going_on, today, run), MAX_LOOKS, MAX_BYTES // 2)
    found += unread(going_on, looked_at, run)
    drifts, repaired = settled(found, before)
    listed = _listed(drifts)
    return Drifts(
        accesses=len(going_on),
        grants=sum(map(len, granted_outside(lake).values())),
        total=len(drifts) + len(repaired),
        drifts=listed,
        repaired=fitting(repaired, MAX_LISTED, MAX_BYTES // 2),
        looks=looked_at,
        waiting=any(drift.waiting for drift in drifts),
        due=any(drift.kind == "rename" and drift.step and not drift.waiting and not drift.reason for drift in listed),
    )


def _listed(drifts: Sequence[Drift]) -> tuple[Drift, ...]:
    """As they were found, those first that are repaired. Where there are too many, the first of each kind and principal
    comes before the second of any: many that fail in every run keep no others from being repaired."""
    turns, seen = dict[tuple[str, ...], tuple[int, int]](), Counter[tuple[str, str]]()
    for place, drift in enumerate(drifts):
        turns[drift.key] = seen[drift.kind, drift.principal], place
        seen[drift.kind, drift.principal] += 1
    in_turn = sorted(drifts, key=lambda drift: (not drift.repairable, turns[drift.key]))
    chosen = fitting(in_turn, MAX_LISTED, MAX_BYTES)
    return tuple(sorted(chosen, key=lambda drift: (not drift.repairable, turns[drift.key][1])))


class _Seen:
    """Implements `ports.TaggedCatalog` by the catalog that was read, once for all accesses."""

    def __init__(self, lake: CatalogSnapshot) -> None:
        self._lake = lake

    def tagged(self, databases: Collection[str] = ()) -> CatalogSnapshot:
        """See the port."""
        found = {
            name: each
            for name, each in self._lake.databases.items()
            if each.marked and (not databases or name in databases)
        }
        return CatalogSnapshot(self._lake.account, found)


def _each(comparisons: Callable[[], Iterable[Comparison]]) -> list[Comparison]:
    """All of them; where not even that can be told, one that says so."""
    try:
        return list(comparisons())
    except Exception as error:
        return [partial(_failing, error)]


def _failing(error: Exception) -> Iterable[Drift]:
    raise error


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
