"""The compiler of the state machines' YAML: keys, defaults, faults; and what is committed is what it writes."""

import json
from typing import Any

import pytest
import yaml

from tools.machine_states import compile_machine
from tools.machine_yaml import SourceFault, load
from tools.machines import FOLDER, POLICIES, definitions, differences

SHARED = yaml.safe_load("""
Retry:
  lambda: {ErrorEquals: [Lambda.ServiceException], MaxAttempts: 6}
  transient: {ErrorEquals: [Throttled], MaxAttempts: 8}
  slow: {ErrorEquals: [NotYetReadable], MaxAttempts: 9, MaxDelaySeconds: 60}
RetryDefaults: {MaxDelaySeconds: 30, JitterStrategy: FULL}
Catch:
  failed: {Assign: {error: $states.errorOutput.Error}, Output: $states.input}
  ignored: {Output: $states.input}
Tasks:
  lambda:invoke: {TimeoutSeconds: 60, Output: $states.result.Payload, AlwaysRetry: [lambda], Retry: transient}
  events:putEvents: {TimeoutSeconds: 30, Retry: transient}
Fail: {Error: $error}
""")
LONGEST = {"onboard-upload": 240, "grant-access": 230}
"""Lines of the machines that are more than a page; the others have 150 at most."""
ENDS = """
  Done: {Type: Succeed, Comment: Why., Output: {outcome: done}}
  Failed: {Type: Fail, Comment: Why.}
"""


def compiled(states: str, head: str = "Catch: {failed: Failed}") -> dict[str, Any]:
    text = f"Comment: What.\nTimeoutSeconds: 600\n{head}\nStates:{states}{ENDS}"
    return compile_machine("m.yaml", yaml.safe_load(text), SHARED)


def state(fields: str) -> dict[str, Any]:
    found: dict[str, Any] = compiled(f"\n  TakeBatch: {{Comment: Why., {fields}}}")["States"]["TakeBatch"]
    return found


def errors(found: dict[str, Any], kind: str) -> list[list[str]]:
    return [handler["ErrorEquals"] for handler in found[kind]]


def test_the_committed_definitions_are_those_of_the_sources():
    assert differences() == []


def test_a_function_with_all_that_goes_without_saying():
    machine = compiled("\n  TakeBatch: {Comment: Why., Function: TakeBatch, Payload: {product: $states.input.product}}")
    common = {"MaxDelaySeconds": 30, "JitterStrategy": "FULL"}
    assert (machine["StartAt"], machine["QueryLanguage"], machine["TimeoutSeconds"]) == ("TakeBatch", "JSONata", 600)
    assert machine["States"] == {
        "TakeBatch": {
            "Type": "Task",
            "Comment": "Why.",
            "Resource": "arn:aws:states:::lambda:invoke",
            "TimeoutSeconds": 60,
            "Arguments": {
                "FunctionName": "${TakeBatchFunctionArn}",
                "Payload": {"product": "{% $states.input.product %}"},
            },
            "Output": "{% $states.result.Payload %}",
            "Retry": [
                {"ErrorEquals": ["Lambda.ServiceException"], "MaxAttempts": 6, **common},
                {"ErrorEquals": ["Throttled"], "MaxAttempts": 8, **common},
            ],
            "Catch": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "Next": "Failed",
                    "Assign": {"error": "{% $states.errorOutput.Error %}"},
                    "Output": "{% $states.input %}",
                }
            ],
            "Next": "Done",
        },
        "Done": {"Type": "Succeed", "Comment": "Why.", "Output": {"outcome": "done"}},
        "Failed": {"Type": "Fail", "Comment": "Why.", "Error": "{% $error %}"},
    }


def test_a_states_own_settings_override_the_defaults():
    found = state("Function: TakeBatch, TimeoutSeconds: 5, Output: $states.input, Next: Failed")
    assert (found["TimeoutSeconds"], found["Output"], found["Next"]) == (5, "{% $states.input %}", "Failed")
    assert "Next" not in state("Function: TakeBatch, End: true")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("slow", [["Lambda.ServiceException"], ["NotYetReadable"]]),
        ("[transient, slow]", [["Lambda.ServiceException"], ["Throttled"], ["NotYetReadable"]]),
        ("{transient: [ConcurrentChange]}", [["Lambda.ServiceException"], ["Throttled", "ConcurrentChange"]]),
    ],
)
def test_retry_names_policies_and_adds_errors(written, expected):
    found = state(f"Function: TakeBatch, Retry: {written}")
    assert errors(found, "Retry") == expected
    assert SHARED["Retry"]["transient"]["ErrorEquals"] == ["Throttled"]


def test_a_policys_own_fields_go_before_the_common_ones():
    assert state("Function: TakeBatch, Retry: slow")["Retry"][-1]["MaxDelaySeconds"] == 60


def test_catch_names_errors_in_order_and_the_machines_own_comes_last():
    found = state("Function: TakeBatch, Catch: {ignored: {Done: [NotAMember], Failed: [MalformedEvent]}}")
    assert [(c["ErrorEquals"], c["Next"], "Assign" in c) for c in found["Catch"]] == [
        (["NotAMember"], "Done", False),
        (["MalformedEvent"], "Failed", False),
        (["States.ALL"], "Failed", True),
    ]
    assert errors(state("Function: TakeBatch, Catch: {ignored: Done}"), "Catch") == [["States.ALL"]]


def test_a_catch_may_put_fields_over_its_policys():
    [own, _] = state("Function: F, Catch: {failed: {Done: {ErrorEquals: [States.Timeout], Assign: {late: true}}}}")[
        "Catch"
    ]
    assert own == {
        "ErrorEquals": ["States.Timeout"],
        "Next": "Done",
        "Assign": {"late": True},
        "Output": "{% $states.input %}",
    }


