"""Data are judged by the contract that lies beside them: a batch waits while its newest revision is on its way.

A revision is settled when central has registered it, or somebody has refused it: then the last good one judges.
"""

from mesh.domain.events import stable_id
from mesh.domain.names import execution_name
from mesh.domain.onboarding.keys import contract_key
from mesh.ports import Executions, LandingObjects, Revisions, Uploads
from mesh.usecases.onboarding.rounds import Start


def is_on_its_way(product: str, bucket: str, settled: str | None, *, landing: LandingObjects) -> bool:
    """Whether the contract that is there now is neither registered nor refused (`settled` is the version that is). Its
    event may not have come yet."""
    contract = landing.present(bucket, contract_key(product))
    return contract is not None and settled != (contract.version_id or "")


def settle_refused(
    product: str, declaration: str, *, revisions: Revisions, uploads: Uploads, executions: Executions
) -> None:
    """A revision was refused: whatever waited for it is judged by the one before. Repeatable."""
    if revisions.settle(product, declaration) and uploads.has_pending(product):
        correlation_id = stable_id(declaration, "refused")
        start = Start(product=product, correlation_id=correlation_id)
        executions.start(execution_name(product, correlation_id), start.model_dump_json())
