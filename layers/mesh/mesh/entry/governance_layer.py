"""What the mesh's owner decides: the files of `governance/`, as the governance layer brings them to a function. Each is
read once per process."""

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mesh.domain.governance.ontology import DOMAIN, Ontology, parse_ontology

if TYPE_CHECKING:
    from mesh.domain.access.personas import Personas
    from mesh.domain.access.policy import Policies
    from mesh.domain.membership.self_admission import SelfAdmission


class GovernanceMissingError(RuntimeError):
    """The function lacks the governance layer."""


@cache
def document(name: str) -> dict[str, Any]:
    """The YAML of a file at the top of the layer's `python/`. Raises GovernanceInvalid."""
    from mesh.adapters.governance_files import read_document  # noqa: PLC0415 - only functions that govern pay for it

    for folder in sys.path:
        path = Path(folder) / name
        if path.is_file():
            return read_document(path)
    raise GovernanceMissingError(f"no {name} on sys.path: the function lacks the governance layer")


@cache
def ontology() -> Ontology:
    """`governance/ontology.yaml`."""
    return parse_ontology(document("ontology.yaml"))


@cache
def personas() -> "Personas":
    """`governance/personas.yaml`."""
    from mesh.domain.access.personas import parse_personas  # noqa: PLC0415 - read where access is decided, only

    return parse_personas(document("personas.yaml"))


@cache
def policies() -> "Policies":
    """`governance/policies.yaml`, checked against ontology and personas."""
    from mesh.domain.access.policy import parse_policies  # noqa: PLC0415 - read where access is decided, only

    return parse_policies(document("policies.yaml"), ontology(), personas())


@cache
def self_admission() -> "SelfAdmission":
    """`governance/members.yaml`, checked against the ontology."""
    from mesh.domain.membership.self_admission import parse_self_admission  # noqa: PLC0415 - one function reads it

    return parse_self_admission(document("members.yaml"), ontology().keys[DOMAIN].values)
