"""`mesh lineage`: where a product's data come from, to the raw object's version, and where they go."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from mesh.adapters.dynamodb.lineage import DynamoLineage
from rich.text import Text
from rich.tree import Tree

from cli import output
from cli.lineage.graph import Graph, Key, graph_of
from cli.lineage.mermaid import mermaid
from cli.lineage.tree import draw_column, draw_downstream, draw_upstream
from cli.mesh_context import AsJson, MeshContext, Port, is_denied, mesh_context
from cli.session import SessionError

Event = dict[str, Any]


def lineage_command(
    product: Annotated[str, typer.Argument(help="The product's name.")],
    *,
    table: Annotated[str | None, typer.Option(help="Only this table.")] = None,
    column: Annotated[str | None, typer.Option(help="Trace this column back to the raw objects.")] = None,
    version: Annotated[int | None, typer.Option(min=1, help="As of this version of the product.")] = None,
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid flowchart.")] = False,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Show where a product's data comes from and goes.

    Upstream to the versions of raw objects, downstream to the roles that read it. --json prints the OpenLineage events.
    """
    events, unseen = gather(mesh_context(port), product)
    if as_json:
        output.emit({"product": product, "events": events, "unseen": unseen})
        return
    for part in unseen:
        output.note(f"mesh: not visible: {part}")
    graph = graph_of(events)
    tables = graph.tables(product, table)
    if not tables:
        raise output.CommandFailed(
            f"no lineage of {product}{f'.{table}' if table else ''} found",
            code="UnknownLineage",
            remedy=f"mesh history {product}; lineage follows a run by some seconds; mesh doctor lists dead letters",
        )
    if as_mermaid:
        output.say_whole(mermaid(graph, tables))
        return
    for key in tables:
        render(graph, key, column=column, until=moment_of(graph, key, version))


def gather(where: MeshContext, product: str) -> tuple[list[Event], list[str]]:
    """Events of the accounts that the caller may see, and what could not be seen."""
    events: list[Event] = []
    unseen = []
    for account in where.names():
        try:
            events += DynamoLineage(where.table(account)).events(product)
        except (SessionError, output.CommandFailed) as error:
            unseen.append(f"{account}: {error}")
        except ClientError as error:
            if not is_denied(error):
                raise
            unseen.append(f"{account}: {error.response['Error']['Message']}")
    return sorted(events, key=lambda one: str(one["eventTime"])), unseen


def moment_of(graph: Graph, table: Key, version: int | None) -> str:
    """When that version was published; empty for the present. Raises `CommandFailed`."""
    if version is None:
        return ""
    for made in graph.publications(table):
        if made.version == str(version):
            return str(made.event["eventTime"])
    raise output.CommandFailed(f"{table[1]} was not changed by version {version}", remedy="mesh history PRODUCT")


def render(graph: Graph, key: Key, *, column: str | None, until: str) -> None:
    """One table, for people."""
    title = key[1].removeprefix("table/").replace("/", ".")
    if column:
        show(f"{title}.{column}", draw_column(graph, key, column, until))
        return
    show(f"{title}  upstream", draw_upstream(graph, key, until))
    show(f"{title}  downstream", draw_downstream(graph, key))


def show(title: str, branches: Iterable[Tree]) -> None:
    """A tree; below nothing, that nothing is known."""
    tree = Tree(Text(title, style="bold"))
    for branch in branches:
        tree.children.append(branch)
    if not tree.children:
        tree.add(Text("none recorded", style="dim"))
    output.tree(tree)
