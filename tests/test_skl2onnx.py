"""scikit-learn's networks and pipelines, as skl2onnx writes them.

golden/skl2onnx.json holds small files and what onnxruntime answers; where skl2onnx is installed,
more are made here.
"""

from __future__ import annotations

import base64
import json
import math
import pathlib
import warnings

import pytest
from onnx_parts import integers, model, node, tensor, texts, value

import tinynn as nn
from tinynn.__main__ import main
from tinynn.errors import DataError, FormatError
from tinynn.files import protobuf as pb
from tinynn.importers import Imported, from_onnx
from tinynn.importers.onnx import loads

HERE = pathlib.Path(__file__).parent / "golden"
GOLDEN = json.loads((HERE / "skl2onnx.json").read_text())
ML = "ai.onnx.ml"
ESTIMATORS = {
    "imputed and scaled": nn.Classifier,
    "a table": nn.Classifier,
    "text that is imputed": nn.Regressor,
    "categories of numbers": nn.Classifier,
    "categories of text": nn.Regressor,
}


def flat(rows):
    return [float(x) for row in rows for x in (row if isinstance(row, (list, tuple)) else [row])]


def labels_of(model_, rows):
    """Return the labels as onnxruntime gives them: a list of 0 and 1 of several at once."""
    if not isinstance(model_, Imported):
        return model_.predict(rows)
    labels = model_.labels(rows)
    if labels and isinstance(labels[0], list):
        return [[int(c in on) for c in model_.classes] for on in labels]
    return labels


def check(model_, rows, labels, numbers, tolerance=1e-6):
    """Compare a model's answers with onnxruntime's, numbers relative to the largest."""
    wanted = flat(numbers)
    if labels is None or isinstance(model_, Imported):
        outputs = model_.predict(rows)
        if labels is not None and model_.network.outputs == 1:
            outputs = [[1.0 - p, p] for (p,) in outputs]
        got = flat(outputs)
    else:
        got = flat(model_.predict_proba(rows))
    if labels is not None:
        assert labels_of(model_, rows) == labels
    assert len(got) == len(wanted)
    size = max(1.0, *map(abs, wanted))
    assert max(abs(a - b) for a, b in zip(got, wanted)) <= tolerance * size


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_files_answer_as_in_onnxruntime(tmp_path, case):
    found = loads(base64.b64decode(case["file"]), "it")
    assert type(found) is ESTIMATORS.get(case["name"], Imported)
    check(found, case["rows"], case.get("labels"), case["numbers"])
    if not isinstance(found, Imported):
        found.save(tmp_path / "m.json")
        again = nn.load(tmp_path / "m.json")
        check(again, case["rows"], case.get("labels"), case["numbers"])


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_every_file_can_be_an_estimator(case):
    found = loads(base64.b64decode(case["file"]), "it", as_estimator=True)
    assert isinstance(found, (nn.Classifier, nn.Regressor))
    check(found, case["rows"], case.get("labels"), case["numbers"])


def test_a_wrong_weight_would_be_noticed():
    case = GOLDEN[0]
    data = base64.b64decode(case["file"])
    found = loads(data, "it")
    found.network.layers[0].W[0][0] += 1e-4
    with pytest.raises(AssertionError):
        check(found, case["rows"], case.get("labels"), case["numbers"])


def test_the_table_keeps_its_names_and_its_ways_with_odd_cells():
    case = next(case for case in GOLDEN if case["name"] == "a table")
    found = loads(base64.b64decode(case["file"]), "it", missing=["?"])
    assert found.feature_names_in_ == ["age", "height", "city", "grade"]
    rows = [[1.0, "?", "Oslo", 1], [1.0, None, "Oslo", 1]]
    assert found.predict_proba(rows)[0] == found.predict_proba(rows)[1]
    with pytest.raises(DataError) as error:  # OneHotEncoder(handle_unknown="error")
        found.predict([[1.0, 1.0, "Oslo", 7]])
    assert str(error.value).startswith(
        "column 'grade' needs one of its known kinds, '0', '1', '2', got '7'"
    )


