"""`events/<function>/<case>.json`: what functions are called with, where that is an event of ours, made from its model.

`events/samples.yaml` says of each case what is particular to it. What the model requires beyond that is the usual value
of a field of that name; the rest is the model's defaults. A field that an event gains is in all samples at once.

`python -m tools.sample_events` writes them; `--check` fails when a file differs, is missing, or was written by hand.
Calls in AWS's own forms, and inputs of machines' steps, are data.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

# The product lies in a layer's folder, not in this package.
from mesh.domain.events import KINDS, Event, EventData

FOLDER: Final = Path(__file__).resolve().parent.parent / "events"
SOURCE: Final = "samples.yaml"


def sample(case: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """What the function is called with.

    A case has `event` (its name) and `by` (the account); it may have `data` (fields), `metadata` and `envelope` (their
    fields), `in` (the member that holds the envelope), `beside` (further members) and `forged` (fields that the model
    refuses).
    """
    kind = KINDS[case["event"]]
    detail = Event[kind].model_validate(  # type: ignore[valid-type]  # a runtime parameter
        {"metadata": {**usual["metadata"], **case.get("metadata", {})}, "data": _data(kind, case, usual["fields"])}
    )
    given = usual["envelope"] | case.get("envelope", {})
    envelope = {
        "version": "0",
        "id": given["id"],
        "detail-type": case["event"],
        "source": "meshwork",
        "account": case["by"],
        "time": given["time"],
        "region": "us-east-1",
        "resources": [],
        "detail": detail.model_dump(mode="json"),
    }
    envelope["detail"]["data"] |= case.get("forged", {})
    return {case["in"]: envelope, **case.get("beside", {})} if "in" in case else envelope


def _data(kind: type[EventData], case: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    required = [name for name, field in kind.model_fields.items() if field.is_required()]
    return {name: usual[name] for name in required if name in usual} | dict(case.get("data", {}))


def samples(folder: Path = FOLDER) -> dict[str, str]:
    """`function/case.json` → text, of every case."""
    source = yaml.safe_load((folder / SOURCE).read_text("utf-8"))
    made = {f"{name}.json": sample(case, source["usual"]) for name, case in source["cases"].items()}
    return {name: json.dumps(event, indent=2, ensure_ascii=False) + "\n" for name, event in made.items()}


def differences(folder: Path = FOLDER) -> list[str]:
    """What is not as the source and the models say, one line each."""
    wanted = samples(folder)
    found = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.glob("*/*.json")}
    faults = [f"{name}: missing" for name in sorted(wanted.keys() - found.keys())]
    faults += [
        f"{name}: differs from its model"
        for name in sorted(wanted.keys() & found.keys())
        if found[name] != wanted[name]
    ]
    by_hand = [name for name in found.keys() - wanted.keys() if any(_ours(json.loads(found[name])))]
    return faults + [f"{name}: an event of ours that {SOURCE} does not have" for name in sorted(by_hand)]


def _ours(value: object) -> Iterator[bool]:
    """True for each envelope of an event of ours, wherever it stands."""
    if isinstance(value, dict):
        if value.get("source") == "meshwork":
            yield True
        for part in value.values():
            yield from _ours(part)


def main() -> int:
    """Write or check; 1 when they differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        faults = differences()
        for fault in faults:
            print(f"events/{fault}: make contracts", file=sys.stderr)
        return 1 if faults else 0
    for name, text in samples().items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
