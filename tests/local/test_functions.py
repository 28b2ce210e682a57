"""Functions on the local mesh behave as on AWS: errors by class name, timeouts, crashes, roles, logs, layers."""

import json
import os
import re
import signal
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.running import WAIT_SCALE, RunningServer, allow, process_exists, running_server, wait_until, zip_of

ACCOUNT = "222222222222"

SOURCE = """
import os, time
import boto3

class NotYours(Exception):
    pass

def handler(event, context):
    print("handling", event.get("do"))
    match event.get("do"):
        case "raise":
            raise NotYours("product belongs to another account")
        case "sleep":
            time.sleep(event["seconds"])
        case "exit":
            os._exit(3)
        case "whoami":
            return boto3.client("sts").get_caller_identity()["Arn"]
        case "list-buckets":
            return len(boto3.client("s3").list_buckets()["Buckets"])
        case "environment":
            return dict(os.environ)
        case "none":
            return None
    remaining = context.get_remaining_time_in_millis()
    return {"pid": os.getpid(), "parent": os.getppid(), "remaining": remaining, "echo": event}
"""


@pytest.fixture(scope="module")
def function(server: RunningServer) -> str:
    role = server.make_role(ACCOUNT, "worker", "lambda.amazonaws.com", allow("logs:*"))
    return server.make_function(
        ACCOUNT, "worker", SOURCE, role, Timeout=2, Environment={"Variables": {"GREETING": "moin"}}
    )


def invoke(server: RunningServer, function: str, event: Any) -> tuple[Any, str | None]:
    answer = server.client("lambda", ACCOUNT).invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


def test_answers_and_keeps_its_process(server: RunningServer, function: str) -> None:
    first, error = invoke(server, function, {"n": 1})
    second, _ = invoke(server, function, {"n": 2})
    assert error is None
    assert first["echo"] == {"n": 1}
    assert first["pid"] == second["pid"]
    assert 0 < first["remaining"] <= 2000
    assert invoke(server, function, {"do": "none"}) == (None, None)


def test_error_carries_its_class(server: RunningServer, function: str) -> None:
    payload, error = invoke(server, function, {"do": "raise"})
    assert error == "Unhandled"
    assert payload["errorType"] == "NotYours"
    assert payload["errorMessage"] == "product belongs to another account"
    assert "in handler" in payload["stackTrace"][0]


def test_timeout_kills_the_process(server: RunningServer, function: str) -> None:
    before, _ = invoke(server, function, {})
    payload, error = invoke(server, function, {"do": "sleep", "seconds": 30})
    assert error == "Unhandled"
    assert payload["errorType"] == "Sandbox.Timedout"
    assert payload["errorMessage"].endswith("Error: Task timed out after 2.00 seconds")
    assert not process_exists(before["pid"])
    assert invoke(server, function, {})[0]["pid"] != before["pid"]


