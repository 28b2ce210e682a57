"""A Parquet file whose texts are not what Parquet's are."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq


def latin_1_parquet(names: Iterable[str], text: str) -> bytes:
    """One row of text columns, as software writes them that takes Latin-1 for UTF-8."""
    raw = text.encode("latin-1")
    offsets = b"".join(end.to_bytes(4, "little") for end in (0, len(raw)))
    column = pa.StringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(raw))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict.fromkeys(names, column)), sink)
    return bytes(sink.getvalue().to_pybytes())
