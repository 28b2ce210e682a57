"""Lineage as a Mermaid flowchart, for documents."""

from collections.abc import Iterable

from cli.lineage.graph import Graph, Key, key_of, step_of


def mermaid(graph: Graph, tables: Iterable[Key]) -> str:
    """Datasets as nodes, jobs on the arrows: what the tables were made of, and the links that show them."""
    nodes: dict[Key, str] = {}
    arrows: dict[str, None] = {}

    def node(key: Key) -> str:
        return nodes.setdefault(key, f"d{len(nodes)}")

    def upstream(key: Key) -> None:
        for made in graph.made.get(key, []):
            for one in made.inputs:
                seen = key_of(one) in nodes
                arrows.setdefault(f"{node(key_of(one))} -->|{step_of(made.event)}| {node(key)}")
                if not seen:
                    upstream(key_of(one))

    for table in tables:
        node(table)
        upstream(table)
        for link in graph.links.get(table, []):
            arrows.setdefault(f"{node(table)} -.->|link| {node(link)}")
    names = [f'{name}["{_label(key)}"]' for key, name in nodes.items()]
    return "\n    ".join(["flowchart LR", *names, *arrows])


def _label(key: Key) -> str:
    return f"{key[1].removeprefix('table/')}<br/>{key[0]}".replace('"', "#quot;")
