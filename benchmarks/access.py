"""Who can read what: every column for every principal, by Meshwork's evaluator beside naive ones.

    python benchmarks/access.py [--tables 10000] [--columns 50] [--principals 1000] [--sample 5]

All answer the same question for the same state (each principal holds two tag policies) and must agree. The naive ones
run on a sample of the principals and are extrapolated. Times are this machine's: read the ratios.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence

from mesh.domain.governance.catalog_snapshot import CatalogSnapshot, Database, Grant, PolicyGrant, Principal, Table
from mesh.domain.governance.expressions import Expression
from mesh.domain.governance.permissions import Bundle, Evaluator

CENTRAL = "111111111111"
DOMAINS = [f"domain-{n}" for n in range(20)]
LEVELS = ["public", "internal", "confidential", "restricted"]
PII = ["none", "personal", "sensitive"]


def build(tables: int, columns: int, principals: int) -> tuple[CatalogSnapshot, list[Principal]]:
    """Databases of ten tables; one column in ten has tags of its own; grants by domain and confidentiality."""
    dice = random.Random(7)
    names = tuple(f"c{n}" for n in range(columns))
    databases = {}
    for number in range(tables // 10):
        database = f"d{number}"
        found = {}
        for place in range(10):
            own = {name: {"confidentiality": LEVELS[2], "pii": dice.choice(PII[1:])} for name in names[::10]}
            found[f"t{place}"] = Table(database, f"t{place}", names, {"confidentiality": dice.choice(LEVELS[:3])}, own)
        databases[database] = Database(database, {"domain": dice.choice(DOMAINS), "pii": "none"}, found)
    who = [Principal(f"arn:aws:iam::{CENTRAL}:role/r{n}", CENTRAL) for n in range(principals)]
    grants = []
    for principal in who:
        for _ in range(2):
            pairs = {"domain": dice.sample(DOMAINS, 3), "confidentiality": dice.sample(LEVELS, 2)}
            policy = PolicyGrant("TABLE", Expression.of(pairs))
            grants.append(Grant(principal.arn, policy, frozenset({"SELECT"}), frozenset(), CENTRAL))
    return CatalogSnapshot(CENTRAL, databases, tuple(grants)), who


def grouped(lake: CatalogSnapshot, who: Sequence[Principal]) -> list[int]:
    """Readable columns of each principal: a policy is asked once for each distinct tag set."""
    evaluator = Evaluator(lake)
    sizes: Counter = Counter()
    for where in evaluator.tables.values():
        for tag_set, names in where.groups.items():
            sizes[tag_set] += len(names)
    return [_count(evaluator.bundle(principal), sizes) for principal in who]


def _count(bundle: Bundle, sizes: Counter) -> int:
    return sum(columns for tag_set, columns in sizes.items() if bundle.selects(tag_set))


def listed(lake: CatalogSnapshot, who: Sequence[Principal]) -> list[int]:
    """The same with every column named, table by table: what an answer to people needs."""
    evaluator = Evaluator(lake)
    return [sum(len(columns) for _, columns in evaluator.readable(principal)) for principal in who]


def naive_sets(lake: CatalogSnapshot, who: Sequence[Principal]) -> list[int]:
    """For each tag the set of columns that carry it; unions and intersections for each principal."""
    carrying: dict[tuple[str, str], set[tuple[str, str, str]]] = {}
    for database in lake.databases.values():
        for table in database.tables.values():
            for column in table.columns:
                for tag in table.effective(database.tags, column).items():
                    carrying.setdefault(tag, set()).add((database.name, table.name, column))
    counts = []
    for expressions in _expressions(lake, who):
        readable: set[tuple[str, str, str]] = set()
        for expression in expressions:
            parts = [set().union(*(carrying.get((key, value), ()) for value in values)) for key, values in expression]
            readable |= set.intersection(*parts)
        counts.append(len(readable))
    return counts


def naive_cells(lake: CatalogSnapshot, who: Sequence[Principal]) -> list[int]:
    """Column by column, expression by expression."""
    counts = []
    for expressions in _expressions(lake, who):
        count = 0
        for database in lake.databases.values():
            for table in database.tables.values():
                for column in table.columns:
                    tags = table.effective(database.tags, column)
                    count += any(all(tags.get(k) in values for k, values in each) for each in expressions)
        counts.append(count)
    return counts


def _expressions(lake: CatalogSnapshot, who: Sequence[Principal]) -> list[list[tuple]]:
    by_name: dict[str, list[tuple]] = {}
    for grant in lake.grants:
        if isinstance(grant.resource, PolicyGrant):
            by_name.setdefault(grant.principal, []).append(grant.resource.expression.clauses)
    return [by_name.get(principal.arn, []) for principal in who]


def timed(work: Callable[[], list[int]]) -> tuple[float, list[int]]:
    """Seconds and answer."""
    start = time.perf_counter()
    answer = work()
    return time.perf_counter() - start, answer


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--principals", type=int, default=1_000)
    parser.add_argument("--sample", type=int, default=5)
    options = parser.parse_args()
    lake, who = build(options.tables, options.columns, options.principals)
    sample = who[: options.sample]
    cells = options.tables * options.columns
    ways: list[tuple[str, Callable[[CatalogSnapshot, Sequence[Principal]], list[int]], Sequence[Principal]]] = [
        ("grouped by tag set", grouped, who),
        ("every column named", listed, sample),
        ("naive sets", naive_sets, sample),
        ("naive cells", naive_cells, sample),
    ]
    answers, seconds = {}, {}
    indexing = timed(lambda: [len(Evaluator(lake).tables)])[0]
    for name, way, asked in ways:
        spent, answers[name] = timed(lambda way=way, asked=asked: way(lake, asked))  # type: ignore[misc]
        seconds[name] = spent / len(asked) * len(who)
    expected = answers["grouped by tag set"][: len(sample)]
    for name, answer in answers.items():
        if answer[: len(sample)] != expected:
            raise SystemExit(f"{name} does not agree: {answer[: len(sample)]} instead of {expected}")
    print(f"{options.tables:,} tables x {options.columns} columns x {len(who):,} principals; the naive ones by sample")
    best = seconds["grouped by tag set"]
    print(f"  of which once, to group the columns {indexing:.3f} s")
    for name, spent in seconds.items():
        rate = cells * len(who) / spent / 1e6
        print(f"  {name:20} {spent:10.3f} s   {rate:12,.1f} M cells/s   x {spent / best:8,.1f}")


if __name__ == "__main__":
    main()
