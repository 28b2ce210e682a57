"""Rows and objects that came before, in the batch or in an accepted one.

Some tables repeat by nature: few values, full copies, heartbeats. So what counts is how much more a batch repeats than
accepted batches repeat each other.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from mesh.domain.onboarding.guard.findings import Case, GuardCheck, percent
from mesh.domain.onboarding.guard.fingerprints import Share, Sketch, contained, numbers
from mesh.domain.onboarding.guard.history import PastBatch, distinct_rows
from mesh.domain.onboarding.guard.probability_tails import beta_binomial_tail
from mesh.domain.onboarding.guard.settings import NEAR, Check
from mesh.domain.onboarding.quality.model import Evidence, Finding

COMPARABLE: Final = 1024
"""Bytes from which on two objects of one content are no coincidence."""
_REPLACE: Final = "If it is to replace the earlier data, upload it under the earlier key. Otherwise delete it."


def repeated_rows(case: Case) -> Iterator[Finding]:
    """`RowsRepeated`: rows that the batch holds more than once, beyond what accepted batches do. The more rows a batch
    has, the more of them are equal by chance; the share is taken to grow with the rows."""
    check: Check = "RowsRepeated"
    rows, repeated = case.profile.rows, case.profile.duplicate_rows
    if not rows or not repeated:
        return
    usual = max((_expected(batch, rows) for batch in case.history.batches), default=0.0)
    usual = max(usual, case.settings.duplicates_allowed)
    before = sum(batch.duplicate_rows for batch in case.history.batches)
    chance = beta_binomial_tail(repeated, rows, max(before, round(usual * case.history.rows)), case.history.rows)
    share, threshold = repeated / rows, case.settings.threshold(check)
    past = share - usual >= threshold and chance <= case.settings.chance(check)
    near = share - usual >= threshold * NEAR and chance <= case.settings.chance(check, warning=True)
    if past or near:
        yield case.finding(
            check,
            f"{repeated:,} of {rows:,} rows ({percent(share)}) are copies of others in the batch; accepted batches let "
            f"expect {percent(usual)}.",
            near=not past, observed=share, threshold=usual + threshold, dimension="uniqueness",
            evidence=_two("copies", "different rows", usual, share),
        )  # fmt: skip


def repeated_earlier(case: Case) -> Iterator[Finding]:
    """`RepeatsEarlierData`: the share of the batch's different rows that accepted batches hold. Batches whose objects
    this one replaces (the same keys again) are left out."""
    check: Check = "RepeatsEarlierData"
    keys = {ref.key for ref in case.refs}
    earlier = [
        (batch, sketch)
        for batch, sketch in zip(case.history.batches, case.sketches, strict=True)
        if not batch.objects or not {key for key, _, _ in batch.objects} <= keys
    ]
    if not earlier or not case.profile.fingerprints:
        return
    share, usual = _shares(case, earlier)
    base = max(usual.value, case.profile.duplicate_rows / max(1, case.profile.rows), _largest_usual(case))
    excess = (share.value - base) / (1 - base) if base < 1 else 0.0
    chance = beta_binomial_tail(share.found, share.tested, max(usual.found, round(base * usual.tested)), usual.tested)
    threshold = case.settings.threshold(check)
    past = excess >= threshold and chance <= case.settings.chance(check)
    near = excess >= threshold * NEAR and chance <= case.settings.chance(check, warning=True)
    if past or near:
        yield case.finding(
            check,
            f"{percent(share.value)} of the rows were accepted before, {_where(case, earlier)}. Accepted batches "
            f"repeat each other by {percent(base)}.",
            near=not past, observed=share.value, threshold=base + (1 - base) * threshold, dimension="uniqueness",
            evidence=_two("accepted before", "new", base, share.value), remedy=_REPLACE,
        )  # fmt: skip


def same_objects(case: Case) -> Iterator[Finding]:
    """`SameObjectAgain`: an object of the same content (digest and size) under another key, unless accepted batches did
    that as well. Objects of less than `COMPARABLE` bytes are alike by nature (a day without events)."""
    known: dict[tuple[str, int], set[str]] = {}
    for batch in case.history.batches:
        for key, etag, size in batch.objects:
            if etag and size >= COMPARABLE:
                known.setdefault((etag, size), set()).add(key)
    usual = any(len(keys) > 1 for keys in known.values())
    again = [
        (ref.key, min(earlier))
        for ref in case.refs
        if (earlier := known.get((ref.digest, ref.size), set())) and ref.key not in earlier
    ]
    if again and not usual:
        key, earlier_key = again[0]
        more = f" So are {len(again) - 1} others." if len(again) > 1 else ""
        yield case.finding(
            "SameObjectAgain", f"{key} has the very content of {earlier_key}, which was accepted before.{more}",
            observed=float(len(again)), dimension="uniqueness", keys=tuple(key for key, _ in again)[:100],
            remedy=_REPLACE,
        )  # fmt: skip


def _expected(batch: PastBatch, rows: int) -> float:
    if not batch.rows:
        return 0.0
    return min(1.0, batch.duplicate_rows / batch.rows * max(1.0, rows / batch.rows))


def _shares(case: Case, earlier: Sequence[tuple[PastBatch, Sketch]]) -> tuple[Share, Share]:
    """Of the batch in all earlier ones (or in the one that it repeats most, which large ones hide), and of the accepted
    batches in each other."""
    own = _sketch(case)
    sketches = [sketch for _, sketch in earlier]
    together = contained(own, sketches)
    alone = max((contained(own, [sketch]) for sketch in sketches), key=lambda share: share.found)
    share = max(together, alone, key=lambda one: one.found)
    usual = _usual(case)
    return share, Share(sum(one.found for one in usual), sum(one.tested for one in usual) or case.history.rows)


def _usual(case: Case) -> list[Share]:
    """Each accepted batch in all others."""
    sketches = case.sketches
    if len(sketches) < 2:
        return []
    return [contained(one, [*sketches[:place], *sketches[place + 1 :]]) for place, one in enumerate(sketches)]


def _largest_usual(case: Case) -> float:
    return max((share.value for share in _usual(case)), default=0.0)


def _sketch(case: Case) -> Sketch:
    prints = numbers(case.profile.fingerprints)
    return Sketch.of(prints, cut=len(set(prints)) < distinct_rows(case.profile))


def _where(case: Case, earlier: Sequence[tuple[PastBatch, Sketch]]) -> str:
    own = _sketch(case)
    batch, share = max(((batch, contained(own, [sketch])) for batch, sketch in earlier), key=lambda one: one[1].value)
    return f"most of them in generation {batch.generation} ({percent(share.value)})"


def _two(left: str, right: str, accepted: float, batch: float) -> Evidence:
    return Evidence(
        labels=(left, right),
        accepted=(round(accepted, 6), round(1 - accepted, 6)),
        batch=(round(batch, 6), round(1 - batch, 6)),
    )


CHECKS: Final = (
    GuardCheck("SameObjectAgain", "always", same_objects),
    GuardCheck("RepeatsEarlierData", "always", repeated_earlier),
    GuardCheck("RowsRepeated", "rows", repeated_rows),
)
