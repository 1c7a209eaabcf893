"""The benchmarks of the estimators: who is within a standard error, and what a patience would do.

No time that is measured here decides anything.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # benchmarks is not installed

from benchmarks import defaults, estimators
from benchmarks.estimators import RAW, SCALED, TINYNN, Score, within
from benchmarks.results import Results

ABOUT = {
    "interpreter": "CPython 3.11.7", "processor": "a processor", "system": "a system",
    "versions": {"tinynn": "0.1.0"}, "date": "today", "command": "a command",
}  # fmt: skip
# The standard error of 0.8, 0.9, 1.0, 0.9, 0.9 is 0.0316.
THEIRS = [0.8, 0.9, 1.0, 0.9, 0.9]
SCORES = [
    Score("iris", TINYNN, [[0.87] * 5, [0.86] * 5], 1.5, 20.0, "unrolled"),
    Score("iris", RAW, [THEIRS, THEIRS], 0.5, 30.0, ""),
    Score("iris", SCALED, [[0.8, 0.8, 0.8, 0.8, 0.8], [0.9] * 5], 0.5, 40.0, ""),
]


def test_within_is_counted_by_shuffling():
    assert within(SCORES, "iris", RAW) == 1  # 0.87 is not below 0.9 − 0.0316, 0.86 is
    assert within(SCORES, "iris", SCALED) == 1


def test_the_report_says_it_all():
    text = estimators.report(SCORES, [100], Results("estimators", ABOUT, []))
    assert (
        "| iris | tinynn (unrolled) | 0.8650 ± 0.0000 | 1.50 | 20 | 1 of 2 | 1 of 2 |\n"
        "| iris | scikit-learn | 0.9000 ± 0.0316 | 0.50 | 30 |  |  |\n"
    ) in text
    assert "Hidden layers: 100. 5 folds, 2 shufflings of the rows" in text
    assert text.endswith("a system, one thread each; tinynn 0.1.0; today; `a command`.\n")


@pytest.mark.filterwarnings("ignore")
def test_a_patience_is_read_from_one_long_training():
    pytest.importorskip("sklearn")
    found = defaults.patience_scores(defaults.Table("moons", 60, 1), 1)
    epochs = [found[str(patience)][1] for patience in sorted(defaults.PATIENCES)]
    assert epochs == sorted(epochs) and epochs[0] >= 6 and epochs[-1] == 200
    assert found["5"][0] > 0.7  # of moons half are one class


def test_choices_are_compared_with_the_first():
    rows = [{"a": (0.5, 10.0), "b": (0.6, 20.0)}, {"a": (0.7, 30.0), "b": (1.0, 40.0)}]
    assert defaults.markdown(rows, "rule", "updates") == (
        "| rule | score | difference | mean updates |\n|---|---|---|---|\n"
        "| a | 0.6000 | +0.0000 ± 0.0000 | 20 |\n"
        "| b | 0.8000 | +0.2000 ± 0.1000 | 30 |"
    )
