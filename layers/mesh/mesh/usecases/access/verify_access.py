"""Verify that an access works: one Athena query through the resource link, as the reader where possible."""

from typing import Any, Literal

from mesh.domain.access.consumer_access import ConsumerAccess, ProofFailed, proving_query
from mesh.domain.events import AccessId, stable_id
from mesh.domain.model import Model
from mesh.ports import ConsumerAccesses, Queries, Readers
from mesh.usecases.access.accept_share import going_on, ready_event


class ProofStep(Model):
    """The access to verify, and the run that does it: another run, or attempt, starts a new query."""

    access: AccessId
    execution: str
    attempt: int = 0


class Proved(Model):
    """`announcement` is AccessReady's detail once the proof is there."""

    state: Literal["running", "ready"]
    announcement: dict[str, Any] | None = None


def verify_access(
    step: ProofStep, *, own_role: str, accesses: ConsumerAccesses, readers: Readers, queries: Queries
) -> Proved:
    """Start this attempt's query, or check its state; once it has succeeded the access is ready. Idempotent.

    Where nothing can be selected there is nothing to query. Raises AccessOver, ProofFailed (with Athena's own reason),
    QueryRefused.
    """
    held = going_on(step.access, accesses)
    sql = proving_query(held)
    proof = {"query_execution_id": "", "proved_as": ""}
    if sql:
        token = stable_id(step.access, step.execution, step.attempt)
        proof = _query(held, sql, token, own_role=own_role, readers=readers, queries=queries)
        found = queries.state(proof["query_execution_id"])
        held = going_on(step.access, accesses)
        if found.state == "running":
            return Proved(state="running")
        if found.state == "failed":
            raise ProofFailed(
                found.reason or "the proving query was cancelled",
                query_execution_id=proof["query_execution_id"],
                role=proof["proved_as"],
                remedy="docs/query.md says what a reader's role needs",
            )
    if held.state != "ready":
        held = accesses.save(held.evolve(state="ready", **proof))
    return Proved(state="ready", announcement=ready_event(held).model_dump(mode="json"))


def _query(
    held: ConsumerAccess, sql: str, token: str, *, own_role: str, readers: Readers, queries: Queries
) -> dict[str, str]:
    """Start the query, or find the one that was started under this token; and as which role it runs.

    If this role may not assume the reader's role, the reader's grants are checked instead, and the query runs as this
    role, which as the account's administrator holds what the account was granted.
    """
    if held.reader:
        started = queries.start(sql, token, role_arn=held.reader)
        if started is not None:
            return {"query_execution_id": started, "proved_as": held.reader}
        _, missing = readers.held(held.reader, [str(held.catalog_id)], held.entries)
        if missing:
            raise ProofFailed(
                f"{held.reader} does not hold {missing[0].permissions} on {missing[0].resource}", role=held.reader
            )
    own = queries.start(sql, token)
    return {"query_execution_id": own or "", "proved_as": own_role}
