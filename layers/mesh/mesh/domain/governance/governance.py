"""What the mesh's owner decides: the files of `governance/`, each checked by itself and against the others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mesh.domain.access.personas import Personas, parse_personas
from mesh.domain.access.policy import Policies, parse_policies
from mesh.domain.errors import Rejected
from mesh.domain.governance.documents import GovernanceInvalid
from mesh.domain.governance.ontology import DOMAIN, Ontology, parse_ontology
from mesh.domain.membership.self_admission import SelfAdmission, parse_self_admission


@dataclass(frozen=True)
class Governance:
    """The content of the files."""

    ontology: Ontology
    personas: Personas
    policies: Policies
    self_admission: SelfAdmission


def parse_governance(document: Callable[[str], Mapping[str, Any]]) -> Governance:
    """The governance of these documents, by the name of the file; a document that cannot be read raises Rejected.

    Raises GovernanceInvalid with the faults of all files. What builds on an invalid file is not looked at.
    """
    faults: list[str] = []

    def checked[Parsed](file: str, parse: Callable[[Mapping[str, Any]], Parsed]) -> Parsed | None:
        try:
            return parse(document(file))
        except Rejected as error:
            faults.extend(f"{file}: {each}" for each in error.where.get("violations") or [_located(error)])
            return None

    ontology = checked("ontology.yaml", parse_ontology)
    personas = checked("personas.yaml", parse_personas)
    if ontology and personas:
        policies = checked("policies.yaml", lambda found: parse_policies(found, ontology, personas))
        admission = checked("members.yaml", lambda found: parse_self_admission(found, ontology.keys[DOMAIN].values))
        if policies and admission:
            return Governance(ontology, personas, policies, admission)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    raise GovernanceInvalid(
        f"the governance is invalid: {faults[0]}{more}",
        violations=faults[:20],
        remedy="Correct it, and check it with: mesh governance check",
    )


def _located(error: Rejected) -> str:
    line = error.where.get("line")
    return f"{error.message}, line {line}" if line else error.message
