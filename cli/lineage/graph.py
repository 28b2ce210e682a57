"""Lineage events of all accounts as one graph of datasets, and ways through it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

type Event = Mapping[str, Any]
type Key = tuple[str, str]
"""A dataset: namespace and name."""


@dataclass(frozen=True)
class Made:
    """One run that made a dataset: its end, and the dataset as the run's output."""

    event: Event
    output: Mapping[str, Any]

    @property
    def version(self) -> str:
        """The version that it made; empty where that is not known."""
        return version_of(self.output)

    @property
    def inputs(self) -> list[Mapping[str, Any]]:
        """What it was made of; not itself, as when a version is published."""
        return [one for one in self.event["inputs"] if key_of(one) != key_of(self.output)]


@dataclass
class Graph:
    """`made` and `used` are in the order of time: runs by their output, and by their input."""

    made: dict[Key, list[Made]] = field(default_factory=dict)
    used: dict[Key, list[Event]] = field(default_factory=dict)
    links: dict[Key, list[Key]] = field(default_factory=dict)
    """Table → resource links that show it."""

    def add(self, event: Event) -> None:
        """The end of a run; starts say nothing that it does not."""
        if event["eventType"] == "START":
            return
        if event["eventType"] == "COMPLETE":
            for output in event["outputs"]:
                self.made.setdefault(key_of(output), []).append(Made(event, output))
        for one in event["inputs"]:
            self.used.setdefault(key_of(one), []).append(event)
            for original in one["facets"].get("symlinks", {}).get("identifiers", ()):
                links = self.links.setdefault((original["namespace"], original["name"]), [])
                if key_of(one) not in links:
                    links.append(key_of(one))

    def tables(self, product: str, table: str | None = None) -> list[Key]:
        """The product's own tables."""
        prefix = f"table/{product}/"
        found = {*self.made, *self.used}
        return sorted(
            key for key in found if key[1].startswith(prefix) and table in {None, key[1].removeprefix(prefix)}
        )

    def maker(self, key: Key, version: str = "") -> Made | None:
        """The last run that made it, of that version where one is known."""
        found = self.made.get(key, [])
        return next((made for made in reversed(found) if not version or made.version in {"", version}), None)

    def crawls(self, table: Key, until: str = "") -> Iterator[Made]:
        """Runs that put objects into a table, and its rollbacks, oldest first; those after a time are left out."""
        for made in self.made.get(table, []):
            wanted = step_of(made.event) in {"crawl", "promote"} or "rollback.version" in parameters_of(made.event)
            if wanted and (not until or made.event["eventTime"] <= until):
                yield made

    def publications(self, table: Key) -> Iterator[Made]:
        """Versions of a table, oldest first."""
        for made in self.made.get(table, []):
            if step_of(made.event) == "publish":
                yield made


def graph_of(events: Iterable[Event]) -> Graph:
    """In the order of time."""
    graph = Graph()
    for event in sorted(events, key=lambda one: (one["eventTime"], one["job"]["name"])):
        graph.add(event)
    return graph


def key_of(dataset: Mapping[str, Any]) -> Key:
    """What a dataset is known by."""
    return dataset["namespace"], dataset["name"]


def version_of(dataset: Mapping[str, Any]) -> str:
    """Of its facet; empty without one."""
    return str(dataset["facets"].get("version", {}).get("datasetVersion", ""))


def step_of(event: Event) -> str:
    """`crawl`, of `credit-card.crawl`."""
    return str(event["job"]["name"]).rpartition(".")[2]


def parameters_of(event: Event) -> dict[str, str]:
    """What a run says of itself."""
    parameters = event["run"]["facets"].get("executionParameters", {}).get("parameters", ())
    return {one["key"]: one["value"] for one in parameters}


def fields_behind(output: Mapping[str, Any], column: str) -> list[Mapping[str, Any]]:
    """The columns that this column of an output was made of."""
    fields = output["facets"].get("columnLineage", {}).get("fields", {})
    return list(fields.get(column, {}).get("inputFields", ()))


def steps_in(field_: Mapping[str, Any]) -> str:
    """`step 1 CATEGORICAL_MAPPING, step 3 RENAME`; empty where the column is the same."""
    return ", ".join(one["description"] for one in field_.get("transformations", ()) if one.get("description"))
