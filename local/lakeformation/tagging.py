"""LF-Tags on databases, tables and columns, and the search by them."""

from collections.abc import Callable, Iterator

from local import catalog_records as glue
from local.lakeformation import context, evaluation, failures
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json, invalid_input, not_found, page
from local.lakeformation.resources import Columns, Database, LFTag, Resource, Table, parse_expression, parse_resource
from local.lakeformation.store import Place, State, Tags, state

TAGS_PER_RESOURCE = 50


def add_lf_tags_to_resource(caller: Identity, params: Json) -> Json:
    """Assign tags. What fails is in `Failures`, with HTTP 200; the others are assigned."""
    kept, things = _things(caller, params)
    pairs = _pairs(params["LFTags"])
    return {"Failures": _each(caller, kept, things, pairs, ("AddLFTagsToResource", _assign))}


def remove_lf_tags_from_resource(caller: Identity, params: Json) -> Json:
    kept, things = _things(caller, params)
    pairs = _pairs(params["LFTags"])
    return {"Failures": _each(caller, kept, things, pairs, ("RemoveLFTagsFromResource", _unassign))}


def get_resource_lf_tags(caller: Identity, params: Json) -> Json:
    """The tags of a resource, inherited ones too unless `ShowAssignedLFTags`."""
    kept, things = _things(caller, params)
    _require_seen(caller, things)
    assigned = bool(params.get("ShowAssignedLFTags"))
    database, table, _ = _place(things[0])
    answer: Json = {}
    if database_tags := kept.database_tags(database):
        answer["LFTagOnDatabase"] = _render(kept.account, database_tags)
    if isinstance(things[0], Table):
        tags = kept.assigned.get((database, table, ""), {}) if assigned else kept.table_tags(database, table)
        if tags:
            answer["LFTagsOnTable"] = _render(kept.account, tags)
    names = [thing.column for thing in things if isinstance(thing, Columns)]
    if table and (columns := _columns(kept, database, table, names, assigned)):
        answer["LFTagsOnColumns"] = columns
    return answer


def search_databases_by_lf_tags(caller: Identity, params: Json) -> Json:
    kept = state(params.get("CatalogId") or caller.account, caller.region)
    lake, who = context.of(caller, kept.account)
    expression = parse_expression(params["Expression"])
    found = [
        {
            "Database": {"CatalogId": kept.account, "Name": record["Name"]},
            "LFTags": _render(kept.account, kept.database_tags(record["Name"])),
        }
        for record in glue.databases(kept.account, kept.region)
        if evaluation.matches(expression, kept.database_tags(record["Name"]))
        and evaluation.may(lake, who, "DESCRIBE", Database(kept.account, record["Name"]))
    ]
    items, rest = page(found, params)
    return {"DatabaseList": items} | rest


def search_tables_by_lf_tags(caller: Identity, params: Json) -> Json:
    """Tables that match, themselves or by a column, of those the caller may see."""
    kept = state(params.get("CatalogId") or caller.account, caller.region)
    expression = parse_expression(params["Expression"])
    found = [_tagged_table(kept, database, table) for database, table in _matching(caller, kept, expression)]
    items, rest = page(found, params)
    return {"TableList": items} | rest


def _matching(
    caller: Identity, kept: State, expression: tuple[tuple[str, tuple[str, ...]], ...]
) -> Iterator[tuple[str, str]]:
    lake, who = context.of(caller, kept.account)
    for database in glue.databases(kept.account, kept.region):
        for record in glue.tables(kept.account, kept.region, database["Name"]):
            place = (database["Name"], record["Name"])
            candidates = [kept.table_tags(*place)] + [kept.column_tags(*place, c) for c in kept.columns(*place)]
            matching = any(evaluation.matches(expression, tags) for tags in candidates)
            if matching and evaluation.may(lake, who, "DESCRIBE", Table(kept.account, *place)):
                yield place


def _tagged_table(kept: State, database: str, table: str) -> Json:
    return {
        "Table": {"CatalogId": kept.account, "DatabaseName": database, "Name": table},
        "LFTagOnDatabase": _render(kept.account, kept.database_tags(database)),
        "LFTagsOnTable": _render(kept.account, kept.table_tags(database, table)),
        "LFTagsOnColumns": _columns(kept, database, table, [], assigned=False),
    }


