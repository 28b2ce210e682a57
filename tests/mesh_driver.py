"""A local mesh in a test's hands: what people and programs do with AWS's own API, and waiting with a deadline."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml
from botocore.exceptions import ClientError
from mesh.domain.access.record import access_id
from mesh.domain.events import Envelope, metadata_of

from local import account_bootstrap
from local.accounts import ACCOUNTS, ADMIN_ROLE, FIRST, REGION
from local.clients import Clients

STRANGER: Final = "444444444444"
"""An account that no template names."""
MACHINES: Final = {
    "register-product": "central",
    "commit-version": "central",
    "roll-back": "central",
    "grant-access": "central",
    "revoke-access": "central",
    "prepare-product": "producer",
    "onboard-upload": "producer",
    "accept-share": "consumer",
    "release-share": "consumer",
}
IDLE: Final = frozenset({"empty", "busy", "waiting", "overtaken"})
"""Outcomes of runs of `onboard-upload` that found nothing to do, or whose work another one took."""
SECONDS: Final = 120.0
_FIRST_POLL: Final = 0.1
_LONGEST_POLL: Final = 0.5
_SLOWER: Final = 1.5
_PAGE: Final = 20
_MINUTE: Final = timedelta(minutes=1)

type Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Run:
    """An execution that has ended, or did not end within the deadline."""

    arn: str
    machine: str
    status: str
    input: dict[str, Any]
    output: dict[str, Any]
    error: str
    cause: str
    states: tuple[str, ...]
    """Names of the states entered, in order."""
    events: tuple[dict[str, Any], ...] = field(repr=False)
    """Its history, for what is not said above."""

    @property
    def path(self) -> tuple[str, ...]:
        """Its states without the waits of a product whose third batch within a minute is taken later.

        An event that comes twice, and late, is a batch of its own.
        """
        left = list(self.states)
        while "AwaitOthers" in left:
            at = left.index("AwaitOthers")
            del left[at - 2 : at + 1]
        return tuple(left)

    @property
    def outcome(self) -> str:
        return str(self.output.get("outcome", ""))

    @property
    def event(self) -> str:
        """EventBridge's id of the event that started it, the same for each delivery; the run's own where none did."""
        return str(self.input.get("id", self.arn))

    def failed_tasks(self) -> list[str]:
        """Errors of the attempts that failed, retried ones as well."""
        return [
            event["taskFailedEventDetails"].get("error", "") for event in self.events if event["type"] == "TaskFailed"
        ]


def contract(product: str, table: str = "t1", columns: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A small contract in its best form; `columns` are name → physical type, `more` replaces top-level fields."""
    shape: dict[str, Any] = {"name": table, "logicalType": "object", "physicalType": "table"}
    if columns:
        shape["properties"] = [{"name": name, "physicalType": kind} for name, kind in columns.items()]
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": product,
        "name": product,
        "version": "1.0.0",
        "status": "active",
        "domain": "consumer-banking",
        "customProperties": [
            {"property": "lfTags", "value": {"confidentiality": "internal"}},
            {"property": "crawlerPrefix", "value": product},
        ],
        "schema": [shape],
    }
    return document | more


_FOR_EVER: Final = 10**9


