"""Data is checked against the contract uploaded with it: a batch waits while the contract's newest revision is
processed.

A revision is settled when it was registered or rejected, or has to wait for its readers' notice period; until it is
registered the last one that was applies.
"""

from collections.abc import Iterator

from mesh.domain.errors import Rejected
from mesh.domain.events import Event, ProductHandedOver, stable_id
from mesh.domain.names import execution_name
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import ContractKey, contract_key, parse_key
from mesh.domain.onboarding.landing import LATE, sequencer_after
from mesh.ports import Clock, Executions, LandingObjects, Revisions, Uploads
from mesh.usecases.onboarding.rounds import Start


def is_on_its_way(product: str, bucket: str, settled: str | None, *, landing: LandingObjects) -> bool:
    """Whether the contract in the bucket is neither registered nor rejected yet (`settled` is the version that is). Its
    event may not have arrived yet."""
    contract = landing.present(bucket, contract_key(product))
    return contract is not None and settled != (contract.version_id or "")


def missed_contracts(
    bucket: str, *, landing: LandingObjects, revisions: Revisions, clock: Clock
) -> Iterator[ObjectRef]:
    """Contracts in the bucket whose event never came, as newer than what is known of their products. A key that is no
    product's has its report, or is told when it comes again."""
    for ref, modified in landing.contracts(bucket):
        product = _product(ref)
        if product and clock.now() - modified >= LATE:
            known = revisions.newest(product)
            if known is None or known.version_id != (ref.version_id or ""):
                yield ref.evolve(sequencer=sequencer_after(known.sequencer if known else ""))


def _product(contract: ObjectRef) -> str | None:
    try:
        key = parse_key(contract.key)
    except Rejected:
        return None
    return key.product if isinstance(key, ContractKey) else None


def settle_unregistered(
    product: str, declaration: str, *, revisions: Revisions, uploads: Uploads, executions: Executions
) -> None:
    """A revision was rejected, or waits until the notice period is over: batches that waited for it are checked against
    the previous one. Idempotent."""
    if revisions.settle(product, declaration):
        _start(product, stable_id(declaration, "refused"), uploads, executions)


def leave_product(event: Event[ProductHandedOver], *, uploads: Uploads, executions: Executions) -> None:
    """The product is another account's: what waits, and what comes, is held. Idempotent; an event that comes after the
    product came back changes nothing."""
    news = event.data
    uploads.hand_over(news.product, news.new_owner, sequencer=news.sequencer)
    _start(news.product, stable_id(event.metadata.id, "handed over"), uploads, executions)


def _start(product: str, correlation_id: str, uploads: Uploads, executions: Executions) -> None:
    if uploads.has_pending(product):
        start = Start(product=product, correlation_id=correlation_id)
        executions.start(execution_name(product, correlation_id), start.model_dump_json())
