"""The READMEs are true: snippets and commands run, and print what the pages say they print."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import pathlib
import re
import shlex
import subprocess
import sys
from typing import NamedTuple

import pytest
from test_architecture import FLOORS, LESSON

from tinynn.cli import main, tool_options
from tinynn.engines.choice import ENGINES

ROOT = pathlib.Path(__file__).resolve().parent.parent
FRONT = ROOT / "README.md"
FOLDERS = ("benchmarks", "tests", "tinynn")
READMES = [
    FRONT,
    *sorted(page for name in FOLDERS for page in ROOT.glob(f"{name}/**/README.md")),
    ROOT / "tinynn" / "lesson" / "WRITE_YOUR_OWN.md",
]
# Languages of blocks that the tests run, and of those that show what is in a file.
RUN, SHOWN = ("python", "sh"), ("text", "c", "js", "json", "csv", "html")
# Commands of the repository itself, which take minutes: what they name has to exist.
OF_THE_REPOSITORY = (
    ".venv/bin/python -m pytest", "python tests/", "nox", ".ci/run", "python3 -m http.server",
)  # fmt: skip
LONGEST_FRONT_PAGE = 160


class Block(NamedTuple):
    language: str
    text: str
    command: str  # "main" or "test", of the two that set tinynn up
    says: str | None  # what the README says it prints


def blocks(text):
    found = re.findall(
        r"^(?:<!-- command: (\w+) -->\n)?```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
    )
    languages = [language for _, language, _ in found]
    assert text.count("```") == 2 * len(found)
    assert set(languages) <= {*RUN, *SHOWN}, "a block says in which language it is"
    return [
        Block(language, code, command, after[2] if after[1] == "text" else None)
        for (command, language, code), after in zip(found, [*found[1:], ("", "", "")])
    ]


def name(page):
    return str(page.relative_to(ROOT))


pages = pytest.mark.parametrize("page", READMES, ids=name)


class Understood(Exception):
    """A command's arguments were read, and its work would begin."""


def understood(module, words):
    """Read the arguments of a program that takes minutes, and stop there."""
    parse = argparse.ArgumentParser.parse_args

    def and_stop(self, arguments=None, namespace=None):
        parse(self, arguments, namespace)
        raise Understood

    program = importlib.import_module(module if "." in module else f"{module}.command")
    if "ArgumentParser" not in pathlib.Path(program.__file__).read_text(encoding="utf-8"):
        assert words == [], f"{module} takes no arguments"
        return
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Understood):
        patch.setattr(argparse.ArgumentParser, "parse_args", and_stop)
        program.main(words)


def run_line(line):
    """Run a line of a shell, in this process where that is the same."""
    words = shlex.split(line, comments=True)
    if words[:3] == ["python3", "-m", "tinynn"] and words[3] in ("selftest", "playground"):
        # One takes seconds, and one does not end; both have tests of their own.
        getattr(tool_options, words[3])().parse_args(words[4:])
    elif words[:3] == ["python3", "-m", "tinynn"]:
        assert main(words[3:]) == 0
    elif words[:2] == ["python3", "-m"] and words[2].startswith("benchmarks"):
        understood(words[2], words[3:])
    elif words[0] == "python3" and words[1].endswith(".py"):
        done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        print(done.stdout, end="")
    else:
        assert line.startswith(OF_THE_REPOSITORY), f"the tests know no command {line!r}"
        for word in words:
            if "/" in word and not word.startswith(".venv"):
                assert (ROOT / word).exists(), word


@pages
def test_what_can_be_pasted_runs_and_prints_what_the_readme_says(
    page, tmp_path, monkeypatch, own_classes
):
    """All of a page in one new directory, from the top: each page begins with nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))  # as of a program that stands there
    monkeypatch.syspath_prepend(str(ROOT))  # the benchmarks are not part of the package
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    before, names = set(sys.modules), {"__name__": "readme"}
    for block in blocks(page.read_text(encoding="utf-8")):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            if block.language == "python":
                exec(compile(block.text, name(page), "exec"), names)
            elif block.language == "sh" and block.command != "test":
                for line in block.text.splitlines():
                    run_line(line)
        if block.language in RUN and block.says is not None:
            assert out.getvalue() == block.says
    for module in set(sys.modules) - before:
        if getattr(sys.modules[module], "__file__", None) == str(tmp_path / f"{module}.py"):
            del sys.modules[module]
    if page == FRONT:
        assert (tmp_path / "iris.html").stat().st_size > 10_000
        assert (tmp_path / "answers.csv").read_text(encoding="utf-8").count("\n") == 151


def test_the_commands_of_the_front_page_run_as_processes_too(tmp_path):
    """One is enough: what a new process adds is that the package is found and its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "tinynn", "demo", "--csv", "iris.csv"], cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0 and (tmp_path / "iris.csv").exists()


@pytest.mark.parametrize(
    "line",
    [
        "python3 -m tinynn trian", "python3 -m benchmarks --quik", "python3 -m benchmarks.map -x",
        "nox -f no/such.py", "make", "python3 missing.py",
    ],
)  # fmt: skip
def test_a_command_that_does_not_work_is_seen(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((AssertionError, SystemExit)):
        run_line(line)


def test_a_block_without_a_language_is_seen():
    with pytest.raises(AssertionError):
        blocks("```\nmake\n```\n")


def anchors(text):
    """Return what GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_every_link_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert ROOT in found.parents or found == ROOT
        if anchor:
            assert anchor in anchors(found.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_front_page_links_to_each_readme(folder):
    text = FRONT.read_text(encoding="utf-8")
    for page in ROOT.glob(f"{folder}/**/README.md"):
        path = name(page)
        assert f"]({path})" in text or f"]({path.rpartition('/')[0]})" in text, path


def test_the_front_page_is_read_in_two_minutes():
    assert len(FRONT.read_text(encoding="utf-8").splitlines()) <= LONGEST_FRONT_PAGE


def test_there_are_exactly_two_set_up_commands():
    found = [block for block in blocks(FRONT.read_text(encoding="utf-8")) if block.command]
    assert [block.command for block in found] == ["main", "test"]
    assert all(block.text.count("\n") == 1 for block in found), "one line to paste"


def test_the_table_of_floors_is_the_one_that_is_checked():
    house = (ROOT / "tinynn" / "README.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `(\w+)` \|", house, re.MULTILINE)) == FLOORS[::-1]


def test_the_lesson_names_its_pages_in_order():
    lesson = (ROOT / "tinynn" / "lesson" / "README.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| \[(\w+)\]", lesson, re.MULTILINE)) == LESSON
    modules = {path.stem for path in (ROOT / "tinynn" / "lesson").glob("*.py")}
    assert set(re.findall(r"\]\((\w+)\.py\)", lesson)) == modules - {"__init__"}


def test_the_table_of_engines_is_the_one_that_is_registered():
    engines = (ROOT / "tinynn" / "engines" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", engines, re.MULTILINE) == list(ENGINES)


@pages
@pytest.mark.parametrize("forbidden", ["pip install tinynn\n", "pip install tinynn ", "tinynn=="])
def test_no_reader_is_sent_to_the_other_project_of_this_name(page, forbidden):
    assert forbidden not in page.read_text(encoding="utf-8")
