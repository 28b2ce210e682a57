"""Checks of a contract on this machine, without AWS: the product's own reader and rules, the ontology."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mesh.adapters.duckdb.measuring.rule_trial import try_rules
from mesh.adapters.odcs.contracts import load_document, read_contract
from mesh.domain.contracts.contract import Contract, ContractColumn, ContractTable, NotEnforced
from mesh.domain.contracts.enforcement import everything_not_enforced
from mesh.domain.errors import Rejected
from mesh.domain.governance.ontology import DOMAIN, Ontology
from mesh.domain.governance.renames import old_names, require_readable
from mesh.domain.governance.tagging import check_tags
from mesh.domain.onboarding.guard.settings import check_settings
from mesh.domain.onboarding.keys import PRODUCT, RESERVED, TABLE
from pydantic import BaseModel

from cli.output import CommandFailed

CONTRACT: Final = "contract.yaml"
_ANY_BUCKET: Final = "bucket"


class Warned(BaseModel):
    """Something that is accepted, and probably not meant."""

    where: str
    what: str


class Checked(BaseModel):
    """`errors` are the rejections that the mesh would send: `{"code", "message", "where", "remedy"}`."""

    file: str
    product: str = ""
    version: str = ""
    errors: list[dict[str, Any]] = []
    warnings: list[Warned] = []
    not_enforced: list[NotEnforced] = []

    @property
    def valid(self) -> bool:
        """Whether the mesh would take it."""
        return not self.errors

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {"file": self.file, "valid": self.valid, **self.model_dump(mode="json", exclude={"file"})}


def contract_file(path: Path) -> Path:
    """The contract of a product's folder, or the file itself. Raises `CommandFailed`."""
    found = path / CONTRACT if path.is_dir() else path
    if not found.is_file():
        raise CommandFailed(
            f"no contract at {found}", remedy=f"give a file, or a folder with a {CONTRACT}", file=str(found)
        )
    return found


def read_local(path: Path) -> Contract:
    """A contract on this machine; where it will be uploaded follows from what it says. Raises what the mesh raises."""
    text, file = path.read_bytes(), str(path)
    try:
        document = load_document(text, bucket="", key=file)
        name = document.get("name")
        return read_contract(text, bucket=_bucket(document), key=f"{name}/{CONTRACT}" if name else CONTRACT)
    except Rejected as refusal:
        # Bucket and key are made up here: the file is what its author knows.
        refusal.where = {"file": file, **{k: v for k, v in refusal.where.items() if k not in {"bucket", "key"}}}
        raise


def check_file(path: Path, ontology: Ontology) -> Checked:
    """Everything that the mesh would refuse, might not mean, and would not enforce."""
    checked = Checked(file=str(path))
    try:
        contract = read_local(path)
    except Rejected as refusal:
        checked.errors.append(refusal.to_dict())
        return checked
    checked.product, checked.version = contract.name, contract.version
    checked.errors.extend(_refused(contract, ontology, path))
    checked.warnings.extend(_warnings(contract, path))
    checked.warnings.extend(Warned(where=each.where, what=each.note) for each in old_names(contract, ontology))
    checked.not_enforced.extend(everything_not_enforced(contract))
    return checked


def _refused(contract: Contract, ontology: Ontology, path: Path) -> Iterator[dict[str, Any]]:
    if not PRODUCT.fullmatch(contract.name) or contract.name in RESERVED:
        yield {
            "code": "UnknownPrefix",
            "message": f"{contract.name!r} cannot be a product's name: no upload can lie below it",
            "where": {"file": str(path), "path": "$.name"},
            "remedy": f"Match {PRODUCT.pattern}.",
        }
    checks: tuple[Callable[[], None], ...] = (
        lambda: require_readable(contract, ontology, datetime.now(UTC).date()),
        lambda: check_tags(contract, ontology),
        lambda: check_settings(contract),
        lambda: try_rules(contract),
    )
    for check in checks:
        try:
            check()
        except Rejected as refusal:
            refusal.where = {"file": str(path), **refusal.where}
            yield refusal.to_dict()


def _warnings(contract: Contract, path: Path) -> Iterator[Warned]:
    if path.name == CONTRACT and path.resolve().parent.name != contract.name:
        folder = path.resolve().parent.name
        yield Warned(where="$.name", what=f"the folder is {folder!r}: it is uploaded as {contract.name}/{CONTRACT}")
    if not contract.domain:
        yield Warned(where="$.domain", what=f"none: the producer's own {DOMAIN} is used")
    if not contract.owner:
        yield Warned(where="$.team", what="no owner is named")
    if contract.draft:
        yield Warned(where="$.status", what="a draft is visible to its owner alone, with the most restrictive tags")
    if not contract.tables:
        yield Warned(where="$.schema", what="no tables: they are inferred from the data")
    if any(server.type == "s3" and server.location for server in contract.servers):
        yield Warned(where="$.servers", what="whether the bucket is yours is checked on upload")
    for position, table in enumerate(contract.tables):
        yield from _of_table(table, f"$.schema[{position}]")


def _of_table(table: ContractTable, path: str) -> Iterator[Warned]:
    if not TABLE.fullmatch(table.catalog_name):
        yield Warned(
            where=path, what=f"uploads cannot belong to a table named {table.catalog_name!r} ({TABLE.pattern})"
        )
    if not table.columns:
        yield Warned(where=path, what="no columns: they are inferred from the data")
    for position, column in enumerate(table.columns):
        yield from _of_column(column, f"{path}.properties[{position}]")


def _of_column(column: ContractColumn, path: str) -> Iterator[Warned]:
    if (written := column.physical_name or column.name) != column.catalog_name:
        yield Warned(where=path, what=f"{written} is {column.catalog_name} in the catalog: Glue lower-cases names")
    if column.physical_type and not column.hive_type:
        yield Warned(where=f"{path}.physicalType", what=f"{column.physical_type} is not an Athena type")
    if not column.description:
        yield Warned(where=path, what=f"{column.name} has no description")


def _bucket(document: dict[str, Any]) -> str:
    """The bucket that the contract itself names: which one is the producer's is known in its account alone."""
    servers = document.get("servers")
    for server in servers if isinstance(servers, list) else ():
        location = server.get("location") if isinstance(server, dict) and server.get("type") == "s3" else None
        if isinstance(location, str) and location.startswith("s3://"):
            return location.removeprefix("s3://").partition("/")[0]
    return _ANY_BUCKET
