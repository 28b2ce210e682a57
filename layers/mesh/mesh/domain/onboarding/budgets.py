"""What input from people may cost, and why so much. What exceeds a budget is refused or held with that reason: nothing
is left to a MemoryError or to a function's timeout, which each upload would repeat.

Bytes, unless something else is said.
"""

from datetime import timedelta
from typing import Final

from mesh.domain.onboarding.formats.model import MIB

MAX_ROW: Final = 2 * MIB
"""One row, and so one value: the engine's readers buffer a row whole, several of them on each thread."""
MAX_CURATED: Final = 256 * MIB
"""What a recipe may make of one object: `CurateBatch` holds it in memory, beside the object and what it unfolds to."""
CURATION_TIME: Final = timedelta(seconds=240)
"""Of the processor, for one object. The largest that a function takes needs 31 s with 39 steps; `CurateBatch` has ten
minutes, of which it may have spent two when it begins the object."""
