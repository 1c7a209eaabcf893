"""Losses: golden numbers, PyTorch's tables, weights, joint derivatives, the extremes."""

from __future__ import annotations

import functools
import json
import math
import random
from fractions import Fraction

import pytest
from golden_tables import load_maker, load_table
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.errors import FormatError, SettingError, ShapeError, TinynnError
from tinynn.lesson.losses import LOSSES, by_name, from_dict
from tinynn.lesson.matrix import shape
from tinynn.training.training_data import data_of_rows

TABLE = load_table("functions")

ALL = [
    nn.MeanSquaredError(), nn.MeanAbsoluteError(), nn.Huber(), nn.Huber(delta=0.25),
    nn.BinaryCrossEntropy(), nn.BinaryCrossEntropy(from_logits=True),
    nn.CategoricalCrossEntropy(), nn.CategoricalCrossEntropy(from_logits=True), nn.Hinge(),
    nn.Quantile(), nn.Quantile(0.9), nn.LogCosh(), nn.Poisson(), nn.BinaryFocal(),
    nn.BinaryFocal(0.5), nn.BinaryFocal(3.0, from_logits=True), nn.Focal(), nn.Focal(1.0),
    nn.Focal(2.0, from_logits=True), nn.CrossEntropy(0.1), nn.CrossEntropy(0.2, from_logits=True),
]  # fmt: skip
every_loss = pytest.mark.parametrize("loss", ALL, ids=repr)


MAKER = load_maker("functions")


def batch(loss, rng, size=5.0):
    """Return outputs and targets that this loss takes, both samples × outputs."""
    n, m = rng.randint(1, 5), rng.randint(1, 4)
    probabilities = loss.partner is not None and not loss.from_logits
    low, high = (0.01, 0.99) if probabilities else (-size, size)
    Y = [[rng.uniform(low, high) for _ in range(m)] for _ in range(n)]
    if loss.partner == "Softmax":
        classes = [rng.randrange(m) for _ in range(n)]
        return Y, [[float(j == k) for j in range(m)] for k in classes]
    draw = {
        "bce": lambda: rng.choice([0.0, 1.0, rng.random()]),
        "binary_focal": lambda: rng.choice([0.0, 1.0, rng.random()]),
        "hinge": lambda: rng.choice([-1.0, 1.0]),
        "poisson": lambda: rng.choice([0.0, 1.0, rng.uniform(0.0, size)]),
    }.get(loss.name, lambda: rng.uniform(-size, size))
    return Y, [[draw() for _ in range(m)] for _ in range(n)]


def weights_for(Y, rng):
    """Return a weight for each row, or None."""
    return rng.choice([None, [rng.uniform(0.1, 3.0) for _ in Y]])


# From one number all else is drawn: much faster than drawing each element by itself.
RANDOM = st.integers(0, 2**32).map(random.Random)


# --- golden numbers ---


@pytest.mark.parametrize("case", TABLE["losses"], ids=lambda c: f"{c['loss']}{c['settings']}")
@pytest.mark.parametrize("key", ["plain", "weighted"])
def test_losses_and_gradients_are_pytorchs(case, key):
    loss = LOSSES[case["loss"]](**case["settings"])
    Y, T = MAKER.rows_named(case["outputs"]), MAKER.rows_named(case["targets"])
    weights = MAKER.WEIGHTS if key == "weighted" else None
    assert loss(Y, T, weights) == pytest.approx(case[key]["value"], rel=1e-12)
    for found, wanted in zip(loss.gradient(Y, T, weights), case[key]["gradient"]):
        assert found == pytest.approx(wanted, rel=1e-12, abs=1e-15)


