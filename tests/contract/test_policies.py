"""Who may do what, and what IAM would refuse on AWS: told from the templates, by the Service Authorization Reference.

Each action is one that AWS has, and none a wildcard. What a role is allowed covers each resource type that an action
requires. Each Resource is of a type that an action of its statement takes, `"*"` only where there is none. Each
condition is on a key that requests for the action carry.
"""

import fnmatch
import json
from collections.abc import Iterator

import pytest
from mesh.domain.membership.entrances import (
    CHECKS_PROPOSE,
    ORGANIZATION,
    bus_faults,
    bus_statements,
    policy_faults,
    same,
)
from moto.iam.aws_managed_policies import aws_managed_policies_data

from local.authorization import reference, steps
from tools.arn_patterns import can_match
from tools.sam_transform import transformed
from tools.template_arns import resolved
from tools.template_policies import Statement, condition_keys, listed, rights, trusts
from tools.templates import ROOT, TEMPLATES, load, resources

DEPLOYED = {file: transformed(ROOT / file) for file in TEMPLATES}
# Readers among people's roles may have verbs by wildcard; functions and machines never.
READS = ("Get*", "List*", "Search*")
PEOPLE = ("DataMeshOwner", "ProducerSteward", "ConsumerAdmin")
# What SAM attaches: to functions' roles writing logs, reading the queue of an event source; to machines', their traces.
OF_SAM = {
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole",
}
ROLES = {f"{file}-{role}": found for file, template in DEPLOYED.items() for role, found in rights(template).items()}
EACH_ROLE = pytest.mark.parametrize(("role", "statements"), list(ROLES.items()), ids=list(ROLES))
POLICIES = [(f"{file}-{trust.holder}", trust.statement) for file, each in DEPLOYED.items() for trust in trusts(each)]


def named(statement: Statement) -> Iterator[reference.Action]:
    """The actions of a statement, those that a wildcard stands for among them."""
    for written in listed(statement, "Action"):
        prefix, _, pattern = written.partition(":")
        found = fnmatch.filter(reference.operations(prefix), pattern)
        assert found, f"{written}: AWS has no such action"
        yield from filter(None, (reference.action(f"{prefix}:{name}") for name in found))


def is_of(resource: str, action: reference.Action, kinds: frozenset[str]) -> bool:
    prefix = action.name.partition(":")[0]
    return any(can_match(resource, prefix, kind) for kind in kinds)


def uncovered(statements: list[Statement]) -> list[str]:
    """What the role asks for in vain: of an action, the types that no statement's Resource covers."""
    allowed: dict[reference.Action, set[str]] = {}
    for statement in statements:
        for action in named(statement):
            allowed.setdefault(action, set()).update(listed(statement, "Resource"))
    found = []
    for action, places in allowed.items():
        missing = [kinds for kinds in action.required if not any(is_of(each, action, kinds) for each in places)]
        if not action.required and action.optional and "*" not in places:
            missing = [] if any(is_of(each, action, action.optional) for each in places) else [action.optional]
        found += [f"{action.name} on {' or '.join(sorted(kinds))}" for kinds in missing]
        if not action.types and "*" not in places:
            found.append(f"{action.name} on *")
    return found


def idle(statement: Statement) -> list[str]:
    """Resources of a statement that none of its actions takes."""
    actions = list(named(statement))
    return [
        resource
        for resource in listed(statement, "Resource")
        if not any(
            is_of(resource, action, action.types) or (resource == "*" and not action.types) for action in actions
        )
    ]


@EACH_ROLE
def test_each_action_is_allowed_on_every_resource_type_that_it_requires(role, statements):
    assert uncovered(statements) == []


@EACH_ROLE
def test_each_resource_is_of_a_type_that_an_action_takes(role, statements):
    assert [resource for statement in statements for resource in idle(statement)] == []


@EACH_ROLE
def test_each_condition_is_on_a_key_that_requests_carry(role, statements):
    assert [
        f"{action.name}: {key}"
        for statement in statements
        for action in named(statement)
        for key in condition_keys(statement)
        if not action.knows(key)
    ] == []


