"""Central's own look at a contract: it trusts no producer's validation."""

from collections.abc import Iterator
from contextlib import contextmanager

from mesh.domain import names
from mesh.domain.contract import Contract
from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope, Event, Model, ProductDeclared
from mesh.domain.membership import NotTheOwner, bucket_belongs_to
from mesh.domain.ontology import Ontology
from mesh.domain.product import Product
from mesh.domain.tagging import check_tags, resolve_tags
from mesh.ports import Clock, ReadContract, Registry
from mesh.usecases.authorise_sender import Authorised
from mesh.usecases.registration import Registration


class DomainMismatch(Rejected):
    """A contract names another line of business than its producer was admitted for."""


class CheckedContract(Model):
    """`current` is False when a newer contract of the product is recorded already."""

    registration: Registration
    current: bool


def check_contract(
    envelope: Envelope,
    sender: Authorised,
    *,
    catalog_id: str,
    region: str,
    ontology: Ontology,
    read_contract: ReadContract,
    registry: Registry,
    clock: Clock,
) -> CheckedContract:
    """Validate schema, names, bucket, domain and LF-Tags, then claim the product's name for its sender.

    Raises NotTheOwner (name or bucket of somebody else), UnknownLFTag, DomainMismatch, and what `read_contract` raises.
    """
    declared = Event[ProductDeclared].model_validate(envelope.detail).data
    with _located(declared):
        if not bucket_belongs_to(declared.bucket, sender.account, region):
            raise NotTheOwner(
                f"bucket {declared.bucket} is not one of account {sender.account}'s",
                bucket=declared.bucket,
                account=sender.account,
                remedy=f"use the producer stack's bucket: <prefix>-{sender.account}-{region}",
            )
        contract = read_contract(declared.contract, bucket=declared.bucket, key=declared.key)
        contract = _with_domain(contract, sender, declared.key)
        check_tags(contract, ontology)
        plan = resolve_tags(contract, ontology, {}, product=contract.name)
        location = names.data_location_uri(declared.bucket, contract.name)
        document = contract.model_dump(mode="json", exclude_defaults=True)
        claimed = registry.claim_product(
            Product(
                name=contract.name,
                owner=sender.account,
                domain=contract.domain,
                status="claimed",
                bucket=declared.bucket,
                location=location,
                contract_version=contract.version,
                contract_sequencer=declared.sequencer,
                description=contract.summary,
                draft=contract.draft,
                tags=plan.database,
                contract=document,
                updated=clock.now(),
            )
        )
    registration = Registration(
        product=contract.name,
        owner=sender.account,
        database=contract.name,
        catalog_id=catalog_id,
        region=region,
        bucket=declared.bucket,
        location=location,
        location_arn=names.data_location_arn(declared.bucket, contract.name),
        domain=contract.domain,
        description=contract.summary,
        tags=plan.database,
        crawl=contract.crawl,
        crawler_prefix=contract.crawler_prefix,
        draft=contract.draft,
        contract=document,
        event_id=sender.event_id,
        correlation_id=sender.correlation_id,
    )
    return CheckedContract(registration=registration, current=claimed.contract_sequencer == declared.sequencer)


@contextmanager
def _located(declared: ProductDeclared) -> Iterator[None]:
    """Rules about tags, domain and owner do not know where the contract lies; its owner has to be told."""
    try:
        yield
    except Rejected as refusal:
        refusal.where = {"bucket": declared.bucket, "key": declared.key, **refusal.where}
        raise


def _with_domain(contract: Contract, sender: Authorised, key: str) -> Contract:
    if not contract.domain:
        return contract.model_copy(update={"domain": sender.domain})
    if contract.domain != sender.domain:
        raise DomainMismatch(
            f"the contract says domain {contract.domain!r}, but account {sender.account} is {sender.domain!r}",
            key=key,
            remedy=f"Set domain: {sender.domain}, or have the account admitted for {contract.domain}.",
        )
    return contract
