"""Which share of a batch's rows came before, from the smallest fingerprints of each (bottom-k sketches).

Below the largest fingerprint that both sketches are sure to hold, each is the whole set: there the share is counted.
Source: Beyer et al., On synopses for distinct-value estimation under multiset operations, SIGMOD 2007.
"""

import base64
from collections.abc import Iterable
from typing import Final, NamedTuple

_BYTES: Final = 8
MOST: Final = 2**64 - 1


class Sketch(NamedTuple):
    """`hashes` are all fingerprints of a set up to `limit`."""

    hashes: frozenset[int]
    limit: int

    @classmethod
    def of(cls, hashes: Iterable[int], *, cut: bool) -> "Sketch":
        """`cut`: whether larger ones were left out."""
        found = frozenset(hashes)
        return cls(found, max(found, default=0) if cut else MOST)


class Share(NamedTuple):
    """`found` of `tested` rows came before. The tested ones are a random sample of the batch's different rows."""

    found: int
    tested: int

    @property
    def value(self) -> float:
        """From 0 to 1."""
        return self.found / self.tested if self.tested else 0.0


def pack(fingerprints: Iterable[str]) -> str:
    """Hexadecimal fingerprints as base64, a third shorter than in JSON."""
    return base64.b64encode(b"".join(bytes.fromhex(item[:16].rjust(16, "0")) for item in fingerprints)).decode()


def unpack(packed: str) -> list[int]:
    """The reverse, as numbers."""
    raw = base64.b64decode(packed)
    return [int.from_bytes(raw[start : start + _BYTES]) for start in range(0, len(raw), _BYTES)]


def numbers(fingerprints: Iterable[str]) -> list[int]:
    """Hexadecimal fingerprints as numbers."""
    return [int(item[:16], 16) for item in fingerprints]


def contained(batch: Sketch, earlier: Iterable[Sketch]) -> Share:
    """The share of the batch's rows that are in any of the earlier sets."""
    sets = list(earlier)
    limit = min([batch.limit, *(sketch.limit for sketch in sets)])
    tested = {item for item in batch.hashes if item <= limit}
    found = sum(1 for item in tested if any(item in sketch.hashes for sketch in sets))
    return Share(found, len(tested))
