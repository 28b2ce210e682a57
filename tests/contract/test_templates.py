"""What every template promises: a log destination, failure destinations, alarms, closed buckets, named resources.

What SAM makes of a function's and a machine's `Events:` is looked at as CloudFormation deploys it.
"""

import json
import re
import tomllib
from typing import Any

import pytest
import yaml

from cli.governance.versions import OUTPUT
from tests.contract.machines import folder_of, function_of, tasks
from tools.sam_transform import transformed
from tools.templates import FUNCTION, ROOT, STATE_MACHINE, TEMPLATES, load, resources

LOADED = {file: load(ROOT / file) for file in TEMPLATES}
DEPLOYED = {file: transformed(ROOT / file) for file in TEMPLATES}
EACH = pytest.mark.parametrize("template", list(LOADED.values()), ids=list(LOADED))
EACH_DEPLOYED = pytest.mark.parametrize("template", list(DEPLOYED.values()), ids=list(DEPLOYED))
MAX_LINES, MAX_BYTES, MAX_WIDTH = 3_600, 145_000, 120
"""Of the three templates together; of a line."""
RULE = "AWS::Events::Rule"
UNDONE_WHEN_IT_FAILS = {"AcceptShare"}
"""An access that could not be granted is revoked, and requested again: see statemachines/retry-run.yaml."""


def names_in(value: Any) -> set[str]:
    """Logical ids that a value refers to."""
    match value:
        case {"Ref": str(name)}:
            return {name}
        case {"Fn::GetAtt": [str(name), *_]}:
            return {name}
        case {"Fn::Sub": str(text)}:
            return {part.split("}")[0].split(".")[0] for part in text.split("${")[1:]}
        case dict():
            return set().union(*map(names_in, value.values())) if value else set()
        case list():
            return set().union(*map(names_in, value)) if value else set()
    return set()


def targets_of(template: dict) -> list[tuple[str, dict[str, Any]]]:
    """(rule, target) of each rule, SAM's own among them."""
    return [(name, target) for name, rule in resources(template, RULE).items() for target in rule["Targets"]]


def dead_letter_queues(template: dict) -> set[str]:
    """Queues where something ends up that could not be delivered or processed."""
    redrives = [queue.get("RedrivePolicy") for queue in resources(template, "AWS::SQS::Queue").values()]
    targets = [target.get("DeadLetterConfig") for _, target in targets_of(template)]
    destinations = [one["DestinationConfig"] for one in resources(template, "AWS::Lambda::EventInvokeConfig").values()]
    return names_in([redrives, targets, destinations]) & set(resources(template, "AWS::SQS::Queue"))


def test_every_template_is_one_of_those_that_are_checked():
    assert {path.name for path in ROOT.glob("template*.yaml")} == set(TEMPLATES)


@pytest.mark.parametrize("file", TEMPLATES)
def test_each_anchor_is_repeated(file):
    """That it is given once, PyYAML holds: it refuses a template where the same alias could mean two things."""
    tokens = list(yaml.scan((ROOT / file).read_text("utf-8"), Loader=yaml.CSafeLoader))
    anchors = {token.value for token in tokens if isinstance(token, yaml.AnchorToken)}

    assert anchors
    assert anchors == {token.value for token in tokens if isinstance(token, yaml.AliasToken)}


def test_templates_stay_within_their_size():
    texts = [(ROOT / file).read_text("utf-8") for file in TEMPLATES]

    assert sum(text.count("\n") for text in texts) <= MAX_LINES
    assert sum(len(text.encode()) for text in texts) <= MAX_BYTES
    assert [line for text in texts for line in text.splitlines() if len(line) > MAX_WIDTH] == []


def test_rules_on_centrals_bus_take_events_of_the_mesh_only():
    """Statements of members do not say so: they let an account put any event."""
    rules = resources(DEPLOYED["template.yaml"], RULE).values()
    on_the_bus = [rule for rule in rules if rule.get("EventBusName") == {"Ref": "MeshBus"}]
    assert len(on_the_bus) > 10
    assert {tuple(rule["EventPattern"]["source"]) for rule in on_the_bus} == {("meshwork",)}


@EACH_DEPLOYED
def test_every_function_and_machine_logs_to_a_group_with_retention(template):
    groups = resources(template, "AWS::Logs::LogGroup")
    functions = resources(template, "AWS::Lambda::Function")
    machines = resources(template, "AWS::StepFunctions::StateMachine")
    used = {name: names_in(one["LoggingConfig"]["LogGroup"]) for name, one in functions.items()}
    used |= {name: names_in(one["LoggingConfiguration"]["Destinations"]) for name, one in machines.items()}

    assert {name for name, group in used.items() if len(group) != 1 or not group <= set(groups)} == set()
    assert set().union(*used.values()) == set(groups)
    assert all("RetentionInDays" in group for group in groups.values())
    assert all(one["LoggingConfig"]["LogFormat"] == "JSON" for one in functions.values())


