"""`tinynn compare`: two models on the same rows, and whether the difference means anything."""

from __future__ import annotations

import argparse

from ..checks.words import counted
from ..errors import DataError
from ..metrics.intervals import Comparison, compared, mean_p_value
from ..report.findings import METRICS, Findings, shown, span
from ..report.verdicts import CHANCE
from ..view import text_table
from .console import Console
from .evaluate import trial_of
from .models import load_model
from .tables import open_table
from .testing import errors_of, findings_of, last_rows


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    models = [
        load_model(path, options.decimal, options.missing)
        for path in (options.first, options.second)
    ]
    if models[0].estimator.kind != models[1].estimator.kind:
        raise DataError(
            f"{options.first} is a {models[0].estimator.kind} and {options.second} a "
            f"{models[1].estimator.kind}: they cannot be compared"
        )
    file = open_table(options.data, options, models[0])
    trials = [trial_of(model, file, options, console) for model in models]
    # Models of a series with different lags answer all rows but the first ones.
    least = min(len(trial.targets) for trial in trials)
    trials = [last_rows(trial, least) for trial in trials]
    first, second = (findings_of(m, t, file.name) for m, t in zip(models, trials))
    result = compared(errors_of(trials[0]), errors_of(trials[1]))
    rows: list[list[str]] = [
        [METRICS.get(name, name), _with_interval(first, name), _with_interval(second, name)]
        for name in first.metrics
        if name in second.metrics and not name.startswith(("baseline_", "linear_"))
    ]
    console.say(f"on {first.rows:,} rows of {file.name}, with 95% intervals:")
    console.say()
    console.show(
        text_table(rows, ["", options.first, options.second], "lrr", ascii_only=console.ascii_only)
    )
    better = "right" if first.score == "accuracy" else "closer"
    console.say()
    console.say(
        f"the first model alone is {better} in {counted(result.only_first, 'row')}, the second "
        f"alone in {counted(result.only_second, 'row')}; the chance of such a difference between "
        f"equally good models: p = {result.p_value:.2g}"
    )
    difference = second.metrics[second.score] - first.metrics[first.score]
    p_value = result.p_value
    if first.score == "r2":
        # Which has the higher R² and which is more often closer are different questions.
        errors = zip(errors_of(trials[0]), errors_of(trials[1]))
        p_value = mean_p_value([a * a - b * b for a, b in errors])
    console.say(_verdict(difference, p_value, result))
    console.result(
        {
            "rows": first.rows,
            "first": first.metrics,
            "second": second.metrics,
            "score": first.score,
            "difference": difference,
            "difference_p_value": p_value,
            **result._asdict(),
        }
    )
    if options.no_worse_than is not None and difference < -options.no_worse_than:
        console.note(
            f"the second model's {second.score} is lower by {-difference:.4f}, more than "
            f"{options.no_worse_than:g}"
        )
        return 1
    return 0


def _with_interval(found: Findings, name: str) -> str:
    interval = found.intervals.get(name)
    return shown(found.metrics[name]) + (f" ({span(interval)})" if interval else "")


def _verdict(difference: float, p_value: float, result: Comparison) -> str:
    if p_value < CHANCE:
        return f"The {'second' if difference > 0.0 else 'first'} is better."
    if result.p_value < CHANCE:
        often = "first" if result.only_first > result.only_second else "second"
        return f"The {often} is more often closer, but R² does not show which of the two is better."
    return "These rows do not show which of the two is better."
