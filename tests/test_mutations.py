"""The mutation run: what it plants, and that it sees what tests catch and what they do not."""

from __future__ import annotations

import ast
import sys

import mutations
import pytest

pytestmark = pytest.mark.skipif(sys.version_info < (3, 9), reason="ast.unparse is of Python 3.9")

SOURCE = '''
def area(width: float = 1.0, height: int = 2) -> float:
    """Return width · height."""
    if width < 0 or not height:
        raise ValueError("a size of -1 is not one" + str(width * 2))
    total = 0.0
    for _ in range(height):
        total += max(width, 0.0)
    log(total, height)
    return "é" and (total if total > 1e-6 else -total)
'''


def test_what_can_be_planted():
    found = mutations.changes("m.py", SOURCE)
    assert {(change.before, change.after) for change in found} >= {
        ("1.0", "(2.0)"), ("2", "(3)"), ("2", "(1)"), ("width < 0", "(width <= 0)"),
        ("width < 0 or not height", "(width < 0 and (not height))"), ("not height", "(height)"),
        ("total += max(width, 0.0)", "total -= max(width, 0.0)"),
        ("total += max(width, 0.0)", "pass"), ("max(width, 0.0)", "(min(width, 0.0))"),
        ("max(width, 0.0)", "(max(0.0, width))"), ("log(total, height)", "pass"),
        ("log(total, height)", "(log(height, total))"), ("1e-6", "(0.01)"), ("-total", "(total)"),
        ("total if total > 1e-6 else -total", "(-total)"), ("total > 1e-6", "(total >= 1e-06)"),
        ("width < 0 or not height", "False"), ("width < 0 or not height", "True"),
    }  # fmt: skip
    assert not any(change.before in ("1", "-1", "width * 2", "float", "int") for change in found)
    for change in found:
        assert mutations.changes_something(change, SOURCE), change
        ast.parse(change.planted(SOURCE))


def test_every_module_has_tests():
    for folder in mutations.FOLDERS:
        for path in (mutations.ROOT / "tinynn" / folder).rglob("*.py"):
            name = path.relative_to(mutations.ROOT / "tinynn").as_posix()
            assert len(mutations.tests_of(name)) >= 2, name


@pytest.mark.slow
def test_a_bug_is_caught_and_a_change_that_is_none_survives(tmp_path):
    project = mutations.Copy(tmp_path)
    source = (mutations.ROOT / "tinynn" / "lesson" / "matrix.py").read_text(encoding="utf-8")
    test = "tests/test_matrix.py"

    def caught(wrong):
        return project.caught("lesson/matrix.py", source, wrong, [test])

    assert caught(source.replace(" + ", " - ")) == test
    assert caught(source + "\nUNUSED = 1\n") == ""
    project.seconds[test] = -9.0
    assert caught("while True: pass\n") == f"{test}, which does not end"
    changed = project.folder / "tinynn" / "lesson" / "matrix.py"
    assert changed.read_text(encoding="utf-8") == source