@given(st.sampled_from([loss for loss in ALL if loss.name != "hinge"]), RANDOM)
def test_any_batch_has_pytorchs_loss_and_gradient(loss, rng):
    torch = pytest.importorskip("torch")
    Y, T = batch(loss, rng)
    weights = weights_for(Y, rng) or [1.0] * len(Y)
    y = torch.tensor(Y, dtype=torch.float64, requires_grad=True)
    t, w = torch.tensor(T, dtype=torch.float64), torch.tensor(weights, dtype=torch.float64)
    value = (w * MAKER.loss_of(torch, loss.name, loss.settings(), y, t)).sum() / w.sum()
    value.backward()
    assert loss(Y, T, weights) == pytest.approx(value.item(), rel=1e-12, abs=1e-14)
    for found, wanted in zip(loss.gradient(Y, T, weights), y.grad.tolist()):
        assert found == pytest.approx(wanted, rel=1e-11, abs=1e-14)


@pytest.mark.parametrize(
    ("loss", "Y", "T", "value"),
    [
        # (1² + 2²) / 2
        (nn.MeanSquaredError(), [[1.0, 2.0]], [[0.0, 4.0]], 2.5),
        (nn.MeanAbsoluteError(), [[1.0, 2.0]], [[0.0, 4.0]], 1.5),
        # (0.5 · 0.5² + 1 · (2 − 0.5)) / 2
        (nn.Huber(), [[0.5, 2.0]], [[0.0, 0.0]], 0.8125),
        (nn.Huber(delta=2.0), [[0.5, 2.0]], [[0.0, 0.0]], 1.0625),
        (nn.BinaryCrossEntropy(), [[0.5], [0.25]], [[1.0], [0.0]],
         (math.log(2) - math.log(0.75)) / 2),
        (nn.BinaryCrossEntropy(from_logits=True), [[0.0]], [[1.0]], math.log(2)),
        (nn.CategoricalCrossEntropy(), [[0.5, 0.25, 0.25]], [[0.0, 1.0, 0.0]], math.log(4)),
        (nn.CategoricalCrossEntropy(from_logits=True), [[7.0, 7.0]], [[0.0, 1.0]], math.log(2)),
        # Cortes and Vapnik (1995): max(0, 1 − t y), here 0.5, 0, 3
        (nn.Hinge(), [[0.5], [2.0], [2.0]], [[1.0], [1.0], [-1.0]], 3.5 / 3),
    ],
)  # fmt: skip
def test_values_by_hand(loss, Y, T, value):
    assert loss(Y, T) == pytest.approx(value, rel=1e-15)


def test_mazurs_total_error():
    # M. Mazur, "A Step by Step Backpropagation Example" (2015): 0.298371109, both outputs
    Y, T = [[0.7513650695523157, 0.7729284653214625]], [[0.01, 0.99]]
    assert nn.MeanSquaredError()(Y, T) == pytest.approx(0.2983711087600027, rel=1e-15)


# --- derivatives ---


