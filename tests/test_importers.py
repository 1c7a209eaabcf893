"""Networks of other frameworks: what they predict here is what they predict there.

golden/imports.json holds models and outputs of the frameworks themselves (see make_imports.py); its
live objects are made again from their classes' names and attributes, so these tests need none of
the frameworks. Others run the frameworks, where they are installed, on random models and rows.
"""

from __future__ import annotations

import contextlib
import json
import math
import pathlib
import random
import warnings

import pytest
from hypothesis import given, settings, strategies as st
from live_objects import made, stand_in

import tinynn as nn
from tinynn.errors import DataError, FormatError, SettingError
from tinynn.estimators import load
from tinynn.importers import (
    Imported,
    assembly,
    from_brainjs,
    from_keras,
    from_pytorch,
    from_sklearn,
)
from tinynn.lesson.network import KINDS

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "imports.json").read_text())
THERE_IS = f"The layers of tinynn are: {', '.join(KINDS)}"


def torch_module(name, **attributes):
    return stand_in(name, "torch.nn.modules.some", **attributes)


def close(network, rows, wanted, tolerance):
    """Assert that outputs agree, relative to 1 and to themselves.

    Sums whose large terms cancel are exact to their terms' last bits only, in any framework: those
    are allowed on top, in proportion to the terms.
    """
    bits = 2.0**-50 if tolerance < 1e-9 else 2.0**-22
    got = network.predict(rows)
    assert len(got) == len(wanted)
    for row, y, t in zip(rows, got, wanted):
        allowed = bits * magnitude(network, row)
        for a, b in zip(y, t):
            assert abs(a - b) <= tolerance * max(1.0, abs(b)) + allowed, (a, b, allowed)


def magnitude(network, row):
    """Return a bound for how large an error of size 1 in a row can become, and its terms are."""
    size, x = max(1.0, *map(abs, row)), [list(row)]
    for layer in network.layers:
        if isinstance(layer, nn.Dense):
            gain = max(sum(map(abs, column)) for column in zip(*layer.W))
            size = max(1.0, size * gain) + max(map(abs, layer.b), default=0.0)
        elif isinstance(layer, nn.BatchNorm):
            spread = [abs(m) for m in layer.running_mean]
            inverse = [1 / math.sqrt(v + layer.eps) for v in layer.running_variance]
            gain = max(abs(g) * i for g, i in zip(layer.gamma, inverse))
            size = gain * max(size, *spread) + max(map(abs, layer.beta))
        elif isinstance(layer, nn.LayerNorm):
            mean = sum(x[0]) / len(x[0])
            variance = sum((v - mean) ** 2 for v in x[0]) / len(x[0])
            gain = max(map(abs, layer.gamma)) / math.sqrt(variance + layer.eps)
            size = size * max(1.0, gain) + max(map(abs, layer.beta))
        elif isinstance(layer, nn.LeakyReLU):
            size *= max(1.0, abs(layer.negative_slope))
        elif isinstance(layer, nn.ELU):
            size *= max(1.0, abs(layer.alpha))
        elif isinstance(layer, (nn.SELU, nn.LogSoftmax)):
            size *= 2.0
        x = layer.forward(x)
    return size


# The golden models


@pytest.mark.parametrize("case", GOLDEN["torch"])
def test_pytorch_golden(case):
    close(from_pytorch(made(case["model"])).network, case["rows"], case["outputs"], 1e-12)


@pytest.mark.parametrize("case", GOLDEN["keras"])
def test_keras_golden(case):
    close(from_keras(made(case["model"])).network, case["rows"], case["outputs"], 1e-6)


@pytest.mark.parametrize("case", GOLDEN["sklearn"])
def test_sklearn_golden(case):
    model = from_sklearn(made(case["model"]))
    if "outputs" not in case:
        assert model.classes is None
        close(model.network, case["rows"], case["predict"], 1e-12)
        return
    outputs = case["outputs"]
    if model.network.outputs == 1:  # predict_proba has the other class's column, too
        outputs = [[p] for _, p in outputs]
    close(model.network, case["rows"], outputs, 1e-12)
    labels = case["predict"]
    if isinstance(labels[0], list):
        labels = [[k for k, on in enumerate(row) if on] for row in labels]
    assert model.labels(case["rows"]) == labels


