"""Fakes of what arrived at a producer."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from mesh.domain.contracts.product import ConcurrentChange
from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.keys import compare_sequencers
from mesh.domain.onboarding.landing import Known, LandingAudit
from mesh.domain.onboarding.quarantine import HeldBatch, HeldStatus, Ticket
from mesh.domain.onboarding.standing import Lease, Standing
from mesh.ports import Note, Revision, WaitingRun

from tests.fakes.messages import FakeTrace


class FakeUploads:
    """A producer's table. Trace entries of its writes are in `trace`; `contracts` are FakeRevisions'."""

    def __init__(self, trace: FakeTrace | None = None) -> None:
        self.trace = trace or FakeTrace()
        self.contracts: dict[str, tuple[str, str, str]] = {}
        self.settled: set[str] = set()
        self.facts: dict[str, dict[str, Any]] = {}
        self.listed: set[str] = set()
        self.seen: dict[tuple[str, str], str] = {}
        self.waiting: dict[str, dict[str, tuple[ObjectRef, str]]] = {}
        self.leases: dict[str, Lease] = {}
        self.tokens: dict[str, str] = {}
        self.held: dict[str, dict[str, tuple[ObjectRef, str]]] = {}
        self.revisions: dict[str, str] = {}
        self.left: dict[str, str] = {}
        self.etags: dict[tuple[str, str], str] = {}
        self.audit: LandingAudit | None = None

    def product(self, name: str) -> dict[str, Any] | None:
        found = self.facts.get(name)
        return dict(found) if found else None

    def standing(self, name: str) -> Standing:
        version, _, declaration = self.contracts.get(name, ("", "", ""))
        settled = version if declaration in self.settled else None
        return Standing(self.product(name), self.leases.get(name, Lease()), settled)

    def products(self) -> list[str]:
        return sorted(self.listed)

    def list_product(self, name: str) -> None:
        self.listed.add(name)

    def may_declare(self, name: str, sequencer: str) -> bool:
        found = self.facts.get(name)
        return found is None or compare_sequencers(sequencer, found["sequencer"]) > 0

    def record_declared(self, name: str, sequencer: str) -> None:
        self.listed.add(name)
        self.facts.setdefault(name, {"status": "declared"})["sequencer"] = sequencer

    def put_product(self, name: str, facts: Mapping[str, Any], *, sequencer: str = "") -> None:
        if compare_sequencers(sequencer, self.revisions.get(name, "")) >= 0:
            self.revisions[name] = sequencer
            known = self.facts.get(name, {})
            kept = {"status": "registered", "sequencer": known.get("sequencer", "")}
            if name in self.left and compare_sequencers(sequencer, self.left[name]) <= 0:
                kept["new_owner"] = known["new_owner"]
            self.facts[name] = {**facts, **kept}

    def hand_over(self, name: str, new_owner: str, *, sequencer: str) -> None:
        if name in self.facts and compare_sequencers(self.revisions.get(name, ""), sequencer) <= 0:
            self.left[name] = sequencer
            self.facts[name]["new_owner"] = new_owner

    def add_pending(self, product: str, refs: Iterable[ObjectRef], correlation_id: str) -> list[ObjectRef]:
        added = [ref for ref in refs if self._add(product, ref, correlation_id, newer_by=1)]
        if added:
            self.trace.note(correlation_id, "uploads received", product=product, objects=len(added))
        return added

    def add_again(self, product: str, ref: ObjectRef, correlation_id: str) -> bool:
        return self._add(product, ref, correlation_id, newer_by=0)

    def _add(self, product: str, ref: ObjectRef, correlation_id: str, *, newer_by: int) -> bool:
        seen = self.seen.get((product, ref.key))
        if seen is not None and compare_sequencers(ref.sequencer, seen) < newer_by:
            return False
        if not newer_by:
            self.held.get(product, {}).pop(ref.key, None)
        self.seen[product, ref.key] = ref.sequencer
        self.etags[product, ref.key] = ref.etag
        self.waiting.setdefault(product, {})[ref.key] = (ref, correlation_id)
        return True

    def known(self, product: str, keys: Collection[str]) -> dict[str, Known]:
        return {
            key: Known(sequencer, self.etags.get((name, key)))
            for (name, key), sequencer in self.seen.items()
            if name == product and key in keys
        }

    def last_audit(self) -> LandingAudit | None:
        return self.audit

    def keep_audit(self, audit: LandingAudit) -> None:
        self.audit = audit

    def pending(self, product: str, limit: int) -> list[tuple[ObjectRef, str]]:
        return [item for _, item in sorted(self.waiting.get(product, {}).items())][:limit]

    def has_pending(self, product: str) -> bool:
        return bool(self.waiting.get(product))

    def settle(self, product: str, refs: Iterable[ObjectRef]) -> None:
        waiting = self.waiting.get(product, {})
        for ref in refs:
            if ref.key in waiting and waiting[ref.key][0].sequencer == ref.sequencer:
                del waiting[ref.key]

    def await_answer(self, proposal: str, waiting: WaitingRun, note: Note) -> bool:
        if not self.renew_lease(waiting.product, waiting.holder, waiting.leased_until):
            return False
        self.tokens[proposal] = waiting.token
        self.trace.keep(note)
        return True

    def token(self, name: str) -> str | None:
        return self.tokens.get(name)

    def drop_token(self, name: str, token: str) -> None:
        if self.tokens.get(name) == token:
            del self.tokens[name]

    def take_lease(self, product: str, lease: Lease, *, seen: Lease, note: Note) -> bool:
        found = self.leases.get(product, Lease())
        if found != seen:
            return (found.holder, found.generation) == (lease.holder, lease.generation)
        self.leases[product] = lease
        self.trace.keep(note)
        return True

    def renew_lease(self, product: str, holder: str, until: datetime) -> bool:
        if self.standing(product).lease.holder != holder:
            return False
        self.leases[product] = self.leases[product]._replace(until=until)
        return True

    def lease_held(self, product: str, now: datetime) -> bool:
        return self.standing(product).lease.is_held(now)

    def drop_lease(self, product: str, holder: str) -> None:
        if self.standing(product).lease.holder == holder:
            self.leases[product] = self.leases[product]._replace(holder="")

    def finish(self, product: str, holder: str, refs: Iterable[ObjectRef], note: Note) -> None:
        settled = list(refs)
        self.settle(product, settled)
        if settled and self.standing(product).lease.holder == holder:
            self.leases[product] = self.leases[product]._replace(tries=0)
        self.drop_lease(product, holder)
        self.trace.keep(note)


class FakeRevisions:
    """The newest version of each contract: (version id, sequencer, declaration), and which declarations are settled."""

    def __init__(self, uploads: FakeUploads | None = None) -> None:
        self.uploads = uploads or FakeUploads()

    def begin(self, product: str, contract: ObjectRef, declaration: str) -> None:
        known = self.uploads.contracts.get(product)
        if known is None or compare_sequencers(contract.sequencer, known[1]) > 0:
            self.uploads.contracts[product] = (contract.version_id or "", contract.sequencer, declaration)

    def newest(self, product: str) -> Revision | None:
        known = self.uploads.contracts.get(product)
        return Revision(known[0], known[1]) if known else None

    def settle(self, product: str, declaration: str) -> bool:
        if self.uploads.contracts.get(product, ("", "", ""))[2] != declaration or not declaration:
            return False
        self.uploads.settled.add(declaration)
        return True


class FakeRawUploads:
    """Recipes and held objects of a producer's table, beside what `uploads` has of it."""

    def __init__(self, uploads: "FakeUploads") -> None:
        self.uploads = uploads
        self.recipes: dict[str, ObjectRef] = {}
        self.held = uploads.held

    def recipe(self, product: str) -> ObjectRef | None:
        return self.recipes.get(product)

    def note_recipe(self, product: str, ref: ObjectRef) -> None:
        if self.uploads.seen.get((product, ref.key), "") <= ref.sequencer:
            self.uploads.seen[product, ref.key] = ref.sequencer
            self.uploads.etags[product, ref.key] = ref.etag

    def record_recipe(self, product: str, ref: ObjectRef) -> bool:
        current = self.recipes.get(product)
        order = compare_sequencers(ref.sequencer, current.sequencer) if current else 1
        if order > 0:
            self.recipes[product] = ref
        return order >= 0

    def hold(self, product: str, refs: Iterable[ObjectRef]) -> None:
        waiting = self.uploads.waiting.get(product, {})
        for ref in refs:
            if ref.key in waiting and waiting[ref.key][0].sequencer == ref.sequencer:
                self.held.setdefault(product, {})[ref.key] = waiting.pop(ref.key)

    def take_up(self, product: str) -> int:
        taken = 0
        for key, item in self.held.pop(product, {}).items():
            if self.uploads.seen[product, key] == item[0].sequencer:
                self.uploads.waiting.setdefault(product, {})[key] = item
                taken += 1
        return taken


class FakeQuarantine:
    """Held batches by name, and tickets."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], HeldBatch] = {}
        self.tickets: dict[tuple[str, str], Ticket] = {}

    def hold(self, batch: HeldBatch) -> None:
        self.held.setdefault((batch.product, batch.run), batch)

    def batch(self, product: str, run: str) -> HeldBatch | None:
        return self.held.get((product, run))

    def batches(self) -> Iterator[HeldBatch]:
        yield from self.held.values()

    def undecided(self, product: str) -> Iterator[HeldBatch]:
        yield from [batch for batch in self.held.values() if batch.product == product and batch.status == "held"]

    def save(self, batch: HeldBatch, *, was: HeldStatus) -> None:
        if self.held[batch.product, batch.run].status != was:
            raise ConcurrentChange("somebody else decided")
        self.held[batch.product, batch.run] = batch

    def ticket(self, product: str, key: str) -> Ticket | None:
        return self.tickets.get((product, key))

    def put_ticket(self, product: str, key: str, ticket: Ticket) -> None:
        self.tickets[product, key] = ticket
