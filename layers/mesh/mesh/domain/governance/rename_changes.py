"""What a new governance does to names: renames that cannot be carried out are refused, the others are shown with what
they touch."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from mesh.domain.governance.governance_change import Impact
from mesh.domain.governance.ontology import Ontology
from mesh.domain.governance.renamed_from import NewName
from mesh.domain.governance.tag_names import OldTag

type Values = Callable[[str], Collection[str]]
"""The values that Lake Formation has of an LF-Tag key."""
type Named = Callable[[str, str], bool]
"""Whether a resource has that LF-Tag key and value, or a grant names it."""


def refused_renames(
    before: Ontology, after: Ontology, there: Values, named: Named, *, pending: Collection[OldTag] = ()
) -> Iterator[Impact]:
    """Renames of what never was, or into what was something else before, which would give what its readers may see to
    the readers of another value; and what interferes with one that is not carried out yet. One of which nothing has the
    new name yet (`pending`) can be taken back."""
    for (key, old), new in after.renamed.items():
        if why := _why_not((key, old), new, before, after, named):
            what, remedy = why
            yield _refused(f"{key}={new}", what, remedy)
    for (key, old), new in before.renamed.items():
        taken_back = (key, old) in pending and key in after.keys and old in after.keys[key].values
        if after.renamed.get((key, old)) != new and not taken_back and old in there(key):
            what = f"its rename from {old} is not carried out yet, since Lake Formation still has {old}"
            yield _refused(f"{key}={new}", what, "Carry it out first (mesh reconcile), or leave it as it is.")


def _why_not(tag: OldTag, new: str, before: Ontology, after: Ontology, named: Named) -> tuple[str, str] | None:
    key, old = tag
    known = before.keys[key].values if key in before.keys else {}
    if (key, old) in before.renamed:
        now = before.renamed[key, old]
        if after.current(key, now) == new:
            return None
        return f"is renamed_from {old}, which is called {now} in the governance in force", f"Write it below {now}."
    if old not in known:
        what = f"is renamed_from {old}, which is no value of {key} in the governance in force"
        return what, "Leave renamed_from out: what was never there has no old name."
    if new in known:
        what = f"is renamed_from {old}, and is a value in the governance in force: two values would become one"
        return what, f"Keep {old}; owners can move their data from one value to the other by their contracts."
    if named(key, new):
        what = f"is the new name of {old}, and something in Lake Formation has that value, or is granted by it, already"
        return what, "Choose another name, or take that value off resources and grants."
    return None


def never_named(what: str, renamed: Mapping[str, NewName], known: Mapping[str, Collection[str]]) -> Iterator[Impact]:
    """Purposes or personas with an old name that nothing had, or that were there under their new name already.
    `known`: the names in the governance in force, each with its old ones."""
    before = {*known, *(old for olds in known.values() for old in olds)}
    for old, new in renamed.items():
        if old not in before:
            remedy = "Leave renamed_from out: what was never there has no old name."
            yield _refused(f"{what} {new.name}", f"is renamed_from {old}, which the governance in force lacks", remedy)
        elif old in known and new.name in known:
            text = f"is renamed_from {old}, and is in the governance in force: two would become one"
            yield _refused(f"{what} {new.name}", text, f"Keep {old}.")


def _refused(subject: str, what: str, remedy: str) -> Impact:
    return Impact(kind="rename", subject=subject, what=what, remedy=remedy, refused=True)


class Uses(NamedTuple):
    """What still has an old name: tables and columns in Lake Formation, products by their registered contract or what
    was found in them, members by their domains, accesses by what was requested or granted."""

    places: int = 0
    contracts: Collection[str] = ()
    found: Collection[str] = ()
    members: Collection[str] = ()
    accesses: int = 0

    def __str__(self) -> str:
        parts = [
            (self.places, "table or column", "tables and columns"),
            (len(self.contracts), "contract", "contracts"),
            (len(self.found), "product whose data was found to be that", "products whose data was found to be that"),
            (len(self.members), "member", "members"),
            (self.accesses, "access", "accesses"),
        ]
        return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in parts if count)


def in_use(subject: str, old: str, uses: Uses) -> Impact:
    """What the rename of `old` touches; `subject` is what has its new name."""
    touched = str(uses)
    if not touched:
        what = f"is the new name of {old}, which nothing has any more: renamed_from can go"
        return Impact(kind="rename", subject=subject, what=what)
    remedies = ["mesh reconcile carries it out"]
    if uses.members:
        accounts = ", ".join(sorted(uses.members)[:3])
        remedies.append(f"members keep the old name until they are admitted by the new one: mesh admit {accounts}")
    if uses.found:
        remedies.append(f"findings say {old} for good: keep renamed_from")
    what = f"is the new name of {old}: {touched}"
    return Impact(kind="rename", subject=subject, what=what, remedy="; ".join(remedies) + ".")
