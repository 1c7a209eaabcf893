"""`python3 -m benchmarks.estimators`: tinynn's estimators beside scikit-learn's, on real tables.

Five folds, the same for all; the same hidden layers, and otherwise each library's defaults. Three
answer: tinynn's Classifier or Regressor; scikit-learn's MLPClassifier or MLPRegressor as it is; and
that after a StandardScaler, because tinynn's estimators scale their columns themselves.

A score is the mean of the folds' accuracies (for diabetes R²), its standard error s / √5 with s the
standard deviation of the five. "within" says that tinynn's score is not below scikit-learn's by
more than the standard error of the latter. Times are seconds of processor time for fitting, all
folds together, on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import warnings
from importlib import import_module
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from tinynn.estimators import Classifier, Regressor

FOLDS = 5
TABLES = ("iris", "wine", "breast_cancer", "digits", "diabetes")


class Score(NamedTuple):
    """One implementation on one table."""

    table: str
    name: str
    scores: List[float]
    seconds: float
    epochs: List[int]
    engine: str

    @property
    def mean(self) -> float:
        return mean(self.scores)

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return stdev(self.scores) / sqrt(len(self.scores))


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the benchmark; return 0 if tinynn is within on every table, else 1; 2 without peers."""
    options = _parser().parse_args(arguments)
    try:
        sklearn: Any = import_module("sklearn")
    except ImportError:
        print("this benchmark needs scikit-learn: pip install scikit-learn", file=sys.stderr)
        return 2
    scores: List[Score] = []
    for table in options.only or TABLES:
        for name, make in _estimators(table, tuple(options.hidden), options.engine).items():
            print(f"{table}: {name} …", end=" ", file=sys.stderr, flush=True)
            scores.append(measure(table, name, make))
            print(f"{scores[-1].mean:.4f}", file=sys.stderr, flush=True)
    print(markdown(scores))
    if options.out is not None:
        setting = {
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "scikit-learn": sklearn.__version__,
            "hidden_layer_sizes": options.hidden,
            "folds": FOLDS,
        }
        rows = [{**score._asdict(), "mean": score.mean, "error": score.error} for score in scores]
        text = json.dumps({"setting": setting, "scores": rows}, indent=1)
        options.out.write_text(text + "\n", encoding="utf-8")
    return 0 if all(within(scores, table) for table in {score.table for score in scores}) else 1


def measure(table: str, name: str, make: Callable[[int], Any]) -> Score:
    """Return the scores of five folds; the estimator of a fold has the fold's number as seed."""
    X, y = getattr(import_module("sklearn.datasets"), f"load_{table}")(return_X_y=True)
    selection: Any = import_module("sklearn.model_selection")
    kind = selection.KFold if table == "diabetes" else selection.StratifiedKFold
    splitter = kind(FOLDS, shuffle=True, random_state=0)
    scores, epochs, engine, seconds = [], [], "", 0.0
    for fold, (train, test) in enumerate(splitter.split(X, y)):
        estimator = make(fold)
        started = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.fit(X[train], y[train])
        seconds += time.process_time() - started
        scores.append(float(estimator.score(X[test], y[test])))
        last = estimator[-1] if hasattr(estimator, "steps") else estimator
        epochs.append(int(last.n_iter_))
        engine = getattr(getattr(last, "history_", None), "engine", None) or ""
    return Score(table, name, scores, seconds, epochs, engine)


def within(scores: Sequence[Score], table: str) -> bool:
    """Return whether tinynn's score is not more than a standard error below scikit-learn's."""
    found = {score.name: score for score in scores if score.table == table}
    theirs = found["scikit-learn"]
    return found["tinynn"].mean >= theirs.mean - theirs.error


def markdown(scores: Sequence[Score]) -> str:
    """Return the scores as a table."""
    lines = [
        "| table | implementation | score ± standard error | seconds | epochs | within |",
        "|---|---|---|---|---|---|",
    ]
    for score in scores:
        verdict = ""
        if score.name == "tinynn":
            verdict = "yes" if within(scores, score.table) else "NO"
        name = f"{score.name} ({score.engine})" if score.engine else score.name
        lines.append(
            f"| {score.table} | {name} | {score.mean:.4f} ± {score.error:.4f} "
            f"| {score.seconds:.2f} | {mean(score.epochs):.0f} | {verdict} |"
        )
    return "\n".join(lines)


def _estimators(table: str, hidden: Any, engine: str) -> Dict[str, Callable[[int], Any]]:
    """Return the makers of estimators, by the name of their implementation."""
    networks: Any = import_module("sklearn.neural_network")
    ours: Any = Regressor if table == "diabetes" else Classifier
    theirs: Any = getattr(networks, f"MLP{ours.__name__}")

    def scaled(seed: int) -> Any:
        scaler = import_module("sklearn.preprocessing").StandardScaler()
        return import_module("sklearn.pipeline").make_pipeline(
            scaler, theirs(hidden_layer_sizes=hidden, random_state=seed)
        )

    return {
        "tinynn": lambda seed: ours(hidden_layer_sizes=hidden, random_state=seed, engine=engine),
        "scikit-learn": lambda seed: theirs(hidden_layer_sizes=hidden, random_state=seed),
        "scikit-learn, scaled": scaled,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks.estimators", description="tinynn beside scikit-learn's MLP"
    )
    parser.add_argument("--only", action="append", choices=TABLES, help="run only this table")
    parser.add_argument(
        "--hidden", type=int, nargs="*", default=[100], metavar="N", help="hidden layers (100)"
    )
    parser.add_argument("--engine", default="auto", help="tinynn's engine (auto)")
    parser.add_argument("--out", type=Path, help="write the results to this JSON file")
    return parser


if __name__ == "__main__":
    # One thread, as tinynn has; the libraries read this when they are first imported.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    sys.exit(main())
