"""A product ends: nobody is granted it, told of it, or reads it any more. Its data stays where it is."""

import json

from mesh.domain.access.record import OVER
from mesh.domain.errors import Rejected
from mesh.domain.events import Envelope, Model, ProductRetired, RetirementRequested, metadata_of, read_event
from mesh.domain.membership import authorise
from mesh.domain.names import execution_name
from mesh.domain.ontology import CONFIDENTIALITY, Ontology
from mesh.ports import CatalogState, Executions, LakeFormation, MemberTopics
from mesh.usecases.books import Books
from mesh.usecases.publication import owned_product
from mesh.usecases.telling import tell


class Retired(Model):
    """What ended with the product."""

    product: str
    accesses: tuple[str, ...]
    told: tuple[str, ...]


def retire_product(
    envelope: Envelope,
    *,
    books: Books,
    catalog: CatalogState,
    lake: LakeFormation,
    ontology: Ontology,
    endings: Executions,
    topics: MemberTopics,
) -> Retired:
    """Mark it, end the accesses that name it, hide it from those that reach it by LF-Tags, tell, and unsubscribe all.

    Repeatable. Raises what `authorise` raises, MalformedEvent, NotTheOwner; every refusal is recorded.
    """
    metadata = metadata_of(envelope)
    try:
        authorise(envelope, books.registry.member(envelope.account), None)
        wish = read_event(RetirementRequested, envelope).data
        product = owned_product(books.registry, wish.product, envelope.account)
    except Rejected as refusal:
        books.registry.record_refusal(envelope.account, envelope.detail_type, refusal.to_dict(), books.clock.now())
        books.trace.note(metadata.correlation_id, "refused", event=envelope.detail_type, reason=refusal.to_dict())
        raise
    books.registry.mark_retired(product.name, books.clock.now())
    _hide(product.name, catalog, lake, ontology)
    ended = tuple(
        access.id
        for access in books.accesses.newest()
        if access.status not in OVER and access.ask.product == product.name
    )
    for access_id in ended:
        order = {"access": access_id, "cause": "retired", "reason": f"{product.name} is retired: {wish.reason}"}
        name = execution_name(f"retire-{access_id}", metadata.id[:36])
        endings.start(name, json.dumps({"ending": order}))
    subscribers = list(books.registry.subscribers(product.name))
    news = ProductRetired(product=product.name, reason=wish.reason)
    told = [
        account
        for account in dict.fromkeys([*subscribers, product.owner])
        if tell(account, news, metadata, "retired", books=books, topics=topics)
    ]
    for account in subscribers:
        books.registry.unsubscribe(product.name, account)
    books.trace.note(metadata.correlation_id, "retired", product=product.name, accesses=list(ended), told=told)
    return Retired(product=product.name, accesses=ended, told=tuple(told))


def _hide(product: str, catalog: CatalogState, lake: LakeFormation, ontology: Ontology) -> None:
    """The most restrictive value, wherever a tag of its own would keep a grant by expression alive."""
    hidden = {CONFIDENTIALITY: ontology.keys[CONFIDENTIALITY].most_restrictive}
    database = catalog.tagged((product,)).databases.get(product)
    if database is None:
        return
    lake.tag_database(product, hidden)
    for table in database.tables.values():
        lake.tag_table(product, table.name, hidden)
        own = [column for column, tags in table.column_tags.items() if CONFIDENTIALITY in tags]
        lake.tag_columns(product, table.name, own, hidden)
