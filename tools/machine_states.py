"""Compiles a machine's source (tools/machines.py says what may be written) into the States Language."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tools.machine_yaml import SourceFault

_ARN: Final = "arn:aws:states:::"
_FIELDS: Final = (
    "Type Comment Resource TimeoutSeconds HeartbeatSeconds Seconds Timestamp Arguments Items ItemSelector ItemProcessor"
    " ItemBatcher ItemReader ResultWriter MaxConcurrency ToleratedFailurePercentage ToleratedFailureCount Branches"
    " Choices Default Output Assign Error Cause Retry Catch Next End"
).split()
"""Of a state, in the order in which they are written."""
_SHORT: Final = {"Function", "Payload", "Event", "Buses", "Detail", "Choose"}
_HANDLER: Final = (
    "ErrorEquals IntervalSeconds BackoffRate MaxAttempts MaxDelaySeconds JitterStrategy Next Comment Assign Output"
).split()
_MACHINE: Final = {"Comment", "QueryLanguage", "StartAt", "TimeoutSeconds", "Catch", "States"}
_POLICIES: Final = {"Retry", "RetryDefaults", "Catch", "Tasks", "Fail"}
_VERBATIM: Final = {"Comment", "ItemProcessor", "Branches"}
_CATCHES: Final = {"Task", "Map", "Parallel"}
_LEADS_ON: Final = {*_CATCHES, "Pass", "Wait"}

type _Json = dict[str, Any]


def compile_machine(name: str, source: Mapping[str, Any], policies: Mapping[str, Any]) -> _Json:
    """The definition of one machine; `name` is for messages. Raises `SourceFault`."""
    _only(name, source, _MACHINE)
    _only("policies.yaml", policies, _POLICIES)
    states = _Compiler(name, policies, source.get("Catch", {})).states(source.get("States", {}))
    return {
        "Comment": source.get("Comment", ""),
        "QueryLanguage": source.get("QueryLanguage", "JSONata"),
        "StartAt": source.get("StartAt", next(iter(states), None)),
        "TimeoutSeconds": source.get("TimeoutSeconds"),
        "States": states,
    }


class _Compiler:
    """One machine's states, with the policies and the Catch that they share."""

    def __init__(self, machine: str, policies: Mapping[str, Any], catch: object) -> None:
        self._machine = machine
        self._policies = policies
        self._catch = catch

    def states(self, sources: object) -> _Json:
        """Each state leads to the one below it, unless it says where it leads."""
        named = _mapping(self._machine, "States", sources)
        below = [*named, None][1:]
        return {name: self._state(name, named[name], follower) for name, follower in zip(named, below, strict=True)}

    def _state(self, name: str, written: object, below: str | None) -> _Json:
        where = f"{self._machine}: {name}"
        source = _mapping(self._machine, name, written)
        _only(where, source, {*_FIELDS, *_SHORT})
        state = self._with_defaults(_long_form(where, source))
        if state["Type"] in _CATCHES:
            state["Retry"] = [
                *self._retriers(where, state.pop("AlwaysRetry", [])),
                *self._retriers(where, state.get("Retry", [])),
            ]
            state["Catch"] = self._catchers(where, state.get("Catch", {}))
        if state["Type"] in _LEADS_ON and not {"Next", "End"} & set(state):
            if below is None:
                raise SourceFault(where, "there is no state below it to lead to", "Say Next, or End: true.")
            state["Next"] = below
        for graph in _inner(state):
            graph["States"] = self.states(graph["States"])
        return {
            field: state[field] if field in _VERBATIM else _jsonata(state[field])
            for field in _FIELDS
            if state.get(field, []) != []
        }

    def _with_defaults(self, state: _Json) -> _Json:
        if state["Type"] == "Fail":
            return {**self._policies["Fail"], **state}
        if state["Type"] == "Task":
            resource = state["Resource"]
            return {**self._policies["Tasks"].get(resource, {}), **state, "Resource": f"{_ARN}{resource}"}
        return state

    def _retriers(self, where: str, written: str | list[str] | Mapping[str, list[str]]) -> Iterator[_Json]:
        names = [written] if isinstance(written, str) else written
        for name in names:
            retrier = {**self._policies["RetryDefaults"], **self._policy(where, "Retry", name)}
            added = names[name] if isinstance(names, Mapping) else []
            yield _ordered({**retrier, "ErrorEquals": [*retrier["ErrorEquals"], *added]})

    def _catchers(self, where: str, written: object) -> list[_Json]:
        found = list(self._own_catchers(where, written))
        if not any("States.ALL" in catcher["ErrorEquals"] for catcher in found):
            found += self._own_catchers(self._machine, self._catch)
        return found

    def _own_catchers(self, where: str, written: object) -> Iterator[_Json]:
        for name, targets in _mapping(where, "Catch", written).items():
            policy = self._policy(where, "Catch", name)
            all_errors = {targets: policy.get("ErrorEquals", ["States.ALL"])} if isinstance(targets, str) else targets
            for target, errors in _mapping(where, f"Catch: {name}", all_errors).items():
                fields = errors if isinstance(errors, Mapping) else {"ErrorEquals": errors}
                _only(where, fields, _HANDLER)
                yield _ordered({**policy, **fields, "Next": target})

    def _policy(self, where: str, kind: str, name: str) -> Mapping[str, Any]:
        known: Mapping[str, Mapping[str, Any]] = self._policies[kind]
        if name not in known:
            raise SourceFault(where, f"{kind}: there is no policy '{name}'", f"policies.yaml has {', '.join(known)}.")
        return known[name]


