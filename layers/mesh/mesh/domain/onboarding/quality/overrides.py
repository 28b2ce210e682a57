"""Which findings hold which objects back, and which of them an owner's release overrules."""

from collections.abc import Collection, Mapping, Sequence

from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.quality.model import Finding


def waived(finding: Finding, keys: Sequence[str], released: Mapping[str, str], never: Collection[str]) -> Finding:
    """An error is a warning where all objects that it is in were released by their owner; where some
    of those that it names did, it is in the others. `keys` are the table's,
    `never` are codes that no release overrules."""
    if finding.severity != "error" or finding.code in never:
        return finding
    others = tuple(key for key in finding.keys or keys if key not in released)
    if others:
        return finding.evolve(keys=others) if finding.keys else finding
    said = f"{finding.message} (released by {released[(finding.keys or keys)[0]]})"
    return finding.evolve(severity="warning", message=said)


def culprits(errors: Sequence[Finding], refs: Sequence[ObjectRef]) -> dict[str, Finding]:
    """Key → what it is held back for. An error that names no object is in all of them."""
    anywhere = next((error for error in errors if not error.keys), None)
    named = {key: error for error in reversed(errors) for key in error.keys}
    if anywhere is None:
        return named
    return {ref.key: named.get(ref.key, anywhere) for ref in refs}
