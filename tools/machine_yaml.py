"""Reads the state machines' YAML strictly: a key given twice, which YAML's readers let pass, would lose a state."""

from pathlib import Path
from typing import Any

import yaml


class SourceFault(Exception):  # noqa: N818 - what it is
    """A source cannot be compiled: where (file, state), what is wrong, and what to write instead."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(f"{where}: {what}. {remedy}")


def load(path: Path) -> dict[str, Any]:
    """One mapping. Raises `SourceFault` with the line."""
    text = path.read_text("utf-8")
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        if not isinstance(node, yaml.MappingNode):
            raise SourceFault(path.name, "not a mapping", "Write one mapping of keys to values.")
        _refuse_duplicates(path.name, node)
        loaded: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise SourceFault(path.name, f"not YAML: {error}", "Correct it there.") from error
    return loaded


def _refuse_duplicates(file: str, node: yaml.Node) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_duplicates(file, item)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise SourceFault(
                    f"{file}, line {key.start_mark.line + 1}", f"{key.value} is there twice", "Remove one."
                )
            seen.add(key.value)
            _refuse_duplicates(file, value)
