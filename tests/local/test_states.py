"""States act as their machine's role, through AWS's API, and fail with AWS's error names."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from ministack.services import stepfunctions

from local import clock
from local.shared_clock import SharedClock
from local.states import runner
from local.states.integrations import Integrations
from local.states.tasks import TaskError, Tasks, context_object, running
from tests.local.running import RunningServer, allow, wait_until

ACCOUNT = "111111111111"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/machine"
KEY = {"id": {"S": "1"}}
SOURCE = """
class Rejected(Exception):
    pass

def handler(event, context):
    if event.get("bad"):
        raise Rejected("no")
    return {"got": event}
"""


@pytest.fixture(scope="module", autouse=True)
def _accounts(server: RunningServer) -> None:
    server.make_role(
        ACCOUNT,
        "machine",
        "states.amazonaws.com",
        allow("lambda:InvokeFunction", "dynamodb:PutItem", "dynamodb:GetItem", "events:PutEvents"),
        allow("states:StartExecution", "states:DescribeExecution", "sqs:SendMessage", "glue:GetDatabase"),
    )
    worker = server.make_role(ACCOUNT, "function", "lambda.amazonaws.com")
    server.make_function(ACCOUNT, "step", SOURCE, worker)
    server.client("dynamodb", ACCOUNT).create_table(
        TableName="registry",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def run(server: RunningServer, name: str, state: dict[str, Any], given: Any = None, role: str = ROLE) -> dict[str, Any]:
    """Execute a machine of one Task and wait for its end."""
    sfn = server.client("stepfunctions", ACCOUNT)
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Do",
        "States": {"Do": {"Type": "Task", "End": True, **state}},
    }
    machine = sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
    execution = sfn.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))["executionArn"]
    done: dict[str, Any] = wait_until(lambda: finished(sfn, execution))
    return done


def finished(sfn: Any, execution: str) -> Any:
    answer = sfn.describe_execution(executionArn=execution)
    return answer if answer["status"] != "RUNNING" else None


def test_function_result_and_its_call_in_the_record(server: RunningServer) -> None:
    state = {
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "step", "Payload": "{% $states.input %}"},
    }
    done = run(server, "invoke", state, {"n": 1})
    output = json.loads(done["output"])
    assert output["Payload"] == {"got": {"n": 1}}
    assert output["StatusCode"] == 200
    calls = server.control("GET", f"/_mesh/record?account={ACCOUNT}")["calls"]
    call = [call for call in calls if call["action"] == "Invoke" or call["action"] == "InvokeFunction"][-1]
    assert call["principal"] == ROLE
    assert call["resource"].endswith(":function:step")
    assert call["trace_id"].startswith("Root=1-")


def test_function_error_names_the_class_and_carries_the_payload(server: RunningServer) -> None:
    state = {
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "step", "Payload": {"bad": True}},
    }
    done = run(server, "rejected", state)
    assert done["status"] == "FAILED"
    assert done["error"] == "Rejected"
    assert json.loads(done["cause"])["errorMessage"] == "no"


@pytest.mark.parametrize(
    ("name", "resource", "arguments", "error"),
    [
        ("nofunction", "lambda:invoke", {"FunctionName": "absent", "Payload": {}}, "Lambda.ResourceNotFoundException"),
        ("nodatabase", "aws-sdk:glue:getDatabase", {"Name": "absent"}, "Glue.EntityNotFoundException"),
        ("denied", "aws-sdk:glue:getTable", {"DatabaseName": "a", "Name": "b"}, "Glue.AccessDeniedException"),
        ("denied2", "dynamodb:deleteItem", {"TableName": "registry", "Key": KEY}, "DynamoDB.AmazonDynamoDBException"),
        ("notable", "dynamodb:getItem", {"TableName": "absent", "Key": KEY}, "DynamoDB.ResourceNotFoundException"),
        ("badargs", "aws-sdk:glue:getDatabase", {"Nome": "x"}, "States.Runtime"),
        ("nosuch", "aws-sdk:glue:getCake", {"Name": "x"}, "States.Runtime"),
    ],
)
def test_errors_are_named_as_on_aws(
    server: RunningServer, name: str, resource: str, arguments: dict[str, Any], error: str
) -> None:
    done = run(server, name, {"Resource": f"arn:aws:states:::{resource}", "Arguments": arguments})
    assert (done["status"], done["error"]) == ("FAILED", error), done.get("cause")
    if name.startswith("denied"):
        assert "is not authorized to perform" in done["cause"]


@pytest.mark.parametrize(
    ("code", "resource", "arguments", "error"),
    [
        ("Throttled", "sns:publish", {"TopicArn": "arn:t", "Message": "m"}, "SNS.ThrottledException"),
        ("InternalError", "sns:publish", {"TopicArn": "arn:t", "Message": "m"}, "SNS.InternalErrorException"),
        ("InternalServerError", "aws-sdk:dynamodb:getItem", {"TableName": "registry", "Key": KEY},
         "DynamoDb.InternalServerErrorException"),
        ("ExecutionAlreadyExists", "states:startExecution", {"StateMachineArn": "arn:m", "Input": {}},
         "StepFunctions.ExecutionAlreadyExistsException"),
    ],
)  # fmt: skip
def test_errors_have_the_names_of_the_java_sdks_classes(
    server: RunningServer, code: str, resource: str, arguments: dict[str, Any], error: str
) -> None:
    """Codes on the wire are others, or have no `Exception` at their end: policies in the machines name the classes."""
    fault = {"kind": "throttle", "service": "*", "code": code, "principal": ROLE, "count": 1}
    server.control("POST", "/_mesh/faults", fault)
    done = run(server, f"class-{code}", {"Resource": f"arn:aws:states:::{resource}", "Arguments": arguments})
    server.control("DELETE", "/_mesh/faults")
    assert (done["status"], done["error"]) == ("FAILED", error), done.get("cause")


def test_a_role_that_states_may_not_assume_runs_nothing(server: RunningServer) -> None:
    state = {"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "step", "Payload": {}}}
    done = run(server, "untrusted", state, role=f"arn:aws:iam::{ACCOUNT}:role/function")
    assert done["status"] == "FAILED"
    assert "not authorized to assume" in done["cause"]


def test_conditional_write_and_typed_read(server: RunningServer) -> None:
    put = {
        "Resource": "arn:aws:states:::dynamodb:putItem",
        "Arguments": {
            "TableName": "registry",
            "Item": {"id": {"S": "a"}, "n": {"N": "1"}, "live": {"BOOL": True}},
            "ConditionExpression": "attribute_not_exists(id)",
        },
    }
    assert run(server, "claim", put)["status"] == "SUCCEEDED"
    again = run(server, "claimed", put)
    assert again["error"] == "DynamoDB.ConditionalCheckFailedException"
    get = {
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:getItem",
        "Arguments": {"TableName": "registry", "Key": {"id": {"S": "a"}}},
    }
    output = json.loads(run(server, "read", get)["output"])
    assert output["Item"] == {"id": {"S": "a"}, "n": {"N": "1"}, "live": {"Bool": True}}


def test_failed_event_entries_fail_the_state(server: RunningServer) -> None:
    def put(name: str, source: str) -> dict[str, Any]:
        entry = {"Source": source, "DetailType": "T", "Detail": {"data": 1}, "EventBusName": "default"}
        return run(server, name, {"Resource": "arn:aws:states:::events:putEvents", "Arguments": {"Entries": [entry]}})

    assert json.loads(put("announce", "mesh")["output"])["FailedEntryCount"] == 0
    refused = put("forged", "aws.glue")
    assert refused["error"] == "EventBridge.FailedEntry"
    assert "NotAuthorizedForSource" in refused["cause"]


def test_child_execution_is_awaited(server: RunningServer) -> None:
    sfn = server.client("stepfunctions", ACCOUNT)
    child = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True, "Result": {"child": "done"}}}}
    arn = sfn.create_state_machine(name="child", definition=json.dumps(child), roleArn=ROLE)["stateMachineArn"]
    state = {
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": arn, "Input": {"a": 1}},
    }
    output = json.loads(run(server, "parent", state)["output"])
    assert output["Output"] == {"child": "done"}
    assert output["Status"] == "SUCCEEDED"


def asking(server: RunningServer, name: str, **state: Any) -> tuple[str, Callable[[], str]]:
    """An execution whose one state sends its task token to a queue, and how to take the next token from there."""
    sqs, sfn = server.client("sqs", ACCOUNT), server.client("stepfunctions", ACCOUNT)
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    state |= {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": queue, "MessageBody": {"token": "{% $states.context.Task.Token %}"}},
        "End": True,
    }
    definition = {"QueryLanguage": "JSONata", "StartAt": "Ask", "States": {"Ask": state}}
    machine = sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]

    def token() -> str:
        [message] = wait_until(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages"))
        return str(json.loads(message["Body"])["token"])

    return sfn.start_execution(stateMachineArn=machine, input="{}")["executionArn"], token


def test_task_token_waits_for_its_answer(server: RunningServer) -> None:
    sfn = server.client("stepfunctions", ACCOUNT)
    execution, token = asking(server, "ask", TimeoutSeconds=30)
    asked = token()
    sfn.send_task_success(taskToken=asked, output='{"approved": true}')
    assert json.loads(wait_until(lambda: finished(sfn, execution))["output"]) == {"approved": True}
    with pytest.raises(ClientError, match=r"TaskDoesNotExist|TaskTimedOut"):
        sfn.send_task_success(taskToken=asked, output="{}")


def test_each_attempt_has_a_token_of_its_own(server: RunningServer) -> None:
    sfn = server.client("stepfunctions", ACCOUNT)
    again = [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 9}]
    execution, token = asking(server, "ask-again", TimeoutSeconds=4, Retry=again)
    first, latest = token(), token()
    assert first != latest
    with pytest.raises(ClientError, match=r"TaskDoesNotExist|TaskTimedOut"):
        sfn.send_task_success(taskToken=first, output="{}")
    while True:  # on a machine that is busy that attempt may be over as well
        try:
            sfn.send_task_success(taskToken=latest, output='{"attempt": "latest"}')
            break
        except (sfn.exceptions.TaskTimedOut, sfn.exceptions.TaskDoesNotExist):
            latest = token()
    assert json.loads(wait_until(lambda: finished(sfn, execution))["output"]) == {"attempt": "latest"}


def test_a_call_that_should_carry_the_token_and_fails_fails_the_state(server: RunningServer) -> None:
    state = {
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {"FunctionName": "step", "Payload": {"bad": True, "token": "{% $states.context.Task.Token %}"}},
        "TimeoutSeconds": 20,
    }
    assert run(server, "ask-badly", state)["error"] == "Rejected"


def test_missed_heartbeat(server: RunningServer) -> None:
    state = {
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {"FunctionName": "step", "Payload": {}},
        "TimeoutSeconds": 20,
        "HeartbeatSeconds": 1,
    }
    assert run(server, "silent", state)["error"] == "States.HeartbeatTimeout"


def test_the_time_of_a_task_with_a_token_runs_while_its_call_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Step Functions: TimeoutSeconds is a task's, from its start. A day that is skipped meanwhile counts."""
    monkeypatch.setattr(clock, "_clock", SharedClock())
    integrations = Mock(Integrations)
    integrations.invoke_function.side_effect = lambda *_: clock.skip(3600)

    with in_execution(), pytest.raises(TaskError) as late:
        Tasks(integrations).invoke_with_callback("arn:aws:lambda:step", {}, "token", {"TimeoutSeconds": 60})
    assert late.value.error == "States.Timeout"


