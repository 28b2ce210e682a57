"""`mesh products` and `mesh show`: what there is in the mesh, who owns it, and how to query it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from mesh.adapters.aws import code_of
from mesh.adapters.lakeformation.lake import LakeFormationAdapter
from mesh.domain import names
from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.product import Product, ProductVersion, TableSnapshot
from mesh.domain.governance.publication_tag import for_people
from mesh.domain.packing import Packed

from cli import output
from cli.mesh_context import As, AsJson, InAccount, MeshContext, Port, mesh_context
from cli.session import Account


def products_command(
    words: Annotated[list[str] | None, typer.Argument(metavar="[TERMS]", help="Search terms; all must match.")] = None,
    *,
    account: InAccount = "central",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """List data products, or search them.

    All search terms must occur in a product's name, domain, tags, tables, columns or descriptions.
    """
    where = mesh_context(port, acting=account, role=role)
    found = [product for product in where.registry().products() if matches(product, words or [])]
    if as_json:
        output.emit({"products": [summary(product) for product in found]})
    elif not found:
        output.say("no products" + (f" match {' '.join(words)}" if words else " yet: mesh put DIR"))
    else:
        rows = [
            (
                product.name,
                f"{product.version}" if product.version else "-",
                status_of(product),
                product.domain,
                product.description,
            )
            for product in found
        ]
        output.table(("product", ">version", "status", "domain", "description"), rows, wrap="description")


def show_command(
    product: Annotated[str, typer.Argument(help="The product's name.")],
    *,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the newest version's quality report to this file.")
    ] = None,
    account: InAccount = "central",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Show a product: owner, tables, LF-Tags, versions.

    Each table comes with its columns, their types and effective LF-Tags, its latest checks, and a query to run.
    """
    where = mesh_context(port, acting=account, role=role)
    found = describe(where, product)
    if report is not None:
        save_report(where, found, report)
    if as_json:
        output.emit(found)
    else:
        render(found)


def save_report(where: MeshContext, found: Mapping[str, Any], file: Path) -> None:
    """The page of the newest version that was checked, out of the owner's bucket. Raises `CommandFailed`."""
    bucket = found["location"].removeprefix("s3://").partition("/")[0]
    owner = where.names_by_id().get(found["owner"])
    if owner is None:
        raise output.CommandFailed(
            f"the reports of {found['name']} are in its owner's account, {found['owner']}",
            remedy=f"give --profile for it, or use the aws command there: s3://{bucket}/{found['name']}/reports/",
        )
    key = report_key(where, owner, found["name"], bucket)
    if not key:
        raise output.CommandFailed(
            f"no version of {found['name']} has a report", remedy="list its versions: mesh history"
        )
    try:
        body = where.client(owner, "s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if code_of(error) != "NoSuchKey":
            raise
        raise output.CommandFailed(
            f"there is no report at s3://{bucket}/{key}", remedy="choose a product whose data was checked: mesh show"
        ) from error
    file.write_bytes(body)
    output.note(f"report saved: {file}")


def report_key(where: MeshContext, owner: Account, product: str, bucket: str) -> str:
    """Of the newest version; "" for none. Below `reports/` keys are in the order of their runs."""
    pages = where.client(owner, "s3").get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{product}/reports/"
    )  # fmt: skip
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    return max((key for key in keys if key.endswith(".report.html") and ".held." not in key), default="")


def matches(product: Product, words: list[str]) -> bool:
    """Whether each word occurs in what describes the product, in any case."""
    text = " ".join(searchable(product)).lower()
    return all(word.lower() in text for word in words)


def searchable(product: Product) -> Iterator[str]:
    """All that a person may look for."""
    contract = Contract.model_validate(product.contract)
    yield from (product.name, product.domain, product.owner, product.description, contract.owner, *contract.tags)
    yield from (f"{key}={value}" for key, value in product.tags.items())
    for table in contract.tables:
        yield from (table.catalog_name, table.description)
        for column in table.columns:
            yield from (column.catalog_name, column.description)


def status_of(product: Product) -> str:
    """The status that people see."""
    if product.status == "retired":
        return "retired"
    if product.draft:
        return "draft"
    if product.status == "claimed":
        return "registering"
    return "published" if product.version else "registered"


def summary(product: Product) -> dict[str, Any]:
    """One product of the list."""
    wanted = {"name", "owner", "domain", "version", "description", "contract_version", "tags", "updated"}
    return {**product.model_dump(mode="json", include=wanted), "status": status_of(product)}


def describe(where: MeshContext, name: str) -> dict[str, Any]:
    """Everything that `mesh show` says. Raises `CommandFailed` for an unknown product."""
    registry = where.registry()
    product = registry.product(name)
    if product is None:
        raise output.CommandFailed(f"product {name!r} not found", code="UnknownProduct", remedy="mesh products")
    versions = list(registry.versions(name))
    lake = LakeFormationAdapter(where.client("central", "lakeformation"), where.account_id("central"))
    contract = Contract.model_validate(product.contract)
    latest = versions[0].tables if versions else ()
    return {
        **summary(product),
        "location": product.location,
        "offered_to": product.offered_to,
        "former": [former.model_dump(mode="json") for former in product.former],
        "contract": product.contract,
        "announced": announced_revision(where, product),
        "subscribers": list(registry.subscribers(name)),
        "versions": [version_summary(version) for version in versions],
        "tables": [
            {**table_facts(snapshot, contract, lake, name), "quality": newest_quality(snapshot.table, versions)}
            for snapshot in latest
        ],
    }