def test_commands_take_onnx_files(tmp_path, capsys):
    case = next(case for case in GOLDEN if case["name"] == "a table")
    path = tmp_path / "people.onnx"
    path.write_bytes(base64.b64decode(case["file"]))
    table = tmp_path / "people.csv"
    lines = [
        ",".join("" if cell is None else str(cell) for cell in [*row, label])
        for row, label in zip(case["rows"], case["labels"])
    ]
    table.write_text("\n".join([",".join([*case["columns"], "kind"]), *lines]) + "\n")
    assert main(["predict", str(path), str(table)]) == 0
    answers = [line.split(",")[-1] for line in capsys.readouterr().out.splitlines()]
    assert answers == ["predicted_target", *case["labels"]]
    assert main(["evaluate", str(path), str(table), "--target", "kind"]) == 0
    assert "accuracy 1.000" in capsys.readouterr().out
    assert main(["inspect", str(path)]) == 0
    said = capsys.readouterr().out
    assert "a classifier of 3 classes (high, low, middle)" in said
    scaled = tmp_path / "scaled.ONNX"
    scaled.write_bytes(base64.b64decode(GOLDEN[0]["file"]))
    assert main(["inspect", str(scaled)]) == 0
    assert "a classifier of 3 classes (high, low, middle)" in capsys.readouterr().out
    assert "city: category with 3 kinds ('Bonn', 'Oslo', 'Rome')" in said


def test_commands_take_safetensors_and_brain_js(tmp_path, capsys):
    nn.export.to_safetensors(
        nn.Sequential(nn.Dense(2, 1, weights=[[1.0], [2.0]])), tmp_path / "m.safetensors"
    )
    document = {
        "type": "NeuralNetwork", "sizes": [2, 1], "inputLookup": {"a": 0, "b": 1},
        "layers": [{"weights": [], "biases": []}, {"weights": [[1.0, -1.0]], "biases": [0.0]}],
    }  # fmt: skip
    (tmp_path / "net.json").write_text(json.dumps(document))
    (tmp_path / "t.csv").write_text("b,a\n1,2\n3,3\n")
    for name, wanted in (("m.safetensors", ["5.0", "9.0"]), ("net.json", [None, "0.5"])):
        assert main(["predict", str(tmp_path / name), str(tmp_path / "t.csv")]) == 0
        got = [line.split(",")[-1] for line in capsys.readouterr().out.splitlines()[1:]]
        assert [g for g, w in zip(got, wanted) if w is not None] == [w for w in wanted if w]


# Parts of such files

W3 = tensor("W", [0.5, -1.0, 2.0], 3, 1)


def ml(operator, *inputs, output="y", **attributes):
    return node(operator, *inputs, output=output, domain=ML, **attributes)


def table_of(*nodes, tensors=(W3,), columns=3, kind=1):
    return model(nodes, tensors, value("x", "n", columns, kind=kind))


def test_the_scaler_subtracts_before_it_multiplies():
    data = table_of(
        ml("Scaler", "x", output="t", offset=[1e7, 0.0, 0.0], scale=[2.0, 0.5, 1.0]),
        node("MatMul", "t", "W"),
    )
    network = loads(data, "it").network
    assert network.predict([[1e7 + 1, 2.0, 3.0]]) == [[6.0]]


def test_inputs_of_their_own_are_columns_by_name():
    data = model(
        [node("Concat", "x", "size", output="t", axis=1), node("MatMul", "t", "W")],
        [W3],
        value("x", "n", 2),
        more=pb.blob(11, value("size", "n", 1)),
    )
    found = loads(data, "it")
    assert found.inputs == ("x_0", "x_1", "size")
    assert found.predict([[1.0, 2.0, 3.0]]) == [[4.5]]


def test_columns_may_be_chosen_split_and_put_together():
    data = table_of(
        node("Split", "x", "sizes", output="a b", axis=1),
        ml("ArrayFeatureExtractor", "b", "back", output="c"),
        ml("FeatureVectorizer", "c", "a", output="t", inputdimensions=[2, 1]),
        node("MatMul", "t", "W"),
        tensors=[W3, integers("sizes", [1, 2]), integers("back", [1, 0])],
    )
    found = loads(data, "it")
    assert type(found) is nn.Regressor
    assert found.predict([[4.0, 2.0, 1.0]]) == [0.5 * 1.0 - 2.0 + 2.0 * 4.0]


