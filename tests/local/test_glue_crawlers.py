"""Crawlers through boto3: what they find in files, whose rights they use, states, events."""

import gzip
import io
import json
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local.glue import crawlers
from tests.local.lf_helpers import CENTRAL, PRODUCER, REGION, error_of, grant, put_policy, reset, role, root, settings

BUCKET = f"credit-card-{PRODUCER}-{REGION}"
CSV = b"laufkont,hoehe,sparkont,wohn\n1,1049.5,x,true\n2,2799,y,false\n"
SEES = ("glue:*", "lakeformation:GetDataAccess")


@pytest.fixture(autouse=True)
def _empty():
    reset()
    crawlers.configure(start_seconds=0.0)
    yield
    crawlers.configure(start_seconds=0.05)


def put(key, body=CSV):
    root(PRODUCER).s3.put_object(Bucket=BUCKET, Key=f"credit-card/data/{key}", Body=body)


@pytest.fixture
def bucket():
    """A bucket and a database of the producer's own, open to IAM alone, and a crawler over them."""
    root(PRODUCER).s3.create_bucket(Bucket=BUCKET)
    root(PRODUCER).glue.create_database(DatabaseInput={"Name": "own"})
    worker = role(PRODUCER, "worker", "glue:*", "s3:*", trust="glue.amazonaws.com")
    crawler(worker.arn, "own")
    return worker


def crawler(role_arn, database, **more):
    configuration = {
        "Version": 1.0,
        "CrawlerOutput": {"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}},
        "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": 4},
    }
    root(PRODUCER).glue.create_crawler(
        Name="creditCrawler",
        Role=role_arn,
        DatabaseName=database,
        Targets={"S3Targets": [{"Path": f"s3://{BUCKET}/credit-card/data/"}]},
        Configuration=json.dumps(configuration),
        **more,
    )


def crawl():
    """Run the crawler to its end; the run's `LastCrawl`."""
    glue = root(PRODUCER).glue
    assert glue.start_crawler(Name="creditCrawler").keys() == {"ResponseMetadata"}
    deadline = time.monotonic() + 20
    while (found := glue.get_crawler(Name="creditCrawler")["Crawler"])["State"] != "READY":
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found["LastCrawl"]


def table(name, caller=None, database="own"):
    return (caller or root(PRODUCER)).glue.get_table(DatabaseName=database, Name=name)["Table"]


def columns(found):
    return {c["Name"]: c["Type"] for c in found["StorageDescriptor"]["Columns"]}


def partitions(name, database="own"):
    found = root(PRODUCER).glue.get_partitions(DatabaseName=database, TableName=name)["Partitions"]
    return [partition["Values"] for partition in found]


def test_csv_types_header_and_parameters(bucket):
    put("credit_card/a.csv")
    assert crawl()["Status"] == "SUCCEEDED"
    found = table("credit_card")
    assert columns(found) == {"laufkont": "bigint", "hoehe": "double", "sparkont": "string", "wohn": "boolean"}
    assert found["StorageDescriptor"]["Location"] == f"s3://{BUCKET}/credit-card/data/credit_card/"
    parameters = found["Parameters"]
    assert parameters["classification"] == "csv"
    assert parameters["skip.header.line.count"] == "1"
    assert (parameters["recordCount"], parameters["objectCount"], parameters["sizeKey"]) == ("2", "1", str(len(CSV)))
    assert parameters["UPDATED_BY_CRAWLER"] == "creditCrawler"


def test_a_row_of_strings_is_not_a_header_unless_the_classifier_says_so(bucket):
    put("names/a.csv", b"first,last\nada,lovelace\nalan,turing\n")
    crawl()
    assert columns(table("names")) == {"col0": "string", "col1": "string"}
    assert "skip.header.line.count" not in table("names")["Parameters"]
    glue = root(PRODUCER).glue
    glue.delete_table(DatabaseName="own", Name="names")
    glue.create_classifier(CsvClassifier={"Name": "csv", "Delimiter": ",", "ContainsHeader": "PRESENT"})
    glue.update_crawler(Name="creditCrawler", Classifiers=["csv"])
    crawl()
    assert columns(table("names")) == {"first": "string", "last": "string"}


