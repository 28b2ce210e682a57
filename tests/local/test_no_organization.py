"""A mesh whose accounts are in no organization: each account accepts its own invitations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.app import app
from local import mesh
from local.accounts import ACCOUNTS
from local.shares import ORGANIZATION
from tests.local.running import RunningServer, running_server, wait_until

CENTRAL, PRODUCER, CONSUMER = ACCOUNTS["central"], ACCOUNTS["producer"], ACCOUNTS["consumer"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("alone"), "--no-organization") as running:
        yield running


def statuses(server: RunningServer, account: str) -> list[str]:
    answer = server.client("ram", account).get_resource_share_invitations()
    return [invitation["status"] for invitation in answer["resourceShareInvitations"]]


def test_the_first_grant_invites_and_nobody_accepts_for_an_account(alone: RunningServer) -> None:
    lf = alone.client("lakeformation", CENTRAL)
    lf.put_data_lake_settings(DataLakeSettings={"Parameters": {"CROSS_ACCOUNT_VERSION": "4"}})
    lf.create_lf_tag(TagKey="product", TagValues=["cards"])
    for account in (PRODUCER, CONSUMER):
        lf.grant_permissions(
            Principal={"DataLakePrincipalIdentifier": account},
            Resource={"LFTag": {"TagKey": "product", "TagValues": ["cards"]}},
            Permissions=["DESCRIBE"],
        )

    def sees(account: str) -> bool:
        return bool(alone.client("lakeformation", account).list_lf_tags(ResourceShareType="ALL")["LFTags"])

    ram = alone.client("ram", PRODUCER)
    for invitation in ram.get_resource_share_invitations()["resourceShareInvitations"]:
        assert (invitation["status"], sees(PRODUCER)) == ("PENDING", False)
        ram.accept_resource_share_invitation(resourceShareInvitationArn=invitation["resourceShareInvitationArn"])
    assert statuses(alone, PRODUCER) == ["ACCEPTED"]
    wait_until(lambda: sees(PRODUCER))
    assert (statuses(alone, CONSUMER), sees(CONSUMER)) == (["PENDING"], False)


def test_its_accounts_have_no_organization_that_a_policy_could_name(alone: RunningServer) -> None:
    events = alone.client("events", CENTRAL)
    arn = events.create_event_bus(Name="organized")["EventBusArn"]
    events.put_permission(
        EventBusName="organized",
        StatementId="all",
        Action="events:PutEvents",
        Principal="*",
        Condition={"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": ORGANIZATION},
    )
    entry = {"Source": "mesh", "DetailType": "Any", "Detail": "{}", "EventBusName": arn}
    answer = alone.client("events", PRODUCER).put_events(Entries=[entry])
    assert [each["ErrorCode"] for each in answer["Entries"]] == ["AccessDeniedException"]


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """`mesh up` without servers: how they are started."""
    started: list[dict[str, Any]] = []
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    monkeypatch.setattr(mesh.Mesh, "start", lambda _self, _scale, **how: started.append(how))
    monkeypatch.setattr("cli.mesh_commands.deploy", lambda *_: True)
    return started


@pytest.mark.parametrize(("flags", "organization"), [((), True), (("--no-organization",), False)])
def test_mesh_up_shows_whether_there_is_an_organization(
    up: list[dict[str, Any]], flags: tuple[str, ...], organization: bool
) -> None:
    assert CliRunner().invoke(app, ["up", "--json", *flags]).exit_code == 0
    assert up == [{"organization": organization}]


def test_a_running_mesh_does_not_leave_its_organization(
    up: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mesh.Mesh, "pid", lambda _self: 1)
    assert CliRunner().invoke(app, ["up"]).exit_code == 0
    assert CliRunner().invoke(app, ["up", "--organization"]).exit_code == 0
    refused = CliRunner().invoke(app, ["up", "--no-organization"])
    assert (refused.exit_code, isinstance(refused.exception, mesh.MeshError)) == (1, True)
    assert up == []
