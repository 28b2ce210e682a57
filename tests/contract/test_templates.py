"""What every template promises: its own log group, failure destinations, alarms, closed buckets."""

import json
from typing import Any

import pytest

from tests.contract.machines import folder_of, function_of, tasks
from tools.templates import FUNCTION, ROOT, STATE_MACHINE, TEMPLATES, load, resources

LOADED = {file: load(ROOT / file) for file in TEMPLATES}
EACH = pytest.mark.parametrize("template", list(LOADED.values()), ids=list(LOADED))


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


def dead_letter_queues(template: dict) -> set[str]:
    """Queues where something ends up that could not be delivered or processed."""
    redrives = [queue.get("RedrivePolicy") for queue in resources(template, "AWS::SQS::Queue").values()]
    targets = [
        target.get("DeadLetterConfig")
        for rule in resources(template, "AWS::Events::Rule").values()
        for target in rule["Targets"]
    ]
    destinations = [one.get("EventInvokeConfig") for one in resources(template, FUNCTION).values()]
    return names_in([redrives, targets, destinations]) & set(resources(template, "AWS::SQS::Queue"))


@EACH
def test_every_function_and_machine_has_a_log_group_of_its_own_with_retention(template):
    groups = resources(template, "AWS::Logs::LogGroup")
    used = [names_in(one["LoggingConfig"]["LogGroup"]) for one in resources(template, FUNCTION).values()]
    used += [names_in(one["Logging"]["Destinations"]) for one in resources(template, STATE_MACHINE).values()]

    assert all(len(one) == 1 and one <= set(groups) for one in used)
    assert len(set().union(*used)) == len(used)
    assert all("RetentionInDays" in group for group in groups.values())


@EACH
def test_every_function_has_policies_of_its_own_and_no_shared_role(template):
    for name, function in resources(template, FUNCTION).items():
        assert "Role" not in function, name
        assert all(isinstance(policy, dict) and "Statement" in policy for policy in function["Policies"]), name


@EACH
def test_every_rules_target_has_a_dead_letter_queue(template):
    for name, rule in resources(template, "AWS::Events::Rule").items():
        for target in rule["Targets"]:
            [queue] = names_in(target["DeadLetterConfig"]["Arn"])
            assert template["Resources"][queue]["Type"] == "AWS::SQS::Queue", name


@EACH
def test_a_dead_letter_queue_lets_in_every_rule_that_names_it(template):
    allowed: dict[str, set[str]] = {}
    for policy in resources(template, "AWS::SQS::QueuePolicy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                for queue in names_in(statement["Resource"]):
                    allowed.setdefault(queue, set()).update(names_in(statement["Condition"]))
    for name, rule in resources(template, "AWS::Events::Rule").items():
        for target in rule["Targets"]:
            queues = names_in([target["Arn"], target["DeadLetterConfig"]]) & set(resources(template, "AWS::SQS::Queue"))
            assert all(name in allowed[queue] for queue in queues), name


@EACH
def test_every_queue_that_feeds_a_function_has_a_dead_letter_queue_and_answers_item_by_item(template):
    queues = resources(template, "AWS::SQS::Queue")
    for name, function in resources(template, FUNCTION).items():
        timeout = function.get("Timeout", template["Globals"]["Function"]["Timeout"])
        for event in function.get("Events", {}).values():
            assert event["Type"] == "SQS"
            assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
            [queue] = names_in(event["Properties"]["Queue"])
            assert names_in(queues[queue]["RedrivePolicy"]["deadLetterTargetArn"]), queue
            assert queues[queue]["VisibilityTimeout"] >= 6 * timeout, f"{queue}: AWS asks for six times the timeout"


@EACH
def test_every_function_that_is_called_asynchronously_has_a_failure_destination(template):
    targets = [
        names_in(target["Arn"])
        for rule in resources(template, "AWS::Events::Rule").values()
        for target in rule["Targets"]
    ]
    functions = resources(template, FUNCTION)
    for name in set().union(*targets) & set(functions):
        destination = functions[name]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
        assert names_in(destination) & dead_letter_queues(template), name


@EACH
def test_every_dead_letter_queue_and_every_machine_has_an_alarm(template):
    alarms = resources(template, "AWS::CloudWatch::Alarm")
    watched = names_in([alarm["Dimensions"] for alarm in alarms.values()])
    wanted = dead_letter_queues(template) | set(resources(template, STATE_MACHINE))

    assert wanted
    assert wanted - watched == set()
    assert all(names_in(alarm["AlarmActions"]) == {"AlarmTopic"} for alarm in alarms.values())


@EACH
def test_every_failed_run_is_kept(template):
    rule = resources(template, "AWS::Events::Rule").get("FailedRunsRule", {})
    assert names_in(rule.get("EventPattern", {}).get("detail", {})) == set(resources(template, STATE_MACHINE))


@EACH
def test_every_bucket_is_versioned_encrypted_private_and_tls_only(template):
    tls_only = {
        name
        for policy in resources(template, "AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and statement["Principal"] == "*" and statement["Action"] == "s3:*"
        for name in names_in(policy["Bucket"])
    }  # fmt: skip
    for name, bucket in resources(template, "AWS::S3::Bucket").items():
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, name
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4, name
        assert all(bucket["PublicAccessBlockConfiguration"].values()), name
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"], name
        assert name in tls_only


@EACH
def test_queues_topics_and_tables_are_encrypted_and_queues_take_tls_only(template):
    tls_only = {
        name
        for policy in resources(template, "AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for name in names_in(statement["Resource"])
    }
    for name, queue in resources(template, "AWS::SQS::Queue").items():
        assert queue["SqsManagedSseEnabled"] is True, name
        assert name in tls_only
    assert all("KmsMasterKeyId" in topic for topic in resources(template, "AWS::SNS::Topic").values())
    for name, table in resources(template, "AWS::DynamoDB::Table").items():
        assert table["SSESpecification"] == {"SSEEnabled": True}, name
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name


@EACH
def test_what_holds_data_outlives_its_stack(template):
    for name, resource in template["Resources"].items():
        if resource["Type"] in {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}:
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain"), name


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
            for statement in policy["Statement"]
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