@pytest.mark.parametrize("statement", [each for _, each in POLICIES], ids=[holder for holder, _ in POLICIES])
def test_each_policy_of_a_resource_names_actions_that_aws_has_and_keys_that_they_know(statement):
    assert [
        f"{action.name}: {key}"
        for action in named(statement)
        for key in condition_keys(statement)
        if not action.knows(key)
    ] == []


@EACH_ROLE
def test_each_statement_says_what_is_allowed_and_by_no_wildcard_of_actions(role, statements):
    for statement in statements:
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & set(statement)
        for action in listed(statement, "Action"):
            assert "*" not in action or (action.partition(":")[2] in READS and role.endswith(PEOPLE)), action


@EACH_ROLE
def test_everything_is_allowed_only_where_an_action_takes_no_resource(role, statements):
    assert [
        action.name
        for statement in statements
        for action in named(statement)
        if "*" in listed(statement, "Resource") and action.types
    ] == []


def test_central_reads_by_no_policy_but_the_bucket_s_own():
    """Its policies do not name members, whose buckets let it in. A bucket of its own would need no policy to do so."""
    found = [
        (statement, action)
        for role, statements in ROLES.items()
        if role.startswith("template.yaml-") and "RecordLineage" not in role
        for statement in statements
        for action in listed(statement, "Action")
        if action.startswith("s3:")
    ]
    assert {action for _, action in found} == {"s3:GetObject", "s3:ListBucket"}
    for statement, _ in found:
        assert all(resource.startswith("arn:aws:s3:::*-") for resource in listed(statement, "Resource"))
        assert list(statement["Condition"]) == ["StringNotEquals"]
        assert list(statement["Condition"]["StringNotEquals"]) == ["s3:ResourceAccount"]


@EACH_ROLE
def test_a_role_is_passed_to_one_service_only(role, statements):
    for statement in statements:
        if "iam:PassRole" in listed(statement, "Action"):
            condition = statement.get("Condition", {}).get("StringEquals", {})
            assert "iam:PassedToService" in condition, "any service could be given the role"


@pytest.mark.parametrize("template", list(DEPLOYED.values()), ids=list(DEPLOYED))
def test_no_role_has_managed_policies_but_its_stacks_and_what_sam_attaches(template):
    shared = set(resources(template, "AWS::IAM::ManagedPolicy"))
    for name, role in resources(template, "AWS::IAM::Role").items():
        for attached in role.get("ManagedPolicyArns", ()):
            assert (attached["Ref"] in shared) if isinstance(attached, dict) else (attached in OF_SAM), name


def unsent(service: str, action: str, condition: dict[str, dict]) -> list[str]:
    """Keys that a statement asks for and the service does not send."""
    sent = steps.STEPS[service, action.partition(":")[0]].keys
    return [
        f"{service} {action}: {key}"
        for keys in condition.values()
        for key in keys
        if key.startswith("aws:Source") and key not in sent
    ]


def test_a_service_is_asked_only_for_what_it_sends():
    found = [
        missing
        for _, statement in POLICIES
        for service in services_of(statement)
        for action in listed(statement, "Action")
        for missing in unsent(service, action, statement.get("Condition", {}))
    ]
    permissions = [
        each for template in DEPLOYED.values() for each in resources(template, "AWS::Lambda::Permission").values()
    ]
    for permission in permissions:
        asked = {f"aws:{key}": permission[key] for key in ("SourceArn", "SourceAccount") if key in permission}
        found += unsent(permission["Principal"], permission["Action"], {"ArnLike": asked})

    assert permissions
    assert found == []


def services_of(statement: Statement) -> list[str]:
    principal = statement.get("Principal", {})
    named = principal.get("Service", []) if isinstance(principal, dict) else []
    return [named] if isinstance(named, str) else named


@pytest.mark.parametrize("file", TEMPLATES)
def test_eventbridge_is_let_onto_no_topic_and_to_no_key(file):
    """It names no source to either: a statement that lets it in lets in the rules of every account."""
    found = [
        (holder, action)
        for holder, statement in trusts(DEPLOYED[file])
        if "events.amazonaws.com" in services_of(statement)
        for action in listed(statement, "Action")
    ]

    assert [each for each in found if each[1].partition(":")[0] in {"sns", "kms"}] == []


