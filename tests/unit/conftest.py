"""Unit tests reach nothing outside their process."""

import pytest
from pytest_socket import disable_socket, enable_socket

from cli import output


@pytest.fixture(autouse=True)
def _no_sockets():
    disable_socket()
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def _wide_console(monkeypatch):
    """What is printed does not depend on the terminal (rich reads COLUMNS once, at import) or on how long the path of a
    temporary folder is. A test about widths sets its own."""
    monkeypatch.setattr(output.console, "width", 5000)
