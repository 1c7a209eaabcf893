"""Networks for images of PyTorch and Keras, read: the same numbers, or a refusal in words."""

from __future__ import annotations

import json
import pathlib

import pytest
from hypothesis import given, settings, strategies as st
from live_objects import made, stand_in

import tinynn as nn
from tinynn.export import to_safetensors
from tinynn.importers import from_keras, from_pytorch, from_safetensors
from tinynn.lesson.network import KINDS

GOLDEN = json.loads(
    (pathlib.Path(__file__).parent / "golden" / "keras_images.json").read_text(encoding="utf-8")
)
THERE_IS = f"The layers of tinynn are: {', '.join(KINDS)}"
RANDOM = st.randoms(use_true_random=True)


def close(A, B, tolerance):
    assert len(A) == len(B)
    for a, b in zip(A, B):
        assert b == pytest.approx(a, rel=tolerance, abs=tolerance)


def refused(call, kind=nn.FormatError):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value).replace(THERE_IS, "THERE IS")


# --- PyTorch ---


def random_module(rng):
    """Return a random torch.nn.Sequential for images, and the shape of these."""
    torch = pytest.importorskip("torch")
    M, choose = torch.nn, rng.choice
    sides = choose([1, 2])
    end = f"{sides}d"

    def kind(name):
        return getattr(M, name + end)

    while True:
        shape = (choose([1, 2, 4]), *[rng.randint(4, 9) for _ in range(sides)])
        channels, layers = shape[0], []
        for _ in range(rng.randint(1, 5)):
            what = choose(["conv", "conv", "norm", "max", "mean", "adaptive", "activation"])
            k, s = rng.randint(1, 3), rng.randint(1, 2)
            if what == "conv":
                groups = choose([1, channels])
                filters = groups * rng.randint(1, 2)
                padding = choose([0, 1, "same" if s == 1 else 0])
                more = {
                    "dilation": rng.randint(1, 2),
                    "groups": groups,
                    "bias": choose([True, False]),
                }
                layers.append(kind("Conv")(channels, filters, k, s, padding, **more))
                channels = filters
            elif what == "norm":
                layers.append(kind("BatchNorm")(channels))
            elif what == "max":
                layers.append(kind("MaxPool")(k, s, k // 2, ceil_mode=choose([True, False])))
            elif what == "mean":
                ceil = choose([True, False])
                counted = not ceil and choose([True, False])
                layers.append(kind("AvgPool")(k, s, k // 2, ceil, counted))
            elif what == "adaptive":
                layers.append(kind(choose(["AdaptiveAvgPool", "AdaptiveMaxPool"]))(1))
            else:
                layers += [choose([M.ReLU, M.Tanh, M.PReLU, M.Hardswish])(), kind("Dropout")()]
        try:
            size = M.Sequential(*layers).eval()(torch.zeros(2, *shape))[0].numel()
        except (RuntimeError, ValueError):
            continue  # an image became smaller than a kernel
        layers += [M.Flatten(), M.Linear(size, 3), M.BatchNorm1d(3), M.Softmax(1)]
        return M.Sequential(*layers[: rng.choice([len(layers), -4])]), shape


@settings(max_examples=80)
@given(rng=RANDOM)
def test_pytorch_modules_predict_the_same(tmp_path_factory, rng):
    torch = pytest.importorskip("torch")
    module, shape = random_module(rng)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_()
        for name, buffer in module.named_buffers():
            if "running" in name:
                buffer.uniform_(0.5, 2.0)
    module = module.double().eval()
    X = torch.randn(3, *shape, dtype=torch.float64)
    wanted = module(X).reshape(3, -1).tolist()
    rows = X.reshape(3, -1).tolist()
    network = from_pytorch(module, shape=shape).network
    close(wanted, network.predict(rows), 1e-9)
    # The state dict, for layers that are given; and to PyTorch and back by a file.
    layers = [type(layer)(**layer.settings()) for layer in network.layers]
    again = from_pytorch(module.state_dict(), layers).network
    assert again.predict(rows) == network.predict(rows)
    path = tmp_path_factory.getbasetemp() / "model.safetensors"
    to_safetensors(network, path)
    assert from_safetensors(path).network.predict(rows) == network.predict(rows)


def test_what_was_written_is_pytorchs_state_dict(tmp_path):
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    network = nn.Sequential(
        nn.Conv2D((2, 5, 5), 4, (3, 2), groups=2), nn.BatchNorm2D((4, 3, 4)), nn.Flatten(),
        nn.Dense(48, 2), seed=1,
    )  # fmt: skip
    to_safetensors(network, tmp_path / "m.safetensors")
    M = torch.nn
    module = M.Sequential(
        M.Conv2d(2, 4, (3, 2), groups=2), M.BatchNorm2d(4), M.Flatten(), M.Linear(48, 2)
    )
    module.double().eval().load_state_dict(files.load_file(tmp_path / "m.safetensors"), False)
    X = torch.randn(2, 50, dtype=torch.float64)
    close(module(X.reshape(2, 2, 5, 5)).tolist(), network.predict(X.tolist()), 1e-12)


def pytorch_refusals():
    torch = pytest.importorskip("torch")
    M = torch.nn
    conv = M.Conv2d(1, 2, 3)
    exact = "cannot be imported exactly"
    return [
        (conv, None, "the module, Conv2d needs to know the shape of its images; give from_pytorch "
         "shape=(channels, height, width), or (channels, length)"),
        (conv, (2, 8, 8), "the module, Conv2d: it needs images of 1 channel, got (2, 8, 8)"),
        (conv, (1, 8), "the module, Conv2d needs images with 2 sides, got (1, 8)"),
        (conv, (1, 2, 2), "the module, Conv2d: Conv2D needs images at least as large as its "
         "windows, 3 x 3 pixels, got 2 x 2"),
        (M.Sequential(conv, M.Linear(6, 2)), (1, 8, 8),
         f"1, Linear: a Dense on images {exact}; flatten them. THERE IS"),
        (M.Sequential(conv, M.Softmax(1)), (1, 8, 8),
         f"1, Softmax: a Softmax on images {exact}; flatten them. THERE IS"),
        (M.Sequential(conv, M.PReLU(2)), (1, 8, 8),
         f"1, PReLU: a PReLU on images {exact}; flatten them. THERE IS"),
        (M.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), (1, 8, 8),
         f"the module, Conv2d: Conv2d with padding_mode='reflect' {exact}. THERE IS"),
        (M.AdaptiveAvgPool2d(3), (1, 8, 8),
         f"the module, AdaptiveAvgPool2d: AdaptiveAvgPool2d(3) of images of (1, 8, 8) {exact}. "
         "THERE IS"),
        (M.BatchNorm2d(3), (1, 8, 8),
         "the module, BatchNorm2d: it needs images of 3 channels, got (1, 8, 8)"),
        (M.ConvTranspose2d(1, 2, 3), (1, 8, 8),
         f"the module, ConvTranspose2d: the module ConvTranspose2d {exact}. THERE IS"),
        (M.MaxPool2d(2, dilation=2), (1, 8, 8),
         f"the module, MaxPool2d: MaxPool2d with dilation=2 {exact}. THERE IS"),
        (M.AvgPool2d(3, 2, 1, ceil_mode=True), (1, 6, 6),
         f"the module, AvgPool2d: AvgPool2d with ceil_mode and counted padding {exact}. THERE IS"),
        (M.AvgPool2d(2, divisor_override=3), (1, 8, 8),
         f"the module, AvgPool2d: AvgPool2d with divisor_override=3 {exact}. THERE IS"),
        (M.Unflatten(1, (2, 2, 2, 2)), None,
         f"the module, Unflatten: Unflatten(1, (2, 2, 2, 2)) {exact}. THERE IS"),
    ]  # fmt: skip


@pytest.mark.parametrize("k", range(15))
def test_pytorch_modules_that_cannot_be_read(k):
    module, shape, wanted = pytorch_refusals()[k]
    assert refused(lambda: from_pytorch(module, shape=shape)) == wanted


def test_a_shape_that_is_none():
    module = stand_in("ReLU", "torch.nn.modules.activation")
    message = refused(lambda: from_pytorch(module, shape=8), nn.SettingError)
    assert message == (
        "from_pytorch needs shape to be (channels, height, width) or (channels, length), got 8"
    )
    message = refused(lambda: from_pytorch({}, [], shape=(1, 2)), nn.SettingError)
    assert message == "from_pytorch takes a shape only with a module"


# --- Keras ---


def pixels_first(image):
    """Return an image whose channels come last, flattened channel by channel."""
    flat = image
    while isinstance(flat[0], list):
        channels, flat = len(flat[0]), [x for part in flat for x in part]
    return [x for c in range(channels) for x in flat[c::channels]] if flat is not image else flat


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: str(case["shape"][1:]))
def test_keras_networks_predict_the_same(case):
    model = made(case["model"])
    model.input_shape = tuple(case["shape"])
    network = from_keras(model).network
    rows = [pixels_first(image) for image in case["images"]]
    wanted = [pixels_first(outputs) for outputs in case["outputs"]]
    close(wanted, network.predict(rows), 1e-5)


def keras_layer(name, weights=(), **config):
    content = {"config": config, "weights": {"list": list(weights)}, "name": "x"}
    return stand_in(name, "keras.src.layers.some", **content)


def keras_model(shape, *layers):
    model = stand_in("Sequential", "keras.src.models.sequential", input_shape=shape)
    model.layers = list(layers)
    return model


ARRAY = {"array": [[[[1.0, 2.0]]]]}  # a kernel of 1, one channel, two filters
CONV = {
    "use_bias": False, "strides": [1, 1], "dilation_rate": [1, 1], "padding": "valid",
    "activation": "linear", "groups": 1, "data_format": "channels_last",
}  # fmt: skip


def conv(**settings):
    return keras_layer("Conv2D", [ARRAY], **{**CONV, **settings})


def dense():
    return keras_layer("Dense", [{"array": [[1.0]] * 8}], use_bias=False, activation="linear")


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (keras_model((None, 2, 2, 1), conv(), dense()),
         "layer 1, Dense 'x': a Dense on images cannot be imported exactly; flatten them. "
         "THERE IS"),
        (keras_model((None, None, 2, 1), conv()),
         "the model needs a known size of its images, got (None, None, 2, 1)"),
        (keras_model((), conv()), "layer 0, Conv2D 'x' needs to know the shape of its images; "
         "build the model with an Input first"),
        (keras_model((None, 2, 2, 1), conv(data_format="channels_first")),
         "layer 0, Conv2D 'x': a Conv2D with data_format='channels_first' cannot be imported "
         "exactly. THERE IS"),
        (keras_model((None, 2, 2, 1), conv(), keras_layer("Flatten")),
         "layer 1, Flatten 'x': a flattened image as the network's output cannot be imported "
         "exactly. THERE IS"),
        (keras_model((None, 8), keras_layer("Reshape", target_shape=(2, 2, 2)), conv()),
         "layer 0, Reshape 'x': pixels in another order, as (2, 2, 2), cannot be imported exactly. "
         "THERE IS"),
        (keras_model((None, 2, 2, 1), conv(), keras_layer("Flatten"),
                     keras_layer("Softmax", axis=-1)),
         "layer 2, Softmax 'x': a Softmax on a flattened image cannot be imported exactly. "
         "THERE IS"),
        (keras_model((None, 2, 2, 1), conv(padding="causal")),
         "layer 0, Conv2D 'x': Conv2D needs padding to be 'same', 'valid', or a whole number of at "
         "least 0 or two, (down, across), each may be a pair; got 'causal'"),
        (keras_model((None, 2, 2, 1), keras_layer("Conv2DTranspose")),
         "layer 0, Conv2DTranspose 'x': the layer Conv2DTranspose cannot be imported exactly. "
         "THERE IS"),
    ],
)  # fmt: skip
def test_keras_models_that_cannot_be_read(model, wanted):
    assert refused(lambda: from_keras(model)) == wanted


def test_a_check_fails_without_the_order_of_pixels():
    case = GOLDEN[3]
    model = made(case["model"])
    model.input_shape = tuple(case["shape"])
    rows = [[x for line in image for pixel in line for x in pixel] for image in case["images"]]
    with pytest.raises(AssertionError):
        close(case["outputs"], from_keras(model).network.predict(rows), 1e-5)
