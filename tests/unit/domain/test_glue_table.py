"""TableInput and PartitionInput: accepted by Glue's own model, as a crawler writes them, and readable back."""

import botocore.session
import pytest
from botocore.validate import ParamValidator
from mesh.domain.glue_table import (
    LAZY_SIMPLE,
    OPEN_CSV,
    OPENX_JSON,
    PARQUET_HIVE,
    partition_input,
    schema_from_table,
    storage_from_table,
    table_input,
)
from mesh.domain.merging import merge_inspections

from tests.unit.domain.inspecting import inspect, schema
from tests.unit.domain.test_parquet import GOOD

GLUE = botocore.session.get_session().get_service_model("glue")


def check(operation, field, value):
    shape = GLUE.operation_model(operation).input_shape.members[field]
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), report.generate_report()


CASES = [
    ("a,b\n1,2\n", "dt=1/x.csv", LAZY_SIMPLE, {"field.delim": ","}),
    ('a;b\n"x";2\n', "dt=1/x.csv", OPEN_CSV, {"separatorChar": ";", "quoteChar": '"', "escapeChar": "\\"}),
    ('{"b": 1, "a": {"x": 1}}', "dt=1/x.json", OPENX_JSON, {"paths": "a,b"}),
    (GOOD, "dt=1/x.parquet", PARQUET_HIVE, {"serialization.format": "1"}),
]


@pytest.mark.parametrize(("content", "file", "serde", "parameters"), CASES)
def test_a_table_is_what_a_crawler_would_write_and_reads_back_as_it_was(content, file, serde, parameters):
    merged = merge_inspections(None, [inspect(content, file)])
    table = table_input(merged, "s3://b/p1/data/t", description="What it is.")
    check("CreateTable", "TableInput", table)
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert table["StorageDescriptor"]["Location"] == "s3://b/p1/data/t/"
    assert table["StorageDescriptor"]["SerdeInfo"] == {"SerializationLibrary": serde, "Parameters": parameters}
    assert table["Parameters"]["classification"] == merged.storage.format
    assert table["Parameters"]["recordCount"] == str(merged.rows)
    assert table["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]
    assert schema_from_table(table) == merged.table_schema
    assert storage_from_table(table) == merged.storage


@pytest.mark.parametrize(("content", "file", "serde", "parameters"), CASES)
def test_a_partition_lies_in_the_folder_it_was_uploaded_to(content, file, serde, parameters):
    merged = merge_inspections(None, [inspect(content, file.replace("dt=", "DT="))])
    partition = partition_input(merged, merged.partitions[0], "b")
    check("CreatePartition", "PartitionInput", partition)
    assert partition["Values"] == ["1"]
    assert partition["StorageDescriptor"]["Location"] == "s3://b/p1/data/t/DT=1/"
    assert partition["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"] == serde


def test_csv_parameters_tell_header_and_delimiter():
    parameters = table_input(merge_inspections(None, [inspect("a|b\n1|2\n")]), "s3://b/t/")["Parameters"]
    assert parameters["skip.header.line.count"] == "1"
    assert (parameters["delimiter"], parameters["areColumnsQuoted"]) == ("|", "false")
    headless = table_input(merge_inspections(None, [inspect("1|2\n3|4\n")]), "s3://b/t/")["Parameters"]
    assert "skip.header.line.count" not in headless


def test_an_update_keeps_what_others_wrote_and_does_not_count_twice():
    merged = merge_inspections(None, [inspect("a,b\n1,2\n")])
    before = table_input(merged, "s3://b/t/", description="Old.")
    before["Parameters"] |= {"owner-note": "keep", "recordCount": "77"}
    after = table_input(merged, "s3://b/t/", previous=before)
    assert (after["Parameters"]["owner-note"], after["Parameters"]["recordCount"]) == ("keep", "77")
    assert after["Description"] == "Old."


def test_the_contracts_descriptions_become_comments():
    expected = schema({"a": "bigint", "b": "bigint"})
    expected = expected.model_copy(
        update={"columns": tuple(c.model_copy(update={"comment": "about " + c.name}) for c in expected.columns)}
    )
    merged = merge_inspections(None, [inspect("a,b\n1,2\n")], expected=expected)
    columns = table_input(merged, "s3://b/t/")["StorageDescriptor"]["Columns"]
    assert columns[0] == {"Name": "a", "Type": "bigint", "Comment": "about a"}


def test_a_table_of_a_format_express_does_not_read_has_no_storage():
    assert storage_from_table({"Parameters": {"classification": "avro"}}) is None
