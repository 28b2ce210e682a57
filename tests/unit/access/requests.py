"""The shipped policies, a small catalog and asks about it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from mesh.domain.access.decision import Requester, decide
from mesh.domain.access.personas import parse_personas
from mesh.domain.access.policy import parse_policies
from mesh.domain.access.request import AccessRequest
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, Database, Table
from mesh.domain.governance.ontology import parse_ontology

GOVERNANCE = Path(__file__).parents[3] / "governance"
CENTRAL, PRODUCER, OTHER, CONSUMER = "111111111111", "222222222222", "555555555555", "333333333333"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OWNERS = {"credit-card": PRODUCER, "loans": OTHER}
PERSONAL = {"pii": "personal", "confidentiality": "confidential"}
SENSITIVE = {"pii": "sensitive", "confidentiality": "restricted"}
CLASSIFIED = {"alter": PERSONAL, "famges": PERSONAL, "gastarb": SENSITIVE}


def document(name):
    return yaml.safe_load((GOVERNANCE / f"{name}.yaml").read_text("utf-8"))


def shipped(**changes):
    """The shipped policies, or with other parts of the document."""
    ontology, personas = parse_ontology(document("ontology")), parse_personas(document("personas"))
    return parse_policies({**document("policies"), **changes}, ontology, personas)


POLICIES = shipped()


def tags(product, confidentiality="internal", pii="none", **others):
    """Of a database whose columns are all published: in the mesh each column carries that itself."""
    return {"product": product, "confidentiality": confidentiality, "pii": pii, "publication": "published", **others}


def table(database, name, columns, column_tags=None, **own):
    return Table(database, name, tuple(columns.split()), own, column_tags or {})


def lake_of(*databases):
    return CatalogSnapshot(CENTRAL, {each.name: each for each in databases})


def credit_card(column_tags=CLASSIFIED, *more, **tagged):
    """The sample product's shape: internal, with personal and sensitive columns."""
    tables = (table("credit-card", "credit_card", "laufkont hoehe alter famges gastarb", column_tags), *more)
    own = {**tags("credit-card", domain="consumer-banking"), **tagged}
    return Database("credit-card", own, {each.name: each for each in tables})


LAKE = lake_of(credit_card())


def a_request(**given):
    """A request of an analyst for the sample product, for risk modelling and a month by default."""
    if "expression" in given:
        given["product"] = ""
    product = given.setdefault("product", "credit-card")
    usual = {
        "expression": f"product={product}",
        "purpose": "risk-modelling",
        "until": NOW + timedelta(days=30),
        "reader": "DataAnalyst",
        "persona": "analyst",
    }
    return AccessRequest(**{**usual, **given})


def decided(lake=LAKE, policies=POLICIES, domain="risk", now=NOW, withheld=(), **given):
    return decide(
        a_request(**given),
        access="ac-0123456789ab",
        requester=Requester(CONSUMER, frozenset({domain})),
        lake=lake,
        owners=OWNERS,
        central=CENTRAL,
        policies=policies,
        now=now,
        withheld=withheld,
    )
