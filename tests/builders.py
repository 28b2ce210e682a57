"""Things the tests are about, in the form they have at their best; a test changes what it is about."""

from datetime import datetime, timedelta
from typing import Any

from mesh.adapters.odcs.contracts import read_contract
from mesh.domain.access.record import Access
from mesh.domain.access.request import AccessRequest
from mesh.domain.contracts.contract import Contract
from mesh.domain.contracts.product import Product
from mesh.domain.contracts.registration import Registration
from mesh.domain.events import Envelope, EventData
from mesh.domain.governance.ontology import Ontology, parse_ontology
from mesh.domain.membership.members import Member, Role
from mesh.domain.names import published_location_uri
from mesh.ports import Note, Uploads
from mesh.usecases.authorisation import Authorised

from tests.fakes import NOON, topic_of

NOTE = Note(correlation_id="c", what="noted", facts={})
CENTRAL, PRODUCER, CONSUMER, STRANGER = "111111111111", "222222222222", "333333333333", "999999999999"
OTHER_CONSUMER = "777777777777"
REGION = "us-east-1"
BUCKET = f"credit-card-{PRODUCER}-{REGION}"
PRODUCT = "credit-card"
TABLE = "credit_card"
SEQUENCER = "10"
"""Of the contract that is in force unless a test says otherwise."""
CORRELATION = "the-trace"

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: cc
name: credit-card
version: 1.0.0
status: active
customProperties:
  - {property: lfTags, value: {confidentiality: internal}}
  - {property: crawlerPrefix, value: credit}
schema:
  - name: credit_card
    properties:
      - {name: laufkont, logicalType: integer}
      - {name: email, logicalType: string, classification: pii}
"""

ONTOLOGY: dict[str, Any] = {
    "keys": {
        "domain": {"meaning": "line of business", "values": {"retail": "r", "risk": "k"}},
        "product": {"meaning": "product", "open": True},
        "confidentiality": {
            "meaning": "who may see it",
            "ordered": True,
            "default": "confidential",
            "values": {"public": "p", "internal": "i", "confidential": "c", "restricted": "r"},
        },
        "pii": {
            "meaning": "about persons",
            "ordered": True,
            "default": "none",
            "values": {
                "none": "n",
                "personal": {"meaning": "p", "implies": {"confidentiality": "confidential"}},
                "sensitive": {"meaning": "s", "implies": {"confidentiality": "restricted"}},
            },
        },
    }
}


def an_ontology() -> Ontology:
    """Small, with the rules of the real one."""
    return parse_ontology(ONTOLOGY)


def a_member(
    account: str = PRODUCER,
    role: Role = "producer",
    *,
    domains: tuple[str, ...] = ("retail",),
    status: Any = "admitted",
) -> Member:
    """An account of the mesh."""
    return Member(
        account=account,
        role=role,
        domains=domains,
        contact="team@example.com",
        status=status,
        topic_arn=topic_of(account),
        since=NOON,
    )


def an_envelope(data: EventData | dict[str, Any], kind: str = "", *, account: str = PRODUCER, **more: Any) -> Envelope:
    """An event as EventBridge delivers it; `more` are further fields of `detail`."""
    body = data.model_dump(mode="json") if isinstance(data, EventData) else data
    metadata = {"id": "e-1", "version": 1, "correlation_id": CORRELATION, "time": NOON.isoformat()}
    return Envelope.model_validate(
        {
            "id": "eventbridge-1",
            "account": account,
            "source": "meshwork",
            "detail-type": kind or type(data).__name__,
            "detail": {"metadata": metadata, "data": body, **more},
        }
    )


def a_sender(account: str = PRODUCER, *, domains: tuple[str, ...] = ("retail",)) -> Authorised:
    """Who `authorise_sender` found."""
    return Authorised(
        account=account,
        domains=domains,
        topic_arn=topic_of(account),
        product=PRODUCT,
        event_id="e-1",
        correlation_id=CORRELATION,
    )


def a_contract(text: str = CONTRACT) -> Contract:
    """The contract, with the domain that central gives it."""
    read = read_contract(text, bucket=BUCKET, key=f"{PRODUCT}/contract.yaml")
    return read if read.domain else read.model_copy(update={"domain": "retail"})


def a_product(contract: Contract | None = None, **changes: Any) -> Product:
    """A registered product."""
    contract = contract or a_contract()
    facts: dict[str, Any] = {
        "name": PRODUCT,
        "owner": PRODUCER,
        "domain": "retail",
        "status": "registered",
        "bucket": BUCKET,
        "location": published_location_uri(BUCKET, PRODUCT),
        "contract_version": contract.version,
        "contract_sequencer": SEQUENCER,
        "draft": contract.draft,
        "contract": contract.model_dump(mode="json", exclude_defaults=True),
        "updated": NOON,
    }
    return Product.model_validate({**facts, **changes})


def a_registration(contract: Contract | None = None, **changes: Any) -> Registration:
    """What the steps of `register-product` hand on."""
    contract = contract or a_contract()
    facts: dict[str, Any] = {
        "product": PRODUCT,
        "owner": PRODUCER,
        "database": PRODUCT,
        "catalog_id": CENTRAL,
        "region": REGION,
        "bucket": BUCKET,
        "location": published_location_uri(BUCKET, PRODUCT),
        "domain": "retail",
        "description": "",
        "tags": {"product": PRODUCT, "domain": "retail", "confidentiality": "internal", "pii": "none"},
        "crawl": "auto",
        "crawler_prefix": "credit",
        "draft": contract.draft,
        "contract": contract.model_dump(mode="json", exclude_defaults=True),
        "sequencer": SEQUENCER,
        "declaration": "d-1",
        "event_id": "e-1",
        "correlation_id": CORRELATION,
        "checked_at": NOON,
    }
    return Registration.model_validate({**facts, **changes})


def a_glue_table(columns: dict[str, str], keys: dict[str, str] | None = None, name: str = TABLE) -> dict[str, Any]:
    """A table as `GetTable` gives it."""
    return {
        "Name": name,
        "DatabaseName": PRODUCT,
        "StorageDescriptor": {"Columns": [{"Name": n, "Type": t} for n, t in columns.items()]},
        "PartitionKeys": [{"Name": n, "Type": t} for n, t in (keys or {}).items()],
    }


def an_access(number: str = "ac-000000000001", **changes: Any) -> Access:
    """A request of the consumer's analysts for the whole product; fields of both are replaced."""
    request: dict[str, Any] = {
        "product": PRODUCT,
        "expression": f"product={PRODUCT}",
        "reader": "DataAnalyst",
        "persona": "analyst",
        "purpose": "risk-modelling",
        "until": changes.get("until", NOON + timedelta(days=30)),
    }
    request |= {
        name: changes.pop(name) for name in tuple(changes) if name in AccessRequest.model_fields and name != "until"
    }
    record: dict[str, Any] = {
        "id": number,
        "receiver": CONSUMER,
        "receiver_domains": ("risk",),
        "status": "requested",
        "until": request["until"],
        "event_id": f"event-of-{number}",
        "correlation_id": CORRELATION,
        "asked_at": NOON,
        "execution": "run-1",
    }
    return Access.model_validate({**record, **changes, "request": AccessRequest.model_validate(request)})


def take_lease(uploads: Uploads, product: str, holder: str, until: datetime, now: datetime) -> int | None:
    """The lease's generation; None while it is another's."""
    seen = uploads.standing(product).lease
    lease = seen.taken(holder, until, now)
    return lease.generation if lease and uploads.take_lease(product, lease, seen=seen, note=NOTE) else None
