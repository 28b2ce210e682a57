"""An approval that narrows: fewer columns, or a nearer end, than what was asked. Never more."""

from collections.abc import Collection, Sequence
from datetime import datetime

from mesh.domain.access.asking import AmbiguousAsk
from mesh.domain.access.granting import Place, named_entries
from mesh.domain.access.record import Decided
from mesh.domain.access.resolving import MAX_NAMES, listed
from mesh.domain.errors import Rejected
from mesh.domain.events import ExposedData, ReadableTable


class MoreThanAsked(Rejected):
    """An approval for columns that were not exposed by the ask, or until later than was asked."""


def less(decided: Decided, columns: Sequence[str], until: datetime | None, *, asked: datetime) -> Decided:
    """The decision cut to `columns` (`table.column` or `database.table.column`; none: all), granted by name.

    A data cells filter stays, and is to be made with the columns that are left. `asked` is until when access was asked.
    Raises MoreThanAsked, AmbiguousAsk for a name that stands for columns of several databases.
    """
    if until is not None and until > asked:
        raise MoreThanAsked(
            f"{until.isoformat()} is later than {asked.isoformat()}, which was asked",
            remedy=f"approve until {asked.isoformat()} at the latest",
        )
    if not columns:
        return decided
    if not any("SELECT" in entry.permissions for entry in decided.entries):
        raise MoreThanAsked(
            "DESCRIBE was asked, which is of whole tables: columns would be SELECT", remedy="approve it without columns"
        )
    kept = {_meant(name, decided) for name in columns}
    return _cut(decided, kept) if kept < set(decided.columns) else decided


def _meant(name: str, decided: Decided) -> str:
    given = name.lower()
    found = [known for known in decided.columns if known == given or known.partition(".")[2] == given]
    if not found:
        raise MoreThanAsked(
            f"{name!r} is not among the columns that were asked for",
            column=name,
            remedy=f"these are: {listed(decided.columns, most=MAX_NAMES)}",
        )
    if len(found) > 1:
        raise AmbiguousAsk(f"{name!r} is a column of several products", remedy=f"name one of: {', '.join(found)}")
    return found[0]


def _cut(decided: Decided, kept: Collection[str]) -> Decided:
    exposure, left = [], iter(decided.columns)
    columns: dict[Place, list[str]] = {}
    for shown in decided.exposure:
        # `columns` has them in this order: only names are cut short in `exposure`, counts are whole.
        by_class = [[next(left) for _ in range(each.count)] for each in shown.classes]
        cut = _shown(shown, by_class, kept)
        if cut.classes:
            exposure.append(cut)
            names = [name.rpartition(".")[2] for group in by_class for name in group if name in kept]
            columns[shown.database, shown.table] = names
    databases = {database for database, _ in columns}
    dropped = [name for name in decided.columns if name not in kept]
    return decided.model_copy(
        update={
            "exposure": tuple(exposure),
            "left_out": (*decided.left_out, f"{listed(dropped)} (the approver left these out)"),
            "entries": decided.entries if decided.row_filter else named_entries(columns, _catalog(decided)),
            "databases": tuple(name for name in decided.databases if name in databases),
            "tables": tuple(
                ReadableTable(database=each.database, table=each.table, columns=tuple(columns[place][:MAX_NAMES]))
                for each in decided.tables
                if (place := (each.database, each.table)) in columns
            ),
            "columns": tuple(name for name in decided.columns if name in kept),
        }
    )


def _shown(shown: ExposedData, by_class: Sequence[Sequence[str]], kept: Collection[str]) -> ExposedData:
    classes, total = [], sum(map(len, by_class))
    for each, names in zip(shown.classes, by_class, strict=True):
        own = [name.rpartition(".")[2] for name in names if name in kept]
        if own:
            update = {"columns": tuple(own[:MAX_NAMES]), "count": len(own)}
            classes.append(each.model_copy(update=update))
    hidden = shown.hidden + total - sum(each.count for each in classes)
    return shown.model_copy(update={"classes": tuple(classes), "hidden": hidden})


def _catalog(decided: Decided) -> str:
    (found,) = decided.entries[0].resource.values()
    return str(found.get("CatalogId") or found["TableCatalogId"])
