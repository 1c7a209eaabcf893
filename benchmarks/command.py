"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import os
import re
import sys
from fnmatch import fnmatch
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Sequence

from tinynn.files.atomic import write_text

from . import environment, readme, tables
from .measure import FULL, QUICK, TINY, Plan, run_task
from .peers import all_peers
from .peers.contract import Peer
from .results import Results, read
from .tasks import TASKS
from .tasks.kinds import Task

KEPT = Path(__file__).resolve().parent / "results"  # runs that are part of the repository


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; return 0, 1 if some result was wrong, or 2 for a wrong command line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(words)
    if options.list:
        for task in TASKS:
            print(f"{task.name:<20}{task.title}")
        print(f"\nimplementations: {', '.join(peer.name for peer in all_peers())}")
        return 0
    if options.update_readme is not None:
        return _update_readme(options.update_readme)
    try:
        tasks = chosen(TASKS, options.only, "task")
        peers = chosen(all_peers(), options.peer, "implementation")
        other = read(options.against) if options.against else None
        complete = not (options.tiny or options.only or options.peer)
        folder = options.out or (own_folder() if complete else None)
        if folder is not None:  # fail now rather than after minutes
            folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    changed = environment.prepare(os.environ)
    if arguments is None:
        changed = environment.restart_if_late(changed, words)
    plan = TINY if options.tiny else FULL if options.full else QUICK
    results = run(tasks, peers, plan, environment.command_line("benchmarks", words), changed)
    if other is not None:
        try:
            results.take("numpy", other)
        except ValueError as error:
            print(error, file=sys.stderr)
    if options.json:
        print(results.to_json(), end="")
    else:
        print(tables.report(results))
    if folder is not None:
        _write(results, folder)
    for trouble in results.wrong:
        print(f"WRONG: {trouble}", file=sys.stderr)
    return 1 if results.wrong else 0


def run(
    tasks: Sequence[Task], peers: Sequence[Peer], plan: Plan, command: str, changed: Any
) -> Results:
    """Return the results of all tasks; report progress on standard error."""
    results = Results(plan.mode, {})
    for number, task in enumerate(tasks, 1):
        say(f"[{number}/{len(tasks)}] {task.title}")
        results.tasks.append(run_task(task, peers, plan, say))
    results.about = environment.describe(changed, command)
    return results


def chosen(everything: Sequence[Any], patterns: Sequence[str], what: str) -> list[Any]:
    """Return the items whose names match one of the patterns, or all if there are no patterns.

    Raises ValueError, with all names, for a pattern that matches nothing.
    """
    for pattern in patterns:
        if not any(fnmatch(item.name, pattern) for item in everything):
            names = ", ".join(item.name for item in everything)
            raise ValueError(f"unknown {what} {pattern!r}; available: {names}")
    return [
        item
        for item in everything
        if not patterns or any(fnmatch(item.name, pattern) for pattern in patterns)
    ]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def own_folder() -> Path:
    """Return the folder for results without --out: one of the user's, outside the clone."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(cache) / "tinynn" / "benchmarks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # no home directory, or one that is not writable
        return Path(gettempdir()) / "tinynn-benchmarks"
    return folder


def _write(results: Results, folder: Path) -> None:
    """Write the run as JSON and Markdown, in files named by date, interpreter and mode."""
    write_files(results, folder, {".json": results.to_json(), ".md": tables.report(results)})


def write_files(results: Results, folder: Path, texts: dict[str, str]) -> None:
    """Write texts, by suffix, to files named after the run."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, text in texts.items():
        path = folder / f"{results.file_stem()}{suffix}"
        write_text(path, text)
        say(f"written: {path.resolve()}")


def _update_readme(source: str) -> int:
    """Put the table of a results file, by default the newest one kept here, into the READMEs."""
    try:
        path = Path(source) if source else newest(KEPT)
        results = read(path)
        for page, only in ((readme.PAGE, ()), (readme.FRONT_PAGE, readme.ON_FRONT_PAGE)):
            changed = readme.update(page, results, only)
            shown = os.path.relpath(page, readme.FRONT_PAGE.parent)
            print(f"{shown} {'updated' if changed else 'is up to date'}, from {path.name}")
    except (OSError, ValueError) as error:
        print(f"README not updated: {error}", file=sys.stderr)
        return 1
    return 0


def newest(folder: Path) -> Path:
    """Return the newest results from CPython in a folder, of a full run if there is one.

    Raises ValueError if there are none.
    """
    for mode in ("full", "quick"):
        found = newest_of(folder, mode)
        if found is not None:
            return found
    raise ValueError(f"there are no results in {folder.name}; name a results file")


def newest_of(folder: Path, mode: str) -> Path | None:
    """Return the newest results from CPython in a folder with just this mode, or None."""
    found = sorted(folder.glob(f"*-cpython-*-{mode}.json"))
    exact = [path for path in found if re.search(rf"-cpython-[^-]+-{mode}\.json$", path.name)]
    return exact[-1] if exact else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks",
        description="Compare tinynn with its alternatives; all results are checked first.",
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--tiny",
        action="store_true",
        help="one round of everything in seconds, to show that it runs; its times mean nothing",
    )
    mode.add_argument(
        "--full", action="store_true", help="more repeats, longer runs: ten minutes or more"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="TASK",
        help="run only this task, or those that match a pattern; may be repeated",
    )
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME",
        help="run only this implementation, or those that match a pattern; may be repeated",
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help="take NumPy's figures from these results of the same machine (for PyPy)",
    )
    parser.add_argument(
        "--list", action="store_true", help="list the tasks and the implementations, and stop"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write JSON and Markdown there (without it, complete quick and full runs go to a "
        "folder in your cache directory; the path is printed)",
    )
    parser.add_argument(
        "--update-readme",
        nargs="?",
        const="",
        metavar="RESULTS",
        help="put the table of a results file (default: the newest in benchmarks/results) into "
        "the READMEs, and stop",
    )
    return parser
