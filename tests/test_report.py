"""Reports: findings against metrics, importance of what matters, pages that load nothing."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from math import log
from random import Random

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.errors import FormatError
from tinynn.metrics import accuracy, log_loss, roc_auc
from tinynn.report import measures
from tinynn.report.charts import (
    Chart,
    effect_charts,
    importance_chart,
    network_chart,
    test_charts as charts_of_test,
    training_charts,
)
from tinynn.report.findings import Effect, Findings, Miss, metric_table, shown
from tinynn.report.measures import (
    ClassAnswers,
    classifier_findings,
    effect,
    importance,
    regressor_findings,
)
from tinynn.report.page import Section, page
from tinynn.report.verdicts import advice, verdict
from tinynn.training.history import History

HOSTILE = '"><script>alert(1)</script>&\x00\x1b[31m'
# The mean of the training was 2, the median 1; the model is exact but for the last.
NUMBERS = regressor_findings("t.csv", [1.0, 2.0, 3.0], [1.0, 2.0, 4.0], 2.0, 1.0)


def three_classes(names=("a", "b", "c")):
    """Return findings on six rows of three classes, of which one is wrong."""
    truth = [names[i] for i in (0, 0, 1, 1, 2, 2)]
    P = [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.7, 0.2], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7],
         [0.0, 0.0, 1.0]]  # fmt: skip
    answers = [names[row.index(max(row))] for row in P]
    found = classifier_findings("t.csv", truth, ClassAnswers(answers, P), list(names), [2, 1, 1])
    return found, truth, answers, P


# --- findings ---------------------------------------------------------------------------------


def test_findings_are_the_metrics_of_the_library():
    found, truth, answers, P = three_classes()
    assert found.rows == 6
    assert found.metrics["accuracy"] == accuracy(truth, answers) == 5 / 6
    assert found.metrics["log_loss"] == log_loss(truth, P)
    assert found.metrics["roc_auc"] == roc_auc(truth, P)
    assert found.baseline == 1 / 3
    assert found.confusion == [[2, 0, 0], [1, 1, 0], [0, 0, 2]]
    assert list(found.roc) == ["a", "b", "c"]
    assert all(
        points[0] == [0.0, 0.0] and points[-1] == [1.0, 1.0] for points in found.roc.values()
    )
    assert sum(rows for _, _, rows in found.calibration) == 6


def test_findings_on_two_classes_speak_of_the_second():
    P = [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]
    found = classifier_findings(
        "t", ["no", "yes", "no"], ClassAnswers(["no", "yes", "yes"], P), ["no", "yes"], [3, 2]
    )
    assert list(found.roc) == ["yes"]
    assert found.calibration == [[0.1, 0.0, 1.0], [0.6, 0.0, 1.0], [0.8, 1.0, 1.0]]
    assert found.metrics["calibration_error"] == pytest.approx((0.1 + 0.6 + 0.2) / 3)


def test_a_class_that_is_not_in_the_test_is_no_failure():
    P = [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]
    found = classifier_findings(
        "t", ["a", "b"], ClassAnswers(["a", "b"], P), ["a", "b", "c"], [2, 1, 1]
    )
    assert found.metrics["macro_f1"] == found.metrics["balanced_accuracy"] == 1.0
    assert "roc_auc" not in found.metrics
    alone = classifier_findings("t", ["a"], ClassAnswers(["a"], P[:1]), ["a", "b", "c"], [2, 1, 1])
    assert alone.roc == {}
    assert charts_of_test(alone)


def test_findings_on_numbers():
    assert NUMBERS.metrics["r2"] == 0.5
    assert NUMBERS.baseline == 0.0
    assert NUMBERS.metrics["mean_absolute_error"] == pytest.approx(1 / 3)
    assert NUMBERS.metrics["baseline_mean_absolute_error"] == 1.0  # of the median, 1
    assert NUMBERS.metrics["baseline_root_mean_squared_error"] == (2 / 3) ** 0.5  # of the mean, 2
    assert NUMBERS.pairs == [[1.0, 1.0], [2.0, 2.0], [3.0, 4.0]]


def test_long_findings_are_thinned_evenly():
    values = [float(i) for i in range(10_000)]
    found = regressor_findings("t", values, values, 0.0, 0.0)
    assert len(found.pairs) == 1000
    assert found.pairs[0] == [0.0, 0.0]
    assert found.pairs[-1] == [9999.0, 9999.0]
    answers = [-5.0 if t % 1000 == 7 else t for t in values]
    pairs = regressor_findings("t", values, answers, 0.0, 0.0).pairs
    assert len(pairs) == 1000
    assert sum(y == -5.0 for _, y in pairs) == 10  # no outlier is lost
    rng = Random(1)
    truth = [rng.randrange(2) for _ in range(2000)]
    P = [[1 - p, p] for p in (rng.random() for _ in range(2000))]
    curve = classifier_findings("t", truth, ClassAnswers(truth, P), [0, 1], [1, 1]).roc["1"]
    assert len(curve) == 200
    assert (curve[0], curve[-1]) == ([0.0, 0.0], [1.0, 1.0])


def test_findings_come_back_from_what_is_written():
    effects = {
        "x": Effect([1.0, 2.0], {"a": [0.0, 0.5]}),
        "y": Effect(["p", "q"], {"": [1.0, 2.0]}),
    }
    more = {"effects": effects, "worst": [Miss(7, "a", "b", 0.25, {})]}
    for found in (three_classes()[0]._replace(**more), NUMBERS):
        content = json.loads(json.dumps(found.to_dict()))
        assert Findings.from_dict(content, "t") == found


def test_findings_are_kept_without_the_cells_of_rows():
    found = NUMBERS._replace(worst=[Miss(7, "1", "2", None, {"name": "secret"})])
    assert "secret" not in json.dumps(found.to_dict())


def test_findings_of_earlier_files_are_read():
    content = three_classes()[0].to_dict()
    for key in ("intervals", "p_values", "usual", "effects", "worst"):
        del content[key]
    found = Findings.from_dict(content, "t")
    assert (found.intervals, found.usual, found.worst) == ({}, "", [])
    assert verdict(found) == (
        "test on 6 rows: accuracy 0.833, 5 right; always the most frequent class: 0.333"
    )
    worse = found._replace(metrics={**found.metrics, "accuracy": 0.333, "baseline_accuracy": 0.4})
    assert verdict(worse).splitlines()[1:] == [
        "By accuracy the model is no better than always answering with the most frequent class."
    ]
    # Its columns were weighed by accuracy; those of a new file are by what shows more.
    assert worse.weighed_by == "accuracy"
    assert worse._replace(intervals={"accuracy": [0.1, 0.5]}).weighed_by == "log_loss"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rows", -1), ("rows", True), ("rows", "6"), ("metrics", {"accuracy": float("nan")}),
        ("metrics", {}), ("score", 5), ("score", "r2"), ("classes", [1, 2, 3]),
        ("classes", ["a"]), ("confusion", [[1]]), ("confusion", [[-1, 0, 0]] * 3),
        ("roc", [[0, 1]]), ("roc", {"a": [[0]]}), ("calibration", [[0, 1]]),
        ("pairs", [["1", "2"]]), ("pairs", [[1e999, 0]]), ("importance", {"x": 1}),
        ("source", None), ("intervals", {"r2": [0.0]}), ("p_values", {"r2": "0"}), ("usual", 1),
        ("effects", {"x": {"at": [1.0, "a"], "answers": {}}}), ("effects", {"x": []}),
        ("effects", {"x": {"at": [1.0], "answers": {"a": [0.0, 1.0]}}}), ("worst", [[1]]),
        ("worst", [{"line": -1, "true": "a", "answer": "b", "probability": None}]),
        ("worst", [{"line": 1, "true": "a", "answer": 2, "probability": None}]),
    ],
)  # fmt: skip
def test_findings_that_were_edited_are_refused(field, value):
    content = three_classes()[0].to_dict()
    content[field] = value
    with pytest.raises(FormatError) as caught:
        Findings.from_dict(content, "model.json: findings")
    assert str(caught.value).startswith("model.json: findings ")


@pytest.mark.parametrize("content", [None, [], {}, {"rows": 1}, "findings"])
def test_other_things_than_findings_are_refused(content):
    with pytest.raises(FormatError):
        Findings.from_dict(content, "x")


# --- verdicts ----------------------------------------------------------------------------------


def two_classes(p_yes, truth, linear=None, threshold=0.5, counts=(900, 100)):
    """Return findings on the classes no and yes, of which `counts` were in training."""

    def answered(ps):
        P = [[1.0 - p, p] for p in ps]
        return ClassAnswers(["yes" if p > threshold else "no" for p in ps], P)

    words = ["yes" if t else "no" for t in truth]
    other = None if linear is None else answered(linear)
    return classifier_findings("t", words, answered(p_yes), ["no", "yes"], counts, other)


def rare(count=1000):
    """Return a model's probabilities, which rank rows of which 1 in 10 is yes, and the truth."""
    rng = Random(5)
    truth = [i % 10 == 0 for i in range(count)]
    scores = [0.05 + 0.1 * t + 0.3 * rng.random() ** 2 for t in truth]
    return scores, truth