def test_refusals_of_senders_are_counted_whichever_function_refuses():
    [metric] = resources(DEPLOYED["template.yaml"], "AWS::Logs::MetricFilter").values()

    assert names_in(metric["LogGroupName"]) == {"FunctionLogs"}
    counted = set(re.findall(r'reason.code = "(\w+)"', metric["FilterPattern"]))
    assert counted == {"ForgedSender", "MalformedEvent", "NotAMember", "NotAllowedForRole", "NotTheOwner"}


@EACH
def test_every_function_has_policies_of_its_own_and_no_shared_role(template):
    shared = set(resources(template, "AWS::IAM::ManagedPolicy"))
    for name, function in resources(template, FUNCTION).items():
        assert "Role" not in function, name
        own = [policy for policy in function["Policies"] if "Statement" in policy]
        assert own, name
        assert names_in([policy for policy in function["Policies"] if policy not in own]) <= shared, name


@EACH
def test_what_several_share_is_used_by_several(template):
    """One managed policy for each set of rights that several functions have, or all machines."""
    users = [one.get("Policies", []) for one in resources(template, FUNCTION, STATE_MACHINE).values()]
    for name, policy in resources(template, "AWS::IAM::ManagedPolicy").items():
        assert "Roles" in policy or sum({"Ref": name} in policies for policies in users) > 1, name


@EACH_DEPLOYED
def test_no_function_has_a_layer_twice_or_more_than_lambda_takes(template):
    for name, function in resources(template, "AWS::Lambda::Function").items():
        layers = [str(layer) for layer in function["Layers"]]
        assert len(layers) == len(set(layers)) <= 5, name


@EACH_DEPLOYED
def test_every_rules_target_has_a_dead_letter_queue(template):
    for name, target in targets_of(template):
        [queue] = names_in(target["DeadLetterConfig"]["Arn"])
        assert template["Resources"][queue]["Type"] == "AWS::SQS::Queue", name


