"""The files of `governance/`, as they lie in a clone and in the functions' governance layer."""

from pathlib import Path
from typing import Any

from mesh.adapters.safe_yaml import Source, load_yaml
from mesh.domain.governance.documents import MAX_BYTES, GovernanceInvalid


def read_document(path: Path) -> dict[str, Any]:
    """One file's YAML. Raises GovernanceInvalid for what is no YAML, or is not there."""
    if not path.is_file():
        raise GovernanceInvalid(f"governance/{path.name} not found", remedy="run it in a clone of the repository")
    source = Source("the file", GovernanceInvalid, {"file": path.name}, MAX_BYTES, "Shorten it.")
    return load_yaml(path.read_bytes(), source)
