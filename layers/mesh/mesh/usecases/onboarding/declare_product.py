"""A contract arrived in the producer's bucket: check it early, and declare the product to central."""

from mesh.domain.contracts.contract import MAX_TEXT, ContractSchemaViolation
from mesh.domain.errors import Rejected
from mesh.domain.events import Event, Metadata, ProductDeclared, stable_id
from mesh.domain.model import Model
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.guard.settings import check_settings
from mesh.domain.onboarding.keys import ContractKey
from mesh.ports import Bus, Clock, Executions, Objects, ReadContract, Revisions, Trace, TryRules, Uploads
from mesh.usecases.onboarding.contract_revisions import settle_unregistered
from mesh.usecases.onboarding.refusal_reports import report_refusal


class Declared(Model):
    """Whether the contract was sent to central, or a newer one already was."""

    product: str
    sent: bool
    correlation_id: str


def correlation_of(ref: ObjectRef) -> str:
    """The trace that an uploaded contract begins: the same for each delivery of its event."""
    return stable_id(ref.bucket, ref.key, ref.version_id, ref.sequencer)


def declare_product(
    ref: ObjectRef,
    key: ContractKey,
    *,
    read_contract: ReadContract,
    try_rules: TryRules,
    objects: Objects,
    uploads: Uploads,
    revisions: Revisions,
    bus: Bus,
    trace: Trace,
) -> Declared:
    """Read that version of the contract, validate it and the guard's settings in it, try its rules in SQL, send
    `ProductDeclared` once. From then on data waits until it is settled (see `contract_revisions`).

    Raises what `read_contract` raises, ContractSchemaViolation with the path of an invalid setting or a rule that costs
    too much (nothing is sent then), and ObjectGone.
    """
    correlation_id = correlation_of(ref)
    revisions.begin(key.product, ref, correlation_id)
    text = objects.read(ref.bucket, ref.key, version_id=ref.version_id, limit=MAX_TEXT + 1)  # what is longer is refused
    contract = read_contract(text, bucket=ref.bucket, key=ref.key)
    try:
        check_settings(contract)
        try_rules(contract)
    except ContractSchemaViolation as refusal:
        refusal.where = {"bucket": ref.bucket, "key": ref.key, **refusal.where}
        raise
    sent = send_declaration(ref, key.product, text.decode("utf-8-sig"), uploads=uploads, bus=bus)
    trace.note(correlation_id, "contract received", product=key.product, bucket=ref.bucket, key=ref.key, sent=sent)
    return Declared(product=key.product, sent=sent, correlation_id=correlation_id)


def refuse_contract(
    ref: ObjectRef,
    refusal: Rejected,
    *,
    objects: Objects,
    uploads: Uploads,
    revisions: Revisions,
    executions: Executions,
    bus: Bus,
    clock: Clock,
) -> None:
    """Report on a contract that does not pass; data wait for it no more. Repeatable. `bus` is the account's own."""
    product = ref.key.partition("/")[0]
    report_refusal(ref, refusal.to_dict(), product=product, objects=objects, bus=bus, clock=clock)
    settle_unregistered(product, correlation_of(ref), revisions=revisions, uploads=uploads, executions=executions)


def send_declaration(ref: ObjectRef, product: str, text: str, *, uploads: Uploads, bus: Bus) -> bool:
    """Send the contract to central, unless a newer one was sent. The record comes after: a crash sends it again."""
    if not uploads.may_declare(product, ref.sequencer):
        return False
    correlation_id = correlation_of(ref)
    event = Event[ProductDeclared](
        metadata=Metadata(id=correlation_id, correlation_id=correlation_id),
        data=ProductDeclared(
            product=product,
            bucket=ref.bucket,
            key=ref.key,
            version_id=ref.version_id,
            sequencer=ref.sequencer,
            contract=text,
        ),
    )
    bus.put(ProductDeclared.detail_type(), event.model_dump_json())
    uploads.record_declared(product, ref.sequencer)
    return True
