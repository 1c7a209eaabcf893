"""The README is true: its snippets run and print what it says, its tables are the code's own."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest
from test_architecture import FLOORS, LESSON

from tinynn.data import load_iris

README = pathlib.Path(__file__).resolve().parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def snippets():
    """Return (code, what the README says it prints or None), in order."""
    found = []
    for number, (language, text) in enumerate(BLOCKS):
        if language == "python":
            following = BLOCKS[number + 1] if number + 1 < len(BLOCKS) else ("", "")
            found.append((text, following[1] if following[0] == "text" else None))
    return found


def test_the_snippets_run_and_print_what_the_readme_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # as of a program that stands there
    assert len(snippets()) >= 3
    names = {"__name__": "readme"}
    for code, says in snippets():
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, "README.md", "exec"), names)
        if says is not None:
            assert out.getvalue() == says


def test_the_command_lines_run(tmp_path):
    flowers = load_iris()
    with open(tmp_path / "iris.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow([*flowers.feature_names, "species"])
        for x, t in zip(flowers.inputs, flowers.targets):
            table.writerow([*x, flowers.target_names[t]])
    unmarked = re.findall(r"(?<!-->)\n\n```sh\n(.*?)```", TEXT, re.DOTALL)
    lines = [line for block in unmarked for line in block.splitlines()]
    assert len(lines) >= 4
    for line in lines:
        words = shlex.split(line)
        assert words[:3] == ["python3", "-m", "tinynn"]
        done = subprocess.run(
            [sys.executable, *words[1:]], cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(README.parent)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "iris.html").stat().st_size > 10_000
    assert (tmp_path / "answers.csv").read_text(encoding="utf-8").count("\n") == 151


def test_there_are_exactly_two_set_up_commands():
    assert re.findall(r"<!-- command: (\w+) -->", TEXT) == ["main", "test"]
    for name in ("main", "test"):
        block = re.search(rf"<!-- command: {name} -->\n+```sh\n(.*?)```", TEXT, re.DOTALL)
        assert block and block.group(1).count("\n") == 1, f"{name}: one line to paste"


def test_the_table_of_floors_is_the_one_that_is_checked():
    house = (README.parent / "tinynn" / "README.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `(\w+)` \|", house, re.MULTILINE)) == FLOORS[::-1]


def test_the_lesson_names_its_pages_in_order():
    lesson = (README.parent / "tinynn" / "lesson" / "README.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| \[(\w+)\]", lesson, re.MULTILINE)) == LESSON
    pages = {path.stem for path in (README.parent / "tinynn" / "lesson").glob("*.py")}
    assert set(re.findall(r"\]\((\w+)\.py\)", lesson)) == pages - {"__init__"}


@pytest.mark.parametrize("forbidden", ["pip install tinynn\n", "pip install tinynn ", "tinynn=="])
def test_nobody_is_sent_to_the_other_project_of_this_name(forbidden):
    assert forbidden not in TEXT
