"""Two producers and two consumers without an organization, of which one joins late: what people do with `sam`, `mesh`
and `aws` alone, from the first upload to an expulsion. `pytest -s` shows how long each step takes.
"""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from local.accounts import ACCOUNTS, DOMAINS, contact_of
from local.deploy import interpreter_with_pip
from local.mesh import ROOT
from tests.local.running import free_port
from tests.mesh_driver import contract
from tests.mesh_fixtures import HOME, WAIT_SCALE

pytestmark = [pytest.mark.mesh, pytest.mark.timeout(600)]

BIN: Final = Path(sys.executable).parent
MEMBERS: Final = ("producer", "producer-2", "consumer")
LATE: Final = "consumer-2"
CARDS, LOANS = "cards", "company-loans"
SECONDS: Final = 60.0


class Person:
    """Somebody with three commands, who looks at one mesh."""

    def __init__(self, port: int, folder: Path) -> None:
        self._port, self._folder = port, folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MESH_"))}
        self._environment = kept | {
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "MESH_HOME": str(HOME),
            "PATH": f"{BIN}{os.pathsep}{interpreter_with_pip()}{os.pathsep}{kept['PATH']}",
            "SAM_CLI_POLL_DELAY": "0.2",
            "SAM_CLI_TELEMETRY": "0",
        }
        self._acting: dict[tuple[str, ...], dict[str, str]] = {}

    def mesh(self, *words: str) -> dict[str, Any]:
        """The document of `--json`."""
        return dict(json.loads(self._run("mesh", *words, "--port", str(self._port), "--json")))

    def refused(self, *words: str) -> dict[str, Any]:
        """The error of a command that fails."""
        return dict(json.loads(self._run("mesh", *words, "--port", str(self._port), "--json", code=1))["error"])

    def aws(self, account: str, *words: str, role: str = "") -> Any:
        """What it answers, with the credentials that `mesh env` prints."""
        said = self._run("aws", *words, "--output", "json", environment=self._keys(account, role))
        return json.loads(said) if said.startswith(("{", "[", '"')) else said

    def sam(self, account: str, *words: str) -> None:
        self._run("sam", *words, environment=self._keys(account))

    def _keys(self, account: str, role: str = "") -> dict[str, str]:
        who = (account, *(["--as", role] if role else []))
        if who not in self._acting:
            self._acting[who] = {name: str(value) for name, value in self.mesh("env", *who).items()}
        return self._acting[who]

    def _run(self, *words: str, code: int = 0, environment: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            words,
            cwd=self._folder,
            env=self._environment | (environment or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    """On a mesh of two producers and a consumer, each of whom accepts its own invitations."""
    port = free_port()
    found = Person(port, tmp_path)
    try:
        # As in `tested_mesh`: test runs share the folder of what is built.
        HOME.mkdir(parents=True, exist_ok=True)
        with (HOME / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with step("mesh up --producers 2 --no-organization"):
                found.mesh("up", "--producers", "2", "--no-organization", "--wait-scale", str(WAIT_SCALE))
        yield found
    finally:
        found.mesh("down")
        shutil.rmtree(HOME / str(port), ignore_errors=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Prints how long it takes."""
    begun = time.monotonic()
    yield
    sys.stdout.write(f"{time.monotonic() - begun:6.1f} s  {what}\n")


def until[T](look: Callable[[], T], what: str) -> T:
    """The first true answer."""
    deadline = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {SECONDS:.0f} s"
        time.sleep(0.5)
    return found


def product(
    folder: Path, name: str, account: str, version: str = "1.0.0", *, rows: str = "1,10\n2,20\n", **custom: str
) -> Path:
    """A product's folder, with rows that everybody in the company may read for a purpose."""
    place = folder / name
    (place / "data" / "t1").mkdir(parents=True)
    document = contract(name, "t1", {"id": "bigint", "amount": "bigint"}, domain=DOMAINS[account])
    document["version"] = version
    document["customProperties"] += [{"property": name, "value": value} for name, value in custom.items()]
    (place / "contract.yaml").write_text(yaml.safe_dump(document), "utf-8")
    (place / "data" / "t1" / "a.csv").write_text(f"id,amount\n{rows}", "utf-8")
    return place


def upload_by_aws(person: Person, account: str, place: Path) -> None:
    """Contract first; data once it is registered. Then version 1 is there."""
    stack = person.aws(account, "cloudformation", "describe-stacks", "--stack-name", "meshwork-producer")
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Stacks"][0]["Outputs"]}
    target = f"s3://{outputs['DataBucketName']}/{place.name}"

    def products() -> dict[str, Any]:
        return {each["name"]: each for each in person.mesh("products")["products"]}

    person.aws(account, "s3", "cp", f"{place}/contract.yaml", f"{target}/contract.yaml")
    until(lambda: products().get(place.name, {}).get("status") == "registered", "the registration")
    person.aws(account, "s3", "cp", f"{place}/data/t1/a.csv", f"{target}/data/t1/a.csv")
    until(lambda: products()[place.name]["version"] == 1, "version 1")


def join(person: Person, account: str) -> None:
    """As docs/guides/platform-engineer.md says it."""
    parameters = {
        "CentralAccountId": ACCOUNTS["central"],
        "CentralBusArn": f"arn:aws:events:us-east-1:{ACCOUNTS['central']}:event-bus/mesh",
        "Domains": DOMAINS[account],
        "OwnerContact": contact_of(account),
    }
    person.mesh("admit", ACCOUNTS[account], "--role", "consumer", "--domain", DOMAINS[account])
    deploy(person, account, "consumer", parameters)


def deploy(person: Person, account: str, kind: str, parameters: dict[str, str]) -> None:
    options = ["--config-file", str(ROOT / "samconfig.toml"), "--config-env", kind, "--no-progressbar"]
    template = HOME / "build" / kind / "out" / "template.yaml"
    overrides = [f"{name}={value}" for name, value in parameters.items()]
    person.sam(account, "deploy", *options, "--template-file", str(template), "--parameter-overrides", *overrides)


def accepted(person: Person, account: str) -> bool:
    """Whether the account was invited by central, and has accepted each invitation."""
    found = person.aws(account, "ram", "get-resource-share-invitations")["resourceShareInvitations"]
    senders = {each["senderAccountId"] for each in found}
    return senders == {ACCOUNTS["central"]} and {each["status"] for each in found} == {"ACCEPTED"}


def access(person: Person, name: str, account: str) -> str:
    """The id of an access that is live."""
    asked = person.mesh("request", name, "--purpose", "risk-modelling", "--until", "30d", "--account", account)
    assert (asked["status"], asked["receiver"]) == ("live", ACCOUNTS[account])
    return str(asked["id"])


def sql(name: str) -> str:
    return f'SELECT sum(amount) AS amount FROM "rl_{name}".t1'


def reads(person: Person, name: str, account: str, amount: int = 30) -> bool:
    return bool(person.mesh("query", sql(name), "--account", account)["rows"] == [[amount]])


def reads_by_aws(person: Person, name: str, account: str) -> bool:
    def athena(*words: str) -> Any:
        return person.aws(account, "athena", *words, role="DataAnalyst")

    begun = athena("start-query-execution", "--query-string", sql(name), "--work-group", "consumer-workgroup")
    query = ("--query-execution-id", begun["QueryExecutionId"])
    until(lambda: athena("get-query-execution", *query)["QueryExecution"]["Status"]["State"] == "SUCCEEDED", "a query")
    rows = athena("get-query-results", *query)["ResultSet"]["Rows"]
    return bool(rows[1]["Data"][0]["VarCharValue"] == "30")


def live(person: Person) -> set[tuple[str, str]]:
    """(product, account id) of each access that somebody has."""
    return {(each["what"], each["receiver"]) for each in person.mesh("grants")["grants"]}


def test_from_the_first_upload_to_an_expulsion(person: Person, tmp_path: Path) -> None:
    with step("upload to producer (mesh) and to producer-2 (aws)"):
        person.mesh("put", str(product(tmp_path, CARDS, "producer")), "--wait")
        upload_by_aws(person, "producer-2", product(tmp_path, LOANS, "producer-2"))
        assert accepted(person, "producer") and accepted(person, "producer-2")
    with step("consumer requests both, and queries them"):
        numbers = [access(person, name, "consumer") for name in (CARDS, LOANS)]
        assert reads(person, CARDS, "consumer") and reads_by_aws(person, LOANS, "consumer")
    with step(f"{LATE} joins: mesh env, sam deploy, mesh admit"):
        join(person, LATE)
    with step(f"{LATE} requests, and queries"):
        late = access(person, LOANS, LATE)
        assert accepted(person, LATE)
        assert reads(person, LOANS, LATE) and reads_by_aws(person, LOANS, LATE)
    with step("doctor, members, trace, show, notices, preview know all five accounts"):
        knows_all(person, late)
    with step(f"expel {LATE}"):
        assert person.mesh("expel", ACCOUNTS[LATE], "--reason", "the contract ended")["ending"] == [late]
        asked = ("request", CARDS, "--purpose", "risk-modelling", "--until", "30d", "--account", LATE)
        assert person.refused(*asked)["code"] == "NotOnTheBus"
    with step("revoke consumer's access to producer's product, and read the other"):
        person.mesh("revoke", numbers[0], "--reason", "the project is over", "--account", "producer")
        assert "rl_cards" in person.refused("query", sql(CARDS), "--account", "consumer")["message"]
        assert reads(person, LOANS, "consumer")
    with step(f"the end of {LATE}'s access: central waits a minute for its report"):
        until(lambda: live(person) == {(LOANS, ACCOUNTS["consumer"])}, "the end of its access")
        person.refused("query", sql(LOANS), "--account", LATE)
        assert reads(person, LOANS, "consumer")
    with step("producer-2 hands its product over to producer, which publishes it from there"):
        hand_over(person, tmp_path)
    with step("what comes to the former owner is held; its version is restored, and left again"):
        held_with_the_former_owner(person, tmp_path)
        for version, amount in ((1, 30), (2, 70)):
            person.mesh("rollback", LOANS, str(version), "--reason", "a test")
            until(lambda amount=amount: reads(person, LOANS, "consumer", amount), f"version {version}")
        assert person.mesh("reconcile", "--dry-run")["outcome"] == "in order"


def hand_over(person: Person, folder: Path) -> None:
    """As docs/contract.md says it: the owner's contract names the account, which then declares the product."""
    offer = product(folder / "offer", LOANS, "producer-2", "1.0.1", handOverTo=ACCOUNTS["producer"])
    shutil.rmtree(offer / "data")
    person.mesh("put", str(offer), "--account", "producer-2")
    until(lambda: "HandoverOffered" in told(person, "producer"), "the offer")
    person.mesh("put", str(product(folder / "taken", LOANS, "producer", "1.1.0", rows="7,70\n")), "--wait")
    until(lambda: reads(person, LOANS, "consumer", 70), "the new owner's rows")
    found = person.mesh("show", LOANS)
    assert (found["owner"], found["version"]) == (ACCOUNTS["producer"], 2)
    assert all("ProductHandedOver" in told(person, account) for account in ("producer-2", "consumer"))
    assert live(person) == {(LOANS, ACCOUNTS["consumer"])}


def held_with_the_former_owner(person: Person, folder: Path) -> None:
    late = product(folder / "late", LOANS, "producer-2", "1.0.1", rows="9,90\n", handOverTo=ACCOUNTS["producer"])
    (late / "contract.yaml").unlink()
    person.mesh("put", str(late), "--account", "producer-2")

    def held() -> list[str]:
        batches = person.mesh("quarantine", "--account", "producer-2")["batches"]
        return [each["reason"]["code"] for each in batches]

    assert until(held, "what came late") == ["HandedOver"]


def told(person: Person, account: str) -> set[str]:
    """Kinds of what central told an account."""
    return {each["detail_type"] for each in person.mesh("notices", "--account", account)["notices"]}


def knows_all(person: Person, late: str) -> None:
    """The commands that look at the whole mesh, and those that look at one account."""
    five = ["central", *MEMBERS, LATE]
    found = person.mesh("doctor")
    assert (list(dict.fromkeys(check["account"] for check in found["checks"])), found["healthy"]) == (five, True)
    seen = {each["account"] for each in person.mesh("trace", late)["steps"]}
    assert {"central", LATE} <= seen and "consumer" not in seen
    members = {each["name"]: each["status"] for each in person.mesh("members")["members"]}
    assert members == dict.fromkeys(five[1:], "admitted")
    assert person.mesh("show", LOANS, "--report", "report.html")["name"] == LOANS
    notices = person.mesh("notices", "--account", LATE)["notices"]
    assert "AccessGranted" in {each["detail_type"] for each in notices}
    changed = person.mesh("preview", "--tag", "confidentiality=restricted", f"{LOANS}.t1")
    losers = {change["account"] for change in changed["changes"] if change["loses"]}
    assert (losers >= {ACCOUNTS["consumer"], ACCOUNTS[LATE]}, changed["unseen"]) == (True, [])
