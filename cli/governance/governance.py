"""Personas and policies as the repository has them. Central decides by those that it was deployed with."""

from pathlib import Path
from typing import Any, Final

import yaml
from mesh.domain.access.personas import Personas, parse_personas
from mesh.domain.access.policy import Policies, parse_policies
from mesh.domain.governance.ontology import parse_ontology

from cli.output import CommandFailed

FOLDER: Final = Path(__file__).resolve().parents[2] / "governance"


def personas() -> Personas:
    """`governance/personas.yaml`. Raises `CommandFailed`, PersonasInvalid."""
    return parse_personas(_document("personas.yaml"))


def policies() -> Policies:
    """`governance/policies.yaml`, checked. Raises `CommandFailed`, PoliciesInvalid."""
    return parse_policies(_document("policies.yaml"), parse_ontology(_document("ontology.yaml")), personas())


def role_of(reader: str | None) -> str | None:
    """The IAM role that a persona or a role name stands for; names are taken as roles where no personas are known."""
    if reader is None or not (FOLDER / "personas.yaml").is_file():
        return reader
    return personas().role_of(reader)[0]


def _document(name: str) -> Any:  # noqa: ANN401 - a YAML document
    path = FOLDER / name
    if not path.is_file():
        raise CommandFailed(f"governance/{name} not found", remedy="run it in a clone of the repository")
    return yaml.safe_load(path.read_text("utf-8"))
