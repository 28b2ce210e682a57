"""Which removed column was probably renamed."""

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from mesh.domain.contracts.column_diff import type_of
from mesh.domain.contracts.contract import ContractColumn
from mesh.domain.hive_types import wider

PROBABLE: Final = 0.7
"""Minimum score to report two columns as one renamed."""
MAX_PAIRS: Final = 2_500
"""Limit on removed times added columns; beyond it no renames are searched, only removals and additions reported."""
_WEIGHTS: Final = {"name": 0.3, "type": 0.2, "position": 0.2, "meaning": 0.3}
_WITHOUT_MEANING: Final = {"name": 0.5, "type": 0.3, "position": 0.2}


class Rename(NamedTuple):
    """`score` from 0 to 1."""

    before: str
    after: str
    score: float


def probable_renames(old: Mapping[str, ContractColumn], new: Mapping[str, ContractColumn]) -> list[Rename]:
    """Pairs of removed and added columns, highest scores first, each column in one pair at most.

    The mappings are of all columns, in order. Swapping old and new gives the same pairs.
    """
    places_old, places_new = _places(old), _places(new)
    gone, come = [name for name in old if name not in new], [name for name in new if name not in old]
    if len(gone) * len(come) > MAX_PAIRS:
        return []
    scored = [
        Rename(before, after, score(old[before], new[after], abs(places_old[before] - places_new[after])))
        for before in gone
        for after in come
        if before.rpartition(".")[0] == after.rpartition(".")[0]
    ]
    pairs, used = [], set[str]()
    for pair in sorted(scored, key=lambda pair: (-pair.score, sorted(pair[:2]))):
        if pair.score >= PROBABLE and not used & set(pair[:2]):
            pairs.append(pair)
            used |= set(pair[:2])
    return pairs


def score(old: ContractColumn, new: ContractColumn, distance: float) -> float:
    """How alike two columns are in name, type, position (`distance` as a share of the table) and meaning."""
    alike = {
        "name": _alike(old.catalog_name, new.catalog_name),
        "type": _types_alike(type_of(old), type_of(new)),
        "position": 1 - distance,
        "meaning": _words_shared(old.description, new.description),
    }
    weights = _WEIGHTS if old.description and new.description else _WITHOUT_MEANING
    return round(sum(alike[part] * weight for part, weight in weights.items()), 3)


def _places(columns: Mapping[str, ContractColumn]) -> dict[str, float]:
    return {name: position / max(len(columns) - 1, 1) for position, name in enumerate(columns)}


def _types_alike(old: str, new: str) -> float:
    return 1.0 if old == new else 0.5 if wider(old, new) in {old, new} else 0.0


def _alike(left: str, right: str) -> float:
    """Both ways: difflib's ratio depends on the order of its arguments."""
    left, right = left[:100], right[:100]
    ratios = SequenceMatcher(None, left, right).ratio(), SequenceMatcher(None, right, left).ratio()
    return sum(ratios) / 2


def _words_shared(left: str, right: str) -> float:
    """Of all words of two descriptions, the share that is in both."""
    mine, others = ({word.strip(".,;:()").lower() for word in text.split()} for text in (left, right))
    return len(mine & others) / max(len(mine | others), 1)
