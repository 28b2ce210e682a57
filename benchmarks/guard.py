"""How often the poisoning guard is wrong, and what it finds: on the South German Credit data and on generated data.

    python benchmarks/guard.py [--seeds 40] [--clean 200] [--first 30000] [--only resplit] [--data FILE]

Designs. `resplit`: each seed shuffles the real rows into eleven slices of 90; ten are the history, the eleventh is
the batch, of rows never seen. `bootstrap`: ten slices of 50 are half of the rows; the batch is 50 rows drawn with
replacement from the other half. It repeats rows within itself (about one in twenty), so `RowsRepeated` is off.
`generated`: applicants of the generated sample (local/samples/credit.py), ten slices of 100 and a fresh one.
`drifting`: the same, but each slice has a mood of its own, which moves amounts by 15% and the rate of the label by 5
points, as seasons do. `… at once`: the ten slices arrived together, as ten objects of one first load. `early`: one load
of 2,000 generated rows is the whole history, 2,000 fresh rows are the batch.

An error on a clean batch is a false alarm; an attack is found if its batch gets an error that names the right reason.
"""

import argparse
import csv
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mesh.domain.onboarding.guard.evaluation import judge
from mesh.domain.onboarding.guard.history import History, edges_of, remember
from mesh.domain.onboarding.guard.settings import GuardSettings
from mesh.domain.onboarding.quality.model import Finding

from local.samples import credit
from tests.guard_profiles import Row, profile_of, profile_of_parts

LABEL, AMOUNT = "kredit", "hoehe"
SETTINGS = GuardSettings(label=LABEL)
DATA = Path(__file__).resolve().parent.parent / "../shared/data/south_german_credit.csv"

type Slices = tuple[list[list[Row]], list[Row]]
type Attack = Callable[[list[Row], list[list[Row]], random.Random], list[Row]]


def flipped(share: float) -> Attack:
    """Labels of a random share of the rows exchanged."""

    def attack(rows: list[Row], _: list[list[Row]], dice: random.Random) -> list[Row]:
        hit = set(dice.sample(range(len(rows)), round(share * len(rows))))
        return [{**row, LABEL: 1 - int(str(row[LABEL]))} if place in hit else row for place, row in enumerate(rows)]

    return attack


def scaled(factor: float) -> Attack:
    """Amounts multiplied."""
    return lambda rows, _, __: [{**row, AMOUNT: round(int(str(row[AMOUNT])) * factor)} for row in rows]


def repeated(share: float) -> Attack:
    """A share of the rows taken from an accepted slice."""

    def attack(rows: list[Row], history: list[list[Row]], dice: random.Random) -> list[Row]:
        old = dice.choice(history)
        count = min(len(old), round(share * len(rows)))
        return [*dice.sample(old, count), *rows[count:]]

    return attack


def copies(rows: list[Row], _: list[list[Row]], dice: random.Random) -> list[Row]:
    """A fifth of the rows replaced by copies of one row."""
    count = len(rows) // 5
    return [*rows[count:], *[dice.choice(rows)] * count]


