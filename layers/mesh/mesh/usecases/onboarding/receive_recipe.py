"""A recipe arrived in the producer's bucket: checked here, early, and in force from then on."""

from mesh.domain.onboarding.curation.plan import plan_recipe
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.ports import Objects, RawUploads
from mesh.usecases.onboarding.curation import read_recipe


def receive_recipe(ref: ObjectRef, product: str, *, objects: Objects, raw: RawUploads) -> bool:
    """Check all that can be said without data, record it, and take up what lies in `raw/` and waits for a recipe.

    False when it is not newer than the one in force. A recipe that does not pass changes nothing: the last good one
    stays in force. Raises RecipeInvalid, UnsupportedStep, RecipeColumnMissing, RecipeColumnExists and ObjectGone.
    """
    plan_recipe(read_recipe(ref, objects), None)
    if not raw.record_recipe(product, ref):
        return False
    raw.take_up(product)
    return True