def _columns(kept: State, database: str, table: str, names: list[str], assigned: bool) -> list[Json]:
    found = []
    for column in names or kept.columns(database, table):
        own = kept.assigned.get((database, table, column), {})
        tags = own if assigned else kept.column_tags(database, table, column)
        if tags:
            found.append({"Name": column, "LFTags": _render(kept.account, tags)})
    return found


def _render(account: str, tags: Tags) -> list[Json]:
    return [{"CatalogId": account, "TagKey": k, "TagValues": [v]} for k, v in sorted(tags.items())]


def _things(caller: Identity, params: Json) -> tuple[State, list[Resource]]:
    """The database, table or columns that the call is about.

    Raises:
        AwsError: `InvalidInputException` for another kind of resource, `EntityNotFoundException` if it is not there.
    """
    things = parse_resource(params["Resource"], params.get("CatalogId") or caller.account)
    kept = state(things[0].catalog, caller.region)
    for thing in things:
        database, table, column = _place(thing)
        if glue.database(kept.account, kept.region, database) is None:
            raise not_found(f"Database not found: {database}")
        if table and glue.table(kept.account, kept.region, database, table) is None:
            raise not_found(f"Table not found: {table}")
        if column and column not in kept.columns(database, table):
            raise not_found(f"Column not found: {column}")
    return kept, things


def _place(thing: Resource) -> Place:
    match thing:
        case Database(name=name):
            return name, "", ""
        case Table(database=database, name=table) if table:
            return database, table, ""
        case Columns(database=database, table=table, column=column) if column:
            return database, table, column
    raise invalid_input("LF-Tags are assigned to a database, a table, or named columns")


def _require_seen(caller: Identity, things: list[Resource]) -> None:
    """Once for the thousands of columns of one table."""
    for container in dict.fromkeys(map(_container, things)):
        context.require(caller, container, "DESCRIBE")


def _container(thing: Resource) -> Resource:
    database, table, _ = _place(thing)
    return Table(thing.catalog, database, table) if table else Database(thing.catalog, database)


def _pairs(tags: list[Json]) -> list[tuple[str, str, Json]]:
    pairs = []
    for tag in tags:
        if len(tag["TagValues"]) != 1 or tag["TagValues"][0] == "*":
            raise invalid_input("Tag value wild card was found or input tag value list has size not equal to 1")
        pairs.append((tag["TagKey"].lower(), tag["TagValues"][0].lower(), tag))
    if len({key for key, _, _ in pairs}) < len(pairs):
        raise invalid_input("Provided list of tags contains duplicate tag key")
    return pairs


def _each(
    caller: Identity,
    kept: State,
    things: list[Resource],
    pairs: list[tuple[str, str, Json]],
    how: tuple[str, Callable[[Tags, str, str], None]],
) -> list[Json]:
    operation, act = how
    _require_seen(caller, things)
    failed = []
    for key, value, tag in pairs:
        try:
            failures.inject(operation, caller.account)
            definition = kept.tags.get(key)
            if definition is None or value not in definition.values:
                raise not_found(f"Tag or tag value does not exist: {key}={value}")
            context.require(caller, LFTag(kept.account, key, value), "ASSOCIATE")
            for thing in things:
                act(kept.assigned[_place(thing)], key, value)
        except AwsError as error:
            reason = {"ErrorCode": error.code, "ErrorMessage": error.message}
            failed.append({"LFTag": {"CatalogId": kept.account} | tag, "Error": reason})
    return failed


def _assign(tags: Tags, key: str, value: str) -> None:
    if key not in tags and len(tags) >= TAGS_PER_RESOURCE:
        raise AwsError("ResourceNumberLimitExceededException", f"At most {TAGS_PER_RESOURCE} LF-Tags on a resource")
    tags[key] = value


def _unassign(tags: Tags, key: str, value: str) -> None:
    if tags.get(key) != value:
        raise not_found(f"Tag is not associated with the resource: {key}={value}")
    del tags[key]
