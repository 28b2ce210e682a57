"""The catalog of an account, which others change while it is read."""

from botocore.exceptions import ClientError
from mesh.adapters.lakeformation.access_reader import AccessReader

from tests.builders import CENTRAL

GONE = ClientError({"Error": {"Code": "EntityNotFoundException", "Message": "it was dropped"}}, "GetTables")


class Glue:
    """Two databases; one of them is dropped once they are listed."""

    def get_paginator(self, call):
        self.call = call
        return self

    def paginate(self, *, DatabaseName="", **_):  # noqa: N803 - boto3's
        if self.call == "get_databases":
            return [{"DatabaseList": [{"Name": "scratch"}, {"Name": "kept"}]}]
        if DatabaseName == "scratch":
            raise GONE
        return [{"TableList": []}]


class Lake:
    """No tags."""

    def get_resource_lf_tags(self, **_):
        return {}


def test_a_database_that_is_dropped_while_all_are_read_is_left_out():
    """Seen: somebody's scratch database ended the run that compares everything."""
    reader = AccessReader(Lake(), Glue(), None, None, CENTRAL)

    assert list(reader._databases(())) == ["kept"]