@every_loss
@given(rng=RANDOM)
def test_gradients_are_what_differences_tend_to(loss, rng):
    Y, T = batch(loss, rng)
    weights = weights_for(Y, rng)
    h = 1e-6
    dY = loss.gradient(Y, T, weights)
    assert shape(dY) == shape(Y)
    for i, row in enumerate(Y):
        for j, y in enumerate(row):
            gap = abs(y - T[i][j])
            kinks = {"mae": gap, "quantile": gap, "huber": 1.0, "hinge": abs(1.0 - y * T[i][j])}
            if kinks.get(loss.name, 1.0) < 1e-5:
                continue
            row[j] = y + h
            above = loss(Y, T, weights)
            row[j] = y - h
            below = loss(Y, T, weights)
            row[j] = y
            assert dY[i][j] == pytest.approx((above - below) / (2 * h), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(
    ("loss", "layer"),
    [
        (nn.BinaryCrossEntropy, nn.Sigmoid),
        (nn.CategoricalCrossEntropy, nn.Softmax),
        (nn.BinaryFocal, nn.Sigmoid),
        (nn.Focal, nn.Softmax),
        (functools.partial(nn.CrossEntropy, 0.1), nn.Softmax),
    ],
)
@given(rng=RANDOM)
def test_the_joint_derivative_is_the_chain_through_the_activation(loss, layer, rng):
    assert loss().partner == layer.__name__
    Z, T = batch(loss(from_logits=True), rng)
    weights = weights_for(Z, rng)
    last = layer()
    P = last.forward(Z)
    chained = last.backward(loss().gradient(P, T, weights))
    joint = loss().logits_gradient(P, T, weights)
    of_logits = loss(from_logits=True).gradient(Z, T, weights)
    for one, two, three in zip(chained, joint, of_logits):
        assert one == pytest.approx(two, rel=1e-9, abs=1e-12)
        assert two == pytest.approx(three, rel=1e-12, abs=1e-15)
    assert loss()(P, T, weights) == pytest.approx(
        loss(from_logits=True)(Z, T, weights), rel=1e-12, abs=1e-14
    )


def test_kinks():
    assert nn.MeanAbsoluteError().gradient([[1.0]], [[1.0]]) == [[0.0]]
    assert nn.Huber().gradient([[1.0]], [[0.0]]) == [[1.0]]
    assert nn.Hinge().gradient([[1.0]], [[1.0]]) == [[0.0]]


# --- weights ---


@every_loss
@given(rng=RANDOM)
def test_a_whole_weight_counts_a_row_so_many_times(loss, rng):
    Y, T = batch(loss, rng)
    counts = [rng.randint(0, 3) for _ in Y[1:]] + [rng.randint(1, 3)]
    repeated = [i for i, count in enumerate(counts) for _ in range(count)]
    Y_repeated, T_repeated = [Y[i] for i in repeated], [T[i] for i in repeated]
    weights = [float(count) for count in counts]
    assert loss(Y, T, weights) == pytest.approx(loss(Y_repeated, T_repeated), rel=1e-12, abs=1e-15)
    once = dict(zip(repeated, loss.gradient(Y_repeated, T_repeated)))
    for i, row in enumerate(loss.gradient(Y, T, weights)):
        wanted = [counts[i] * d for d in once.get(i, [0.0] * len(row))]
        assert row == pytest.approx(wanted, rel=1e-12, abs=1e-15)


@every_loss
@given(rng=RANDOM, factor=st.floats(1e-3, 1e3))
def test_only_the_proportions_of_weights_count(loss, rng, factor):
    Y, T = batch(loss, rng)
    weights = [rng.uniform(0.1, 3.0) for _ in Y]
    scaled = [factor * w for w in weights]
    assert loss(Y, T, scaled) == pytest.approx(loss(Y, T, weights), rel=1e-12, abs=1e-15)
    same = [factor] * len(Y)
    assert loss(Y, T, same) == pytest.approx(loss(Y, T), rel=1e-12, abs=1e-15)


def test_a_sample_of_weight_0_does_not_count_even_if_its_loss_is_infinite():
    loss = nn.MeanSquaredError()
    assert loss([[1e200], [1.0]], [[0.0], [0.0]], [0.0, 1.0]) == 1.0
    assert loss([[1e200], [1.0]], [[0.0], [0.0]]) == math.inf
    assert loss([[1.0], [1.0]], [[0.0], [0.0]], [0.0, 0.0]) == 0.0  # no sample counts
    assert loss.gradient([[1.0], [1.0]], [[0.0], [0.0]], [0.0, 0.0]) == [[0.0], [0.0]]


@every_loss
@given(rng=RANDOM)
def test_the_loss_of_a_batch_is_the_mean_of_its_rows(loss, rng):
    Y, T = batch(loss, rng)
    alone = [loss([y], [t]) for y, t in zip(Y, T)]
    assert loss(Y, T) == pytest.approx(math.fsum(alone) / len(alone), rel=1e-12, abs=1e-15)


# --- the extremes ---

LOGITS = st.floats(-1e4, 1e4) | st.sampled_from([-1e4, 1e4, 0.0])


@pytest.mark.parametrize("loss", [loss for loss in ALL if loss.from_logits], ids=repr)
@given(data=st.data())
def test_logits_of_10000_give_finite_losses_and_gradients(loss, data):
    Z = [[data.draw(LOGITS) for _ in range(3)] for _ in range(2)]
    classes = [data.draw(st.integers(0, 2)) for _ in Z]
    T = [[float(j == k) for j in range(3)] for k in classes]
    assert 0.0 <= loss(Z, T) <= 2e4 + 1.1  # the widest gap, and log 3
    most = 1.0 + getattr(loss, "gamma", 0.0)
    assert all(-most <= d <= most for row in loss.gradient(Z, T) for d in row)


@pytest.mark.parametrize("z", [1e4, -1e4])
@pytest.mark.parametrize("t", [0.0, 1.0])
def test_logits_of_10000_by_hand(z, t):
    wrong = (z > 0) != (t > 0)
    loss = nn.BinaryCrossEntropy(from_logits=True)
    assert loss([[z]], [[t]]) == (1e4 if wrong else 0.0)
    assert loss.gradient([[z]], [[t]]) == [[(1.0 if z > 0 else -1.0) if wrong else 0.0]]
    loss = nn.CategoricalCrossEntropy(from_logits=True)
    assert loss([[z, 0.0]], [[t, 1.0 - t]]) == (1e4 if wrong else 0.0)


@pytest.mark.parametrize(
    "loss", [loss for loss in ALL if loss.partner and not loss.from_logits], ids=repr
)
@given(data=st.data())
def test_probabilities_that_have_rounded_to_0_or_1_give_finite_losses_and_gradients(loss, data):
    p = data.draw(st.floats(0.0, 1.0))
    for t in ([1.0, 0.0], [0.0, 1.0]):
        assert 0.0 <= loss([[p, 1.0 - p]], [t]) <= 710.0
        assert all(math.isfinite(d) for d in loss.gradient([[p, 1.0 - p]], [t])[0])


def test_a_probability_of_0_costs_as_much_as_in_pytorch():
    # torch.nn.BCELoss: "we clamp its log function outputs to be greater than or equal to -100"
    assert nn.BinaryCrossEntropy()([[0.0]], [[1.0]]) == 100.0
    assert nn.BinaryCrossEntropy()([[1.0]], [[0.0]]) == 100.0
    assert nn.BinaryCrossEntropy()([[1e-60]], [[1.0]]) == 100.0
    assert nn.BinaryCrossEntropy().gradient([[0.0]], [[1.0]]) == [[-1e12]]


@every_loss
def test_an_output_that_is_not_a_number_is_never_hidden(loss):
    t = [1.0, 0.0] if loss.partner == "Softmax" else [1.0, 1.0]
    for y in ([math.nan, 0.5], [0.5, math.nan], [math.nan, math.nan]):
        used = [y_j for y_j, t_j in zip(y, t) if t_j] if not loss.from_logits else y
        hidden = loss.name == "ce" and not any(map(math.isnan, used))
        assert math.isnan(loss([y, [0.5, 0.5]], [t, t])) != hidden


@pytest.mark.parametrize("loss", [nn.MeanSquaredError(), nn.Huber()], ids=repr)
def test_nor_is_it_hidden_by_the_limits_of_a_gradient(loss):
    assert math.isnan(loss.gradient([[math.nan]], [[1.0]])[0][0])


def test_a_perfect_answer_costs_nothing_and_never_less():
    for loss, y, t in (
        (nn.CategoricalCrossEntropy(), [1.0, 0.0], [1.0, 0.0]),
        (nn.BinaryCrossEntropy(), [1.0, 0.0], [1.0, 0.0]),
        (nn.MeanSquaredError(), [1.0, 0.0], [1.0, 0.0]),
        (nn.Hinge(), [1.0, -1.0], [1.0, -1.0]),
    ):
        value = loss([y], [t])
        assert value == 0.0
        assert math.copysign(1.0, value) == 1.0


# --- targets, names, what is refused ---


@pytest.mark.parametrize(
    ("loss", "t", "trouble"),
    [
        (nn.BinaryCrossEntropy(), [0.0, 1.0, 0.5], None),
        (nn.BinaryCrossEntropy(), [0.0, 1.5], (1, "targets between 0 and 1")),
        (nn.BinaryCrossEntropy(from_logits=True), [-1.0], (0, "targets between 0 and 1")),
        (nn.BinaryCrossEntropy(), [math.nan], (0, "targets between 0 and 1")),
        (nn.CategoricalCrossEntropy(), [0.0, 1.0], None),
        (nn.CategoricalCrossEntropy(), [1 / 3, 1 / 3, 1 / 3], None),
        (nn.CategoricalCrossEntropy(), [0.1] * 10, None),
        (nn.CategoricalCrossEntropy(), [0.5, 0.5 - 9e-7], None),
        (
            nn.CategoricalCrossEntropy(), [0.5, 0.5 + 3e-6],
            (1, "targets that sum to 1 in each row, not 1"),
        ),
        (
            nn.CategoricalCrossEntropy(), [0.5, 0.495],
            (1, "targets that sum to 1 in each row, not 0.995"),
        ),
        (
            nn.CategoricalCrossEntropy(), [0.0, 2.0],
            (1, "probabilities between 0 and 1 (one_hot(classes) makes them)"),
        ),
        (
            nn.CategoricalCrossEntropy(), [0.0, 0.0],
            (1, "targets that sum to 1 in each row, not 0"),
        ),
        (
            nn.CategoricalCrossEntropy(), [1.0, 0.25],
            (1, "targets that sum to 1 in each row, not 1.25"),
        ),
        (nn.Hinge(), [-1.0, 1.0], None),
        (nn.Hinge(), [1.0, 0.0], (1, "targets of -1 or 1")),
        (nn.MeanSquaredError(), [1e300], None),
        (nn.MeanAbsoluteError(), [-1e300], None),
        (nn.Huber(), [0.0], None),
    ],
)  # fmt: skip
def test_targets_that_a_loss_takes_and_does_not(loss, t, trouble):
    assert loss.check_target(t) == trouble


ROWS_NEEDED = "a matrix needs rows of numbers, got 1.0 as row 0; did you mean [[...]]?"


@pytest.mark.parametrize("method", ["__call__", "gradient", "logits_gradient"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0]], []), "a loss needs a target for each output, "
         "got outputs (1, 1) and targets (0, 0)"),
        (([[1.0, 2.0]], [[1.0]]), "a loss needs a target for each output, "
         "got outputs (1, 2) and targets (1, 1)"),
        (([[1.0]], [[1.0], [1.0]]), "a loss needs a target for each output, "
         "got outputs (1, 1) and targets (2, 1)"),
        (([], []), "a loss needs at least one row and one output, got (0, 0)"),
        (([[], []], [[], []]), "a loss needs at least one row and one output, got (2, 0)"),
        (([1.0], [1.0]), ROWS_NEEDED),
        (([[1.0]], [1.0]), ROWS_NEEDED),
        (([[1.0], [1.0, 2.0]], [[1.0], [1.0]]), "a matrix needs rows of equal length, "
         "got 1 columns in row 0 and 2 in row 1"),
        (([[1.0]], [[1.0]], [1.0, 1.0]),
         "a loss needs one sample weight per row, got 2 for 1 rows"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_named(method, arguments, message):
    with pytest.raises(ShapeError) as error:
        getattr(nn.BinaryCrossEntropy(), method)(*arguments)
    assert str(error.value) == message


def test_numpys_arrays_will_do():
    numpy = pytest.importorskip("numpy")
    Y, T = [[0.5, 1.0], [2.0, 3.0]], [[1.0, 1.0], [1.0, -1.0]]
    for loss in (nn.MeanSquaredError(), nn.Hinge(), nn.Huber()):
        w = numpy.array([1.0, 3.0])
        assert loss(numpy.array(Y), numpy.array(T), w) == loss(Y, T, [1.0, 3.0])


@every_loss
def test_a_loss_is_rebuilt_from_what_is_saved_of_it(loss):
    saved = json.loads(json.dumps(loss.to_dict()))
    assert from_dict(saved) == loss
    assert from_dict(saved) != nn.Huber(delta=9.0)


def test_losses_by_name():
    assert set(LOSSES) == {
        "mse", "mae", "huber", "bce", "ce", "hinge", "quantile", "log_cosh", "poisson",
        "binary_focal", "focal", "cross_entropy",
    }  # fmt: skip
    for name, kind in LOSSES.items():
        assert by_name(name) == kind()
        assert by_name(name).name == name
    custom = nn.Huber(delta=3.0)
    assert by_name(custom) is custom


@pytest.mark.parametrize(
    ("kind", "call", "message"),
    [
        (
            SettingError, lambda: by_name("mes"),
            "loss needs to be one of 'mse', 'mae', 'huber', 'bce', 'ce', 'hinge', 'quantile', "
            "'log_cosh', 'poisson', 'binary_focal', 'focal', 'cross_entropy' "
            "or an object of class Loss, got 'mes'; did you mean 'mse'?",
        ),
        (
            SettingError, lambda: by_name(nn.Huber),
            "loss needs to be one of 'mse', 'mae', 'huber', 'bce', 'ce', 'hinge', 'quantile', "
            "'log_cosh', 'poisson', 'binary_focal', 'focal', 'cross_entropy' "
            f"or an object of class Loss, got {nn.Huber!r}; "
            "did you mean Huber(), with parentheses?",
        ),
        (
            SettingError, lambda: nn.Huber(0),
            "Huber needs delta to be a finite number, above 0, got 0",
        ),
        (
            SettingError, lambda: nn.BinaryCrossEntropy(1),
            "BinaryCrossEntropy needs from_logits to be True or False, got 1",
        ),
        (
            SettingError, lambda: nn.CategoricalCrossEntropy("yes"),
            "CategoricalCrossEntropy needs from_logits to be True or False, got 'yes'",
        ),
        (
            FormatError, lambda: from_dict({"type": "mse", "delta": 1.0}),
            "a saved loss of type 'mse' needs the settings of its constructor, got 'delta'",
        ),
    ],
)  # fmt: skip
def test_settings_that_are_refused(kind, call, message):
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == message


@given(RANDOM)
def test_the_mean_squared_error_is_exact_but_for_rounding(rng):
    loss = nn.MeanSquaredError()
    Y, T = batch(loss, rng, size=1e6)
    n, m = shape(Y)
    exact = sum(
        (Fraction(y) - Fraction(t)) ** 2 for ys, ts in zip(Y, T) for y, t in zip(ys, ts)
    ) / (n * m)
    assert loss(Y, T) == pytest.approx(float(exact), rel=1e-14, abs=1e-300)


# --- cross-entropy with smoothed labels and ignored rows ---


@given(RANDOM, st.floats(0.0, 0.9))
def test_class_numbers_and_ignored_rows_are_pytorchs(rng, smoothing):
    torch = pytest.importorskip("torch")
    m, n = rng.randint(2, 5), rng.randint(1, 6)
    Z = [[rng.uniform(-5, 5) for _ in range(m)] for _ in range(n)]
    classes = [0, *(rng.choice([*range(m), -100]) for _ in Z[1:])]
    z = torch.tensor(Z, dtype=torch.float64, requires_grad=True)
    value = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(z, torch.tensor(classes))
    value.backward()
    loss = nn.CrossEntropy(smoothing, from_logits=True)
    T = [[float(j == k) for j in range(m)] for k in classes]
    assert loss(Z, T) == pytest.approx(value.item(), rel=1e-12, abs=1e-14)
    for found, wanted in zip(loss.gradient(Z, T), z.grad.tolist()):
        assert found == pytest.approx(wanted, rel=1e-11, abs=1e-14)


ENGINES = ("lists", "unrolled", "loops", "packed")
GONE = {2, 3, 9}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("ignore_index", [-100, -1, 255])
def test_ignored_rows_change_nothing(engine, ignore_index):
    rng = random.Random(5)
    X = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(12)]
    classes = [rng.randrange(4) for _ in X]
    loss = nn.CrossEntropy(0.1, ignore_index)
    trained = []
    for rows in ([i for i in range(12) if i not in GONE], range(12)):
        model = nn.Sequential(nn.Dense(3, 8), nn.Tanh(), nn.Dense(8, 4), nn.Softmax(), seed=1)
        wanted = [ignore_index if i in GONE else k for i, k in enumerate(classes)]
        history = nn.fit(
            model, [X[i] for i in rows], [wanted[i] for i in rows], loss=loss, epochs=5,
            batch_size=None, shuffle=False, optimizer=nn.SGD(0.1), engine=engine,
        )  # fmt: skip
        assert history.engine == engine
        trained.append([*history.loss, *(v for row in model.layers[0].W for v in row)])
    assert trained[0] == pytest.approx(trained[1], rel=1e-4 if engine == "packed" else 1e-9)


