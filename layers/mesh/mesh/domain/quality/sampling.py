"""Which objects to read first when not all can be: evenly spread over their keys, so over partitions and time."""

from collections.abc import Sequence

from mesh.domain.formats.model import ObjectRef


def spread(refs: Sequence[ObjectRef]) -> list[ObjectRef]:
    """All of them; each beginning of the list is spread over the keys (van der Corput's sequence)."""
    ordered = sorted(refs, key=lambda ref: ref.key)
    bits = max(len(ordered) - 1, 0).bit_length()
    places = (int(f"{number:0{bits}b}"[::-1], 2) if bits else 0 for number in range(1 << bits))
    return [ordered[place] for place in places if place < len(ordered)]
