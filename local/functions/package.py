"""Code and layers of a function, extracted once per content."""

import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path


def content_digest(archive: zipfile.ZipFile) -> str:
    """Digest of names and checksums, so that a rebuild with other timestamps keeps its compiled bytecode."""
    digest = hashlib.sha256()
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        digest.update(f"{entry.filename}\0{entry.CRC:08x}\0{entry.file_size}\n".encode())
    return digest.hexdigest()


class PackageCache:
    """Extracted archives under `folder/<digest>`; safe for several servers at once, as each entry appears whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_archive: dict[bytes, Path] = {}  # an archive that is handed in again is not read again
        folder.mkdir(parents=True, exist_ok=True)

    def extract(self, data: bytes) -> Path:
        """The folder with the archive's content. Raises `zipfile.BadZipFile`."""
        known = self._by_archive.get(data)
        if known is None:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                known = self._extract_once(archive)
            self._by_archive[data] = known
        return known

    def _extract_once(self, archive: zipfile.ZipFile) -> Path:
        target = self._folder / content_digest(archive)
        if target.exists():
            return target
        partial = Path(tempfile.mkdtemp(prefix="partial-", dir=self._folder))
        # extractall drops absolute paths and "..", so an archive cannot write outside its folder.
        archive.extractall(partial)
        try:
            partial.rename(target)
        except OSError:  # another server was first
            shutil.rmtree(partial, ignore_errors=True)
        return target


def layer_paths(layers: list[Path]) -> str:
    """What AWS puts on a Python function's path for `/opt`; a later layer covers an earlier one."""
    paths = [
        str(folder)
        for layer in reversed(layers)
        for folder in (layer / "python/lib/python3.13/site-packages", layer / "python")
        if folder.is_dir()
    ]
    return os.pathsep.join(paths)
