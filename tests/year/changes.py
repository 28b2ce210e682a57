"""The changes of a year, in their order: what changes on which day, and what it does to readers, tags and notices."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml
from mesh.domain.access.record import OVER

from cli.output import CommandFailed
from local.accounts import ACCOUNTS, DOMAINS
from tests.access_driver import AccessDriver
from tests.mesh_commands import mesh_command
from tests.mesh_deployments import deploy, governed_by
from tests.mesh_driver import STRANGER, MeshDriver, Run
from tests.publishing_driver import PublishingDriver, one_table_contract
from tests.year.readers import Place, Readers

LOANS, PART = "year-loans", "year-instalments"
CONSUMER, PRODUCER = ACCOUNTS["consumer"], ACCOUNTS["producer"]
SUCCESSOR: Final = "producer-2"
ANALYST, SCIENTIST = "DataAnalyst", "DataScientist"
T1: Final = {"id": "bigint", "amount": "bigint", "wage": "bigint"}
RESTRICTED: Final = {"wage": "restricted"}
DAY: Final = 86_400
STRICTER: Final = {"policies": ("purposes: [marketing]}", "purposes: [marketing, risk-modelling]}")}
INVALID: Final = {"policies": ("      purposes: [regulatory-reporting,", "      purposes: [no-such-purpose,")}
MORE: Final = {"policies": ("purposes:\n", "purposes:\n  sampling: Draw samples for tests.\n")}
RENAMED: Final = {
    "ontology": (
        "      internal: ",
        "      company-wide:\n        renamed_from: {internal: 2099-12-31}\n        meaning: ",
    ),
    "policies": ("confidentiality: [internal]", "confidentiality: [company-wide]"),
}  # fmt: skip


class Change(NamedTuple):
    """`day` of the year on which it is made."""

    day: int
    what: str
    make: Callable[["Year"], None]


CHANGES: Final[list[Change]] = []


def on_day(day: int, what: str) -> Callable[[Callable[["Year"], None]], Callable[["Year"], None]]:
    """Adds it to the changes."""

    def add(make: Callable[["Year"], None]) -> Callable[["Year"], None]:
        CHANGES.append(Change(day, what, make))
        return make

    return add


@dataclass
class Year:
    """The mesh, its readers, and what changes refer back to."""

    mesh: MeshDriver
    readers: Readers
    access: AccessDriver
    begun: datetime
    loans: PublishingDriver = field(init=False)
    part: PublishingDriver = field(init=False)
    t1: Place = field(init=False)
    t2: Place = field(init=False)
    other: Place = field(init=False)
    new: Place = field(init=False)
    parts: Place = field(init=False)
    live: str = ""
    second: str = ""
    contract: dict[str, Any] = field(default_factory=dict)
    governance: dict[str, tuple[str, str]] = field(default_factory=dict)
    uploads: int = 0

    def reach(self, day: float) -> None:
        """Let time pass until that day, once nothing is under way, and what is due by then happen."""
        self.mesh.until(self.mesh.at_rest, f"what is before day {day}")
        left = (self.begun + timedelta(days=day) - self.mesh.now()).total_seconds()
        if left > 0:
            self.mesh.skip(left)
            self.mesh.until(self.mesh.at_rest, f"day {day}")

    # --- what people do ----------------------------------------------------------------------------------------------

    def declare(
        self, version: str, t1: Mapping[str, str], t2: Mapping[str, str] | None = None, /,
        tags: Mapping[str, str] = RESTRICTED, **more: Any,
    ) -> Run:  # fmt: skip
        """A contract of the loans: columns of each table, and confidentiality by column."""
        document = one_table_contract(LOANS, version=version) | more
        [shape] = document["schema"]
        document["schema"] = [
            {**shape, "name": name, "properties": [_property(each, kind, tags) for each, kind in columns.items()]}
            for name, columns in (("t1", t1), ("t2", t2))
            if columns
        ]
        self.contract = document
        return self.register(document)

    def register(self, document: dict[str, Any]) -> Run:
        """The run that looked at it; what it leads to is over."""
        product = document["name"]
        before = self.mesh.runs("register-product", product)
        self.mesh.put_contract(product, document)
        run = self.mesh.wait_for_run("register-product", product, after=before)
        self.mesh.settled(product)
        return run

    def publish(self, header: str, *rows: str, table: str = "t1", product: PublishingDriver | None = None) -> int:
        """The version that a new file became; the subscriber is told of it."""
        of = product or self.loans
        self.uploads += 1
        run = of.upload(f"{self.uploads:04d}.csv", "\n".join([header, *rows]) + "\n", table)
        assert run.outcome == "published", run.output
        version = of.versions()
        self.mesh.wait_for_notice(of.name, "consumer", version=version)
        return version

    @contextmanager
    def told(self, account: str, kind: str, count: int = 1) -> Iterator[list[dict[str, Any]]]:
        """That the account gets so many notices of that kind meanwhile; they are in the list afterwards."""

        def notices() -> list[dict[str, Any]]:
            return [detail["data"] for said, detail in self.mesh.notified(account) if said == kind]

        before, found = len(notices()), list[dict[str, Any]]()
        yield found
        self.mesh.until(lambda: len(notices()) >= before + count, f"{kind} in {account}")
        found += notices()[before:]

    def govern(self, *, fails: bool = False, **changes: tuple[str, str]) -> None:
        """Deploy central with these changes of its governance."""
        with tempfile.TemporaryDirectory() as folder, governed_by(Path(folder) / "layer", **changes) as template:
            deploy(self.mesh, "central", template, fails=fails)

    def command(self, *words: str) -> dict[str, Any]:
        """The answer of a command that succeeds."""
        code, found = mesh_command(self.mesh, *words)
        assert code == 0, found
        return found


def _property(name: str, kind: str, tags: Mapping[str, str]) -> dict[str, Any]:
    own = {"property": "lfTags", "value": {"confidentiality": tags.get(name, "")}}
    return {"name": name, "physicalType": kind, **({"customProperties": [own]} if name in tags else {})}


# --- a product -------------------------------------------------------------------------------------------------------


@on_day(0, "a product is declared, with a restricted column")
def declared(year: Year) -> None:
    year.loans = PublishingDriver(year.mesh, LOANS)
    assert year.declare("1.1.0", T1).status == "SUCCEEDED"
    year.t1 = year.readers.watch(ANALYST, LOANS, "t1")
    assert year.loans.upload("first.csv", "id,amount,wage\n1,10,100\n2,20,200\n").outcome == "published"


@on_day(1, "an account subscribes late, and is told of the present version")
def subscribed(year: Year) -> None:
    with year.told("consumer", "ProductUpdated") as notices:
        year.mesh.subscribe(LOANS)
    assert notices[0]["version"] == 1


@on_day(2, "an analyst gets access for most of the year")
def granted(year: Year) -> None:
    until = (year.begun + timedelta(days=300)).isoformat()
    year.live = year.access.live(LOANS, until=until)
    year.readers.allow(year.t1, "id amount")


@on_day(3, "more data comes")
def more_data(year: Year) -> None:
    year.publish("id,amount,wage", "3,30,300")


@on_day(7, "a column is added")
def column_added(year: Year) -> None:
    year.declare("1.2.0", {**T1, "note": "string"})
    year.publish("id,amount,wage,note", "4,40,400,new")
    year.readers.allow(year.t1, "id amount note")


@on_day(14, "a table is added")
def table_added(year: Year) -> None:
    year.declare("1.3.0", {**T1, "note": "string"}, {"id": "bigint", "rate": "bigint"})
    year.t2 = year.readers.watch(ANALYST, LOANS, "t2")
    year.publish("id,rate", "1,5", table="t2")
    year.readers.allow(year.t2, "id rate")


@on_day(20, "the owner makes a column stricter")
def tightened(year: Year) -> None:
    tags = {**RESTRICTED, "note": "confidential"}
    year.declare("1.4.0", {**T1, "note": "string"}, {"id": "bigint", "rate": "bigint"}, tags)
    year.readers.allow(year.t1, "id amount")


@on_day(25, "the owner makes it laxer again: previewed before, and said where it is stated")
def loosened(year: Year) -> None:
    before = year.mesh.tags(LOANS, "t1")["note"]["confidentiality"]
    tags = {**RESTRICTED, "note": "internal"}
    year.declare("1.5.0", {**T1, "note": "string"}, {"id": "bigint", "rate": "bigint"}, tags)
    assert (before, year.mesh.tags(LOANS, "t1")["note"]["confidentiality"]) == ("confidential", "internal")
    year.readers.allow(year.t1, "id amount note")


@on_day(28, "the contract says nothing of the restricted column's tag any more: it keeps it")
def silent(year: Year) -> None:
    year.declare("1.5.1", {**T1, "note": "string"}, {"id": "bigint", "rate": "bigint"}, {})
    assert year.mesh.tags(LOANS, "t1")["wage"]["confidentiality"] == "restricted"
    year.readers.allow(year.t1, "id amount note")


@on_day(30, "a file that breaks the contract is held back")
def held(year: Year) -> None:
    assert year.loans.upload("bad.csv", "id,amount,wage,note\n5,many,1,x\n").outcome != "published"
    [batch] = year.loans.held()
    assert batch["status"] == "held"


@on_day(31, "the steward rejects it")
def rejected(year: Year) -> None:
    [batch] = year.loans.held()
    year.command("reject", f"{LOANS}/{int(batch['run'])}", "--reason", "typed by hand")
    year.mesh.until(lambda: year.loans.held()[0]["status"] == "rejected", "the rejection")


# --- notice of what breaks -------------------------------------------------------------------------------------------

PROMISE: Final = {"slaProperties": [{"property": "noticePeriod", "value": 30, "unit": "d"}]}
T2: Final = {"id": "bigint", "rate": "bigint"}


@on_day(40, "the contract promises 30 days of notice")
def promised(year: Year) -> None:
    year.declare("1.6.0", {**T1, "note": "string"}, T2, {}, **PROMISE)


@on_day(45, "a breaking contract is announced, with whose access and what changes")
def announced(year: Year) -> None:
    with year.told("consumer", "ContractChangeAnnounced") as notices:
        assert year.declare("2.0.0", T1, T2, {}, **PROMISE).outcome == "announced"
    assert [each["access"] for each in notices[0]["accesses"]] == [year.live]
    assert timedelta(days=29) < datetime.fromisoformat(notices[0]["in_force"]) - year.mesh.now()


@on_day(60, "until then data comes by the contract in force")
def meanwhile(year: Year) -> None:
    year.publish("id,amount,wage,note", "6,60,600,still")


@on_day(76, "it is in force, and the column goes with the next data")
def in_force(year: Year) -> None:
    year.mesh.until(lambda: year.command("show", LOANS)["contract_version"] == "2.0.0", "contract 2.0.0")
    year.mesh.settled(LOANS)
    year.publish("id,amount,wage", "7,70,700")
    year.readers.allow(year.t1, "id amount")


@on_day(80, "wrong data is rolled back")
def rolled_back(year: Year) -> None:
    wrong = year.publish("id,amount,wage", "8,8,8")
    year.access.send(
        "RollbackRequested", {"product": LOANS, "version": wrong - 1, "reason": "wrong labels"}, by="producer"
    )
    notice = year.mesh.wait_for_notice(LOANS, "consumer", version=wrong + 1)
    assert notice["rollback"]["version"] == wrong - 1
    year.mesh.settled(LOANS)


@on_day(85, "a version is pinned for two months")
def pinned(year: Year) -> None:
    version = year.loans.versions()
    year.command("pin", LOANS, str(version), "--until", (year.begun + timedelta(days=145)).date().isoformat(),
                 "--reason", "a model is trained on it")  # fmt: skip
    year.new = year.readers.watch(ANALYST, LOANS, f"t1__v{version}")
    year.readers.allow(year.new, "id amount")


# --- governance ------------------------------------------------------------------------------------------------------


@on_day(90, "an invalid governance is refused, and the one before stays in force")
def invalid(year: Year) -> None:
    year.govern(**INVALID, fails=True)
    year.publish("id,amount,wage", "9,90,900")


@on_day(92, "a purpose is added")
def purpose_added(year: Year) -> None:
    year.govern(**MORE)
    year.second = year.access.live(LOANS, purpose="sampling", until=_days(year, 93.5))


@on_day(94, "the access for it ends when it was to; the purpose is removed")
def purpose_removed(year: Year) -> None:
    assert year.access.wait(year.second, "ended").cause == "expired"
    deploy(year.mesh, "central")


@on_day(100, "versions that are withdrawn are gone")
def withdrawn(year: Year) -> None:
    wrong = next(number for number in range(year.loans.versions(), 0, -1) if _rolled_back(year, number)) - 1
    year.access.send("WithdrawalRequested", {"product": LOANS, "versions": [wrong], "reason": "wrong"}, by="producer")
    year.mesh.until(lambda: _version(year, wrong)["ended"], f"the end of version {wrong}")


# --- members ---------------------------------------------------------------------------------------------------------


@on_day(110, "an account is admitted")
def admitted(year: Year) -> None:
    year.command("admit", STRANGER, "--role", "consumer", "--domain", "risk")
    assert STRANGER in {each["account"] for each in year.command("members")["members"]}


@on_day(120, "and expelled")
def expelled(year: Year) -> None:
    year.command("expel", STRANGER, "--reason", "the project is over")


@on_day(130, "a producer gets another domain")
def domain_added(year: Year) -> None:
    year.command("admit", PRODUCER, "--role", "producer", "--domain", "consumer-banking", "--domain", "risk")


@on_day(131, "the product changes its domain")
def domain_changed(year: Year) -> None:
    year.register(year.contract | {"version": "2.0.1", "domain": "risk"})
    assert year.mesh.tags(LOANS)["domain"] == "risk"


@on_day(135, "the domain that it needs cannot be taken away")
def domain_needed(year: Year) -> None:
    with pytest.raises(CommandFailed, match="could not publish"):
        mesh_command(year.mesh, "admit", PRODUCER, "--role", "producer", "--domain", "consumer-banking")


@on_day(146, "the pin ends")
def unpinned(year: Year) -> None:
    year.readers.allow(year.new, "")


@on_day(150, "a tag was changed by hand: it is found, and put back")
def tag_drifted(year: Year) -> None:
    year.access.tag(LOANS, {"confidentiality": "public"}, "amount")
    assert [each["kind"] for each in year.command("reconcile")["repaired"]] == ["tags"]
    assert year.mesh.tags(LOANS, "t1")["amount"]["confidentiality"] == "internal"


@on_day(160, "a restricted column is requested, and approved by its owner")
def approved(year: Year) -> None:
    year.other = year.readers.watch(SCIENTIST, LOANS, "t1")
    year.second = year.access.waiting(LOANS, reader="data-scientist", purpose="marketing", until=_days(year, 200))
    year.access.decide(year.second)
    year.access.wait(year.second, "live")
    year.readers.allow(year.other, "id amount")


@on_day(170, "and revoked by the owner")
def revoked(year: Year) -> None:
    year.access.end(year.second, by="producer")
    year.readers.allow(year.other, "")


# --- the second half -------------------------------------------------------------------------------------------------

WIDER: Final = {**T1, "amount": "decimal(10,2)"}


@on_day(180, "another type is announced")
def retype_announced(year: Year) -> None:
    with year.told("consumer", "ContractChangeAnnounced"):
        assert year.declare("3.0.0", WIDER, T2, {}, domain="risk", **PROMISE).outcome == "announced"


@on_day(200, "and withdrawn by a contract that breaks nothing")
def retype_withdrawn(year: Year) -> None:
    with year.told("consumer", "ContractChangeAnnounced") as notices:
        assert year.declare("2.1.0", T1, {**T2, "since": "string"}, {}, domain="risk", **PROMISE).status == "SUCCEEDED"
    assert notices[0]["withdrawn"]


@on_day(205, "announced again")
def retype_again(year: Year) -> None:
    assert year.declare("3.0.0", WIDER, T2, {}, domain="risk", **PROMISE).outcome == "announced"


@on_day(237, "and in force: rows that are there get the new type")
def retyped(year: Year) -> None:
    year.mesh.until(lambda: year.command("show", LOANS)["contract_version"] == "3.0.0", "contract 3.0.0")
    year.mesh.settled(LOANS)
    year.publish("id,amount,wage", "10,10.5,1")
    year.readers.allow(year.t1, "id amount")


@on_day(250, "rules are tightened: who has access by them is told, two weeks before it ends")
def rules_tightened(year: Year) -> None:
    year.govern(**STRICTER)
    with year.told("consumer", "AccessExpiring"):
        year.command("reconcile")
    assert year.access.record(year.live).until - year.mesh.now() <= timedelta(days=14)


@on_day(265, "it has ended")
def overtaken(year: Year) -> None:
    year.access.wait(year.live, *OVER)
    year.readers.allow(year.t1, "")
    year.readers.allow(year.t2, "")


@on_day(266, "asked for again, and approved")
def asked_again(year: Year) -> None:
    year.mesh.subscribe(LOANS)
    year.live = year.access.waiting(LOANS, until=_days(year, 400))
    year.access.decide(year.live)
    year.access.wait(year.live, "live")
    year.readers.allow(year.t1, "id amount")
    year.readers.allow(year.t2, "id rate")


@on_day(280, "a value of the ontology gets another name; who reads goes on reading")
def renamed(year: Year) -> None:
    year.govern(**RENAMED)
    year.command("reconcile")
    assert year.mesh.tags(LOANS, "t1")["id"]["confidentiality"] == "company-wide"
    year.readers.allow(year.t1, "id amount")


@on_day(300, "a table is split off: announced, and a product of its own")
def split(year: Year) -> None:
    year.part = PublishingDriver(year.mesh, PART)
    year.mesh.subscribe(PART)
    year.publish("id,amount", "1,5", product=year.part)
    assert year.declare("4.0.0", WIDER, None, {}, domain="risk", **PROMISE).outcome == "announced"


@on_day(332, "its rows are gone from the old product with the next data")
def split_off(year: Year) -> None:
    year.mesh.until(lambda: year.command("show", LOANS)["contract_version"] == "4.0.0", "contract 4.0.0")
    year.mesh.settled(LOANS)
    year.publish("id,amount,wage", "11,11.5,1")


@on_day(335, "an analyst gets access to what was split off")
def part_granted(year: Year) -> None:
    year.access.live(PART, until=_days(year, 362))
    year.parts = year.readers.watch(ANALYST, PART, "t1")
    year.readers.allow(year.parts, "id amount")


@on_day(340, "it is handed over to another producer, with the words of both; who reads goes on reading")
def handed_over(year: Year) -> None:
    domains = ("consumer-banking", DOMAINS[SUCCESSOR])
    year.command(
        "admit", ACCOUNTS[SUCCESSOR], "--role", "producer", *(word for each in domains for word in ("--domain", each))
    )
    offer = one_table_contract(PART, version="1.0.1")
    offer["customProperties"].append({"property": "handOverTo", "value": ACCOUNTS[SUCCESSOR]})
    assert year.register(offer).status == "SUCCEEDED"
    with year.told("consumer", "ProductHandedOver") as notices, tempfile.TemporaryDirectory() as name:
        folder = Path(name) / PART
        (folder / "data" / "t1").mkdir(parents=True)
        (folder / "contract.yaml").write_text(yaml.safe_dump(one_table_contract(PART, version="1.1.0")), "utf-8")
        (folder / "data" / "t1" / "all.csv").write_text("id,amount\n1,5\n2,7\n", "utf-8")
        year.command("put", str(folder), "--account", SUCCESSOR, "--wait")
    assert notices[0]["new_owner"] == ACCOUNTS[SUCCESSOR]
    assert year.command("show", PART)["owner"] == ACCOUNTS[SUCCESSOR]
    year.readers.allow(year.parts, "id amount")


@on_day(350, "a producer's stack is deployed again")
def deployed_again(year: Year) -> None:
    deploy(year.mesh, "producer")
    year.publish("id,amount,wage", "12,12.5,1")


@on_day(360, "the old product is retired: who reads it is told why, and reads no more")
def retired(year: Year) -> None:
    with year.told("consumer", "ProductRetired") as notices:
        year.command("retire", LOANS, "--reason", "year-instalments has what is left")
    assert notices[0]["reason"] == "year-instalments has what is left"
    year.access.wait(year.live, *OVER)
    year.readers.allow(year.t1, "")
    year.readers.allow(year.t2, "")


@on_day(365, "the ledger of the year")
def ledger(year: Year) -> None:
    year.readers.allow(year.parts, "")
    reasons = {each.id: year.access.wait(each.id, *OVER).cause for each in year.access.all()}
    assert set(reasons.values()) <= {"expired", "revoked", "retired"}, reasons
    assert year.command("reconcile")["outcome"] == "in order"


def _days(year: Year, day: float) -> str:
    return (year.begun + timedelta(days=day)).isoformat()


def _version(year: Year, number: int) -> dict[str, Any]:
    key = {"pk": {"S": f"PRODUCT#{LOANS}"}, "sk": {"S": f"VERSION#{number:08d}"}}
    return dict(json.loads((year.mesh.item("central", key) or {})["body"]["S"]))


def _rolled_back(year: Year, number: int) -> bool:
    return bool(_version(year, number)["rollback"])
