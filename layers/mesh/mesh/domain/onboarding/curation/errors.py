"""What a recipe, or what it is to read, can be refused for.

    Rejected
    ├── recipes   RecipeInvalid, UnsupportedStep, RecipeTooCostly, RecipeGone
    ├── the fit   RecipeColumnMissing, RecipeColumnExists, RecipeNotForJobs
    └── objects   RawTooLarge, RawFormatUnsupported, NothingLeft, RecipeJobFailed

`where` of an error about a step has `step` (counted from 1), `operation`, and `column` or `parameter`.
"""

from mesh.domain.errors import Rejected


class RecipeInvalid(Rejected):
    """Not a list of DataBrew steps, more than 100 of them, or a parameter that cannot be read."""


class UnsupportedStep(Rejected):
    """An operation, a parameter or a condition of DataBrew's that is not built here, or that DataBrew has not."""


class RecipeTooCostly(Rejected):
    """The steps take more time, or make more text, than one object may."""


class RecipeGone(Rejected):
    """The recipe in force was replaced by an invalid one, or deleted, so long ago that its version is no more."""


class RecipeColumnMissing(Rejected):
    """A step names a column that is not there at that point of the recipe."""


class RecipeColumnExists(Rejected):
    """A step makes, or renames to, a column that is there already."""


class RawTooLarge(Rejected):
    """More than a function reads, unfolds or remembers: work for a job; `mesh recipe` has no other answer to it."""


class RawFormatUnsupported(Rejected):
    """Neither CSV with a header nor JSON lines."""


class NothingLeft(Rejected):
    """The recipe left no row of the object."""


class RecipeNotForJobs(Rejected):
    """A recipe that functions run, and that DataBrew itself does not take."""


class RecipeJobFailed(Rejected):
    """A DataBrew job ended without an output, or with another one than the recipe's plan."""


MISFITS = (RecipeColumnMissing, RecipeColumnExists, RecipeNotForJobs)
"""Recipe and object do not go together; which of them is at fault only their owner knows."""