@contextmanager
def in_execution() -> Iterator[None]:
    """What a state of a machine is worked on in."""
    execution = {"stateMachineArn": "machine", "_role": ROLE, "executionArn": "run", "status": "RUNNING"}
    run, context = running.set(execution), context_object.set({})
    yield
    running.reset(run)
    context_object.reset(context)


def test_an_answer_that_comes_while_the_call_is_made_counts_whatever_becomes_of_the_call() -> None:
    """Step Functions: SendTaskSuccess ends the task."""

    def answered(*_: object) -> None:
        waiting = stepfunctions._task_tokens["token"]
        waiting["result"] = '{"done": true}'
        waiting["event"].set()
        raise TaskError("Runtime.ExitError", "the process was killed")

    integrations = Mock(Integrations)
    integrations.invoke_function.side_effect = answered

    with in_execution():
        found = Tasks(integrations).invoke_with_callback("arn:aws:lambda:step", {}, "token", {"TimeoutSeconds": 60})

    assert found == {"done": True}


def test_what_has_ended_leaves_no_thread_that_waits_for_its_timeout() -> None:
    """A machine's TimeoutSeconds are hours; a mesh in use has thousands of executions in one."""
    definition = {"StartAt": "Done", "TimeoutSeconds": 3_600, "States": {"Done": {"Type": "Succeed"}}}
    execution = {
        "stateMachineArn": "machine", "executionArn": "run", "name": "run", "input": "{}", "status": "RUNNING",
        "startDate": "", "events": [], "_definition": definition, "_role": ROLE,
    }  # fmt: skip
    before = threading.active_count()
    for _ in range(3):
        runner._run({**execution, "events": []}, runner.Point("Done", {}, {}))
    wait_until(lambda: threading.active_count() <= before)


