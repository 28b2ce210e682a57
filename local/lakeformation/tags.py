"""LF-Tags: their definitions, and saved expressions of them.

Limits: https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-notes.html
"""

from local.lakeformation import context, evaluation
from local.lakeformation.evaluation import Rights
from local.lakeformation.identity import Identity
from local.lakeformation.protocol import AwsError, Json, invalid_input, not_found, page
from local.lakeformation.resources import (
    Catalog,
    LFTag,
    SavedExpression,
    TagPolicy,
    parse_expression,
    render_expression,
)
from local.lakeformation.store import SavedTagExpression, State, TagDefinition, state

CHARACTERS = 50
VALUES_PER_KEY = 1000
VALUES_PER_CALL = 50


def create_lf_tag(caller: Identity, params: Json) -> Json:
    kept = context.own_state(caller, params.get("CatalogId"))
    context.require(caller, Catalog(caller.account), "CREATE_LF_TAG")
    key, values = _text(params["TagKey"]), _values(params["TagValues"])
    if key in kept.tags:
        raise AwsError("AlreadyExistsException", f"Tag key already exists: {key}")
    kept.tags[key] = TagDefinition(values, caller.arn)
    return {}


def get_lf_tag(caller: Identity, params: Json) -> Json:
    catalog = params.get("CatalogId") or caller.account
    key = params["TagKey"].lower()
    visible = _visible(caller, catalog, key)
    if not visible:
        raise not_found(f"Tag key does not exist: {key}")
    return _pair(catalog, key, visible)


def list_lf_tags(caller: Identity, params: Json) -> Json:
    """The tags that the caller may see; `ResourceShareType: ALL` adds those other accounts share with it."""
    catalogs = [params.get("CatalogId") or caller.account]
    if params.get("ResourceShareType") in ("ALL", "FOREIGN"):
        from local.lakeformation.store import _states  # noqa: PLC0415

        foreign = sorted(a for a, region in _states if region == caller.region and a != caller.account)
        catalogs = foreign if params["ResourceShareType"] == "FOREIGN" else catalogs + foreign
    found = [
        _pair(catalog, key, visible)
        for catalog in catalogs
        for key in sorted(state(catalog, caller.region).tags)
        if (visible := _visible(caller, catalog, key))
    ]
    items, rest = page(found, params)
    return {"LFTags": items} | rest


def update_lf_tag(caller: Identity, params: Json) -> Json:
    """Add and delete values. A value that is still assigned to something cannot be deleted."""
    kept, key = context.own_state(caller, params.get("CatalogId")), params["TagKey"].lower()
    definition = _definition(kept, key)
    _require_owner(caller, key, "ALTER")
    added, deleted = _values(params.get("TagValuesToAdd") or ()), _values(params.get("TagValuesToDelete") or ())
    if not added and not deleted:
        raise invalid_input("Either TagValuesToAdd or TagValuesToDelete must be given")
    for value in deleted:
        if value not in definition.values:
            raise not_found(f"Tag value does not exist: {value}")
        if kept.has_value(key, value):
            raise invalid_input(f"Update not allowed. Tag value {value} is assigned to a resource")
    values = [value for value in definition.values if value not in deleted]
    values += [value for value in added if value not in values]
    if len(values) > VALUES_PER_KEY:
        raise AwsError("ResourceNumberLimitExceededException", f"A tag key has at most {VALUES_PER_KEY} values")
    definition.values = values
    return {}


def delete_lf_tag(caller: Identity, params: Json) -> Json:
    """Delete a key: it leaves every resource, and every grant on it or by it ends."""
    kept, key = context.own_state(caller, params.get("CatalogId")), params["TagKey"].lower()
    _definition(kept, key)
    _require_owner(caller, key, "DROP")
    del kept.tags[key]
    for tags in kept.assigned.values():
        tags.pop(key, None)
    for held, grant in list(kept.grants.items()):
        granted = grant.resource
        by_policy = isinstance(granted, TagPolicy) and key in dict(granted.expression)
        if by_policy or (isinstance(granted, LFTag) and granted.key == key):
            del kept.grants[held]
    return {}


