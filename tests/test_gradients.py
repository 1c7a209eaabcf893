"""Back-propagation against central differences: every layer, activation and loss; and the checker.

The checker itself is shown to fail on a wrong derivative planted in each of them.
"""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, reject, strategies as st
from random_networks import BETWEEN, LAYERS, random_layer, random_layers

import tinynn as nn
from tinynn.errors import DataError, SettingError, ShapeError
from tinynn.lesson.activation_layers import Activation
from tinynn.lesson.network import KINDS
from tinynn.training.gradient_check import Difference, GradientReport

LOSSES = {
    repr(loss): loss
    for loss in (
        nn.MeanSquaredError(), nn.MeanAbsoluteError(), nn.Huber(), nn.Huber(delta=0.3),
        nn.BinaryCrossEntropy(), nn.BinaryCrossEntropy(from_logits=True),
        nn.CategoricalCrossEntropy(), nn.CategoricalCrossEntropy(from_logits=True), nn.Hinge(),
        nn.Quantile(), nn.Quantile(0.9), nn.LogCosh(), nn.Poisson(), nn.BinaryFocal(),
        nn.BinaryFocal(0.5), nn.BinaryFocal(3.0, from_logits=True), nn.Focal(), nn.Focal(1.0),
        nn.Focal(2.0, from_logits=True), nn.CrossEntropy(0.1),
        nn.CrossEntropy(0.2, from_logits=True),
    )
}  # fmt: skip
KINKS = {nn.Hardsigmoid: (-3, 3), nn.Hardswish: (-3, 3), nn.ReLU6: (0, 6), nn.Clip: (-1, 1)}
KINKED = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.PReLU)
RANDOM = st.integers(0, 2**32).map(random.Random)


def fits(last, loss):
    """Whether `fit` takes a network that ends in this layer for this loss."""
    if loss.partner is None:
        return True
    if loss.from_logits:
        return type(last).__name__ != loss.partner
    return last.low >= 0.0 and last.high <= 1.0


def make_targets(last, loss, n, m, rng):
    """Return targets, within reach of the last layer and of the loss."""
    if loss.partner == "Softmax":
        classes = [rng.randrange(m) for _ in range(n)]
        return [[float(j == k) for j in range(m)] for k in classes]
    if loss.partner == "Sigmoid":
        return [[rng.choice([0.0, 1.0, rng.random()]) for _ in range(m)] for _ in range(n)]
    if loss.name == "hinge":
        return [[rng.choice([-1.0, 1.0]) for _ in range(m)] for _ in range(n)]
    low, high = max(last.low, -2.0), min(last.high, 2.0)
    if loss.name == "poisson":
        low, high = max(last.low, 0.0), max(high, 0.0)
    return [[rng.uniform(low, high) for _ in range(m)] for _ in range(n)]


def gaps_in_windows(layer):
    """Return how far the largest pixel of each window is from the next, of max pooling."""
    for pixels, largest in zip(getattr(layer, "seen", []), getattr(layer, "largest", [])):
        for window, best in zip(zip(*layer.windows.pixels()), largest):
            others = [pixels[i] for i in window if i not in (best, len(pixels))]
            yield from [pixels[best] - max(others)] if others else []


def near_a_kink(model, loss, X, T, training):
    """Whether differences would reach across a kink, or are all rounding: a probability near 1."""
    model.seed_noise(1)
    Y = X
    for layer in model.layers:
        if isinstance(layer, nn.MaxPool2D):
            layer.seen = layer.channels(Y)
        Y = layer.forward(Y, training)
    inputs = [gap for layer in model.layers for gap in gaps_in_windows(layer)] + [
        x for layer in model.layers if isinstance(layer, KINKED) for row in layer.X for x in row
    ]
    for layer in model.layers:
        places = KINKS.get(type(layer), ())
        if isinstance(layer, nn.Clip):
            places = (layer.least, layer.most)
        inputs += [x - place for place in places for row in layer.X for x in row]
    pairs = [(y, t) for ys, ts in zip(Y, T) for y, t in zip(ys, ts)]
    gaps = {
        "mae": lambda y, t: y - t,
        "quantile": lambda y, t: y - t,
        "binary_focal": lambda y, t: 1.0 if loss.from_logits or 0.001 < y < 0.999 else 0.0,
        "focal": lambda y, t: 1.0 if loss.from_logits or 0.001 < y < 0.999 else 0.0,
        "huber": lambda y, t: abs(y - t) - loss.delta,
        "hinge": lambda y, t: 1.0 - t * y,
        "bce": lambda y, t: 1.0 if loss.from_logits or y < 0.999 else 0.0,
    }.get(loss.name, lambda y, t: 1.0)
    return any(abs(gap) < 1e-4 for gap in [*inputs, *(gaps(y, t) for y, t in pairs)])