def test_two_outputs_of_a_softmax_become_one_probability():
    W = tensor("W", [0.0, 1.0, 0.0, -1.0, 1.0, 0.0], 3, 2)
    data = model(
        [
            node("MatMul", "x", "W", output="z"),
            node("Softmax", "z", output="p"),
            node("ArgMax", "p", output="i", axis=1),
            ml("ArrayFeatureExtractor", "classes", "i", output="y"),
        ],
        [W, texts("classes", ["no", "yes"])],
        value("x", "n", 3),
        more=pb.blob(12, value("p", "n", 2)),
    )
    assert loads(data, "it").labels([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) == ["yes", "no"]
    found = loads(data, "it", as_estimator=True)
    (row,) = found.predict_proba([[1.0, 0.0, 0.0]])
    assert row[1] == pytest.approx(1 / (1 + math.exp(-1.0)), abs=1e-15)
    assert found.predict([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) == ["yes", "no"]


def test_probabilities_of_two_classes_without_labels_are_a_network():
    nodes = [
        node("MatMul", "x", "W", output="z"),
        node("Sigmoid", "z", output="p"),
        node("Sub", "one", "p", output="q"),
        node("Concat", "q", "p", axis=1),
    ]
    found = loads(table_of(*nodes, tensors=[W3, tensor("one", [1.0])]), "it")
    ((q, p),) = found.predict([[1.0, 2.0, 1.0]])
    assert (q, p) == pytest.approx((1 - 1 / (1 + math.exp(-0.5)), 1 / (1 + math.exp(-0.5))))


REFUSED = [
    (
        [ml("Normalizer", "x", output="t", norm="L2"), node("MatMul", "t", "W")],
        "the operator ai.onnx.ml.Normalizer cannot be imported exactly. The layers",
    ),
    (
        [ml("Imputer", "x", output="t", imputed_value_floats=[1.0], replaced_value_float=-1.0),
         node("MatMul", "t", "W")],
        "Imputer of the value -1.0 cannot be imported exactly; replace those cells with None or "
        "NaN first, for training and for prediction",
    ),
    (
        [ml("Scaler", "x", output="t", scale=[1.0, 2.0]), node("MatMul", "t", "W")],
        "needs scale for 3 columns, got 2",
    ),
    (
        [ml("Scaler", "x", output="t", scale=[0.0]), node("MatMul", "t", "W")],
        "a column multiplied by 0 cannot be imported exactly",
    ),
    (
        [ml("OneHotEncoder", "x", output="t", cats_strings=["a"]), node("MatMul", "t", "W")],
        "OneHotEncoder of another type than its categories cannot be imported exactly",
    ),
    (
        [node("Cast", "x", output="i", to=7), ml("Scaler", "i", output="t"),
         node("MatMul", "t", "W")],
        "ai.onnx.ml.Scaler of numbers without their fractions cannot be imported exactly",
    ),
    (
        [ml("ArrayFeatureExtractor", "x", "far", output="t"), node("MatMul", "t", "W")],
        "ai.onnx.ml.ArrayFeatureExtractor of the columns [0, 3] of 3 cannot be imported exactly",
    ),
    (
        [ml("LabelEncoder", "x", output="t", keys_int64s=[1], values_int64s=[2]),
         node("MatMul", "t", "W")],
        "LabelEncoder of numbers with fractions cannot be imported exactly",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "wanted"), REFUSED, ids=[wanted[:30] for _, wanted in REFUSED])
def test_what_no_column_can_express_is_refused_by_operator_and_node(nodes, wanted):
    with pytest.raises(FormatError) as error:
        loads(table_of(*nodes, tensors=[W3, integers("far", [0, 3])]), "it")
    text = str(error.value)
    assert text.startswith("it, node 'n'")
    assert text[len("it, node 'n'") :].lstrip(": ").startswith(wanted)


def test_text_as_a_number_is_refused():
    with pytest.raises(FormatError) as error:
        loads(table_of(node("MatMul", "x", "W"), kind=8), "it")
    assert str(error.value) == (
        "it, tensor 'x': text as an input of the network cannot be imported exactly"
    )


def test_labels_of_scores_are_refused():
    nodes = [node("MatMul", "x", "W", output="z"), node("ArgMax", "z", axis=1)]
    tensors = [tensor("W", [1.0] * 6, 3, 2)]
    with pytest.raises(FormatError) as error:
        loads(model(nodes, tensors, value("x", "n", 3), more=pb.blob(12, value("z"))), "it")
    assert str(error.value).startswith(
        "it: a label of outputs that are not probabilities cannot be imported exactly"
    )


def test_as_many_labels_as_outputs_are_needed():
    nodes = [
        node("Softmax", "x", output="p"),
        node("ArgMax", "p", output="i", axis=1),
        ml("ArrayFeatureExtractor", "classes", "i"),
    ]
    with pytest.raises(FormatError) as error:
        loads(table_of(*nodes, tensors=[integers("classes", [1, 2])]), "it")
    assert str(error.value) == "it needs a label for each of its 3 outputs, got 2"


@pytest.mark.parametrize("factor", [1, 8])
def test_wide_tables_and_many_categories_take_linear_time(factor):
    n = 500 * factor
    nodes = [
        ml("OneHotEncoder", "x", output="t", cats_int64s=list(range(n))),
        node("MatMul", "t", "W"),
    ]
    data = table_of(*nodes, tensors=[tensor("W", [1.0] * n, n, 1)], columns=1, kind=7)
    assert loads(data, "it").predict([[3]]) == [1.0]


def test_columns_have_a_limit():
    with pytest.raises(FormatError) as error:
        loads(table_of(ml("Scaler", "x"), columns=2**30), "it")
    assert str(error.value) == "it has more columns than its network can need: 1,073,741,824"


# Made here


def made():
    """Yield a name, a file, the inputs and rows of pipelines that skl2onnx writes."""
    np = pytest.importorskip("numpy")
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 4)).astype(np.float32)
    y = (X[:, 0] > 0) * 1 + (X[:, 1] > 0)
    how = {"hidden_layer_sizes": (3,), "max_iter": 20, "learning_rate_init": 0.1}
    targets = {
        "three": y, "two": y > 0, "text": np.array(["a", "b", "c"])[y],
        "two texts": np.array(["no", "yes"])[1 * (y > 1)],
        "several": np.stack([y > 0, y > 1], 1) * 1,
    }  # fmt: skip
    for activation in ("relu", "tanh", "logistic", "identity"):
        for name, target in targets.items():
            one = MLPClassifier(activation=activation, **how).fit(X, target)
            for zipmap in (False,) if name == "several" else (True, False, "columns"):
                file = skl2onnx.to_onnx(one, X[:1], options={"zipmap": zipmap})
                yield f"{activation}, {name}, zipmap={zipmap}", file, X
        for target in (X[:, 0] * 3, X[:, :2]):
            one = make_pipeline(
                MaxAbsScaler(), RobustScaler(), MLPRegressor(activation=activation, **how)
            )
            yield f"{activation}, numbers", skl2onnx.to_onnx(one.fit(X, target), X[:1]), X
    one = MLPClassifier(**how).fit(X, y)
    for scaler in (StandardScaler(), MinMaxScaler((-1, 1)), SimpleImputer()):
        for zipmap in (False, True):
            pipeline = make_pipeline(scaler, one).fit(X, y)
            file = skl2onnx.to_onnx(pipeline, X[:1], options={id(pipeline): {"zipmap": zipmap}})
            yield f"{scaler}, zipmap={zipmap}", file, X
    for opset in (9, 11, 13, 15, 17, 19):
        file = skl2onnx.to_onnx(one, X[:1], target_opset={"": opset, "ai.onnx.ml": 1})
        yield f"operator set {opset}", file, X
    for options in ({"output_class_labels": True, "zipmap": False}, {"nocl": True}):
        yield f"{options}", skl2onnx.to_onnx(one, X[:1], options={id(one): options}), X


