"""The accepted history of each table, a work file: the baseline for new batches."""

from collections import defaultdict
from collections.abc import Iterable

from mesh.domain.model import Model
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.guard.history import History, forget_objects, in_force, remember
from mesh.domain.onboarding.quality.model import BatchReports
from mesh.ports import WorkFiles
from mesh.usecases.onboarding.rounds import Round, sources_of, table_of


class RolledBack(Model):
    """A product's rollbacks: version → the version that it restored."""

    product: str
    rollbacks: dict[int, int]


def read_history(work: WorkFiles, product: str, table: str) -> History:
    """Empty until something was accepted; without batches that were rolled back."""
    return in_force(_stored(work, product, table), _rollbacks(work, product))


def remember_batch(
    round_: Round, reports: BatchReports, objects: Iterable[ObjectRef], version: int, *, work: WorkFiles
) -> None:
    """Add a batch published as `version` to the history. Idempotent; only by the holder of the product's
    lease."""
    product = round_.product
    refs: dict[str, list[ObjectRef]] = defaultdict(list)
    for ref in objects:
        refs[table_of(ref)].append(ref)
    for report in reports.passed.tables:
        if not report.profile.rows:  # released although it could not be measured: not an example
            continue
        table = report.profile.table
        history = forget_objects(_stored(work, product, table), {ref.key for ref in refs[table]})
        kept = remember(
            history, round_.generation, report.profile, sources_of(refs[table]), refs[table], version=version
        )
        work.put(_path(product, table), kept.model_dump_json())


def remember_rollback(product: str, version: int, target: int, *, work: WorkFiles) -> RolledBack:
    """`version` of the product restores its earlier version `target`: batches in between no longer count as examples,
    until a later rollback restores them. Idempotent, in any order, and by any number at once: a file for each."""
    work.put(f"{_rollbacks_path(product)}{version}-{target}.json", "{}")
    return RolledBack(product=product, rollbacks=_rollbacks(work, product))


def _stored(work: WorkFiles, product: str, table: str) -> History:
    """Includes batches that were rolled back: a later rollback may restore them."""
    text = work.get(_path(product, table))
    return History.model_validate_json(text) if text else History(table=table)


def _rollbacks(work: WorkFiles, product: str) -> dict[int, int]:
    """Their files' names say all."""
    names = (key.rpartition("/")[2].removesuffix(".json") for key in work.keys(_rollbacks_path(product)))
    return {int(version): int(target) for version, _, target in (name.partition("-") for name in names)}


def _path(product: str, table: str) -> str:
    return f"history/{product}/{table}.json"


def _rollbacks_path(product: str) -> str:
    return f"history/{product}.rollbacks/"
