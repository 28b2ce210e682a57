"""How many accounts are deployed: in which order, how many at a time, and with which parameters."""

import threading
import time
from pathlib import Path

import pytest

from cli.mesh_commands import named
from local import account_bootstrap
from local.accounts import FIRST
from local.deploy import Deployment
from local.mesh import Mesh

SIX = named(2, 3)


class Sam:
    """In place of sam: what was run, for whom, and how many deployments at once."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, str, tuple[str, ...]]] = []
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def __call__(self, name: str, command: str, *options: str) -> None:
        with self._lock:
            self.runs.append((command, name, options))
            self._now += command == "deploy"
            self.most = max(self.most, self._now)
        time.sleep(0.02)
        with self._lock:
            self._now -= command == "deploy"

    def parameters(self, account: str) -> dict[str, str]:
        [options] = [options for command, name, options in self.runs if (command, name) == ("deploy", account)]
        if "--parameter-overrides" not in options:
            return {}
        return dict(each.split("=", 1) for each in options[options.index("--parameter-overrides") + 1 :])


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Sam:
    found = Sam()
    monkeypatch.setattr(Deployment, "_sam", found)
    monkeypatch.setattr(Deployment, "_is_complete", lambda *_: True)
    monkeypatch.setattr(Mesh, "pid", lambda _: 1)
    monkeypatch.setattr(account_bootstrap, "make_admin_roles", lambda _, ids: list(ids))
    return found


def mesh(folder: Path) -> Mesh:
    there = Mesh(4999, folder)
    there.state_dir.mkdir(parents=True)
    for kind in FIRST:
        (folder / "build" / kind).mkdir(parents=True)
    return there


def test_each_kind_is_built_once_and_members_are_deployed_two_at_a_time(ran: Sam, tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    assert Deployment(mesh(tmp_path), accounts=SIX, report=lambda *what: told.append(what)).run()
    assert sorted(name for command, name, _ in ran.runs if command == "build") == sorted(FIRST)
    deployed = [name for command, name, _ in ran.runs if command == "deploy"]
    assert (deployed[0], sorted(deployed), ran.most) == ("central", sorted(SIX), 2)
    for account in SIX:
        assert [what for name, what in told if name == account][-2:] == ["deploying", "deployed"]


def test_an_account_that_is_added_is_deployed_beside_what_stays(ran: Sam, tmp_path: Path) -> None:
    there, admitted = mesh(tmp_path), list[list[str]]()
    assert Deployment(there, accounts=named(2, 1)).run()
    ran.runs.clear()
    assert not Deployment(there, accounts=named(2, 1)).run()
    assert Deployment(there, accounts=named(2, 2), after_central=admitted.append).run()
    assert {name for _, name, _ in ran.runs} == {"consumer-2"}
    assert admitted == [["consumer-2"]], "one that was expelled meanwhile stays so"


def test_further_accounts_have_domains_of_their_own_and_all_else_from_samconfig(ran: Sam, tmp_path: Path) -> None:
    Deployment(mesh(tmp_path), accounts=SIX).run()
    assert (ran.parameters("producer"), ran.parameters("consumer")) == ({}, {})
    assert ran.parameters("producer-2") == {
        "CentralAccountId": "111111111111",
        "CentralBusArn": "arn:aws:events:us-east-1:111111111111:event-bus/mesh",
        "LocationRoleArn": "arn:aws:iam::111111111111:role/LFRegisterLocationServiceRole",
        "Domains": "corporate-banking",
        "OwnerContact": "corporate-banking-data@example.com",
    }
    assert len({ran.parameters(f"consumer-{number}")["Domains"] for number in (2, 3)}) == 2
