"""DataBrew's operations by name. Those of the guide that are missing here are refused by name, never passed over."""

from typing import Final

from mesh.domain.onboarding.curation.operations.columns import COLUMNS
from mesh.domain.onboarding.curation.operations.derived import DERIVED
from mesh.domain.onboarding.curation.operations.model import Operation
from mesh.domain.onboarding.curation.operations.rows import ROWS
from mesh.domain.onboarding.curation.operations.values import VALUES

OPERATIONS: Final[dict[str, Operation]] = {**COLUMNS, **VALUES, **ROWS, **DERIVED}
"""Operation → how it is built. Source of names and parameters: AWS Glue DataBrew Developer Guide, "Recipe step and
function reference", the page of each operation."""
SUPPORTED: Final = tuple(sorted(OPERATIONS))