def outliers(rows: list[Row], _: list[list[Row]], __: random.Random) -> list[Row]:
    """Five rows in a hundred with a hundredfold amount."""
    count = max(1, len(rows) // 20)
    return [{**row, AMOUNT: int(str(row[AMOUNT])) * 100} if n < count else row for n, row in enumerate(rows)]


def dropped(rows: list[Row], _: list[list[Row]], __: random.Random) -> list[Row]:
    """No column of amounts."""
    return [{name: value for name, value in row.items() if name != AMOUNT} for row in rows]


def texts(rows: list[Row], _: list[list[Row]], __: random.Random) -> list[Row]:
    """Amounts with a unit."""
    return [{**row, AMOUNT: f"{row[AMOUNT]} DM"} for row in rows]


LABELS = {"LabelsContradictData", "LabelRateShifted"}
ATTACKS: dict[str, tuple[Attack, set[str]]] = {
    "10% of labels flipped": (flipped(0.1), LABELS),
    "20% of labels flipped": (flipped(0.2), LABELS),
    "30% of labels flipped": (flipped(0.3), LABELS),
    "50% of labels flipped": (flipped(0.5), LABELS),
    "amount x 1.25": (scaled(1.25), {"DistributionShifted"}),
    "amount x 1.5": (scaled(1.5), {"DistributionShifted"}),
    "amount x 2": (scaled(2.0), {"DistributionShifted"}),
    "5% of amounts x 100": (outliers, {"OutliersUnusual"}),
    "an old slice again": (repeated(1.0), {"RepeatsEarlierData"}),
    "half an old slice": (repeated(0.5), {"RepeatsEarlierData"}),
    "20% copies of one row": (copies, {"RowsRepeated"}),
    "amount dropped": (dropped, {"ColumnGone"}),
    "amount as text": (texts, {"TypeBecameText"}),
}


def real_rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as file:
        return [{name: int(value) for name, value in row.items()} for row in csv.DictReader(file)]


def resplit(rows: Sequence[Row], seed: int) -> Slices:
    shuffled = random.Random(seed).sample(rows, len(rows))
    slices = [shuffled[start : start + 90] for start in range(0, 990, 90)]
    return slices[:10], slices[10]


def bootstrap(rows: Sequence[Row], seed: int) -> Slices:
    dice = random.Random(seed)
    shuffled = dice.sample(rows, len(rows))
    return [shuffled[start : start + 50] for start in range(0, 500, 50)], dice.choices(shuffled[500:], k=50)


def generated(seed: int) -> Slices:
    rows = list(credit.generate(1100, seed))
    slices = [rows[start : start + 100] for start in range(0, 1100, 100)]
    return slices[:10], slices[10]


def drifting(seed: int) -> Slices:
    dice = random.Random(seed)
    history, batch = generated(seed)
    moved = [_in_a_mood(rows, dice) for rows in [*history, batch]]
    return moved[:10], moved[10]


def _in_a_mood(rows: list[Row], dice: random.Random) -> list[Row]:
    factor, extra = math.exp(dice.gauss(0, 0.15)), dice.gauss(0, 0.05)
    result = []
    for row in rows:
        label = int(str(row[LABEL]))
        moved = int(extra > 0) if dice.random() < abs(extra) else label
        result.append({**row, AMOUNT: round(int(str(row[AMOUNT])) * factor), LABEL: moved})
    return result


def remembered(slices: Sequence[list[Row]]) -> History:
    history = History(table="t")
    for generation, rows in enumerate(slices, start=1):
        history = remember(history, generation, profile_of(rows, edges_of(history), LABEL))
    return history


def loaded(slices: Sequence[list[Row]]) -> History:
    """The slices as objects of one batch."""
    return remember(History(table="t"), 1, profile_of_parts(slices, {}, LABEL))


def early(seed: int) -> Slices:
    rows = list(credit.generate(4_000, seed))
    return [rows[:2_000]], rows[2_000:]


def judged(rows: list[Row], history: History, settings: GuardSettings = SETTINGS) -> tuple[Finding, ...]:
    return judge(profile_of(rows, edges_of(history), LABEL), history, settings)


def interval(hits: int, trials: int) -> tuple[float, float]:
    """Wilson's, 95%."""
    z, share = 1.96, hits / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


def stated(hits: int, trials: int) -> str:
    low, high = interval(hits, trials)
    return f"{hits:4d} of {trials:4d} = {hits / trials:6.1%}  ({low:5.1%} to {high:5.1%})"


def false_alarms(
    name: str,
    draw: Callable[[int], Slices],
    seeds: range,
    settings: GuardSettings = SETTINGS,
    learn: Callable[[Sequence[list[Row]]], History] = remembered,
) -> None:
    errors, warnings, codes = 0, 0, Counter[str]()
    for seed in seeds:
        slices, batch = draw(seed)
        found = judged(batch, learn(slices), settings)
        errors += any(finding.severity == "error" for finding in found)
        warnings += any(finding.severity == "warning" for finding in found)
        codes.update({f"{finding.severity} {finding.code}" for finding in found if finding.severity != "info"})
    print(f"  {name:18s} errors   {stated(errors, len(seeds))}")
    print(f"  {'':18s} warnings {stated(warnings, len(seeds))}  {dict(codes.most_common(6)) or ''}", flush=True)


def power(
    draw: Callable[[int], Slices], seeds: range, learn: Callable[[Sequence[list[Row]]], History] = remembered
) -> None:
    hits, held, others = Counter[str](), Counter[str](), dict[str, Counter[str]]()
    for seed in seeds:
        slices, batch = draw(seed)
        history = learn(slices)
        for name, (attack, reasons) in ATTACKS.items():
            found = judged(attack(list(batch), slices, random.Random(seed)), history)
            codes = {finding.code for finding in found if finding.severity == "error"}
            hits[name] += bool(codes & reasons)
            held[name] += bool(codes)
            others.setdefault(name, Counter()).update(codes - reasons)
    for name in ATTACKS:
        more = {code: count for code, count in others[name].items() if count}
        print(f"  {name:24s} {stated(hits[name], len(seeds))}  held {held[name]}  {more or ''}", flush=True)


def designs(path: Path) -> Iterator[tuple[str, Callable[[int], Slices], GuardSettings]]:
    if path.exists():
        rows = real_rows(path)
        yield "resplit", lambda seed: resplit(rows, seed), SETTINGS
        yield "bootstrap", lambda seed: bootstrap(rows, seed), SETTINGS.model_copy(update={"off": ("RowsRepeated",)})
    else:
        print(f"{path} is not there: only generated data")
    yield "generated", generated, SETTINGS
    yield "drifting", drifting, SETTINGS
    yield "early", early, SETTINGS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--clean", type=int, default=200)
    parser.add_argument("--first", type=int, default=30_000)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.seeds)
    chosen = [found for found in designs(asked.data) if asked.only in found[0]]
    clean = range(asked.first, asked.first + asked.clean)
    print(f"clean batches, seeds {clean[0]} to {clean[-1]}")
    for name, draw, settings in chosen:
        false_alarms(name, draw, clean, settings)
        if name != "early":
            false_alarms(f"{name} at once", draw, clean, settings, loaded)
    for name, draw, _ in chosen:
        if name in {"resplit", "generated"}:
            print(f"attacks, {name}, seeds {seeds[0]} to {seeds[-1]}")
            power(draw, seeds)
            print(f"attacks, {name} at once")
            power(draw, seeds, loaded)


if __name__ == "__main__":
    main()