def test_a_crash_is_reported_and_the_next_call_works(server: RunningServer, function: str) -> None:
    payload, error = invoke(server, function, {"do": "exit"})
    assert error == "Unhandled"
    assert payload["errorType"] == "Runtime.ExitError"
    assert payload["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert invoke(server, function, {"n": 1})[0]["echo"] == {"n": 1}


def test_runs_as_its_role(server: RunningServer, function: str) -> None:
    assert invoke(server, function, {"do": "whoami"})[0] == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/worker"
    payload, error = invoke(server, function, {"do": "list-buckets"})
    assert error == "Unhandled"
    assert "(AccessDenied)" in payload["errorMessage"]


def test_environment_is_the_functions_own(server: RunningServer, function: str) -> None:
    environment, _ = invoke(server, function, {"do": "environment"})
    assert environment["GREETING"] == "moin"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "worker"
    assert environment["AWS_ENDPOINT_URL"] == server.endpoint
    assert environment["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert "VIRTUAL_ENV" not in environment


def test_broken_module_reports_its_import_error(server: RunningServer) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/worker"
    server.make_function(ACCOUNT, "broken", "import powertools_that_nobody_packed", role)
    payload, error = invoke(server, "broken", {})
    assert error == "Unhandled"
    assert payload["errorType"] == "Runtime.ImportModuleError"
    assert "powertools_that_nobody_packed" in payload["errorMessage"]


def test_layers_are_on_the_path_and_the_later_one_wins(server: RunningServer) -> None:
    client = server.client("lambda", ACCOUNT)
    versions = [
        client.publish_layer_version(
            LayerName=f"layer{n}", Content={"ZipFile": zip_of({"python/packed.py": f"NUMBER = {n}"})}
        )["LayerVersionArn"]
        for n in (1, 2)
    ]
    source = "import packed\ndef handler(event, context):\n    return packed.NUMBER"
    server.make_function(ACCOUNT, "layered", source, f"arn:aws:iam::{ACCOUNT}:role/worker", Layers=versions)
    assert invoke(server, "layered", {}) == (2, None)


def test_what_others_imported_is_imported_and_what_a_function_brings_is_its_own(server: RunningServer) -> None:
    role = server.make_role(ACCOUNT, "learner", "lambda.amazonaws.com", allow("logs:*"))
    source = "import sys\ndef handler(event, context):\n    return [name in sys.modules for name in event]"
    modules = ["boto3.session", "botocore.client", "app", "awslambdaric.bootstrap"]
    server.make_function(ACCOUNT, "teacher", f"import boto3\n{source}", role)
    assert invoke(server, "teacher", modules) == ([True, True, True, True], None)

    def taught() -> bool:
        server.make_function(ACCOUNT, "pupil", source, role)
        found = invoke(server, "pupil", [*modules, "simplejson"])[0]
        server.client("lambda", ACCOUNT).delete_function(FunctionName="pupil")
        return bool(found == [True] * 5)

    wait_until(taught)
    own = zip_of({"app.py": "import boto3\ndef handler(event, context): return boto3.OWN", "boto3.py": "OWN = 42"})
    server.client("lambda", ACCOUNT).create_function(
        FunctionName="packer", Runtime="python3.13", Role=role, Handler="app.handler", Code={"ZipFile": own}
    )
    assert invoke(server, "packer", {}) == (42, None)


def test_what_others_imported_in_a_call_is_there_before_the_first_one(
    server: RunningServer,
) -> None:
    role = server.make_role(ACCOUNT, "caller", "lambda.amazonaws.com", allow("logs:*"))
    look = """
        import sys
        import botocore.session
        def read():
            kept = getattr(botocore.session.create_loader(), "_cache", {})
            return ["load_service_model", "mturk"] in [list(key[:2]) for key in kept]
        def handler(event, context):
            found = ["colorsys" in sys.modules, read()]
    """
    call = """
            import boto3, colorsys
            boto3.client("mturk", region_name="us-east-1")
            return found
    """
    source = textwrap.dedent(look.rstrip() + call)
    server.make_function(ACCOUNT, "first-caller", source, role)
    assert invoke(server, "first-caller", {})[1] is None

    def inherited() -> bool:
        server.make_function(ACCOUNT, "next-caller", source, role)
        found, error = invoke(server, "next-caller", {})
        server.client("lambda", ACCOUNT).delete_function(FunctionName="next-caller")
        return (found, error) == ([True, True], None)

    wait_until(inherited)


def test_a_layers_module_that_reads_the_environment_is_imported_by_each_process(server: RunningServer) -> None:
    role = server.make_role(ACCOUNT, "greeted", "lambda.amazonaws.com", allow("logs:*"))
    layer = {
        "python/steady.py": "import boto3",
        "python/greeting.py": "import os, steady\nTEXT = os.environ.get('GREETING')",
        "python/package/__init__.py": "",
        "python/package/greeted.py": "import steady\nfrom greeting import TEXT",
    }
    arn = server.client("lambda", ACCOUNT).publish_layer_version(
        LayerName="greeter", Content={"ZipFile": zip_of(layer)}
    )
    source = """
        import sys
        known = sorted({"steady", "greeting", "package.greeted", "package"} & set(sys.modules))
        from package import greeted
        import greeting
        def handler(event, context):
            return {"known": known, "texts": [greeting.TEXT, greeted.TEXT]}
    """

    def call(name: str, greeting: str) -> Any:
        settings = {"Layers": [arn["LayerVersionArn"]], "Environment": {"Variables": {"GREETING": greeting}}}
        server.make_function(ACCOUNT, name, textwrap.dedent(source), role, **settings)
        answer = invoke(server, name, {})[0]
        server.client("lambda", ACCOUNT).delete_function(FunctionName=name)
        return answer

    assert call("first", "moin") == {"known": [], "texts": ["moin", "moin"]}
    expected = {"known": ["package", "steady"], "texts": ["hola", "hola"]}
    assert wait_until(lambda: (found := call("second", "hola")) == expected and found) == expected


def test_each_process_has_temporary_files_of_its_own(server: RunningServer) -> None:
    role = server.make_role(ACCOUNT, "scribbler", "lambda.amazonaws.com", allow("logs:*"))
    source = "import os, tempfile\ndef handler(event, context):\n    return [tempfile.mkdtemp(), os.getpid()]"
    folders = []
    for name in ("one", "other"):
        server.make_function(ACCOUNT, f"writer-{name}", source, role)
        made, pid = invoke(server, f"writer-{name}", {})[0]
        assert Path(made).is_relative_to(server.state_dir)
        folders.append(Path(made).parent)
        os.kill(pid, signal.SIGKILL)
        invoke(server, f"writer-{name}", {})
        wait_until(lambda: not folders[-1].exists())
    assert folders[0] != folders[1]


def test_a_template_that_dies_is_replaced(server: RunningServer, function: str) -> None:
    before, _ = invoke(server, function, {})
    os.kill(before["parent"], signal.SIGKILL)
    wait_until(lambda: not process_exists(before["pid"]))
    after, error = invoke(server, function, {"n": 4})
    assert (after["echo"], error) == ({"n": 4}, None)


def test_new_code_is_served_at_once(server: RunningServer) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/worker"
    server.make_function(ACCOUNT, "changing", "def handler(event, context): return 1", role)
    assert invoke(server, "changing", {}) == (1, None)
    server.client("lambda", ACCOUNT).update_function_code(
        FunctionName="changing", ZipFile=zip_of({"app.py": "def handler(event, context): return 2"})
    )
    assert invoke(server, "changing", {}) == (2, None)


def test_logs_reach_cloudwatch(server: RunningServer, function: str) -> None:
    invoke(server, function, {"do": "log-me"})
    logs = server.client("logs", ACCOUNT)
    events = logs.filter_log_events(logGroupName="/aws/lambda/worker", filterPattern="handling")["events"]
    assert any("handling log-me" in event["message"] for event in events)


def test_a_shared_log_group_has_streams_that_name_their_function(server: RunningServer) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html"""
    logs, source = (
        server.client("logs", ACCOUNT),
        "def handler(event, context): print('said by', context.function_name)",
    )
    role = server.make_role(ACCOUNT, "sharing", "lambda.amazonaws.com", allow("logs:*"))
    for name in ("sharing-one", "sharing-two"):
        server.make_function(ACCOUNT, name, source, role, LoggingConfig={"LogFormat": "JSON", "LogGroup": "shared"})
        invoke(server, name, {})
        invoke(server, name, {})

    found = logs.filter_log_events(logGroupName="shared", filterPattern='"said by"')["events"]
    today = datetime.now(UTC).strftime("%Y/%m/%d")
    assert len(found) == 4
    for event in found:
        name = event["message"].removeprefix("said by ").strip()
        assert re.fullmatch(rf"{today}/{name}\[\$LATEST\]\[[0-9a-f]{{32}}\]", event["logStreamName"])
    assert not [group for group in logs.describe_log_groups()["logGroups"] if "sharing" in group["logGroupName"]]


def test_injected_crash_happens_once(server: RunningServer, function: str) -> None:
    rule = {"kind": "function_crash", "service": "lambda", "action": "Invoke", "resource": "*:function:worker"}
    server.control("POST", "/_mesh/faults", rule)
    payload, _ = invoke(server, function, {})
    assert payload["errorType"] == "Runtime.ExitError"
    assert invoke(server, function, {"n": 3})[0]["echo"] == {"n": 3}


def test_an_event_that_is_throttled_waits_and_is_no_attempt(server: RunningServer) -> None:
    """Twelve at once for a function that may run once at a time; none is lost, and none comes to the queue."""
    queue = server.client("sqs", ACCOUNT).create_queue(QueueName="never-run")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:never-run"
    role = server.make_role(ACCOUNT, "patient", "lambda.amazonaws.com", allow("logs:*", "sqs:SendMessage"))
    name = server.make_function(ACCOUNT, "patient", SOURCE, role, Timeout=5).rpartition(":")[2]
    functions = server.client("lambda", ACCOUNT)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    functions.put_function_event_invoke_config(FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn}})
    for number in range(12):
        event = json.dumps({"do": "sleep", "seconds": 0.2, "number": number}).encode()
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=event)

    def handled() -> int:
        logs = server.client("logs", ACCOUNT)
        try:
            events = logs.filter_log_events(logGroupName="/aws/lambda/patient")["events"]
        except logs.exceptions.ResourceNotFoundException:  # none was handled yet
            return 0
        return sum("handling sleep" in event["message"] for event in events)

    wait_until(lambda: handled() == 12, seconds=30)
    depth = server.client("sqs", ACCOUNT).get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert depth["Attributes"]["ApproximateNumberOfMessages"] == "0"


def test_processes_are_bounded_and_end_with_the_server(tmp_path: Any) -> None:
    with running_server(tmp_path, "--max-processes", "2") as small:
        role = small.make_role(ACCOUNT, "worker", "lambda.amazonaws.com")
        small.make_function(ACCOUNT, "worker", SOURCE, role, Timeout=20)
        call = {"do": "sleep", "seconds": 0.3}
        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(lambda _: invoke(small, "worker", call), range(6)))
        pids = {answer["pid"] for answer, _ in answers}
        assert len(pids) == 2
        # A third function makes room by stopping an idle process.
        small.make_function(ACCOUNT, "other", SOURCE, role)
        other = invoke(small, "other", {})[0]["pid"]
        assert sum(process_exists(pid) for pid in (*pids, other)) == 2
    wait_until(lambda: not any(process_exists(pid) for pid in (*pids, other)))


def test_processes_die_with_a_killed_server(tmp_path: Any) -> None:
    with running_server(tmp_path) as doomed:
        role = doomed.make_role(ACCOUNT, "worker", "lambda.amazonaws.com")
        doomed.make_function(ACCOUNT, "worker", SOURCE, role, Timeout=60)
        pid = invoke(doomed, "worker", {})[0]["pid"]
        threads = ThreadPoolExecutor(1)
        busy = threads.submit(invoke, doomed, "worker", {"do": "sleep", "seconds": 50})
        time.sleep(0.3)
        doomed.process.kill()
        wait_until(lambda: not process_exists(pid), seconds=5)
        with pytest.raises(Exception, match=r"[Cc]onnect"):
            busy.result(timeout=10)
        threads.shutdown()


def test_unknown_function_is_an_error_of_the_service(server: RunningServer) -> None:
    with pytest.raises(ClientError) as caught:
        server.client("lambda", ACCOUNT).invoke(FunctionName="nobody")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_role_must_trust_lambda(server: RunningServer) -> None:
    role = server.make_role(ACCOUNT, "for-states", "states.amazonaws.com")
    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        server.make_function(ACCOUNT, "untrusted", SOURCE, role)


def test_queue_needs_a_role_that_may_read_it(server: RunningServer, function: str) -> None:
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:fed"
    sqs, client = server.client("sqs", ACCOUNT), server.client("lambda", ACCOUNT)
    url = sqs.create_queue(QueueName="fed", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    with pytest.raises(ClientError, match="permissions to call ReceiveMessage on SQS"):
        client.create_event_source_mapping(EventSourceArn=queue, FunctionName="worker")
    actions = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    role = server.make_role(ACCOUNT, "fed", "lambda.amazonaws.com", allow(*actions, resource=queue))
    server.make_function(ACCOUNT, "fed", "def handler(event, context): print(event['Records'][0]['body'])", role)
    client.create_event_source_mapping(EventSourceArn=queue, FunctionName="fed")
    sqs.send_message(QueueUrl=url, MessageBody="eaten")
    logs = server.client("logs", ACCOUNT)
    wait_until(lambda: "/aws/lambda/fed" in str(logs.describe_log_groups()))
    wait_until(lambda: "eaten" in str(logs.filter_log_events(logGroupName="/aws/lambda/fed")["events"]))


GATHERING = """
def handler(event, context):
    print("batch:", ",".join(sorted(record["body"] for record in event["Records"])), ".")
"""


def test_messages_are_gathered_until_the_window_is_over_or_the_batch_is_full(server: RunningServer) -> None:
    """The window is 100 s on AWS."""
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:gathered"
    sqs, client, logs = (server.client(service, ACCOUNT) for service in ("sqs", "lambda", "logs"))
    url = sqs.create_queue(QueueName="gathered", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    actions = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    role = server.make_role(ACCOUNT, "gathering", "lambda.amazonaws.com", allow(*actions, resource=queue))
    server.make_function(ACCOUNT, "gathering", GATHERING, role)
    client.create_event_source_mapping(
        EventSourceArn=queue, FunctionName="gathering", BatchSize=3, MaximumBatchingWindowInSeconds=100
    )

    def batches() -> list[str]:
        found = (
            logs.filter_log_events(logGroupName="/aws/lambda/gathering")["events"] if "gathering" in groups() else []
        )
        return re.findall(r"batch: (\S+) \.", str(found))

    def groups() -> str:
        return str(logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/gathering"))

    started = time.monotonic()
    for body in ("a", "b"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    wait_until(lambda: batches() == ["a,b"])
    assert time.monotonic() - started >= 100 * WAIT_SCALE
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": body, "MessageBody": body} for body in "cde"])
    wait_until(lambda: batches() == ["a,b", "c,d,e"])
