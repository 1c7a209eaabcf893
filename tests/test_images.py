"""Convolution, pooling, and what a flat row is: lesson/images, windows, convolution and pooling."""

from __future__ import annotations

import json
import math
import pickle
import random

import pytest
from hypothesis import given, settings, strategies as st
from random_networks import CONVOLUTIONS, IMAGES, POOLING, random_image_layer, with_random_numbers

import tinynn as nn
from tinynn.engines import image_plans
from tinynn.lesson.initializers import Initializer
from tinynn.lesson.network import KINDS, from_dict
from tinynn.lesson.windows import MOST_PIXELS, Windows

RANDOM = st.randoms(use_true_random=True)


def rows(rng, n, columns):
    return [[rng.gauss(0, 1) for _ in range(columns)] for _ in range(n)]


def close(A, B, tolerance=1e-12):
    assert len(A) == len(B)
    for a, b in zip(A, B):
        assert b == pytest.approx(a, rel=tolerance, abs=tolerance)


# --- by hand ---


def test_a_convolution_by_hand():
    """Two filters over a 2 x 3 image: the left pixel minus the lower right one, and all four."""
    W = [[1.0, 1.0], [0.0, 1.0], [0.0, 1.0], [-1.0, 1.0]]
    layer = nn.Conv2D((1, 2, 3), 2, 2, weights=W, bias=[0.0, 10.0])
    assert layer.forward([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]) == [[-4.0, -4.0, 22.0, 26.0]]
    assert layer.backward([[1.0, 10.0, 0.0, 100.0]]) == [[1.0, 110.0, 100.0, 0.0, 99.0, 90.0]]
    assert layer.dW == [[21.0, 200.0], [32.0, 300.0], [54.0, 500.0], [65.0, 600.0]]
    assert layer.db == [11.0, 100.0]


def test_the_channels_of_a_patch_follow_one_another():
    layer = nn.Conv2D((2, 1, 2), 1, (1, 2), weights=[[1.0], [10.0], [100.0], [1000.0]], bias=False)
    assert layer.forward([[1.0, 2.0, 3.0, 4.0]]) == [[4321.0]]
    assert layer.parameters().keys() == layer.shapes().keys() == {"W"}


def test_groups_and_depth():
    W = [[1.0, 10.0]]
    grouped = nn.Conv2D((2, 1, 2), 2, 1, groups=2, weights=W, bias=False)
    assert grouped.forward([[1.0, 2.0, 3.0, 4.0]]) == [[1.0, 2.0, 30.0, 40.0]]
    depthwise = nn.DepthwiseConv2D((2, 1, 2), 1, weights=W, bias=False)
    assert depthwise.forward([[1.0, 2.0, 3.0, 4.0]]) == [[1.0, 2.0, 30.0, 40.0]]
    twice = nn.DepthwiseConv2D((2, 1, 1), 1, multiplier=2, weights=[[1.0, 2.0, 3.0, 4.0]])
    assert twice.forward([[1.0, 10.0]]) == [[1.0, 2.0, 30.0, 40.0]]


def test_pooling_by_hand():
    image = [[1.0, 2.0, 3.0, 4.0, 8.0, 7.0, 6.0, 5.0]]
    largest, mean = nn.MaxPool2D((1, 2, 4), 2), nn.AveragePool2D((1, 2, 4), 2)
    assert largest.forward(image) == [[8.0, 6.0]]
    assert largest.backward([[1.0, 2.0]]) == [[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 2.0, 0.0]]
    assert mean.forward(image) == [[4.5, 4.5]]
    assert mean.backward([[4.0, 8.0]]) == [[1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]]
    whole = nn.AveragePool2D((2, 2, 2), (2, 2))
    assert whole.forward(image) == [[2.5, 6.5]]