def announced_revision(where: MeshContext, product: Product) -> dict[str, Any] | None:
    """A revision of the contract that is announced and not yet in force: its version, and when it will be."""
    found = where.announcements().newest(product.name)
    if found is None or found.ended or found.compared(product.owner, product.contract_sequencer) <= 0:
        return None
    return found.model_dump(mode="json", include={"contract_version", "in_force"})


def newest_quality(table: str, versions: Sequence[ProductVersion]) -> dict[str, Any] | None:
    """Scores and warnings of the newest batch of a table that was checked."""
    of_table = (change for version in versions for change in version.changes if change.table == table)
    found = next((change.quality for change in of_table if change.quality is not None), None)
    return found.model_dump(mode="json") if found else None


def version_summary(version: ProductVersion) -> dict[str, Any]:
    """One version, with what it changed."""
    shown = {"version", "published", "correlation_id", "contract_version", "changes"}
    return version.model_dump(mode="json", include=shown, context=Packed.READABLE)


def table_facts(
    snapshot: TableSnapshot, contract: Contract, lake: LakeFormationAdapter, database: str
) -> dict[str, Any]:
    """A table as it is: columns with types, meanings and the tags that Lake Formation has in effect for each."""
    try:
        tags, by_column = lake.table_tags(database, snapshot.table)
    except ClientError as error:
        if code_of(error) != "EntityNotFoundException":
            raise
        tags, by_column = {}, {}
    tags, by_column = for_people(tags), {name: for_people(own) for name, own in by_column.items()}
    declared = contract.table(snapshot.table)
    keys = {column.name for column in snapshot.partition_keys}
    columns = []
    for column in (*snapshot.columns, *snapshot.partition_keys):
        meaning = declared.column(column.name) if declared else None
        columns.append(
            {
                "name": column.name,
                "type": column.type,
                "partition_key": column.name in keys,
                "tags": by_column.get(column.name, tags),
                "description": meaning.description if meaning else "",
            }
        )
    link = names.resource_link(database)
    return {
        "table": snapshot.table,
        "rows": snapshot.rows,
        "rows_exact": snapshot.rows_exact,
        "bytes": snapshot.bytes,
        "objects": snapshot.objects,
        "partitions": snapshot.partitions,
        "tags": tags,
        "columns": columns,
        "sql": f'SELECT * FROM "{link}"."{snapshot.table}" LIMIT 10',  # noqa: S608 - shown, not run
    }


def handover_fields(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Who may take the product over, and who had it before."""
    if found["offered_to"]:
        yield "offered to", found["offered_to"]
    if found["former"]:
        known = [f"{each['account']} until {each['until'][:10]}" for each in found["former"]]
        yield "before", ", ".join(known)


def render(found: dict[str, Any]) -> None:
    """`mesh show` for people."""
    contract = found["contract"]
    output.say(found["name"], style="bold")
    output.fields(
        [
            ("description", found["description"]),
            ("status", f"{found['status']}, version {found['version']}"),
            ("owner", " · ".join(filter(None, (found["owner"], found["domain"], contract.get("owner", ""))))),
            *handover_fields(found),
            ("tags", output.tags_text(found["tags"])),
            ("contract", f"version {found['contract_version']}, {contract.get('api_version', '')}"),
            *(announced_field(found["announced"]) if found["announced"] else ()),
            ("location", found["location"]),
            ("subscribers", ", ".join(found["subscribers"]) or "none yet: mesh subscribe " + found["name"]),
        ]
    )
    for table in found["tables"]:
        render_table(table)
    if found["versions"]:
        rows = [
            (
                version["version"],
                output.day_text(datetime.fromisoformat(version["published"])),
                version["correlation_id"],
            )
            for version in found["versions"][:5]
        ]
        output.table((">version", "published (UTC)", "trace"), rows, wrap="trace")


def announced_field(announced: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """When the next contract comes into force."""
    at = output.day_text(datetime.fromisoformat(announced["in_force"]))
    yield "announced", f"version {announced['contract_version']} comes into force at {at} UTC"


def render_table(table: dict[str, Any]) -> None:
    """One table: its size, its columns, its query."""
    parts = [output.amount(table["rows"], "row", exact=table["rows_exact"]), output.size(table["bytes"])]
    parts += [output.amount(table["objects"], "file"), output.amount(len(table["columns"]), "column")]
    if table["partitions"]:
        parts.append(output.amount(table["partitions"], "partition"))
    output.say()
    output.say(f"{table['table']}: {', '.join(parts)}", style="bold")
    if table["quality"]:
        output.say(f"checked: {output.quality_text(table['quality']['scores'], table['quality']['warnings'])}")
        for finding in table["quality"]["findings"]:
            output.say(f"  {finding['code']}: {finding['message']}", style="yellow")
    render_columns(table["columns"], table["tags"])
    output.say("query it in the consumer account:")
    output.say_whole(f"  {table['sql']}")


def render_columns(columns: list[dict[str, Any]], table_tags: dict[str, str]) -> None:
    """Columns with types and effective tags; those that are as the table's are named once, above."""
    output.say(f"LF-Tags of the table, inherited by columns without their own: {output.tags_text(table_tags)}")
    rows = []
    for column in columns:
        own = {key: value for key, value in column["tags"].items() if table_tags.get(key) != value}
        kind = f"{column['type']} (partition)" if column["partition_key"] else column["type"]
        rows.append((column["name"], kind, output.tags_text(own).replace(" ", "\n"), column["description"]))
    output.table(("column", "type", "LF-Tags", "meaning"), rows, wrap="meaning")
