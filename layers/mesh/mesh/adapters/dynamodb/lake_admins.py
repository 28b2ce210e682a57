"""The data lake administrators that the account's stack sets, in the account's table: `LAKE` / `ADMINS`."""

from mesh.adapters.dynamodb.items import Table, put


class DynamoLakeAdmins:
    """Implements `ports.LakeAdmins`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def keep(self, admins: tuple[str, ...]) -> None:
        """See the port."""
        self._table.write(put({"pk": "LAKE", "sk": "ADMINS", "admins": list(admins)}))

    def kept(self) -> tuple[str, ...]:
        """See the port."""
        item = self._table.get("LAKE", "ADMINS")
        return tuple(item["admins"]) if item else ()