def test_what_padding_is():
    signal = [[-1.0, -2.0, -3.0]]
    assert nn.MaxPool1D((1, 3), 3, 2, padding=1).forward(signal) == [[-1.0, -2.0]]
    assert nn.AveragePool1D((1, 3), 3, 2, padding=1).forward(signal) == [[-1.0, -5 / 3]]
    own = nn.AveragePool1D((1, 3), 3, 2, padding=1, count_padding=False)
    assert own.forward(signal) == [[-1.5, -2.5]]
    ones = {"weights": [[1.0], [1.0], [1.0]]}
    for padding, wanted in (
        ("valid", [-6.0]), ("same", [-3.0, -6.0, -5.0]), ((2, 0), [-1.0, -3.0, -6.0]), (0, [-6.0]),
    ):  # fmt: skip
        assert nn.Conv1D((1, 3), 1, 3, padding=padding, **ones).forward(signal) == [wanted]
    # "same" of an even number puts the odd one behind; windows then start on the first pixel.
    assert nn.Conv1D((1, 4), 1, 2, 2, "same").windows.padding == ((0, 0), (0, 0))
    assert nn.Conv1D((1, 5), 1, 2, 2, "same").windows.padding == ((0, 0), (0, 1))
    assert nn.Conv1D((1, 5), 1, 4, 1, "same").windows.padding == ((0, 0), (1, 2))


def test_the_first_of_equal_pixels_has_the_derivative():
    layer = nn.MaxPool1D((1, 4), 2)
    layer.forward([[5.0, 5.0, 0.0, 0.0]])
    assert layer.backward([[1.0, 2.0]]) == [[1.0, 0.0, 2.0, 0.0]]


def test_pixels_are_rows_to_batch_norm():
    layer, plain = nn.BatchNorm2D((2, 1, 3)), nn.BatchNorm(2)
    images = [[1.0, 2.0, 3.0, 10.0, 30.0, 20.0], [4.0, 5.0, 9.0, 70.0, 50.0, 60.0]]
    pixels = [[1.0, 10.0], [2.0, 30.0], [3.0, 20.0], [4.0, 70.0], [5.0, 50.0], [9.0, 60.0]]
    Y, wanted = layer.forward(images, training=True), plain.forward(pixels, training=True)
    assert Y[1][:3] == [row[0] for row in wanted[3:]] and Y[0][3:] == [row[1] for row in wanted[:3]]
    assert layer.running_variance == plain.running_variance
    assert layer.shapes()["gamma"] == (1, 2)
    # A single image has enough pixels, unless there is one in each channel.
    assert (layer.least_rows, nn.BatchNorm2D((3, 1, 1)).least_rows) == (1, 2)


# --- PyTorch ---