@pytest.mark.parametrize("case", GOLDEN["sklearn"])
def test_sklearn_golden_as_estimators(case, tmp_path):
    from_sklearn(made(case["model"]), as_estimator=True).save(tmp_path / "model.json")
    model = load(tmp_path / "model.json")
    numbers, answers = model.predict, case["predict"]
    if "outputs" in case:
        assert model.predict(case["rows"]) == answers
        numbers, answers = model.predict_proba, case["outputs"]
    for got, wanted in zip(numbers(case["rows"]), answers):
        assert got == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    with pytest.raises(DataError) as error:
        model.predict([[None, 1.0, 1.0]])
    assert str(error.value) == (
        "column 0 needs a number in every row, but row 0 has none; fill it in first"
    )


@pytest.mark.parametrize("case", GOLDEN["brainjs"], ids=range(len(GOLDEN["brainjs"])))
def test_brainjs_golden(case, tmp_path):
    path = tmp_path / "network.json"
    path.write_text(json.dumps(case["network"]), encoding="utf-8-sig")
    model = from_brainjs(path)
    outputs = case["outputs"]
    if isinstance(outputs[0], dict):
        assert model.inputs == ("10", "rain")
        assert model.outputs == ("stay", "go")
        outputs = [[row[name] for name in model.outputs] for row in outputs]
    else:
        assert model.inputs is None and model.outputs is None
    close(model.network, case["rows"], outputs, 1e-6)


def test_a_golden_check_fails_on_a_wrong_weight():
    case = GOLDEN["torch"][0]
    network = from_pytorch(made(case["model"])).network
    network.layers[0].W[0][0] += 1e-6
    with pytest.raises(AssertionError):
        close(network, case["rows"], case["outputs"], 1e-12)


# PyTorch

SIZES = st.integers(1, 5)
SPECIAL = [0.0, -0.0, 1e-30, -1e-8, 50.0, -1000.0]
ROWS = st.one_of(st.floats(-10, 10), st.sampled_from([0.0, 1e6, -1e6, 1e12, -1e-12, 1e-300]))


def tables(columns, numbers=ROWS):
    return st.lists(st.lists(numbers, min_size=columns, max_size=columns), min_size=1, max_size=4)


PLAIN = [
    ("ReLU", {}), ("Sigmoid", {}), ("Tanh", {}), ("SELU", {}), ("SiLU", {}), ("GELU", {}),
    ("Softplus", {"threshold": 40}), ("LeakyReLU", {"negative_slope": 0.3}),
    ("ELU", {"alpha": 2.0}), ("Softmax", {"dim": 1}), ("LogSoftmax", {"dim": -1}), ("PReLU", {}),
    ("Mish", {}), ("Hardswish", {}), ("Hardsigmoid", {}), ("ReLU6", {}), ("Softsign", {}),
    ("Hardtanh", {"min_val": -0.5, "max_val": 0.25}), ("CELU", {"alpha": 0.5}), ("LogSigmoid", {}),
    ("GELU", {"approximate": "tanh"}), ("Identity", {}), ("Dropout", {"p": 0.4}), ("Flatten", {}),
]  # fmt: skip


