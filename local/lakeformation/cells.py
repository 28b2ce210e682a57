"""Data cells filters: some columns of a table in some of its rows, to be granted by name.

https://docs.aws.amazon.com/lake-formation/latest/dg/data-filters-about.html
https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html
"""

from local import catalog_records as glue
from local.lakeformation import context, evaluation, grants, predicates
from local.lakeformation import resources as r
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json, invalid_input, not_found, page
from local.lakeformation.store import DataCellsFilter, State, state


def create_data_cells_filter(caller: Identity, params: Json) -> Json:
    """Define a filter; by itself it grants nothing.

    Raises:
        AwsError: `AlreadyExistsException`; `EntityNotFoundException` for database, table, column;
            `InvalidInputException` for a resource link, a row filter that is not in Lake Formation's subset of PartiQL,
            columns or rows given in two ways or in none; `AccessDeniedException`.
    """
    resource = _named(caller, params["TableData"])
    kept = state(resource.catalog, caller.region)
    record = _table(caller, resource)
    if resource in kept.cells_filters:
        raise AwsError("AlreadyExistsException", f"Data cells filter already exists: {resource.name}")
    kept.cells_filters[resource] = _definition(caller, record, params["TableData"])
    return {}


def update_data_cells_filter(caller: Identity, params: Json) -> Json:
    """Redefine a filter; who holds SELECT by it reads by the new definition at once.

    Raises:
        AwsError: `ConcurrentModificationException` where `VersionId` is given and is not the present one; and as
            for creating one.
    """
    resource = _named(caller, params["TableData"])
    kept, present = _existing(caller, resource)
    # Whoever may delete it and make it anew may change it.
    context.require(caller, resource, "DROP")
    record = _table(caller, resource)
    if params["TableData"].get("VersionId") not in (None, str(present.version)):
        raise AwsError("ConcurrentModificationException", f"Data cells filter was changed: {resource.name}")
    changed = _definition(caller, record, params["TableData"])
    changed.creator, changed.version = present.creator, present.version + 1
    kept.cells_filters[resource] = changed
    return {}


def get_data_cells_filter(caller: Identity, params: Json) -> Json:
    resource = _named(caller, params)
    _, found = _existing(caller, resource)
    if not _sees(caller, resource):
        raise context.insufficient("DESCRIBE", resource)
    return {"DataCellsFilter": _render(resource, found)}


def list_data_cells_filter(caller: Identity, params: Json) -> Json:
    """The filters of a table, or of the catalog, that the caller may see: any right on one shows it."""
    table = params.get("Table") or {}
    kept = state(table.get("CatalogId") or caller.account, caller.region)
    found = [
        _render(resource, kept.cells_filters[resource])
        for resource in sorted(kept.cells_filters)
        if (table.get("DatabaseName") or resource.database).lower() == resource.database
        and (table.get("Name") or resource.table).lower() == resource.table
        and _sees(caller, resource)
    ]
    items, rest = page(found, params)
    return {"DataCellsFilters": items} | rest


def delete_data_cells_filter(caller: Identity, params: Json) -> Json:
    """Delete a filter, and with it the grants by it and what they share.

    What becomes of grants on a deleted filter is not documented. They could not give anything any more, and would come
    back to life with the next filter of that name: so they end here.
    """
    resource = _named(caller, params)
    kept, _ = _existing(caller, resource)
    context.require(caller, resource, "DROP")
    grants.drop(kept, resource)
    del kept.cells_filters[resource]
    return {}


def _named(caller: Identity, body: Json) -> r.CellsFilter:
    return r.parse_cells_filter(body, caller.account)


def _existing(caller: Identity, resource: r.CellsFilter) -> tuple[State, DataCellsFilter]:
    kept = state(resource.catalog, caller.region)
    if resource not in kept.cells_filters:
        raise not_found(f"Data cells filter not found: {resource.name}")
    return kept, kept.cells_filters[resource]


def _sees(caller: Identity, resource: r.CellsFilter) -> bool:
    lake, who = context.of(caller, resource.catalog)
    if who.account == lake.state.account and lake.state.is_read_only_admin(who.arn):
        return True
    return bool(evaluation.rights(lake, who, resource).permissions)


def _table(caller: Identity, resource: r.CellsFilter) -> Json:
    """The filter's table, if the caller may filter it."""
    lake, who = context.of(caller, resource.catalog)
    where = (resource.catalog, caller.region, resource.database)
    database = glue.database(*where)
    if database is not None and database.get("TargetDatabase"):
        raise invalid_input(f"Data cells filters are not supported on resource links: {resource.database}")
    record = glue.table(*where, resource.table)
    if record is not None and record.get("TargetTable"):
        raise invalid_input(f"Data cells filters are not supported on resource links: {resource.table}")
    if record is None and caller.account == resource.catalog:
        raise not_found(f"Table not found: {resource.database}.{resource.table}")
    if record is None or not evaluation.may_filter(lake, who, resource.database, resource.table):
        raise context.insufficient(
            "Select With Grant Option", r.Table(resource.catalog, resource.database, resource.table)
        )
    return record


def _definition(caller: Identity, record: Json, body: Json) -> DataCellsFilter:
    names, wildcard = body.get("ColumnNames"), body.get("ColumnWildcard")
    if (not names) == (wildcard is None):
        raise invalid_input("Data cells filter must have either ColumnNames or ColumnWildcard")
    columns = _columns(record, names or ())
    excluded = _columns(record, (wildcard or {}).get("ExcludedColumnNames") or ())
    return DataCellsFilter(columns, excluded, _predicate(record, body.get("RowFilter") or {}), caller.arn)


def _columns(record: Json, names: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    present = {column["Name"].lower() for column in glue.columns(record)}
    wanted = tuple(dict.fromkeys(name.lower() for name in names))
    if missing := [name for name in wanted if name not in present]:
        raise not_found(f"Columns not found: {', '.join(missing)}")
    return wanted


def _predicate(record: Json, rows: Json) -> str:
    expression = rows.get("FilterExpression") or ""
    if bool(expression) == (rows.get("AllRowsWildcard") is not None):
        raise invalid_input("RowFilter must have either FilterExpression or AllRowsWildcard")
    if expression:
        predicates.check(expression, record)
    return "" if expression.strip().lower() == "true" else expression


def _render(resource: r.CellsFilter, found: DataCellsFilter) -> Json:
    body: Json = resource.render()["DataCellsFilter"] | {"VersionId": str(found.version)}
    body["RowFilter"] = {"FilterExpression": found.predicate} if found.predicate else {"AllRowsWildcard": {}}
    if found.columns:
        return body | {"ColumnNames": list(found.columns)}
    return body | {"ColumnWildcard": {"ExcludedColumnNames": list(found.excluded)} if found.excluded else {}}