def check(layer_name, loss, rng):
    """Check the gradients of a network around that layer, with that loss, all else at random."""
    while True:
        n, inputs, width = rng.randint(2, 4), rng.randint(1, 3), rng.randint(1, 4)
        layer, m = random_layer(layer_name, width, rng)
        layers = [nn.Dense(inputs, width, "normal"), layer]
        if not fits(layer, loss) or rng.random() < 0.5:
            k = rng.randint(1, 3)
            layers.append(nn.Dense(m, k))
            m = k
            if loss.partner and not loss.from_logits:
                layers.append(KINDS[loss.partner]())
        model = nn.Sequential(*layers, seed=rng)
        for parameter in model.parameters():
            for row in parameter.rows():
                row[:] = [rng.uniform(-1.5, 1.5) for _ in row]
        X = [[rng.uniform(-2, 2) for _ in range(inputs)] for _ in range(n)]
        T = make_targets(layers[-1], loss, n, m, rng)
        weights = rng.choice([None, [rng.uniform(0.1, 3.0) for _ in X]])
        training = rng.random() < 0.6
        if not near_a_kink(model, loss, X, T, training):
            break
    report = nn.gradcheck(model, loss, X, T, weights, training=training)
    assert report, f"{model!r}, {loss!r}, training={training}\n{report}"
    assert report.checked == model.count_parameters() + n * inputs


# --- every layer, every loss ---


@pytest.mark.parametrize("layer", LAYERS)
@given(loss=st.sampled_from(sorted(LOSSES)), rng=RANDOM)
def test_gradients_of_every_layer(layer, loss, rng):
    check(layer, LOSSES[loss], rng)


@pytest.mark.parametrize("loss", sorted(LOSSES))
@given(layer=st.sampled_from(LAYERS), rng=RANDOM)
def test_gradients_of_every_loss(loss, layer, rng):
    check(layer, LOSSES[loss], rng)


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("loss", sorted(LOSSES))
@given(rng=RANDOM)
def test_gradients_of_every_layer_with_every_loss(loss, layer, rng):
    check(layer, LOSSES[loss], rng)


def few_normalizations(names):
    """Whether differences are exact enough: each normalization may enlarge what is rounded."""
    return sum("Norm" in name for name in names) <= 2


@given(st.lists(st.sampled_from(LAYERS), min_size=2, max_size=5).filter(few_normalizations), RANDOM)
def test_gradients_of_layers_in_any_order(names, rng):
    loss = nn.MeanSquaredError()
    for _ in range(30):
        inputs, width = rng.randint(1, 3), rng.randint(2, 3)
        layers = random_layers(names, width, rng)
        model = nn.Sequential(nn.Dense(inputs, width), *layers, seed=rng)
        model = nn.Sequential(*model.layers, nn.Dense(model.outputs, 2), seed=rng)
        X = [[rng.uniform(-2, 2) for _ in range(inputs)] for _ in range(3)]
        T = [[rng.uniform(-2, 2) for _ in range(2)] for _ in range(3)]
        training = rng.random() < 0.6
        # A dropped element is exactly 0, where the next ReLU has its kink: without dropout then.
        training = training and "Dropout" not in names
        if not near_a_kink(model, loss, X, T, training):
            break
    else:  # as behind a ReLU and a LayerNorm, whose rows of zeros are the next ReLU's kink
        reject()
    report = nn.gradcheck(model, loss, X, T, training=training)
    assert report, f"{model!r}, training={training}\n{report}"


# --- wrong derivatives, planted ---

