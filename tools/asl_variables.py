"""JSONata in a state machine: does each expression parse, and is each variable assigned on every way to its use?

An unassigned variable ends a run with States.QueryEvaluationError, at run time and perhaps on a rare way only.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonata import JException, Jsonata

from tools.asl_integrations import is_dynamic

_VARIABLE: Final = re.compile(r"\$([A-Za-z_]\w*)")
_USE: Final = re.compile(r"\$([A-Za-z_]\w*)\b(\s*\()?")
_BOUND: Final = re.compile(r"\$([A-Za-z_]\w*)\s*:=|function\s*\(([^)]*)\)")
_STRINGS: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
# https://docs.jsonata.org/overview, without $eval, which Step Functions does not have; then Step Functions' own.
_FUNCTIONS: Final = frozenset(
    """
    string length substring substringBefore substringAfter uppercase lowercase trim pad contains split join match
    replace base64encode base64decode encodeUrlComponent encodeUrl decodeUrlComponent decodeUrl number abs floor
    ceil round power sqrt random formatNumber formatBase formatInteger parseInteger sum max min average boolean not
    exists count append sort reverse shuffle distinct zip keys lookup spread merge sift each error assert type now
    millis fromMillis toMillis map filter single reduce partition range hash uuid parse
    """.split()
)


def expressions(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """(where, JSONata) of all expressions in a JSON value."""
    if isinstance(value, str) and is_dynamic(value):
        yield path, value[2:-2].strip()
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from expressions(item, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from expressions(item, f"{path}[{index}]")


def syntax_faults(value: object) -> Iterator[str]:
    """Expressions that do not parse, and strings that are half an expression."""
    for path, expression in expressions(value):
        try:
            Jsonata(expression)
        except JException as error:
            yield f"{path.lstrip('.')}: {error}"


def used(value: object) -> Iterator[tuple[str, str]]:
    """(where, variable) of all variables that expressions read and do not bind themselves."""
    for path, expression in expressions(value):
        bare = _STRINGS.sub("''", expression)
        bound = {name for one, many in _BOUND.findall(bare) for name in (one, *_VARIABLE.findall(many))}
        for name, call in _USE.findall(bare):
            # A variable may be named as a function is ($error): only a call is the function.
            known = name in _FUNCTIONS if call else name == "states"
            if not known and name not in bound:
                yield path.lstrip("."), name


def unassigned(machine: Mapping[str, Any], given: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """(state, fault) of each use of a variable that some way to that state leaves unassigned."""
    before = _assigned_before(machine, given)
    for name, state in machine["States"].items():
        known = before.get(name)
        if known is None:
            continue  # unreachable: another rule's finding
        own = {key: value for key, value in state.items() if key not in {"ItemProcessor", "Branches"}}
        for path, variable in used(own):
            if variable not in known:
                yield name, f"{path}: ${variable} is not assigned on every way here"
        for inner in (state.get("ItemProcessor"), *state.get("Branches", ())):
            if inner is not None:
                yield from unassigned(inner, known)


def edges(state: Mapping[str, Any]) -> Iterator[tuple[str, frozenset[str]]]:
    """(next state, variables assigned on the way). A Choice's own `Assign` counts for its Default alone."""
    own = frozenset(state.get("Assign", ()))
    if "Next" in state:
        yield state["Next"], own
    for choice in state.get("Choices", ()):
        if "Next" in choice:
            yield choice["Next"], frozenset(choice.get("Assign", ()))
    if "Default" in state:
        yield state["Default"], own
    for catcher in state.get("Catch", ()):
        if "Next" in catcher:
            yield catcher["Next"], frozenset(catcher.get("Assign", ()))


def _assigned_before(machine: Mapping[str, Any], given: frozenset[str]) -> dict[str, frozenset[str]]:
    """State → variables that every way to it has assigned (a must-analysis, to its fixed point)."""
    before = {machine["StartAt"]: given}
    waiting = [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        for target, assigned in edges(machine["States"].get(name, {})):
            after = before[name] | assigned
            merged = after if target not in before else before[target] & after
            if before.get(target) != merged:
                before[target] = merged
                waiting.append(target)
    return before
