"""Damages files of every format by the thousand, reads them, and uses what was read."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.dirname(os.path.dirname(HERE))]

from fuzzing.formats import FORMATS  # noqa: E402
from fuzzing.heavy import FILES  # noqa: E402
from fuzzing.runner import (  # noqa: E402
    FACTOR,
    LONGEST,
    MORE,
    Work,
    case,
    tried,
    weighed,
)

FOUND = os.path.join(tempfile.gettempdir(), "tinynn-findings")


def weigh(megabytes: float) -> int:
    """Read a large file of each kind; return 1 if one takes too much memory."""
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind, name in FILES:
            took, memory, said = weighed(kind, name, int(megabytes * 1e6), folder)
            size = os.path.getsize(os.path.join(folder, "heavy"))
            wrong = memory > FACTOR * size + MORE or said.startswith("BAD") or len(said) > LONGEST
            bad += wrong
            print(
                f"{'TOO MUCH ' if wrong else ''}{kind} {name}: {size / 1e6:.1f} MB, {took:.1f} s, "
                f"{memory / 1e6:.0f} MB more: {said[:300] if wrong else said[:60]}",
                flush=True,
            )
    return 1 if bad else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/fuzzing", description=__doc__)
    parser.add_argument("--format", action="append", choices=list(FORMATS), help="only this one")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (0)")
    parser.add_argument("--cases", type=int, default=10**9, help="how many, over all formats")
    parser.add_argument("--seconds", type=float, default=60.0, help="when to end (60)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case (0)")
    parser.add_argument("--processes", type=int, default=2, help="at a time (2)")
    parser.add_argument("--out", default=FOUND, help=f"a folder for what is found ({FOUND})")
    parser.add_argument("--case", type=int, help="try just this one, and write its file")
    parser.add_argument("--file", help="try just this file, as that of a case")
    parser.add_argument("--heavy", type=float, metavar="MB", help="weigh files of so many MB")
    options = parser.parse_args()
    if options.heavy:
        return weigh(options.heavy)
    formats = options.format or list(FORMATS)
    if options.case is not None or options.file:
        number = options.case or 0
        data = case(formats[0], options.seed, number)
        if options.file:
            with open(options.file, "rb") as file:
                data = file.read()
        path = f"{formats[0]}-{options.seed}-{number}.case"
        print(tried(formats[0], data, path, number) or "nothing is wrong", f"({path})")
        return 0
    work = Work(formats, options.seed, options.first, options.out)

    def say(done: dict[str, int]) -> None:
        print("\r" + ", ".join(f"{n:,} {name}" for name, n in done.items()), end="", flush=True)

    found = work.all(options.processes, options.cases, options.seconds, say)
    print(f"\n{sum(work.done.values()):,} cases, {len(found)} findings")
    for name in found:
        with open(os.path.join(options.out, name + ".txt"), encoding="utf-8") as file:
            print(f"{name}: {file.readline().rstrip()}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