FACTOR = 1.0 + 1e-5


def scaled(rows):
    return [[FACTOR * value for value in row] for row in rows]


def planted(kind, what):
    """Return a layer kind whose derivative by its inputs, or by one parameter, is a bit off."""

    class Wrong(kind):
        def backward(self, dY, wants_dX=True):
            dX = super().backward(dY, wants_dX)
            if what == "inputs":
                return scaled(dX)
            gradient = getattr(self, f"d{what}")
            if isinstance(gradient[0], list):
                setattr(self, f"d{what}", scaled(gradient))
            else:
                setattr(self, f"d{what}", scaled([gradient])[0])
            return dX

    return Wrong


X = [[0.5, -1.25], [2.0, 0.75], [-0.3, -0.8]]
T = [[0.7, 0.1], [0.25, 0.5], [0.9, 0.3]]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("name", "what"),
    [
        *((name, "inputs") for name in ["Dense", *BETWEEN]), ("Dense", "W"), ("Dense", "b"),
        ("BatchNorm", "gamma"), ("BatchNorm", "beta"),
        ("LayerNorm", "gamma"), ("LayerNorm", "beta"),
    ],
)  # fmt: skip
def test_a_wrong_derivative_in_a_layer_is_caught_and_named(name, what, training):
    def model(kind):
        layer = kind(3, 3) if name == "Dense" else kind()
        return nn.Sequential(nn.Dense(2, 3), layer, nn.Dense(3, 2), seed=3)

    assert nn.gradcheck(model(KINDS[name]), "mse", X, T, training=training)
    report = nn.gradcheck(model(planted(KINDS[name], what)), "mse", X, T, training=training)
    assert not report
    assert not report.ok
    names = {difference.name for difference in report.wrong}
    if what == "inputs":
        assert names <= {"inputs", "0.W", "0.b"}
        assert "inputs" in names
    else:
        assert names == {f"1.{what}"}
        assert f"  1.{what}[" in str(report)
    assert report.worst == report.wrong[0]
    # 0.00001 off, but for those that are near 0
    assert report.worst.error == pytest.approx(1e-5, rel=0.5)


@pytest.mark.parametrize("name", [n for n in LAYERS if issubclass(KINDS[n], Activation)])
def test_a_wrong_derivative_of_an_activation_is_caught(name):
    right = KINDS[name]()

    class Wrong(Activation):
        function = staticmethod(right.function)
        derivative = staticmethod(lambda z, y: right.derivative(z, y) + 1e-3)

    model = nn.Sequential(nn.Dense(2, 2), Wrong(), nn.Dense(2, 2))
    assert {d.name for d in nn.gradcheck(model, "mse", X, T).wrong} >= {"0.W", "0.b"}


@pytest.mark.parametrize("name", sorted(LOSSES))
@pytest.mark.parametrize("method", ["row_derivative", "logits_derivative"])
def test_a_wrong_derivative_of_a_loss_is_caught(name, method):
    right = LOSSES[name]

    class Wrong(type(right)):
        pass

    def derivative(self, y, t):
        return [FACTOR * d for d in getattr(super(Wrong, self), method)(y, t)]

    setattr(Wrong, method, derivative)
    wrong = Wrong(**right.settings())
    layers = [nn.Dense(2, 2)]
    if right.partner and not right.from_logits:
        # The joint derivative is the one used where the network ends in the loss's partner.
        joint = {"Sigmoid": "Softmax", "Softmax": "Sigmoid"}[right.partner]
        layers.append(KINDS[right.partner if method == "logits_derivative" else joint]())
    elif method == "logits_derivative" and not right.from_logits:
        return  # never used
    targets = {"hinge": [[1.0, -1.0]] * 3}.get(right.name, T)
    if right.partner == "Softmax":
        targets = [[0.0, 1.0]] * 3
    model = nn.Sequential(*layers, seed=5)
    assert nn.gradcheck(model, right, X, targets)
    assert {d.name for d in nn.gradcheck(model, wrong, X, targets).wrong} >= {"0.W", "0.b"}


# --- the report ---


def doubled_weight():
    return nn.Sequential(planted(nn.Dense, "W")(1, 1, weights=[[2.0]]))


