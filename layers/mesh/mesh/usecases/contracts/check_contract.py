"""Central's own validation of a contract: it does not trust the producer's."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from mesh.domain import names
from mesh.domain.access.renamed_accesses import domains_by_new_names
from mesh.domain.contracts.claims import NameTaken
from mesh.domain.contracts.contract import Contract, ContractNameMismatch
from mesh.domain.contracts.evolution import ContractDiff
from mesh.domain.contracts.handover import is_offered, require_takeable
from mesh.domain.contracts.product import Product, RetirementIsNewer
from mesh.domain.contracts.registration import Registration
from mesh.domain.contracts.revision import MAX_LISTED, check_revision, require_no_draft
from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope, MalformedEvent, ProductDeclared, metadata_of, read_event
from mesh.domain.governance.ontology import Ontology
from mesh.domain.governance.renames import contract_by_new_names, old_names, require_readable
from mesh.domain.governance.tagging import check_tags, database_tags
from mesh.domain.membership.authorisation import (
    ForgedSender,
    NotAllowedForRole,
    NotAMember,
    NotTheOwner,
    require_no_other_account,
)
from mesh.domain.membership.members import bucket_belongs_to
from mesh.domain.model import Model
from mesh.domain.onboarding.guard.settings import check_settings
from mesh.domain.onboarding.keys import compare_sequencers
from mesh.ports import ReadContract, Registry
from mesh.usecases.authorisation import Authorised, authorise_sender, record_refusal, refuse_event, same_event
from mesh.usecases.contracts.announce_change import Announcing, announce_change, withdraw_announcement
from mesh.usecases.contracts.hand_over import offer, require_recipient


class DomainMismatch(Rejected):
    """A contract names another line of business than its producer was admitted for."""


class CrawlModeChanged(Rejected):
    """A product that has versions would change its crawl mode."""


class CheckedContract(Model):
    """`current` is False when a newer contract of the product is recorded already, or announced, and for the one that
    was in force when the product was retired: a newer one revives it.

    `changes` describe the differences from the contract registered before. `waits_until`: its readers were told, and it
    is registered when their notice period is over. `renamed`: the old names that it says, and what they were read as.
    """

    registration: Registration
    current: bool
    changes: tuple[str, ...] = ()
    waits_until: datetime | None = None
    renamed: tuple[str, ...] = ()


def receive_contract(
    envelope: Envelope,
    *,
    execution: str,
    announcing: Announcing,
    catalog_id: str,
    region: str,
    read_contract: ReadContract,
) -> CheckedContract:
    """Authorise on the envelope's account, which is traced, then check what was declared.

    Raises what `authorise` and `check_contract` raise. The sender is told of what is wrong with itself or with the
    event; a report on the contract is the next step's. Both, but for a contract's own faults, are recorded.
    """
    records = announcing.context
    try:
        require_no_other_account(envelope)
        read_event(ProductDeclared, envelope)  # a report names the declared key: it takes an event that is whole
        sender = authorise_sender(envelope, execution=execution, records=records)
        return check_contract(
            envelope,
            sender,
            catalog_id=catalog_id,
            region=region,
            read_contract=read_contract,
            announcing=announcing,
        )
    except (NameTaken, NotTheOwner) as refusal:
        record_refusal(envelope, refusal, records)
        raise
    except (NotAMember, NotAllowedForRole, ForgedSender, MalformedEvent) as refusal:
        refuse_event(envelope, refusal, records=records, topics=announcing.topics)
        raise


def check_contract(
    envelope: Envelope,
    sender: Authorised,
    *,
    catalog_id: str,
    region: str,
    read_contract: ReadContract,
    announcing: Announcing,
) -> CheckedContract:
    """Validate schema, names, bucket, domain, LF-Tags and guard settings; announce what breaks readers; then claim the
    product's names for its sender, unless the revision has to wait.

    Raises NotTheOwner (another account's name or bucket), NameTaken, ContractNameMismatch, UnknownLFTag,
    DomainMismatch, ContractVersionNotRaised, BreakingContractChange, CrawlModeChanged, HandoverRefused,
    RetirementIsNewer, and what `read_contract` raises.
    """
    declared = read_event(ProductDeclared, envelope).data
    registry, clock, ontology = announcing.context.registry, announcing.context.clock, announcing.ontology
    with _located(declared):
        written = _valid_contract(declared, sender, region, read_contract)
        require_readable(written, ontology, clock.now().date())
        contract = _with_domain(contract_by_new_names(written, ontology), sender, declared.key, ontology)
        check_tags(contract, ontology)
        check_settings(contract)
        before = _registered(contract, declared, sender, registry)
        diff = _changes(before, contract, registry, ontology) if before else ContractDiff()
        if before and is_offered(before, sender.account):
            require_takeable(before, contract, diff)
        if before:
            require_no_draft(Contract.model_validate(before.contract), contract)
        require_recipient(contract, sender.account, registry)
        registration = _registration(
            envelope, contract, before, sender=sender, catalog_id=catalog_id, region=region, ontology=ontology
        )
        checked = CheckedContract(
            registration=registration,
            current=False,
            changes=tuple(change.text for change in diff.changes[:MAX_LISTED]),
            renamed=tuple(f"{each.where}: {each.note}" for each in old_names(written, ontology))[:MAX_LISTED],
        )
        if before and before.has_ended and before.contract_sequencer == declared.sequencer:
            return checked
        if before and before.was_retired_after(metadata_of(envelope).time):
            raise _retired_since(before)
        if before and diff.breaking:
            announced = announce_change(envelope, before, contract, diff, announcing)
            if announced is None or announced.in_force > clock.now():
                return checked.evolve(waits_until=announced and announced.in_force)
        now = clock.now()
        claimed = registry.claim_product(_product(registration, contract.version, envelope, now))
        current = claimed.contract_sequencer == declared.sequencer
        if current and before and not diff.breaking:
            withdraw_announcement(envelope, before, declared.sequencer, announcing)
        if current:
            offer(envelope, claimed, announcing.context, announcing.topics)
    return checked.evolve(
        current=current, registration=registration.evolve(taken_from=claimed.taken_from, checked_at=now)
    )


def _registration(
    envelope: Envelope,
    contract: Contract,
    before: Product | None,
    *,
    sender: Authorised,
    catalog_id: str,
    region: str,
    ontology: Ontology,
) -> Registration:
    declared = read_event(ProductDeclared, envelope).data
    after_draft = before is not None and _after_draft(before, declared)
    return Registration(
        product=contract.name,
        owner=sender.account,
        database=contract.name,
        catalog_id=catalog_id,
        region=region,
        bucket=declared.bucket,
        location=names.published_location_uri(declared.bucket, contract.name),
        domain=contract.domain,
        description=contract.summary,
        tags=database_tags(contract, ontology, contract.name, before.tags if before and not after_draft else None),
        crawl=contract.crawl,
        crawler_prefix=contract.crawler_prefix,
        draft=contract.draft,
        after_draft=after_draft,
        contract=contract.model_dump(mode="json", exclude_defaults=True),
        dropped=_dropped(before, contract) if before else (),
        sequencer=declared.sequencer,
        declaration=same_event(envelope),
        event_id=sender.event_id,
        correlation_id=sender.correlation_id,
    )


def _registered(
    contract: Contract, declared: ProductDeclared, sender: Authorised, registry: Registry
) -> Product | None:
    """The contract to compare with. None for another account's name, which the claim rejects, and for an older
    contract, which changes nothing. Two accounts' sequencers have no order."""
    product = registry.product(contract.name)
    if product is not None and is_offered(product, sender.account):
        return product
    if product is None or product.owner != sender.account:
        return None
    return None if compare_sequencers(declared.sequencer, product.contract_sequencer) < 0 else product


def _retired_since(product: Product) -> RetirementIsNewer:
    return RetirementIsNewer(
        f"{product.name} was retired after this contract was uploaded",
        product=product.name,
        retired=product.retired and product.retired.isoformat(),
        remedy="To revive it all the same, upload the contract again.",
    )


def _after_draft(before: Product, declared: ProductDeclared) -> bool:
    """Whether the tags that are there are a draft's, which are no decision. A run that failed is started again after it
    recorded its own contract."""
    again = before.after_draft and before.contract_sequencer == declared.sequencer
    return before.draft or again


def _dropped(product: Product, contract: Contract) -> tuple[str, ...]:
    """A draft promised nothing, so nothing of it counts."""
    registered = Contract.model_validate(product.contract)
    before = () if registered.draft else (table.name for table in registered.tables)
    described = {table.name for table in contract.tables}
    return tuple(name for name in dict.fromkeys([*product.dropped, *before]) if name not in described)


def _changes(product: Product, contract: Contract, registry: Registry, ontology: Ontology) -> ContractDiff:
    _check_mode(product, contract)

    def live_subscribers() -> int:
        return sum(1 for account in registry.subscribers(product.name) if account != product.owner)

    registered = contract_by_new_names(Contract.model_validate(product.contract), ontology)
    return check_revision(registered, contract, live_subscribers)


def _check_mode(product: Product, contract: Contract) -> None:
    """An Iceberg table cannot become a crawled table from one version to the next, nor the other way round."""
    if product.version and (product.crawl == "glue") != (contract.crawl == "glue"):
        raise CrawlModeChanged(
            f"{product.name} has versions and is published with crawl: {product.crawl}, the contract says "
            f"{contract.crawl}",
            remedy=f"Set crawl: {product.crawl} in the contract, or declare a product with another name.",
        )


def _valid_contract(
    declared: ProductDeclared, sender: Authorised, region: str, read_contract: ReadContract
) -> Contract:
    if not bucket_belongs_to(declared.bucket, sender.account, region):
        raise NotTheOwner(
            f"bucket {declared.bucket} is not one of account {sender.account}'s",
            bucket=declared.bucket,
            account=sender.account,
            remedy=f"use the producer stack's bucket: <prefix>-{sender.account}-{region}",
        )
    contract = read_contract(declared.contract, bucket=declared.bucket, key=declared.key)
    if contract.name != declared.product:
        raise ContractNameMismatch(
            f"the contract is named {contract.name!r}, but {declared.product!r} was declared",
            remedy="Upload the contract below the product's own prefix.",
        )
    return contract


def _product(registration: Registration, contract_version: str, envelope: Envelope, now: datetime) -> Product:
    return Product(
        name=registration.product,
        owner=registration.owner,
        domain=registration.domain,
        status="claimed",
        bucket=registration.bucket,
        location=registration.location,
        contract_version=contract_version,
        contract_sequencer=registration.sequencer,
        description=registration.description,
        draft=registration.draft,
        tags=registration.tags,
        contract=registration.contract,
        dropped=registration.dropped,
        after_draft=registration.after_draft,
        declared=min(metadata_of(envelope).time, now),
        updated=now,
    )


@contextmanager
def _located(declared: ProductDeclared) -> Iterator[None]:
    """Adds the contract's location to errors of rules that do not know it, so that its owner can be notified."""
    try:
        yield
    except Rejected as refusal:
        refusal.where = {"bucket": declared.bucket, "key": declared.key, **refusal.where}
        raise


def _with_domain(contract: Contract, sender: Authorised, key: str, ontology: Ontology) -> Contract:
    """The contract, of one of its sender's domains: the first of them where it names none."""
    domains = domains_by_new_names(sender.domains, ontology)
    if not contract.domain:
        return contract.evolve(domain=domains[0])
    if contract.domain not in domains:
        owned = ", ".join(domains)
        raise DomainMismatch(
            f"the contract says domain {contract.domain!r}, but account {sender.account} is a member for {owned}",
            key=key,
            remedy=f"Set the domain to one of: {owned}; or have the account admitted for {contract.domain} as well.",
        )
    return contract