@EACH_DEPLOYED
def test_a_dead_letter_queue_lets_in_every_rule_that_names_it(template):
    allowed: dict[str, set[str]] = {}
    for policy in resources(template, "AWS::SQS::QueuePolicy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                for queue in names_in(statement["Resource"]):
                    allowed.setdefault(queue, set()).update(names_in(statement["Condition"]))
    for name, target in targets_of(template):
        queues = names_in([target["Arn"], target["DeadLetterConfig"]]) & set(resources(template, "AWS::SQS::Queue"))
        assert all(name in allowed[queue] for queue in queues), name


@EACH_DEPLOYED
def test_a_rule_may_do_what_it_is_for(template):
    """A function lets its rule in; a machine is started by a role that may start nothing else."""
    permissions = [
        (names_in(one["FunctionName"]), names_in(one["SourceArn"]))
        for one in resources(template, "AWS::Lambda::Permission").values()
    ]
    for name, target in targets_of(template):
        [arn] = names_in(target["Arn"])
        if arn in resources(template, "AWS::Lambda::Function"):
            assert ({arn}, {name}) in permissions, name
        if arn in resources(template, "AWS::StepFunctions::StateMachine"):
            [role] = names_in(target["RoleArn"])
            policies = template["Resources"][role]["Properties"]["Policies"]
            [[statement]] = [policy["PolicyDocument"]["Statement"] for policy in policies]
            assert (statement["Action"], names_in(statement["Resource"])) == ("states:StartExecution", {arn}), name


@EACH
def test_every_queue_that_feeds_a_function_has_a_dead_letter_queue_and_answers_item_by_item(template):
    queues = resources(template, "AWS::SQS::Queue")
    for name, function in resources(template, FUNCTION).items():
        timeout = function.get("Timeout", template["Globals"]["Function"]["Timeout"])
        for event in function.get("Events", {}).values():
            if event["Type"] in {"EventBridgeRule", "Schedule"}:
                continue
            assert event["Type"] == "SQS"
            assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
            [queue] = names_in(event["Properties"]["Queue"])
            assert names_in(queues[queue]["RedrivePolicy"]["deadLetterTargetArn"]), queue
            assert queues[queue]["VisibilityTimeout"] >= 6 * timeout, f"{queue}: AWS asks for six times the timeout"


@EACH_DEPLOYED
def test_every_function_that_is_called_asynchronously_has_a_failure_destination(template):
    called = set().union(*(names_in(target["Arn"]) for _, target in targets_of(template)))
    destinations = {
        name: names_in(one["DestinationConfig"]["OnFailure"])
        for one in resources(template, "AWS::Lambda::EventInvokeConfig").values()
        for name in names_in(one["FunctionName"])
    }
    for name in called & set(resources(template, "AWS::Lambda::Function")):
        assert destinations[name] & dead_letter_queues(template), name


@EACH_DEPLOYED
def test_every_dead_letter_queue_has_an_alarm_and_so_has_the_machine_that_fills_the_queue_of_failed_runs(template):
    """A machine whose run is started again by itself needs none; see test_every_failed_run_is_started_again_or_kept."""
    alarms = resources(template, "AWS::CloudWatch::Alarm")
    watched = names_in([alarm["Dimensions"] for alarm in alarms.values()])

    assert (dead_letter_queues(template) | {"FailedRunsQueue", "RetryRun"}) - watched == set()
    assert all(names_in(alarm["AlarmActions"]) == {"AlarmTopic"} for alarm in alarms.values())


@EACH
def test_every_failed_run_is_started_again_or_kept(template):
    retry = resources(template, STATE_MACHINE)["RetryRun"]
    pattern = retry["Events"]["Failed"]["Properties"]["Pattern"]
    [own] = [policy for policy in retry["Policies"] if "Statement" in policy]
    [start] = [one for one in own["Statement"] if one["Action"] == ["states:StartExecution"]]
    others = set(resources(template, STATE_MACHINE)) - {"RetryRun"}

    assert names_in(pattern["detail"]) == others
    assert names_in(start["Resource"]) == others - UNDONE_WHEN_IT_FAILS


@EACH
def test_every_bucket_takes_tls_only_and_gets_rid_of_what_is_replaced(template):
    """That they are private, encrypted and versioned: tests/component/governance/test_kept_storage.py."""
    tls_only = {
        name
        for policy in resources(template, "AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and statement["Principal"] == "*" and statement["Action"] == "s3:*"
        for name in names_in(policy["Bucket"])
    }  # fmt: skip
    for name, bucket in resources(template, "Custom::KeptBucket").items():
        assert name in tls_only
        assert any("NoncurrentDays" in rule for rule in bucket["Expires"]), name


@EACH
def test_no_statement_has_another_accounts_role_for_its_principal(template):
    """AWS keeps the role's id, and that of a role that is made again is another one: a condition holds by name.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    statements = [
        statement
        for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
        for policy in resources(template, kind).values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert statements
    assert [one["Sid"] for one in statements if names_in(one["Principal"]) - {"CentralAccountId"}] == []


@EACH
def test_queues_and_topics_are_encrypted_and_queues_take_tls_only(template):
    tls_only = {
        name
        for policy in resources(template, "AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement == {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*",
                         "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
        for name in names_in(policy["Queues"])
    }  # fmt: skip
    for name, queue in resources(template, "AWS::SQS::Queue").items():
        assert queue["SqsManagedSseEnabled"] is True, name
        assert name in tls_only
    assert all("KmsMasterKeyId" in topic for topic in resources(template, "AWS::SNS::Topic").values())


@EACH
def test_what_holds_data_outlives_its_stack_and_is_taken_up_again(template):
    """CloudFormation's own kinds would be kept too, and then refuse their names to the next stack."""
    kinds = [resource["Type"] for resource in template["Resources"].values()]

    assert kinds.count("Custom::KeptTable") == 1
    assert not {"AWS::S3::Bucket", "AWS::DynamoDB::Table"} & set(kinds)
    assert not [name for name, resource in template["Resources"].items() if resource.get("DeletionPolicy") == "Retain"]


@EACH
def test_there_is_a_dashboard_of_valid_json(template):
    [dashboard] = resources(template, "AWS::CloudWatch::Dashboard").values()
    assert json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    assert names_in(dashboard["DashboardBody"]) - {"AWS::Region", "AWS::AccountId"} <= set(template["Resources"])


@EACH
def test_a_machine_may_invoke_exactly_the_functions_it_names(template):
    for name, machine in resources(template, STATE_MACHINE).items():
        named = {one for one in names_in(machine["DefinitionSubstitutions"]) if one.endswith("Function")}
        allowed = [
            names_in(statement["Resource"])
            for policy in machine["Policies"]
            for statement in policy.get("Statement", ())
            if "lambda:InvokeFunction" in statement["Action"]
        ]
        assert set().union(*allowed) == named, name


def test_a_task_gives_its_function_the_time_it_has():
    timeouts = {
        folder_of(name): function.get("Timeout", template["Globals"]["Function"]["Timeout"])
        for template in LOADED.values()
        for name, function in resources(template, FUNCTION).items()
    }
    cut_off = [
        f"{machine}.{state}"
        for machine, state, task in tasks()
        # A run waits for people as long as the policy says, which is hours at least.
        if (function := function_of(task))
        and not isinstance(task["TimeoutSeconds"], str)
        and task["TimeoutSeconds"] < timeouts[function]
    ]

    assert cut_off == []


def test_outputs_that_the_next_account_needs_are_there():
    for file in ("template.producer.yaml", "template.consumer.yaml"):
        for name, parameter in LOADED[file]["Parameters"].items():
            description = parameter.get("Description", "")
            if description.startswith("Output ") and "central stack" in description:
                assert description.split()[1] in LOADED["template.yaml"]["Outputs"], f"{file}: {name}"


@EACH
def test_templates_hold_no_code_and_no_definitions(template):
    for function in resources(template, FUNCTION).values():
        assert "InlineCode" not in function
    for machine in resources(template, STATE_MACHINE).values():
        assert "Definition" not in machine
        assert (ROOT / machine["DefinitionUri"]).is_file()


@EACH
def test_stack_states_the_release_of_pyproject(template):
    release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert template["Outputs"][OUTPUT] == {"Value": release}
