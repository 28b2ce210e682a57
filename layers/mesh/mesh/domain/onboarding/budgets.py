"""What input from people may cost, and why so much. What exceeds a budget is refused or held with that reason: nothing
is left to a MemoryError or to a function's timeout, which each upload would repeat.

Bytes, unless something else is said.
"""

from datetime import timedelta
from typing import Final

from mesh.domain.onboarding.formats.model import GIB, MIB

# --- every reader
MAX_LINE: Final = MIB
"""A line of text that is longer is not a row of a table."""
MAX_ROW: Final = 2 * MIB
"""One row, and so one value: the engine's readers buffer a row whole, several of them on each thread. A quoted value
has several lines."""
MAX_COLUMNS: Final = 5_000
"""Of a table. One row of so many takes a minute to check on a machine with two cores, of twice as many several."""
MAX_FIELDS: Final = 10_000
"""Of all columns with what is nested in them."""
MAX_DEPTH: Final = 100
"""Levels of lists and objects. The engine's functions for JSON end at 128, and the whole database with them."""
MAX_ROWS: Final = 50_000_000
"""Of one object that is copied. Parquet keeps 100 million NULLs in 228 KB, which take 3.1 GB when they are read."""
MAX_EXPANSION: Final = 100
MAX_UNZIPPED: Final = 256 * MIB
"""A gzip object is refused when it unfolds more than `MAX_EXPANSION`-fold **and** to more than this."""
MAX_OBJECT: Final = GIB
"""Of one object, inflated: as much of text as the engine copies within its memory and disk."""
MAX_BATCH: Final = 2 * GIB
"""Of all objects of a table in one round, inflated."""
MAX_IN_PLACE: Final = 3 * GIB + 256 * MIB
"""Of those that are read where they lie, one or several: as many bytes are written beside them."""
READING_SECONDS: Final = 400.0
"""For a table's objects to be read and checked, rules included; the functions that do so have 900. A batch of
several tables that take so long is held as what broke a function."""

# --- rules in SQL, which run in a process of their own (docs/decisions/0033-hostile-input-costs-little.md)
RULE_SECONDS: Final = 60.0
"""For one rule on a batch."""
RULES_SECONDS: Final = 180.0
"""For all rules of a table on a batch, and no longer than what is left of READING_SECONDS."""
RULE_TRIAL_SECONDS: Final = 2.0
"""For one rule on the rows of the trial, of which a pass takes milliseconds."""
RULES_TRIAL_SECONDS: Final = 10.0
"""For all rules of a contract on the rows of the trial: `DeclareProduct` has 60 s."""
RULES_START_SECONDS: Final = 20.0
"""For their process to start, the engine with it. That it takes longer says nothing about the rules."""
RULES_MEMORY: Final = 700 * MIB
"""Of their process. `CheckObjects` has 3,008 MB: the reading keeps to 1,700 MB meanwhile, Python needs 200."""
TRIAL_ROWS: Final = 1_000
"""Of each table of a contract: a join with itself is a million, three times over a billion and beyond the trial."""

# --- recipes
MAX_RAW: Final = 64 * MIB
"""What a function reads of one raw object; a larger one is left to a DataBrew job."""
MAX_RAW_UNFOLDED: Final = 256 * MIB
"""What a raw gzip object may unfold to."""
MAX_RECIPE: Final = MIB
MAX_STEPS: Final = 100
"""DataBrew's own limit."""
MAX_REMEMBERED: Final = 2_000_000
"""Different rows that a step against duplicates remembers, in about 200 MB."""
MAX_CURATED: Final = 256 * MIB
"""What a recipe may make of one object: `CurateBatch` holds it in memory, beside the object and what it unfolds to."""
CURATION_TIME: Final = timedelta(seconds=240)
"""Of the processor, for one object. The largest that a function takes needs 31 s with 39 steps; `CurateBatch` has ten
minutes, of which it may have spent two when it begins the object."""
TRIAL_TIME: Final = timedelta(seconds=2)
"""Of the processor, for the generated rows on which a recipe is tried. The 39 steps of the example need 20 ms."""
MAX_TRIED: Final = 16 * MIB
"""What a recipe may make of those rows, of which each column has some 20 KB."""