@pytest.mark.parametrize("file", ["template.producer.yaml", "template.consumer.yaml"])
def test_the_rule_for_people_publishes_by_a_role_of_its_own(file):
    template = DEPLOYED[file]
    [target] = resources(template, "AWS::Events::Rule")["PeopleRule"]["Targets"]
    role = target["RoleArn"]["Fn::GetAtt"][0]

    assert [(holder, services_of(each)) for holder, each in trusts(template) if holder == role] == [
        (role, ["events.amazonaws.com"])
    ]
    allowed = sorted(action for statement in rights(template)[role] for action in listed(statement, "Action"))
    assert allowed == ["kms:Decrypt", "kms:GenerateDataKey", "sns:Publish"]


RELAY = "*-RelayInboxFunctionRole-*"
# What an account says on its own bus as well, by which roles alone; everything else there is central's.
SAID_BY_ITSELF = {
    "AccessReady": None,  # people hear it, and nothing acts upon it
    "ProductQuarantined": ["*-*Function*-*", "*-OnboardUpload*-*", "*-PrepareProduct*-*"],
    "QuarantineDecided": "ProducerSteward",
}


def speakers(bus: dict, kind: str) -> str | list[str] | None:
    """The roles that may put such an event on the account's bus, by pattern; None where nothing denies it."""
    for statement in bus["Policy"]["Statement"]:
        match statement["Condition"]:
            case {"ForAnyValue:StringEquals": {"events:detail-type": kinds}} if kind not in kinds:
                continue
            case {"ForAnyValue:StringNotEquals": {"events:detail-type": kinds}} if kind in kinds:
                continue
            case {"ArnNotLike": {"aws:PrincipalArn": {"Fn::Sub": pattern}}}:
                assert statement["Effect"] == "Deny"
                return pattern.partition(":role/")[2]
            case {"ArnNotLike": {"aws:PrincipalArn": [*patterns]}}:
                return [pattern.partition(":role/")[2] for pattern in patterns]
    return None


@pytest.mark.parametrize("file", ["template.producer.yaml", "template.consumer.yaml"])
def test_what_an_accounts_rules_act_upon_is_said_by_whom_it_is_of(file):
    """Whoever may put events on the bus would speak for central otherwise."""
    template = DEPLOYED[file]
    rules = resources(template, "AWS::Events::Rule")
    heard = {
        kind
        for name, rule in rules.items()
        if rule.get("EventBusName") == {"Ref": "OwnBus"} and name != "PeopleRule"
        for kind in rule["EventPattern"]["detail-type"]
    }
    bus = resources(template, "AWS::Events::EventBus")["OwnBus"]

    assert len(heard) > 3
    assert {kind: speakers(bus, kind) for kind in heard} == {kind: SAID_BY_ITSELF.get(kind, RELAY) for kind in heard}


# What AWSLakeFormationCrossAccountManager has and a granting role of central's does not need.
NOT_OF_A_GRANTOR = {
    "organizations:ListRoots": "grants go to accounts, never to an organization or a part of it",
    "organizations:ListAccountsForParent": "as above",
    "organizations:ListOrganizationalUnitsForParent": "as above",
    "ram:GetResourceShareInvitations": "the receiver's",
    "ram:ListPendingInvitationResources": "the receiver's",
    "ram:ListReplacePermissionAssociationsWork": "of customer-managed permissions",
    "ram:ListSourceAssociations": "of shares with a service",
}


def test_granting_roles_may_what_awss_policy_for_them_says():
    """https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLakeFormationCrossAccountManager.html"""
    published = json.loads(aws_managed_policies_data)["AWSLakeFormationCrossAccountManager"]["Document"]
    wanted = {action.name for statement in published["Statement"] for action in named(statement)}
    [policy] = [
        each["PolicyDocument"]
        for name, each in resources(DEPLOYED["template.yaml"], "AWS::IAM::ManagedPolicy").items()
        if name == "ShareGrantsPolicy"
    ]
    held = {action.name for statement in policy["Statement"] for action in named(statement)}

    assert wanted - held == set(NOT_OF_A_GRANTOR)
    assert held <= wanted
    conditions = {text(statement["Condition"]) for statement in policy["Statement"] if "Condition" in statement}
    assert conditions == {text(each["Condition"]) for each in published["Statement"] if "Condition" in each}


