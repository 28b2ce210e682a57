"""What other accounts send is shown: it neither steers the terminal nor breaks the output of programs."""

import ast
import json
from pathlib import Path

import pytest
from rich.text import Text
from rich.tree import Tree

from cli import output

STEERING = "\x1b[2J\x1b]8;;http://x\x07\x9b31m\x08\r\x7f\u202e\u2066\ud800"
HOSTILE = f"a{STEERING}b"


def tree(text):
    root = Tree(text)
    root.add(text)
    output.tree(root)


SINKS = {
    "say": lambda text: output.say(text, style="bold"),
    "say_whole": output.say_whole,
    "table": lambda text: output.table((text, "x"), [(text, Text(text, style="red"))], wrap="x"),
    "fields": lambda text: output.fields([(text, text), ("x", Text(text))]),
    "columns": lambda text: output.columns((text, text), (1,)),
    "tree": tree,
    "note": output.note,
    "an error": lambda text: output.fail(
        output.CommandFailed(text, remedy=text, code=text, product=text), as_json=False
    ),
    "an error in JSON": lambda text: output.fail(output.CommandFailed(text, product=text), as_json=True),
    "emit": lambda text: output.emit({text: [text]}),
}


@pytest.mark.parametrize("sink", SINKS.values(), ids=list(SINKS))
@pytest.mark.parametrize("terminal", [False, True], ids=["piped", "on a terminal"])
def test_nothing_steers_the_terminal(capsys, monkeypatch, sink, terminal):
    monkeypatch.setattr(output.console, "_force_terminal", terminal)
    plain = said(capsys, sink, "ab")
    hostile = said(capsys, sink, HOSTILE)

    assert hostile.count("\x1b") == plain.count("\x1b")  # styles of its own
    assert [each for each in hostile.replace("\x1b", "") if not (each.isprintable() or each == "\n")] == []
    assert "x1b" in hostile or "u001b" in hostile


def said(capsys, sink, text):
    sink(text)
    found = capsys.readouterr()
    return found.out + found.err


def test_programs_get_what_was_sent(capsys):
    output.emit({"name": HOSTILE, "umlaut": "ä"})
    text = capsys.readouterr().out

    assert json.loads(text) == {"name": HOSTILE, "umlaut": "ä"}
    assert "ä" in text


def test_lines_and_letters_of_every_language_stay(capsys):
    output.note("Grüße,\n\t数据 ✓")

    assert capsys.readouterr().err == "Grüße,\n\t数据 ✓\n"


# The start's own words, addresses and exports of the laptop, and a contract that output.printable went over.
OWN_WORDS = {"output.py", "app.py", "lazy_group.py", "mesh_commands.py", "contract.py"}


def test_no_command_writes_past_what_makes_texts_safe():
    folder = Path(output.__file__).parent
    past = {
        file.name
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "typer.echo", "typer.secho", "click.echo"}
    }

    assert past == OWN_WORDS
