"""The files of `governance/`."""

from typing import Final

from mesh.domain.errors import Rejected

FILES: Final = ("ontology.yaml", "personas.yaml", "policies.yaml", "members.yaml")
MAX_BYTES: Final = 1024 * 1024
"""Of one file."""


class GovernanceInvalid(Rejected):
    """Files of `governance/` are invalid; `where["violations"]`: up to 20 faults, each with its file."""
