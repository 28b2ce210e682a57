"""Lints the state machines: `python -m tools.asl_lint` for those of the templates. Exit code 1 when one has a fault.

AWS checks little of this before a run gets there: `cfn-lint` and `sam validate` pass a `Next` that leads nowhere.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from mesh.domain.errors import Rejected

from tools import asl_integrations, asl_variables, templates
from tools.mesh_errors import leaves

_TERMINAL: Final = frozenset({"Succeed", "Fail"})
_PASCAL: Final = re.compile(r"([A-Z][a-z0-9]+)+")
_VERB_NOUN: Final = re.compile(r"([A-Z][a-z0-9]+)([A-Z][a-z0-9]+)+")
_VERBS: Final = frozenset(
    """
    Accept Announce Answer Authorise Await Check Choose Commit Confirm Create Curate Decide Deny Draft End
    Ensure Find Get Grant Hold Keep Link List Notify Prepare Promote Propose Read Receive Record
    Register Release Remove Repair Repeat Report Request Resolve Revoke Route Run Schedule Settle Stage Start
    Tag Take Train Undo Verify Write
    """.split()
)
_JSONPATH_FIELDS: Final = frozenset(
    {"InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector", "ItemsPath"}
)


class Fault(NamedTuple):
    """`rule` is a short name that tests and people can look for."""

    machine: str
    state: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.machine}: {self.state or 'machine'}: {self.message} [{self.rule}]"


def lint_text(name: str, text: str, substitutions: Mapping[str, Any] | None = None) -> list[Fault]:
    """The faults of one definition; `substitutions` are those the template gives it (`None`: not checked)."""
    try:
        machine = json.loads(text)
    except ValueError as error:
        return [Fault(name, "", "json", f"not JSON before substitution: {error}")]
    found = [Fault(name, *fault) for fault in _machine_faults(machine)]
    if substitutions is not None:
        used = templates.substitutions_in(text)
        found += [
            Fault(name, "", "substitution", f"${{{x}}}: not in the template") for x in sorted(used - set(substitutions))
        ]
        found += [
            Fault(name, "", "substitution", f"{x}: not in the definition") for x in sorted(set(substitutions) - used)
        ]
    return found


def lint_templates(root: Path = templates.ROOT) -> list[Fault]:
    """All machines of the templates, and definitions that no template uses."""
    found, seen = [], set()
    for machine in templates.machines(root):
        seen.add(machine.definition)
        found += lint_text(machine.definition.name, machine.definition.read_text("utf-8"), machine.substitutions)
    unused = sorted(set((root / "statemachines").glob("*.json")) - seen)
    return found + [Fault(path.name, "", "unused", "no template deploys this definition") for path in unused]


type _Found = Iterator[tuple[str, str, str]]


def _machine_faults(machine: Mapping[str, Any]) -> _Found:
    if machine.get("QueryLanguage") != "JSONata":
        yield "", "jsonata", "QueryLanguage has to be JSONata"
    if "TimeoutSeconds" not in machine:
        yield "", "timeout", "a machine needs TimeoutSeconds: a run must not hang for a year"
    yield from _graph_faults(machine)
    yield from ((state, "variable", message) for state, message in asl_variables.unassigned(machine))
    for name, state in _all_states(machine):
        yield from ((name, rule, message) for rule, message in _state_faults(name, state))


def _all_states(machine: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        for inner in _inner(state):
            yield from _all_states(inner)


def _inner(state: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "ItemProcessor" in state:
        yield state["ItemProcessor"]
    yield from state.get("Branches", ())


def _graph_faults(machine: Mapping[str, Any]) -> _Found:
    states = machine["States"]
    if machine.get("StartAt") not in states:
        yield "", "target", f"StartAt names no state: {machine.get('StartAt')}"
        return
    reached, waiting = set(), [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        targets = [target for target, _ in asl_variables.edges(states[name])]
        yield from ((name, "target", f"{target}: there is no such state") for target in targets if target not in states)
        waiting += [target for target in targets if target in states]
    yield from ((name, "unreachable", "no way leads here") for name in states if name not in reached)
    for state in states.values():
        for inner in _inner(state):
            yield from _graph_faults(inner)


type _StateFaults = Iterator[tuple[str, str]]


def _state_faults(name: str, state: Mapping[str, Any]) -> _StateFaults:
    kind = state["Type"]
    if not state.get("Comment", "").strip():
        yield "comment", "a Comment has to say why the state is there"
    pattern = _PASCAL if kind in _TERMINAL else _VERB_NOUN
    shaped = pattern.fullmatch(name)
    if shaped is None or (kind not in _TERMINAL and re.findall(r"[A-Z][a-z0-9]+", name)[0] not in _VERBS):
        yield "name", "a step is named VerbNoun in PascalCase (verbs: tools/asl_lint.py), an end by its outcome"
    if kind not in _TERMINAL and kind != "Choice" and "Next" not in state and not state.get("End"):
        yield "target", "neither Next nor End"
    if kind == "Choice" and "Default" not in state:
        yield "target", "a Choice without Default fails when nothing matches"
    yield from _jsonata_faults(state)
    if kind in {"Task", "Map", "Parallel"}:
        yield from _recovery_faults(state)
    if kind == "Task":
        yield from _task_faults(state)


def _jsonata_faults(state: Mapping[str, Any]) -> _StateFaults:
    if state.get("QueryLanguage", "JSONata") != "JSONata":
        yield "jsonata", "QueryLanguage has to be JSONata"
    for field in sorted(_JSONPATH_FIELDS & set(state)):
        yield "jsonata", f"{field} is JSONPath"
    own = {key: value for key, value in state.items() if key not in {"ItemProcessor", "Branches"}}
    yield from (("jsonata", message) for message in asl_variables.syntax_faults(own))


def _recovery_faults(state: Mapping[str, Any]) -> _StateFaults:
    errors = leaves()
    for retrier in state.get("Retry", ()):
        if retrier.get("JitterStrategy") != "FULL":
            yield "retry", "a Retry needs JitterStrategy FULL: those that failed together must not come back together"
        if "MaxDelaySeconds" not in retrier or "MaxAttempts" not in retrier:
            yield "retry", "a Retry needs MaxAttempts and MaxDelaySeconds"
        for error in retrier["ErrorEquals"]:
            if error in {"States.ALL", "States.TaskFailed"}:
                yield "retry", f"{error} also matches what will never succeed: name what is transient"
            if error in errors and issubclass(errors[error], Rejected):
                yield "retry", f"{error} is a rejection: the same input fails again"
    catchers = state.get("Catch", [])
    if not catchers or catchers[-1]["ErrorEquals"] != ["States.ALL"]:
        yield "catch", "the last Catch has to be States.ALL"
    for handler in (*state.get("Retry", ()), *catchers):
        for error in handler["ErrorEquals"]:
            if error not in errors and not asl_integrations.is_known_error(error):
                yield "error", f"{error}: nothing raises an error of that name"


def _task_faults(state: Mapping[str, Any]) -> _StateFaults:
    if "TimeoutSeconds" not in state and "HeartbeatSeconds" not in state:
        yield "timeout", "a Task needs TimeoutSeconds"
    if not state.get("Retry"):
        yield "retry", "a Task needs a Retry for what is transient"
    integration = asl_integrations.parse_resource(state.get("Resource", ""))
    if integration is None:
        yield "resource", f"{state.get('Resource')}: not a service integration that this lint knows"
        return
    yield from (
        ("arguments", message) for message in asl_integrations.argument_faults(integration, state.get("Arguments", {}))
    )


def main() -> int:
    """Print the faults of all machines; 1 when there are any."""
    faults = lint_templates()
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
