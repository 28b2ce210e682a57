"""Keep an account's data lake settings and LF-Tags as declared, without removing what others own.

`PutDataLakeSettings` replaces the whole object, admins included: this reads, merges and writes, and remembers which
admins it added (`owned`), so that a later deploy can remove those and no others. LF-Tags and values are only added:
a value may be in use by a grant that Meshwork knows nothing of.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from mesh.domain.errors import Rejected
from mesh.domain.governance.ontology import Ontology
from mesh.domain.governance.renewal import ProductRoles, renewed_grants
from mesh.domain.model import Model
from mesh.ports import LakeAdmins, LakeFormation, Principals, ProductDatabases

MAX_ADMINS = 30
CROSS_ACCOUNT_VERSION = 5
"""Shares by wildcard, without an association for each table; Lake Formation does not take it back.

https://docs.aws.amazon.com/lake-formation/latest/dg/optimize-ram.html
"""
_VALUES_PER_CALL = 50


class TooManyAdmins(Rejected):
    """Lake Formation allows 30 data lake admins in an account."""


class GovernLake(Model):
    """`previous_admins`: those that the last deploy added, and that may be removed now."""

    admins: tuple[str, ...]
    previous_admins: tuple[str, ...] = ()


class LakeGoverned(Model):
    """What was changed."""

    admins_added: tuple[str, ...]
    admins_removed: tuple[str, ...]
    tags_created: tuple[str, ...]
    values_added: dict[str, tuple[str, ...]]


def govern_lake(
    command: GovernLake, *, lake: LakeFormation, principals: Principals, ontology: Ontology | None
) -> LakeGoverned:
    """Merge settings, then tags (central only: `ontology` is None in a spoke). Raises TooManyAdmins."""
    before = lake.settings()
    merged = merge_settings(before, command.admins, command.previous_admins, gone=principals.is_gone)
    if merged != before:
        lake.put_settings(merged)
    old, new = admins_of(before), admins_of(merged)
    created, added = merge_tags(lake, ontology) if ontology else ((), {})
    return LakeGoverned(
        admins_added=tuple(admin for admin in new if admin not in old),
        admins_removed=tuple(admin for admin in old if admin not in new),
        tags_created=created,
        values_added=added,
    )


def restore_settings(*, admins: LakeAdmins, lake: LakeFormation, principals: Principals) -> LakeGoverned:
    """Settings as the last deployment left them, should somebody have changed them since; all others' stay."""
    return govern_lake(GovernLake(admins=admins.kept()), lake=lake, principals=principals, ontology=None)


def renew_grants(
    roles: ProductRoles, *, catalog: str, databases: ProductDatabases, lake: LakeFormation
) -> tuple[str, ...]:
    """Grant what central's roles need on the products that are there; which these are. Idempotent."""
    products = databases.all()
    for product in products:
        lake.grant(renewed_grants(catalog, product, roles))
    return tuple(product.product for product in products)


def leave_lake(admins: Sequence[str], *, lake: LakeFormation, principals: Principals) -> None:
    """Take our admins out before their roles are deleted with the stack. All other settings, and the tags, stay."""
    before = lake.settings()
    after = before | _without(before, admins, gone=principals.is_gone)
    if after != before:
        lake.put_settings(after)


def merge_settings(
    settings: dict[str, Any], admins: Sequence[str], previous: Sequence[str], *, gone: Callable[[str], bool]
) -> dict[str, Any]:
    """The settings with our admins in, our former ones and those that are `gone` out, IAM-only defaults off, and all
    else as it was. Ours are not looked up: IAM may not know yet a role that the stack just made."""
    left = settings | _without(
        settings, set(previous) - set(admins), gone=lambda admin: admin not in admins and gone(admin)
    )
    wanted = list(dict.fromkeys((*admins_of(left), *admins)))
    if len(wanted) > MAX_ADMINS:
        raise TooManyAdmins(
            f"{len(wanted)} data lake admins, but Lake Formation allows {MAX_ADMINS}",
            remedy="remove admins that are not needed: aws lakeformation get-data-lake-settings",
        )
    parameters = dict(settings.get("Parameters") or {})
    version = max(int(parameters.get("CROSS_ACCOUNT_VERSION", "1")), CROSS_ACCOUNT_VERSION)
    return {
        **left,
        "DataLakeAdmins": [{"DataLakePrincipalIdentifier": admin} for admin in wanted],
        "CreateDatabaseDefaultPermissions": [],
        "CreateTableDefaultPermissions": [],
        "Parameters": {**parameters, "CROSS_ACCOUNT_VERSION": str(version)},
    }


def _without(
    settings: dict[str, Any], leaving: Collection[str], *, gone: Callable[[str], bool]
) -> dict[str, list[dict[str, str]]]:
    """The administrators without those that leave; they and the read-only ones without those that are gone, since
    PutDataLakeSettings refuses these."""
    out = {"DataLakeAdmins": leaving, "ReadOnlyAdmins": ()}
    return {
        kind: [
            entry
            for entry in settings[kind]
            if entry["DataLakePrincipalIdentifier"] not in names and not gone(entry["DataLakePrincipalIdentifier"])
        ]
        for kind, names in out.items()
        if settings.get(kind)
    }


def admins_of(settings: dict[str, Any]) -> list[str]:
    """The ARNs of the data lake admins."""
    return [admin["DataLakePrincipalIdentifier"] for admin in settings.get("DataLakeAdmins") or []]


def merge_tags(lake: LakeFormation, ontology: Ontology) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Make the LF-Tags and values that are missing: the keys made, and values added to others. Idempotent."""
    created: list[str] = []
    added: dict[str, tuple[str, ...]] = {}
    for key, wanted in ontology.tag_values().items():
        if not wanted:
            continue  # an open key without values yet: Lake Formation has no tag without a value
        existing = lake.tag_values(key)
        if existing is None:
            lake.create_tag(key, wanted[:_VALUES_PER_CALL])
            created.append(key)
            existing = tuple(wanted[:_VALUES_PER_CALL])
        missing = tuple(value for value in wanted if value not in existing)
        for start in range(0, len(missing), _VALUES_PER_CALL):
            lake.add_tag_values(key, missing[start : start + _VALUES_PER_CALL])
        if missing:
            added[key] = missing
    return tuple(created), added
