"""Is a staged table what was proposed, and one that Meshwork would have staged? Decided on the files alone."""

from collections import Counter
from collections.abc import Sequence

from mesh.domain.events import ProposedTable
from mesh.domain.names import table_location
from mesh.domain.publishing.fields import Field
from mesh.domain.publishing.proposals import ProposalForged
from mesh.domain.publishing.staging import TableContent
from mesh.domain.publishing.table_state import Marks, TableState

_SHOWN = 3


def metadata_location(bucket: str, product: str, table: str, name: str) -> str:
    """Where a metadata file of a table lies: `name` is a file name, never a path."""
    return f"{table_location(bucket, product, table)}/metadata/{name}"


def verify_table(
    proposed: ProposedTable, content: TableContent, base: Sequence[Field], marks: Marks, *, location: str
) -> None:
    """Raises ProposalForged, with what is wrong. `marks` are the highest ids that the registry has seen, `base` are
    the fields that are published now."""
    state = content.state
    faults = [
        *_place_faults(content, location),
        *_total_faults(proposed, content),
        *_id_faults(state, base, marks),
    ]
    if state.snapshots != 1 and not _without_data(content):
        faults.append(f"{state.snapshots} snapshots, and not one")
    if content.delete_files:
        faults.append(f"{content.delete_files} delete files")
    if faults:
        raise ProposalForged(
            f"{proposed.name}: what is staged cannot be published: {'; '.join(faults[:_SHOWN])}",
            table=proposed.name,
            metadata=state.metadata,
            faults=faults[:10],
            remedy="Nothing was published. Upload the data again; if that does not help, update the producer's stack.",
        )


def _place_faults(content: TableContent, location: str) -> list[str]:
    """A table that lists a foreign file would show it to its own readers, with its own tags."""
    faults = []
    if content.state.location != location:
        faults.append(f"its location is {content.state.location}, and not {location}")
    folder = f"{location}/data/"
    foreign = [file.path for file in content.files if not _below(folder, file.path)]
    if foreign:
        faults.append(f"{len(foreign)} data files lie outside of {folder}: {', '.join(foreign[:_SHOWN])}")
    twice = [path for path, times in Counter(file.path for file in content.files).items() if times > 1]
    if twice:
        faults.append(f"{len(twice)} data files are listed twice: {', '.join(twice[:_SHOWN])}")
    index = content.state.index
    if not _below(f"{location}/metadata/", index) and not (_without_data(content) and not index):
        faults.append(f"its index lies at {index or 'no place'}")
    return faults


def _without_data(content: TableContent) -> bool:
    """A table that has no rows yet, or lost all: no snapshot, and nothing to index."""
    return content.state.snapshots == 0 and not content.files


def _below(folder: str, path: str) -> bool:
    return path.startswith(folder) and not {"", ".", ".."} & set(path.removeprefix(folder).split("/"))


def _total_faults(proposed: ProposedTable, content: TableContent) -> list[str]:
    found = {"rows": content.rows, "bytes": content.bytes, "files": len(content.files)}
    said = {"rows": proposed.rows, "bytes": proposed.bytes, "files": proposed.files}
    return [
        f"{said[name]} {name} were proposed, {found[name]} are listed" for name in said if said[name] != found[name]
    ]


def _id_faults(state: TableState, base: Sequence[Field], marks: Marks) -> list[str]:
    """An id is its column's for good: a known one stands for the same field, a new one for none before."""
    known = {each.id: each for each in _every(base)}
    faults = []
    for each in _every(state.fields):
        was = known.get(each.id)
        if was is not None and (was.name, was.type) != (each.name, each.type):
            faults.append(f"column id {each.id} was {was.name} {was.type}, and is {each.name} {each.type}")
        if was is None and each.id <= marks.column:
            faults.append(f"column id {each.id} of {each.name} was given before")
    ids = Counter(each.id for each in _every(state.fields))
    faults += [f"column id {id_} is given {times} times" for id_, times in ids.items() if times > 1]
    names = Counter(field.name for field in state.fields)
    faults += [f"column {name} is there {times} times" for name, times in names.items() if times > 1]
    highest = max(ids, default=0)
    if state.marks.column < highest:
        faults.append(f"last-column-id {state.marks.column} is below column id {highest}")
    if base and state.marks.sequence <= marks.sequence:
        faults.append(f"sequence number {state.marks.sequence} was given before")
    return faults


def _every(fields: Sequence[Field]) -> list[Field]:
    return [each for field in fields for each in field.every()]
