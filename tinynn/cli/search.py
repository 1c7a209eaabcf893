"""The search for a size and a learning rate: a small grid, cross-validated, always the same."""

from __future__ import annotations

import argparse
import copy
import sys
import time
import warnings
from math import sqrt
from typing import Any, NamedTuple

from ..checks.words import counted
from ..data import k_fold, stratified_k_fold
from ..errors import DivergenceError
from ..estimators import ConvergenceWarning
from ..lesson.matrix import Vector
from ..preprocessing import TableEncoder
from ..report.findings import shown
from ..view import text_table
from .console import Console
from .tables import Label, Loaded, Target, located
from .testing import picked, split_rows
from .training import new_estimator

SIZES = ([16], [64], [32, 16])
RATES = (0.003, 0.01, 0.03)
FOLDS = 3
MOST_ROWS = 2000  # of the training rows; more would say little more about sizes and rates
EPOCHS, PATIENCE = 60, 8


class Candidate(NamedTuple):
    """A size and a learning rate, and their score in each fold."""

    hidden: list[int]
    rate: float
    scores: Vector
    seconds: float

    @property
    def mean(self) -> float:
        """The mean score."""
        return sum(self.scores) / len(self.scores)

    @property
    def deviation(self) -> float:
        """The standard deviation of the scores."""
        spread = sum([(score - self.mean) ** 2 for score in self.scores])
        return sqrt(spread / max(len(self.scores) - 1, 1))


def searched(
    table: Loaded,
    targets: list[Label],
    target: Target,
    encoder: TableEncoder,
    options: argparse.Namespace,
    console: Console,
) -> None:
    """Set the options to the best size and learning rate, and print how all of them did.

    Test rows are not used.
    """
    classes = target.task == "classify"
    numbers, _ = split_rows(targets, options.test_share, options.seed, classes)
    if len(numbers) > MOST_ROWS:
        share = 1.0 - MOST_ROWS / len(numbers)
        part = split_rows([targets[i] for i in numbers], share, options.seed, classes)[0]
        numbers = [numbers[k] for k in part]
    rows, lines = picked(table, numbers)
    wanted = [targets[i] for i in numbers]
    folds = stratified_k_fold(wanted, FOLDS, options.seed) if classes else k_fold(
        len(wanted), FOLDS, options.seed
    )  # fmt: skip
    splits = list(folds)
    space = [(hidden, rate) for hidden in SIZES for rate in RATES]
    console.say(
        f"search: {len(space)} pairs of sizes and learning rate, each cross-validated on "
        f"{counted(len(wanted), 'training row')} in {FOLDS} folds"
    )
    found: list[Candidate] = []
    started = time.monotonic()
    with located(table.file.name, lines), warnings.catch_warnings():
        notations = encoder.fresh().fit(table.rows).learned_notations()
        encoder = encoder.fresh(notations=notations)  # a fold may not show them
        # A candidate that needs more epochs simply gets a worse score.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for k, (hidden, rate) in enumerate(space):
            _show(console, f"search: {k + 1} of {len(space)}, {hidden or 'none'} at {rate:g}")
            tried = copy.copy(options)
            tried.hidden, tried.learning_rate = hidden, rate
            try:
                found.append(_scored(tried, rows.rows, wanted, splits, target, encoder))
            except KeyboardInterrupt:
                if not found:
                    raise
                console.note(f"note: interrupted; training with the best of {len(found)}")
                break
            if options.time_budget and time.monotonic() - started > options.time_budget:
                console.note(f"note: the time budget ended the search after {k + 1} pairs")
                break
    _show(console, "")
    best = max(found, key=lambda candidate: candidate.mean)
    console.say(_table(found, best, "accuracy" if classes else "R²", console))
    options.hidden, options.learning_rate = best.hidden, best.rate


def _scored(
    options: argparse.Namespace,
    rows: list[list[str]],
    targets: list[Label],
    splits: Any,
    target: Target,
    encoder: TableEncoder,
) -> Candidate:
    scores = []
    started = time.monotonic()
    for train, test in splits:
        estimator = new_estimator(
            target.task, encoder, options, len(train),
            max_iter=min(options.epochs or EPOCHS, EPOCHS),
            n_iter_no_change=min(options.patience or PATIENCE, PATIENCE),
        )  # fmt: skip
        try:
            estimator.fit([rows[i] for i in train], [targets[i] for i in train])
            score = estimator.score([rows[i] for i in test], [targets[i] for i in test])
        except DivergenceError:
            score = float("-inf")
        if estimator.__sklearn_is_fitted__() and estimator.history_.stopped_by == "interrupted":
            raise KeyboardInterrupt
        scores.append(score)
    return Candidate(options.hidden, options.learning_rate, scores, time.monotonic() - started)


def _show(console: Console, text: str) -> None:
    if sys.stderr.isatty() and not console.quiet:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _table(found: list[Candidate], best: Candidate, score: str, console: Console) -> str:
    rows: list[dict[str, str]] = []
    for candidate in sorted(found, key=lambda candidate: -candidate.mean):
        rows.append(
            {
                "hidden": ",".join(map(str, candidate.hidden)),
                "learning rate": f"{candidate.rate:g}",
                score: shown(candidate.mean),
                "deviation": shown(candidate.deviation),
                "seconds": f"{candidate.seconds:.1f}",
                "": "chosen" if candidate is best else "",
            }
        )
    return text_table(
        [list(row.values()) for row in rows], list(rows[0]), "rrrrrl",
        ascii_only=console.ascii_only,
    )  # fmt: skip