def test_a_model_that_ranks_rows_has_learned_something():
    scores, truth = rare()
    found = two_classes(scores, truth)
    assert found.metrics["accuracy"] == found.baseline == 0.9
    assert found.metrics["roc_auc"] == pytest.approx(0.778, abs=0.001)
    assert advice(found) == [
        "By accuracy the model is no better than always answering 'no', but it ranks the rows: "
        "area under ROC 0.778 (0.73 to 0.82), where 0.5 is chance; and its probabilities say more "
        "than the shares of the classes: log loss 0.297 against 0.325.",
        "To find more rows of the rarer classes, train with --class-weights balanced.",
    ]
    # With such weights it answers yes more often: nothing is left to propose.
    weighted = two_classes(scores, truth, threshold=0.15)
    assert weighted.metrics["accuracy"] < 0.9
    (sentence,) = advice(weighted)
    assert sentence.startswith("By accuracy the model is worse than always answering 'no', but it ")


def test_a_model_without_any_score_above_a_constants_has_learned_nothing():
    rng = Random(2)
    scores = [0.1 + 0.05 * rng.random() for _ in range(1000)]
    found = two_classes(scores, rare()[1])
    assert advice(found) == [
        "By accuracy the model is no better than always answering 'no', and by no other score is "
        "it better: it has learned nothing useful."
    ]
    wrong = two_classes([0.9 * rng.random() for _ in range(1000)], rare()[1])
    assert advice(wrong) == [
        "By accuracy the model is worse than always answering 'no', and by no other score is it "
        "better: it has learned nothing useful."
    ]


