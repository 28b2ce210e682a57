"""Stacks of a running mesh, deployed and deleted again with the real sam."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import account_bootstrap
from local.accounts import ACCOUNTS, REGION
from local.deploy import interpreter_with_pip
from local.mesh import ROOT
from tests import mesh_fixtures
from tests.mesh_driver import MeshDriver


def sam(mesh: MeshDriver, account: str, *command: str, fails: bool = False) -> None:
    """As the account's administrator; `local.deploy` runs it in the same way."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "PATH": f"{interpreter_with_pip()}{os.pathsep}{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": mesh.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.1",
        **account_bootstrap.admin_environment(mesh.endpoint, ACCOUNTS[account]),
    }
    done = subprocess.run(
        [*mesh_fixtures.SAM, *command],
        cwd=mesh.builds / account,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr


def delete(mesh: MeshDriver, account: str) -> None:
    sam(mesh, account, "delete", "--stack-name", f"meshwork-{account}", "--no-prompts", "--region", REGION)


def deploy(mesh: MeshDriver, account: str, template: str = "template.yaml", *, fails: bool = False) -> None:
    """What the fixture built: its template leads to the state machines by relative paths."""
    built = mesh_fixtures.HOME / "build" / account / "out" / template
    options = ["--config-file", str(ROOT / "samconfig.toml"), "--config-env", account, "--template-file", str(built)]
    sam(mesh, account, "deploy", "--no-progressbar", *options, fails=fails)


@contextmanager
def governed_by(folder: Path, **changes: tuple[str, str]) -> Iterator[str]:
    """The name of central's template with other files of governance: in each, one text in place of another."""
    shutil.copytree(ROOT / "governance", folder / "python")
    for name, (before, after) in changes.items():
        path = folder / "python" / f"{name}.yaml"
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, after), "utf-8")
    out = mesh_fixtures.HOME / "build" / "central" / "out"
    template = out / f"template-{uuid.uuid4()}.yaml"
    layer = (out / "template.yaml").read_text("utf-8").replace("ContentUri: GovernanceLayer", f"ContentUri: {folder}")
    template.write_text(layer, "utf-8")
    try:
        yield template.name
    finally:
        template.unlink()
