"""Raw objects and recipes in the producer's table, beside what `uploads` keeps there.

| pk | sk | item |
|---|---|---|
| `PRODUCT#<name>` | `RECIPE` | the recipe in force: its object's version |
| `HELD#<name>` | the object's key | a raw object that waits for a recipe; as in `PENDING#<name>` |
"""

from collections.abc import Iterable
from typing import Any

from mesh.adapters.dynamodb.items import Table, Write, delete, put, put_new
from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import compare_sequencers

_ATTEMPTS = 5


class DynamoRawUploads:
    """Implements `ports.RawUploads`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def recipe(self, product: str) -> ObjectRef | None:
        """See the port; read consistently."""
        item = self._table.get(f"PRODUCT#{product}", "RECIPE")
        return ObjectRef.model_validate_json(item["ref"]) if item else None

    def note_recipe(self, product: str, ref: ObjectRef) -> None:
        """See the port."""
        known = {"pk": f"SEEN#{product}", "sk": ref.key, "sequencer": ref.sequencer, "etag": ref.etag}
        newest = "attribute_not_exists(pk) OR sequencer < :mine"
        self._table.write(put(known, newest, {":mine": ref.sequencer}))

    def record_recipe(self, product: str, ref: ObjectRef) -> bool:
        """See the port."""
        new = {
            "pk": f"PRODUCT#{product}",
            "sk": "RECIPE",
            "sequencer": ref.sequencer,
            "ref": ref.model_dump_json(),
        }
        for _ in range(_ATTEMPTS):
            current = self._table.get(f"PRODUCT#{product}", "RECIPE")
            if current is None:
                if self._table.write(put_new(new)):
                    return True
                continue
            order = compare_sequencers(ref.sequencer, current["sequencer"])
            if order <= 0:
                return order == 0
            if self._table.write(put(new, "sequencer = :seen", {":seen": current["sequencer"]})):
                return True
        raise ConcurrentChange(f"too many recipes at once for {product}", product=product)

    def hold(self, product: str, refs: Iterable[ObjectRef]) -> None:
        """See the port. An object is pending or held at every moment."""
        for ref in refs:
            item = self._table.get(f"PENDING#{product}", ref.key)
            if item is not None and item["sequencer"] == ref.sequencer:
                self._move(item, put({**item, "pk": f"HELD#{product}"}))

    def take_up(self, product: str) -> int:
        """See the port; `SEEN#` says which version is the newest."""
        taken = 0
        for item in list(self._table.query(f"HELD#{product}")):
            seen = self._table.get(f"SEEN#{product}", item["sk"])
            waiting, newest = put_new({**item, "pk": f"PENDING#{product}"}), seen and seen["sequencer"]
            if newest == item["sequencer"] and self._move(item, waiting):
                taken += 1
            else:  # a newer one waits
                self._table.write(delete(item["pk"], item["sk"], "sequencer = :old", {":old": item["sequencer"]}))
        return taken

    def _move(self, item: dict[str, Any], arrival: Write) -> bool:
        """Both or nothing; `False` when the item changed meanwhile, which another process then handles."""
        leaving = delete(item["pk"], item["sk"], "sequencer = :same", {":same": item["sequencer"]})
        return self._table.write(leaving, arrival)
