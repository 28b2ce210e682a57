"""The SAM templates as Python values: short forms made long (`!Ref x` → `{"Ref": "x"}`), `Fn::ForEach` expanded."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tools.language_extensions import expanded

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ("template.yaml", "template.producer.yaml", "template.consumer.yaml")
STATE_MACHINE = "AWS::Serverless::StateMachine"
FUNCTION = "AWS::Serverless::Function"
_SUBSTITUTION = re.compile(r"\$\{([^}]+)\}")


class Machine(NamedTuple):
    """One state machine of a template."""

    template: str
    name: str
    definition: Path
    substitutions: dict[str, Any]


class _Loader(yaml.CSafeLoader):
    """Knows CloudFormation's tags. libyaml's: Python's own takes a second for a template."""


def _short_form(loader: yaml.CSafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)  # YAML has three kinds of node
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _short_form)


def load(path: Path) -> dict[str, Any]:
    """A template, with long-form intrinsic functions, after AWS::LanguageExtensions and before SAM's own transform."""
    loaded: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    return expanded(loaded)


def resources(template: dict[str, Any], *kinds: str) -> dict[str, dict[str, Any]]:
    """Logical id → properties, of the resources of these types."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] in kinds
    }


def machines(root: Path = ROOT) -> Iterator[Machine]:
    """The state machines of all templates."""
    for file in TEMPLATES:
        for name, properties in resources(load(root / file), STATE_MACHINE).items():
            yield Machine(file, name, root / properties["DefinitionUri"], properties.get("DefinitionSubstitutions", {}))


def substitutions_in(text: str) -> set[str]:
    """The names in `${…}`."""
    return set(_SUBSTITUTION.findall(text))
