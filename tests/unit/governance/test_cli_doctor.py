"""Each check finds what is wrong, and says what to do; one that cannot look does not end the others."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from mesh.domain.governance.ontology import parse_ontology

from cli import output
from cli.governance import checks, doctor, drift_checks
from cli.governance.checks import Check
from cli.governance.governance import document

HEALTHY = {
    "DataLakeAdmins": [{"DataLakePrincipalIdentifier": "arn:aws:iam::111111111111:role/DataMeshOwner"}],
    "CreateDatabaseDefaultPermissions": [],
    "CreateTableDefaultPermissions": [],
    "Parameters": {"CROSS_ACCOUNT_VERSION": "4"},
}


def answering(found):
    return lambda **_: found


class FakeSite:
    """`answers`: operation → its answer."""

    def __init__(self, members=(), refusals=(), **answers):
        self.answers = answers
        self.members, self.refusals = members, refusals

    def client(self, _account, _service):
        return SimpleNamespace(
            **{name: answering(found) for name, found in self.answers.items()},
            get_paginator=lambda name: SimpleNamespace(paginate=lambda **_: [self.answers[name]]),
        )

    def central_of(self, _account):
        return "111111111111"

    def registry(self):
        return SimpleNamespace(members=lambda: iter(self.members), refusals=lambda *_: iter(self.refusals))


def wrong(checks):
    return [(check.name, check.found) for check in checks if check.ok is False]


def settings(**changes):
    return FakeSite(get_data_lake_settings={"DataLakeSettings": {**HEALTHY, **changes}})


def invitation(status, minute=0):
    return {
        "resourceShareInvitationArn": f"arn:invitation/{status}",
        "status": status,
        "invitationTimestamp": datetime(2026, 11, 28, 9, minute, tzinfo=UTC),
        "senderAccountId": "111111111111",
        "resourceShareName": "LakeFormation-V5-1",
    }


@pytest.mark.parametrize(
    ("invitations", "shared", "ok", "found"),
    [
        ([], 0, True, "nothing is shared yet"),
        ([], 1, True, "within an organization, without invitations"),
        ([invitation("REJECTED"), invitation("ACCEPTED", 1)], 1, True, "by invitation, accepted"),
        (
            [invitation("ACCEPTED"), invitation("PENDING", 1)],
            1,
            False,
            "1 invitation pending since 2026-11-28 09:01:00",
        ),
        (
            [invitation("PENDING"), invitation("ACCEPTED", 1)],
            1,
            False,
            "1 invitation pending since 2026-11-28 09:00:00",
        ),
        ([invitation("EXPIRED")], 0, False, "the latest invitation is EXPIRED"),
    ],
)
def test_how_central_shares_arrive(invitations, shared, ok, found):
    site = FakeSite(
        get_resource_share_invitations={"resourceShareInvitations": invitations},
        get_resource_shares={"resourceShares": [{"owningAccountId": "111111111111"}] * shared},
    )
    (check,) = doctor.share_checks(site, "producer")
    assert (check.ok, check.found, bool(check.remedy)) == (ok, found, not ok)


def test_good_settings_pass():
    assert wrong(drift_checks.settings_checks(settings(), "central")) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            {"CreateTableDefaultPermissions": [{"Principal": {}, "Permissions": ["ALL"]}]},
            ("default permissions", "CreateTableDefaultPermissions"),
        ),
        ({"Parameters": {"CROSS_ACCOUNT_VERSION": "2"}}, ("cross-account version", "2")),
        ({"Parameters": {}}, ("cross-account version", "1")),
        ({"DataLakeAdmins": []}, ("data lake admins", "DataMeshOwner is not a data lake admin")),
    ],
)
def test_each_wrong_setting_is_found_with_a_remedy(changes, found):
    checks = list(drift_checks.settings_checks(settings(**changes), "central"))
    assert wrong(checks) == [found]
    assert all(check.remedy for check in checks if check.ok is False)


def test_missing_tag_values_are_named():
    wanted = parse_ontology(document("ontology.yaml")).tag_values()
    tags = [{"TagKey": key, "TagValues": list(values)} for key, values in wanted.items() if values]
    assert wrong(doctor.ontology_checks(FakeSite(list_lf_tags={"LFTags": tags}), "central")) == []
    tags = [tag for tag in tags if tag["TagKey"] != "pii"]
    found = wrong(doctor.ontology_checks(FakeSite(list_lf_tags={"LFTags": tags}), "central"))
    assert found == [("LF-Tags", "missing: pii=none, pii=personal, pii=sensitive")]


def drift(name, status, *paths):
    places = [{"PropertyPath": path} for path in paths]
    return {"LogicalResourceId": name, "StackResourceDriftStatus": status, "PropertyDifferences": places}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (drift("WorkBucketPolicy", "IN_SYNC"), []),
        (drift("WorkBucketPolicy", "NOT_CHECKED"), []),
        (
            drift("WorkBucketPolicy", "MODIFIED", "/PolicyDocument/Statement/2"),
            [("policies", "WorkBucketPolicy was changed by hand: /PolicyDocument/Statement/2")],
        ),
        (drift("WorkBucketPolicy", "DELETED"), [("policies", "WorkBucketPolicy was changed by hand: it is gone")]),
    ],
)
def test_a_policy_that_is_not_as_it_was_deployed_is_found(found, said):
    there = [
        {"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": name}
        for name, kind in {"WorkBucketPolicy": "AWS::S3::BucketPolicy", "WorkBucket": "AWS::S3::Bucket"}.items()
    ]
    site = FakeSite(
        list_stack_resources={"StackResourceSummaries": there},
        detect_stack_resource_drift={"StackResourceDrift": found},
    )
    assert wrong(drift_checks.policy_checks(site, "producer")) == said
    [check] = drift_checks.policy_checks(site, "producer")
    assert (check.ok is None) == (found["StackResourceDriftStatus"] == "NOT_CHECKED")


def bus(*statements):
    return {"Policy": json.dumps({"Statement": [{"Sid": sid} for sid in statements]})}


def member(status="admitted"):
    facts = {"account": "222222222222", "role": "producer", "domains": ("risk", "retail"), "topic_arn": "arn:topic"}
    return SimpleNamespace(status=status, **facts)


def test_members_are_admitted_and_listen():
    live = {"Subscriptions": [{"SubscriptionArn": "arn:aws:sns:us-east-1:1:t:2"}]}
    pending = {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}
    on_bus, off_bus = bus("member-222222222222"), bus("member-333333333333")

    def found(*members, on=on_bus, topic=live):
        site = FakeSite(members, list_subscriptions_by_topic=topic, describe_event_bus=on)
        return list(doctor.member_checks(site, "central"))

    assert wrong(found(member())) == wrong(found(member(), on=bus("mesh-OrganizationPutsEvents"))) == []
    assert wrong(found(member(), topic=pending)) != []
    admission = "mesh admit 222222222222 --role producer --domain risk --domain retail"
    for (check,) in (found(member("pending")), found(member(), on=off_bus), found(member(), on={})):
        assert (check.ok, check.remedy) == (False, admission)
    (check,) = found(member("expelled"), on={})
    assert (check.ok, check.found) == (True, "expelled: producer, risk, retail")
    assert wrong(doctor.member_checks(FakeSite(), "central")) == [("members", "none")]


@pytest.mark.parametrize(
    ("refusals", "said"),
    [
        ([], "listens"),
        ([("PinRequested", "MalformedEvent")], "listens; 1 event refused within a day: MalformedEvent 1"),
        (
            [("PinRequested", "MalformedEvent")] * 400 + [("VersionProposed", "NotTheOwner")] * 700,
            "listens; 1,000 events or more refused within a day: NotTheOwner 600, MalformedEvent 400",
        ),
    ],
)
def test_what_was_refused_to_a_member_is_counted_and_is_no_fault_of_the_mesh(refusals, said):
    live = {"Subscriptions": [{"SubscriptionArn": "arn:aws:sns:us-east-1:1:t:2"}]}
    site = FakeSite(
        [member()], refusals, list_subscriptions_by_topic=live, describe_event_bus=bus("member-222222222222")
    )
    (check,) = doctor.member_checks(site, "central")
    assert (check.ok, check.found) == (True, f"producer, risk, retail, {said}")


@pytest.mark.parametrize(("count", "healthy"), [("0", True), ("2", False)])
def test_dead_letters_are_counted_queue_by_queue(count, healthy):
    queues = ["EventDlq", "FailedRunsQueue", "InboxQueue"]
    listed = [
        {"LogicalResourceId": name, "ResourceType": "AWS::SQS::Queue", "PhysicalResourceId": f"url/{name}"}
        for name in queues
    ]
    site = FakeSite(
        list_stack_resources={"StackResourceSummaries": listed},
        get_queue_attributes={"Attributes": {"ApproximateNumberOfMessages": count}},
    )
    (check,) = doctor.queue_checks(site, "central")
    assert check.ok is healthy
    assert check.found == ("empty (2 queues)" if healthy else "EventDlq 2, FailedRunsQueue 2")


def test_a_rejection_in_a_log_is_not_an_error():
    assert doctor.is_fault("[ERROR] KeyError: 'x'")
    assert doctor.is_fault('{"level": "ERROR", "errorType": "ClientError"}')
    assert not doctor.is_fault('[ERROR] DomainMismatch: {"code": "DomainMismatch", "remedy": "Set domain: risk"}')
    assert not doctor.is_fault("raise error_class(parsed_response)")


def test_an_error_in_a_log_is_shown_with_its_function():
    listed = [{"LogicalResourceId": "FunctionLogs", "ResourceType": "AWS::Logs::LogGroup", "PhysicalResourceId": "fl"}]
    stream = "2026/11/27/meshwork-central-RegisterProductFunction-1A[$LATEST][0b]"
    event = {"timestamp": 1, "message": "[ERROR] KeyError: 'x'", "logStreamName": stream}
    site = FakeSite(
        list_stack_resources={"StackResourceSummaries": listed}, filter_log_events={"events": [event, event]}
    )

    [(name, found)] = wrong(doctor.log_checks(site, "central"))
    assert name == "function errors"
    assert found == "2 within the hour, last in meshwork-central-RegisterProductFunction-1A: [ERROR] KeyError: 'x'"


def denied():
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListLFTags")
    yield


def broken():
    raise ClientError({"Error": {"Code": "InternalFailure", "Message": "oh"}}, "ListLFTags")
    yield


def test_a_forbidden_check_is_not_a_failure_but_an_error_is():
    assert [check.ok for check in checks.guarded("central", "LF-Tags", denied)] == [None]
    assert [check.ok for check in checks.guarded("central", "LF-Tags", broken)] == [False]


def test_the_report_fits_and_names_the_remedy(capsys, monkeypatch):
    monkeypatch.setattr(output.console, "width", 80)
    doctor.render(
        [Check("central", "LF-Tags", False, "missing: pii=none " * 9, "deploy"), Check("consumer", "x", True, "")]
    )
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert "next: deploy" in said


@pytest.mark.parametrize(("running", "found"), [(0, "none"), (2, "2 runs to be started again by itself")])
def test_runs_that_wait_for_their_next_attempt_are_counted(running, found):
    site = FakeSite(list_executions={"executions": [{}] * running})
    site.output = lambda *_: "arn:retry-run"

    [check] = doctor.machine_checks(site, "consumer")

    assert (check.ok, check.found) == (not running, found)
