"""`python3 -m benchmarks.defaults`: how defaults were chosen, on made-up tables.

All were chosen on tables that no other benchmark or test uses to judge them: five kinds of made-up
data, each in four sizes and with several seeds, and always with 500 fresh rows to test on.

batch:     the `batch_size="auto"` of Classifier and Regressor. A row of the result is a rule for
           the number of rows in a batch. Training steps equal scikit-learn's (tests/test_sklearn.py
           checks that), so its MLP does the work here, with its defaults, on scaled columns.
patience:  how many epochs `tinynn train` goes on without a better validation loss. Each model is
           trained once, for all 200 epochs, with the command's defaults; that one training shows
           where each patience would have stopped, and the score of the best weights until then.
rows:      how many rows `tinynn train` puts into a batch, on tables that are larger.
rate:      its learning rate, and whether that falls where the validation loss does not.
solver:    its solver, with early stopping, for tables of different sizes.

Scores are accuracy or R², means over all tables; ± is the standard error of the mean difference
from the first row, paired by table.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from importlib import import_module
from math import inf, sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Callable, Dict, Mapping, NamedTuple, Sequence, Tuple

from tinynn.cli import options as command_options
from tinynn.cli.training import USUAL, new_estimator
from tinynn.files.atomic import write_text
from tinynn.preprocessing import TableEncoder
from tinynn.training.callbacks import Callback

from . import environment
from .results import Results
from .tables import circumstances

SIZES = (60, 150, 500, 1500)
TEST_ROWS = 500
Rule = Callable[[int], int]
Changes = Dict[str, Any]
Scores = Dict[str, Tuple[float, float]]  # of each choice: its score and its cost
RULES: dict[str, Rule] = {
    "a tenth, 10 to 200": lambda n: min(200, max(10, n // 10)),
    "all, at most 200 (scikit-learn's)": lambda n: min(n, 200),
    "a twentieth, 10 to 200": lambda n: min(200, max(10, n // 20)),
    "a tenth, 32 to 200": lambda n: min(n, 200, max(32, n // 10)),
    "32": lambda n: min(n, 32),
}
COMMAND_RULES: dict[str, Rule] = {
    "32": lambda n: 32,
    "a 400th, 32 to 128": lambda n: min(128, max(32, n // 400)),
    "a 200th, 32 to 256": lambda n: min(256, max(32, n // 200)),
    "a 100th, 32 to 256": lambda n: min(256, max(32, n // 100)),
    "a 100th, 32 to 512": lambda n: min(512, max(32, n // 100)),
    "a 50th, 32 to 256": lambda n: min(256, max(32, n // 50)),
}
ADAM = dict(zip(("alpha", "n_iter_no_change"), USUAL["adam"]), solver="adam")
RATE_CHANGES: dict[str, Changes] = {
    "0.01": {**ADAM, "learning_rate": "constant", "learning_rate_init": 0.01},
    "0.003": {**ADAM, "learning_rate": "constant", "learning_rate_init": 0.003},
    "0.03, a fifth on a plateau": {**ADAM, "learning_rate_init": 0.03},
    "0.01, a fifth on a plateau": {**ADAM, "learning_rate_init": 0.01},
    "0.003, a fifth on a plateau": {**ADAM, "learning_rate_init": 0.003},
}
SOLVER_CHANGES: dict[str, Changes] = {
    "adam": ADAM,
    **{
        f"lbfgs, alpha {alpha:g}, patience {patience}": {
            "solver": "lbfgs",
            "alpha": alpha,
            "n_iter_no_change": patience,
        }
        for alpha, patience in ((1e-4, 10), (0.1, 10), (1.0, 10), (1.0, 20), (10.0, 20))
    },
}
PATIENCES = (10, 5, 15, 20, 30, 50, 200)
FIRST_SEED = 1000


class Table:
    """Made-up rows to train and test on, of one kind, size and seed."""

    def __init__(self, kind: str, rows: int, seed: int) -> None:
        made: Any = import_module("sklearn.datasets")
        n, self.classes = rows + TEST_ROWS, not kind.startswith("numbers")
        if kind == "clusters":
            X, y = made.make_classification(
                n, 10, n_informative=5, n_classes=3, flip_y=0.05, random_state=seed
            )
        elif kind == "moons":
            X, y = made.make_moons(n, noise=0.3, random_state=seed)
        elif kind == "shells":
            X, y = made.make_gaussian_quantiles(
                n_samples=n, n_features=6, n_classes=3, random_state=seed
            )
        elif kind == "numbers, curved":
            X, y = made.make_friedman1(n, noise=1.0, random_state=seed)
        else:
            X, y = made.make_regression(n, 10, n_informative=6, noise=30.0, random_state=seed)
        if not self.classes:
            y = (y - y.mean()) / y.std()
        self.train, self.test = (X[:rows], y[:rows]), (X[rows:], y[rows:])

    @property
    def lists(self) -> list[tuple[list[Any], list[Any]]]:
        """The rows and targets to train on, and those to test on, as lists."""
        return [(X.tolist(), y.tolist()) for X, y in (self.train, self.test)]


KINDS = ("clusters", "moons", "shells", "numbers, curved", "numbers, straight")


def batch_scores(table: Table, seed: int) -> Scores:
    """Return each rule's score and number of updates."""
    networks: Any = import_module("sklearn.neural_network")
    scaler = import_module("sklearn.preprocessing").StandardScaler().fit(table.train[0])
    found = {}
    for name, rule in RULES.items():
        rows = len(table.train[0])
        kind = networks.MLPClassifier if table.classes else networks.MLPRegressor
        model = kind(batch_size=rule(rows), random_state=seed)
        model.fit(scaler.transform(table.train[0]), table.train[1])
        score = model.score(scaler.transform(table.test[0]), table.test[1])
        found[name] = (float(score), model.n_iter_ * -(-rows // rule(rows)))
    return found


def command_model(table: Table, seed: int, **changes: Any) -> Any:
    """Return the untrained model of `tinynn train` with its defaults and these changes."""
    given = command_options.train().parse_args(["-", "--target", "y", "--seed", str(seed)])
    task = "classify" if table.classes else "regress"
    return new_estimator(task, TableEncoder(), given, len(table.train[0]), **changes)


def command_scores(
    variants: Mapping[str, Callable[[int], Changes]], cost: Callable[[Any, int], float]
) -> Callable[[Table, int], Scores]:
    """Return what measures the score and the cost of each variant of the command's settings.

    A variant is a function from the number of rows to changes; cost, of a trained model and rows.
    """

    def measured(table: Table, seed: int) -> Scores:
        (X, y), (X_test, y_test) = table.lists
        found = {}
        for name, changes in variants.items():
            model = command_model(table, seed, **changes(len(X))).fit(X, y)
            found[name] = (float(model.score(X_test, y_test)), cost(model, len(X)))
        return found

    return measured


def always(changes: Changes) -> Callable[[int], Changes]:
    """Return a variant with these changes for any number of rows."""
    return lambda rows: changes


def by_rule(rule: Rule) -> Callable[[int], Changes]:
    """Return a variant with a rule for the rows of a batch."""
    return lambda rows: {"batch_size": rule(rows)}


def updates(model: Any, rows: int) -> float:
    """Return how many updates a training made."""
    trained = rows - round(rows * model.validation_fraction)
    return float(model.n_iter_ * -(-trained // model.batch_size))


def epochs(model: Any, rows: int) -> float:
    """Return how many epochs a training took."""
    return float(model.n_iter_)


class Watcher(Callback):
    """Stores the score on the test rows after each epoch that is the best so far."""

    def __init__(self, score: Callable[[], float]) -> None:
        self.score = score
        self.scores: dict[int, float] = {}

    def on_epoch_end(self, trainer: Any) -> None:
        losses = trainer.history.validation_loss
        if losses[-1] < min(losses[:-1], default=inf):
            self.scores[len(losses) - 1] = self.score()


def patience_scores(table: Table, seed: int) -> Scores:
    """Return the score and the number of epochs with each patience."""
    (X, y), (X_test, y_test) = table.lists
    model = command_model(table, seed, **{**ADAM, "n_iter_no_change": 200})
    watcher = Watcher(lambda: float(model.score(X_test, y_test)))
    model.set_params(callbacks=(watcher,)).fit(X, y)
    losses = model.history_.validation_loss
    found = {}
    for patience in PATIENCES:
        best = 0
        for epoch, loss in enumerate(losses):
            if loss < losses[best]:
                best = epoch
            if epoch - best > patience:
                break
        found[str(patience)] = (watcher.scores[best], float(epoch + 1))
    return found


def markdown(rows: Sequence[Scores], what: str, cost: str) -> str:
    """Return a table with a line for each choice, compared with the first."""
    lines = [f"| {what} | score | difference | mean {cost} |", "|---|---|---|---|"]
    first = next(iter(rows[0]))
    for name in rows[0]:
        apart = [row[name][0] - row[first][0] for row in rows]
        lines.append(
            f"| {name} | {mean(row[name][0] for row in rows):.4f} | {mean(apart):+.4f} ± "
            f"{stdev(apart) / sqrt(len(apart)):.4f} | {mean(row[name][1] for row in rows):,.0f} |"
        )
    return "\n".join(lines)


class Study(NamedTuple):
    """What is measured on a table with a seed, what it costs, and the sizes of the tables."""

    measure: Callable[[Table, int], Scores]
    cost: str
    sizes: tuple[int, ...] = SIZES


STUDIES = {
    "batch": Study(batch_scores, "updates"),
    "patience": Study(patience_scores, "epochs"),
    "rows": Study(
        command_scores({name: by_rule(rule) for name, rule in COMMAND_RULES.items()}, updates),
        "updates", (1500, 6000, 24000),
    ),
    "rate": Study(
        command_scores({name: always(changes) for name, changes in RATE_CHANGES.items()}, epochs),
        "epochs", (60, 150, 500, 1500, 6000),
    ),
    "solver": Study(
        command_scores({name: always(changes) for name, changes in SOLVER_CHANGES.items()}, epochs),
        "epochs", (60, 150, 500, 1500, 6000),
    ),
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a study and print its tables."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks.defaults", description="Show how defaults were chosen."
    )
    parser.add_argument("study", choices=tuple(STUDIES))
    parser.add_argument("--seeds", type=int, default=3, help="tables of each kind and size (3)")
    parser.add_argument("--out", type=Path, help="write the tables to this Markdown file")
    options = parser.parse_args(words)
    module = "benchmarks.defaults"
    changed = environment.restart_if_late(environment.prepare(os.environ), words, module)
    about = environment.describe(changed, environment.command_line(module, words))
    warnings.simplefilter("ignore")
    measure, cost, sizes = STUDIES[options.study]
    found: dict[int, list[Scores]] = {rows: [] for rows in sizes}
    for rows in sizes:
        for kind in KINDS:
            for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
                found[rows].append(measure(Table(kind, rows, seed), seed))
            print(f"{rows} rows, {kind}: done", file=sys.stderr, flush=True)
    parts = [f"# Choosing a default: {options.study}"]
    parts += [markdown([row for part in found.values() for row in part], options.study, cost)]
    parts += [f"{rows} rows:\n\n{markdown(found[rows], options.study, cost)}" for rows in sizes]
    parts.append(circumstances(Results("defaults", about, [])))
    text = "\n\n".join(parts) + "\n"
    print(text, end="")
    if options.out is not None:
        write_text(options.out, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