def test_baselines_are_those_of_the_training():
    found = two_classes([0.2, 0.6], [False, True], counts=(1, 3))
    assert found.usual == "yes"
    assert found.metrics["baseline_accuracy"] == 0.5
    assert found.metrics["baseline_log_loss"] == pytest.approx(-(log(0.25) + log(0.75)) / 2)
    assert found.metrics["baseline_balanced_accuracy"] == 0.5
    assert found.metrics["baseline_roc_auc"] == 0.5


def test_a_small_test_says_so():
    found = two_classes([0.2, 0.3, 0.9, 0.8], [False, False, True, True], counts=(2, 2))
    assert verdict(found) == (
        "test on 4 rows: accuracy 1.000 (0.51 to 1.00 with 95% confidence), 4 right; always 'no', "
        "the most frequent class: 0.500\nBy accuracy the model's lead over always answering 'no' "
        "may be chance, but its probabilities say more than the shares of the classes: log loss "
        "0.227 against 0.693; and it finds the classes more often than chance: balanced accuracy "
        "1.000 (0.53 to 1.00), where 0.500 is chance.\nA test on 4 rows says little: another one "
        "could well give an accuracy from 0.51 to 1.00."
    )
    doubtful = two_classes([0.4, 0.45, 0.49, 0.55], [False, False, True, True], counts=(2, 2))
    assert advice(doubtful)[0] == (
        "That may be chance: the test does not show that the model beats always answering 'no'."
    )


