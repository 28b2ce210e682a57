"""cfn-lint on the templates as CloudFormation will see them: `python -m tools.template_lint template.yaml …`.

So cfn-lint also sees the roles, the rules, the permissions and the ASL that SAM makes. `sam validate --lint` sees the
source alone.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from cfnlint.api import lint_file

from tools.sam_transform import REGION, transformed
from tools.templates import ROOT


def faults(path: Path) -> list[str]:
    """What cfn-lint says of the transformed template, one line each."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"{path.stem}.json"
        target.write_text(json.dumps(transformed(path), default=str), encoding="utf-8")
        config: Any = {"regions": [REGION]}
        matches = lint_file(target, config=config)
    return sorted(
        f"{path.name}: {'.'.join(str(part) for part in match.path or ())}: {match.rule.id} {match.message}"
        for match in matches
    )


def main() -> int:
    """Print the faults; 1 when there are any."""
    found = [fault for name in sys.argv[1:] for fault in faults(ROOT / name)]
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
