"""cfn-lint and checkov on the templates as CloudFormation gets them: `python -m tools.template_lint template.yaml …`.

So they also see the roles, the rules, the permissions and the ASL that SAM makes. `sam validate --lint` sees the source
alone. What stays is answered in tools/template_findings.yaml.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from cfnlint.api import lint_file

from tools.sam_transform import REGION, transformed
from tools.templates import ROOT

ANSWERS = ROOT / "tools" / "template_findings.yaml"
_UV = ROOT / ".mesh" / "uv" / "bin" / "uv"
_SCAN = ROOT / "tools" / "checkov_scan.py"


class Finding(NamedTuple):
    """`resource` is `<type>.<logical id>`, or the template's part where it is of no resource."""

    id: str
    file: str
    resource: str
    message: str


class Answer(NamedTuple):
    """Why findings of a rule stay; `resource` may have wildcards."""

    id: str
    resource: str
    reason: str

    def answers(self, finding: Finding) -> bool:
        return self.id == finding.id and fnmatchcase(finding.resource, self.resource)


def answers() -> list[Answer]:
    """What the file says. Raises `TypeError` for a line without id, resource or reason."""
    return [Answer(**line) for line in yaml.safe_load(ANSWERS.read_text("utf-8"))]


def faults(found: Iterable[Finding], given: Iterable[Answer]) -> list[str]:
    """Findings without an answer, and answers without a finding, one line each."""
    found, given = list(found), list(given)
    open_ones = [each for each in found if not any(answer.answers(each) for answer in given)]
    stale = [answer for answer in given if not any(answer.answers(each) for each in found)]
    return sorted({f"{each.file}: {each.resource}: {each.id} {each.message}" for each in open_ones}) + [
        f"{ANSWERS.name}: {answer.id} {answer.resource}: nothing is found" for answer in stale
    ]


def findings(paths: Iterable[Path]) -> list[Finding]:
    """What both say. Raises `subprocess.CalledProcessError` where checkov cannot be run."""
    with tempfile.TemporaryDirectory() as folder:
        targets = [_write(path, Path(folder)) for path in paths]
        with _checkov(targets) as scan:
            found = [each for target in targets for each in _cfn_lint(target)]
            assert scan.stdout  # a pipe
            found += [Finding(**json.loads(line)) for line in scan.stdout]
        if scan.returncode:
            raise subprocess.CalledProcessError(scan.returncode, scan.args)
    return found


def _write(path: Path, folder: Path) -> Path:
    target = folder / f"{path.stem}.json"
    target.write_text(json.dumps(transformed(path), default=str), encoding="utf-8")
    return target


def _cfn_lint(target: Path) -> Iterator[Finding]:
    config: Any = {"regions": [REGION], "include_checks": ["I"]}
    kinds = {name: each["Type"] for name, each in json.loads(target.read_text("utf-8"))["Resources"].items()}
    for match in lint_file(target, config=config):
        place = [str(part) for part in match.path or ()]
        named = place[1] if place[:1] == ["Resources"] else ""
        resource = f"{kinds[named]}.{named}" if named in kinds else ".".join(place)
        yield Finding(match.rule.id, target.name, resource, f"{match.message} ({'.'.join(place)})")


def _checkov(targets: Iterable[Path]) -> subprocess.Popen[str]:
    """Beside cfn-lint: in an environment of its own, since it pins an older boto3."""
    options = ["--quiet", "--locked", "--no-env-file", "--python", sys.executable, "--script"]
    command = [str(part) for part in (_UV, "run", *options, _SCAN, *targets)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own script


def main() -> int:
    """Print the faults; 1 when there are any."""
    found = faults(findings(ROOT / name for name in sys.argv[1:]), answers())
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
