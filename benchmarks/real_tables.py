"""`python3 -m benchmarks.real_tables`: tinynn's command and scikit-learn, on tables of real life.

Everyone starts from the same CSV file, and sees the same columns.

Scores: for each seed a fifth of the rows is held out (of each class, if there are classes);
everyone trains on the others and is tested on those. tinynn does so by its commands: `train
--test-share 0`, then `evaluate`. A score is the mean over the seeds, with its standard error. Two
are compared seed by seed: their difference has a mean and an error of its own, and one is worse
than the other if it is below by more than that error.

Seconds: whole processes, imports and reading included, each by itself. For tinynn that is `train`
with its defaults as a user types it, which splits the table, trains, tests and saves; a script for
scikit-learn (`programs/table_sklearn.py`) reads the same file with pandas, splits, prepares, trains
and tests. Before they are timed, all have to find the same number of rows. They take turns.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Sequence

from tinynn.files.atomic import write_text

from . import environment
from .command import chosen, say
from .jobs import Refused
from .measure import Plan, run_task
from .peers.contract import version_of
from .results import Results
from .table_peers import NETWORK, PEERS, TablePeer
from .table_report import Found, report, to_json, troubles, worse
from .tables import NATIVE, PURE
from .tasks.kinds import Processes
from .tasks.real_tables import TABLES, Cells, Table, made_up, write


def look_at(
    table: Table, peers: Sequence[TablePeer], seeds: int, plan: Plan, folder: Path
) -> Found:
    """Return what the peers reach on a table, and how long they take."""
    found = Found(
        table.name, table.task, table.target, table.left_out, table.installed_by,
        version_of(table.installed_by) if table.package else "",
    )  # fmt: skip
    try:
        cells = table.cells()
    except Refused as refused:
        found.skipped = str(refused)
        say(f"    skipped: {refused}")
        return found
    known = sum(map(bool, table.known(cells)))
    found.rows, found.columns = known, len(cells[0]) - 1 - len(table.left_out)
    for seed in range(seeds):
        _test_all(table, cells, peers, seed, folder, found)
    if plan.most_rounds:
        whole = write(cells, folder / "table.csv")
        commands = tuple(
            peer.command(table, whole, 0)
            for peer in peers
            if not peer.refusal() and peer.name not in found.wrong
        )
        title, printed = f"{table.name}, {known:,} rows", (float(known),)
        task = Processes(
            table.name, title, "process", baseline=NETWORK, commands=commands, printed=printed
        )
        found.times = run_task(task, [], plan, say)
    return found


def _test_all(
    table: Table,
    cells: Cells,
    peers: Sequence[TablePeer],
    seed: int,
    folder: Path,
    found: Found,
) -> None:
    """Add what each implementation reaches on the rows held out by one seed."""
    train, test = table.split(cells, seed)
    paths = write(train, folder / "train.csv"), write(test, folder / "test.csv")
    for peer in peers:
        if peer.refusal() or peer.name in found.wrong:
            continue
        try:
            tested = peer.test(table, *paths, seed)
            if tested.rows != len(test) - 1:
                raise RuntimeError(f"tested {tested.rows:,} of {len(test) - 1:,} rows")
        except RuntimeError as error:
            found.wrong[peer.name] = str(error)
            found.tested.pop(peer.name, None)
            say(f"    {peer.title}: WRONG: {error}")
        else:
            found.tested.setdefault(peer.name, []).append(tested)
            say(f"    seed {seed}, {peer.title}: {tested.score:.4f}, loss {tested.loss:.4g}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0, 1 if something is wrong or worse, 2 for a wrong command line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(words)
    try:
        tables = chosen(made_up() if options.tiny else TABLES, options.only, "table")
        peers = chosen(PEERS, options.peer, "implementation")
        if options.out is not None:  # fail now rather than after minutes
            options.out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    seeds, rounds = (2, 1) if options.tiny else (options.seeds, options.rounds)
    module = "benchmarks.real_tables"
    changed = environment.prepare(os.environ)
    if arguments is None:
        changed = environment.restart_if_late(changed, words, module)
    about = environment.describe(changed, environment.command_line(module, words))
    if find_spec("pandas"):
        about["versions"]["pandas"] = version_of("pandas")
    results = Results("real-tables", about, [])
    plan = Plan(results.mode, rounds, rounds, inf, 0.0 if options.tiny else 1.0)
    for peer in peers:
        if peer.refusal():
            say(f"{peer.title}: skipped: {peer.refusal()}")
    everything: list[Found] = []
    for number, table in enumerate(tables, 1):
        say(f"[{number}/{len(tables)}] {table.name}")
        with tempfile.TemporaryDirectory() as folder:
            everything.append(look_at(table, peers, seeds, plan, Path(folder)))
        text = report(everything, peers, results)
        if options.out is not None:  # write partial results, since a full run takes long
            path = options.out / results.mode
            write_text(path.with_suffix(".json"), to_json(everything, about))
            write_text(path.with_suffix(".md"), text)
    print(text, end="")
    return 1 if troubles(everything) or any(worse(everything, n) for n in (PURE, NATIVE)) else 0


def _several(text: str) -> int:
    value = int(text)
    if value == 1 or value < 0:
        raise argparse.ArgumentTypeError(f"needs 0, or 2 or more for an error, got {value}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks.real_tables",
        description="Compare tinynn's command with scikit-learn on tables of real life.",
    )
    parser.add_argument("--tiny", action="store_true", help="small made-up tables, once")
    parser.add_argument(
        "--only", action="append", default=[], metavar="TABLE",
        help="run only this table, or those that match a pattern; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--peer", action="append", default=[], metavar="NAME",
        help=f"run only this implementation ({', '.join(peer.name for peer in PEERS)}); "
        "may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", type=_several, default=5, metavar="N",
        help="hold rows out this often (5; 0 for no scores)",
    )  # fmt: skip
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N",
        help="time everyone this often (3; 0 for no times)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="write JSON and Markdown there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
