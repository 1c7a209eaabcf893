"""Puts the headline tables into the READMEs, between two markers, so that they are never typed.

The README beside this file has the whole tables, the front page a few rows of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from tinynn.files.atomic import write_text

from .results import Results
from .tables import headline, one_time_work

START, END = "<!-- benchmark:start -->", "<!-- benchmark:end -->"
NATIVE_START, NATIVE_END = "<!-- native:start -->", "<!-- native:end -->"
PAGE = Path(__file__).resolve().parent / "README.md"
FRONT_PAGE = PAGE.parent.parent / "README.md"
# The tasks on the front page: small networks, which tinynn is made for, and two that it loses.
ON_FRONT_PAGE = ("original", "xor", "sgd-4-10-3", "iris-16", "784-30-10", "predict-4-10-3")


def with_table(
    text: str, table: str, name: str = "README.md", start: str = START, end: str = END
) -> str:
    """Return the text of a README with `table` between two markers.

    Raises ValueError unless each marker is there exactly once, the start before the end.
    """
    for marker in (start, end):
        count = text.count(marker)
        if count != 1:
            raise ValueError(
                f"{name} needs the marker {marker} once, got it {count} times; put {start} and "
                f"{end}, each on its own line, where the table should go"
            )
    if text.index(start) > text.index(end):
        raise ValueError(f"{name} needs {start} before {end}, got them the other way around")
    before, rest = text.split(start)
    after = rest.split(end)[1]
    return f"{before}{start}\n\n{table.strip()}\n\n{end}{after}"


def update(path: Path, results: Results, only: Sequence[str] = ()) -> bool:
    """Write the headline tables of `results` into the README at `path`; return whether it changed.

    `only` names the tasks to show, if not all. A README with the markers for it also gets the table
    of native's one-time work.

    Raises ValueError for missing markers and for results of a tiny run, which measures nothing.
    """
    if results.mode == "tiny":
        raise ValueError("a README needs results of a quick or full run, got those of a tiny one")
    if not path.exists():
        raise ValueError(f"{path.name} does not exist; create it with {START} and {END} in it")
    old = path.read_text(encoding="utf-8")
    new = with_table(old, headline(results, only), path.name)
    if NATIVE_START in old:
        new = with_table(new, one_time_work(results), path.name, NATIVE_START, NATIVE_END)
    if new != old:
        write_text(path, new)
    return new != old
