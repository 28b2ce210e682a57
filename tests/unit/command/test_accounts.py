"""Which accounts there are, by which names and ids; and those for which the command has credentials."""

from collections import Counter
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from cli.app import app
from cli.mesh_commands import named
from cli.mesh_context import MeshContext, default_role, stack_name
from cli.session import Accounts, SessionError, account_named
from local import mesh
from local.accounts import ACCOUNTS, DOMAINS, FIRST, MOST, account_name, kind_of
from local.mesh import ROOT


@pytest.fixture(autouse=True)
def _no_mesh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MESH_HOME", str(tmp_path))


def up(monkeypatch: pytest.MonkeyPatch, *there: str) -> list[str]:
    """A mesh with these accounts; what is opened in it."""
    opened: list[str] = []
    monkeypatch.setattr(mesh, "on_port", lambda port: mesh.Mesh(port or 4566, Path("/nowhere")))
    monkeypatch.setattr(mesh.Mesh, "pid", lambda _: 1)
    monkeypatch.setattr(mesh.Mesh, "accounts", lambda _: there)
    monkeypatch.setattr("local.account_bootstrap.make_admin_roles", lambda _, ids: opened.extend(ids))
    return opened


def test_each_account_has_an_id_and_a_domain_of_its_own() -> None:
    assert (ACCOUNTS["producer"], ACCOUNTS["producer-2"], ACCOUNTS["consumer-9"]) == (
        "222222222222", "222222222202", "333333333309",
    )  # fmt: skip
    assert set(Counter(ACCOUNTS.values()).values()) == {1}
    assert {len(account_id) for account_id in ACCOUNTS.values()} == {12}
    assert Counter(map(kind_of, ACCOUNTS)) == {"central": 1, "producer": MOST, "consumer": MOST}
    ontology = yaml.safe_load((ROOT / "governance" / "ontology.yaml").read_text("utf-8"))
    assert set(DOMAINS.values()) <= set(ontology["keys"]["domain"]["values"])
    assert set(Counter(DOMAINS.values()).values()) == {1}


def test_the_guide_lists_ids_and_domains() -> None:
    rows = (ROOT / "docs" / "guides" / "platform-engineer.md").read_text("utf-8").splitlines()
    for kind in ("producer", "consumer"):
        names = [account_name(kind, number) for number in range(2, MOST + 1)]
        ids, domains = [ACCOUNTS[name] for name in names], ", ".join(DOMAINS[name] for name in names)
        assert f"| `{kind}` | {ACCOUNTS[kind]} | {DOMAINS[kind]} |" in rows
        assert f"| `{names[0]}` … `{names[-1]}` | {ids[0]} … {ids[-1]} | {domains} |" in rows


def test_mesh_up_names_the_accounts_by_number() -> None:
    assert named(1, 1) == FIRST
    assert named(2, 3) == ("central", "producer", "producer-2", "consumer", "consumer-2", "consumer-3")


@pytest.mark.parametrize("text", ["central", "producer", "consumer-3", "producer-12"])
def test_an_account_is_named_by_kind_and_number(text: str) -> None:
    assert account_named(text) == text


@pytest.mark.parametrize("text", ["", "producers", "producer-1", "producer-02", "central-2", "222222222222"])
def test_what_names_no_account_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not an account"):
        account_named(text)
    done = CliRunner().invoke(app, ["notices", "--account", text])
    assert (done.exit_code, "is not an account" in " ".join(done.stderr.split())) == (2, True)


def test_a_further_account_has_the_roles_and_the_stack_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    where = MeshContext(Accounts(), acting="producer-2", role="Auditor")
    assert (default_role("consumer-2"), stack_name("consumer-2")) == ("ConsumerAdmin", "meshwork-consumer")
    assert (where.role_in("producer-2"), where.role_in("producer")) == ("Auditor", "ProducerSteward")
    monkeypatch.setenv("MESH_STACK_CONSUMER_2", "other")
    assert (stack_name("consumer-2"), stack_name("consumer")) == ("other", "meshwork-consumer")


def test_on_a_laptop_there_are_those_that_were_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Accounts().names() == FIRST
    up(monkeypatch, *FIRST, "producer-2", "consumer-2", "consumer-3")
    assert Accounts().names() == ("central", "producer", "producer-2", "consumer", "consumer-2", "consumer-3")


def test_on_aws_there_are_those_with_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    up(monkeypatch, *ACCOUNTS)
    for account, name in {"CENTRAL": "c", "CONSUMER_10": "x", "CONSUMER_2": "y", "CONSUMER_3": "", "ELSE": "z"}.items():
        monkeypatch.setenv(f"MESH_PROFILE_{account}", name)
    assert Accounts().names() == ("central", "producer", "consumer", "consumer-2", "consumer-10")
    with pytest.raises(SessionError, match=r"--profile producer-2=NAME, or set MESH_PROFILE_PRODUCER_2"):
        Accounts().session("producer-2")


def test_a_profile_and_a_stack_are_given_before_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def session(*, profile_name: str) -> None:
        asked.append(profile_name)
        raise SessionError("enough")

    for name in ("MESH_PROFILE_PRODUCER_2", "MESH_PROFILE_CENTRAL", "MESH_STACK_PRODUCER_2"):
        monkeypatch.setenv(name, "the environment's")
    monkeypatch.setattr("boto3.Session", session)
    options = ["--profile", "producer-2=lines", "--profile", "central=hub", "--stack", "producer-2=mine"]
    CliRunner().invoke(app, [*options, "notices", "--account", "producer-2"])
    assert (asked, stack_name("producer-2")) == (["lines"], "mine")


@pytest.mark.parametrize("given", ["producer-2", "producer-2=", "producers=x"])
def test_a_profile_without_account_or_name_is_refused(given: str) -> None:
    assert CliRunner().invoke(app, ["--profile", given, "down"]).exit_code == 2


def test_mesh_env_opens_an_account_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = up(monkeypatch, *FIRST)
    with pytest.raises(SessionError, match="has no account consumer-2 yet: open it with `mesh env consumer-2`"):
        Accounts().session("consumer-2")
    assert opened == []
    assert [Accounts().open(account) for account in ("consumer", "consumer-2")] == [False, True]
    assert opened == [ACCOUNTS["consumer-2"]]
    with pytest.raises(SessionError, match="has no account consumer-10: the last ones are producer-9, consumer-9"):
        Accounts().open("consumer-10")
