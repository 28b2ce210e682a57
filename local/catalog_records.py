"""The records of MiniStack's Glue catalog, by account and region: shared by the catalog and Lake Formation."""

from collections.abc import Iterator
from typing import Any

type Json = dict[str, Any]


def database(account: str, region: str, name: str) -> Json | None:
    """The stored database (or resource link) `name`, or None."""
    from ministack.services import glue  # noqa: PLC0415  (a service module: imported once the server is up)

    found: Json | None = glue._databases.get_scoped(account, region, name)
    return found


def databases(account: str, region: str) -> list[Json]:
    from ministack.services import glue  # noqa: PLC0415

    return sorted(glue._databases.values_scoped(account, region), key=lambda record: str(record["Name"]))


def table(account: str, region: str, database_name: str, name: str) -> Json | None:
    """The stored table (or link to one) `database_name`.`name`, or None."""
    from ministack.services import glue  # noqa: PLC0415

    found: Json | None = glue._tables.get_scoped(account, region, f"{database_name}/{name}")
    return found


def tables(account: str, region: str, database_name: str) -> list[Json]:
    from ministack.services import glue  # noqa: PLC0415

    found = (t for t in glue._tables.values_scoped(account, region) if t["DatabaseName"] == database_name)
    return sorted(found, key=lambda record: str(record["Name"]))


def partitions(account: str, region: str, database_name: str, name: str) -> list[Json]:
    """The stored partitions themselves: what is appended here is registered."""
    from ministack.services import glue  # noqa: PLC0415

    key = f"{database_name}/{name}"
    if not glue._partitions.contains_scoped(account, region, key):
        glue._partitions.set_scoped(account, region, key, [])
    found: list[Json] = glue._partitions.get_scoped(account, region, key)
    return found


def put_database(account: str, region: str, record: Json) -> None:
    from ministack.services import glue  # noqa: PLC0415

    glue._databases.set_scoped(account, region, record["Name"], record)


def put_table(account: str, region: str, record: Json) -> None:
    from ministack.services import glue  # noqa: PLC0415

    glue._tables.set_scoped(account, region, f"{record['DatabaseName']}/{record['Name']}", record)


def drop_table(account: str, region: str, database_name: str, name: str) -> None:
    """Forget the table with its partitions."""
    from ministack.services import glue  # noqa: PLC0415

    for kept in (glue._tables, glue._partitions, glue._partition_indexes):
        kept.pop_scoped(account, region, f"{database_name}/{name}", None)


def drop_database(account: str, region: str, name: str) -> None:
    """Forget the database with its tables."""
    from ministack.services import glue  # noqa: PLC0415

    for record in tables(account, region, name):
        drop_table(account, region, name, record["Name"])
    glue._databases.pop_scoped(account, region, name, None)


def columns(record: Json) -> Iterator[Json]:
    """The columns of a table, then its partition keys."""
    yield from (record.get("StorageDescriptor") or {}).get("Columns") or ()
    yield from record.get("PartitionKeys") or ()
