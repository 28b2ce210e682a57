"""Which new data files a batch's objects go to."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from uuid import uuid4

from mesh.domain.onboarding.batches import MAX_FILES, SHARED, IndexEntry
from mesh.domain.onboarding.keys import table_key
from mesh.domain.onboarding.partitions import PartitionValue
from mesh.domain.onboarding.reading.model import FilePlan, SourceRead


def plan_files(sources: Sequence[SourceRead], existing: Counter[str] | None) -> list[FilePlan]:
    """A file for each source while a partition has few (`existing`, None where no file is written again); past that,
    sources of a partition share files."""
    by_partition: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        by_partition[_folder(source.partition)].append(source.key)
    plans = []
    for partition, keys in by_partition.items():
        alone = len(keys) if existing is None else max(MAX_FILES - existing[partition], 0)
        together = 1 if len(keys) <= alone else SHARED
        plans += [
            FilePlan(name=f"{uuid4().hex}.parquet", keys=tuple(keys[start : start + together]))
            for start in range(0, len(keys), together)
        ]
    return plans


def files_of_partitions(index: Mapping[str, IndexEntry]) -> Counter[str]:
    """Partition → how many data files it has."""
    files = {(_folder(partition_of(entry.key)), entry.file) for entry in index.values() if entry.file}
    return Counter(folder for folder, _ in files)


def partition_of(key: str) -> Sequence[PartitionValue]:
    """The partition that a key lies in, () for none."""
    parsed = table_key(key)
    return parsed.partitions if parsed else ()


def _folder(partition: Sequence[tuple[str, str]]) -> str:
    return "/".join(f"{name}={value}" for name, value in partition)