def test_same_name_and_input_is_one_execution(server: RunningServer) -> None:
    sfn = server.client("stepfunctions", ACCOUNT)
    definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 200, "End": True}}}
    arn = sfn.create_state_machine(name="slow", definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
    first = sfn.start_execution(stateMachineArn=arn, name="once", input='{"a": 1}')
    assert sfn.start_execution(stateMachineArn=arn, name="once", input='{"a": 1}') | {"ResponseMetadata": 0} == (
        first | {"ResponseMetadata": 0}
    )
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        sfn.start_execution(stateMachineArn=arn, name="once", input='{"a": 2}')
    wait_until(lambda: finished(sfn, first["executionArn"]))
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        sfn.start_execution(stateMachineArn=arn, name="once", input='{"a": 1}')


def test_an_execution_keeps_the_definition_that_it_began_with(server: RunningServer) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html"""

    def definition(said: str) -> str:
        states = {"Wait": {"Type": "Wait", "Seconds": 200, "Next": "Say"}}
        return json.dumps(
            {"StartAt": "Wait", "States": states | {"Say": {"Type": "Pass", "Result": said, "End": True}}}
        )

    sfn = server.client("stepfunctions", ACCOUNT)
    arn = sfn.create_state_machine(name="updated", definition=definition("before"), roleArn=ROLE)["stateMachineArn"]
    going_on = sfn.start_execution(stateMachineArn=arn)["executionArn"]
    wait_until(lambda: sfn.get_execution_history(executionArn=going_on)["events"])
    sfn.update_state_machine(stateMachineArn=arn, definition=definition("after"))
    assert not finished(sfn, going_on)

    later = sfn.start_execution(stateMachineArn=arn)["executionArn"]
    wait_until(lambda: finished(sfn, going_on) and finished(sfn, later))
    outputs = [sfn.describe_execution(executionArn=each)["output"] for each in (going_on, later)]
    assert outputs == ['"before"', '"after"']


@pytest.mark.parametrize("name", ["with space", "a/b", "x" * 81, "star*"])
def test_bad_names_are_refused(server: RunningServer, name: str) -> None:
    sfn = server.client("stepfunctions", ACCOUNT)
    arn = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:invoke"
    with pytest.raises(ClientError, match="InvalidName"):
        sfn.start_execution(stateMachineArn=arn, name=name)


def start(server: RunningServer, name: str, definition: dict[str, Any], given: Any = None) -> tuple[Any, str]:
    sfn = server.client("stepfunctions", ACCOUNT)
    text = json.dumps({"QueryLanguage": "JSONata", **definition})
    machine = sfn.create_state_machine(name=name, definition=text, roleArn=ROLE)["stateMachineArn"]
    return sfn, sfn.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))["executionArn"]


def test_redrive_goes_on_where_it_failed(server: RunningServer) -> None:
    """A crash in the second state; the first is not run again, and what it assigned is still there."""
    server.make_function(ACCOUNT, "second-step", SOURCE, f"arn:aws:iam::{ACCOUNT}:role/function")
    rule = {"kind": "function_crash", "service": "lambda", "action": "Invoke", "resource": "*:function:second-step"}
    server.control("POST", "/_mesh/faults", rule)
    invoke = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
    first = {
        **invoke,
        "Arguments": {"FunctionName": "step", "Payload": {"n": 1}},
        "Assign": {"seen": "{% $states.result.Payload.got.n %}"},
        "Next": "Second",
    }
    second = {
        **invoke,
        "Arguments": {"FunctionName": "second-step", "Payload": {"n": "{% $seen + 1 %}"}},
        "End": True,
    }
    sfn, arn = start(server, "redriven", {"StartAt": "First", "States": {"First": first, "Second": second}})
    failed = wait_until(lambda: finished(sfn, arn))
    assert failed["error"] == "Runtime.ExitError"
    assert failed["redriveStatus"] == "REDRIVABLE"
    sfn.redrive_execution(executionArn=arn)
    done = wait_until(lambda: finished(sfn, arn))
    assert done["status"] == "SUCCEEDED"
    assert json.loads(done["output"])["Payload"] == {"got": {"n": 2}}
    assert done["redriveCount"] == 1
    assert entered(sfn, arn) == ["First", "Second", "Second"]
    with pytest.raises(ClientError, match="ExecutionNotRedrivable"):
        sfn.redrive_execution(executionArn=arn)


def entered(sfn: Any, arn: str) -> list[str]:
    history = sfn.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    return [event["stateEnteredEventDetails"]["name"] for event in history if event["type"].endswith("StateEntered")]


def test_machine_timeout(server: RunningServer) -> None:
    wait = {"Type": "Wait", "Seconds": 500, "End": True}
    sfn, arn = start(server, "endless", {"StartAt": "W", "TimeoutSeconds": 1, "States": {"W": wait}})
    assert wait_until(lambda: finished(sfn, arn))["status"] == "TIMED_OUT"


def test_parallel_branches_in_jsonata(server: RunningServer) -> None:
    def branch(n: int) -> dict[str, Any]:
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": "step", "Payload": {"n": n}},
            "Output": "{% $states.result.Payload.got.n %}",
            "End": True,
        }
        return {"StartAt": "T", "States": {"T": task}}

    both = {"Type": "Parallel", "Branches": [branch(1), branch(2)], "Output": "{% $sum($states.result) %}", "End": True}
    sfn, arn = start(server, "both", {"StartAt": "Both", "States": {"Both": both}})
    assert json.loads(wait_until(lambda: finished(sfn, arn))["output"]) == 3


def test_states_all_does_not_catch_a_broken_definition(server: RunningServer) -> None:
    state = {
        "Resource": "arn:aws:states:::aws-sdk:glue:getDatabase",
        "Arguments": {"Nome": "x"},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Do"}],
    }
    assert run(server, "uncaught", state)["error"] == "States.Runtime"


def test_retry_by_exact_name_then_success(server: RunningServer) -> None:
    rule = {"kind": "throttle", "service": "glue", "action": "GetDatabase", "count": 2, "account": ACCOUNT}
    server.control("POST", "/_mesh/faults", rule)
    state = {
        "Resource": "arn:aws:states:::aws-sdk:glue:getDatabase",
        "Arguments": {"Name": "absent"},
        "Retry": [{"ErrorEquals": ["Glue.ThrottlingException"], "IntervalSeconds": 1, "JitterStrategy": "FULL"}],
    }
    assert run(server, "throttled", state)["error"] == "Glue.EntityNotFoundException"
    assert server.control("GET", "/_mesh/faults")["faults"] == []


def test_an_answer_of_a_function_that_is_lost_is_an_error_of_the_sdks(server: RunningServer) -> None:
    """Which a machine can retry, as it can a throttled call."""
    rule = {"kind": "lost_answer", "service": "lambda", "action": "InvokeFunction", "count": 1, "account": ACCOUNT}
    server.control("POST", "/_mesh/faults", rule)
    state = {
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "step", "Payload": {"n": 1}},
        "Retry": [{"ErrorEquals": ["Lambda.SdkClientException"], "IntervalSeconds": 1}],
    }
    assert run(server, "lost", state)["status"] == "SUCCEEDED"
    assert server.control("GET", "/_mesh/faults")["faults"] == []
