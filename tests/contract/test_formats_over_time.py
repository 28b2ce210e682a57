"""Accounts of two releases understand each other, and runs in flight are finished by newer functions: what one release
says, by its samples, is read by the other. `make upgrades` tries the same on a mesh, with both releases deployed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mesh.domain.events import KINDS, Envelope, read_event

from tests.contract.test_events import BAD, BY_HAND, FUNCTIONS, envelopes, name_of, of_functions, validated_parts
from tests.upgrades import releases
from tests.upgrades.releases import NoHistoryError


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release before, or the last one of other formats."""
    try:
        return releases.of_commit(releases.before(), tmp_path_factory.mktemp("before")).root
    except NoHistoryError as error:
        pytest.skip(f"there is no release before to compare with: {error}")


def samples(root: Path) -> Iterator[tuple[str, str, Any]]:
    """(Function, sample, event) of a release, without those of what is to be refused."""
    for path in sorted((root / "events").glob("*/*.json")):
        if path.parent.name != "contracts" and name_of(path) not in BAD:
            yield path.parent.name, path.stem, json.loads(path.read_text("utf-8"))


def test_functions_read_what_the_release_before_gave_them(before: Path) -> None:
    """Events, and what the steps of a machine that began before say to each other."""
    read = 0
    for function, name, event in samples(before):
        if function in FUNCTIONS:
            parsed = [*validated_parts(function, event), *BY_HAND.get(function, lambda _: [])(event)]
            assert parsed, f"{function}/{name} of the release before: nothing of it is parsed"
            read += len(parsed)
    assert read


def test_events_of_the_release_before_are_read(before: Path) -> None:
    found = [envelope for _, _, event in samples(before) for envelope in envelopes(event)]
    assert found
    for envelope in found:
        read_event(KINDS[envelope["detail-type"]], Envelope.model_validate(envelope))


def test_the_release_before_reads_events_of_kinds_that_it_knows(before: Path) -> None:
    known = {path.name.partition(".")[0]: path for path in (before / "events" / "contracts").glob("*.json")}
    compared = 0
    for path in of_functions():
        for envelope in envelopes(json.loads(path.read_text("utf-8"))):
            if name_of(path) in BAD or envelope["detail-type"] not in known:
                continue
            schema = json.loads(known[envelope["detail-type"]].read_text("utf-8"))
            faults = [
                fault.message for fault in jsonschema.Draft202012Validator(schema).iter_errors(envelope["detail"])
            ]
            assert faults == [], f"{name_of(path)}: the release before refuses {envelope['detail-type']}"
            compared += 1
    assert compared