def _inner(state: Mapping[str, Any]) -> Iterator[_Json]:
    if "ItemProcessor" in state:
        yield state["ItemProcessor"]
    yield from state.get("Branches", ())


def _long_form(where: str, source: Mapping[str, Any]) -> _Json:
    """The short keys as the States Language has them, and the Type that goes without saying."""
    state: _Json = {key: value for key, value in source.items() if key not in _SHORT}
    _belong(where, source, "Function", "Payload")
    _belong(where, source, "Event", "Buses", "Detail")
    if "Function" in source:
        invoked = {"FunctionName": f"${{{source['Function']}FunctionArn}}"}
        state.setdefault("Resource", "lambda:invoke")
        state["Arguments"] = invoked | ({"Payload": source["Payload"]} if "Payload" in source else {})
    if "Event" in source:
        event = {"Source": "meshwork", "DetailType": source["Event"], "Detail": source.get("Detail", {})}
        state["Resource"] = "events:putEvents"
        state["Arguments"] = {"Entries": [{"EventBusName": f"${{{bus}}}", **event} for bus in source.get("Buses", [])]}
    if "Choose" in source:
        branches = dict(_mapping(where, "Choose", source["Choose"]))
        if "else" not in branches:
            raise SourceFault(where, "Choose without else", "Say which state follows when no condition holds.")
        state |= {"Type": "Choice", "Default": branches.pop("else")}
        state["Choices"] = [_branch(condition, target) for condition, target in branches.items()]
    if "Type" not in state:
        if "Resource" not in state:
            raise SourceFault(where, "no Type", "Say Type, or give it a Function, an Event, a Resource or Choose.")
        state["Type"] = "Task"
    return state


def _belong(where: str, source: Mapping[str, Any], main: str, *others: str) -> None:
    for key in others:
        if key in source and main not in source:
            raise SourceFault(where, f"{key} without {main}", f"Add {main}, or write Resource and Arguments in full.")


def _branch(condition: str, target: str | Mapping[str, Any]) -> _Json:
    fields = {"Next": target} if isinstance(target, str) else target
    return {"Condition": condition if condition.startswith("{%") else f"{{% {condition} %}}", **fields}


def _ordered(handler: Mapping[str, Any]) -> _Json:
    return {field: handler[field] for field in _HANDLER if field in handler}


def _jsonata(value: object) -> Any:  # noqa: ANN401 - any JSON
    """`$…` as an expression, at every depth; `${…}` is a substitution."""
    if isinstance(value, str) and value.startswith("$") and not value.startswith("${"):
        return f"{{% {value} %}}"
    if isinstance(value, Mapping):
        return {key: _jsonata(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonata(item) for item in value]
    return value


def _mapping(where: str, key: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SourceFault(where, f"{key} is not a mapping", "See tools/machines.py for what may be written.")
    return value


def _only(where: str, source: Mapping[str, Any], known: Iterable[str]) -> None:
    for key in source:
        if key not in known:
            raise SourceFault(where, f"unknown key '{key}'", f"Known are {', '.join(sorted(known))}.")
