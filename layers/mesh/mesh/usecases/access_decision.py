"""The policy's decision on an access, based on what it would expose now: for requests, pins, and reconciliation."""

from mesh.domain.access.decision import Requester, decide
from mesh.domain.access.policy import Policies
from mesh.domain.access.record import Access, Decided
from mesh.domain.access.renamed_accesses import asked_by_new_names, domains_by_new_names
from mesh.domain.governance.renames import carried, lake_by_new_names, widened
from mesh.domain.names import is_pinned_table
from mesh.ports import Clock, Registry, TaggedCatalog
from mesh.usecases.central_context import CentralContext


def current_decision(access: Access, context: CentralContext, catalog: TaggedCatalog, policies: Policies) -> Decided:
    """As `decision_on`, by central's own records."""
    return decision_on(
        access,
        central=context.account,
        registry=context.registry,
        catalog=catalog,
        policies=policies,
        clock=context.clock,
    )


def decision_on(
    access: Access, *, central: str, registry: Registry, catalog: TaggedCatalog, policies: Policies, clock: Clock
) -> Decided:
    """The policy's decision on the request, on the catalog as it is now.

    Pinned tables count only where the request names one: they are temporary, tagged at least as strictly as the present
    table, and must neither make a column's name ambiguous nor affect an approval.

    Rules, request and tags are compared by the names that values have by now; while Lake Formation has tags by an old
    name, what is granted names both.
    """
    ontology = policies.ontology
    lake = catalog.tagged((access.request.product,) if access.request.product else ())
    lake = lake.without_tables(lambda table: is_pinned_table(table) and table != access.request.table)
    products = {name: product for name in lake.databases if (product := registry.product(name)) is not None}
    decided = decide(
        asked_by_new_names(access.request, policies),
        access=access.id,
        requester=Requester(
            account=access.receiver,
            domains=frozenset(domains_by_new_names(access.receiver_domains, ontology)),
        ),
        lake=lake_by_new_names(lake, ontology),
        owners={name: product.owner for name, product in products.items()},
        central=central,
        policies=policies,
        now=clock.now(),
        withheld=[name for name in lake.databases if name not in products or not products[name].is_offered],
    )
    renames = {tag: ontology.renamed[tag] for tag in carried(lake, ontology.renamed)}
    return decided.evolve(entries=widened(decided.entries, renames)) if renames else decided
