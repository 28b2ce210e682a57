"""Each rule of the state machines' lint: it fails on what it is for, and the deployed definitions pass all."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tools.asl_lint import lint_templates, lint_text

LAMBDA = "arn:aws:states:::lambda:invoke"
RETRY = {
    "ErrorEquals": ["Throttled"],
    "IntervalSeconds": 1,
    "MaxAttempts": 3,
    "MaxDelaySeconds": 30,
    "BackoffRate": 2,
    "JitterStrategy": "FULL",
}
MACHINE: dict[str, Any] = {
    "Comment": "A machine without a fault.",
    "QueryLanguage": "JSONata",
    "StartAt": "TakeBatch",
    "TimeoutSeconds": 60,
    "States": {
        "TakeBatch": {
            "Type": "Task",
            "Comment": "Why.",
            "Resource": LAMBDA,
            "TimeoutSeconds": 10,
            "Arguments": {"FunctionName": "${TakeBatchFunctionArn}", "Payload": "{% $states.input %}"},
            "Assign": {"batch": "{% $states.result.Payload %}"},
            "Retry": [RETRY],
            "Catch": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "Next": "Failed",
                    "Assign": {"error": "{% $states.errorOutput.Error %}"},
                }
            ],
            "Next": "CheckBatch",
        },
        "CheckBatch": {
            "Type": "Choice",
            "Comment": "Why.",
            "Choices": [{"Condition": "{% $batch.objects > 0 %}", "Next": "Taken"}],
            "Default": "Nothing",
        },
        "Taken": {"Type": "Succeed", "Comment": "Why.", "Output": "{% $batch %}"},
        "Nothing": {"Type": "Succeed", "Comment": "Why."},
        "Failed": {"Type": "Fail", "Comment": "Why.", "Error": "{% $error %}"},
    },
}
SUBSTITUTIONS = {"TakeBatchFunctionArn": "arn"}

type Break = Callable[[dict[str, Any]], object]


def rules(machine: dict[str, Any], substitutions: dict[str, Any] | None = None) -> set[tuple[str, str]]:
    faults = lint_text("m", json.dumps(machine), SUBSTITUTIONS if substitutions is None else substitutions)
    return {(fault.state, fault.rule) for fault in faults}


def task(machine: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = machine["States"]["TakeBatch"]
    return state


def rename(machine: dict[str, Any], old: str, new: str) -> None:
    text = json.dumps(machine["States"]).replace(f'"{old}"', f'"{new}"')
    machine["States"] = json.loads(text)


def integrate(machine: dict[str, Any], resource: str, arguments: dict[str, Any]) -> None:
    task(machine).update(Resource=resource, Arguments=arguments)


def test_the_deployed_machines_have_no_fault() -> None:
    assert [str(fault) for fault in lint_templates()] == []


def test_a_sound_machine_has_no_fault() -> None:
    assert rules(MACHINE) == set()


@pytest.mark.parametrize(
    ("broken", "state", "rule"),
    [
        (lambda m: task(m).update(Next="Gone"), "TakeBatch", "target"),
        (lambda m: m.update(StartAt="Gone"), "", "target"),
        (lambda m: m["States"]["CheckBatch"].pop("Default"), "CheckBatch", "target"),
        (lambda m: m["States"]["CheckBatch"].update(Default="Gone"), "CheckBatch", "target"),
        (lambda m: task(m)["Catch"][0].update(Next="Gone"), "TakeBatch", "target"),
        (lambda m: task(m).pop("Next"), "TakeBatch", "target"),
        (lambda m: m["States"].update(Alone={"Type": "Succeed", "Comment": "Why."}), "Alone", "unreachable"),
        (lambda m: task(m).pop("Comment"), "TakeBatch", "comment"),
        (lambda m: rename(m, "CheckBatch", "Batch"), "Batch", "name"),
        (lambda m: rename(m, "CheckBatch", "check_batch"), "check_batch", "name"),
        (lambda m: rename(m, "CheckBatch", "BatchChecked"), "BatchChecked", "name"),
        (lambda m: rename(m, "Taken", "all-taken"), "all-taken", "name"),
        (lambda m: m.pop("TimeoutSeconds"), "", "timeout"),
        (lambda m: task(m).pop("TimeoutSeconds"), "TakeBatch", "timeout"),
        (lambda m: task(m).pop("Retry"), "TakeBatch", "retry"),
        (lambda m: task(m)["Retry"][0].pop("JitterStrategy"), "TakeBatch", "retry"),
        (lambda m: task(m)["Retry"][0].update(JitterStrategy="NONE"), "TakeBatch", "retry"),
        (lambda m: task(m)["Retry"][0].pop("MaxDelaySeconds"), "TakeBatch", "retry"),
        (lambda m: task(m)["Retry"][0].update(ErrorEquals=["States.ALL"]), "TakeBatch", "retry"),
        (lambda m: task(m)["Retry"][0].update(ErrorEquals=["NotTheOwner"]), "TakeBatch", "retry"),
        (lambda m: task(m)["Retry"][0].update(ErrorEquals=["Transient"]), "TakeBatch", "error"),
        (lambda m: task(m)["Retry"][0].update(ErrorEquals=["Throtled"]), "TakeBatch", "error"),
        (lambda m: task(m)["Retry"][0].update(ErrorEquals=["Lambda.NoSuchException"]), "TakeBatch", "error"),
        (lambda m: task(m).pop("Catch"), "TakeBatch", "catch"),
        (lambda m: task(m)["Catch"][0].update(ErrorEquals=["NotTheOwner"]), "TakeBatch", "catch"),
        (lambda m: m.update(QueryLanguage="JSONPath"), "", "jsonata"),
        (lambda m: task(m).update(QueryLanguage="JSONPath"), "TakeBatch", "jsonata"),
        (lambda m: task(m).update(ResultPath="$.x"), "TakeBatch", "jsonata"),
        (lambda m: task(m).update(Output="{% $batch. %}"), "TakeBatch", "jsonata"),
        (lambda m: task(m).pop("Assign"), "CheckBatch", "variable"),
        (lambda m: task(m)["Catch"][0].pop("Assign"), "Failed", "variable"),
        (lambda m: task(m).update(Output="{% $batch %}"), "TakeBatch", "variable"),
        (lambda m: task(m).update(Resource="arn:aws:lambda:us-east-1:1:function:x"), "TakeBatch", "resource"),
        (lambda m: task(m)["Arguments"].pop("FunctionName"), "TakeBatch", "arguments"),
        (lambda m: task(m)["Arguments"].update(Payloads={}), "TakeBatch", "arguments"),
        (lambda m: integrate(m, f"{LAMBDA}.waitForTaskToken", {"FunctionName": "f"}), "TakeBatch", "arguments"),
        (
            lambda m: integrate(m, "arn:aws:states:::aws-sdk:glue:startCrawlers", {"Name": "c"}),
            "TakeBatch",
            "arguments",
        ),
        (lambda m: integrate(m, "arn:aws:states:::aws-sdk:glue:startCrawler", {"Name": 1}), "TakeBatch", "arguments"),
        (lambda m: integrate(m, "arn:aws:states:::aws-sdk:glue:startCrawler", {"name": "c"}), "TakeBatch", "arguments"),
        (
            lambda m: integrate(m, "arn:aws:states:::events:putEvents", {"Entries": [{"Busname": "b"}]}),
            "TakeBatch",
            "arguments",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_found(broken: Break, state: str, rule: str) -> None:
    machine = copy.deepcopy(MACHINE)

    broken(machine)

    found = rules(machine, SUBSTITUTIONS if "${" in json.dumps(machine) else {})
    assert (state, rule) in found


def test_substitutions_match_both_ways() -> None:
    assert rules(MACHINE, {}) == {("", "substitution")}
    assert rules(MACHINE, {**SUBSTITUTIONS, "Unused": "x"}) == {("", "substitution")}


def test_invalid_json_before_substitution_is_a_fault() -> None:
    assert [fault.rule for fault in lint_text("m", '{"States": ${States}}')] == ["json"]


def test_states_of_a_map_are_linted_too() -> None:
    machine = copy.deepcopy(MACHINE)
    inner = {"StartAt": "TakeOne", "States": {"TakeOne": {**task(machine), "Next": "Gone"}}}
    machine["States"]["CheckBatch"] = {
        "Type": "Map",
        "Comment": "Why.",
        "ItemProcessor": inner,
        "Catch": task(machine)["Catch"],
        "Next": "Taken",
    }
    machine["States"].pop("Nothing")

    assert ("TakeOne", "target") in rules(machine)


@pytest.mark.parametrize("error", ["Glue.CrawlerRunningException", "EventBridge.FailedEntry", "States.Timeout"])
def test_errors_of_services_are_known(error: str) -> None:
    machine = copy.deepcopy(MACHINE)
    task(machine)["Retry"][0]["ErrorEquals"] = [error]

    assert rules(machine) == set()
