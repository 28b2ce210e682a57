"""How Lake Formation's tags are read and written while values are being renamed. See docs/decisions/0042."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

type OldTag = tuple[str, str]
"""An LF-Tag key, and an old name of one of its values."""
type Renames = Mapping[OldTag, str]
"""Each with what it is called by now."""


@dataclass(frozen=True)
class TagNames:
    """`pending`: what tables and columns still get by the old name, since not all readers are granted the new one."""

    renamed: Renames = field(default_factory=dict)
    pending: frozenset[OldTag] = frozenset()

    def read(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Tags as Lake Formation has them → by their names."""
        return {key: self.renamed.get((key, value), value) for key, value in tags.items()}

    def written(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Tags → as Lake Formation is to have them."""
        old = {(key, new): value for (key, value), new in self.renamed.items() if (key, value) in self.pending}
        return {key: old.get((key, value), value) for key, value in self.read(tags).items()}


SAME_NAMES: Final = TagNames()
