"""Read a batch's objects once, check them table by table, and write those that pass as unpublished Parquet."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from mesh.domain.events import MAX_TABLES
from mesh.domain.model import Model
from mesh.domain.onboarding.batches import CheckedBatch, CheckedTable
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quality.model import BatchReport, BatchReports, TableReport
from mesh.usecases.onboarding.batches import checked_path, read_batch
from mesh.usecases.onboarding.curation import curation_of
from mesh.usecases.onboarding.rounds import Round, table_of
from mesh.usecases.onboarding.table_checks import Checking, TableCheck


class Checked(Model):
    """What the state machine branches on. `tables` change by what was accepted; `held` and `same` count objects;
    in `found` of the tables something looks like personal data."""

    tables: int
    accepted: int
    removed: int
    held: int
    same: int
    found: int = 0


def check_objects(round_: Round, *, using: Checking) -> Checked:
    """Check a batch. Idempotent: the first result stands."""
    refs, curation = read_batch(using.work, round_.work), curation_of(round_, using.work)
    by_table: dict[str, list[ObjectRef]] = defaultdict(list)
    for ref in refs if round_.facts.link else ():
        by_table[table_of(ref)].append(ref)
    checks = [TableCheck(round_, name, using) for name in sorted(by_table)]
    tables = [check.run(by_table[check.table]) for check in checks]
    tables += _dropped(round_, by_table, refs[0].bucket if refs else "", using)
    version = str((round_.facts.contract or {}).get("version", ""))
    batch = CheckedBatch(
        objects=refs,
        bucket=refs[0].bucket if refs else "",
        contract_version=version,
        tables=tuple(table for table in tables if table is not None),
        held=(*(curation.held if curation else ()), *(held for check in checks for held in check.held)),
        same=tuple(key for check in checks for key in check.same),
        reports=_reports(round_, version, checks),
    )
    stands = using.work.put_first(checked_path(round_.work), batch.model_dump_json())
    if stands is not None:
        batch = CheckedBatch.model_validate_json(stands)
    _note(round_, batch, checks, using)
    return Checked(
        tables=len(batch.tables),
        accepted=sum(len(table.sources) for table in batch.tables),
        removed=sum(len(table.gone) for table in batch.tables),
        held=len(batch.held),
        same=len(batch.same),
        found=sum(bool(table.findings) for table in batch.tables),
    )


def _dropped(round_: Round, brought: Collection[str], bucket: str, using: Checking) -> list[CheckedTable | None]:
    """Tables that the contract no longer describes, to be emptied. Tables that the batch has objects for are
    checked as usual."""
    names = [name for name in round_.facts.dropped if name not in brought] if bucket else []
    return [TableCheck(round_, name, using).drop(bucket) for name in names[: MAX_TABLES - len(brought)]]


def _reports(round_: Round, contract_version: str, checks: Sequence[TableCheck]) -> BatchReports:
    said = "; ".join(dict.fromkeys(text for check in checks for text in check.released.values()))

    def of(tables: Iterable[TableReport], released: str = "") -> BatchReport:
        return BatchReport(
            product=round_.product,
            generation=round_.generation,
            correlation_id=round_.correlation_id,
            contract_version=contract_version,
            tables=tuple(tables),
            released=released,
        )

    passed = (report for check in checks for report in check.passed)
    return BatchReports(passed=of(passed, said), held=of(check.failed[0] for check in checks if check.failed))


def _note(round_: Round, batch: CheckedBatch, checks: Sequence[TableCheck], using: Checking) -> None:
    using.trace.note(
        round_.correlation_id,
        "batch checked",
        product=round_.product,
        generation=round_.generation,
        held=sorted({held.reason.code for held in batch.held}),
        same=len(batch.same),
        warnings=sum(each.severity == "warning" for check in checks for r in check.passed for each in r.findings),
    )
