"""The outcome of an upload: watched through the producer's table, its runs and reports, and central's registry.

Nothing here relies on this machine's clock: what is new is new against a `Baseline` taken before the upload.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from botocore.exceptions import ClientError
from mesh.adapters.dynamodb.items import Table
from mesh.adapters.dynamodb.quarantine import DynamoQuarantine
from mesh.adapters.dynamodb.uploads import DynamoUploads
from mesh.domain import names
from mesh.domain.contracts.product import ProductVersion
from mesh.domain.errors import Rejected
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import REFUSAL_SUFFIX, compare_sequencers, table_key
from mesh.domain.packing import Packed
from mesh.usecases.onboarding.declare_product import correlation_of

from cli.mesh_context import MeshContext
from cli.onboarding.quarantine import objects_of
from cli.tracing import ENDED, error_text, preparations

_NEWEST: Final = 100
_ANY_ID: Final = str(UUID(int=0))
_ID: Final = "[0-9a-f-]{36}"
CONTRACT: Final = "/contract.yaml"


@dataclass(frozen=True)
class Baseline:
    """What there was before: the sequencers of contract and objects, ended runs, reports, the version."""

    product: str
    bucket: str
    contract: str
    seen: dict[str, str]
    runs: frozenset[str]
    reports: frozenset[str]
    version: int

    @classmethod
    def take(cls, where: MeshContext, product: str) -> "Baseline":
        """Look at the producer's account and at central's registry."""
        account = where.acting or "producer"
        table = where.table(account)
        bucket = where.output(account, "DataBucketName")
        known = where.registry().product(product)
        return cls(
            product=product,
            bucket=bucket,
            contract=(DynamoUploads(table).product(product) or {}).get("sequencer", ""),
            seen=sequencers(table, product),
            # A run that is still at work may yet take what is uploaded now.
            runs=frozenset(run["executionArn"] for run in newest_runs(where, product) if run["status"] in ENDED),
            reports=frozenset(reports(where, bucket, product)),
            version=known.version if known else 0,
        )


@dataclass
class Outcome:
    """`waiting_for` is "" at the end. `failures`: runs that failed, with their errors; `rejections`: reports.

    `held`: `{batch, key, reason, releasable}` of objects that were held back, and stay where they are. `unchanged`: all
    of it is published already, byte for byte. `left_waiting`: data that stays where it is until its product has an
    accepted contract, and `for_recipe` raw data that waits for a recipe. `announced`: when a contract comes into force
    whose readers are told first.
    """

    registered: bool = False
    announced: str = ""
    versions: list[ProductVersion] = field(default_factory=list)
    rejections: list[dict[str, Any]] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    unchanged: bool = False
    correlation_ids: list[str] = field(default_factory=list)
    left_waiting: list[str] = field(default_factory=list)
    for_recipe: list[str] = field(default_factory=list)
    waiting_for: str = ""

    @property
    def done(self) -> bool:
        """Nothing more is to come of this upload."""
        return not self.waiting_for

    @property
    def good(self) -> bool:
        """All of it was taken."""
        return self.done and not (self.rejections or self.held or self.failures)

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "outcome": self._outcome(),
            "announced": self.announced,
            "versions": [version.model_dump(mode="json", context=Packed.READABLE) for version in self.versions],
            "rejections": self.rejections,
            "held": self.held,
            "failures": self.failures,
            "left_waiting": self.left_waiting,
            "for_recipe": self.for_recipe,
            "correlation_ids": self.correlation_ids,
        }

    def _outcome(self) -> str:
        if self.versions:
            return "published"
        if self.held:
            return "held"
        if self.rejections or self.failures:
            return "registered" if self.registered else "rejected"
        if self.for_recipe:
            return "waiting"
        if self.unchanged:
            return "unchanged"
        return "announced" if self.announced else "registered" if self.registered else "rejected"


class Follower:
    """Follows the given keys of one product from the baseline on."""

    def __init__(self, where: MeshContext, baseline: Baseline, keys: Iterable[str]) -> None:
        self._context = where
        self._account = where.acting or "producer"
        self._before = baseline
        self._keys = tuple(keys)
        self._data = tuple(key for key in self._keys if _is_data(key))
        self._contract = next((key for key in self._keys if key.endswith(CONTRACT)), None)
        self._reports: dict[str, dict[str, Any]] = {}
        self._runs: dict[str, dict[str, Any]] = {}
        self._version: str | None = None

    def look(self) -> Outcome:
        """The state by now."""
        outcome = Outcome(rejections=self._new_reports())
        refused = {report["key"] for report in outcome.rejections}
        if self._contract and self._contract not in refused:
            self._look_at_contract(outcome)
        self._look_at_runs(outcome)
        if self._data and not outcome.waiting_for:
            self._look_at_data(outcome, refused)
        self._look_at_versions(outcome)
        if outcome.done:
            self._look_at_held(outcome)
        return outcome

    def _look_at_contract(self, outcome: Outcome) -> None:
        """Declared, registered in central, and linked in the producer's account: only then is it ready for data."""
        facts = DynamoUploads(self._context.table(self._account)).product(self._before.product) or {}
        sent = facts.get("sequencer", "")
        if compare_sequencers(sent, self._before.contract) <= 0:
            outcome.waiting_for = "the contract to be declared"
            return
        correlation_id = self._contract_correlation_id(sent)
        outcome.correlation_ids.append(correlation_id)
        entries = list(self._context.trace(self._account).entries(correlation_id))
        if any(entry["what"] == "resource link ready" for entry in entries):
            outcome.registered = True
            return
        if announced := self._announced(correlation_id):
            outcome.announced = announced
            return
        failure = self._central_failure(correlation_id, "ProductDeclared") or self._preparation_failure(
            correlation_id, entries
        )
        if failure:
            outcome.failures.append(failure)
        else:
            outcome.waiting_for = "central to register the product"

    def _announced(self, correlation_id: str) -> str:
        """When the contract comes into force, if that is later than it was announced."""
        for entry in self._context.trace("central").entries(correlation_id):
            if entry["what"] == "contract change announced":
                in_force = str(entry["facts"]["in_force"])
                return in_force if datetime.fromisoformat(in_force) > datetime.fromisoformat(entry["time"]) else ""
        return ""

    def _contract_correlation_id(self, sequencer: str) -> str:
        """The correlation id that declare-product gives this version of the contract."""
        if self._version is None:
            found = self._context.client(self._account, "s3").head_object(
                Bucket=self._before.bucket, Key=self._contract
            )
            self._version = found.get("VersionId")
        ref = ObjectRef(
            bucket=self._before.bucket,
            key=self._contract or "",
            version_id=self._version,
            sequencer=sequencer,
            size=0,
        )
        return correlation_of(ref)

    def _preparation_failure(self, correlation_id: str, entries: list[dict[str, Any]]) -> str:
        if not entries:
            return ""
        since = datetime.fromisoformat(entries[0]["time"])
        for arn in preparations(self._context, self._account, correlation_id, since):
            run = self._context.client(self._account, "stepfunctions").describe_execution(executionArn=arn)
            if failure := failure_of(run):
                return failure
        return ""

    def _look_at_runs(self, outcome: Outcome) -> None:
        """Runs of onboard-upload since the baseline; one that has ended is described once."""
        for run in newest_runs(self._context, self._before.product):
            arn = run["executionArn"]
            if arn in self._before.runs or self._runs.get(arn, {}).get("status") in ENDED:
                continue
            self._runs[arn] = self._context.client(self._account, "stepfunctions").describe_execution(executionArn=arn)
        for arn, run in self._runs.items():
            outcome.correlation_ids.append(json.loads(run["input"])["correlation_id"])
            if run["status"] not in ENDED:
                outcome.waiting_for = outcome.waiting_for or f"the run {arn.rpartition(':')[2]}"
            elif failure := failure_of(run):
                outcome.failures.append(failure)
        outcome.correlation_ids = list(dict.fromkeys(outcome.correlation_ids))

    def _look_at_data(self, outcome: Outcome, refused: set[str]) -> None:
        """Each object must have arrived, and be dealt with: pending no more. A failed run leaves them pending."""
        table = self._context.table(self._account)
        now, pending = sequencers(table, self._before.product), pending_keys(table, self._before.product)
        waiting = [key for key in self._data if key not in refused and now.get(key) == self._before.seen.get(key)]
        if waiting:
            outcome.waiting_for = f"{waiting[0]} to arrive"
        elif left := [key for key in self._data if key in pending and key not in refused]:
            if outcome.failures:
                return
            facts = DynamoUploads(table).product(self._before.product) or {}
            if self._contract in refused and facts.get("status") != "registered":
                outcome.left_waiting = left
            else:
                outcome.waiting_for = f"{left[0]} to be published"

    def _look_at_versions(self, outcome: Outcome) -> None:
        """A run that was published ends with central's answer: its version is there."""
        registry = self._context.registry()
        for version in registry.versions(self._before.product):
            if version.version <= self._before.version:
                break
            if version.correlation_id in outcome.correlation_ids:
                outcome.versions.insert(0, version)

    def _look_at_held(self, outcome: Outcome) -> None:
        """Batches that these runs held back in place, and whether there was nothing new at all."""
        for batch in DynamoQuarantine(self._context.table(self._account)).batches():
            if batch.product == self._before.product and batch.correlation_id in outcome.correlation_ids:
                outcome.held += [
                    {
                        "batch": batch.name,
                        "key": item.key,
                        "reason": item.reason.model_dump(mode="json"),
                        "releasable": batch.releasable,
                    }
                    for item in objects_of(self._context, self._account, batch)
                    if item.key in self._data
                ]
        reported = {item["key"] for item in outcome.held}
        waiting = {item["sk"] for item in self._context.table(self._account).query(f"HELD#{self._before.product}")}
        outcome.for_recipe = [key for key in self._data if key in waiting - reported]
        outcomes = {json.loads(run.get("output") or "{}").get("outcome") for run in self._runs.values()}
        outcome.unchanged = "nothing" in outcomes and not (outcome.versions or outcome.held)

    def _central_failure(self, correlation_id: str, event: str) -> str:
        for entry in self._context.trace("central").entries(correlation_id):
            if entry["what"] == "refused" and entry["facts"].get("event") == event:
                return f"central refused: {entry['facts']['reason']['message']}"
            arn = entry["facts"].get("execution")
            if arn and entry["facts"].get("event") == event:
                run = self._context.client("central", "stepfunctions").describe_execution(executionArn=arn)
                if failure := failure_of(run):
                    return failure
        return ""

    def _new_reports(self) -> list[dict[str, Any]]:
        """Reports written since the baseline about the keys that were put."""
        for key in reports(self._context, self._before.bucket, self._before.product):
            if key in self._before.reports or key in self._reports:
                continue
            body = (
                self._context.client(self._account, "s3").get_object(Bucket=self._before.bucket, Key=key)["Body"].read()
            )
            self._reports[key] = {**json.loads(body), "report": key}
        return [report for report in self._reports.values() if report["key"] in self._keys]


