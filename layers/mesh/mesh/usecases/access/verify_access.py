"""The proof that an access works: one Athena query through the link, as the reader wherever that can be."""

from typing import Any, Literal

from mesh.domain.access.consumer_access import ProofFailed, proving_query
from mesh.domain.events import AccessId, stable_id
from mesh.domain.model import Model
from mesh.ports import ConsumerAccesses, Queries, Readers
from mesh.usecases.access.accept_share import going_on, ready_event


class ProofStep(Model):
    """The access to prove, and the run that does it: another run, or attempt, asks anew."""

    access: AccessId
    execution: str
    attempt: int = 0


class Proof(Model):
    """The query that proves an access, and as which role it runs; both empty where there is nothing to query."""

    access: str
    query_execution_id: str = ""
    proved_as: str = ""


class Checked(Model):
    """`announcement` is AccessReady's detail once the proof is there."""

    state: Literal["running", "ready"]
    announcement: dict[str, Any] | None = None


def start_proof(
    step: ProofStep, *, own_role: str, accesses: ConsumerAccesses, readers: Readers, queries: Queries
) -> Proof:
    """Start the query, once for each attempt of an execution: a retry finds the same one by its token.

    A reader that this role may not act as is proved by its grants, and by a query of this role, which as an
    administrator of the account holds what the account was granted. Raises AccessOver, ProofFailed, QueryRefused.
    """
    access = step.access
    held = going_on(access, accesses)
    sql = proving_query(held)
    if not sql:
        return Proof(access=access)
    token = stable_id(access, step.execution, step.attempt)
    if held.reader:
        started = queries.start(sql, token, role_arn=held.reader)
        if started is not None:
            return Proof(access=access, query_execution_id=started, proved_as=held.reader)
        _, missing = readers.held(held.reader, [str(held.catalog_id)], held.entries)
        if missing:
            raise ProofFailed(
                f"{held.reader} does not hold {missing[0].permissions} on {missing[0].resource}", role=held.reader
            )
    own = queries.start(sql, token)
    return Proof(access=access, query_execution_id=own or "", proved_as=own_role)


def check_proof(proof: Proof, *, accesses: ConsumerAccesses, queries: Queries) -> Checked:
    """How the query stands; once it has succeeded the access is ready. Raises AccessOver, ProofFailed (with Athena's
    own reason)."""
    if proof.query_execution_id:
        found = queries.state(proof.query_execution_id)
        held = going_on(proof.access, accesses)
        if found.state == "running":
            return Checked(state="running")
        if found.state == "failed":
            raise ProofFailed(
                found.reason or "the proving query was cancelled",
                query_execution_id=proof.query_execution_id,
                role=proof.proved_as,
                remedy="docs/query.md says what a reader's role needs",
            )
    held = going_on(proof.access, accesses)
    if held.state != "ready":
        proved = {"proved_as": proof.proved_as, "query_execution_id": proof.query_execution_id}
        held = accesses.save(held.evolve(state="ready", **proved))
    return Checked(state="ready", announcement=ready_event(held).model_dump(mode="json"))
