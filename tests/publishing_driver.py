"""A producer who publishes, and an analyst who reads: uploads and deletions of one product, and what became of them."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from cli.access import query
from tests.access_driver import AccessDriver
from tests.mesh_conditions import lease_held, start_onboarding
from tests.mesh_driver import MeshDriver, Run, contract

COLUMNS: Final = {"id": "bigint", "amount": "bigint"}


def one_table_contract(
    product: str, columns: Mapping[str, str] | None = None, *, partitioned: bool = False, **more: Any
) -> dict[str, Any]:
    """A contract of a product with one table, partitioned by `dt` or not at all."""
    document = contract(product, "t1", columns or COLUMNS, **more)
    if partitioned:
        dt = {"name": "dt", "physicalType": "string", "partitioned": True, "partitionKeyPosition": 1}
        document["schema"][0]["properties"].append(dt)
    return document


def csv(*rows: tuple[int, int | str]) -> str:
    """Rows of `id` and `amount`."""
    return "id,amount\n" + "".join(f"{id_},{amount}\n" for id_, amount in rows)


class PublishingDriver:
    """One product on a running mesh, registered on the way in."""

    def __init__(self, mesh: MeshDriver, product: str, **more: Any) -> None:
        self.mesh, self.name = mesh, product
        mesh.put_contract(product, one_table_contract(product, **more))
        run = mesh.wait_for_run("prepare-product", product)
        assert run.status == "SUCCEEDED", run
        mesh.settled(product)

    # --- what its people do ------------------------------------------------------------------------------------------

    def key(self, name: str, table: str = "t1") -> str:
        return f"{self.name}/data/{table}/{name}"

    def put(self, name: str, body: str | bytes, table: str = "t1") -> None:
        self.mesh.put_object(self.key(name, table), body)

    def delete(self, name: str, table: str = "t1") -> None:
        self.mesh.client("producer", "s3").delete_object(Bucket=self.mesh.bucket, Key=self.key(name, table))

    def work(self, act: Callable[[], object]) -> Run:
        """Do it; the first run that had work because of it. Nothing runs for the product any more."""
        before = self.mesh.runs("onboard-upload", self.name)
        act()
        run = self.mesh.wait_for_run("onboard-upload", self.name, after=before)
        self.mesh.settled(self.name)
        return run

    def upload(self, name: str, body: str | bytes, table: str = "t1") -> Run:
        return self.work(lambda: self.put(name, body, table))

    def together(self, *acts: Callable[[], object]) -> Run:
        """All of it in one batch: another run seems to be at work until everything has arrived."""
        with lease_held(self.mesh, self.name):
            before = self.pending()
            for act in acts:
                act()
            self.mesh.until(lambda: len(self.pending()) >= len(before) + len(acts), "all of it pending")
            self.mesh.settled(self.name)
        run = start_onboarding(self.mesh, self.name)
        self.mesh.settled(self.name)
        return run

    # --- what became of it -------------------------------------------------------------------------------------------

    def pending(self) -> list[str]:
        return self.mesh.pending(self.name)

    def versions(self) -> int:
        """How many central has published."""
        items = self.mesh.items("central", f"PRODUCT#{self.name}")
        return sum(item["sk"].startswith("VERSION#") for item in items)

    def proposals(self) -> list[Run]:
        """Ended runs of central about what this product proposed, one for each event."""
        runs = self.mesh.runs("commit-version", self.name)
        return list({run.event: run for run in reversed(runs)}.values())[::-1]

    def held(self) -> list[dict[str, Any]]:
        """Batches that were held back, oldest first."""
        found = [json.loads(item["body"]) for item in self.mesh.items("producer", "QUARANTINE")]
        mine = [batch for batch in found if batch["product"] == self.name]
        return sorted(mine, key=lambda batch: str(batch["run"]))

    def listing(self, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The objects of a held batch."""
        return list(json.loads(self.mesh.read(f"{self.name}/reports/{batch['run']}.held.json")))

    def share(self) -> "Analyst":
        """The consumer's analyst, with an access to the product."""
        AccessDriver(self.mesh).live(self.name)
        return Analyst(self.mesh, self.name)

    def at_rest(self) -> bool:
        """Nobody holds the lease, and nothing waits."""
        return (self.mesh.lease(self.name), self.pending()) == ("", [])


class Analyst:
    """Reads a product's tables through Athena as the consumer's analyst."""

    def __init__(self, mesh: MeshDriver, product: str) -> None:
        self.mesh, self._product = mesh, product
        self._athena = mesh.client("consumer", "athena", "DataAnalyst")

    def rows(self, what: str = "id, amount", rest: str = "ORDER BY id", table: str = "t1") -> list[list[Any]]:
        """The result, values as text."""
        sql = f'SELECT {what} FROM "rl_{self._product}"."{table}" {rest}'
        answer = query.run(
            self._athena, sql, workgroup="consumer-workgroup", database="default", limit=1000, role="DataAnalyst"
        )
        return [list(row) for row in answer.rows]

    def totals(self, table: str = "t1") -> tuple[int, int]:
        """Rows, and the sum of their amounts."""
        [[count, amount]] = self.rows("count(*), coalesce(sum(amount), 0)", "", table)
        return int(count), int(amount)
