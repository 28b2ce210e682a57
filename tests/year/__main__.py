"""`python -m tests.year`: the changes of a simulated year of one mesh, while readers ask all the time.

    make year

Ends with 1 where a change did not do what it should, a reader saw what it might not, or something was left behind.
"""

import sys
import time
import traceback

from mesh.domain.contracts.product import ProductVersion

from tests import terminal  # noqa: F401 - first: what is imported below asks for the terminal
from tests.access_driver import AccessDriver
from tests.mesh_fixtures import tested_mesh
from tests.year.changes import CHANGES, LOANS, PART, Year
from tests.year.readers import Place, Readers


def main() -> int:
    """0 if the year went as it should."""
    with tested_mesh(producers=2) as mesh:
        readers = Readers(mesh)
        year = Year(mesh, readers, AccessDriver(mesh), mesh.now())
        with readers:
            failed = sum(not made(year, number) for number in range(len(CHANGES)))
        found = [*readers.leaks(), *readers.unrecorded(recorded(year))]
    for line in found:
        say(f"FAILED {line}")
    say(
        f"{len(CHANGES) - failed} of {len(CHANGES)} changes as they should be; {len(readers.seen):,} answers to readers"
    )
    return int(bool(failed or found))


def made(year: Year, number: int) -> bool:
    """Whether the change did what it should."""
    change, began = CHANGES[number], time.monotonic()
    try:
        year.reach(change.day)
        with year.readers.change():
            change.make(year)
        require_no_dead_letters(year)
    except Exception:
        say(f"day {change.day:>3}  FAILED  {change.what}\n{traceback.format_exc()}")
        return False
    say(f"day {change.day:>3}  {change.what} ({time.monotonic() - began:.0f} s)")
    return True


def require_no_dead_letters(year: Year) -> None:
    """After each change: they are kept for two weeks, and the next one may be months away."""
    letters = {name: year.mesh.dead_letter(name) for name, count in year.mesh.dead_letters().items() if count}
    if letters:
        raise AssertionError(f"dead letters: {letters}")


def recorded(year: Year) -> dict[Place, set[int]]:
    """Rows of each table in all versions that central has recorded."""
    items = [item for product in (LOANS, PART) for item in year.mesh.items("central", f"PRODUCT#{product}")]
    versions = [ProductVersion.model_validate_json(item["body"]) for item in items if item["sk"].startswith("VERSION#")]
    return {
        place: {
            table.rows
            for version in versions
            for table in version.tables
            if table.table == place.table.partition("__v")[0]
        }
        | {0}
        for place in year.readers.history
    }


def say(text: str) -> None:
    """At once, for who watches."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