def test_ignored_rows_count_in_no_class_weight():
    X, classes = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 1, -100]
    data = data_of_rows(
        nn.Sequential(nn.Dense(1, 2), nn.Softmax()), nn.CrossEntropy(), X, classes,
        class_weight="balanced",
    )  # fmt: skip
    assert data.weights == [1.5, 0.75, 0.75, 0.0]
    assert data.T == [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Quantile(1.0), "Quantile needs q to be a finite number, above 0 and below 1, "
         "got 1.0"),
        (lambda: nn.Focal(-1), "Focal needs gamma to be a finite number, at least 0, got -1; did "
         "you mean 1?"),
        (lambda: nn.CrossEntropy(1.0), "CrossEntropy needs label_smoothing to be a finite number, "
         "at least 0 and below 1, got 1.0"),
        (lambda: nn.CrossEntropy(ignore_index=0.5), "CrossEntropy needs ignore_index to be a whole "
         "number, at least -4611686018427387904, got 0.5"),
        (lambda: train([1, 0], nn.CrossEntropy(ignore_index=1)), "CrossEntropy needs an "
         "ignore_index that is not one of the 2 classes, got 1"),
        (lambda: train([-1, -1], nn.CrossEntropy(ignore_index=-1)), "weights of rows with a class "
         "need a finite sum above zero, got 0 for 2 rows"),
        (lambda: train([0, 2], nn.CrossEntropy()), "targets need class numbers from 0 to 1, got 2 "
         "in row 1"),
        (lambda: train([[0.5, 0.2], [1.0, 0.0]], nn.CrossEntropy()), "CrossEntropy needs targets "
         "that sum to 1 in each row, not 0.7, got 0.2 in row 0, column 1 of targets"),
        (lambda: train([[-1.0, 0.0], [1.0, 0.0]], nn.Poisson(), []), "Poisson needs targets of at "
         "least 0, got -1.0 in row 0, column 0 of targets"),
    ],
)  # fmt: skip
def test_what_the_further_losses_refuse(make, message):
    with pytest.raises(TinynnError) as error:
        make()
    assert str(error.value) == message


def train(targets, loss, last=(nn.Softmax,)):
    model = nn.Sequential(nn.Dense(1, 2), *[kind() for kind in last])
    return nn.fit(model, [[0.0], [1.0]], targets, loss=loss, epochs=1)
