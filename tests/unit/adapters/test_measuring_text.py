"""Text in pieces: what is found does not depend on where a piece ends."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh.adapters.measuring import fetching
from mesh.adapters.measuring.fetching import TextScan, Unreadable


def scanned(pieces):
    scan = TextScan()
    try:
        for piece in pieces:
            scan.feed(piece)
        scan.finish()
    except Unreadable as error:
        return error.code, error.message
    return None


LINES = st.lists(st.integers(0, 12), max_size=12)


@given(LINES, st.booleans(), st.lists(st.integers(0, 150), max_size=5))
def test_a_line_is_too_long_wherever_the_pieces_end(lengths, ended, cuts):
    fetching.MAX_LINE, limit = 8, fetching.MAX_LINE
    try:
        text = b"\n".join(b"x" * length for length in lengths) + (b"\n" if ended and lengths else b"")
        places = sorted(min(cut, len(text)) for cut in cuts)
        pieces = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
        first = next((number for number, length in enumerate(lengths, 1) if length > 8), None)
        expected = first and ("LineTooLong", f"line {first} is longer than 8 bytes")
        assert scanned([piece for piece in pieces if len(piece)]) == expected
    finally:
        fetching.MAX_LINE = limit


@given(st.text(alphabet="aä€😀\n", max_size=30), st.integers(0, 60))
def test_a_character_may_be_cut_by_a_piece(text, cut):
    content = text.encode()
    assert scanned([content[:cut], content[cut:]]) is None


@pytest.mark.parametrize("cut", range(8))
def test_a_wrong_byte_is_found_on_its_line_wherever_the_pieces_end(cut):
    content = b"a\nb\n\xe4c\n"
    assert scanned([content[:cut], content[cut:]]) == ("UnsupportedEncoding", "line 3 is no UTF-8")


def test_the_engine_is_imported_when_something_is_measured_and_not_before():
    program = "import sys, mesh.adapters.measuring, mesh.adapters.odcs; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