def test_a_classifier_knows_header_quotes_and_delimiter(bucket):
    put("q/a.csv", b"'1';'a;b'\n'2';'c'\n")
    glue = root(PRODUCER).glue
    classifier = {"Name": "csv", "Delimiter": ";", "QuoteSymbol": "'", "ContainsHeader": "ABSENT"}
    glue.create_classifier(CsvClassifier=classifier | {"Header": ["id", "text"], "Serde": "OpenCSVSerDe"})
    glue.update_crawler(Name="creditCrawler", Classifiers=["csv"])
    crawl()
    found = table("q")
    assert columns(found) == {"id": "bigint", "text": "string"}
    serde = found["StorageDescriptor"]["SerdeInfo"]
    assert serde["SerializationLibrary"].endswith("OpenCSVSerde")
    assert serde["Parameters"]["separatorChar"] == ";"


def test_each_table_finds_its_own_classifier(bucket):
    glue = root(PRODUCER).glue
    for name, header in (("people", ["name", "city"]), ("cars", ["brand", "model"])):
        glue.create_classifier(
            CsvClassifier={"Name": name, "Delimiter": ",", "ContainsHeader": "PRESENT", "Header": header}
        )
    glue.update_crawler(Name="creditCrawler", Classifiers=["people", "cars"])
    put("cars/a.csv", b"brand,model,colour\nvw,golf,red\n")
    put("people/a.csv", b"name,city\nada,london\n")
    crawl()
    assert list(columns(table("cars"))) == ["brand", "model", "colour"]
    assert list(columns(table("people"))) == ["name", "city"]


