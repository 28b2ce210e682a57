"""What Ctrl-C leaves behind: printed when a command is interrupted."""

_notes: list[str] = []


def start() -> None:
    """Nothing was started yet."""
    _notes.clear()


def leaves(note: str) -> None:
    """From here on an interrupt leaves this behind: what goes on, or was stopped, and how to see it."""
    _notes.append(note)


def notes() -> tuple[str, ...]:
    """In the order in which things were started."""
    return tuple(_notes)
