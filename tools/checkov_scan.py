# /// script
# requires-python = "==3.13.*"
# dependencies = ["checkov==3.3.30"]
# ///
"""checkov on CloudFormation templates, in an environment of its own: `uv run --script tools/checkov_scan.py FILE…`.

Prints a line of JSON for each check that failed: `{"id", "file", "resource", "message"}`. No network: checkov asks its
maker's servers for checks and severities only in its command, which is not run.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["LOG_LEVEL"] = "ERROR"  # read when checkov is imported


def failed_checks(path: Path) -> list[dict[str, str]]:
    """What fails of checkov's own checks of CloudFormation."""
    from checkov.cloudformation.runner import Runner  # noqa: PLC0415
    from checkov.runner_filter import RunnerFilter  # noqa: PLC0415

    runner: Any = Runner()
    report = runner.run(root_folder=None, files=[str(path)], runner_filter=RunnerFilter(framework=["cloudformation"]))
    return [
        {"id": each.check_id, "file": path.name, "resource": each.resource, "message": each.check_name}
        for each in report.failed_checks
    ]


def main() -> None:
    for name in sys.argv[1:]:
        for each in failed_checks(Path(name)):
            print(json.dumps(each))


if __name__ == "__main__":
    main()
