"""The search for sizes and a learning rate or penalty: a small grid, cross-validated.

A linear model takes part. With L-BFGS, which has no learning rate, the penalty alpha is searched.
The folds of a series are in the order of time, each tested by what was learned from before it.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import warnings
from contextlib import contextmanager
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Any, Iterator

from ..checks.words import counted, excerpt
from ..data import forward_folds, k_fold, stratified_k_fold
from ..errors import DataError
from ..estimators import ConvergenceWarning
from ..preprocessing import TableEncoder
from ..preprocessing.cells import as_table
from ..report.findings import shown
from ..selection.cross_validation import Folds, Trainable, fold_score, worse
from ..selection.search import Candidate
from ..training.tasks import run_tasks
from ..view import text_table
from .console import Console
from .rivals import LINEAR_ALPHA
from .tables import Label, Loaded, Target, located
from .testing import picked, split_rows
from .training import new_estimator, solver_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

SIZES = ([16], [64], [32, 16])
RATES, ALPHAS = (0.003, 0.01, 0.03), (0.1, 1.0, 10.0)
FOLDS = 3
MOST_ROWS = 2000  # of the training rows; more would say little more about sizes and rates
EPOCHS, PATIENCE = 60, 8


def searched(
    table: Loaded,
    targets: list[Label],
    target: Target,
    encoder: TableEncoder,
    options: argparse.Namespace,
    console: Console,
) -> dict[str, Any]:
    """Return the options of the best size and learning rate, and print how all of them did.

    Test rows are not used.
    """
    classes, series = target.task == "classify", options.lags > 0
    numbers, _ = split_rows(targets, options.test_share, options.seed, classes, in_order=series)
    if series:
        numbers = numbers[-MOST_ROWS:]
    elif len(numbers) > MOST_ROWS:
        share = 1.0 - MOST_ROWS / len(numbers)
        part = split_rows([targets[i] for i in numbers], share, options.seed, classes)[0]
        numbers = [numbers[k] for k in part]
    rows, lines = picked(table, numbers)
    wanted = [targets[i] for i in numbers]
    if series:
        splits = list(forward_folds(len(wanted), FOLDS))
        first = len(splits[0][0])
        if classes and len(set(wanted[:first])) == 1:
            raise DataError(
                f"{table.file.name}: --search of a series learns first from its first "
                f"{counted(first, 'row')}, which are all of class {excerpt(wanted[0])}; leave out "
                "--search"
            )
    elif classes:
        splits = list(stratified_k_fold(wanted, FOLDS, options.seed))
    else:
        splits = list(k_fold(len(wanted), FOLDS, options.seed))
    name, values = "learning_rate", RATES
    if solver_of(options, len(wanted)) == "lbfgs":
        name, values = "alpha", ALPHAS
    space: list[dict[str, Any]] = [
        {"hidden": hidden, name: value} for hidden in SIZES for value in values
    ]
    space.append({"hidden": [], "solver": "lbfgs", "alpha": LINEAR_ALPHA})
    console.say(
        f"search: {len(space) - 1} pairs of sizes and {_words(name)}, and a linear model, each "
        f"cross-validated on {counted(len(wanted), 'training row')} in {FOLDS} folds"
        f"{', in the order of time' if series else ''}"
    )
    data = Folds(as_table(rows.rows), wanted, None, splits, diverged=-inf, in_order=series)
    found: list[Candidate] = []
    started = time.monotonic()
    with located(table.file.name, lines), warnings.catch_warnings(), _pool(options.jobs) as pool:
        notations = encoder.fresh().fit(table.rows).learned_notations()
        encoder = encoder.fresh(notations=notations)  # a fold may not show them
        # A candidate that needs more epochs simply gets a worse score.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fits, names = [], []
        for changes in space:
            tried = argparse.Namespace(**{**vars(options), **changes})
            for k, (train, _) in enumerate(splits):
                fits.append((_candidate(target.task, encoder, tried, len(train)), k))
                names.append(f"hidden {_sizes(changes)}, fold {k + 1} of {FOLDS}")
        results = run_tasks("search", _scored, data, fits, names, pool, progress=False)
        try:
            for k, changes in enumerate(space):
                _show(console, f"search: {k + 1} of {len(space)}, hidden {_sizes(changes)}")
                done = list(islice(results, len(splits)))
                found.append(
                    Candidate(changes, [x.result[0] for x in done], [x.seconds for x in done])
                )
                if options.time_budget and time.monotonic() - started > options.time_budget:
                    console.note(f"note: the time budget ended the search after {k + 1} models")
                    break
        except KeyboardInterrupt:
            if not found:
                raise
            console.note(f"note: interrupted; training with the best of {len(found)}")
        finally:
            results.close()
    _show(console, "")
    best = max(found, key=lambda candidate: candidate.mean)
    console.show(_table(found, best, name, "accuracy" if classes else "R²", console))
    near = [each for each in found if each is not best and not worse(each.scores, best.scores)]
    if near:
        console.say(
            f"{'One other is' if len(near) == 1 else f'{len(near)} others are'} within the noise "
            f"of the folds, so {'that' if len(near) == 1 else 'any of them'} may be as good; "
            f"the simplest: hidden {_sizes(min(near, key=_size).params)}"
        )
    return best.params


def _size(candidate: Candidate) -> tuple[int, int]:
    hidden = candidate.params["hidden"]
    return len(hidden), sum(hidden)


def _words(option: str) -> str:
    return option.replace("_", " ")


def _sizes(options: dict[str, Any]) -> str:
    return ",".join(map(str, options["hidden"])) or "none"


def _candidate(
    task: str, encoder: TableEncoder, options: argparse.Namespace, rows: int
) -> Trainable:
    """Return an untrained estimator for that many rows, set by the options."""
    return new_estimator(
        task, encoder, options, rows,
        max_iter=min(options.epochs or EPOCHS, EPOCHS),
        n_iter_no_change=min(options.patience or PATIENCE, PATIENCE),
    )  # fmt: skip


@contextmanager
def _pool(jobs: int) -> Iterator[Executor | None]:
    """Yield so many processes, or None for one: the command's own."""
    if jobs == 1:
        yield None
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs, initializer=_ignore_interrupts) as pool:
        yield pool


def _ignore_interrupts() -> None:
    """Keep Ctrl-C from a worker that waits for work, which would print a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _scored(data: Folds, fit: tuple[Trainable, int]) -> Any:
    """Return what `fold_score` does; in a worker, too, Ctrl-C ends the training."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        return fold_score(data, fit)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return fold_score(data, fit)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _show(console: Console, text: str) -> None:
    if sys.stderr.isatty() and not console.quiet:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _table(found: list[Candidate], best: Candidate, name: str, score: str, console: Console) -> str:
    rows: list[dict[str, str]] = []
    for candidate in sorted(found, key=lambda candidate: -candidate.mean):
        rows.append(
            {
                "hidden": _sizes(candidate.params),
                _words(name): f"{candidate.params[name]:g}" if name in candidate.params else "",
                score: shown(candidate.mean),
                "deviation": shown(candidate.deviation),
                "seconds": f"{sum(candidate.seconds):.1f}",
                "": "chosen" if candidate is best else "",
            }
        )
    return text_table(
        [list(row.values()) for row in rows], list(rows[0]), "rrrrrl",
        ascii_only=console.ascii_only,
    )  # fmt: skip
