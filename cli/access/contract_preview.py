"""`mesh preview --contract`: what a contract would make of a product's LF-Tags, and of who reads it."""

from collections.abc import Mapping
from pathlib import Path

from mesh.adapters.glue.catalog import GlueCatalog
from mesh.adapters.lakeformation.access_reader import AccessReader
from mesh.adapters.lakeformation.lake import LakeFormationAdapter
from mesh.domain.governance.ontology import parse_ontology
from mesh.domain.governance.tagging import check_tags
from mesh.domain.model import Model
from mesh.usecases.access.preview_access import ReadingChange, preview_tags
from mesh.usecases.publishing.tag_pins import Tagging
from mesh.usecases.publishing.tag_tables import tags_by_contract

from cli.contracts.contract_checks import contract_file, read_local
from cli.governance.governance import document
from cli.mesh_context import MeshContext
from cli.output import CommandFailed


class ContractPreview(Model):
    """`loosened`: `table.column key: before → after`; `changes`: who gains and loses columns."""

    product: str
    registered: str
    contract_version: str
    loosened: tuple[str, ...]
    changes: tuple[ReadingChange, ...]


def previewed_contract(
    where: MeshContext, place: Path, *, catalog: AccessReader, members: Mapping[str, AccessReader]
) -> ContractPreview:
    """By the tags, grants and findings that there are now. Raises `CommandFailed` for a product that is not registered,
    UnknownLFTag, and what reading the contract raises."""
    contract, registry, ontology = (
        read_local(contract_file(place)),
        where.registry(),
        parse_ontology(document("ontology.yaml")),
    )
    product = registry.product(contract.name)
    if product is None:
        raise CommandFailed(
            f"product {contract.name!r} is not registered: nobody reads it",
            code="UnknownProduct",
            remedy=f"check the contract: mesh contract check {place}",
        )
    contract = contract.evolve(domain=contract.domain or product.domain)
    check_tags(contract, ontology)
    lake = LakeFormationAdapter(where.client("central", "lakeformation"), where.account_id("central"))
    tagging = Tagging(GlueCatalog(where.client("central", "glue")), lake, registry, ontology)
    found = tags_by_contract(product, contract, tagging)
    return ContractPreview(
        product=product.name,
        registered=product.contract_version,
        contract_version=contract.version,
        loosened=tuple(found.loosened),
        changes=preview_tags(product.name, found.after, catalog=catalog, members=members),
    )