def text(condition: dict[str, dict]) -> str:
    """One value or a list of one are the same."""
    return json.dumps(
        {operator: {key: [one] if isinstance(one, str) else one for key, one in keys.items()}
         for operator, keys in condition.items()}
    )  # fmt: skip


# Statements that let a service in and do not ask for what it acts on.
WITHOUT_A_SOURCE = {
    "LFRegisterLocationServiceRole": "which account Lake Formation names when another one queries, no document tells",
}


@pytest.mark.parametrize("file", TEMPLATES)
def test_a_service_is_asked_for_its_source_wherever_it_sends_one(file):
    """But for roles that SAM makes: it takes no trust policy for them. A role is passed within its account alone, so
    that no other account's machine or rule can use it."""
    written = load(ROOT / file)["Resources"]
    found = [
        holder
        for holder, statement in trusts(DEPLOYED[file])
        for service in services_of(statement)
        for action in listed(statement, "Action")
        if holder in written and steps.STEPS[service, action.partition(":")[0]].keys
        if not any(key.startswith("aws:Source") for key in condition_keys(statement))
    ]
    found += [
        name
        for name, permission in resources(DEPLOYED[file], "AWS::Lambda::Permission").items()
        if "SourceArn" not in permission
    ]

    assert set(found) <= WITHOUT_A_SOURCE.keys()


# What people's roles change, beside data, grants and events: what their commands need.
OF_PEOPLE = {
    "lambda:InvokeFunction", "states:StartExecution", "iam:GetRole", "iam:SimulatePrincipalPolicy",
    "ram:AcceptResourceShareInvitation",
}  # fmt: skip
STEERING = ("iam", "sts", "lambda", "states", "ram", "cloudformation", "scheduler", "kms", "sns")
READERS = ("DataAnalyst", "DataScientist")
OF_PERSONS = [role for role in ROLES if role.endswith((*PEOPLE, *READERS))]


def test_the_roles_of_people_are_found():
    assert len(OF_PERSONS) == len(PEOPLE) + len(READERS)


@pytest.mark.parametrize("role", OF_PERSONS)
def test_people_s_roles_neither_pass_nor_assume_nor_change_what_the_mesh_works_with(role):
    reads = ("Get", "List", "Describe")
    changing = {
        action
        for statement in ROLES[role]
        for action in listed(statement, "Action")
        if action.partition(":")[0] in STEERING and not action.partition(":")[2].startswith(reads)
    }

    assert changing <= OF_PEOPLE
    if role.endswith(READERS):
        assert changing == set()


@pytest.mark.parametrize("file", TEMPLATES)
def test_people_may_assume_people_s_roles_alone(file):
    found = {
        holder
        for holder, statement in trusts(DEPLOYED[file])
        if "sts:AssumeRole" in listed(statement, "Action") and not services_of(statement)
    }

    assert found <= {*PEOPLE, *READERS}


def test_the_reconciliation_knows_the_policies_of_centrals_bus_queues_and_topics_as_the_template_has_them():
    """`entrances` writes them once more: what it takes for right is what is deployed."""
    central = dict(DEPLOYED["template.yaml"])
    known = bus_statements("arn:aws:events:us-east-1:111111111111:event-bus/mesh", "111111111111")
    deployed = {
        each["StatementId"]: {**resolved(each["Statement"], central), "Sid": each["StatementId"]}
        for each in resources(central, "AWS::Events::EventBusPolicy").values()
    }
    organization = deployed.pop(ORGANIZATION)
    assert deployed.keys() == known.keys()
    assert [sid for sid in known if not same(known[sid], deployed[sid])] == []
    assert list(bus_faults([organization, *deployed.values()], known[CHECKS_PROPOSE]["Resource"], "1" * 12, ())) == []

    policies = {"queue EventDlq": "QueuePolicies", "topic AlarmTopic": "AlarmTopicPolicy"}
    found = [
        policy_faults(place, [trust.statement for trust in trusts(central) if trust.holder == policy], "111111111111")
        for place, policy in policies.items()
    ]
    assert found == [[], []]
    assert len(resources(central, "AWS::SQS::QueuePolicy")) == len(resources(central, "AWS::SNS::TopicPolicy")) == 1
