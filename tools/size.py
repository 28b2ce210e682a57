"""The size of the project: `make size`."""

import ast
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

from tools.templates import ROOT, TEMPLATES

FLOORS: Final = {
    "domain": "layers/mesh/mesh/domain",
    "use cases": "layers/mesh/mesh/usecases",
    "ports": "layers/mesh/mesh/ports",
    "adapters": "layers/mesh/mesh/adapters",
    "entry": "layers/mesh/mesh/entry",
    "functions": "functions",
    "command": "cli",
    "laptop": "local",
    "tools": "tools",
    "benchmarks": "benchmarks",
    "tests": "tests",
}
CONTEXTS: Final = "onboarding contracts publishing access membership governance lineage".split()
BLOCK: Final = 6
"""Lines of a block that counts as doubled when it stands in a second place."""
TRANSITIONS: Final = "MAX_TRANSITIONS"


def main() -> None:
    """Print everything."""
    print(f"{'lines of Python':<14}{'':>4}{'all':>8}" + "".join(f"{name:>12}" for name in CONTEXTS))
    for floor, folder in FLOORS.items():
        lines = {path: _lines(path) for path in _sources(folder)}
        of = [sum(count for path, count in lines.items() if name in path.parts) for name in CONTEXTS]
        print(f"  {floor:<16}{sum(lines.values()):>8}" + "".join(f"{count or '':>12}" for count in of))
    shipped = [path for floor in ("domain", "use cases", "ports", "adapters", "entry", "functions", "command")
               for path in _sources(FLOORS[floor])]  # fmt: skip
    files = [_lines(path) for path in shipped]
    functions = [length for path in shipped for length in _function_lengths(path)]
    _row("lines of a file that ships", f"median {median(files):.0f}, most {max(files)}")
    _row("lines of a function that ships", f"median {median(functions):.0f}, most {max(functions)}")
    everything = [path for floor in FLOORS.values() for path in _sources(floor)]
    _row(f"blocks of {BLOCK} lines that stand twice, shipped", str(_doubled(shipped)))
    _row(f"blocks of {BLOCK} lines that stand twice, all", str(_doubled(everything)))
    _row("functions (folders)", str(len(list((ROOT / "functions").rglob("app.py")))))
    templates = [(ROOT / name).read_text("utf-8") for name in TEMPLATES]
    _row("templates", f"{sum(map(_count, templates))} lines, {sum(len(text.encode()) for text in templates)} bytes")
    for source in sorted((ROOT / "statemachines").glob("*.yaml")):
        _machine(source)
    _row("transitions from upload to notice, at most", str(_constant(ROOT / "tests/perf/test_counts.py", TRANSITIONS)))


def _machine(source: Path) -> None:
    generated = source.with_suffix(".asl.json")
    lines = _count(source.read_text("utf-8"))
    if not generated.exists():
        _row(source.name, f"{lines} lines")
        return
    text = generated.read_text("utf-8")
    machine = json.loads(text)
    facts = f"{lines} lines, {_count(text)} generated, {len(machine['States'])} states"
    _row(source.name, f"{facts}, longest happy path {longest_path(machine)}")


def longest_path(machine: Mapping[str, Any]) -> int:
    """States of the longest way from the start to an end that is not a failure, none twice, no error caught."""
    states, best = machine["States"], 0
    open_: list[tuple[str, frozenset[str]]] = [(machine["StartAt"], frozenset())]
    while open_:
        name, before = open_.pop()
        state, path = states[name], before | {name}
        if state.get("End") or state["Type"] == "Succeed":
            best = max(best, len(path))
        open_ += [(each, path) for each in _next(state) if each not in path]
    return best


def _next(state: Mapping[str, Any]) -> set[str]:
    found = {state.get("Next"), state.get("Default"), *(choice["Next"] for choice in state.get("Choices", ()))}
    return {name for name in found if name}


def _sources(folder: str) -> list[Path]:
    return [path.relative_to(ROOT) for path in sorted((ROOT / folder).rglob("*.py")) if "__pycache__" not in path.parts]


def _lines(path: Path) -> int:
    return _count((ROOT / path).read_text("utf-8"))


def _count(text: str) -> int:
    return len(text.splitlines())


def _function_lengths(path: Path) -> Iterator[int]:
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1


def _doubled(paths: Iterable[Path]) -> int:
    """Places whose next lines stand elsewhere as well; blank lines and imports do not count."""
    blocks: Counter[tuple[str, ...]] = Counter()
    for path in paths:
        written = [line.strip() for line in (ROOT / path).read_text("utf-8").splitlines()]
        lines = [line for line in written if line and not line.startswith(("import ", "from ", "#"))]
        blocks.update({tuple(lines[at : at + BLOCK]) for at in range(len(lines) - BLOCK + 1)})
    return sum(count for count in blocks.values() if count > 1)


def _constant(path: Path, name: str) -> object:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id == name for each in node.targets
        ):
            return ast.literal_eval(node.value)
    raise LookupError(f"{path.name} has no {name}")


def _row(what: str, value: str) -> None:
    print(f"{what:<52}{value}")


if __name__ == "__main__":
    main()