def create_lf_tag_expression(caller: Identity, params: Json) -> Json:
    kept, name = context.own_state(caller, params.get("CatalogId")), params["Name"]
    context.require(caller, Catalog(caller.account), "CREATE_LF_TAG")
    if name in kept.expressions:
        raise invalid_input(f"LF-Tag expression already exists: {name}")
    expression = parse_expression(params["Expression"])
    require_values(kept, expression)
    kept.expressions[name] = SavedTagExpression(params.get("Description") or "", expression)
    return {}


def get_lf_tag_expression(caller: Identity, params: Json) -> Json:
    kept, name = context.own_state(caller, params.get("CatalogId")), params["Name"]
    if name not in kept.expressions:
        raise not_found(f"LF-Tag expression does not exist: {name}")
    context.require(caller, SavedExpression(caller.account, name), "DESCRIBE")
    return _expression(caller, kept, name)


def list_lf_tag_expressions(caller: Identity, params: Json) -> Json:
    kept = context.own_state(caller, params.get("CatalogId"))
    lake, who = context.of(caller, caller.account)
    names = [
        name
        for name in sorted(kept.expressions)
        if evaluation.may(lake, who, "DESCRIBE", SavedExpression(caller.account, name))
    ]
    items, rest = page(names, params)
    return {"LFTagExpressions": [_expression(caller, kept, name) for name in items]} | rest


def delete_lf_tag_expression(caller: Identity, params: Json) -> Json:
    kept, name = context.own_state(caller, params.get("CatalogId")), params["Name"]
    if name not in kept.expressions:
        raise not_found(f"LF-Tag expression does not exist: {name}")
    context.require(caller, SavedExpression(caller.account, name), "DROP")
    del kept.expressions[name]
    return {}


def require_values(kept: State, expression: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    """Refuse an expression with a key or value that is not defined."""
    for key, values in expression:
        definition = _definition(kept, key)
        if unknown := [value for value in values if value != "*" and value not in definition.values]:
            raise not_found(f"Tag values do not exist: {key}={unknown}")


def _expression(caller: Identity, kept: State, name: str) -> Json:
    saved = kept.expressions[name]
    body = {"Name": name, "CatalogId": caller.account, "Expression": render_expression(saved.expression)}
    return body | ({"Description": saved.description} if saved.description else {})


def _pair(catalog: str, key: str, values: list[str]) -> Json:
    return {"CatalogId": catalog, "TagKey": key, "TagValues": values}


def _visible(caller: Identity, catalog: str, key: str) -> list[str]:
    """The values of the key that the caller may see."""
    lake, who = context.of(caller, catalog)
    definition = lake.state.tags.get(key)
    values = definition.values if definition else []
    return [v for v in values if evaluation.may(lake, who, "DESCRIBE", LFTag(catalog, key, v))]


def _definition(kept: State, key: str) -> TagDefinition:
    if key not in kept.tags:
        raise not_found(f"Tag key does not exist: {key}")
    return kept.tags[key]


def _require_owner(caller: Identity, key: str, permission: str) -> None:
    """ALTER and DROP of a key belong to its owner, to administrators, and to whom they were granted."""
    lake, who = context.of(caller, caller.account)
    held = Rights()
    for value in lake.state.tags[key].values:
        held |= evaluation.rights(lake, who, LFTag(caller.account, key, value))
    if permission not in held.permissions:
        raise context.insufficient(permission, LFTag(caller.account, key, ""))


def _text(text: str) -> str:
    if len(text) > CHARACTERS:
        raise invalid_input(f"LF-Tag keys and values have at most {CHARACTERS} characters: {text}")
    return text.lower()


def _values(values: list[str] | tuple[str, ...]) -> list[str]:
    if len(values) > VALUES_PER_CALL:
        raise invalid_input(f"At most {VALUES_PER_CALL} values in one call")
    return list(dict.fromkeys(_text(value) for value in values))
