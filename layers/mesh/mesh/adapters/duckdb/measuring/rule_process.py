"""Rules in SQL, evaluated in a process of their own: `python -m mesh.adapters.duckdb.measuring.rule_process ORDER`.

`rule_runs` starts and ends it. ORDER is the file of an `Order`; a line of JSON is written when the engine is ready, and
one `Answer` for each rule, in their order.
"""

import json
import math
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mesh.adapters.duckdb.engine import Limits, database
from mesh.adapters.duckdb.measuring.faults import first_line
from mesh.adapters.duckdb.measuring.guarding import elsewhere
from mesh.domain.onboarding.formats.model import MIB
from mesh.domain.onboarding.quality.rule_queries import filled
from mesh.domain.onboarding.quality.sql_text import identifier

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ENGINE: Final = 0.6
"""Of the process's memory. What the engine does not count (texts that it is making, its own code) has the rest."""
_MARGIN: Final = 60
"""Seconds of the processor beyond the rules': for the start, and since a limit of time ends them first."""
# Nothing but the rows can be read. A division by zero is an error, for floats as well: a rule that has one gives no
# number.
_LOCKED: Final = (
    "SET ieee_floating_point_ops = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


class Rows(NamedTuple):
    """What rules see as a table: a query, and by which names they may call it, the first one in place of {object}."""

    query: str
    names: list[str]


class Rule(NamedTuple):
    """A query with placeholders, the number of its table, and its column."""

    query: str
    table: int
    column: str


class Budget(NamedTuple):
    """Seconds for one rule and for all, bytes of memory; `spill` on disk, as DuckDB writes sizes."""

    seconds: float
    total: float
    memory: int
    threads: int = 1
    spill: str = "0MB"


class Order(NamedTuple):
    """`tables` may read files below `folder`, where the engine may spill."""

    tables: list[Rows]
    rules: list[Rule]
    folder: str
    budget: Budget

    @classmethod
    def read(cls, file: Path) -> "Order":
        """As `write` wrote it."""
        tables, rules, folder, budget = json.loads(file.read_text(encoding="utf-8"))
        return cls([Rows(*each) for each in tables], [Rule(*each) for each in rules], folder, Budget(*budget))

    def write(self, file: Path) -> None:
        """To a file."""
        file.write_text(json.dumps(self), encoding="utf-8")


class Answer(NamedTuple):
    """The number that a rule gives, or its `fault`. `elsewhere`: it reads something else than its own table; `costly`:
    it exceeds time or memory; `last`: its process ends with it."""

    value: float | None = None
    fault: str = ""
    elsewhere: bool = False
    costly: bool = False
    last: bool = False


def main() -> None:
    """Answer the rules of the order that the command line names."""
    order = Order.read(Path(sys.argv[1]))
    budget = order.budget
    _limit(budget)
    limits = Limits(memory=f"{int(budget.memory * _ENGINE) // MIB}MiB", spill=budget.spill, threads=budget.threads)
    with database(Path(order.folder), limits) as db:
        broken = _locked(db, order)
        _say({"ready": True})
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # what is said now may quote values
        for rule in order.rules:
            answer = broken or _answer(db, rule, order)
            _say(answer._asdict())
            if answer.last:
                return


def _limit(budget: Budget) -> None:
    """By the operating system. The limit on the processor ends a process that nobody waits for any more."""
    processor = int(budget.total * budget.threads) + _MARGIN
    for what, most in (
        (resource.RLIMIT_DATA, budget.memory),
        (resource.RLIMIT_CPU, processor),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _locked(db: "DuckDBPyConnection", order: Order) -> Answer | None:
    """From now on nothing but these rows can be read, by any of their names. The answer to all rules where the engine
    cannot make such a table."""
    import duckdb  # noqa: PLC0415 - as in `database`

    try:
        for rows in order.tables:
            for name in rows.names:
                db.execute(f"CREATE OR REPLACE VIEW {identifier(name)} AS {rows.query}")
    except duckdb.Error as error:
        return Answer(fault=f"the engine cannot make the table: {first_line(error)}")
    db.execute(f"SET allowed_directories = ['{order.folder}']")
    for setting in _LOCKED:
        db.execute(setting)
    return None


def _answer(db: "DuckDBPyConnection", rule: Rule, order: Order) -> Answer:
    import duckdb  # noqa: PLC0415 - as in `database`

    names = order.tables[rule.table].names
    try:
        query = filled(rule.query, names[0], rule.column)
        if other := elsewhere(db, query, frozenset(name.lower() for name in names)):
            return Answer(fault=other, elsewhere=True)
        return Answer(value=_single_number(db.execute(query).fetchmany(2)))
    except (duckdb.OutOfMemoryException, MemoryError):
        return Answer(fault=f"the query takes more memory than {order.budget.memory // MIB:,} MiB", costly=True)
    except (duckdb.FatalException, duckdb.InternalException) as error:  # the engine's database is gone
        return Answer(fault=_reason(error), last=True)
    except duckdb.Error as error:
        return Answer(fault=_reason(error))
    except RecursionError:
        return Answer(fault="the query is nested too deep")
    except ValueError as error:
        return Answer(fault=str(error))


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _single_number(found: list[tuple[Any, ...]]) -> float:
    """A rule's query gives one number, or one boolean. Raises `ValueError`, with what it gave instead."""
    if len(found) != 1 or len(found[0]) != 1:
        rows = "no row" if not found else f"{len(found[0])} columns" if len(found[0]) != 1 else "several rows"
        raise ValueError(f"the query gives {rows}, not one number")
    value = found[0][0]
    if value is None:
        raise ValueError("the query gives NULL, not a number: it divides by zero, or aggregates nothing")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"the query gives a {type(value).__name__}, not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"the query gives {number}, not a number: it divides by zero")
    return number


def _reason(error: Exception) -> str:
    return first_line(error, "the query fails on the data")


if __name__ == "__main__":
    main()
