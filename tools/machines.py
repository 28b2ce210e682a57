"""`statemachines/<name>.asl.json`, written from `<name>.yaml` and `policies.yaml`.

`python -m tools.machines` writes them; `--check` fails when a definition differs, is missing or is left over.

A machine is written in the States Language, with these keys besides:

    Function: TakeBatch          a Task that invokes ${TakeBatchFunctionArn}; with Payload: its input
    Event: AccessGranted         a Task that puts this event on Buses: [CentralBusArn]; with Detail: the event's detail
    Choose:                      a Choice: condition → next state, or → {Next, Assign, Output}; `else` is the Default
      $batch.taken: CheckObjects
      else: NothingToDo
    Retry: conflict              policies of policies.yaml: one, a list, or {policy: more error names to retry}
    Catch:                       policy → next state for its own errors, or every one, or → {next state: error names}
      reason: {Refused: [NotAMember, MalformedEvent]}
      failed: {SettleBatch:   {ErrorEquals: [States.Timeout], Assign: {…}}}    fields to put over the policy's
      ignored: OnboardFailed

and without what goes without saying:

- A state leads to the one below it. The machine starts with its first. The query language is JSONata.
- Resource is written without `arn:aws:states:::`. Type is Task where there is a Function, Event or Resource, and Choice
  where there is Choose.
- A Task has the defaults of its Resource in policies.yaml, and the machine's own `Catch` when it does not itself say
  what happens to all other errors.
- Text that starts with `$` is JSONata, and written `{% … %}`; so is each condition. `${Name}` is a substitution.
"""

import argparse
import json
import sys
from pathlib import Path

from tools.machine_states import compile_machine
from tools.machine_yaml import SourceFault, load
from tools.templates import ROOT

FOLDER = ROOT / "statemachines"
POLICIES = "policies.yaml"


def definitions(folder: Path = FOLDER) -> dict[str, str]:
    """File name (`<name>.asl.json`) → text, for every machine. Raises `SourceFault`."""
    policies = load(folder / POLICIES)
    return {
        f"{path.stem}.asl.json": json.dumps(
            compile_machine(path.name, load(path), policies), indent=2, ensure_ascii=False
        )
        + "\n"
        for path in sorted(folder.glob("*.yaml"))
        if path.name != POLICIES
    }


def differences(folder: Path = FOLDER) -> list[str]:
    """What is not as the sources say, one line each."""
    wanted = definitions(folder)
    found = {path.name: path.read_text("utf-8") for path in folder.glob("*.asl.json")}
    faults = [
        f"{name}: there is no {name.removesuffix('.asl.json')}.yaml" for name in sorted(found.keys() - wanted.keys())
    ]
    faults += [f"{name}: missing" for name in sorted(wanted.keys() - found.keys())]
    both = sorted(wanted.keys() & found.keys())
    return faults + [f"{name}: differs from its source" for name in both if found[name] != wanted[name]]


def main() -> int:
    """Write or check; 1 when they differ or a source has a fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    try:
        if parser.parse_args().check:
            faults = differences()
            for fault in faults:
                print(f"statemachines/{fault}: make machines", file=sys.stderr)
            return 1 if faults else 0
        for name, text in definitions().items():
            (FOLDER / name).write_text(text, encoding="utf-8")
    except SourceFault as fault:
        print(f"statemachines/{fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
