"""CloudFormation's transform AWS::LanguageExtensions, as far as the templates use it: `Fn::ForEach`, `Fn::FindInMap`.

A loop's identifier stands in the keys of what it repeats, in `Fn::Sub` and in `Ref`; names made of it may stand in
`Ref` and `Fn::GetAtt`. SAM's own expansion (`samcli.lib.cfn_language_extensions`) leaves loops within properties alone.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-foreach.html
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

TRANSFORM: Final = "AWS::LanguageExtensions"
_LOOP: Final = "Fn::ForEach::"


def expanded(template: dict[str, Any]) -> dict[str, Any]:
    """The template without the transform and its mappings; as it was, where it does not declare it."""
    declared = template.get("Transform")
    if not isinstance(declared, list) or TRANSFORM not in declared:
        return template
    mappings = template.get("Mappings", {})
    done = {name: _expand(part, {}, mappings) for name, part in template.items() if name != "Mappings"}
    return done | {"Transform": [each for each in declared if each != TRANSFORM]}


def _expand(node: Any, items: Mapping[str, str], mappings: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any of YAML
    match node:
        case {"Ref": str(name)} if name in items:
            return items[name]
        case {"Fn::Sub": str(text)} if items:
            return _sub(text, items)
        case {"Fn::FindInMap": arguments}:
            name, first, second, *default = _expand(arguments, items, mappings)
            found = mappings[name].get(first, {}).get(second)
            return default[0]["DefaultValue"] if found is None and default else found
        case dict():
            return dict(_members(node, items, mappings))
        case list():
            return [_expand(each, items, mappings) for each in node]
    return node


def _members(node: dict[str, Any], items: Mapping[str, str], mappings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if not key.startswith(_LOOP):
            yield key, _expand(value, items, mappings)
            continue
        identifier, collection, repeated = value
        for each in collection:
            inner = {**items, identifier: each}
            for name, content in repeated.items():
                yield _filled(name, inner), _expand(content, inner, mappings)


def _filled(text: str, items: Mapping[str, str]) -> str:
    for identifier, each in items.items():
        text = text.replace(f"${{{identifier}}}", each)
    return text


def _sub(text: str, items: Mapping[str, str]) -> str | dict[str, str]:
    """A plain name where nothing is left to substitute, such as `Ref` and `Fn::GetAtt` take."""
    filled = _filled(text, items)
    return {"Fn::Sub": filled} if "${" in filled else filled
