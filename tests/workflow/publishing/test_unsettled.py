"""What no document of AWS settles (docs/aws.md, "not settled"), each way: all ends in a state that is defined."""

import pytest

from cli.output import CommandFailed
from tests.access_driver import AccessDriver
from tests.mesh_conditions import started_again
from tests.mesh_driver import MeshDriver
from tests.staged_tables import COLUMNS
from tests.workflow.publishing.test_commit_version import EMAIL, HAPPY, ROWS, WITH_EMAIL, prepared, read
from tests.workflow.publishing.test_roll_back import roll_back, two_versions


def test_a_creator_without_rights_of_its_own_registers_publishes_grants_and_rolls_back(mesh: MeshDriver) -> None:
    product = "uns-creator"
    link = f'"rl_{product}"."t1"'
    with mesh.choice(creator_holds_all=False):
        two_versions(mesh, product)
        before = mesh.runs("register-product", product)
        mesh.put_contract(product)
        assert mesh.wait_for_run("register-product", product, after=before).status == "SUCCEEDED"
        access = AccessDriver(mesh).live(product)
        assert read(mesh, f"SELECT count(*) FROM {link}") == [["4"]]
        assert roll_back(mesh, product, 1).status == "SUCCEEDED"
        assert read(mesh, f"SELECT * FROM {link} ORDER BY id") == [["1", "10"], ["2", "20"], ["3", "30"]]
        AccessDriver(mesh).end(access)
    with pytest.raises(CommandFailed):
        read(mesh, f"SELECT id FROM {link}")


@pytest.mark.parametrize("as_null", [False, True])
def test_readers_never_meet_a_column_that_the_metadata_lacks(mesh: MeshDriver, as_null: bool) -> None:
    product = f"uns-column-{as_null}".lower()
    link = f'"rl_{product}"."t1"'
    with mesh.choice(missing_column_is_null=as_null):
        two_versions(mesh, product)
        AccessDriver(mesh).live(product)
        roll_back(mesh, product, 1)
        assert read(mesh, f"SELECT * FROM {link} ORDER BY id") == [["1", "10"], ["2", "20"], ["3", "30"]]
        with pytest.raises(CommandFailed, match="email"):
            read(mesh, f"SELECT email FROM {link}")


def test_a_column_that_cannot_be_tagged_is_published_to_nobody(mesh: MeshDriver) -> None:
    """Lake Formation may refuse an LF-Tag on a column for ever: the version before stays, the run is in its queue."""
    product = "uns-tag"
    stager = prepared(mesh, product)
    stager.publish(stager.stage(ROWS))
    before = stager.pointer()
    staged = stager.stage(WITH_EMAIL, columns={**COLUMNS, "email": "string"}, findings=[EMAIL])
    mesh.inject("batch_failure", "lakeformation", "AddLFTagsToResource", code="InvalidInputException", count=1000)
    run = stager.propose(stager.proposal(staged))
    assert (run.status, run.states[-2:]) == ("FAILED", ("CommitVersion", "CommitFailed"))
    assert stager.pointer() == before
    assert mesh.tags(product, "t1")["email"]["publication"] == "pending"
    mesh.clear_faults()
    assert started_again(mesh, run).states == HAPPY
    assert mesh.tags(product, "t1")["email"]["pii"] == "personal"
