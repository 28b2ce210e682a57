"""Counts and times of the deployed mesh: what a run costs, and what a function's import loads."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local import runtime
from local.deploy import TEMPLATES
from local.mesh import ROOT
from tests.mesh_driver import MeshDriver, Run

_PROBE: Final = "import json, sys, app; print(json.dumps(sorted(sys.modules)))"
MACHINES: Final = ("onboard-upload", "commit-version")
"""Those that an upload goes through."""
_NOT_OF_THE_RUN: Final = frozenset({"Admin", "root"})


@dataclass(frozen=True)
class Import:
    """What importing a function's module loads; `milliseconds` as `python -X importtime` has them."""

    name: str
    milliseconds: float
    modules: tuple[str, ...]


@dataclass(frozen=True)
class MeasuredUpload:
    """One upload, from the object to the subscriber's notice, when nothing else happened."""

    runs: tuple[Run, ...]
    calls: Counter[str]
    """AWS calls of the product's roles, by `service:action`."""
    by_role: Counter[tuple[str, str]]
    """The same, by (role without the stack's name and random end, `service:action`)."""
    bytes_read: int
    """Of the uploaded object, by CheckObjects."""

    @property
    def calls_without_lineage(self) -> Counter[str]:
        """Lineage is a queue's work, and nobody waits for it."""
        found: Counter[str] = Counter()
        for (role, call), count in self.by_role.items():
            if "Lineage" not in role:
                found[call] += count
        return found

    @property
    def transitions(self) -> int:
        """State transitions, as Step Functions bills them: states entered."""
        return sum(len(run.states) for run in self.runs)


def measure_upload(mesh: MeshDriver, product: str, key: str, body: bytes) -> MeasuredUpload:
    """Upload one object to a subscribed product that is idle, and count what it takes. Its table may be new."""
    mesh.settled(product)
    seen = _runs(mesh, product)
    version = len(mesh.notices(product)) + 1
    since = now_in(mesh)
    mesh.put_object(key, body)
    mesh.wait_for_notice(product, version=version)
    mesh.settled(product)
    calls = [
        call for call in mesh.record(since) if _role(call) not in _NOT_OF_THE_RUN and "JoinMesh" not in _role(call)
    ]
    known = {run.arn for run in seen}
    return MeasuredUpload(
        runs=tuple(run for run in _runs(mesh, product) if run.arn not in known),
        by_role=Counter((_short(_role(call)), f"{call['service']}:{call['action']}") for call in calls),
        calls=Counter(f"{call['service']}:{call['action']}" for call in calls),
        bytes_read=sum(
            call["bytes_out"]
            for call in calls
            if "CheckObjects" in _role(call) and call["action"] == "GetObject" and key in call["resource"]
        ),
    )


def _runs(mesh: MeshDriver, product: str) -> list[Run]:
    return [run for machine in MACHINES for run in mesh.runs(machine, product)]


def _short(role: str) -> str:
    """`meshwork-central-CommitVersionFunctionRole-1A2B` → `CommitVersionFunctionRole`."""
    parts = role.split("-")
    return parts[2] if len(parts) > 3 else role


def now_in(mesh: MeshDriver) -> float:
    """The time of the last call that is recorded: the record's own clock."""
    return max(float(call["time"]) for call in mesh.record(0)) + 1e-6


def _role(call: dict[str, Any]) -> str:
    return str(call["principal"]).replace(":root", "/root").rpartition("/")[2]


def large_csv(mebibytes: float) -> bytes:
    """Numbers, of about that size."""
    row = b"1234567,89.25,2026-11-21,some text\n"
    return b"id,amount,day,note\n" + row * int(mebibytes * 2**20 / len(row))


def artifacts(builds: Path) -> Iterator[tuple[str, Path, list[Path]]]:
    """Every function that sam built: `account/logical id`, its folder, its layers' folders in AWS's order."""
    for account in TEMPLATES:
        out = builds / account / "out"
        layers = [found for layer in sorted(out.glob("*Layer"), reverse=True) for found in _packages(layer)]
        for folder in sorted(out.glob("*Function")):
            yield f"{account}/{folder.name}", folder, layers


def _packages(layer: Path) -> list[Path]:
    return [path for path in (layer / "python/lib/python3.13/site-packages", layer / "python") if path.is_dir()]


def import_of(name: str, folder: Path, layers: list[Path]) -> Import:
    """Import `app` as Lambda would: the function's code, its layers, the runtime's boto3, and nothing of ours."""
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(map(str, (folder, *layers))),
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "meshwork",
    }
    command = [str(runtime.ensure(ROOT)), "-X", "importtime", "-c", _PROBE]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} cannot be imported: {done.stderr[-1000:]}")
    times = [line.split("|") for line in done.stderr.splitlines() if line.startswith("import time:")]
    microseconds = next(int(cumulative) for _, cumulative, module in times if module.strip() == "app")
    return Import(name, microseconds / 1000, tuple(json.loads(done.stdout)))


def floor(folder: Path, builds: Path) -> Import:
    """What any function of the mesh must import: boto3 and pydantic, from the same layers."""
    (folder / "app.py").write_text("import boto3\nimport pydantic\n", encoding="utf-8")
    _, _, layers = next(artifacts(builds))
    return import_of("floor: boto3 and pydantic", folder, layers)