def test_a_linear_model_that_is_as_good_is_said_to_be():
    rng = Random(4)
    truth = [rng.random() < 0.5 for _ in range(400)]
    good = [0.9 * t + 0.1 * rng.random() for t in truth]
    noisy = [min(max(p + rng.gauss(0, 0.3), 0.01), 0.99) for p in good]
    bad = [rng.random() for _ in truth]
    equal = two_classes(noisy, truth, [p + 0.001 for p in noisy])
    assert advice(equal) == [
        "A linear model is as good, as far as the test can tell (accuracy "
        f"{equal.metrics['linear_accuracy']:.3f} against {equal.metrics['accuracy']:.3f}), and "
        "simpler: --hidden none trains one."
    ]
    better = two_classes(noisy, truth, good)
    assert advice(better) == [
        f"A linear model is better (accuracy 1.000 against {better.metrics['accuracy']:.3f}): "
        "--hidden none trains one."
    ]
    assert advice(two_classes(good, truth, bad)) == []
    # The same answers, but more honest probabilities.
    surer = two_classes([0.51 if p > 0.5 else 0.49 for p in noisy], truth, noisy)
    assert surer.metrics["accuracy"] == surer.metrics["linear_accuracy"]
    (sentence,) = advice(surer)
    assert sentence.startswith("A linear model is better (log loss 0.")
    table = metric_table(better)
    assert table[0] == ["", "model", "95% interval", "linear model", "constant"]
    assert [row[3] for row in table[1:]] == ["1.000", "1.000", "1.000", "0.051", "1.000", ""]


def test_absolute_errors_are_judged_by_the_median():
    rng = Random(6)
    truth = [1000.0 * rng.expovariate(1.0) ** 3 for _ in range(500)]
    mean, median = sum(truth) / 500, sorted(truth)[250]
    found = regressor_findings("t", truth, [mean] * 500, mean, median)
    assert (
        found.metrics["baseline_mean_absolute_error"] < 0.8 * found.metrics["mean_absolute_error"]
    )
    assert advice(found) == [
        "The model is worse than always answering the mean or the median: it has learned nothing "
        "useful."
    ]
    # A model that is right about large numbers only.
    truth = [1000.0 * rng.expovariate(1.0) ** 2 for _ in range(500)]
    mean, median = sum(truth) / 500, sorted(truth)[250]
    large = [t if t > 4000 else 3500.0 for t in truth]
    found = regressor_findings("t", truth, large, mean, median)
    found.p_values["baseline_r2"] = 0.01
    assert advice(found) == [
        "By its mean absolute error the model is worse than always answering the median; only "
        "large errors are smaller. If typical errors matter, train with --loss absolute_error."
    ]
    # And one that is right but for a few large numbers.
    wild = [t if i % 20 else -5.0 * t for i, t in enumerate(truth)]
    found = regressor_findings("t", truth, wild, mean, median)
    found.p_values["baseline_mean_absolute_error"] = 0.01
    assert advice(found) == [
        "By R², in which large errors count most, the model is no better than always answering the "
        "mean; by its mean absolute error it is better than always answering the median."
    ]


def test_a_linear_regressor_stands_beside_the_network():
    rng = Random(8)
    truth = [rng.gauss(0, 1) for _ in range(200)]
    near, far = ([t + rng.gauss(0, s) for t in truth] for s in (0.1, 0.5))
    found = regressor_findings("t", truth, far, 0.0, 0.0, near)
    assert advice(found) == [
        f"A linear model is better (R² {found.metrics['linear_r2']:.3f} against "
        f"{found.metrics['r2']:.3f}): --hidden none trains one."
    ]
    assert found.metrics["linear_mean_absolute_error"] < 0.1
    assert advice(regressor_findings("t", truth, near, 0.0, 0.0, far)) == []
    # One enormous error hides from R² what the mean absolute error shows.
    missed = [*near[:-1], near[-1] + 30.0]
    found = regressor_findings("t", truth, missed, 0.0, 0.0, [t + 1.0 for t in truth])
    assert found.p_values["linear_r2"] > 0.05
    assert not any("linear" in sentence for sentence in advice(found))


def test_numbers_that_chance_explains():
    found = regressor_findings("t", [1.0, 2.0, 3.0], [1.5, 2.0, 2.6], 2.0, 2.0)
    assert advice(found)[0] == (
        "That may be chance: the test does not show that the model beats a constant."
    )


@pytest.mark.parametrize("name", ["wilson_interval", "loss_interval", "auc_interval"])
def test_every_interval_stands_in_the_table(name, monkeypatch):
    before = two_classes(*rare()).intervals
    monkeypatch.setattr(measures, name, lambda *arguments: (0.0, 0.0))
    after = two_classes(*rare()).intervals
    assert set(before) == {"accuracy", "balanced_accuracy", "macro_f1", "log_loss", "roc_auc"}
    assert before != after


# --- importance -------------------------------------------------------------------------------


