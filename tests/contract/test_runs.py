"""`make test` runs every test file, and each of them once."""

from collections import Counter

from tools.run_tests import ROOT, groups


def test_each_file_is_in_exactly_one_run():
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    run = Counter(
        file
        for places in groups().values()
        for place in places
        for file in files
        if file == place or file.startswith(f"{place}/")
    )

    assert run == Counter(dict.fromkeys(files, 1))
    assert all(groups().values())
