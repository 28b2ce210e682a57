"""`mesh` and `mesh --help`: what they show and import. Counts, not seconds: benchmarks/command.py times them."""

import json
import re
import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.testing import CliRunner

from cli import interrupts
from cli.app import app
from cli.commands import COMMANDS, Command
from cli.lazy_group import LazyGroup

HEAVY = ("boto3", "botocore", "pydantic", "duckdb", "yaml", "mesh", "local")
IMPORTED = """
import json, sys
sys.argv = ["mesh", *sys.argv[1:]]
from cli.main import main
try:
    main()
except SystemExit as ended:
    print(json.dumps([ended.code or 0, sorted({name.partition(".")[0] for name in sys.modules}), sorted(
        name for name in sys.modules if name.startswith("cli."))]), file=sys.stderr)
"""


def imports(*arguments):
    """What a run of the command imported: packages, and modules of the command itself. It must succeed."""
    done = subprocess.run([sys.executable, "-c", IMPORTED, *arguments], capture_output=True, text=True, check=True)
    code, packages, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    return packages, modules


@pytest.mark.parametrize("arguments", [(), ("--help",), ("--version",)])
def test_help_imports_typer_and_rich_alone(arguments):
    packages, modules = imports(*arguments)

    assert [name for name in HEAVY if name in packages] == []
    assert modules == ["cli.app", "cli.commands", "cli.interrupts", "cli.lazy_group", "cli.main"]


def test_help_of_a_command_imports_no_other_command():
    _, modules = imports("products", "--help")

    assert "cli.contracts.products" in modules
    assert [name for name in modules if name.split(".")[1] in {"demo", "access", "publishing", "onboarding"}] == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_listed_summary_is_the_first_line_of_the_command_s_help(command: Command):
    module, _, name = command.target.partition(":")
    found = getattr(import_module(module), name)
    text = found.info.help if isinstance(found, typer.Typer) else found.__doc__

    assert text.splitlines()[0] == command.summary
    assert len(command.summary) <= 64, "one line of the help at 80 columns"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_explains_itself(command: Command, monkeypatch):
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    done = CliRunner().invoke(app, [command.name, "--help"])

    assert done.exit_code == 0, done.output
    assert command.summary.split(":")[0] in done.stdout
    assert re.search(r"\w…", done.stdout) is None, "cut at 80 columns"


def test_commands_are_grouped_by_what_people_want_to_do(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = CliRunner().invoke(app, ["--help"]).stdout.splitlines()
    titles = [line.strip("╭─╮ ") for line in lines if line.startswith("╭")]

    assert titles == [
        "Options", "Accounts on AWS",
        "Get started", "Publish data", "Find and use data", "Decide on access", "Monitor", "Maintain",
    ]  # fmt: skip
    assert all(any(line.startswith(f"│ {name} ") for line in lines) for name, *_ in COMMANDS)


def test_without_a_command_it_shows_where_to_begin():
    done = CliRunner().invoke(app, [])

    assert done.exit_code == 0
    assert [word in done.stdout for word in ("mesh demo", "mesh up", "mesh put", "mesh --help")] == [True] * 4
    assert max(map(len, done.stdout.splitlines())) < 80


def test_version():
    assert CliRunner().invoke(app, ["--version"]).stdout == "mesh 0.1.0\n"


def test_a_misspelt_command_is_answered_with_the_nearest():
    done = CliRunner().invoke(app, ["prodcts"])

    assert (done.exit_code, "'products'" in done.stderr) == (2, True)


def test_ctrl_c_ends_a_command_with_what_it_left_running(monkeypatch):
    def interrupted(*_):
        interrupts.leaves("the request continues: mesh requests ac-1")
        raise KeyboardInterrupt

    monkeypatch.setattr(LazyGroup, "resolve_command", interrupted)

    done = CliRunner().invoke(app, ["products"])

    assert (done.exit_code, done.stdout) == (130, "")
    assert done.stderr == "\nmesh: interrupted\n  the request continues: mesh requests ac-1\n"