def torch_pair(name, rng):
    """Return a layer with random numbers, the same in PyTorch, and the shape of its images."""
    torch = pytest.importorskip("torch")
    while True:
        sides = 1 if name.endswith("1D") else 2
        C, size = rng.choice([1, 2, 4]), [rng.randint(1, 7) for _ in range(sides)]
        kernel, stride, padding, dilation = (
            tuple(rng.randint(least, most) for _ in size)
            for least, most in ((1, 3), (1, 3), (0, 2), (1, 2))
        )
        given = [kernel, stride, padding, dilation]
        if sides == 1:
            given = [value[0] for value in given]
        shape, end = (C, *size), f"{sides}d"
        try:
            if "Norm" in name:
                ours, theirs = KINDS[name](shape), getattr(torch.nn, f"BatchNorm{end}")(C)
            elif name in POOLING:
                if any(2 * p > k for p, k in zip(padding, kernel)):
                    continue
                counted = rng.random() < 0.5
                more = {"count_padding": counted} if "Average" in name else {}
                ours = KINDS[name](shape, *given[:3], **more)
                kind = getattr(torch.nn, ("AvgPool" if more else "MaxPool") + end)
                theirs = kind(*given[:3], **({"count_include_pad": counted} if more else {}))
            else:
                groups = C if name == "DepthwiseConv2D" else rng.choice([1, C])
                filters = groups * rng.randint(1, 3)
                bias = rng.random() < 0.8
                if name == "DepthwiseConv2D":
                    ours = KINDS[name](shape, *given, multiplier=filters // C, bias=bias)
                else:
                    ours = KINDS[name](shape, filters, *given, groups=groups, bias=bias)
                kind = getattr(torch.nn, f"Conv{end}")
                theirs = kind(C, filters, *given, groups=groups, bias=bias)
            break
        except nn.ShapeError:
            continue
    with_random_numbers(nn.Sequential(ours, seed=rng), rng)
    theirs, tensor = theirs.double(), torch.DoubleTensor
    with torch.no_grad():
        if name in CONVOLUTIONS:
            theirs.weight.copy_(tensor(ours.W).T.reshape(theirs.weight.shape))
            if ours.b:
                theirs.bias.copy_(tensor(ours.b))
        elif "Norm" in name:
            theirs.weight.copy_(tensor(ours.gamma))
            theirs.bias.copy_(tensor(ours.beta))
            theirs.running_mean.copy_(tensor(ours.running_mean))
            theirs.running_var.copy_(tensor(ours.running_variance))
    return ours, theirs, shape


@pytest.mark.parametrize("name", [name for name in IMAGES if name not in ("Flatten", "Reshape")])
@settings(max_examples=60)
@given(rng=RANDOM)
def test_equal_to_pytorch_forward_and_backward(name, rng):
    torch = pytest.importorskip("torch")
    ours, theirs, shape = torch_pair(name, rng)
    X = rows(rng, rng.randint(2, 3), math.prod(shape))
    training = rng.random() < 0.7
    theirs.train(training)
    inputs = torch.tensor(X, dtype=torch.float64).reshape(-1, *shape).requires_grad_()
    outputs = theirs(inputs)
    assert ours.out_shape == outputs.shape[1:] if hasattr(ours, "out_shape") else True
    close(ours.forward(X, training), outputs.reshape(len(X), -1).tolist(), 1e-9)
    dY = rows(rng, len(X), outputs[0].numel())
    outputs.backward(torch.tensor(dY, dtype=torch.float64).reshape(outputs.shape))
    close(ours.backward(dY), inputs.grad.reshape(len(X), -1).tolist(), 1e-9)
    if name in CONVOLUTIONS:
        close(ours.dW, theirs.weight.grad.reshape(ours.filters, -1).T.tolist(), 1e-9)
        assert ours.db == pytest.approx(theirs.bias.grad.tolist() if ours.b else [], rel=1e-9)
    elif "Norm" in name:
        assert ours.dgamma == pytest.approx(theirs.weight.grad.tolist(), rel=1e-9, abs=1e-9)
        assert ours.dbeta == pytest.approx(theirs.bias.grad.tolist(), rel=1e-9, abs=1e-9)
        assert ours.running_mean == pytest.approx(theirs.running_mean.tolist(), rel=1e-9)
        assert ours.running_variance == pytest.approx(theirs.running_var.tolist(), rel=1e-9)


# PyTorch 2.13, float64: Conv2d(2, 2, (2, 3), (1, 2), (1, 0), (1, 2)) on one image of 2 x 2 x 5 with
# x = sin(0, 1, 2, …), weight = cos(0, 1, 2, …) / 3, bias = (0.5, -0.5); then the derivatives of the
# sum of y · cos(0, 1, 2, …).
GOLDEN = {
    "y": [
        0.5470828575629, 0.6956231436376, 0.200775160667, -0.6186177101865, -0.2508669463435,
        -0.7055465829882,
    ],
    "dx": [
        -0.08306153810334, 0.0, -0.002262713095629, 0.0, 0.08061643989717, -0.07170248300644, 0.0,
        0.101788698852, 0.0, 0.1816958204085, -0.09390399609476, 0.0, -0.02934771807554, 0.0,
        0.0621907165984, -0.1155103304381, 0.0, 0.05566326929991, 0.0, 0.1756603159479,
    ],
    "dW": [
        0.3990533033893, -0.2720105554447, 0.2178926017232, -0.4079942080997, -0.5804039372176,
        0.6115815535052, -0.5181089967534, 0.6267947350248, 1.264268801038, -1.329632728981,
        -0.5341339274409, 0.4798501728451, -0.5645510881809, 0.5400579986671, 0.110170940048,
        0.07801535133374, 0.4728565118201, -0.6049896819864, -0.1926690913745, 0.1135203193288,
        -1.056018199719, 1.159614500381, 1.071586357673, -1.078660131224,
    ],
    "db": [
        1.124155469321, -1.359973932001,
    ],
}  # fmt: skip


def golden_layer():
    weights = [math.cos(k) / 3 for k in range(24)]
    W = [[weights[k], weights[12 + k]] for k in range(12)]
    layer = nn.Conv2D(
        (2, 2, 5), 2, (2, 3), (1, 2), (1, 0), (1, 2), weights=W, bias=[0.5, -0.5]
    )  # fmt: skip
    X = [[math.sin(k) for k in range(20)]]
    Y = layer.forward(X)
    return layer, Y, layer.backward([[math.cos(k) for k in range(len(Y[0]))]])


def test_golden_numbers_of_pytorch():
    layer, Y, dX = golden_layer()
    found = {"y": Y[0], "dx": dX[0], "dW": [d for row in layer.dW for d in row], "db": layer.db}
    for name, wanted in GOLDEN.items():
        assert found[name] == pytest.approx(wanted, rel=1e-11, abs=1e-11), name


# --- gradients, and what every layer has to do ---


@pytest.mark.parametrize("name", [name for name in IMAGES if name not in ("Flatten", "Reshape")])
@settings(max_examples=25)
@given(rng=RANDOM)
def test_gradients_of_networks_of_images(name, rng):
    layer, columns = random_image_layer(name, rng.choice([4, 6, 8, 12]), rng)
    model = nn.Sequential(layer, nn.Tanh(), nn.Dense(columns, 2), seed=rng)
    with_random_numbers(model, rng)
    X, T = rows(rng, 3, layer.inputs), rows(rng, 3, 2)
    report = nn.gradcheck(model, "mse", X, T, training=rng.random() < 0.7)
    assert report, f"{model!r}\n{report}"


@pytest.mark.parametrize("name", IMAGES)
@settings(max_examples=25)
@given(rng=RANDOM)
def test_saved_and_loaded(name, rng):
    layer = nn.Flatten()
    if name != "Flatten":
        layer = random_image_layer(name, rng.choice([4, 6, 8, 12]), rng)[0]
    columns = layer.build(layer.inputs, rng) or 12
    model = nn.Sequential(layer, nn.Dense(columns, 2), seed=rng)
    with_random_numbers(model, rng)
    again = from_dict(json.loads(json.dumps(model.to_dict())))
    assert repr(again) == repr(model)
    assert again.to_dict() == model.to_dict()
    assert again.inputs == model.inputs
    X = rows(rng, 2, model.inputs or 12)
    assert again.predict(X) == model.predict(X)
    copy = pickle.loads(pickle.dumps(model))
    assert copy.predict(X) == model.predict(X)


def test_a_repr_makes_the_layer_again():
    names = {"nn": nn}
    for text in (
        "Conv2D((3, 8, 6), 4, 3)", "Conv2D((3, 8, 6), 4, (3, 1), stride=(1, 2), padding='same')",
        "Conv2D((4, 8, 6), 4, 3, padding=((1, 0), 2), dilation=2, groups=2, bias=False)",
        "Conv1D((2, 9), 3, 4, padding=(3, 0))", "DepthwiseConv2D((2, 4, 4), 3, multiplier=2)",
        "MaxPool2D((2, 4, 4), 2)", "MaxPool1D((2, 9), 3, stride=2, padding=1)",
        "AveragePool2D((2, 4, 4), (4, 4), count_padding=False)", "BatchNorm2D((2, 4, 4))",
        "BatchNorm1D((2, 4))", "Reshape((2, 4))",
    ):  # fmt: skip
        layer = eval(f"nn.{text}", names)
        assert repr(layer) == text
        assert type(layer)(**layer.settings()).settings() == layer.settings()


def test_a_summary_of_a_network_of_images():
    model = nn.Sequential(
        nn.Conv2D((1, 8, 8), 4, 3, padding=1), nn.ReLU(), nn.MaxPool2D((4, 8, 8), 2), nn.Flatten(),
        nn.Dense(64, 10), nn.Softmax(),
    )  # fmt: skip
    assert model.summary().splitlines() == [
        "layer                                      columns out  parameters",
        "    0  Conv2D((1, 8, 8), 4, 3, padding=1)          256          40",
        "    1  ReLU()                                      256           0",
        "    2  MaxPool2D((4, 8, 8), 2)                      64           0",
        "    3  Flatten()                                    64           0",
        "    4  Dense(64, 10)                                10         650",
        "    5  Softmax()                                    10           0",
        "       total                                                   690",
    ]


def spread(W):
    return math.sqrt(sum(w * w for row in W for w in row) / (len(W) * len(W[0])))


@pytest.mark.parametrize(
    ("name", "layer", "variance"),
    [
        # A pixel is a sum of 4 · 9 products and in 64 · 9 sums, as in PyTorch and Keras.
        ("glorot_uniform", lambda i: nn.Conv2D((4, 9, 9), 64, 3, initializer=i), 2 / (36 + 576)),
        ("he_normal", lambda i: nn.Conv2D((4, 9, 9), 64, 3, initializer=i), 2 / 36),
        ("he_normal", lambda i: nn.Conv1D((16, 9), 64, 5, initializer=i), 2 / 80),
        # A channel by itself: 25 products, and in 2 · 25 sums.
        ("he_normal", lambda i: nn.DepthwiseConv2D((64, 9, 9), 5, initializer=i), 2 / 25),
        ("glorot_normal", lambda i: nn.DepthwiseConv2D((64, 9, 9), 5, multiplier=2, initializer=i),
         2 / (25 + 50)),
    ],
)  # fmt: skip
def test_the_variance_of_initial_weights(name, layer, variance):
    model = nn.Sequential(layer(name), seed=3)
    assert spread(model.layers[0].W) == pytest.approx(math.sqrt(variance), rel=0.05)


def test_an_initializer_that_draws_a_whole_matrix():
    layer = nn.Sequential(nn.Conv2D((1, 4, 4), 3, 2, initializer="orthogonal"), seed=1).layers[0]
    for j in range(3):
        for k in range(3):
            product = sum(row[j] * row[k] for row in layer.W)
            assert product == pytest.approx(float(j == k), abs=1e-12)
    assert Initializer.__call__ is not type(layer.initializer).__call__


# --- shapes, checked ---


def refused(call, kind=nn.SettingError):
    with pytest.raises(nn.TinynnError) as caught:
        call()
    assert type(caught.value) is kind, caught.value
    return str(caught.value)


def test_images_have_to_fit():
    conv, relu = nn.Conv2D((1, 8, 8), 8, 3), nn.ReLU()
    for layers, message in (
        ([conv, relu, nn.MaxPool2D((8, 8, 8), 2)],
         "layer 2: MaxPool2D((8, 8, 8), 2) needs images of (8, 8, 8), 512 columns, got (8, 6, 6), "
         "288 columns from layer 1, ReLU()"),
        ([conv, relu, nn.MaxPool2D((6, 6, 8), 2)],
         "layer 2: MaxPool2D((6, 6, 8), 2) needs images of (6, 6, 8), or a Reshape((6, 6, 8)) "
         "before it, got (8, 6, 6) from layer 1, ReLU()"),
        ([nn.Dense(3, 9), nn.Conv2D((1, 2, 4), 1, 2)],
         "layer 1: Conv2D((1, 2, 4), 1, 2) needs images of (1, 2, 4), 8 columns, got 9 from layer "
         "0, Dense(3, 9)"),
        ([conv, nn.Dense(12, 1)],
         "layer 1: Dense(12, 1) needs 12 columns, got 288 from layer 0, Conv2D((1, 8, 8), 8, 3)"),
        ([conv, nn.Reshape((4, 4))],
         "layer 1: Reshape((4, 4)) needs 16 columns, got 288 from layer 0, "
         "Conv2D((1, 8, 8), 8, 3)"),
    ):  # fmt: skip
        with pytest.raises(nn.ShapeError) as caught:
            nn.Sequential(*layers)
        assert str(caught.value) == message
    # The same columns, said to be another image, or none.
    nn.Sequential(conv, nn.Reshape((6, 6, 8)), nn.MaxPool2D((6, 6, 8), 2))
    nn.Sequential(conv, nn.Flatten(), nn.MaxPool2D((6, 6, 8), 2))
    nn.Sequential(nn.Dense(3, 16), nn.Tanh(), nn.Conv2D((1, 4, 4), 1, 2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2D((1, 8), 8, 3),
         "Conv2D needs shape to be (channels, height, width), got (1, 8)"),
        (lambda: nn.Conv1D(8, 8, 3), "Conv1D needs shape to be (channels, length), got 8"),
        (lambda: nn.MaxPool2D((1, 0, 8), 2),
         "MaxPool2D needs height to be a whole number, at least 1, got 0"),
        (lambda: nn.Reshape(64), "Reshape needs shape to be (channels, height, width) or "
         "(channels, length), got 64"),
        (lambda: nn.Conv2D((1, 8, 8), 0, 3),
         "Conv2D needs filters to be a whole number, at least 1, got 0"),
        (lambda: nn.Conv2D((1, 8, 8), 8, (3, 3, 3)),
         "Conv2D needs kernel to be a whole number or two, (down, across), got (3, 3, 3)"),
        (lambda: nn.AveragePool2D((1, 4, 4), 2.5),
         "AveragePool2D needs kernel to be a whole number, at least 1, got 2.5"),
        (lambda: nn.MaxPool2D((1, 4, 4), 2, 0),
         "MaxPool2D needs stride to be a whole number, at least 1, got 0"),
        (lambda: nn.Conv2D((1, 8, 8), 8, 3, padding="full"),
         "Conv2D needs padding to be 'same', 'valid', or a whole number of at least 0 or two, "
         "(down, across), each may be a pair; got 'full'"),
        (lambda: nn.Conv1D((1, 8), 8, 3, padding=(1, -1)),
         "Conv1D needs padding to be 'same', 'valid', or a whole number of at least 0 or two, "
         "(before, after); got (1, -1)"),
        (lambda: nn.MaxPool2D((1, 8, 8), 2, padding=2),
         "MaxPool2D needs padding below its kernel, so that each window has a pixel of the image, "
         "got kernel 2 and padding 2"),
        (lambda: nn.Conv2D((3, 8, 8), 8, 3, groups=2),
         "Conv2D needs channels and filters that 2 groups divide, got 3 and 8"),
        (lambda: nn.MaxPool2D((1, 10**9, 10**9), 2),
         f"MaxPool2D needs at most {MOST_PIXELS:,} pixels in the windows over one channel, got "
         "1,000,000,000,000,000,000; choose a larger stride or smaller kernel"),
        (lambda: nn.AveragePool2D((1, 4, 4), 2, count_padding=1),
         "AveragePool2D needs count_padding to be True or False, got 1"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit(make, message):
    assert refused(make) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2D((1, 8, 8), 8, 9),
         "Conv2D needs images at least as large as its windows, 9 x 9 pixels, got 8 x 8"),
        (lambda: nn.MaxPool1D((1, 3), 5, padding=((0, 1))),
         "MaxPool1D needs images at least as large as its windows, 5 pixels, got 3 and padding "
         "(0, 1)"),
        (lambda: nn.Conv2D((1, 8, 8), 2, 3, weights=[[1]]),
         "Conv2D((1, 8, 8), 2, 3) needs weights of shape (9, 2), numbers in a patch x filters, got "
         "(1, 1)"),
        (lambda: nn.Conv2D((1, 8, 8), 2, 3, bias=[1]),
         "Conv2D((1, 8, 8), 2, 3) needs a bias for each of its 2 filters, got 1"),
        (lambda: nn.Conv2D((1, 8, 8), 2, 3).forward([[0.0] * 64]),
         "Conv2D((1, 8, 8), 2, 3) has no weights yet: put it into a Sequential, or pass weights="),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(make, message):
    assert refused(make, nn.ShapeError) == message


HUGE = 10**15


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"type": "Conv2D", "shape": [1, HUGE, HUGE], "filters": 1, "kernel": HUGE,
          "values": {"W": [[1.0]], "b": [0.0]}},
         "the network: layer 0 cannot be built: Conv2D needs at most 4,194,304 pixels in the "
         "windows over one channel, got 1,000,000,000,000,000,000,000,000,000,000; choose a larger "
         "stride or smaller kernel"),
        ({"type": "Conv2D", "shape": [HUGE, 1, 1], "filters": HUGE, "kernel": 1,
          "values": {"W": [[1.0]], "b": [0.0]}},
         f"the network: layer 0, Conv2D(({HUGE}, 1, 1), {HUGE}, 1), needs W of shape ({HUGE}, "
         f"{HUGE}), got (1, 1)"),
        ({"type": "BatchNorm2D", "shape": [HUGE, 1, 1],
          "values": {name: [1.0] for name in ("gamma", "beta", "running_mean",
                                              "running_variance")}},
         f"the network: layer 0, BatchNorm2D(({HUGE}, 1, 1)), needs gamma of shape (1, {HUGE}), "
         "got (1, 1)"),
        ({"type": "Conv2D", "shape": [1, 2, 2], "filters": 1, "kernel": 1, "groups": 0,
          "values": {"W": [[1.0]], "b": [0.0]}},
         "the network: layer 0 cannot be built: Conv2D needs groups to be a whole number, at least "
         "1, got 0"),
        ({"type": "MaxPool2D", "shape": [1, 2, 2]},
         "the network: layer 0 needs the settings of MaxPool2D, got ['shape']"),
    ],
)  # fmt: skip
def test_files_that_ask_for_too_much(entry, message):
    assert refused(lambda: from_dict({"layers": [entry]}), nn.FormatError) == message


