"""`events/contracts/<DetailType>.v1.json`: the JSON Schema of each event's `detail`, generated from its model.

`python -m tools.event_contracts` writes them; `--check` fails when a file differs, is missing or is left over.
"""

import argparse
import json
import sys
from pathlib import Path

# The product lies in a layer's folder, not in this package.
from mesh.domain.events import EVENT_TYPES, Event, EventData, LimitingData

CONTRACTS = Path(__file__).resolve().parent.parent / "events" / "contracts"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def contract(kind: type[EventData]) -> str:
    """The schema's text: Draft 2020-12, keys sorted, so that a change is one line in a diff.

    It is what a receiver has to accept: fields that it does not know too, unless one could be a limit.
    """
    schema = Event[kind].model_json_schema(mode="serialization")  # type: ignore[valid-type]  # a runtime parameter
    if not issubclass(kind, LimitingData):
        for part in (schema, *schema["$defs"].values()):
            part.pop("additionalProperties", None) if "properties" in part else None
    named = {"$schema": DIALECT, "title": kind.detail_type(), "description": (kind.__doc__ or "").strip()}
    return json.dumps({**schema, **named}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def contracts() -> dict[str, str]:
    """File name → text, for every event."""
    return {f"{kind.detail_type()}.v1.json": contract(kind) for kind in EVENT_TYPES}


def differences(folder: Path = CONTRACTS) -> list[str]:
    """What is not as the models say, one line each."""
    wanted = contracts()
    found = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    faults = [f"{name}: no event of that name" for name in sorted(found.keys() - wanted.keys())]
    faults += [f"{name}: missing" for name in sorted(wanted.keys() - found.keys())]
    both = sorted(wanted.keys() & found.keys())
    return faults + [f"{name}: differs from its model" for name in both if found[name] != wanted[name]]


def main() -> int:
    """Write or check; 1 when they differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        faults = differences()
        for fault in faults:
            print(f"events/contracts/{fault}: make contracts", file=sys.stderr)
        return 1 if faults else 0
    CONTRACTS.mkdir(parents=True, exist_ok=True)
    for name, text in contracts().items():
        (CONTRACTS / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