@pytest.mark.filterwarnings("ignore")
def test_files_made_here_answer_as_in_onnxruntime():
    onnxruntime = pytest.importorskip("onnxruntime")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, file, X in made():
            data = file.SerializeToString()
            session = onnxruntime.InferenceSession(data)
            outputs = [output.name for output in session.get_outputs()]
            answers = dict(zip(outputs, session.run(None, {"X": X})))
            labels = answers.pop("label", answers.pop("output_label", None))
            answers.pop("class_labels", None)
            if name.split(", ")[1:2] == ["several"]:  # 1 − p and p of each label
                ((_, numbers),) = answers.items()
                answers = {"p": numbers[:, 2:]}
            if len(answers) > 1:  # ZipMap in columns
                numbers = [list(row) for row in zip(*answers.values())]
            else:
                (numbers,) = answers.values()
                if isinstance(numbers, list):
                    numbers = [list(row.values()) for row in numbers]
                else:
                    numbers = numbers.tolist()
            wanted = None if labels is None else labels.tolist()
            check(loads(data, name), X.tolist(), wanted, numbers)


def test_a_path_is_read(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(base64.b64decode(GOLDEN[0]["file"]))
    assert from_onnx(path).classes == ("high", "low", "middle")
    assert from_onnx(path, as_estimator=True).classes_ == ["high", "low", "middle"]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("classes of text, ZipMap", (b"ArgMax", b"ArgMin"), "needs outputs that are one network's"),
        ("imputed and scaled", (b"Imputer", b"Imputes"), "ai.onnx.ml.Imputes"),
        ("a table", (b"OneHotEncoder", b"OneHotEncodes"), "ai.onnx.ml.OneHotEncodes"),
        ("a table", (b"Scaler", b"Scales"), "ai.onnx.ml.Scales"),
    ],
)
def test_what_is_not_such_an_export_is_refused(name, change, words):
    old, new = change
    data = base64.b64decode(next(case["file"] for case in GOLDEN if case["name"] == name))
    assert old in data
    with pytest.raises(FormatError) as found:
        loads(data.replace(old, new + b"x" * (len(old) - len(new))), "it")
    assert words in str(found.value) and len(str(found.value)) <= 1000


