"""What AWS refuses because of its size, this mesh refuses as well, with AWS's error."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.states import payloads
from tests.local.running import RunningServer, allow, wait_until

ACCOUNT = "111111111111"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/limits-machine"
ECHO = """
def handler(event, context):
    return "x" * event["answer"]
"""
INVOKE: dict[str, Any] = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
TOKENS = "arn:aws:states:::lambda:invoke.waitForTaskToken"


@pytest.fixture(scope="module", autouse=True)
def _account(server: RunningServer) -> None:
    server.make_role(ACCOUNT, "limits-machine", "states.amazonaws.com", allow("lambda:InvokeFunction"))
    worker = server.make_role(ACCOUNT, "limits-function", "lambda.amazonaws.com")
    server.make_function(ACCOUNT, "answer", ECHO, worker)
    server.client("s3", ACCOUNT).create_bucket(Bucket="limits")


def run(server: RunningServer, name: str, states: dict[str, Any], given: Any = None) -> dict[str, Any]:
    sfn = server.client("stepfunctions", ACCOUNT)
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
    machine = sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
    execution = sfn.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))["executionArn"]

    def finished() -> Any:
        answer = sfn.describe_execution(executionArn=execution)
        return answer if answer["status"] != "RUNNING" else None

    done: dict[str, Any] = wait_until(finished, seconds=60)
    return done


def invoking(payload: Any, **more: Any) -> dict[str, Any]:
    return {**INVOKE, "Arguments": {"FunctionName": "answer", "Payload": payload}, **more}


TWICE = "{% [$states.input.a, $states.input.a] %}"
HALF = {"a": "x" * (payloads.MAX_BYTES // 2 + 100)}


@pytest.mark.parametrize(
    ("name", "state", "given"),
    [
        ("large-result", invoking({"answer": payloads.MAX_BYTES}), {}),
        ("large-arguments", invoking({"answer": 1, "a": TWICE}), HALF),
        ("large-output", {"Type": "Pass", "Output": TWICE, "End": True}, HALF),
        ("large-variable", {"Type": "Pass", "Output": {}, "Assign": {"v": TWICE}, "End": True}, HALF),
    ],
)
def test_a_state_takes_and_returns_256_kib(server: RunningServer, name: str, state: dict[str, Any], given: Any) -> None:
    catch = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Never"}]} if state["Type"] == "Task" else {}
    done = run(server, name, {"Do": {**state, **catch}, "Never": {"Type": "Succeed"}}, given)
    assert (done["status"], done.get("error")) == ("FAILED", "States.DataLimitExceeded"), done.get("cause")


def test_a_state_takes_and_returns_what_fits(server: RunningServer) -> None:
    done = run(server, "fitting", {"Do": invoking({"answer": payloads.MAX_BYTES - 1000})})
    assert done["status"] == "SUCCEEDED", done.get("cause")


def test_a_history_has_25_000_events(server: RunningServer) -> None:
    states = {
        "Count": {"Type": "Pass", "Output": "{% $states.input.n + 1 %}", "Next": "Again"},
        "Again": {"Type": "Pass", "Output": "{% {'n': $states.input} %}", "Next": "Count"},
    }
    done = run(server, "endless-history", states, {"n": 0})
    assert (done["status"], done["error"]) == ("FAILED", "States.Runtime")
    assert "maximum number of history events" in done["cause"]


def test_a_task_is_not_completed_with_more_than_a_state_returns(server: RunningServer) -> None:
    sfn = server.client("stepfunctions", ACCOUNT)
    with pytest.raises(ClientError, match=r"ValidationException.*output"):
        sfn.send_task_success(taskToken="t", output=json.dumps("x" * payloads.MAX_BYTES))


def test_a_call_of_put_events_has_a_mebibyte(server: RunningServer) -> None:
    events = server.client("events", ACCOUNT)
    entry = {"Source": "s", "DetailType": "t", "Detail": json.dumps({"a": "x" * 520_000})}
    assert events.put_events(Entries=[entry, entry])["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="Total size of the entries"):
        events.put_events(Entries=[entry, entry, entry])


@pytest.mark.parametrize(("kind", "size"), [("RequestResponse", 6 * 1024 * 1024), ("Event", 1024 * 1024)])
def test_an_invocation_has_a_largest_payload(server: RunningServer, kind: str, size: int) -> None:
    functions = server.client("lambda", ACCOUNT)
    fits = json.dumps({"answer": 1, "a": "x" * (size - 100)})
    assert functions.invoke(FunctionName="answer", InvocationType=kind, Payload=fits)["StatusCode"] < 300
    with pytest.raises(ClientError, match=f"Request must be smaller than {size} bytes"):
        functions.invoke(FunctionName="answer", InvocationType=kind, Payload=json.dumps({"answer": 1, "a": "x" * size}))


def test_a_function_answers_with_six_megabytes(server: RunningServer) -> None:
    answer = server.client("lambda", ACCOUNT).invoke(
        FunctionName="answer", Payload=json.dumps({"answer": 6 * 1024 * 1024 + 200})
    )
    assert answer["FunctionError"]
    assert json.load(answer["Payload"])["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_key_has_1024_bytes(server: RunningServer) -> None:
    s3 = server.client("s3", ACCOUNT)
    s3.put_object(Bucket="limits", Key="ä" * 512, Body=b"")
    with pytest.raises(ClientError, match="KeyTooLongError"):
        s3.put_object(Bucket="limits", Key="ä" * 512 + "b", Body=b"")


def test_a_call_deletes_a_thousand_objects(server: RunningServer) -> None:
    s3 = server.client("s3", ACCOUNT)
    keys = [{"Key": f"k{n}"} for n in range(1001)]
    s3.delete_objects(Bucket="limits", Delete={"Objects": keys[:1000]})
    with pytest.raises(ClientError, match="MalformedXML"):
        s3.delete_objects(Bucket="limits", Delete={"Objects": keys})


def test_dynamodb_takes_so_much_at_once(server: RunningServer) -> None:
    dynamodb = server.client("dynamodb", ACCOUNT)
    dynamodb.create_table(
        TableName="limits",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    puts = [{"Put": {"TableName": "limits", "Item": {"id": {"S": str(n)}}}} for n in range(101)]
    dynamodb.transact_write_items(TransactItems=puts[:100])
    with pytest.raises(ClientError, match="less than or equal to 100"):
        dynamodb.transact_write_items(TransactItems=puts)
    with pytest.raises(ClientError, match="less than or equal to 25"):
        dynamodb.batch_write_item(
            RequestItems={"limits": [{"PutRequest": {"Item": put["Put"]["Item"]}} for put in puts[:26]]}
        )
    with pytest.raises(ClientError, match="less than or equal to 100"):
        dynamodb.batch_get_item(RequestItems={"limits": {"Keys": [put["Put"]["Item"] for put in puts]}})
    with pytest.raises(ClientError, match="Item size has exceeded"):
        dynamodb.put_item(TableName="limits", Item={"id": {"S": "a"}, "body": {"S": "x" * 409_600}})


def test_a_message_of_a_topic_has_256_kib(server: RunningServer) -> None:
    sns = server.client("sns", ACCOUNT)
    topic = sns.create_topic(Name="limits")["TopicArn"]
    sns.publish(TopicArn=topic, Message="x" * 262_144)
    with pytest.raises(ClientError, match="Message too long"):
        sns.publish(TopicArn=topic, Message="x" * 262_145)
    half = [{"Id": str(n), "Message": "x" * 140_000} for n in range(2)]
    with pytest.raises(ClientError, match="BatchRequestTooLong"):
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=half)
