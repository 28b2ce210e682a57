"""Strategies of hostile input: JSON values, texts that mean something somewhere, and one place of a document changed.

The default profile is for CI; `HYPOTHESIS_PROFILE=long` tries 500 inputs of each kind instead of 40.
"""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import strategies as st

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_MEANT = [
    "", "a", "b", "c", '["a","b"]', '{"1":"x"}', "true", "false", "3", "1e300", "1e999", "-0", "NaN", "Infinity",
    "(a+)+$", "[", "x*", ".", "\\d", "%s", "{0}", "${table}", "{object}", "$(id)", "' OR 1=1 --", "\"; DROP TABLE t",
    "../../x", "a/b", "a\0b", "\x1b[31m", "\r\n", "<script>", "2026-11-21", "2026-02-30", "9999-12-31T23:59:60Z",
    "yyyy-mm-dd", "string", "int", "decimal", "decimal(99,99)", "array<", "struct<a:int", "map<int>", "date",
    "timestamp", "\ud800", "\u202e", "é" * 100, "*", "=", "key=value", "key=a,b key=c", "publication=published",
    "aws.s3", "111111111111", "arn:aws:iam::111111111111:role/x",
]  # fmt: skip
_REPEATED = [
    "[", "(", "{", "<", '{"a":', "[[],", "array<", "struct<a:", "map<int,", "/*", "--", "'", '"', "`", "from ", "as ( ",
    "a.", "{object}", "${", " ", "\t", "a ", "1", "9e9", "-", "%", "\\", "(a", "a|", "a,", "=a,", "a=b ", "é", "\n",
]  # fmt: skip
LONG = 60_000
texts = st.text(max_size=30) | st.sampled_from(_MEANT)
long_texts = st.builds(
    lambda piece, before, after: before + piece * (LONG // len(piece)) + after,
    st.sampled_from(_REPEATED), st.sampled_from(["", "a", "decimal(", "select 1 "]),
    st.sampled_from(["", "a", ")", "]"]),
)  # fmt: skip
"""What takes long, or many levels, where it is not read in one pass."""
values = json_values | texts | long_texts | st.integers(10**30, 10**400)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything within a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """The document with another value in one or two places, or without what was there."""
    made = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 2))):
        *way, last = draw(st.sampled_from(places(made)[1:]))
        node = made
        for key in way:
            node = node[key]
        if draw(st.integers(0, 4)):
            node[last] = draw(values)
        else:
            del node[last]
        if not places(made)[1:]:
            break
    return made


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Of this process: a busy machine is no fault."""
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds
