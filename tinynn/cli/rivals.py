"""Models beside the one that was asked for: a linear one, one of logarithms, one of all rows."""

from __future__ import annotations

import time
import warnings
from math import inf, sqrt
from typing import NamedTuple, Sequence, TypeVar

from ..checks.words import counted
from ..errors import DivergenceError
from ..estimators import Classifier, ConvergenceWarning, Estimator, Regressor
from ..estimators.prepared import Prepared
from ..metrics import r2_score
from ..preprocessing import LeftOut, TableEncoder
from ..report.findings import told_apart
from ..report.verdicts import with_interval
from .console import Console
from .models import Model
from .stages import Stages
from .tables import Label, Loaded, located
from .testing import Trial, answered, findings_of, tried

# The strength of scikit-learn's LogisticRegression and Ridge, and the steps of the former.
LINEAR_ALPHA, LINEAR_STEPS = 1.0, 100
# Numbers in a table on which a linear model is trained, by whether machine code does it; of larger
# ones some rows do.
MOST_NUMBERS = {True: 20_000_000, False: 100_000}
SKEWED = 2.0  # the skewness of targets from which their logarithms are tried
E = TypeVar("E", bound=Estimator)
CUT_SHORT = ("interrupted", "time budget")  # how trainings end that should not be followed by more
REFITTED = 10_000  # rows up to which the final model learns from all of them


def linear_trial(
    like: Classifier | Regressor,
    prepared: Prepared,
    test: Loaded,
    targets: Sequence[Label],
    console: Console,
    earlier: Trial | None = None,
) -> Trial | None:
    """Train the linear model beside `like`, say its scores, and return its answers to the test.

    None if its training diverges. `earlier` has the encoded rows of the test, if there was a trial.
    """
    started = time.monotonic()
    linear = like.fresh(
        hidden_layer_sizes=(), solver="lbfgs", alpha=LINEAR_ALPHA, max_iter=LINEAR_STEPS,
        early_stopping=False, n_iter_no_change=inf, dropout=0.0, clip_norm=None, callbacks=(),
        learning_rate="constant", tol=1e-4,
    )  # fmt: skip
    some = _thinned(prepared, MOST_NUMBERS[like.engine == "native"])
    if not _trained(linear, some):
        return None
    if linear.history_.stopped_by == "interrupted":
        raise KeyboardInterrupt
    model = Model("the linear model", linear, None)
    if earlier is None:
        trial = tried(model, test, range(len(model.columns)), targets, test.lines)
    else:
        trial = answered(model, earlier)
    found = findings_of(model, trial, test.file.name)
    rows = "" if some is prepared else f", trained on {len(some.X):,} rows"
    console.say(
        f"linear model: {with_interval(found, found.score)} on the rows to test"
        f"{rows}, {time.monotonic() - started:.1f} s"
    )
    return trial


def _trained(model: Estimator, table: Prepared, resume: str | None = None) -> bool:
    """Train without warnings; return whether that went well, and did not diverge."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit_prepared(table, resume)
    except DivergenceError:
        return False
    return True


def _thinned(prepared: Prepared, most: int) -> Prepared:
    """Return every k-th row of a table, so that it has no more than about `most` numbers."""
    step = max(1, len(prepared.X) * len(prepared.X[0]) // most)
    if step == 1:
        return prepared
    X, T, weights = prepared.part(range(0, len(prepared.X), step))
    return prepared._replace(X=X, T=T, weights=weights)


def skewness(values: Sequence[float]) -> float:
    """Return the mean of ((x − μ) / σ)³, 0 for constant values.

    >>> skewness([1.0, 2.0, 3.0])
    0.0
    """
    n = len(values)
    mean = sum(values) / n
    deviation = sqrt(sum([(x - mean) ** 2 for x in values]) / n)
    return sum([((x - mean) / deviation) ** 3 for x in values]) / n if deviation else 0.0


def with_logarithms(
    trained: Regressor,
    prepared: Prepared,
    targets: Sequence[float],
    console: Console,
    stages: Stages,
) -> tuple[Regressor, Prepared]:
    """Return the model, or one of the targets' logarithms if that answers validation rows better.

    It is tried where targets are skewed and none is negative. `targets` are those of all rows of
    the prepared table, which is returned as the model has learned it.
    """
    plainly = trained, prepared
    if min(targets) < 0.0 or skewness(targets) < SKEWED or not prepared.apart:
        return plainly
    if trained.history_.stopped_by in CUT_SHORT:
        return plainly
    other = trained.fresh(log_target=True)
    logarithms = other.retargeted(prepared, targets)
    if not _trained(other, logarithms, stages.file("logarithms")):
        return plainly
    if other.history_.stopped_by == "interrupted":
        trained.history_.stopped_by = "interrupted"  # by somebody who waits for an end
        return plainly
    X = prepared.part(prepared.apart)[0]
    wanted = [targets[i] for i in prepared.apart]
    models = [Model("a model", estimator, None) for estimator in (trained, other)]
    plain, by_log = (r2_score(wanted, model.answers(model.outputs(X))) for model in models)
    better = by_log > plain
    console.say(
        f"the target is skewed: its logarithm {'is' if better else 'was tried, but is not'} "
        f"learned, as it does {'better' if better else 'worse'} on the rows to decide when to stop "
        f"(R² {' against '.join(told_apart(by_log, plain))})"
    )
    return (other, logarithms) if better else plainly


class AllRows(NamedTuple):
    """All rows of a table without its target, the targets, and an encoder that has learned them."""

    table: Loaded
    targets: list[Label]
    encoder: TableEncoder


def keep_reasons(estimator: Estimator, looked: TableEncoder) -> None:
    """Give columns the reasons of an encoder that has seen all rows and guessed their kinds."""
    for j, column in enumerate(looked.columns):
        encoded = estimator.encoder_.columns[j]
        estimator.encoder_.columns[j] = (
            column if isinstance(column, LeftOut) else encoded._replace(reason=column.reason)
        )


def refitted(judged: E, whole: AllRows, refit: bool | None, console: Console, stages: Stages) -> E:
    """Return a model like the one that was judged, trained on all rows as long as that was best.

    Unless `refit` is given, that depends on the number of rows. If training is interrupted or
    diverges, the judged model is returned.
    """
    rows = len(whole.targets)
    cut_short = judged.history_.stopped_by in CUT_SHORT
    if refit is False or (refit is None and (rows > REFITTED or cut_short)):
        return judged
    epochs = max(judged.history_.best_epoch, 1)
    model = judged.fresh(early_stopping=False, n_iter_no_change=inf, callbacks=())
    with located(whole.table.file.name, whole.table.lines):
        prepared = model.prepare(whole.table.rows, whole.targets)
        model.set_params(warm_start=True, learning_rate="constant")
        phases = _phases(judged.history_.learning_rate[:epochs])
        for k, (rate, count) in enumerate(phases, 1):
            trouble = ""
            model.set_params(learning_rate_init=rate, max_iter=count)
            if not _trained(model, prepared, stages.file(f"all-rows-{k}")):
                trouble = "training on all rows diverged"
            elif model.history_.stopped_by == "interrupted":
                trouble = "interrupted"
            if trouble:
                console.note(f"note: {trouble}; the model that was tested is kept")
                return judged
    keep_reasons(model, whole.encoder)
    console.say()
    console.say(
        f"trained once more, now on all {rows:,} rows, for {counted(epochs, 'epoch')}, the best "
        "number: the model that is kept"
    )
    return judged.with_network_of(model)


def _phases(rates: Sequence[float]) -> list[tuple[float, int]]:
    """Return (learning rate, number of epochs) for each run of epochs with the same rate.

    >>> _phases([0.03, 0.03, 0.006])
    [(0.03, 2), (0.006, 1)]
    """
    runs: list[tuple[float, int]] = []
    for rate in rates:
        if runs and runs[-1][0] == rate:
            runs[-1] = rate, runs[-1][1] + 1
        else:
            runs.append((rate, 1))
    return runs