# --- training and predicting ---


def stripes(n, rng):
    """Return small noisy images with a vertical or a horizontal line, and which it is."""
    X, T = [], []
    for _ in range(n):
        k, vertical = rng.randrange(4), rng.random() < 0.5
        on = [i % 4 == k if vertical else i // 4 == k for i in range(16)]
        X.append([float(bright) + rng.gauss(0, 0.2) for bright in on])
        T.append([float(vertical)])
    return X, T


def small_network():
    return nn.Sequential(
        nn.Conv2D((1, 4, 4), 3, (3, 3)), nn.BatchNorm2D((3, 2, 2)), nn.ReLU(),
        nn.MaxPool2D((3, 2, 2), 2), nn.Flatten(), nn.Dense(3, 1), nn.Sigmoid(), seed=2,
    )  # fmt: skip


def test_a_small_network_learns_what_a_line_is():
    rng = random.Random(4)
    X, T = stripes(80, rng)
    model = small_network()
    history = nn.fit(model, X, T, loss="bce", optimizer=nn.Adam(0.03), epochs=15, batch_size=8)
    assert history.engine == "lists"
    X, T = stripes(80, rng)
    assert sum((y > 0.5) == bool(t) for (y,), (t,) in zip(model.predict(X), T)) >= 76
    compiled = nn.compile(model)
    assert compiled.rows(X) == model.predict(X)


@pytest.mark.parametrize("engine", ["unrolled", "loops", "packed"])
def test_engines_without_source_for_images_say_so(engine):
    X, T = stripes(4, random.Random(1))
    assert refused(lambda: nn.fit(small_network(), X, T, engine=engine), nn.EngineError) == (
        f"the {engine} engine, set by engine={engine!r}, cannot be used: it has no source for "
        "layers that read a row as an image, such as layer 0, Conv2D((1, 4, 4), 3, (3, 3))"
    )
    assert "layers that read a row as an image" in refused(
        lambda: nn.compile(small_network(), engine), nn.EngineError
    )


@pytest.mark.parametrize("engine", ["unrolled", "loops", "packed"])
def test_names_for_what_a_row_is_do_not_matter_to_engines(engine):
    X, T = stripes(20, random.Random(1))
    found = []
    for name in ("lists", engine):
        model = nn.Sequential(
            nn.Dense(16, 16),
            nn.Reshape((1, 4, 4)),
            nn.Tanh(),
            nn.Flatten(),
            nn.Dense(16, 1),
            seed=1,
        )
        nn.fit(model, X, T, epochs=3, engine=name, batch_size=8)
        found.append(model.predict(X))
        close(found[-1], [nn.compile(model, name)(x) for x in X], 1e-6)
    close(*found, 1e-3)


def test_explained():
    X, T = stripes(2, random.Random(1))
    shown = str(nn.explain(small_network(), X, T, loss="bce"))
    assert "Conv2D(" in shown and "MaxPool2D(" in shown and "BatchNorm2D(" in shown


def test_windows_are_made_once():
    one, two = nn.Conv2D((1, 5, 5), 2, 3), nn.MaxPool2D((7, 5, 5), 3, 1)
    assert one.windows.pixels() is two.windows.pixels()
    windows = Windows((2, 3), (2, 2), (1, 1), ((0, 0), (1, 0)), (1, 1))
    assert windows.counts == (1, 3)
    assert windows.pixels() == [[6, 0, 1], [0, 1, 2], [6, 3, 4], [3, 4, 5]]


@settings(max_examples=60)
@given(rng=RANDOM)
def test_batch_norm_joins_the_convolution_before_it(rng):
    """As exports have it: as a convolution of its own, or in the one before."""
    layer, _ = random_image_layer("Conv2D", 12, rng)
    between = rng.choice([[], [nn.ReLU()]])
    norm = nn.BatchNorm2D(layer.out_shape)
    model = with_random_numbers(nn.Sequential(layer, *between, norm, seed=rng), rng)
    folded = image_plans_of(model)
    assert [kind for kind, _ in folded] == (["Conv", "ReLU", "Conv"] if between else ["Conv"])


def image_plans_of(model):
    from tinynn.engines.plans import frozen

    assert image_plans.image_layer(model.layers[0])
    return [(layer.plan.kind, layer.plan.image) for layer in frozen(model)]