def test_json_lines_gzip_and_nesting(bucket):
    rows = [
        {"id": 1, "price": 1, "who": {"name": "a", "age": 3}, "tags": ["x"], "ok": True, "none": None},
        {"id": 5_000_000_000, "price": 1.5, "who": {"name": "b", "mail": "m"}, "tags": []},
    ]
    put("events/a.json.gz", gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    crawl()
    found = table("events")
    assert columns(found) == {
        "id": "bigint",
        "price": "double",
        "who": "struct<name:string,age:int,mail:string>",
        "tags": "array<string>",
        "ok": "boolean",
        "none": "string",
    }
    assert found["Parameters"]["compressionType"] == "gzip"
    assert found["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"] == "org.openx.data.jsonserde.JsonSerDe"


def test_parquet_types_come_from_the_schema(bucket):
    schema = pa.schema(
        [
            ("Id", pa.int64()),
            ("n", pa.int32()),
            ("d", pa.date32()),
            ("at", pa.timestamp("us")),
            ("m", pa.decimal128(10, 2)),
            ("l", pa.list_(pa.struct([("a", pa.float32())]))),
            ("k", pa.map_(pa.string(), pa.uint32())),
        ]
    )
    sink = io.BytesIO()
    pq.write_table(schema.empty_table(), sink)
    put("p/a.parquet", sink.getvalue())
    crawl()
    assert columns(table("p")) == {
        "id": "bigint",
        "n": "int",
        "d": "date",
        "at": "timestamp",
        "m": "decimal(10,2)",
        "l": "array<struct<a:float>>",
        "k": "map<string,bigint>",
    }


def test_partitions_new_columns_and_a_second_run(bucket):
    put("sales/dt=2026-11-20/a.csv", b"id,amount\n1,2\n")
    crawl()
    assert partitions("sales") == [["2026-11-20"]]
    put("sales/dt=2026-11-21/a.csv", b"id,amount,note\n1,2.5,x\n")
    crawl()
    found = table("sales")
    assert found["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]
    # MergeNewColumns: what there is keeps its type.
    assert list(columns(found).items()) == [("id", "bigint"), ("amount", "bigint"), ("note", "string")]
    assert partitions("sales") == [["2026-11-20"], ["2026-11-21"]]
    assert found["VersionId"] == "2"


def test_each_folder_is_a_table_and_junk_is_ignored(bucket):
    put("a/1.csv")
    put("b/1.csv")
    put("c/junk.csv", b"\x00\x01\x02junk")
    put("d/", b"")
    put("e/_hidden.csv")
    crawl()
    assert [t["Name"] for t in root(PRODUCER).glue.get_tables(DatabaseName="own")["TableList"]] == ["a", "b"]


def test_states_and_what_a_running_crawler_refuses(bucket):
    put("credit_card/a.csv")
    crawlers.configure(start_seconds=5)
    glue = root(PRODUCER).glue
    assert error_of(glue.stop_crawler, Name="creditCrawler")[0] == "CrawlerNotRunningException"
    glue.start_crawler(Name="creditCrawler")
    assert glue.get_crawler(Name="creditCrawler")["Crawler"]["State"] == "RUNNING"
    for call in (glue.start_crawler, glue.update_crawler, glue.delete_crawler):
        assert error_of(call, Name="creditCrawler")[0] == "CrawlerRunningException"
    glue.stop_crawler(Name="creditCrawler")
    deadline = time.monotonic() + 10
    while (found := glue.get_crawler(Name="creditCrawler")["Crawler"])["State"] != "READY":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert found["LastCrawl"]["Status"] == "CANCELLED"
    assert glue.get_tables(DatabaseName="own")["TableList"] == []


def test_events_describe_the_run(bucket):
    caller = root(PRODUCER)
    queue = caller.client("sqs").create_queue(QueueName="seen")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{PRODUCER}:seen"
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Statement": [statement | {"Resource": arn}]})
    caller.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    caller.client("events").put_rule(Name="crawls", EventPattern=json.dumps({"source": ["aws.glue"]}))
    caller.client("events").put_targets(Rule="crawls", Targets=[{"Id": "q", "Arn": arn}])
    put("sales/dt=1/a.csv")
    crawl()
    events = []
    deadline = time.monotonic() + 10
    while len(events) < 2 and time.monotonic() < deadline:
        answer = caller.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        events += [json.loads(message["Body"]) for message in answer.get("Messages", [])]
    assert {event["detail-type"] for event in events} == {"Glue Crawler State Change"}
    by_state = {event["detail"]["state"]: event["detail"] for event in events}
    assert by_state["Started"]["crawlerName"] == "creditCrawler"
    assert (by_state["Succeeded"]["tablesCreated"], by_state["Succeeded"]["partitionsCreated"]) == ("1", "1")


def test_the_role_must_trust_glue_and_may_be_all_it_is(bucket):
    stranger = role(PRODUCER, "stranger", "glue:*")
    code, message = error_of(root(PRODUCER).glue.update_crawler, Name="creditCrawler", Role=stranger.arn)
    assert (code, "TrustPolicy" in message) == ("InvalidInputException", True)
    put("credit_card/a.csv")
    put_policy(PRODUCER, "worker", "glue:*", "s3:ListBucket")
    last = crawl()
    assert last["Status"] == "FAILED"
    assert "s3:GetObject" in last["ErrorMessage"]


NEEDS = ["link", "create", "location", "data access", "bucket policy", "location role"]


@pytest.mark.parametrize("missing", [None, *NEEDS])
def test_through_the_link_with_lake_formation_credentials(missing):
    """The walk-through: the crawler's database is a link, central's registered role reads. Each right is needed."""
    for account in (CENTRAL, PRODUCER):
        settings(account)
    central, producer = root(CENTRAL), root(PRODUCER)
    producer.s3.create_bucket(Bucket=BUCKET)
    put("credit_card/a.csv")
    reads = ["s3:GetObject", "s3:ListBucket"] if missing != "location role" else ["s3:ListBucket"]
    keeper = role(CENTRAL, "LFRegisterLocationServiceRole", *reads, trust="lakeformation.amazonaws.com")
    statement = {"Effect": "Allow", "Principal": {"AWS": keeper.arn}, "Action": ["s3:GetObject", "s3:ListBucket"]}
    policy = {"Statement": [statement | {"Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]}]}
    if missing != "bucket policy":
        producer.s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    location = f"arn:aws:s3:::{BUCKET}/credit-card/data"
    central.lf.register_resource(ResourceArn=location, RoleArn=keeper.arn)
    central.glue.create_database(DatabaseInput={"Name": "credit-card"})
    central.lf.create_lf_tag(TagKey="product", TagValues=["credit-card"])
    tags = [{"TagKey": "product", "TagValues": ["credit-card"]}]
    central.lf.add_lf_tags_to_resource(Resource={"Database": {"Name": "credit-card"}}, LFTags=tags)
    shared = [
        ("create", {"LFTagPolicy": {"ResourceType": "DATABASE", "Expression": tags}}, ["DESCRIBE", "CREATE_TABLE"]),
        ("table", {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": tags}}, ["SELECT", "DESCRIBE", "ALTER"]),
        ("location", {"DataLocation": {"ResourceArn": location}}, ["DATA_LOCATION_ACCESS"]),
    ]
    target = {"CatalogId": CENTRAL, "DatabaseName": "credit-card", "Region": REGION}
    producer.glue.create_database(DatabaseInput={"Name": "rl_credit-card", "TargetDatabase": target})
    actions = SEES if missing != "data access" else ("glue:*",)
    worker = role(PRODUCER, "worker", *actions, trust="glue.amazonaws.com")
    if missing != "link":
        grant(producer, worker.arn, {"Database": {"Name": "rl_credit-card"}}, ["DESCRIBE"])
    for what, resource, permissions in shared:
        grant(central, PRODUCER, resource, permissions, option=True)
        if what != missing:
            kind, body = next(iter(resource.items()))
            grant(producer, worker.arn, {kind: {"CatalogId": CENTRAL} | body}, permissions)
    lake = {"UseLakeFormationCredentials": True, "AccountId": CENTRAL}
    crawler(worker.arn, "rl_credit-card", LakeFormationConfiguration=lake)
    last = crawl()
    if missing is None:
        assert last["Status"] == "SUCCEEDED", last
        assert columns(table("credit_card", central, "credit-card"))["laufkont"] == "bigint"
        _needs_alter_to_add_a_column(central, tags)
        return
    words = {
        "link": "Required Describe on rl_credit-card",
        "create": "Required Create Table on credit-card",
        "location": "Required Data Location Access",
        "data access": "lakeformation:GetDataAccess",
        "bucket policy": "s3:ListBucket",
        "location role": "s3:GetObject",
    }
    assert last["Status"] == "FAILED"
    assert words[missing] in last["ErrorMessage"]


def _needs_alter_to_add_a_column(central, tags):
    put("credit_card/b.csv", b"laufkont,hoehe,sparkont,wohn,extra\n1,2,x,true,3\n")
    policy = {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": tags}}
    of_account = {"Principal": {"DataLakePrincipalIdentifier": PRODUCER}, "Resource": policy}
    central.lf.revoke_permissions(**of_account, Permissions=["ALTER"], PermissionsWithGrantOption=["ALTER"])
    last = crawl()
    assert "Required Alter on credit_card" in last.get("ErrorMessage", ""), last
    grant(central, PRODUCER, policy, ["ALTER"], option=True)
    assert crawl()["Status"] == "SUCCEEDED"
    assert list(columns(table("credit_card", central, "credit-card")))[-1] == "extra"


def test_a_role_is_passed_to_glue_by_who_may():
    worker = role(PRODUCER, "worker", "glue:*", trust="glue.amazonaws.com")
    maker = role(PRODUCER, "maker", "glue:CreateCrawler")
    wanted = {"Name": "c", "Role": worker.arn, "Targets": {"S3Targets": [{"Path": "s3://b/"}]}, "DatabaseName": "d"}
    code, message = error_of(maker.glue.create_crawler, **wanted)
    assert (code, "iam:PassRole" in message) == ("AccessDeniedException", True)
    for service, passes in (("lambda.amazonaws.com", False), ("glue.amazonaws.com", True)):
        condition = {"StringEquals": {"iam:PassedToService": service}}
        statement = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": worker.arn, "Condition": condition}
        root(PRODUCER).client("iam").put_role_policy(
            RoleName="maker", PolicyName="pass", PolicyDocument=json.dumps({"Statement": [statement]})
        )
        if passes:
            maker.glue.create_crawler(**wanted)
        else:
            assert error_of(maker.glue.create_crawler, **wanted)[0] == "AccessDeniedException"
