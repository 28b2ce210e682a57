"""Which columns there are at each point of a recipe, and what each was made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from mesh.domain.onboarding.curation.errors import RecipeColumnExists, RecipeColumnMissing
from mesh.domain.onboarding.curation.metering import Meter
from mesh.domain.onboarding.curation.recipe import Step


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a column comes from: columns of the raw object, and the steps that made it what it is, in order."""

    inputs: tuple[str, ...]
    steps: tuple[int, ...]


class ColumnFlow:
    """Columns in order, changed by each step. Names are exact; two that differ in case alone would be one in Glue.

    Without `names` the raw columns are not known: then any name may be one, unless the recipe itself removed it; `raw`
    are those that it takes for such. `meter` is what the steps' work is counted by.
    """

    def __init__(self, names: Sequence[str] | None, meter: Meter) -> None:
        self._open, self.meter = names is None, meter
        self.raw = list(names or ())
        self.names = list(names or ())
        self._origins = {name: Origin((name,), ()) for name in self.names}
        self._gone: set[str] = set()

    def lineage(self) -> dict[str, Origin]:
        """Column → origin, in the columns' order."""
        return {name: self._origins[name] for name in self.names}

    def find(self, step: Step, name: str) -> int:
        """Where a column stands. Raises RecipeColumnMissing."""
        if name in self._origins:
            return self.names.index(name)
        if self._open and name not in self._gone:
            self.names.append(name)
            self.raw.append(name)
            self._origins[name] = Origin((name,), ())
            return len(self.names) - 1
        near = get_close_matches(name, self.names, n=1)
        removed = ": an earlier step removed or renamed it" if name in self._gone else ""
        raise RecipeColumnMissing(
            f"step {step.number} ({step.operation}) needs the column {name!r}, which is not there{removed}",
            step=step.number,
            operation=step.operation,
            column=name,
            columns=self.names[:50],
            remedy=f"Did you mean {near[0]!r}?" if near else "Correct the recipe, or upload data with that column.",
        )

    def change(self, step: Step, name: str, others: Iterable[str] = ()) -> int:
        """A column whose values this step changes, looking at `others` as well; where it stands."""
        at = self.find(step, name)
        self._origins[name] = self._made_of(step, [name, *others])
        return at

    def add(self, step: Step, name: str, sources: Sequence[str]) -> int:
        """A new column made of others: right after the last of them, at the end without any. Returns its place."""
        places = [self.find(step, source) for source in sources]
        self._check_free(step, name)
        at = max(places) + 1 if places else len(self.names)
        self._origins[name] = self._made_of(step, sources)
        self.names.insert(at, name)
        self._gone.discard(name)
        return at

    def rename(self, step: Step, name: str, target: str) -> None:
        """The same column under another name."""
        at = self.find(step, name)
        self._check_free(step, target, besides=name)
        origin = self._origins.pop(name)
        self._gone.add(name)
        self._gone.discard(target)
        self.names[at] = target
        self._origins[target] = Origin(origin.inputs, (*origin.steps, step.number))

    def remove(self, step: Step, name: str) -> int:
        """A column that goes; where it stood."""
        at = self.find(step, name)
        del self.names[at]
        del self._origins[name]
        self._gone.add(name)
        return at

    def move(self, step: Step, name: str, to: int) -> int:
        """A column to another place; where it stood. `to` counts without it."""
        at = self.find(step, name)
        del self.names[at]
        self.names.insert(to, name)
        return at

    def _made_of(self, step: Step, names: Sequence[str]) -> Origin:
        for name in names:
            self.find(step, name)
        origins = [self._origins[name] for name in names]
        inputs = dict.fromkeys(item for origin in origins for item in origin.inputs)
        steps = sorted({number for origin in origins for number in origin.steps} | {step.number})
        return Origin(tuple(inputs), tuple(steps))

    def _check_free(self, step: Step, name: str, besides: str = "") -> None:
        taken = next((other for other in self.names if other.lower() == name.lower() and other != besides), None)
        if taken is not None or name == besides:
            raise RecipeColumnExists(
                f"step {step.number} ({step.operation}) makes the column {name!r}; there is {taken or name!r} already",
                step=step.number,
                operation=step.operation,
                column=name,
                remedy="Choose another name, or delete the other column before this step.",
            )