def test_importance_finds_the_column_that_matters():
    rng = Random(3)
    rows = [[rng.random(), rng.random(), rng.random()] for _ in range(200)]
    truth = [row[1] > 0.5 for row in rows]

    def score(moved):
        return accuracy(truth, [row[1] > 0.5 for row in moved])

    found = importance(score, rows, [("a", 1), ("left out", 0), ("b", 1), ("c", 1)], rng.shuffle, 5)
    assert list(found) == ["b", "a", "c"]
    assert found["a"] == found["c"] == [0.0, 0.0]
    mean, deviation = found["b"]
    assert 0.35 < mean < 0.65  # chance alone is right in half of the rows
    assert 0.0 < deviation < 0.1


def test_the_encoded_columns_of_one_column_move_together():
    rows = [[1.0, 0.0, float(i)] for i in range(5)] + [[0.0, 1.0, float(i)] for i in range(5)]
    seen = []

    def score(moved):
        seen.append(moved)
        return 0.0

    importance(score, rows, [("kind", 2), ("number", 1)], Random(1).shuffle, 1)
    _, kind, number = seen
    assert all(row[0] + row[1] == 1.0 for row in kind)
    assert [row[2] for row in kind] == [row[2] for row in rows]
    assert [row[:2] for row in number] == [row[:2] for row in rows]
    assert sorted(row[2] for row in number) == sorted(row[2] for row in rows)


def test_an_effect_is_the_mean_answer_with_one_cell_in_all_rows():
    rows = [[float(i), 1.0, 0.0] for i in range(4)]
    found = effect(
        lambda rows: [[row[0] + 10.0 * row[2]] for row in rows], rows, 1, ["p", "q"],
        [[1.0, 0.0], [0.0, 1.0]], [""],
    )  # fmt: skip
    assert found == Effect(["p", "q"], {"": [1.5, 11.5]})


def test_effects_are_charts_with_a_direction_in_words():
    found = NUMBERS._replace(
        effects={
            "size": Effect([1.0, 5.0, 9.0], {"": [2.0, 3.0, 7.0]}),
            "bent": Effect([1.0, 5.0, 9.0], {"": [2.0, 9.0, 1.0]}),
            "town": Effect(["Ulm", "Bonn"], {"": [2.0, 1.0]}),
        }
    )
    charts = effect_charts(found, "price")
    assert [chart.name for chart in charts] == ["effect_1", "effect_2", "effect_3"]
    assert [chart.note for chart in charts] == [
        "The answer rises as size goes up: from 2.000 at 1.000 to 7.000 at 9.000.",
        "The answer goes up and down as bent goes up: from 2.000 at 1.000 to 1.000 at 9.000.",
        "Lowest for Bonn (1.000), highest for Ulm (2.000).",
    ]
    several = three_classes()[0]._replace(
        effects={
            "size": Effect([1.0, 9.0], {"a": [0.5, 0.1], "b": [0.2, 0.1], "c": [0.3, 0.8]}),
            "town": Effect(["Ulm", "Bonn"], {"a": [0.5, 0.1], "b": [0.2, 0.1], "c": [0.3, 0.8]}),
        }
    )
    lines, cells = effect_charts(several)
    assert ">c</text>" in lines.svg and ">0.80</text>" in cells.svg


# --- charts -----------------------------------------------------------------------------------


def history(loss, validation=()):
    made = History("lists", "a test")
    made.loss, made.validation_loss = list(loss), list(validation)
    made.learning_rate, made.seconds = [0.1] * len(made.loss), [1.0] * len(made.loss)
    return made


def test_the_charts_of_a_training():
    assert training_charts(history([])) == []
    assert [chart.name for chart in training_charts(history([0.5]))] == ["loss"]
    (chart,) = training_charts(history([1.0, 0.1, 0.01], [1.0, 0.2, 0.3]))
    assert "best: epoch 2" in chart.svg
    assert "logarithmic" in chart.note
    (chart,) = training_charts(history([1.0, 0.5, 0.0]))
    assert "logarithmic" not in chart.note


def test_the_charts_of_a_test():
    found = three_classes()[0]
    assert [chart.name for chart in charts_of_test(found)] == ["confusion", "roc", "calibration"]
    assert [chart.name for chart in charts_of_test(NUMBERS, "price")] == ["predictions"]
    assert importance_chart(found) == []
    named = found._replace(importance={f"x{i}": [0.5 - i / 100, 0.01] for i in range(40)})
    (bars,) = importance_chart(named)
    assert "The 10 least important columns are left out." in bars.note


