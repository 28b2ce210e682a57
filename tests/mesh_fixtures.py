"""One deployed mesh for the whole test run; each test uses products of its own, so tests are independent on it."""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from cli.mesh_commands import deploy, named
from local.deploy import Deployment
from local.mesh import ROOT, Mesh, on_port
from tests.local.running import free_port
from tests.mesh_driver import MeshDriver

WAIT_SCALE: Final = 0.02
"""Retries and waits at a fiftieth of their time on AWS."""
HOME: Final = ROOT / ".mesh" / "tests"
"""Kept between runs for what is built and unpacked; apart from the meshes of people, and from the one they use now."""
SAM: Final = (sys.executable, "-m", "local.sam", str(HOME / "cache"))
"""The real sam, which does not wait for half a minute until a stack is gone."""


@contextmanager
def tested_mesh(
    home: Path = HOME, *, wait_scale: float = WAIT_SCALE, organization: bool = True, producers: int = 1
) -> Iterator[MeshDriver]:
    """Three accounts on a free port, or further producers beside them, deployed by the real templates with the real
    sam; gone at the end."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MESH_HOME", str(home))
    mesh = Mesh(free_port(), home)
    try:
        mesh.start(wait_scale, with_parent=True, organization=organization)
        with (home / "lock").open("w") as lock:
            # Test runs, and the workers of one, share the folder: one of them builds, the others find it built.
            fcntl.flock(lock, fcntl.LOCK_EX)
            Deployment(mesh).build()
            fcntl.flock(lock, fcntl.LOCK_SH)
            deploy(mesh, lambda account, what: None, named(producers, 1))
            # What was deployed here, whatever another test run builds meanwhile.
            builds = mesh.state_dir / "build"
            shutil.copytree(home / "build", builds, copy_function=os.link)
        yield MeshDriver(mesh.endpoint, builds)
    finally:
        mesh.stop()
        shutil.rmtree(mesh.state_dir, ignore_errors=True)
        patch.undo()


@contextmanager
def running_mesh(port: int, wait_scale: float = WAIT_SCALE) -> Iterator[MeshDriver]:
    """The mesh of that port, or one of its own for 0."""
    if not port:
        with tested_mesh(wait_scale=wait_scale) as mesh:
            yield mesh
        return
    there = on_port(port)
    yield MeshDriver(there.endpoint, there.state_dir / "build")


@pytest.fixture(scope="session")
def deployed_mesh() -> Iterator[MeshDriver]:
    """The mesh of the whole run."""
    with tested_mesh() as driver:
        yield driver


@pytest.fixture
def mesh(deployed_mesh: MeshDriver) -> Iterator[MeshDriver]:
    """The mesh, without faults that an earlier test left."""
    deployed_mesh.deliver_once()
    yield deployed_mesh
    deployed_mesh.deliver_once()


@pytest.fixture(scope="session")
def skipped_mesh() -> Iterator[MeshDriver]:
    """For the modules that let days pass: on it whatever waits is due then, and whatever is kept until then goes.

    Such a module has it for its `deployed_mesh`.
    """
    with tested_mesh() as driver:
        yield driver
