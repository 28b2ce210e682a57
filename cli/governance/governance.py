"""The governance as the repository has it. Central decides by that which it was deployed with."""

from pathlib import Path
from typing import Any, Final

from mesh.adapters.governance_files import read_document
from mesh.domain.access.personas import Personas, parse_personas
from mesh.domain.access.policy import Policies, parse_policies
from mesh.domain.governance.ontology import parse_ontology

FOLDER: Final = Path(__file__).resolve().parents[2] / "governance"


def personas() -> Personas:
    """`governance/personas.yaml`. Raises GovernanceInvalid, PersonasInvalid."""
    return parse_personas(document("personas.yaml"))


def policies() -> Policies:
    """`governance/policies.yaml`, checked. Raises GovernanceInvalid, PoliciesInvalid."""
    return parse_policies(document("policies.yaml"), parse_ontology(document("ontology.yaml")), personas())


def role_of(reader: str | None) -> str | None:
    """The IAM role that a persona or a role name stands for; names are taken as roles where no personas are known."""
    if reader is None or not (FOLDER / "personas.yaml").is_file():
        return reader
    return personas().role_of(reader)[0]


def document(name: str, folder: Path | None = None) -> dict[str, Any]:
    """The YAML of a file of this clone, or of another folder. Raises GovernanceInvalid."""
    return read_document((folder or FOLDER) / name)