def _is_data(key: str) -> bool:
    """Data, and raw data."""
    try:
        return table_key(key) is not None
    except Rejected:  # it gets a report, or is held
        return key.split("/")[1:2] == ["raw"]


def failure_of(run: dict[str, Any]) -> str:
    """How a run failed, "" if it has not."""
    if run["status"] not in ENDED - {"SUCCEEDED"}:
        return ""
    machine, name = run["executionArn"].split(":")[6:8]
    return f"{machine} {name}: {error_text(run.get('error', run['status']), run.get('cause', ''))}"


def sequencers(table: Table, product: str) -> dict[str, str]:
    """Key → sequencer of the newest version that the producer's account knows."""
    return {item["sk"]: item["sequencer"] for item in table.query(f"SEEN#{product}")}


def pending_keys(table: Table, product: str) -> set[str]:
    """Objects that wait for a run."""
    return {item["sk"] for item in table.query(f"PENDING#{product}")}


def newest_runs(where: MeshContext, product: str) -> list[dict[str, Any]]:
    """The newest runs of onboard-upload that work, or worked, on the product, newest first."""
    account = where.acting or "producer"
    machine = where.output(account, "OnboardUploadArn")
    listed = where.client(account, "stepfunctions").list_executions(stateMachineArn=machine, maxResults=_NEWEST)
    return [run for run in listed["executions"] if _concerns(where, run, product)]


_concerned: dict[str, str] = {}


def _concerns(where: MeshContext, run: dict[str, Any], product: str) -> bool:
    """By its name, which begins with the product; a run that prepare-product started has a name of AWS's making."""
    if re.fullmatch(re.escape(names.execution_name(product, _ANY_ID)[: -len(_ANY_ID)]) + _ID, run["name"]):
        return True
    arn = run["executionArn"]
    if arn not in _concerned:
        client = where.client(where.acting or "producer", "stepfunctions")
        try:
            _concerned[arn] = json.loads(client.describe_execution(executionArn=arn)["input"]).get("product", "")
        except ClientError:
            return False
    return _concerned[arn] == product


def reports(where: MeshContext, bucket: str, product: str) -> set[str]:
    """Keys of the reports on what was refused."""
    client = where.client(where.acting or "producer", "s3")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{product}/reports/")
    return {item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"].endswith(REFUSAL_SUFFIX)}