class MeshDriver:
    """One deployed mesh. Every call goes through its endpoint; accounts are `central`, `producer`, `consumer`.

    `builds` holds what `sam build` made of it, a folder for each account.
    """

    def __init__(self, endpoint: str, builds: Path) -> None:
        self.endpoint = endpoint
        self.builds = builds
        self._made = Clients(endpoint)
        self._clients: dict[tuple[str, str, str | None], Any] = {}
        self._keys: dict[tuple[str, str], dict[str, str]] = {}
        self._ended: dict[str, Run] = {}
        self._subjects: dict[str, str] = {}
        self._listed: dict[str, dict[str, dict[str, Any]]] = {}
        self._notices: dict[str, dict[str, dict[str, str]]] = {}
        self._unreliable: list[dict[str, Any]] = []

    # --- who ---------------------------------------------------------------------------------------------------------

    def client(self, account: str, service: str, role: str | None = ADMIN_ROLE) -> Any:
        """As a role of the account; `role` None is its root."""
        key = (account, service, role)
        if key not in self._clients:
            self._clients[key] = self._client(ACCOUNTS.get(account, account), service, role)
        return self._clients[key]

    def _client(self, account_id: str, service: str, role: str | None) -> Any:
        if role is None:
            return account_bootstrap.root_client(service, self.endpoint, account_id)
        who = (account_id, role)
        if who not in self._keys:
            keys = account_bootstrap.assume(self.endpoint, account_id, role)
            self._keys[who] = {name.lower(): value for name, value in keys.items()}
        return self._made.get(service, REGION, self._keys[who])

    def output(self, account: str, key: str) -> str:
        """An output of the account's stack."""
        return self._stacks[account][key]

    @cached_property
    def _stacks(self) -> dict[str, dict[str, str]]:
        found = {}
        for account in FIRST:
            stack = self.client(account, "cloudformation").describe_stacks(StackName=f"meshwork-{account}")["Stacks"][0]
            found[account] = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        return found

    def physical_id(self, account: str, logical_id: str) -> str:
        """What CloudFormation made of a resource of the template."""
        answer = self.client(account, "cloudformation").describe_stack_resource(
            StackName=f"meshwork-{account}", LogicalResourceId=logical_id
        )
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])

    @cached_property
    def bucket(self) -> str:
        """The producer's."""
        return self.output("producer", "DataBucketName")

    # --- what people do ----------------------------------------------------------------------------------------------

    def put_object(self, key: str, body: bytes | str) -> None:
        """Upload to the producer's bucket."""
        self.client("producer", "s3").put_object(Bucket=self.bucket, Key=key, Body=body)

    def put_contract(self, product: str, document: Mapping[str, Any] | str | bytes | None = None, **more: Any) -> None:
        """Upload `contract.yaml`; by default that of `contract`."""
        if document is None:
            document = contract(product, **more)
        text = yaml.safe_dump(dict(document), sort_keys=False) if isinstance(document, Mapping) else document
        self.put_object(f"{product}/contract.yaml", text)

    def prepare(self, *products: str, **more: Any) -> None:
        """Upload their contracts and wait until they can take uploads."""
        for product in products:
            self.put_contract(product, **more)
        for product in products:
            run = self.wait_for_run("prepare-product", product)
            assert run.status == "SUCCEEDED", run

    def upload(self, product: str, files: Mapping[str, bytes | str]) -> Run:
        """Upload files by key; the first run that had work because of them. Nothing runs for the product any more."""
        before = self.runs("onboard-upload", product)
        for key, body in files.items():
            self.put_object(key, body)
        run = self.wait_for_run("onboard-upload", product, after=before)
        self.settled(product)
        return run

    def put_event(
        self, detail_type: str, data: Mapping[str, Any], *, by: str, role: str = ADMIN_ROLE, **more: Any
    ) -> dict[str, Any]:
        """An event to central's bus, sent by a role of an account; `more` are further fields of `detail`. Returns its
        result."""
        root = by not in ACCOUNTS
        answer = self.client(by, "events", None if root else role).put_events(
            Entries=[
                {
                    "EventBusName": f"arn:aws:events:{REGION}:{ACCOUNTS['central']}:event-bus/mesh",
                    "Source": "meshwork",
                    "DetailType": detail_type,
                    "Detail": json.dumps({"metadata": {}, "data": dict(data), **more}),
                }
            ]
        )
        return dict(answer["Entries"][0])

    def subscribe(self, product: str, account: str = "consumer") -> None:
        """Ask for notices, and wait until central's registry has it."""
        self.put_event("SubscriptionRequested", {"product": product}, by=account)
        key = {"pk": {"S": f"PRODUCT#{product}"}, "sk": {"S": f"SUBSCRIPTION#{ACCOUNTS[account]}"}}
        self.until(lambda: self.item("central", key), f"subscription of {account} to {product}")

    # --- what became of it -------------------------------------------------------------------------------------------

    def until[T](self, look: Callable[[], T | None], what: str | Callable[[], str], seconds: float = SECONDS) -> T:
        """The first true answer of `look`. Fails at the deadline. The longer it takes, the less often is looked, since
        that costs the mesh that is waited for."""
        deadline, pause = time.monotonic() + seconds, _FIRST_POLL
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > deadline:
                said = what if isinstance(what, str) else what()
                raise AssertionError(f"not within {seconds:.0f} s: {said}; {self._waiting()}")
            time.sleep(pause)
            pause = min(pause * _SLOWER, _LONGEST_POLL)

    def _waiting(self) -> str:
        """Where something may be stuck: queues that are not empty, runs that go on, the server's last complaints."""
        queues = {f"{name}/InboxQueue": self._depth(name, "InboxQueue") for name in ("producer", "consumer")}
        queues = {name: depth for name, depth in (queues | self.dead_letters()).items() if depth}
        running = [f"{machine} {subject}" for machine, subject in self._running()]
        log = self.builds.parent / "server.out"
        lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
        errors = [line[:300] for line in lines if "ERROR" in line or "Error" in line][-5:]
        return f"queues {queues}, running {running}, log {errors}"

    def _running(self) -> Iterator[tuple[str, str]]:
        """(Machine, whom or what it is about) of each run that goes on."""
        for arn in self.running():
            _, _, _, _, account, _, machine, _ = arn.split(":")
            if machine in MACHINES:
                yield machine, self._subject(self.client(account, "stepfunctions"), arn)

    def runs(self, machine: str, subject: str) -> list[Run]:
        """Ended executions about a product, or an access, oldest first."""
        arns = [arn for arn, status in self._executions(machine, subject) if status != "RUNNING"]
        return [self._ended.get(arn) or self._ended.setdefault(arn, self._describe(arn, machine)) for arn in arns]

    def wait_for_run(
        self, machine: str, product: str, *, after: Iterable[Run] = (), seconds: float = SECONDS, idle: bool = False
    ) -> Run:
        """The first execution about the product, not because of the same events as those of `after`, that has ended:
        however it ended.

        Runs of `onboard-upload` that found nothing to do are passed over, unless `idle`.
        """
        known = {run.event for run in after}

        def look() -> list[Run]:
            runs = (run for run in self.runs(machine, product) if run.event not in known)
            return [run for run in runs if idle or run.outcome not in IDLE]

        def what() -> str:
            return f"an execution of {machine} for {product} {self._executions(machine, product)}"

        return self.until(look, what, seconds)[0]

    def start(self, account: str, machine_arn: str, given: Mapping[str, Any]) -> Run:
        """A new execution with that input, and how it ended."""
        client = self.client(account, "stepfunctions")
        arn = client.start_execution(stateMachineArn=machine_arn, input=json.dumps(given))["executionArn"]
        machine = machine_arn.rpartition(":")[2]
        self.until(
            lambda: client.describe_execution(executionArn=arn)["status"] != "RUNNING", f"the end of {machine} {arn}"
        )
        return self._describe(arn, machine)

    def settled(self, product: str, seconds: float = SECONDS) -> None:
        """Wait until nothing runs for the product in any machine."""

        def quiet() -> bool:
            return all(subject != product for _, subject in self._running())

        self.until(quiet, f"end of all executions for {product}", seconds)

    def _executions(self, machine: str, subject: str) -> list[tuple[str, str]]:
        """(ARN, status), oldest first. Lists are newest first: read until all that was running is accounted for."""
        account, known = MACHINES[machine], self._listed.setdefault(machine, {})
        arn = f"arn:aws:states:{REGION}:{ACCOUNTS[account]}:stateMachine:{machine}"
        client = self.client(account, "stepfunctions")
        unsettled = {arn for arn, item in known.items() if item["status"] == "RUNNING"}
        fresh: dict[str, dict[str, Any]] = {}
        for page in client.get_paginator("list_executions").paginate(
            stateMachineArn=arn, PaginationConfig={"PageSize": _PAGE}
        ):
            fresh |= {item["executionArn"]: item for item in page["executions"]}
            if unsettled <= fresh.keys() and not known.keys().isdisjoint(fresh):
                break
        known |= fresh
        found = sorted(known.values(), key=lambda item: item["startDate"])
        return [(e["executionArn"], e["status"]) for e in found if self._subject(client, e["executionArn"]) == subject]

    def _subject(self, client: Any, arn: str) -> str:
        if arn not in self._subjects:
            given = json.loads(client.describe_execution(executionArn=arn)["input"])
            self._subjects[arn] = subject_of(given)
        return self._subjects[arn]

    def _describe(self, arn: str, machine: str) -> Run:
        client = self.client(MACHINES[machine], "stepfunctions")
        found = client.describe_execution(executionArn=arn)
        pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = tuple(event for page in pages for event in page["events"])
        output = json.loads(found.get("output") or "{}")
        return Run(
            arn=arn,
            machine=machine,
            status=found["status"],
            input=json.loads(found["input"]),
            output=output if isinstance(output, dict) else {},
            error=found.get("error", ""),
            cause=found.get("cause", ""),
            states=tuple(e["stateEnteredEventDetails"]["name"] for e in events if e["type"].endswith("StateEntered")),
            events=events,
        )

    # --- what can be seen --------------------------------------------------------------------------------------------

    def item(self, account: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """An item of the account's table, in DynamoDB's own form."""
        answer = self.client(account, "dynamodb").get_item(TableName=self.output(account, "TableName"), Key=dict(key))
        found = answer.get("Item")
        return dict(found) if found else None

    def items(self, account: str, pk: str, since: str = "") -> list[dict[str, str]]:
        """All items of a partition, or those from a sort key on, attributes as text."""
        keys = {":pk": {"S": pk}} | ({":sk": {"S": since}} if since else {})
        pages = (
            self.client(account, "dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.output(account, "TableName"),
                KeyConditionExpression="pk = :pk AND sk >= :sk" if since else "pk = :pk",
                ExpressionAttributeValues=keys,
                ConsistentRead=True,
            )
        )
        found = [item for page in pages for item in page["Items"]]
        return [_as_text(item) for item in found]

    def notices(self, product: str, account: str = "consumer", kind: str = "ProductUpdated") -> list[dict[str, Any]]:
        """Details of the account's notices about a product, oldest first."""
        found = [detail for said, detail in self.notified(account) if said == kind]
        return [detail for detail in found if detail["data"]["product"] == product]

    def notified(self, account: str) -> list[tuple[str, dict[str, Any]]]:
        """Kind and details of all notices of the account, oldest first."""
        kept = self._notices.setdefault(account, {})
        # Keys begin with the time: what was read before is not read again, but for the last minute, in which a notice
        # may have been written after a later one.
        since = (datetime.fromisoformat(max(kept).partition("#")[0]) - _MINUTE).isoformat() if kept else ""
        kept |= {item["sk"]: item for item in self.items(account, "NOTICE", since)}
        return [(item["detail_type"], json.loads(item["detail"])) for _, item in sorted(kept.items())]

    def wait_for_notice(self, product: str, account: str = "consumer", version: int = 1) -> dict[str, Any]:
        """The `data` of the notice of a version."""

        def look() -> list[dict[str, Any]]:
            notices = [detail["data"] for detail in self.notices(product, account)]
            return [data for data in notices if data["version"] == version]

        return self.until(look, f"notice of {product} version {version} in {account}")[0]

    def table(self, product: str, table: str, account: str = "central") -> dict[str, Any]:
        """The table as `GetTable` gives it in central."""
        return dict(self.client(account, "glue").get_table(DatabaseName=product, Name=table)["Table"])

    def tags(self, product: str, table: str | None = None) -> dict[str, Any]:
        """LF-Tags in central: those of the database, or `{"": of the table, column: of the column}`."""
        lake = self.client("central", "lakeformation")
        resource = {"Database": {"Name": product}}
        if table is None:
            found = lake.get_resource_lf_tags(Resource=resource, ShowAssignedLFTags=False)
            return _values(found.get("LFTagOnDatabase", []))
        resource = {"Table": {"DatabaseName": product, "Name": table}}
        found = lake.get_resource_lf_tags(Resource=resource, ShowAssignedLFTags=False)
        columns = {column["Name"]: _values(column["LFTags"]) for column in found.get("LFTagsOnColumns", [])}
        return {"": _values(found.get("LFTagsOnTable", []))} | columns

    def keys(self, prefix: str) -> list[str]:
        """Keys in the producer's bucket."""
        pages = (
            self.client("producer", "s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        """An object of the producer's bucket."""
        return bytes(self.client("producer", "s3").get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def exists(self, key: str) -> bool:
        """Whether the producer's bucket holds the object."""
        try:
            self.client("producer", "s3").head_object(Bucket=self.bucket, Key=key)
        except ClientError:
            return False
        return True

    def held(self, product: str) -> dict[str, dict[str, Any]]:
        """Objects that were held back: key → what the listing of the newest batch that holds it says."""
        listings = [key for key in self.keys(f"{product}/reports/") if key.endswith(".held.json")]
        return {item["key"]: item for key in listings for item in json.loads(self.read(key))}

    def reports(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Reports on what was refused, under a prefix: key → report."""
        found = [json.loads(self.read(key)) for key in self.keys(prefix) if key.endswith(".refusal.json")]
        return {report["key"]: report for report in found}

    def lease(self, product: str) -> str:
        """Who holds the product's lease; empty when nobody does."""
        return next(
            (item["holder"] for item in self.items("producer", f"PRODUCT#{product}") if item["sk"] == "LEASE"), ""
        )

    def pending(self, product: str) -> list[str]:
        """Keys of the objects that wait for a run."""
        return [item["sk"] for item in self.items("producer", f"PENDING#{product}")]

    def locks(self) -> list[str]:
        """Names that are locked in an account."""
        return [key for account in FIRST for key, _ in self.held_locks(account)]

    def held_locks(self, account: str) -> list[tuple[str, str]]:
        """(name, holder) of what is locked in the account; what a holder that died leaves ends by itself."""
        now = self.now().timestamp()
        return [(item["pk"], item["holder"]) for item in self.beginning(account, "LOCK#") if float(item["until"]) > now]

    def let_lock_expire(self, account: str, name: str, holder: str) -> None:
        """As if the time of a lock that is held by this holder were over."""
        try:
            self.client(account, "dynamodb").update_item(
                TableName=self.output(account, "TableName"),
                Key={"pk": {"S": name}, "sk": {"S": "LOCK"}},
                UpdateExpression="SET #until = :past",
                ConditionExpression="holder = :holder",
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues={":past": {"S": "0"}, ":holder": {"S": holder}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def beginning(self, account: str, prefix: str) -> list[dict[str, str]]:
        """The account's items whose pk begins so, attributes as text."""
        pages = (
            self.client(account, "dynamodb")
            .get_paginator("scan")
            .paginate(
                TableName=self.output(account, "TableName"),
                FilterExpression="begins_with(pk, :prefix)",
                ExpressionAttributeValues={":prefix": {"S": prefix}},
            )
        )
        return [_as_text(item) for page in pages for item in page["Items"]]

    def dead_letters(self) -> dict[str, int]:
        """Messages in each queue that should be empty: `account/logical id` → how many."""
        queues = {
            "central": ["EventDlq", "FailedRunsQueue"],
            "producer": ["UploadsDlq", "InboxDlq", "EventDlq", "FailedRunsQueue"],
            "consumer": ["InboxDlq", "EventDlq", "FailedRunsQueue"],
        }
        return {f"{account}/{name}": self._depth(account, name) for account, names in queues.items() for name in names}

    def dead_letters_since(self, known: Mapping[str, int]) -> dict[str, list[str]]:
        """What lies in each of these queues that more messages lie in than were known: what other tests left may be
        delivered again meanwhile. A message that somebody has taken for that is waited for: it goes, or comes back."""

        def look() -> tuple[dict[str, list[str]]] | None:
            grown = {name: self.dead_letter(name) for name, count in self.dead_letters().items() if count > known[name]}
            return (grown,) if all(grown.values()) else None

        [found] = self.until(look, "what is delivered again")
        return found

    def dead_letter(self, queue: str) -> list[str]:
        """What lies in such a queue, at most ten: why it came there, and the message."""
        account, _, name = queue.partition("/")
        found = (
            self.client(account, "sqs")
            .receive_message(
                QueueUrl=self.physical_id(account, name),
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                VisibilityTimeout=0,
            )
            .get("Messages", [])
        )
        return [f"{message.get('MessageAttributes', {})} {message['Body'][:2000]}" for message in found]

    def _depth(self, account: str, logical_id: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client(account, "sqs").get_queue_attributes(
            QueueUrl=self.physical_id(account, logical_id), AttributeNames=names
        )["Attributes"]
        return sum(int(found[name]) for name in names)

    # --- the laptop's own ---------------------------------------------------------------------------------------------

    def inject(self, kind: str, service: str, action: str = "*", **more: Any) -> None:
        """A fault of `local.faults`."""
        self._control("POST", "/_mesh/faults", {"kind": kind, "service": service, "action": action, **more})

    def deliver_unreliably(self, seed: int, *, share: float, late_seconds: float) -> None:
        """That share of events comes twice, and as many come late, after others; until they are to come once again."""
        drawn = {"service": "events", "seconds": late_seconds, "probability": share, "seed": seed, "count": _FOR_EVER}
        self._unreliable = [{"kind": kind, **drawn} for kind in ("duplicate_event", "reorder")]
        self.clear_faults()

    def deliver_once(self) -> None:
        """Each event once and in time from now on. No other fault stays."""
        self._unreliable = []
        self.clear_faults()

    @contextmanager
    def choice(self, **choices: bool) -> Iterator[None]:
        """What no document settles (`local.choices`), otherwise than at the start."""
        self._control("POST", "/_mesh/choices", choices)
        try:
            yield
        finally:
            self._control("POST", "/_mesh/choices", {})

    def faults(self) -> list[dict[str, Any]]:
        """Faults that nobody met yet, unreliable delivery aside."""
        found = self._control("GET", "/_mesh/faults")["faults"]
        return [fault for fault in found if fault["count"] < _FOR_EVER // 2]

    def at_rest(self) -> bool:
        """No event is late, and nothing runs in any machine."""
        return not self.late() and next(self._running(), None) is None

    def late(self) -> int:
        """How many events are held back."""
        return int(self._control("GET", "/_mesh/faults")["late"])

    def clear_faults(self) -> None:
        """A fault that a test did not use must not hit the next one. Events are delivered as before."""
        self._control("DELETE", "/_mesh/faults")
        if self._unreliable:
            self._control("POST", "/_mesh/faults", self._unreliable)

    def skip(self, seconds: float) -> None:
        """Let time pass, for the whole mesh. Sessions of roles end with it."""
        self._control("POST", "/_mesh/clock", {"skip": seconds})
        self._clients.clear()
        self._keys.clear()

    def now(self) -> datetime:
        """The mesh's time."""
        return datetime.fromtimestamp(self._control("GET", "/_mesh/clock")["now"], UTC)

    def running(self) -> list[str]:
        """ARNs of all executions that go on, of any machine, at once."""
        return list(self._control("GET", "/_mesh/executions")["running"])

    def look_for_subjects(self, pattern: str) -> None:
        """What calls are about is what this regular expression finds in them (`local.subjects`)."""
        self._control("POST", "/_mesh/subjects", {"pattern": pattern})

    def record(self, since: float) -> list[dict[str, Any]]:
        """Every call since that Unix time."""
        return list(self._control("GET", f"/_mesh/record?since={since}")["calls"])

    def used(self) -> dict[str, set[str]]:
        """Principal, by ARN → the actions that its calls needed since the mesh was started."""
        found = self._control("GET", "/_mesh/record/used")["used"]
        return {principal: set(actions) for principal, actions in found.items()}

    def _control(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.endpoint + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return dict(json.load(answer))


def subject_of(given: dict[str, Any]) -> str:
    """The product, or the access, that a run with this input is about; of a run's end, what that run was about."""
    detail = given.get("detail", {})
    if "executionArn" in detail:
        return subject_of(json.loads(detail["input"]))
    if given.get("detail-type") == "AccessRequested":
        return access_id(metadata_of(Envelope.model_validate(given)).id)
    data = detail.get("data", given.get("ending", given))
    return str(data.get("product") or data.get("access", "")) if isinstance(data, dict) else ""


def _as_text(item: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(next(iter(value.values()))) for name, value in item.items()}


def _values(tags: list[dict[str, Any]]) -> dict[str, str]:
    return {tag["TagKey"]: tag["TagValues"][0] for tag in tags}