def drawn_numbers(draw, count, special=SPECIAL):
    """Return numbers from one drawn seed: hypothesis is slow at drawing each."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    return [rng.choice(special) if rng.random() < 0.05 else rng.gauss(0, 1) for _ in range(count)]


def fill(torch, module, draw):
    """Put random numbers into all that a module has."""
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        if value.dtype.is_floating_point:
            numbers = drawn_numbers(draw, value.numel())
            if name.endswith("running_var"):
                numbers = [abs(x) + 1e-3 for x in numbers]
            value.data = torch.tensor(numbers, dtype=value.dtype).reshape(value.shape)


def torch_model(torch, draw, dtype):
    """Return (a random network of PyTorch, its columns)."""
    columns = width = draw(SIZES)
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        outputs = draw(SIZES)
        layers.append(torch.nn.Linear(width, outputs, bias=draw(st.booleans())))
        width = outputs
        for name, settings_ in draw(st.lists(st.sampled_from(PLAIN), max_size=2)):
            layers.append(getattr(torch.nn, name)(**settings_))
        norm = draw(st.sampled_from(["", "", "BatchNorm1d", "LayerNorm", "PReLU", "GroupNorm"]))
        if norm == "GroupNorm":
            sizes = [g for g in range(1, width) if width % g == 0]  # PyTorch refuses single columns
            layers += [torch.nn.GroupNorm(draw(st.sampled_from(sizes)), width)] if sizes else []
        elif norm:
            layers.append(getattr(torch.nn, norm)(width))
    half = len(layers) // 2
    nested = torch.nn.Sequential(*layers[half:])
    model = torch.nn.Sequential(*layers[:half], nested).to(dtype).eval()
    fill(torch, model, draw)
    return model, columns


@given(st.data())
@settings(max_examples=60)
def test_pytorch_networks_predict_the_same(data):
    torch = pytest.importorskip("torch")
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        model, columns = torch_model(torch, data.draw, dtype)
        rows = torch.tensor(data.draw(tables(columns)), dtype=dtype)
        wanted = model(rows).tolist()
        close(from_pytorch(model).network, rows.tolist(), wanted, tolerance)


@given(st.data())
@settings(max_examples=20)
def test_pytorch_state_dicts_predict_the_same(data):
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.BatchNorm1d(4), torch.nn.LayerNorm(4),
        torch.nn.BatchNorm1d(4, affine=False), torch.nn.Linear(4, 2, bias=False),
    ).double().eval()  # fmt: skip
    fill(torch, model, data.draw)
    rows = data.draw(tables(3))
    layers = [
        nn.Dense(3, 4), nn.ReLU(), nn.BatchNorm(), nn.LayerNorm(), nn.BatchNorm(4),
        nn.Dense(4, 2, bias=False),
    ]  # fmt: skip
    network = from_pytorch(model.state_dict(), layers).network
    close(network, rows, model(torch.tensor(rows, dtype=torch.float64)).tolist(), 1e-12)


def test_pytorch_softplus_returns_x_above_its_threshold():
    torch = pytest.importorskip("torch")
    rows = [[x / 8] for x in range(-400, 400)]
    wanted = torch.nn.Softplus()(torch.tensor(rows, dtype=torch.float64)).tolist()
    got = from_pytorch(torch.nn.Softplus()).predict(rows)
    apart = max(abs(a - b) for (a,), (b,) in zip(got, wanted))
    assert 1e-9 < apart < 2.1e-9


def refused(function, *arguments):
    with pytest.raises(FormatError) as error:
        function(*arguments)
    return str(error.value)


@pytest.mark.parametrize(
    ("module", "what"),
    [
        (torch_module("Hardshrink"), "Hardshrink: the module Hardshrink"),
        (torch_module("GELU", approximate="?"), "GELU: GELU with approximate='?'"),
        (torch_module("Softplus", beta=2.0, threshold=20), "Softplus: Softplus with beta=2.0"),
        (torch_module("Softplus", beta=1, threshold=5), "Softplus: Softplus with threshold=5"),
        (torch_module("Softmax", dim=0), "Softmax: Softmax with dim=0"),
        (torch_module("Flatten", start_dim=0, end_dim=-1), "Flatten: Flatten(0, -1)"),
        (
            torch_module("LayerNorm", normalized_shape=[2, 3]),
            "LayerNorm: a LayerNorm over [2, 3]",
        ),
        (
            torch_module("BatchNorm1d", running_mean=None, running_var=None),
            "BatchNorm1d: a BatchNorm1d without running statistics",
        ),
        (
            torch_module("Linear", _forward_pre_hooks={1: print}),
            "Linear: a module with hooks",
        ),
        (
            stand_in("Linear", "mine.layers"),
            "Linear: the module mine.layers.Linear",
        ),
        (42, "int: the module builtins.int"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else type(value).__name__,
)
def test_pytorch_modules_without_a_layer_are_refused_by_name(module, what):
    mend = {
        "BatchNorm1d": "",
        "Linear": "; remove them first",
        "int": "; its forward() is code: export it to ONNX for from_onnx, or give its "
        "state_dict() and layers=[…]",
    }.get(type(module).__name__, "")
    if type(module).__module__ == "mine.layers":
        mend = (
            "; its forward() is code: export it to ONNX for from_onnx, or give its state_dict() "
            "and layers=[…]"
        )
    wanted = f"the module, {what} cannot be imported exactly{mend}. {THERE_IS}"
    assert refused(from_pytorch, module) == wanted


def test_pytorch_names_the_place_of_a_module():
    inner = torch_module("Sequential", _modules={"modules": []})
    inner._modules = {"1": torch_module("Conv3d")}
    outer = torch_module("Sequential")
    outer._modules = {"0": torch_module("ReLU"), "body": inner}
    assert refused(from_pytorch, outer).startswith("body.1, Conv3d: the module Conv3d cannot")


def test_pytorch_numbers_that_are_not_finite_are_refused():
    weight = {"array": [[1.0, math.nan]]}
    module = torch_module("Linear", weight=weight, bias=None)
    assert refused(from_pytorch, module) == (
        "the module, Linear: weights need finite numbers, got nan in row 0, column 1; "
        "fill or drop missing values first"
    )


def test_pytorch_needs_layers_for_a_state_dict_and_only_then():
    with pytest.raises(SettingError) as error:
        from_pytorch({})
    assert str(error.value) == ("from_pytorch needs layers for a state dict: layers=[Dense(…), …]")
    with pytest.raises(SettingError) as error:
        from_pytorch(torch_module("ReLU"), [nn.ReLU()])
    assert str(error.value) == "from_pytorch takes layers only with a state dict"
    assert refused(from_pytorch, {"0.weight": 5}, [nn.Dense(1, 1)]) == (
        "0.weight needs to be a tensor or an array, got int"
    )


def test_a_module_that_does_nothing_is_a_network():
    network = from_pytorch(torch_module("Identity")).network
    assert network.predict([[1.0, 2.0]]) == [[1.0, 2.0]]


# scikit-learn


def sklearn_network(data, numpy, kind, columns):
    """Return a fitted network with drawn numbers."""
    module = pytest.importorskip("sklearn.neural_network")
    hidden = data.draw(st.lists(SIZES, min_size=1, max_size=2))
    activation = data.draw(st.sampled_from(["identity", "logistic", "tanh", "relu"]))
    how = {"hidden_layer_sizes": hidden, "activation": activation, "max_iter": 1}
    X = numpy.random.default_rng(1).normal(size=(12, columns))
    if kind == "regressor":
        model = module.MLPRegressor(**how).fit(X, X[:, : data.draw(st.integers(1, columns))])
    else:
        y = {
            "several": numpy.arange(12) % 3 * 10,
            "two": numpy.array(["no", "yes"])[numpy.arange(12) % 2],
            "labels": numpy.arange(36).reshape(12, 3) % 2,
            "one": numpy.zeros(12, int),
        }[kind]
        model = module.MLPClassifier(**how).fit(X, y)
    for array in [*model.coefs_, *model.intercepts_]:
        array[...] = numpy.array(drawn_numbers(data.draw, array.size)).reshape(array.shape)
    return model


@given(st.data())
@settings(max_examples=50)
def test_sklearn_networks_predict_the_same(data):
    numpy = pytest.importorskip("numpy")
    warnings.simplefilter("ignore")
    kind = data.draw(st.sampled_from(["regressor", "several", "two", "labels", "one"]))
    columns = data.draw(SIZES)
    model = sklearn_network(data, numpy, kind, columns)
    rows = data.draw(tables(columns, st.floats(-10, 10) | st.sampled_from([1e9, -1e9, 1e-300])))
    imported = from_sklearn(model)
    if kind == "regressor":
        assert imported.classes is None
        wanted = model.predict(rows).reshape(len(rows), -1).tolist()
        close(imported.network, rows, wanted, 1e-12)
        return
    wanted = model.predict_proba(rows).tolist()
    if kind in ("two", "one"):
        wanted = [row[-1:] for row in wanted]
    close(imported.network, rows, wanted, 1e-12)
    labels = model.predict(rows).tolist()
    if kind == "labels":
        labels = [[k for k, on in enumerate(row) if on] for row in labels]
    apart = all(abs(p - 0.5) > 1e-9 for row in wanted for p in row)
    ranked = all(len(row) < 2 or sorted(row)[-1] - sorted(row)[-2] > 1e-9 for row in wanted)
    if apart if kind in ("two", "labels") else ranked:
        assert imported.labels(rows) == labels


@given(st.data())
@settings(max_examples=50)
def test_sklearn_pipelines_take_their_own_inputs(data):
    numpy = pytest.importorskip("numpy")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    pipeline = pytest.importorskip("sklearn.pipeline")
    warnings.simplefilter("ignore")
    columns = data.draw(SIZES)
    centre = data.draw(st.sampled_from([0.0, 1.0, -2000.0, 1e7]))
    spread = data.draw(st.sampled_from([1.0, 1e-3, 1e6]))
    X = numpy.random.default_rng(1).normal(size=(20, columns)) * spread + centre
    if data.draw(st.booleans()):
        X[:, 0] = centre  # a constant column
    scalers = {
        "standard": preprocessing.StandardScaler(),
        "mean": preprocessing.StandardScaler(with_std=False),
        "std": preprocessing.StandardScaler(with_mean=False),
        "range": preprocessing.MinMaxScaler((-1, 3)),
        "largest": preprocessing.MaxAbsScaler(),
        "quartiles": preprocessing.RobustScaler(),
    }
    names = data.draw(st.lists(st.sampled_from(sorted(scalers)), max_size=2))
    model = sklearn_network(data, numpy, "regressor", columns)
    first = [scalers[name] for name in dict.fromkeys(names)]
    inputs = X
    for scaler in first:
        inputs = scaler.fit_transform(inputs)
    whole = pipeline.make_pipeline(*first, "passthrough", model)
    rows = [*X[:3].tolist(), [0.0] * columns, [1e12] * columns]
    wanted = whole.predict(rows).reshape(len(rows), -1).tolist()
    close(from_sklearn(whole).network, rows, wanted, 1e-12)


@pytest.mark.parametrize("kind", ["StandardScaler", "MinMaxScaler"])
def test_a_scaling_standardizes_in_training_too(kind):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    numpy = pytest.importorskip("numpy")
    X = (numpy.random.default_rng(1).uniform(size=(500, 2)) * [1, 1e4] + [0, 5e4]).tolist()
    scaler = getattr(preprocessing, kind)().fit(X)
    from tinynn.importers.sklearn_table import scaling_of

    layer = assembly.scaling("it", *scaling_of("it", scaler))
    for predicted, trained in zip(layer.forward(X), layer.forward(X, training=True)):
        assert trained == pytest.approx(predicted, abs=0.1)


def sklearn_object(name, **attributes):
    return stand_in(name, "sklearn.some", **attributes)


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (
            sklearn_object("OneHotEncoder"),
            "the model: the step OneHotEncoder cannot be imported exactly; "
            "a network is a MLPClassifier or a MLPRegressor",
        ),
        (
            sklearn_object("MLPClassifier"),
            "the model: the network was not fitted; call its fit first",
        ),
        (
            stand_in("MLPClassifier", "mine"),
            "the model: an object of mine.MLPClassifier cannot be imported exactly",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else type(value).__name__,
)
def test_sklearn_steps_without_a_layer_are_refused_by_name(model, wanted):
    assert refused(from_sklearn, model) == wanted


def test_sklearn_refuses_within_a_pipeline_by_the_step():
    whole = sklearn_object("Pipeline")
    whole.steps = [("words", sklearn_object("TfidfVectorizer")), ("net", None)]
    assert refused(from_sklearn, whole).startswith("step 'words': the step TfidfVectorizer cannot")
    network = sklearn_object("MLPClassifier", coefs_=[], intercepts_=[])
    whole.steps = [("clip", sklearn_object("MinMaxScaler", clip=True)), ("net", network)]
    assert refused(from_sklearn, whole).startswith("step 'clip': MinMaxScaler with clip=True can")
    whole.steps = [("out", "passthrough")]
    assert refused(from_sklearn, whole).startswith("the model: a pipeline without a network at")


def test_sklearn_refuses_the_exponential_of_a_poisson_regressor():
    one = {"list": [{"array": [[1.0]]}]}
    model = sklearn_object(
        "MLPRegressor", coefs_=one, intercepts_={"list": [{"array": [1.0]}]}, activation="relu",
        out_activation_="exp",
    )  # fmt: skip
    assert refused(from_sklearn, model).startswith("the model: the activation 'exp' cannot")


def test_sklearn_names_of_columns_are_kept():
    frame = GOLDEN["sklearn"][0]
    model = made(frame["model"])
    model.steps[0][1].feature_names_in_ = ["a", "b", "c"]
    assert from_sklearn(model).inputs == ("a", "b", "c")


# Keras


@pytest.mark.parametrize("seed", range(8))
def test_keras_networks_predict_the_same(seed):
    keras = pytest.importorskip("keras")
    numpy = pytest.importorskip("numpy")
    rng = random.Random(seed)
    names = ["relu", "selu", "gelu", "silu", "elu", "softplus", "tanh", "sigmoid", "softmax", None]
    parts = [keras.Input((3,))]
    for _ in range(rng.randint(1, 3)):
        parts.append(keras.layers.Dense(rng.randint(2, 5), rng.choice(names)))
        if rng.random() < 0.5:
            parts.append(keras.layers.BatchNormalization())
    model = keras.Sequential(parts)
    for layer in model.layers:
        shapes = [array.shape for array in layer.get_weights()]
        numbers = numpy.random.default_rng(seed)
        layer.set_weights([abs(numbers.normal(size=shape)) + 0.1 for shape in shapes])
    rows = numpy.random.default_rng(seed).normal(size=(6, 3)).astype("float32")
    wanted = model.predict(rows, verbose=0).tolist()  # Keras computes in float32
    close(from_keras(model).network, rows.tolist(), wanted, 1e-6)


def keras_layer(name, weights=(), **config):
    content = {"config": config, "weights": {"list": list(weights)}, "name": "x"}
    return stand_in(name, "keras.src.layers.some", **content)


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        (keras_layer("Conv3D"), "the layer Conv3D"),
        (keras_layer("Activation", activation="glu"), "the activation 'glu'"),
        (
            keras_layer("Activation", activation={"class_name": "Mine", "config": {}}),
            "the activation 'Mine'",
        ),
        (
            keras_layer("ReLU", max_value=6, negative_slope=0.5),
            "a ReLU with max_value=6 and a negative_slope",
        ),
        (keras_layer("ReLU", threshold=1.0), "a ReLU with threshold=1.0"),
        (keras_layer("Softmax", axis=0), "a Softmax with axis=0"),
        (
            keras_layer("Flatten", data_format="channels_first"),
            "a Flatten with data_format='channels_first'",
        ),
        (
            keras_layer("BatchNormalization", axis=0),
            "a BatchNormalization with axis=0",
        ),
        (
            keras_layer("LayerNormalization", axis=-1, rms_scaling=True),
            "a LayerNormalization with rms_scaling=True",
        ),
        (
            keras_layer("Normalization", axis=-1, invert=False),
            "a Normalization whose mean and variance are unknown",
        ),
        (
            keras_layer("Dense", quantization_config={"x": 1}),
            "a Dense with quantization_config={'x': 1}",
        ),
        (stand_in("Dense", "mine"), "an object of mine.Dense"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_keras_layers_without_a_layer_are_refused_by_name(layer, what):
    wanted = f"the model: {what} cannot be imported exactly. {THERE_IS}"
    assert refused(from_keras, layer) == wanted


def test_keras_inputs_that_are_no_rows_are_refused():
    model = stand_in("Sequential", "keras.src.models.sequential", input_shape=(None, 5, 3))
    dense = {"use_bias": False, "activation": "linear"}
    model.layers = [keras_layer("Dense", [{"array": [[1.0], [2.0], [3.0]]}], **dense)]
    assert refused(from_keras, model) == (
        "the model: inputs of the shape (None, 5, 3) cannot be imported exactly; "
        f"Flatten them first. {THERE_IS}"
    )
    model.layers = [keras_layer("Flatten"), keras_layer("Activation", activation="relu")]
    assert repr(from_keras(model).network) == "Sequential(ReLU())"


def test_keras_weights_go_into_layers_that_are_given():
    model = made(GOLDEN["keras"][0]["model"])
    arrays = [a for layer in model.layers[2:] for a in layer.weights]
    layers = [nn.Dense(3, 4), nn.SiLU(), nn.BatchNorm(4, eps=1e-3)]
    network = from_keras(arrays, layers).network
    whole = from_keras(model).network
    rows = [[1.0, 2.0, 3.0], [-1.0, 0.0, 5.0]]
    got = network.predict(whole.layers[0].forward(rows))
    assert got == whole.predict(rows)
    assert refused(from_keras, arrays[:5], layers) == "the layers given need 6 arrays, got 5"
    assert refused(from_keras, arrays, [nn.Dense(4, 3), *layers[1:]]).startswith("the list of w")
    with pytest.raises(SettingError) as error:
        from_keras(arrays)
    assert str(error.value) == "from_keras needs layers for a list of weights: layers=[Dense(…), …]"
    with pytest.raises(SettingError) as error:
        from_keras(model, layers)
    assert str(error.value) == "from_keras takes layers only with a list of weights"


# brain.js


def brainjs(**changes):
    network = {
        "sizes": [2, 1],
        "layers": [{"weights": [], "biases": []}, {"weights": [[1.0, -2.0]], "biases": [0.5]}],
    }
    return {**network, **changes}


def test_brainjs_columns_follow_the_numbers_of_a_hand_sorted_file():
    layers = [
        {str(k): {} for k in (0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9)},
        {"0": {"bias": 0, "weights": {str(k): k for k in range(12)}}},
    ]
    network = from_brainjs({"layers": layers, "activation": "relu"}).network
    assert [[float(k)] for k in range(12)] == network.layers[0].W


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"type": "Recurrent", "options": {}}, "a brain.js network of type 'Recurrent'"),
        ({"hiddenLayers": []}, "a recurrent brain.js network of an unknown type"),
    ],
)
def test_brainjs_recurrent_networks_are_refused_by_name(document, what):
    wanted = f"the network: {what} cannot be imported exactly. {THERE_IS}"
    assert refused(from_brainjs, document) == wanted


def test_brainjs_outputs_may_be_named_by_digits():
    def node(*weights):
        return {"bias": 0.5, "weights": dict(zip("ab", weights))}

    layers = [{"a": {}, "b": {}}, {"0": node(1.0, 2.0), "7": node(3.0, 4.0)}]
    assert from_brainjs({"layers": layers}).outputs == ("0", "7")
    layers[1] = {"0": node(1.0, 2.0), "1": node(3.0, 4.0)}
    assert from_brainjs({"layers": layers}).outputs is None  # positions, as of a list
    assert from_brainjs({"layers": layers, "outputLookup": True}).outputs == ("0", "1")
    newer = brainjs(outputLookup={"0": 0})
    assert from_brainjs(newer).outputs == ("0",)


def test_brainjs_of_the_oldest_kind_names_its_columns_by_their_nodes():
    layers = [{"x": {}, "y": {}}, {"f": {"bias": 1, "weights": {"x": 2, "y": 3}}}]
    model = from_brainjs({"layers": layers})
    assert (model.inputs, model.outputs) == (("x", "y"), ("f",))
    assert repr(model.network) == "Sequential(Dense(2, 1), Sigmoid())"


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        ([], 'the network needs "layers", a list of at least two'),
        (brainjs(type="LSTM"), 'the network needs "hiddenLayers" to be a list of layers'),
        (
            brainjs(trainOpts={"activation": "mish"}),
            f"the network: the activation 'mish' cannot be imported exactly. {THERE_IS}",
        ),
        (
            brainjs(sizes=[3, 1]),
            "the network says its sizes are [3, 1], and its layers have [2, 1]",
        ),
        (
            brainjs(layers=[{}, {"weights": [[1]], "biases": []}]),
            "the network, layer 1: numbers need at least one row, got none",
        ),
        (
            brainjs(layers=[{}, {"weights": [[1, 2], [3]], "biases": [0, 0]}]),
            "the network, layer 1: weights need rows of equal length, got 2 columns in row 0 and 1 "
            "in row 1",
        ),
        (
            brainjs(inputLookup={"a": 0, "b": 2}),
            "the network needs a name for each column in inputLookup, got {'a': 0, 'b': 2}",
        ),
        (brainjs(outputLookup={"a": 0, "b": 1}), "the network has 2 names for 1 columns"),
        (
            {"layers": [{"a": {}}, {"b": {"bias": 1, "weights": {"x": 1}}}]},
            "the network, layer 1, node 'b' needs weights for the nodes a, got x",
        ),
        (
            {"layers": [{"a": {}}, {"b": {"bias": 1}}]},
            'the network, layer 1, node \'b\' needs "bias" and "weights"',
        ),
        (
            {"layers": [5, {"b": {}}]},
            "the network, layer 0 needs to be an object of nodes, got int",
        ),
    ],
)
def test_brainjs_files_that_do_not_fit_are_refused(document, wanted, tmp_path):
    if isinstance(document, dict):
        assert refused(from_brainjs, document) == wanted
    path = tmp_path / "n.json"
    path.write_text(json.dumps(document))
    assert refused(from_brainjs, path) == wanted.replace("the network", str(path))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x80", '{"layers": ' + "9" * 10_000])
def test_brainjs_files_that_are_no_json_are_refused(text, tmp_path):
    path = tmp_path / "n.json"
    path.write_text(text, encoding="latin-1")
    assert refused(from_brainjs, path).startswith(f"{path} is not brain.js's JSON: ")


@given(st.data())
def test_brainjs_files_with_anything_in_them_are_refused_or_read(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    case = data.draw(st.sampled_from(GOLDEN["brainjs"]))
    text = list(json.dumps(case["network"]))
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.sampled_from('0e-"[]{},:n '))
    path.write_text("".join(text))
    with contextlib.suppress(FormatError):
        from_brainjs(path)


# What they all return


def test_labels_needs_classes():
    with pytest.raises(SettingError) as error:
        Imported(nn.Sequential(nn.Dense(1, 1))).labels([[1.0]])
    assert str(error.value) == (
        "labels needs a model that knows its classes, and this one does not"
    )


def test_rows_are_checked():
    model = from_brainjs(brainjs())
    with pytest.raises(DataError):
        model.predict([[math.nan, 1.0]])


@given(
    st.floats(-1e9, 1e9),
    st.floats(-1e9, 1e9).filter(lambda s: abs(s) > 1e-9) | st.sampled_from([0.0, 1e200, 1e-200]),
    st.floats(-1e9, 1e9),
    st.floats(-1e6, 1e6),
)
def test_scaling_is_its_formula(shift, scale, offset, x):
    layer = assembly.scaling("it", [shift], [scale], [offset])
    wanted = (x - shift) * scale + offset
    ((got,),) = layer.forward([[x]])
    assert got == pytest.approx(wanted, rel=1e-14, abs=1e-15 * (abs(offset) + abs(wanted)))


def test_imported_networks_are_saved_and_loaded(tmp_path):
    for case, importer in (("sklearn", from_sklearn), ("keras", from_keras)):
        network = importer(made(GOLDEN[case][0]["model"])).network
        network.save(tmp_path / "m.json")
        assert nn.load(tmp_path / "m.json").to_dict() == network.to_dict()


def test_more_layers_than_a_model_has_are_refused():
    assert assembly.LAYERS_LIMIT == 10_000
    layers = [nn.Linear() for _ in range(assembly.LAYERS_LIMIT + 1)]
    assert refused(assembly.assembled, "it", layers) == "it needs at most 10,000 layers, got 10,001"
