"""`python3 -m benchmarks.estimators`: tinynn's estimators and scikit-learn's, on real tables.

All get the same five folds and the same hidden layers, and otherwise their library's defaults. The
three are tinynn's Classifier or Regressor; scikit-learn's MLPClassifier or MLPRegressor as it is;
and that after a StandardScaler, the fairer rival, because tinynn's estimators scale their columns.

A score is the mean of the folds' accuracies (R² for diabetes), its standard error s / √5 with s the
standard deviation of the five. tinynn is "within" one standard error if its score is not below the
other's by more than the other's standard error. `--shufflings 3` repeats everything for three
shufflings of the rows: scores and errors are their means, and "within" is counted. Times are CPU
seconds for fitting, on one thread, for the five folds of one shuffling.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from importlib import import_module
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Callable, NamedTuple, Sequence

from tinynn.estimators import Classifier, Regressor
from tinynn.files.atomic import write_text

from . import environment
from .results import Results
from .tables import circumstances

FOLDS = 5
TABLES = ("iris", "wine", "breast_cancer", "digits", "diabetes")
TINYNN, RAW, SCALED = "tinynn", "scikit-learn", "scikit-learn, scaled"


class Score(NamedTuple):
    """One implementation on one table: the folds' scores for each shuffling of the rows."""

    table: str
    name: str
    scores: list[list[float]]
    seconds: float
    epochs: float
    engine: str

    @property
    def mean(self) -> float:
        return mean(map(mean, self.scores))

    @property
    def error(self) -> float:
        """The standard error of the mean of one shuffling."""
        return mean(map(standard_error, self.scores))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0 if tinynn is within on every table, else 1; 2 without peers."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(words)
    module = "benchmarks.estimators"
    changed = environment.restart_if_late(environment.prepare(os.environ), words, module)
    try:
        import_module("sklearn")
    except ImportError:
        print("this benchmark needs scikit-learn; pip install scikit-learn", file=sys.stderr)
        return 2
    about = environment.describe(changed, environment.command_line(module, words))
    scores: list[Score] = []
    for table in options.only or TABLES:
        for name, make in _estimators(table, tuple(options.hidden), options.engine).items():
            print(f"{table}: {name} …", end=" ", file=sys.stderr, flush=True)
            scores.append(measure(table, name, make, options.shufflings))
            print(f"{scores[-1].mean:.4f}", file=sys.stderr, flush=True)
        text = report(scores, options.hidden, Results("estimators", about, []))
        if options.out is not None:  # write partial results, since a full run takes long
            write_text(options.out, text)
    print(text, end="")
    first = {score.table for score in scores}
    return 0 if all(within(scores, table, RAW) == options.shufflings for table in first) else 1


def measure(table: str, name: str, make: Callable[[int], Any], shufflings: int) -> Score:
    """Return the scores of five folds; the fold's number is the seed of its estimator."""
    X, y = getattr(import_module("sklearn.datasets"), f"load_{table}")(return_X_y=True)
    selection: Any = import_module("sklearn.model_selection")
    kind = selection.KFold if table == "diabetes" else selection.StratifiedKFold
    scores: list[list[float]] = []
    epochs, engine, seconds = [], "", 0.0
    for shuffling in range(shufflings):
        splitter = kind(FOLDS, shuffle=True, random_state=shuffling)
        scores.append([])
        for fold, (train, test) in enumerate(splitter.split(X, y)):
            estimator = make(fold)
            started = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                estimator.fit(X[train], y[train])
            seconds += time.process_time() - started
            scores[-1].append(float(estimator.score(X[test], y[test])))
            last = estimator[-1] if hasattr(estimator, "steps") else estimator
            epochs.append(int(last.n_iter_))
            engine = getattr(getattr(last, "history_", None), "engine", None) or ""
    return Score(table, name, scores, seconds / shufflings, mean(epochs), engine)


def within(scores: Sequence[Score], table: str, rival: str) -> int:
    """Return in how many shufflings tinynn is at most one standard error below the rival."""
    found = {score.name: score.scores for score in scores if score.table == table}
    return sum(
        mean(ours) >= mean(theirs) - standard_error(theirs)
        for ours, theirs in zip(found[TINYNN], found[rival])
    )


def report(scores: Sequence[Score], hidden: Sequence[int], results: Results) -> str:
    """Return the scores as a table, followed by what they mean and how they were measured."""
    lines = [
        "# tinynn's estimators and scikit-learn's",
        "",
        "| table | implementation | score ± standard error | seconds | epochs "
        "| within, of scikit-learn | of scikit-learn, scaled |",
        "|---|---|---|---|---|---|---|",
    ]
    for score in scores:
        verdicts = ["", ""]
        if score.name == TINYNN:
            counts = [within(scores, score.table, rival) for rival in (RAW, SCALED)]
            verdicts = [f"{count} of {len(score.scores)}" for count in counts]
        name = f"{score.name} ({score.engine})" if score.engine else score.name
        lines.append(
            f"| {score.table} | {name} | {score.mean:.4f} ± {score.error:.4f} "
            f"| {score.seconds:.2f} | {score.epochs:.0f} | {verdicts[0]} | {verdicts[1]} |"
        )
    layers = ", ".join(map(str, hidden)) or "none"
    shufflings = len(scores[0].scores)
    lines += [
        "",
        f"Hidden layers: {layers}. {FOLDS} folds, {shufflings} shuffling{'s'[: shufflings > 1]} of "
        "the rows; accuracy, R² for diabetes; CPU seconds to fit five folds. The last two columns "
        "count the shufflings in which tinynn's score is at most one standard error below the "
        "other's.",
        "",
        circumstances(results),
    ]
    return "\n".join(lines) + "\n"


def standard_error(scores: Sequence[float]) -> float:
    return stdev(scores) / sqrt(len(scores))


def _estimators(table: str, hidden: Any, engine: str) -> dict[str, Callable[[int], Any]]:
    """Return functions that make estimators, by implementation."""
    networks: Any = import_module("sklearn.neural_network")
    ours: Any = Regressor if table == "diabetes" else Classifier
    theirs: Any = getattr(networks, f"MLP{ours.__name__}")

    def scaled(seed: int) -> Any:
        scaler = import_module("sklearn.preprocessing").StandardScaler()
        return import_module("sklearn.pipeline").make_pipeline(
            scaler, theirs(hidden_layer_sizes=hidden, random_state=seed)
        )

    return {
        TINYNN: lambda seed: ours(hidden_layer_sizes=hidden, random_state=seed, engine=engine),
        RAW: lambda seed: theirs(hidden_layer_sizes=hidden, random_state=seed),
        SCALED: scaled,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks.estimators", description="Compare with scikit-learn's MLP."
    )
    parser.add_argument("--only", action="append", choices=TABLES, help="run only this table")
    parser.add_argument(
        "--hidden",
        type=int,
        nargs="*",
        default=[100],
        metavar="N",
        help="sizes of hidden layers (100)",
    )
    parser.add_argument(
        "--shufflings",
        type=int,
        default=1,
        metavar="N",
        help="shufflings of the rows into folds (1)",
    )
    parser.add_argument("--engine", default="auto", help="tinynn's engine (auto)")
    parser.add_argument("--out", type=Path, help="write the table to this Markdown file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
