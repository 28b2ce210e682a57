"""What an upgrade starts from: a tagged release, a change of formats, or nothing."""

import subprocess
from pathlib import Path

import pytest

from tests.upgrades import releases
from tests.upgrades.releases import NoHistoryError


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(("git", "-C", str(folder), *who, *arguments), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, file: str, text: str) -> str:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", text)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of four commits, of which the third changes a format."""
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "-q")
    for file, text in (
        ("template.yaml", "first"),
        ("functions/a.py", "second"),
        ("events/contracts/A.v1.json", "third"),
        ("functions/a.py", "fourth"),
    ):
        commit(folder, file, text)
    monkeypatch.setattr(releases, "ROOT", folder)
    return folder


def test_without_a_tag_it_is_the_commit_before_the_last_change_of_formats(clone: Path, tmp_path: Path) -> None:
    found = releases.of_commit(releases.before(), tmp_path)

    assert found.name.endswith(" second")
    assert (found.root / "template.yaml").read_text("utf-8") == "first"
    assert (found.root / "functions/a.py").read_text("utf-8") == "second"
    assert not (found.root / "events").exists()


def test_with_tags_it_is_the_newest_release_before_this_commit(clone: Path) -> None:
    git(clone, "tag", "v1", "HEAD~3")
    git(clone, "tag", "v2", "HEAD~1")
    git(clone, "tag", "v3", "HEAD")
    assert releases.before() == "v2"


def test_this_checkout_is_taken_as_it_lies_there(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "DEPLOYED", ("template.yaml", "functions"))
    (clone / "functions" / "a.py").write_text("edited", encoding="utf-8")
    (clone / "functions" / "__pycache__").mkdir()

    found = releases.of_this_checkout(tmp_path / "home")

    assert (found.root / "functions/a.py").read_text("utf-8") == "edited"
    assert not (found.root / "functions" / "__pycache__").exists()


@pytest.mark.parametrize("depth", [1, 0])
def test_without_history_it_says_what_is_missing(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    bare = tmp_path / "bare"
    if depth:
        git(tmp_path, "clone", "-q", f"--depth={depth}", clone.as_uri(), str(bare))
    else:
        bare.mkdir()
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setattr(releases, "ROOT", bare)
    with pytest.raises(NoHistoryError, match="git fetch --unshallow" if depth else "not a git repository"):
        releases.before()
