"""Entries of ListPermissions that the emulator does not give: data cells filters, what has no bearing on reading."""

import pytest
from mesh.adapters.lakeformation.grants_format import parse_grants
from mesh.domain.governance.catalog_snapshot import ColumnsGrant, PolicyGrant, TableGrant
from mesh.domain.governance.expressions import Expression

CENTRAL, CONSUMER = "111111111111", "333333333333"
ANALYST = f"arn:aws:iam::{CONSUMER}:role/analyst"
NAMED = {"TableCatalogId": CENTRAL, "DatabaseName": "d", "TableName": "t", "Name": "germany"}
FILTER = {**NAMED, "ColumnNames": ["id"], "RowFilter": {"FilterExpression": "country = 'DE'"}}


def parse(resource, principal=ANALYST, **more):
    entry = {"Principal": {"DataLakePrincipalIdentifier": principal}, "Resource": resource, **more}
    return list(parse_grants([entry], CENTRAL, lambda _: [], lambda named: FILTER if named == NAMED else {}))


def test_a_data_cells_filter_is_its_columns_with_its_name():
    [found] = parse({"DataCellsFilter": NAMED}, Permissions=["SELECT"])
    assert found.resource == ColumnsGrant("d", "t", frozenset({"id"}), row_filter="germany", rows="country = 'DE'")


def test_a_deleted_saved_expression_matches_nothing():
    [found] = parse({"LFTagPolicy": {"ResourceType": "TABLE", "ExpressionName": "gone"}}, Permissions=["SELECT"])
    assert found.resource == PolicyGrant("TABLE", Expression(()))
    assert not found.resource.expression.matches({"a": "b"})


def test_select_on_all_columns_is_the_table():
    [found] = parse({"TableWithColumns": {"DatabaseName": "d", "Name": "t", "ColumnWildcard": {}}})
    assert found.resource == TableGrant("d", "t")


@pytest.mark.parametrize(
    "resource",
    [
        {"DataLocation": {"ResourceArn": "arn:aws:s3:::b"}},
        {"LFTag": {"TagKey": "k", "TagValues": ["v"]}},
        {"Catalog": {}},
    ],
)
def test_what_has_no_bearing_on_reading_is_left_out(resource):
    assert parse(resource) == []


@pytest.mark.parametrize(
    ("principal", "by", "grantor"),
    [
        (ANALYST, f"arn:aws:sts::{CENTRAL}:assumed-role/owner/s", CENTRAL),
        (ANALYST, f"arn:aws:iam::{CONSUMER}:role/admin", CONSUMER),
        (ANALYST, "", CONSUMER),
        (CONSUMER, "", CENTRAL),
        (f"arn:aws:iam::{CONSUMER}:root", "", CENTRAL),
    ],
)
def test_the_grantor_is_whose_principal_wrote_last_else_the_less_trusting(principal, by, grantor):
    [found] = parse({"Database": {"Name": "d"}}, principal, LastUpdatedBy=by)
    assert found.grantor == grantor
    assert found.principal in (ANALYST, CONSUMER)
