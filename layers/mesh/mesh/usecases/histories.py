"""The accepted history of each table, as a work file: what a new batch is compared with."""

from collections import defaultdict
from collections.abc import Iterable

from mesh.domain.formats.model import ObjectRef
from mesh.domain.guard.history import History, forget_after, forget_objects, remember
from mesh.ports import WorkFiles
from mesh.usecases.batch_reports import read_reports
from mesh.usecases.batches import read_batch
from mesh.usecases.inspection import sources_of, table_of


def read_history(work: WorkFiles, product: str, table: str, replaced: Iterable[ObjectRef] = ()) -> History:
    """Empty where nothing was accepted yet; without what these objects replace."""
    text = work.get(_path(product, table))
    history = History.model_validate_json(text) if text else History(table=table)
    return forget_objects(history, {ref.key for ref in replaced})


def remember_batch(work: WorkFiles, product: str, generation: int, batch: str) -> None:
    """The tables of a batch that was announced are history. Repeatable; by the holder of the product's lease alone."""
    reports = read_reports(work, batch)
    if reports is None:
        return
    refs: dict[str, list[ObjectRef]] = defaultdict(list)
    for ref in read_batch(work, batch):
        refs[table_of(ref)].append(ref)
    for report in reports.passed.tables:
        if not report.profile.rows:  # released although it could not be measured: no example of anything
            continue
        table = report.profile.table
        history = read_history(work, product, table, refs[table])
        kept = remember(history, generation, report.profile, sources_of(refs[table]), refs[table])
        work.put(_path(product, table), kept.model_dump_json())


def forget_batches(work: WorkFiles, product: str, tables: Iterable[str], generation: int) -> None:
    """What came after that generation was rolled back: no example any more. Repeatable; by the lease's holder."""
    for table in tables:
        known = read_history(work, product, table)
        kept = forget_after(known, generation)
        if kept != known:
            work.put(_path(product, table), kept.model_dump_json())


def _path(product: str, table: str) -> str:
    return f"history/{product}/{table}.json"
