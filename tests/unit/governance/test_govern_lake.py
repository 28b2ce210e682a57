"""Data lake settings and LF-Tags: merged, and nobody else's dropped."""

from types import SimpleNamespace

import pytest
from mesh.domain.governance.renewal import ProductDatabase, ProductRoles
from mesh.usecases.governance.govern_lake import (
    MAX_ADMINS,
    GovernLake,
    TooManyAdmins,
    admins_of,
    govern_lake,
    leave_lake,
    renew_grants,
    restore_settings,
)

from tests.builders import an_ontology
from tests.fakes import FakeLakeFormation, FakePrincipals

OURS, FORMER, OTHERS = (f"arn:aws:iam::111111111111:role/{name}" for name in ("ours", "former", "others"))


def settings(*admins, **more):
    return {"DataLakeAdmins": [{"DataLakePrincipalIdentifier": admin} for admin in admins], **more}


def lake_with(*admins, **more):
    lake = FakeLakeFormation()
    lake.data_lake_settings = settings(*admins, **more)
    return lake


def govern(lake, *admins, previous=(), ontology=None, gone=()):
    command = GovernLake(admins=admins, previous_admins=previous)
    return govern_lake(command, lake=lake, principals=FakePrincipals(gone), ontology=ontology)


def test_admins_of_others_stay_and_ours_are_added():
    lake = lake_with(OTHERS)

    governed = govern(lake, OURS)

    assert admins_of(lake.settings()) == [OTHERS, OURS]
    assert (governed.admins_added, governed.admins_removed) == ((OURS,), ())


def test_only_admins_that_meshwork_added_are_removed():
    lake = lake_with(OTHERS, FORMER, OURS)

    governed = govern(lake, OURS, previous=(FORMER, OURS))

    assert admins_of(lake.settings()) == [OTHERS, OURS]
    assert governed.admins_removed == (FORMER,)


def test_everything_else_in_the_settings_is_kept():
    read_only = [{"DataLakePrincipalIdentifier": OTHERS}]
    lake = lake_with(ReadOnlyAdmins=read_only, TrustedResourceOwners=["y"], Parameters={"SET_CONTEXT": "TRUE"})

    govern(lake, OURS)

    after = lake.settings()
    assert (after["ReadOnlyAdmins"], after["TrustedResourceOwners"]) == (read_only, ["y"])
    assert after["Parameters"] == {"SET_CONTEXT": "TRUE", "CROSS_ACCOUNT_VERSION": "5"}


