"""Versions as a producer stages them: Parquet by DuckDB, metadata by Meshwork's own writer, and the event about it."""

import contextlib
import json
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
from mesh.adapters.iceberg.staging import IcebergStaging
from mesh.adapters.s3.published_files import S3PublishedFiles
from mesh.domain.events import PersonalDataFinding
from mesh.domain.names import table_location
from mesh.domain.onboarding.batches import IndexEntry
from mesh.domain.publishing.fields import Field, FieldIds, assign_fields
from mesh.domain.publishing.iceberg_table import marks_of, pointer_of
from mesh.domain.publishing.proposals import TableDetails
from mesh.domain.publishing.staging import DataFile, StageOrder
from mesh.domain.publishing.table_state import TableState
from mesh.domain.schema import Column

from local.accounts import ACCOUNTS, ADMIN_ROLE, REGION
from tests.mesh_driver import MeshDriver, Run

COLUMNS: Final = {"id": "bigint", "amount": "bigint"}


class Stager:
    """Stages tables of one product, and proposes them."""

    def __init__(self, mesh: MeshDriver, product: str) -> None:
        self.mesh, self.product = mesh, product
        self._s3 = mesh.client("producer", "s3", stager_role(mesh))
        self._staging, self.files = IcebergStaging(self._s3), S3PublishedFiles(self._s3)

    def location(self, table: str = "t1") -> str:
        return table_location(self.mesh.bucket, self.product, table)

    def pointer(self, table: str = "t1") -> str:
        """Where central's catalog points to; empty for no version."""
        return pointer_of(self._known(table))

    def _known(self, table: str) -> Mapping[str, Any] | None:
        glue = self.mesh.client("central", "glue", ADMIN_ROLE)
        try:
            return dict(glue.get_table(DatabaseName=self.product, Name=table)["Table"])
        except glue.exceptions.EntityNotFoundException:
            return None

    def put(self, location: str, body: bytes) -> None:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        self._s3.put_object(Bucket=bucket, Key=key, Body=body)

    def write(self, sql: str, fields: Sequence[Field], location: str = "") -> DataFile:
        """A data file of the query's rows."""
        path = location or f"{self.location()}/data/{uuid.uuid4()}.parquet"
        ids = ", ".join(f"{field.name}: {field.id}" for field in fields)
        with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
            file = Path(folder) / "x.parquet"
            copied = connection.execute(f"COPY ({sql}) TO '{file}' (FORMAT parquet, FIELD_IDS {{{ids}}})")
            rows, body = copied.fetchall()[0][0], file.read_bytes()
        self.put(path, body)
        return DataFile(path=path, rows=rows, bytes=len(body))

    def stage(
        self,
        sql: str = "SELECT 1::BIGINT AS id, 10::BIGINT AS amount",
        *,
        table: str = "t1",
        columns: Mapping[str, str] | None = None,
        files: Sequence[DataFile] | None = None,
        findings: Sequence[PersonalDataFinding] = (),
        **claimed: Any,
    ) -> dict[str, Any]:
        """The table's present files and one more, staged; what is proposed of it. `claimed` replaces parts of that."""
        pointer, marks = self.pointer(table), marks_of(self._known(table))
        base = self.files.state(pointer) if pointer else None
        wanted = [Column(name=name, type=kind) for name, kind in (columns or COLUMNS).items()]
        fields = assign_fields(wanted, base.fields if base else (), FieldIds(marks.column))
        added = [self.write(sql, fields)] if files is None else list(files)
        name, place = uuid.uuid4().hex, f"{self.location(table)}/metadata"
        details = TableDetails(
            objects=len(added), rows=sum(file.rows for file in added), bytes=sum(file.bytes for file in added),
            sources=len(added), findings=tuple(findings),
        )  # fmt: skip
        self._write_index(f"{place}/{name}.index.parquet", base, added)
        order = StageOrder(
            location=self.location(table), base=base, fields=fields, add=tuple(added), marks=marks,
            index=f"{place}/{name}.index.parquet", details=details.model_dump_json(),
        )  # fmt: skip
        staged = self._staging.stage(order)
        proposed = {
            "name": table, "base": _name(pointer), "staged": _name(staged.metadata), "empty": _name(staged.empty),
            "rows": staged.rows, "bytes": staged.bytes, "files": staged.files,
        }  # fmt: skip
        return proposed | claimed

    def _write_index(self, path: str, base: TableState | None, added: Sequence[DataFile]) -> None:
        """Each new file holds the rows of one object, which nobody ever landed."""
        known = self.files.index(base.index) if base else []
        new = [
            IndexEntry(
                key=f"{self.product}/data/staged/{_name(file.path)}",
                etag=uuid.uuid4().hex,
                size=file.bytes,
                file=file.path,
                rows=file.rows,
            )
            for file in added
        ]
        self.files.write_index(path, [*known, *new])

    def proposal(self, *tables: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """VersionProposed's data."""
        expires = (self.mesh.now() + timedelta(hours=1)).isoformat()
        usual = {"product": self.product, "proposal": str(uuid.uuid4()), "generation": 1, "expires": expires}
        return {**usual, "tables": [dict(table) for table in tables], **more}

    def propose(self, data: Mapping[str, Any], by: str = "producer") -> Run:
        """How central's run about it ended."""
        before = self.mesh.runs("commit-version", self.product)
        answer = self.mesh.put_event("VersionProposed", data, by=by, role=proposer_role(self.mesh, by))
        assert "EventId" in answer, answer
        return self.mesh.wait_for_run("commit-version", self.product, after=before)

    def publish(self, *tables: Mapping[str, Any]) -> Run:
        run = self.propose(self.proposal(*tables))
        assert run.status == "SUCCEEDED", run
        assert run.states[-1] == "RecordLineage", run.output
        return run

    def answers(self, proposal: str) -> list[dict[str, Any]]:
        """The producer's notices about a proposal, oldest first."""
        notices = [detail["data"] for detail in self.mesh.notices(self.product, "producer", "ProposalSettled")]
        return [data for data in notices if data["proposal"] == proposal]

    def answer(self, data: Mapping[str, Any], count: int = 1) -> dict[str, Any]:
        """The last answer, once there are so many. Each event is answered, and all have the same outcome."""
        proposal = str(data["proposal"])
        found = self.mesh.until(lambda: _at_least(self.answers(proposal), count), f"{count} answers to {proposal}")
        assert len({(answer["outcome"], answer["version"]) for answer in found}) == 1, found
        return found[-1]


def _at_least[T](found: list[T], count: int) -> list[T]:
    return found if len(found) >= count else []


def _name(location: str) -> str:
    return location.rpartition("/")[2]


def stager_role(mesh: MeshDriver) -> str:
    """The role of ProposeVersion: who else may write there?"""
    return role_of(mesh, "ProposeVersion")


def role_of(mesh: MeshDriver, function: str) -> str:
    """A producer's function's role, which the account's people may assume from now on."""
    iam, name = mesh.client("producer", "iam"), mesh.physical_id("producer", f"{function}FunctionRole")
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    people = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNTS['producer']}:root"},
        "Action": "sts:AssumeRole",
    }
    if people not in trust["Statement"]:
        trust = {**trust, "Statement": [*trust["Statement"], people]}
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    return name


def proposer_role(mesh: MeshDriver, account: str) -> str:
    """A role that central's bus takes a proposal from: the producer's, or elsewhere one that goes by its name."""
    if account == "producer":
        return stager_role(mesh)
    return role_that_puts(mesh, account, "other-ProposeVersionFunctionRole-1")


def role_that_puts(mesh: MeshDriver, account: str, name: str) -> str:
    """A role of that name in the account, made for whoever wants to look like one that central's bus takes events from.

    One that is there stays as it is.
    """
    iam = mesh.client(account, "iam")
    people = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNTS[account]}:root"}}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{**people, "Action": "sts:AssumeRole"}]})
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    bus = f"arn:aws:events:{REGION}:{ACCOUNTS['central']}:event-bus/mesh"
    may = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    iam.put_role_policy(RoleName=name, PolicyName="propose", PolicyDocument=policy)
    return name