def test_an_event_goes_to_each_of_its_buses():
    found = state("Event: AccessGranted, Buses: [CentralBusArn, OwnBusName], Detail: $announcement")
    said = {"Source": "meshwork", "DetailType": "AccessGranted", "Detail": "{% $announcement %}"}
    assert found["Resource"] == "arn:aws:states:::events:putEvents"
    assert found["Arguments"] == {
        "Entries": [{"EventBusName": "${CentralBusArn}", **said}, {"EventBusName": "${OwnBusName}", **said}]
    }


def test_choose_keeps_the_order_of_its_conditions():
    found = state("Choose: {$a = 1: Done, $b: {Next: Failed, Assign: {b: $a + 1}}, else: Done}")
    assert found == {
        "Type": "Choice",
        "Comment": "Why.",
        "Choices": [
            {"Condition": "{% $a = 1 %}", "Next": "Done"},
            {"Condition": "{% $b %}", "Next": "Failed", "Assign": {"b": "{% $a + 1 %}"}},
        ],
        "Default": "Done",
    }


def test_only_text_that_starts_with_a_variable_or_function_is_jsonata():
    found = state("Type: Pass, Assign: {a: [$x], b: '${Name}', c: '{% 1 %}', d: costs $1, e: 2}")
    assert found["Assign"] == {"a": ["{% $x %}"], "b": "${Name}", "c": "{% 1 %}", "d": "costs $1", "e": 2}


def test_states_inside_a_map_are_compiled_too():
    inner = "ItemProcessor: {StartAt: Tag, States: {Tag: {Comment: Why., Function: TagTable, End: true}}}"
    found = state(f"Type: Map, Items: $tables, Retry: transient, {inner}")
    assert found["ItemProcessor"]["States"]["Tag"]["Arguments"] == {"FunctionName": "${TagTableFunctionArn}"}
    assert errors(found, "Catch") == [["States.ALL"]]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("Function: F, Retry: patient", ["Retry", "'patient'", "lambda, transient, slow"]),
        ("Function: F, Catch: {swallowed: Done}", ["Catch", "'swallowed'", "failed, ignored"]),
        ("Function: F, Catch: [failed]", ["Catch is not a mapping"]),
        ("Function: F, Catch: {failed: {Done: {Errors: [X]}}}", ["unknown key 'Errors'"]),
        ("Function: F, Timeout: 5", ["unknown key 'Timeout'", "TimeoutSeconds"]),
        ("Payload: {}", ["Payload without Function"]),
        ("Choose: {$a: Done}", ["Choose without else"]),
        ("Seconds: 5", ["no Type"]),
    ],
)
def test_a_fault_shows_place_problem_and_remedy(fields, words):
    with pytest.raises(SourceFault) as raised:
        state(fields)
    assert str(raised.value).startswith("m.yaml: TakeBatch: ")
    assert [word for word in words if word not in str(raised.value)] == []


def test_faults_of_the_machine_itself():
    with pytest.raises(SourceFault, match=r"m.yaml: unknown key 'Start'"):
        compiled("", head="Start: Done")
    with pytest.raises(SourceFault, match=r"m.yaml: Wait1: there is no state below it"):
        compile_machine("m.yaml", {"States": {"Wait1": {"Type": "Wait", "Seconds": 1}}}, SHARED)
    with pytest.raises(SourceFault, match=r"policies.yaml: unknown key 'Retries'"):
        compile_machine("m.yaml", {"States": {}}, {**SHARED, "Retries": {}})


def test_a_key_given_twice_is_refused_with_its_line(tmp_path):
    (tmp_path / "m.yaml").write_text("States:\n  TakeBatch: {}\n  TakeBatch: {}\n")
    with pytest.raises(SourceFault, match=r"m.yaml, line 3: TakeBatch is there twice"):
        load(tmp_path / "m.yaml")


@pytest.mark.parametrize("text", ["States: [", "- a", ""])
def test_a_document_that_is_not_a_mapping_is_rejected(tmp_path, text):
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(SourceFault, match=r"^m.yaml: not "):
        load(tmp_path / "m.yaml")


def test_check_names_what_differs_is_missing_or_left_over(tmp_path):
    (tmp_path / POLICIES).write_text((FOLDER / POLICIES).read_text("utf-8"), "utf-8")
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.yaml").write_text(f"Comment: What.\nTimeoutSeconds: 1\nStates:{ENDS}", "utf-8")
    for name, text in definitions(tmp_path).items():
        (tmp_path / name).write_text(text, "utf-8")
    assert differences(tmp_path) == []
    assert json.loads((tmp_path / "a.asl.json").read_text("utf-8"))["StartAt"] == "Done"

    (tmp_path / "a.asl.json").rename(tmp_path / "d.asl.json")
    (tmp_path / "b.asl.json").write_text("{}")
    assert differences(tmp_path) == [
        "d.asl.json: there is no d.yaml",
        "a.asl.json: missing",
        "b.asl.json: differs from its source",
    ]


def test_every_policy_is_used():
    sources = [load(path) for path in FOLDER.glob("*.yaml")]
    policies = load(FOLDER / POLICIES)
    named = json.dumps([*(s for s in sources if s != policies), policies["Tasks"]])
    assert [name for kind in ("Retry", "Catch") for name in policies[kind] if f'"{name}"' not in named] == []


def test_every_machine_is_a_page_or_two():
    lengths = {path.stem: path.read_text("utf-8").count("\n") for path in sorted(FOLDER.glob("*.yaml"))}

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST.get(name, 150)} == {}
