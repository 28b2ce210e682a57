"""`mesh version` of a mesh that was deployed from this checkout."""

from tests.mesh_commands import mesh_command
from tests.mesh_driver import MeshDriver


def test_each_account_states_the_release_that_was_deployed(mesh: MeshDriver) -> None:
    code, found = mesh_command(mesh, "version")

    assert (code, found["differing"]) == (0, [])
    stated = {each["account"]: (each["version"], each["problem"]) for each in found["accounts"]}
    assert stated == dict.fromkeys(("central", "producer", "consumer"), (found["clone"]["version"], ""))
    assert all(each["updated"] for each in found["accounts"])
