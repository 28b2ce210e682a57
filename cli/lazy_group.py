"""The command group: commands are listed from their one-line summaries, and imported when one of them is called."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from cli import interrupts
from cli.commands import COMMANDS, Command

INTERRUPTED = 130
"""The exit code of a command that was ended by Ctrl-C, as shells count it: 128 + SIGINT."""


class CommandStub(TyperCommand):
    """Stands for a command whose module is not imported yet: all that a listing shows."""

    def __init__(self, command: Command) -> None:
        super().__init__(command.name, help=command.summary, rich_help_panel=command.panel)
        self.target = command.target

    def load(self) -> Any:  # noqa: ANN401 - a command of typer's, whose base class is private
        """Import the command that this one stands for."""
        module, _, name = self.target.partition(":")
        found = getattr(import_module(module), name)
        return typer.main.get_command(found if isinstance(found, typer.Typer) else single_command(found, self.name))


def single_command(function: Callable[..., None], name: str | None) -> typer.Typer:
    """An application of one command."""
    app = typer.Typer(add_completion=False)
    paragraphs = (function.__doc__ or "").split("\n\n")
    # typer would keep the line breaks of the source.
    app.command(name=name, help="\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs))(function)
    return app


class LazyGroup(TyperGroup):
    """All of `COMMANDS`. Ctrl-C says what it leaves behind, and is never a traceback."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(**options)
        self.commands = {command.name: CommandStub(command) for command in COMMANDS}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - the base class's types are private
        """As the base class, with the command itself in place of its stub."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, CommandStub) else command, rest

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - the base class's types are private
        """Run the command."""
        interrupts.start()
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("\nmesh: interrupted", err=True)
            for note in interrupts.notes():
                typer.echo(f"  {note}", err=True)
            raise typer.Exit(INTERRUPTED) from None
