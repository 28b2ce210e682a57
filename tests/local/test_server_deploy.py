"""The real `sam build` and `sam deploy` against the gateway: what the templates use works, twice, and updates."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import account_bootstrap
from local.accounts import ACCOUNTS
from local.deploy import Deployment, interpreter_with_pip
from local.mesh import Mesh
from tests.local.running import RunningServer, free_port, wait_until

ACCOUNT = ACCOUNTS["central"]
STACK = Path(__file__).parent / "fixtures" / "stack"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(STACK, tmp_path_factory.mktemp("project") / "stack"))


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The system's folder for temporary files, as the mesh and sam see it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("temporary")
        patch.setenv("TMPDIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory, temporary: Path) -> Iterator[Mesh]:
    mesh = Mesh(free_port(), tmp_path_factory.mktemp("home"))
    mesh.start(wait_scale=0.01, with_parent=True)
    yield mesh
    mesh.stop()


@pytest.fixture(scope="module")
def deployed(mesh: Mesh, project: Path) -> dict[str, str]:
    assert Deployment(mesh, root=project).run()
    return outputs(mesh)


def outputs(mesh: Mesh) -> dict[str, str]:
    stack = client(mesh, "cloudformation").describe_stacks(StackName="fixture")["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def client(mesh: Mesh, service: str) -> Any:
    return RunningServer(mesh.endpoint, mesh.state_dir, None).client(service, ACCOUNT)  # type: ignore[arg-type]


def test_function_has_its_layers_and_the_custom_resource_ran(mesh: Mesh, deployed: dict[str, str]) -> None:
    answer = client(mesh, "lambda").invoke(FunctionName=deployed["FunctionName"])
    assert json.loads(answer["Payload"].read()) == {"said": "hello, mesh", "yaml": "6.0.3"}
    assert deployed["Said"] == "hello, mesh"


def test_a_deployment_leaves_no_temporary_files(mesh: Mesh, deployed: dict[str, str], temporary: Path) -> None:
    assert [*temporary.iterdir()] == []
    assert {path.name for path in (mesh.state_dir / "tmp").iterdir()} <= {"ministack", "s3"}


def test_layers_and_archives_are_made_once(mesh: Mesh, deployed: dict[str, str], project: Path) -> None:
    made = {path: path.stat().st_ino for path in mesh.cache_dir.rglob("*") if path.is_file()}
    assert any("requirements" in path.parts for path in made)
    assert any(path.name == "it.zip" for path in made)
    readme = project / "template.yaml"
    readme.write_text(readme.read_text() + "# other text\n")
    assert Deployment(mesh, root=project).run()
    assert {path: path.stat().st_ino for path in made} == made


def test_upload_starts_the_machine_with_substituted_definition(mesh: Mesh, deployed: dict[str, str]) -> None:
    client(mesh, "s3").put_object(Bucket=deployed["BucketName"], Key="x/y z.csv", Body=b"1")
    sfn = client(mesh, "stepfunctions")
    found = wait_until(
        lambda: sfn.list_executions(stateMachineArn=deployed["MachineArn"], statusFilter="SUCCEEDED")["executions"]
    )
    assert len(found) == 1


def test_queue_feeds_the_function_and_only_failed_items_return(mesh: Mesh, deployed: dict[str, str]) -> None:
    sqs = client(mesh, "sqs")
    for body in ("good", "bad"):
        sqs.send_message(QueueUrl=deployed["InboxUrl"], MessageBody=body)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def left() -> int:
        found = sqs.get_queue_attributes(QueueUrl=deployed["InboxUrl"], AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    wait_until(lambda: left() == 1)


def test_bus_has_its_policy(mesh: Mesh, deployed: dict[str, str]) -> None:
    policy = json.loads(client(mesh, "events").describe_event_bus(Name="fixture")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": ["222222222222", "333333333333"]}


def test_unchanged_is_left_alone_and_a_change_arrives(mesh: Mesh, deployed: dict[str, str], project: Path) -> None:
    assert not Deployment(mesh, root=project).run()
    template = project / "template.yaml"
    template.write_text(template.read_text().replace("RetentionInDays: 30", "RetentionInDays: 14"))
    common = project / "layers/common/common/__init__.py"
    common.write_text(common.read_text().replace("{word}, mesh", "{word}, new mesh"))
    assert Deployment(mesh, root=project).run()
    answer = client(mesh, "lambda").invoke(FunctionName=deployed["FunctionName"])
    assert json.loads(answer["Payload"].read())["said"] == "hello, new mesh"
    groups = client(mesh, "logs").describe_log_groups()["logGroups"]
    assert [
        group["retentionInDays"] for group in groups if group["logGroupName"].endswith(deployed["FunctionName"])
    ] == [14]


def test_by_hand_a_second_deploy_is_a_no_op(mesh: Mesh, deployed: dict[str, str], project: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{interpreter_with_pip()}{os.pathsep}{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": mesh.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "SAM_CLI_TELEMETRY": "0",
        **account_bootstrap.admin_environment(mesh.endpoint, ACCOUNT),
    }
    sam = Path(sys.executable).with_name("sam")

    def run(command: str) -> str:
        done = subprocess.run(
            [sam, command, "--config-env", "central"],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("build")
    run("deploy")
    assert "No changes to deploy" in run("deploy")


def test_a_stack_that_was_deleted_is_deployed_again(mesh: Mesh, deployed: dict[str, str], project: Path) -> None:
    assert not Deployment(mesh, root=project).run()
    s3, cloudformation = client(mesh, "s3"), client(mesh, "cloudformation")
    for version in s3.list_object_versions(Bucket=deployed["BucketName"]).get("Versions", []):
        s3.delete_object(Bucket=deployed["BucketName"], Key=version["Key"], VersionId=version["VersionId"])
    cloudformation.delete_stack(StackName="fixture")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="fixture", WaiterConfig={"Delay": 1})

    assert Deployment(mesh, root=project).run()

    assert outputs(mesh)["Said"] == "hello, new mesh"
