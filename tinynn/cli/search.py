"""The search for sizes and a learning rate or penalty: a small grid, cross-validated.

A linear model takes part. With L-BFGS, which has no learning rate, the penalty alpha is searched.
"""

from __future__ import annotations

import argparse
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
from .rivals import LINEAR_ALPHA
from .tables import Label, Loaded, Target, located
from .testing import picked, split_rows
from .training import new_estimator, solver_of

SIZES = ([16], [64], [32, 16])
RATES, ALPHAS = (0.003, 0.01, 0.03), (0.1, 1.0, 10.0)
FOLDS = 3
MOST_ROWS = 2000  # of the training rows; more would say little more about sizes and rates
EPOCHS, PATIENCE = 60, 8


class Candidate(NamedTuple):
    """Sizes and the values of options, and their score in each fold.

    options: the options, by name, that give this model
    """

    options: dict[str, Any]
    scores: Vector
    seconds: float

    @property
    def mean(self) -> float:
        """The mean score."""
        return sum(self.scores) / len(self.scores)

    @property
    def deviation(self) -> float:
        """The standard deviation of the scores."""
        return _deviation(self.scores)


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
    )
    found: list[Candidate] = []
    started = time.monotonic()
    with located(table.file.name, lines), warnings.catch_warnings():
        notations = encoder.fresh().fit(table.rows).learned_notations()
        encoder = encoder.fresh(notations=notations)  # a fold may not show them
        # A candidate that needs more epochs simply gets a worse score.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for k, changes in enumerate(space):
            _show(console, f"search: {k + 1} of {len(space)}, hidden {_sizes(changes)}")
            began = time.monotonic()
            try:
                tried = argparse.Namespace(**{**vars(options), **changes})
                scores = _scored(tried, rows.rows, wanted, splits, target, encoder)
                found.append(Candidate(changes, scores, time.monotonic() - began))
            except KeyboardInterrupt:
                if not found:
                    raise
                console.note(f"note: interrupted; training with the best of {len(found)}")
                break
            if options.time_budget and time.monotonic() - started > options.time_budget:
                console.note(f"note: the time budget ended the search after {k + 1} models")
                break
    _show(console, "")
    best = max(found, key=lambda candidate: candidate.mean)
    console.say(_table(found, best, name, "accuracy" if classes else "R²", console))
    near = [each for each in found if each is not best and not _worse(each, best)]
    if near:
        console.say(
            f"{'One other is' if len(near) == 1 else f'{len(near)} others are'} within the noise "
            f"of the folds, so {'that' if len(near) == 1 else 'any of them'} may be as good; "
            f"the simplest: hidden {_sizes(min(near, key=_size).options)}"
        )
    vars(options).update(best.options)


def _worse(candidate: Candidate, best: Candidate) -> bool:
    """Return whether a candidate is worse than the best by more than two standard errors.

    The error is that of the mean difference, fold by fold.
    """
    apart = [b - a for a, b in zip(candidate.scores, best.scores)]
    return sum(apart) / len(apart) > 2.0 * _deviation(apart) / sqrt(len(apart))


def _deviation(values: Vector) -> float:
    """Return the standard deviation of a sample, 0 for one value; it may have infinities."""
    mean = sum(values) / len(values)
    return sqrt(sum([(x - mean) ** 2 for x in values]) / max(len(values) - 1, 1))


def _size(candidate: Candidate) -> tuple[int, int]:
    hidden = candidate.options["hidden"]
    return len(hidden), sum(hidden)


def _words(option: str) -> str:
    return option.replace("_", " ")


def _sizes(options: dict[str, Any]) -> str:
    return ",".join(map(str, options["hidden"])) or "none"


def _scored(
    options: argparse.Namespace,
    rows: list[list[str]],
    targets: list[Label],
    splits: Any,
    target: Target,
    encoder: TableEncoder,
) -> Vector:
    """Return the score in each fold."""
    scores = []
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
    return scores


def _show(console: Console, text: str) -> None:
    if sys.stderr.isatty() and not console.quiet:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _table(found: list[Candidate], best: Candidate, name: str, score: str, console: Console) -> str:
    rows: list[dict[str, str]] = []
    for candidate in sorted(found, key=lambda candidate: -candidate.mean):
        rows.append(
            {
                "hidden": _sizes(candidate.options),
                _words(name): f"{candidate.options[name]:g}" if name in candidate.options else "",
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
