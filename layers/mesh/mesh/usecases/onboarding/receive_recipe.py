"""A recipe arrived in the producer's bucket: check it early, and put it in force."""

from mesh.domain.onboarding.curation.trial import try_recipe
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.ports import Objects, RawUploads
from mesh.usecases.onboarding.curation import read_recipe


def receive_recipe(ref: ObjectRef, product: str, *, objects: Objects, raw: RawUploads) -> bool:
    """Try it on generated rows, record it, and make raw objects that wait for a recipe pending.

    False when it is not newer than the one in force. An invalid recipe changes nothing: the last valid one
    stays in force. Raises RecipeInvalid, UnsupportedStep, RecipeColumnMissing, RecipeColumnExists,
    RecipeTooCostly and ObjectGone.
    """
    try_recipe(read_recipe(ref, objects))
    if not raw.record_recipe(product, ref):
        return False
    raw.take_up(product)
    return True
