"""`tinynn lesson`: the exercises of the course, and the check of what a learner wrote."""

from __future__ import annotations

import argparse
import os
from shlex import quote
from textwrap import wrap

from ..errors import DataError
from ..files.atomic import write_text
from ..teaching.course.exercises import EXERCISES, Exercise, exercise, starting_file
from ..teaching.course.learners import check_file
from .console import Console, check_writable
from .parser import UsageError, program_name

PACKAGE = __package__.rpartition(".")[0]


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console()
    if options.number is None:
        if options.start:
            raise UsageError("--start needs the number of an exercise: lesson 3 --start mine.py")
        _list(console)
        return 0
    one = exercise(options.number)
    if options.start:
        if options.file:
            raise UsageError("lesson needs a file to check or --start, got both")
        _start(console, one, options.start)
        return 0
    if options.file is None:
        _show(console, one)
        return 0
    return _check(console, one, options.file)


def _number(one: Exercise) -> int:
    return EXERCISES.index(one) + 1


def _list(console: Console) -> None:
    console.say("The course: an exercise for each page of the lesson.")
    console.say()
    for number, one in enumerate(EXERCISES, 1):
        console.say(f"  {number}  {one.module:<13}{one.title}")
    console.say()
    console.say(f"{program_name()} lesson 1 prints the first; {_page('README.md')} is the guide.")


def _show(console: Console, one: Exercise) -> None:
    number = _number(one)
    console.say(f"Exercise {number}: {one.title}")
    for paragraph in one.text.split("\n"):
        # Formulas keep their spaces.
        formula = paragraph.startswith(" ") or "  " in paragraph
        for line in [paragraph] if formula else wrap(paragraph, console.width) or [""]:
            console.say(line)
    name = f"lesson{number}.py"
    console.say()
    console.say(f"Read {_page(one.module + '.py')}, close it, and write your own:")
    console.say(
        f"  {program_name()} lesson {number} --start {name}   # writes a file to start from"
    )
    console.say(f"  {program_name()} lesson {number} {name}           # says what is right in it")


def _start(console: Console, one: Exercise, path: str) -> None:
    if os.path.lexists(path):
        raise DataError(f"{path} is there already, and is not overwritten; give another name")
    check_writable(path)
    number = _number(one)
    command = f"{program_name()} lesson {number} {quote(path)}"
    write_text(path, starting_file(number, PACKAGE, command))
    console.say(f"{path} written. Fill in what is not written yet, and check it with")
    console.say(f"  {command}")


def _check(console: Console, one: Exercise, path: str) -> int:
    console.say(f"Exercise {_number(one)}: {one.title}")
    try:
        results = check_file(one, path)
    except KeyboardInterrupt as error:
        console.note(f"stopped in {error}")
        raise
    for result in results:
        for line in wrap(str(result), console.width, subsequent_indent="     "):
            console.say(line)
    right = sum(result.ok for result in results)
    console.say()
    if right == len(results):
        console.say(f"All {right} are right. Compare with {_page(one.module + '.py')}.")
        return 0
    console.say(f"{right} of {len(results)} are right.")
    return 1


def _page(name: str) -> str:
    """Return where a page of the lesson is; in a single file there are no files of their own."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.path.join(folder, "lesson", name)
    return os.path.relpath(path) if os.path.exists(path) else f"lesson/{name} of tinynn"