def test_a_scaler_of_no_lists_is_refused():
    """As fuzzing found it: an attribute of another type."""
    with pytest.raises(FormatError) as found:
        loads(table_of(ml("Scaler", "x", scale=4)), "it")
    assert str(found.value) == (
        "it, node 'n': numbers need a sequence with one item per row, got the number 4"
    )


def test_texts_beyond_the_limit_are_refused():
    data = model([node("Relu", "x")], [texts("s", [""] * 100_001)])
    with pytest.raises(FormatError) as found:
        loads(data, "it")
    assert str(found.value) == "it, tensor 's' needs at most 100,000 texts, got 100,001"


def labelled(*nodes, more=b"", tensors=(), columns=3):
    return model([*nodes], [*tensors, texts("classes", ["a", "b", "c"])],
                 value("x", "n", columns), more=more)  # fmt: skip


def test_labels_alone_are_a_classifier():
    """As PyTorch writes `logits.argmax(1)`: softmax keeps the largest the largest."""
    for operator in ("Relu", "Softmax", "Sigmoid"):
        found = loads(
            labelled(node(operator, "x", output="z"), node("ArgMax", "z", axis=1, keepdims=0)), "it"
        )
        assert type(found) is nn.Classifier
        assert found.predict([[0.1, 3.0, 1.0], [0.0, 0.0, -1.0]]) == [1, 0]


def test_labels_along_another_axis_are_refused():
    data = model([node("ArgMax", "x", axis=1)], [], value("x", "n", 2, 3))
    with pytest.raises(FormatError) as found:
        loads(data, "it")
    assert str(found.value).startswith(
        "it, node 'n': ArgMax of something other than a table cannot"
    )


def test_of_probabilities_of_their_own_the_largest_is_no_label():
    """`Imported.labels` would take each of several sigmoids as a yes or no."""
    nodes = [node("Sigmoid", "x", output="p"), node("ArgMax", "p", axis=1)]
    with pytest.raises(FormatError, match="a label of outputs that are not probabilities"):
        loads(labelled(*nodes, more=pb.blob(12, value("p", "n", 3))), "it")


def test_a_circle_of_nodes_ends():
    nodes = [
        node("Identity", "b", output="a"),
        node("Identity", "a", output="b"),
        node("Cast", "b"),
    ]
    with pytest.raises(FormatError) as error:
        loads(table_of(*nodes), "it")
    assert str(error.value) == "it: its outputs come from a circle of nodes, or too many"


def test_categories_have_a_limit():
    data = table_of(
        ml("OneHotEncoder", "x", output="t", cats_int64s=list(range(10_001))),
        node("MatMul", "t", "W"),
        kind=7,
    )
    with pytest.raises(FormatError) as error:
        loads(data, "it")
    assert str(error.value) == "it, node 'n' needs at most 30,000 categories, got 30,003"
