"""`make verify-aws`, whole, against three accounts without stacks: reached through profiles, as on AWS."""

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from local import account_bootstrap
from local.accounts import ACCOUNTS, FIRST, REGION
from local.deploy import Deployment
from local.mesh import ROOT, Mesh
from tests import mesh_fixtures
from tests.e2e.governance.test_down_and_up import left_in
from tests.local.running import free_port, wait_until
from tests.mesh_driver import MeshDriver
from tests.mesh_fixtures import HOME, WAIT_SCALE
from tools.verify_aws.checks import CHECKS

pytestmark = [pytest.mark.mesh, pytest.mark.timeout(400)]

PREFIX: Final = "verify-test"


@dataclass
class Stage:
    """Three accounts in no organization, with a profile each; `built` is where sam's builds are."""

    driver: MeshDriver
    built: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MESH_"))},
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "SAM_CLI_POLL_DELAY": "0.1",
        }

    def write_profiles(self) -> None:
        lines = []
        for name in FIRST:
            number = ACCOUNTS[name]
            keys = account_bootstrap.admin_environment(self.driver.endpoint, number)
            lines += [f"[profile verify-{name}]", f"region = {REGION}", f"endpoint_url = {self.driver.endpoint}"]
            lines += [f"{key.lower()} = {value}" for key, value in keys.items()]
        (self.folder / "config").write_text("\n".join(lines), "utf-8")

    def start(self, *options: str) -> subprocess.Popen[str]:
        """The tool, in a group of its own."""
        profiles = [f"--{name}=verify-{name}" for name in FIRST]
        where = ["--built", str(self.built / "{account}" / "out"), "--state", str(self.folder)]
        where += ["--sam", shlex.join(mesh_fixtures.SAM)]
        return subprocess.Popen(
            [sys.executable, "-m", "tools.verify_aws", *profiles, *where, "--prefix", PREFIX, *options],
            cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, *options: str) -> tuple[int, str, str]:
        """Exit code, output, errors."""
        process = self.start(*options)
        try:
            out, error = process.communicate(timeout=350)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        return process.returncode, out, error

    def held(self) -> dict[str, Any]:
        """What each account's services list, and its data lake settings but for the version, which does not go back."""
        found: dict[str, Any] = {}
        for name in FIRST:
            settings = self.driver.client(name, "lakeformation").get_data_lake_settings()["DataLakeSettings"]
            settings.get("Parameters", {}).pop("CROSS_ACCOUNT_VERSION", None)
            shares = self.driver.client(name, "ram").get_resource_shares(
                resourceOwner="SELF", resourceShareStatus="ACTIVE"
            )["resourceShares"]
            listed = left_in(self.driver, name) | {"shares": {share["name"] for share in shares}}  # not deleted ones
            found[name] = (listed, settings)
        return found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    mesh = Mesh(free_port(), HOME)
    built = HOME / f"verify-{mesh.port}"
    try:
        mesh.start(WAIT_SCALE, with_parent=True, organization=False)
        with (HOME / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            Deployment(mesh).build()
            # As deep as the builds: a template leads to the state machines by relative paths.
            shutil.copytree(HOME / "build", built, copy_function=os.link)
        account_bootstrap.make_admin_roles(mesh.endpoint, [ACCOUNTS[name] for name in FIRST])
        stage = Stage(MeshDriver(mesh.endpoint, built), built, tmp_path_factory.mktemp("verify"))
        stage.write_profiles()
        yield stage
    finally:
        mesh.stop()
        shutil.rmtree(built, ignore_errors=True)
        shutil.rmtree(mesh.state_dir, ignore_errors=True)


def test_accounts_that_are_not_free_are_left_as_they_are(stage: Stage) -> None:
    events = stage.driver.client("central", "events")
    events.create_event_bus(Name="mesh")
    before = stage.held()

    code, _, error = stage.run("--yes")

    assert (code, "has buses mesh" in error) == (2, True), error
    assert stage.held() == before
    events.delete_event_bus(Name="mesh")


def test_nothing_begins_without_consent(stage: Stage) -> None:
    before = stage.held()

    code, out, error = stage.run()

    assert (code, "agree with --yes" in error) == (2, True), error
    assert "KMS keys" in out
    assert stage.held() == before


def deploying(stage: Stage, *options: str) -> subprocess.Popen[str]:
    """A run whose first stack is being made."""
    cloudformation, process = stage.driver.client("central", "cloudformation"), stage.start(*options)

    def begun() -> bool:
        stacks = cloudformation.describe_stacks()["Stacks"]
        return any(stack["StackName"].startswith(PREFIX) for stack in stacks)

    wait_until(begun, seconds=90)
    return process


def interrupt(process: subprocess.Popen[str]) -> str:
    """Ctrl-C, which a terminal sends to sam as well: what is said from then on."""
    os.killpg(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=200)
    assert process.returncode == 1, out + error
    assert "verify-aws: interrupted" in error
    assert "stacks deleted" in out
    assert out.rstrip().endswith("not verified")
    return out


def test_ctrl_c_while_stacks_are_made_leaves_nothing(stage: Stage) -> None:
    before = stage.held()

    interrupt(deploying(stage, "--yes"))

    assert stage.held() == before
    assert list(stage.folder.glob(f"{PREFIX}.json")) == []


def test_what_differs_is_told_and_ctrl_c_after_it_leaves_nothing(stage: Stage) -> None:
    """Athena reads a column that the catalog alone has as NULL: one way of what no document settles."""
    before = stage.held()
    process = stage.start("--yes", "--only", "Iceberg: columns by id")
    with stage.driver.choice(missing_column_is_null=True):
        wanted = "differs: Iceberg: columns by id"
        lines = iter(process.stdout or ())
        assert next((line for line in lines if wanted in line), ""), process.communicate()
        out = interrupt(process)

    assert "it reads as NULL" in out
    assert stage.held() == before


def test_what_a_killed_run_left_is_removed_by_the_next(stage: Stage) -> None:
    before = stage.held()
    process = deploying(stage, "--yes")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert stage.held() != before
    assert stage.run("--yes")[0] == 2

    code, out, error = stage.run("--remove-only")

    assert code == 0, out + error
    assert stage.held() == before


def test_it_runs_whole_and_leaves_nothing(stage: Stage) -> None:
    before = stage.held()

    code, out, error = stage.run("--yes")

    assert code == 0, out + error
    assert [check.behaviour for check in CHECKS if f"same: {check.behaviour}: " not in out] == []
    assert "query refused" in out
    assert stage.held() == before
