"""Lineage as trees that fit a terminal: what a table was made of, where a column comes from, who reads it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.text import Text
from rich.tree import Tree

from cli.lineage.graph import (
    Graph,
    Key,
    Made,
    fields_behind,
    key_of,
    parameters_of,
    step_of,
    steps_in,
    version_of,
)

SHOWN: Final = 10
"""Branches of one kind; the rest is counted."""
_DEEPEST: Final = 8
_SHORT: Final = 12


def draw_upstream(graph: Graph, table: Key, until: str = "") -> Iterator[Tree]:
    """Objects of the table, newest run first, each with what it was made of, and rollbacks between them."""
    runs = list(graph.crawls(table, until))
    yield from _capped([_crawl(graph, made) for made in reversed(runs)], "earlier runs")


def _crawl(graph: Graph, made: Made) -> Tree:
    parameters = parameters_of(made.event)
    about = _recipe(made)
    if "rollback.version" in parameters:
        about = f"version {parameters['rollback.version']} again: {parameters.get('rollback.reason', '')}"
    branch = _run(made, about)
    objects = [_object(graph, one) for one in made.inputs]
    for tree in _capped(objects, "more objects", int(parameters.get("inputs.count", len(objects)))):
        branch.children.append(tree)
    return branch


def _object(graph: Graph, one: Mapping[str, Any], depth: int = 0) -> Tree:
    tree = Tree(_dataset(one))
    made = graph.maker(key_of(one), version_of(one)) if depth < _DEEPEST else None
    if made is not None:
        run = _run(made, _recipe(made))
        sources = [one for one in made.inputs if key_of(one) in _sources(made)] or made.inputs
        for source in sources[:SHOWN]:
            run.children.append(_object(graph, source, depth + 1))
        tree.children.append(run)
    return tree


def _sources(made: Made) -> set[Key]:
    """What this output was made of, where its columns say so: a run may make many."""
    fields = made.output["facets"].get("columnLineage", {}).get("fields", {})
    return {key_of(item) for field in fields.values() for item in field["inputFields"]}


def draw_column(graph: Graph, table: Key, column: str, until: str = "") -> Iterator[Tree]:
    """The column's way back, from the newest run to the first objects."""
    found: dict[tuple[Key, str], Tree] = {}
    for made in reversed(list(graph.crawls(table, until))):
        for field in fields_behind(made.output, column):
            version = next((version_of(one) for one in made.inputs if key_of(one) == key_of(field)), "")
            found.setdefault((key_of(field), version), _column(graph, field, version, 0, steps_in(field)))
    yield from _capped(list(found.values()), "more objects")


def _column(graph: Graph, field: Mapping[str, Any], version: str, depth: int, by: str = "") -> Tree:
    """`by`: the steps of a recipe that made the table's column of it."""
    place = ("  ", field["name"], "  ", (_version(version), "dim"), f"  {by}" if by else "")
    tree = Tree(Text.assemble((field["field"], "bold"), *place))
    made = graph.maker(key_of(field), version) if depth < _DEEPEST else None
    for behind in fields_behind(made.output, field["field"]) if made else ():
        steps = steps_in(behind) or "as it is"
        branch = tree.add(Text.assemble((step_of(made.event) if made else "", "cyan"), "  ", steps))
        inputs = made.inputs if made else []
        of = next((version_of(one) for one in inputs if key_of(one) == key_of(behind)), "")
        branch.children.append(_column(graph, behind, of, depth + 1))
    return tree


def draw_downstream(graph: Graph, table: Key) -> Iterator[Tree]:
    """Published versions, newest first; then each consumer's link, with the roles that proved it."""
    versions = []
    for made in reversed(list(graph.publications(table))):
        parameters = parameters_of(made.event)
        again = f"  version {parameters['rollback.version']} again" if "rollback.version" in parameters else ""
        about = f"contract {parameters.get('contract_version', '')}, {parameters.get('severity', '')}{again}"
        versions.append(Tree(Text.assemble((f"version {made.version}", "green"), f"  {_time(made.event)}  ", about)))
    yield from _capped(versions, "earlier versions")
    for link in graph.links.get(table, []):
        branch = Tree(
            Text.assemble((link[1].removeprefix("table/").replace("/", "."), "magenta"), f"  {_account(link)}")
        )
        proofs: dict[str, str] = {}
        for event in graph.used.get(link, []):
            parameters = parameters_of(event)
            proofs[parameters.get("proved_as") or "nothing to query yet"] = (
                f"{parameters.get('access', '')}  {_time(event)}"
            )
        for role, when in proofs.items():
            branch.add(Text(f"proved as {role}  {when}"))
        yield branch


def _run(made: Made, about: str = "") -> Tree:
    text = Text.assemble((step_of(made.event), "cyan"), f"  {_time(made.event)}")
    return Tree(text.append(f"  {about}" if about else ""))


def _recipe(made: Made) -> str:
    sha = parameters_of(made.event).get("recipe.sha256", "")
    return f"recipe {sha[:_SHORT]}" if sha else ""


def _dataset(one: Mapping[str, Any]) -> Text:
    return Text.assemble(one["name"], "  ", (_version(version_of(one)), "dim"))


def _version(text: str) -> str:
    return f"version {text}" if text else ""


def _time(event: Mapping[str, Any]) -> str:
    return str(event["eventTime"])[:19].replace("T", " ")


def _account(link: Key) -> str:
    return f"in {link[0].rpartition(':')[2]}"


def _capped(trees: list[Tree], rest: str, count: int | None = None) -> Iterator[Tree]:
    yield from trees[:SHOWN]
    hidden = max(count or 0, len(trees)) - min(len(trees), SHOWN)
    if hidden:
        yield Tree(Text(f"{hidden} {rest}", style="dim"))