def test_iam_only_access_is_no_longer_the_default():
    everybody = {"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}
    lake = lake_with(CreateDatabaseDefaultPermissions=[everybody], CreateTableDefaultPermissions=[everybody])

    govern(lake, OURS)

    assert lake.settings()["CreateDatabaseDefaultPermissions"] == []
    assert lake.settings()["CreateTableDefaultPermissions"] == []


@pytest.mark.parametrize(("before", "after"), [("1", "5"), ("4", "5"), ("5", "5"), ("10", "10")])
def test_the_cross_account_version_is_raised_and_never_lowered(before, after):
    """As numbers: of the texts "5" and "10" the greater is "5"."""
    lake = lake_with(Parameters={"CROSS_ACCOUNT_VERSION": before})

    govern(lake, OURS)

    assert lake.settings()["Parameters"]["CROSS_ACCOUNT_VERSION"] == after


def test_roles_of_a_new_stack_are_granted_what_they_need_on_products_that_are_there():
    lake, roles = lake_with(OURS), ProductRoles(registrar=OURS, committers=(OTHERS,))
    products = SimpleNamespace(all=lambda: (ProductDatabase(product="loans", database="loans", bucket="b"),))

    assert renew_grants(roles, catalog="111111111111", databases=products, lake=lake) == ("loans",)

    held = [
        (grant["Principal"]["DataLakePrincipalIdentifier"], next(iter(grant["Resource"])), sorted(grant["Permissions"]))
        for grant in lake.grants
    ]
    assert (OURS, "Database", ["ALTER", "DESCRIBE"]) in held
    assert [(resource, rights) for who, resource, rights in held if who == OTHERS] == [
        ("LFTagPolicy", ["CREATE_TABLE", "DESCRIBE"]),
        ("LFTagPolicy", ["ALTER", "DESCRIBE"]),
        ("DataLocation", ["DATA_LOCATION_ACCESS"]),
    ]


def test_the_second_deploy_writes_nothing():
    lake = lake_with(OTHERS)
    govern(lake, OURS, ontology=an_ontology())
    lake.calls.clear()

    governed = govern(lake, OURS, previous=(OURS,), ontology=an_ontology())

    assert lake.calls == []
    assert (governed.tags_created, governed.values_added) == ((), {})


def test_more_admins_than_lake_formation_takes_changes_nothing():
    lake = lake_with(*(f"admin-{number}" for number in range(MAX_ADMINS)))

    with pytest.raises(TooManyAdmins):
        govern(lake, OURS)

    assert lake.calls == []


def test_tags_are_added_and_values_of_others_kept():
    lake = lake_with()
    lake.tags = {"domain": ("theirs",), "foreign": ("x",)}

    governed = govern(lake, OURS, ontology=an_ontology())

    assert governed.tags_created == ("confidentiality", "pii", "publication")
    assert governed.values_added == {"domain": ("retail", "risk")}
    assert lake.tags["domain"] == ("theirs", "retail", "risk")
    assert lake.tags["foreign"] == ("x",)
    assert "product" not in lake.tags


def test_many_values_go_in_calls_of_fifty():
    ontology = an_ontology()
    many = {f"v{number}": ontology.keys["domain"].values["retail"] for number in range(120)}
    domain = ontology.keys["domain"].model_copy(update={"values": many})
    ontology = ontology.model_copy(update={"keys": {**ontology.keys, "domain": domain}})
    lake, sizes = lake_with(), []
    create, add = lake.create_tag, lake.add_tag_values
    lake.create_tag = lambda key, values: (sizes.append(len(values)), create(key, values))
    lake.add_tag_values = lambda key, values: (sizes.append(len(values)), add(key, values))

    govern(lake, OURS, ontology=ontology)

    assert max(sizes) == 50
    assert len(lake.tags["domain"]) == 120


def test_administrators_that_iam_no_longer_knows_are_dropped():
    """PutDataLakeSettings refuses the whole list for one of them."""
    read_only = [{"DataLakePrincipalIdentifier": each} for each in (FORMER, OTHERS)]
    lake = lake_with(OTHERS, FORMER, ReadOnlyAdmins=read_only)

    governed = govern(lake, OURS, gone=(FORMER,))

    assert admins_of(lake.settings()) == [OTHERS, OURS]
    assert lake.settings()["ReadOnlyAdmins"] == read_only[1:]
    assert governed.admins_removed == (FORMER,)


def test_roles_that_the_stack_just_made_are_not_looked_up():
    lake = lake_with(OURS)

    govern(lake, OURS, gone=(OURS,))  # IAM does not answer everywhere at once

    assert admins_of(lake.settings()) == [OURS]


def test_with_its_stack_only_its_own_administrators_go():
    lake = lake_with(OTHERS, OURS, FORMER, TrustedResourceOwners=["y"], Parameters={"CROSS_ACCOUNT_VERSION": "4"})

    leave_lake([OURS], lake=lake, principals=FakePrincipals((FORMER,)))

    assert admins_of(lake.settings()) == [OTHERS]
    assert lake.settings()["TrustedResourceOwners"] == ["y"]
    assert lake.settings()["Parameters"] == {"CROSS_ACCOUNT_VERSION": "4"}


def test_a_stack_that_left_already_changes_nothing():
    lake = lake_with(OTHERS)

    leave_lake([OURS], lake=lake, principals=FakePrincipals())

    assert lake.calls == []


def test_settings_that_somebody_changed_are_as_they_were_deployed_and_others_stay():
    everybody = [{"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}]
    lake = lake_with(OTHERS, CreateTableDefaultPermissions=everybody)
    admins = SimpleNamespace(kept=lambda: (OURS,))

    restored = restore_settings(admins=admins, lake=lake, principals=FakePrincipals(()))

    assert admins_of(lake.settings()) == [OTHERS, OURS]
    assert lake.settings()["CreateTableDefaultPermissions"] == []
    assert restored.admins_added == (OURS,)
    writes = list(lake.calls)
    restore_settings(admins=admins, lake=lake, principals=FakePrincipals(()))
    assert lake.calls == writes
