"""A part of `make upgrades`: one order of accounts, with uploads going on."""

import fcntl

import pytest

from tests.mesh_fixtures import HOME
from tests.upgrades import releases
from tests.upgrades.__main__ import build
from tests.upgrades.releases import NoHistoryError
from tests.upgrades.rolling import Rolling, mesh_of

# Central last: members say what the release before has to understand.
ORDER = ("consumer", "producer", "central")


@pytest.mark.mesh
@pytest.mark.timeout(600)
def test_nothing_is_lost_while_accounts_are_upgraded_one_after_the_other() -> None:
    home = HOME / "upgrades"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            old = releases.of_commit(releases.before(), home)
        except NoHistoryError as error:
            pytest.skip(f"nothing to upgrade from: {error}")
        new = releases.of_this_checkout(home)
        build(old, new)
        with mesh_of(old) as (mesh, driver):
            rolling = Rolling(mesh, driver, ["publish"], print)
            steps = [rolling.upgrade(account, new, last=account == ORDER[-1]) for account in ORDER]
    assert {step.name: step.failures for step in steps if step.failures} == {}
