"""Data that came without a contract: infer a draft, most restrictive, visible to its owner alone, and declare that."""

from mesh.domain.errors import Rejected
from mesh.domain.events import Model
from mesh.domain.formats.model import ObjectRef
from mesh.domain.schema import TableSchema
from mesh.ports import Bus, DraftContract, Objects, Trace, Uploads, WorkFiles
from mesh.usecases.batches import read_batch
from mesh.usecases.declare_product import send_declaration
from mesh.usecases.inspection import Found, ProductFacts, Round, inspect_all, merge_good


class NothingToDraft(Rejected):
    """No object of the batch could be read: there is nothing to infer a contract from."""


class Drafted(Model):
    """Which tables the draft names."""

    product: str
    tables: tuple[str, ...]
    sent: bool


def draft_product(
    round_: Round,
    *,
    draft_contract: DraftContract,
    objects: Objects,
    uploads: Uploads,
    bus: Bus,
    work: WorkFiles,
    trace: Trace,
) -> Drafted:
    """Send a draft contract to central. A real one, whenever it comes, replaces it. Raises NothingToDraft."""
    refs = read_batch(work, round_.work)
    found = inspect_all(refs, ProductFacts(), objects)
    schemas = schemas_of(found)
    if not schemas:
        raise NothingToDraft(f"nothing in {round_.product}/data/ can be read", product=round_.product)
    contract = ObjectRef(bucket=refs[0].bucket, key=f"{round_.product}/contract.yaml", size=0)
    sent = send_declaration(
        contract,
        round_.product,
        draft_contract(round_.product, schemas),
        uploads=uploads,
        bus=bus,
    )
    trace.note(round_.correlation_id, "draft contract inferred", product=round_.product, tables=list(schemas))
    return Drafted(product=round_.product, tables=tuple(schemas), sent=sent)


def schemas_of(found: Found) -> dict[str, TableSchema]:
    """Table → what its readable objects agree on, by name; what express declines is left for the crawler to find."""
    schemas = {table: TableSchema() for table in found.declined}
    for table, inspections in sorted(found.inspected.items()):
        merged, _, _ = merge_good(None, inspections, expected=None, storage=None)
        if merged is not None:
            schemas[table] = merged.table_schema
    return dict(sorted(schemas.items()))