def test_a_report_says_what_is_wrong(monkeypatch):
    # L = (w x + b − t)² with w = 2, x = 1, b = t = 0:  dL/dw = 2 w x² = 4, made 8
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    report = nn.gradcheck(doubled_weight(), "mse", [[1.0]], [[0.0]])
    assert (report.ok, report.checked, len(report.wrong)) == (False, 3, 1)
    assert str(report) == (
        "1 of 3 derivatives are wrong:\n"
        "  0.W[0][0]: backward gives 8, differences give 4, relative error 5.0e-01"
    )


def test_a_report_says_that_all_is_well():
    report = nn.gradcheck(nn.Sequential(nn.Dense(1, 1, weights=[[2.0]])), "mse", [[1.0]], [[0.0]])
    assert report.ok
    assert report
    assert report.wrong == []
    assert str(report).startswith("all 3 derivatives agree; the worst is ")


def test_a_report_stays_short():
    wrong = [Difference("0.W", 0, j, 1.0, 2.0, 0.5) for j in range(12)]
    lines = str(GradientReport(20, 1e-6, wrong[0], wrong)).splitlines()
    assert len(lines) == 12
    assert lines[0] == "12 of 20 derivatives are wrong:"
    assert lines[-1] == "  and 2 more"


def test_what_is_not_a_number_is_wrong():
    class Wrong(nn.Tanh):
        def backward(self, dY, wants_dX=True):
            return [[math.nan for _ in row] for row in dY]

    report = nn.gradcheck(nn.Sequential(nn.Dense(2, 2), Wrong()), "mse", X, T)
    assert len(report.wrong) == report.checked
    assert report.worst.error == math.inf


# --- what it leaves behind, what it refuses ---


def example():
    return nn.Sequential(
        nn.Dense(2, 3), nn.BatchNorm(), nn.Dropout(0.3), nn.Tanh(), nn.Dense(3, 2), seed=1
    )


def test_the_networks_numbers_stay_as_they_were():
    model = example()
    before = model.state()
    inputs = [list(row) for row in X]
    assert nn.gradcheck(model, "mse", inputs, T)
    assert model.state() == before
    assert inputs == X


@pytest.mark.parametrize("call", [1, 2, 3, 40])
def test_also_when_it_is_interrupted(call):
    class Interrupting(nn.MeanSquaredError):
        calls = 0

        def __call__(self, *args):
            type(self).calls += 1
            if self.calls == call:
                raise KeyboardInterrupt
            return super().__call__(*args)

    model = example()
    before = model.state()
    with pytest.raises(KeyboardInterrupt):
        nn.gradcheck(model, Interrupting(), X, T)
    assert model.state() == before


def test_inputs_may_be_left_out():
    model = example()
    assert nn.gradcheck(model, "mse", X, T, check_inputs=False).checked == 23
    assert nn.gradcheck(nn.Sequential(nn.Tanh()), "mse", X, T).checked == 6


@pytest.mark.parametrize(
    ("kind", "call", "message"),
    [
        (
            SettingError,
            lambda: nn.gradcheck(nn.Sequential(nn.Tanh()), "mse", X, T, check_inputs=False),
            "gradcheck needs a network with parameters, or check_inputs=True, got "
            "Sequential(Tanh())",
        ),
        (
            SettingError, lambda: nn.gradcheck(example(), "mse", X, T, tolerance=0),
            "gradcheck needs tolerance to be a finite number, above 0 and below 1, got 0",
        ),
        (
            SettingError, lambda: nn.gradcheck(example(), "bce", X, T),
            "BinaryCrossEntropy needs outputs between 0 and 1, got Dense(3, 2) as the last layer; "
            "add Sigmoid() to the network, or use BinaryCrossEntropy(from_logits=True)",
        ),
        (
            ShapeError, lambda: nn.gradcheck(example(), "mse", X, T[:2]),
            "inputs and targets need the same number of rows, got 3 and 2",
        ),
        (
            DataError, lambda: nn.gradcheck(example(), "mse", [[0.5, "1"], *X[1:]], T),
            "inputs need numbers, got the text '1' in row 0, column 1; "
            "convert it with float() first",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(kind, call, message):
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == message
