"""All subclasses of `mesh.domain.errors.MeshError`, found by importing the whole product."""

import importlib
import pkgutil
from collections.abc import Iterator

import mesh
from mesh.domain.errors import MeshError


def leaves() -> dict[str, type[MeshError]]:
    """Class name → class, of every MeshError without subclasses. Step Functions knows errors by that name alone."""
    for module in pkgutil.walk_packages(mesh.__path__, "mesh."):
        importlib.import_module(module.name)
    found = list(_below(MeshError))
    names = [kind.__name__ for kind in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two errors of one name cannot be told apart by a state machine: {', '.join(twice)}")
    return {kind.__name__: kind for kind in found}


def _below(kind: type[MeshError]) -> Iterator[type[MeshError]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("mesh."):
            if child.__subclasses__():
                yield from _below(child)
            else:
                yield child
