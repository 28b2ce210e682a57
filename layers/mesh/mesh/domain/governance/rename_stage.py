"""How far the renames of LF-Tag values have come in Lake Formation, and what each grant is to name meanwhile.

A value has no name that could change there, so a rename takes these steps, each of which can be repeated: readers are
granted both names; tables and columns get the new one in place of the old; readers are left with the new one; the old
value goes. Whoever may read can read all the time, and nobody else can. See docs/decisions/0042.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from mesh.domain.events import GrantEntry
from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, Grant, PolicyGrant
from mesh.domain.governance.ontology import Ontology
from mesh.domain.governance.renames import carried, narrowed, widened
from mesh.domain.governance.tag_names import OldTag, Renames


@dataclass(frozen=True)
class RenameStage:
    """`there`: the renames whose old value Lake Formation still has; `pending`: those whose old name is still written;
    `carriers`: what of the mesh has the old value."""

    there: Renames
    pending: frozenset[OldTag]
    carriers: Mapping[OldTag, list[tuple[str, ...]]]

    @property
    def before_tags(self) -> dict[OldTag, str]:
        """Those that readers need both names for."""
        return {tag: new for tag, new in self.there.items() if tag in self.pending or tag in self.carriers}

    def target(self, entries: Iterable[GrantEntry]) -> tuple[GrantEntry, ...]:
        """What the grants are to be by now."""
        both = self.before_tags
        return narrowed(widened(entries, both), {tag: new for tag, new in self.there.items() if tag not in both})

    def is_reached(self, entries: Iterable[GrantEntry]) -> bool:
        """Whether the grants are that already."""
        held = tuple(entries)
        return {each.model_dump_json() for each in self.target(held)} == {each.model_dump_json() for each in held}


def stage_of(
    lake: CatalogSnapshot, ontology: Ontology, pending: Collection[OldTag], values: Mapping[str, Collection[str]]
) -> RenameStage:
    """`values`: LF-Tag key → those that Lake Formation has."""
    there = {(key, old): new for (key, old), new in ontology.renamed.items() if old in values.get(key, ())}
    return RenameStage(there, frozenset(pending) & there.keys(), carried(of_products(lake), there))


def of_products(lake: CatalogSnapshot) -> CatalogSnapshot:
    """The lake without databases that are not the mesh's."""
    return replace(lake, databases={name: each for name, each in lake.databases.items() if each.marked})


def by_old_name(grants: Iterable[Grant], tag: OldTag, new: str, *, alone: bool) -> Iterator[Grant]:
    """Those by an expression that names the old value; `alone`: and not the new one beside it."""
    key, old = tag
    for grant in grants:
        clauses = dict(grant.resource.expression.clauses) if isinstance(grant.resource, PolicyGrant) else {}
        if old in clauses.get(key, ()) and not (alone and new in clauses[key]):
            yield grant
