"""What a test says about a model, in sentences: how good it is, and what to make of that.

A difference counts if chance alone explains it in fewer than 5 of 100 tests.
"""

from __future__ import annotations

from ..checks.words import counted
from .findings import METRICS, Findings, shown, span, told_apart

CHANCE = 0.05
WIDE = 0.2  # an interval of accuracy or R² that says little
LARGER_IS_BETTER = ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "r2")


def verdict(found: Findings) -> str:
    """Return the score of a model and, in lines of their own, sentences on what it is worth."""
    lines = [_classes(found) if found.score == "accuracy" else _numbers(found)]
    lines += advice(found)
    return "\n".join(lines)


def advice(found: Findings) -> list[str]:
    """Return sentences on a model: whether it beats a constant, a linear model, and chance."""
    said = _against_classes(found) if found.score == "accuracy" else _against_numbers(found)
    low, high = found.intervals.get(found.score, (0.0, 0.0))
    if high - low > WIDE and found.rows < 200:
        said.append(
            f"A test on {counted(found.rows, 'row')} says little: another one could well give an "
            f"{METRICS[found.score]} from {span((low, high))}."
        )
    return said + _against_linear(found)


def _classes(found: Findings) -> str:
    right = sum(found.confusion[i][i] for i in range(len(found.confusion)))
    return (
        f"test on {counted(found.rows, 'row')}: {with_interval(found, 'accuracy')}, {right:,} "
        f"right; always {_usual(found)}: {found.baseline:.3f}"
    )


def _numbers(found: Findings) -> str:
    return (
        f"test on {counted(found.rows, 'row')}: {with_interval(found, 'r2')}, "
        f"{with_interval(found, 'mean_absolute_error', ends=False)}; always the median: "
        f"{shown(found.metrics['baseline_mean_absolute_error'])}"
    )


def with_interval(found: Findings, name: str, ends: bool = True) -> str:
    """Return a metric with its interval: "accuracy 1.000 (0.95 to 1.00 with 95% confidence)"."""
    text = f"{METRICS[name]} {shown(found.metrics[name])}"
    interval = found.intervals.get(name)
    if interval is None:
        return text
    return f"{text} ({span(interval)}{' with 95% confidence' if ends else ''})"


def _usual(found: Findings) -> str:
    return f"{found.usual!r}, the most frequent class" if found.usual else "the most frequent class"


def beats(found: Findings, rival: str, name: str) -> bool | None:
    """Return whether the model is better than a rival by a metric, and not by chance alone.

    True if it is better, False if it is worse, None if it is not known or may be chance. The rival
    is "baseline" or "linear".
    """
    key = f"{rival}_{name}"
    if found.p_values.get(key, 1.0) >= CHANCE:
        return None
    better = found.metrics[name] > found.metrics[key]
    return better == (name in LARGER_IS_BETTER)


def _above_chance(found: Findings, name: str) -> bool:
    """Return whether the interval of a metric lies above what a constant answer has."""
    interval = found.intervals.get(name)
    return interval is not None and interval[0] > found.metrics[f"baseline_{name}"]


def _against_classes(found: Findings) -> list[str]:
    better = beats(found, "baseline", "accuracy")
    if better or (not found.p_values and found.metrics["accuracy"] > found.baseline):
        return []
    usual = repr(found.usual) if found.usual else "with the most frequent class"
    always = f"always answering {usual}"
    worse = f"By accuracy the model is {_worse(better)} than {always}"
    proof = []
    if _above_chance(found, "roc_auc"):
        proof.append(
            f"it ranks the rows: {with_interval(found, 'roc_auc', ends=False)}, where 0.5 is chance"
        )
    if beats(found, "baseline", "log_loss"):
        proof.append(
            f"its probabilities say more than the shares of the classes: log loss "
            f"{shown(found.metrics['log_loss'])} against "
            f"{shown(found.metrics['baseline_log_loss'])}"
        )
    if _above_chance(found, "balanced_accuracy"):
        proof.append(
            f"it finds the classes more often than chance: "
            f"{with_interval(found, 'balanced_accuracy', ends=False)}, where "
            f"{shown(found.metrics['baseline_balanced_accuracy'])} is chance"
        )
    ahead = found.metrics["accuracy"] > found.baseline
    if ahead and proof:
        worse = f"By accuracy the model's lead over {always} may be chance"
    if proof:
        return [f"{worse}, but {'; and '.join(proof[:2])}.", *_rare(found)]
    if ahead:
        return [f"That may be chance: the test does not show that the model beats {always}."]
    if not found.p_values:  # a file of an earlier version, which says no more
        return [f"{worse}."]
    return [f"{worse}, and by no other score is it better: it has learned nothing useful."]


def _worse(better: bool | None) -> str:
    return "worse" if better is False else "no better"


def _rare(found: Findings) -> list[str]:
    """Return a proposal if the model answers with the most frequent class too often."""
    if found.usual not in found.classes:
        return []
    i = found.classes.index(found.usual)
    if sum(row[i] for row in found.confusion) <= sum(found.confusion[i]):
        return []
    return ["To find more rows of the rarer classes, train with --class-weights balanced."]


def _against_numbers(found: Findings) -> list[str]:
    names = ("r2", "mean_absolute_error")
    by_squares, by_size = (beats(found, "baseline", name) for name in names)
    squares, sizes = (
        (found.metrics[name] > found.metrics[f"baseline_{name}"]) == (name in LARGER_IS_BETTER)
        for name in names
    )
    if not (squares or sizes) or not (sizes or by_squares) or not (squares or by_size):
        # Where one score is ahead, but perhaps by chance, and the other behind.
        worse = _worse(by_squares if by_size is None else by_size)
        return [
            f"The model is {worse} than always answering the mean or the median: it has learned "
            "nothing useful."
        ]
    if not sizes:
        return [
            f"By its mean absolute error the model is {_worse(by_size)} than always answering the "
            "median; only large errors are smaller. If typical errors matter, train with --loss "
            "absolute_error."
        ]
    if not squares:
        return [
            f"By R², in which large errors count most, the model is {_worse(by_squares)} than "
            "always answering the mean; by its mean absolute error it is better than always "
            "answering the median."
        ]
    if found.p_values and not by_squares and not by_size:
        return ["That may be chance: the test does not show that the model beats a constant."]
    return []


def _against_linear(found: Findings) -> list[str]:
    tried = (found.score, "log_loss", "mean_absolute_error")
    names = [name for name in tried if f"linear_{name}" in found.metrics]
    if not names:
        return []
    results = [beats(found, "linear", name) for name in names]
    decided = next((k for k, result in enumerate(results) if result is not None), 0)
    name, result = names[decided], results[decided]
    linear, own = told_apart(found.metrics[f"linear_{name}"], found.metrics[name])
    scores = f"{METRICS[name]} {linear} against {own}"
    if result:
        return []
    if result is None:
        return [
            f"A linear model is as good, as far as the test can tell ({scores}), and simpler: "
            "--hidden none trains one."
        ]
    return [f"A linear model is better ({scores}): --hidden none trains one."]