def test_the_charts_of_a_network():
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1), nn.Sigmoid())
    assert [chart.name for chart in network_chart(model, ["a", "b"], ["y"])] == ["network"]
    wide = nn.Sequential(nn.Dense(16, 8), nn.Dense(8, 2))
    names = [f"x{i}" for i in range(16)]
    assert [chart.name for chart in network_chart(wide, names, None)] == ["network", "weights"]
    assert network_chart(nn.Sequential(nn.Tanh()), ["a"], None) == []
    unbiased = nn.Sequential(nn.Dense(2, 1, bias=False))
    assert network_chart(unbiased, ["a", "b"], ["wrong", "number"])


def test_metrics_have_names_and_few_digits():
    header, first, *_ = metric_table(NUMBERS)
    assert header == ["", "model", "95% interval", "constant"]
    assert first == ["R²", "0.500", "-13 to 1", "0.000"]
    assert [shown(x) for x in (None, 0.12345, -1.0, 12.3456, 1234567.8)] == [
        "", "0.123", "-1.000", "12.35", "1,234,568",
    ]  # fmt: skip


# --- the page ---------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Collects tags and attributes, and checks that each tag is closed."""

    VOID = ("meta",)

    def __init__(self):
        super().__init__()
        self.open, self.found, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def everything(text="text"):
    """Return a page with `text` in every place where there can be one."""
    found = three_classes((f"a{text}", f"b{text}", f"c{text}"))[0]
    found = found._replace(importance={text: [0.1, 0.0]})
    model = nn.Sequential(nn.Dense(1, 1))
    charts = [
        *training_charts(history([1.0, 0.5], [1.0, 0.6])),
        *charts_of_test(found),
        *charts_of_test(NUMBERS, text),
        *importance_chart(found),
        *network_chart(model, [text], [text]),
        Chart("any", "<svg></svg>", text),
    ]
    table = [[text, text], [text, "1,234"]]
    sections = [
        Section(text, text, [(text, text)], table, text, charts),
        Section(text, table=table),
    ]
    return page(text, text, sections, text)


def parsed(html):
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert tags.open == []
    return tags


def test_a_page_loads_nothing_from_outside():
    html = everything()
    tags = parsed(html)
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "a", "base", "form"}
    for _, attributes in tags.found:
        for name, value in attributes.items():
            assert name not in ("src", "href", "xlink:href", "action", "srcset")
            assert not name.startswith("on")
            assert name == "xmlns" or "//" not in (value or "")
    assert "default-src 'none'" in html
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    assert "@import" not in html


def test_a_page_is_light_and_dark_and_made_for_small_screens():
    html = everything()
    assert "prefers-color-scheme:dark" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert '<meta name="viewport"' in html
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">')


@pytest.mark.parametrize("text", [HOSTILE, "$title ${title} $$", "</style><style>", "", "é\u202e"])
def test_no_text_can_break_a_page(text):
    html = everything(text)
    known = {tag for tag, _ in parsed(everything()).found}
    assert {tag for tag, _ in parsed(html).found} <= known
    assert "script" not in known
    assert "\x00" not in html
    assert html.count("<style>") == html.count("</style>") == everything().count("<style>")


@given(st.text(max_size=30))
def test_any_text_makes_a_whole_page(text):
    html = page(text, text, [Section(text, text, [(text, text)], [[text]], text)], text)
    html.encode("utf-8", "strict")
    parsed(html)


def test_a_text_keeps_its_columns():
    html = page("t", "s", [Section("x", text="a   b\n  c")], "f")
    assert "<pre>a   b\n  c</pre>" in html


def test_long_tables_are_folded():
    rows = [["name"], *([str(i)] for i in range(50))]
    html = page("t", "s", [Section("x", table=rows)], "f")
    assert "<details><summary>50 rows</summary>" in html
    assert "<details>" not in page("t", "s", [Section("x", table=rows[:10])], "f")


def test_the_same_page_is_the_same_text():
    assert everything() == everything()


def test_the_pictures_in_a_page_are_well_formed():
    for svg in re.findall(r"<svg.*?</svg>", everything(HOSTILE), re.DOTALL):
        ElementTree.fromstring(svg)
