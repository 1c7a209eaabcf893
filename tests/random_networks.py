"""Layers and networks at random, for all tests that need any network at all.

`engine_cases.draw_case` puts whole trainings together instead, out of choices that hypothesis can
shrink.
"""

from __future__ import annotations

from tinynn.lesson.images import Flatten
from tinynn.lesson.network import KINDS, Sequential

# Every layer by name, those that do not take a row as an image, and of them all but Dense.
LAYERS = sorted(
    name for name, kind in KINDS.items() if not kind.reads_steps and not hasattr(kind, "parts")
)
CONVOLUTIONS = ("Conv1D", "Conv2D", "DepthwiseConv2D")
POOLING = ("AveragePool1D", "AveragePool2D", "MaxPool1D", "MaxPool2D")
IMAGES = (*CONVOLUTIONS, *POOLING, "BatchNorm1D", "BatchNorm2D", "Flatten", "Reshape")
OF_ROWS = [name for name in LAYERS if name not in IMAGES]
BETWEEN = [name for name in OF_ROWS if name != "Dense"]


def random_image(width, rng, sides=2):
    """Return the shape of an image with so many columns."""
    shape = []
    for _ in range(sides):
        shape.append(rng.choice([n for n in range(1, width + 1) if width % n == 0]))
        width //= shape[-1]
    rng.shuffle(shape)
    return (*shape, width)


def random_image_layer(name, width, rng):
    """Return a layer for images of so many columns, its settings at random, and its own columns."""
    kind, sides = KINDS[name], 1 if name.endswith("1D") else 2
    shape = random_image(width, rng, sides)
    if name not in (*CONVOLUTIONS, *POOLING):
        return kind(shape), width
    kernel = [rng.randint(1, min(n, 3)) for n in shape[1:]]
    padding = rng.choice(["valid", "same", 0, [rng.randrange(k) for k in kernel]])
    stride = [rng.randint(1, 3) for _ in kernel]
    if sides == 1:
        kernel, stride = kernel[0], stride[0]
        padding = padding[0] if isinstance(padding, list) else padding
    if name in POOLING:
        settings = {"count_padding": rng.random() < 0.5} if "Average" in name else {}
        layer = kind(shape, kernel, rng.choice([None, stride]), padding, **settings)
    elif name == "DepthwiseConv2D":
        layer = kind(shape, kernel, stride, padding, multiplier=rng.randint(1, 2))
    else:
        groups = rng.choice([1, 1, shape[0]])
        more = {"dilation": 2} if padding == "same" else {}
        bias = rng.random() < 0.7
        layer = kind(
            shape, groups * rng.randint(1, 3), kernel, stride, padding, groups=groups, bias=bias,
            **more,
        )  # fmt: skip
    return layer, layer.build(None, rng)


def random_layer(name, width, rng, lowest_slope=0.0):
    """Return a layer for rows of so many columns, its settings at random, and its own columns."""
    kind = KINDS[name]
    if name in IMAGES and name != "Flatten":
        return random_image_layer(name, width, rng)
    if name == "Dense":
        outputs = rng.randint(1, 5)
        return kind(width, outputs, "normal", bias=rng.random() < 0.7), outputs
    if name in ("BatchNorm", "LayerNorm"):
        return kind(width, eps=rng.choice([1e-5, 1e-2])), width
    if name == "RMSNorm":
        return kind(rng.choice([1e-5, 1e-2]), rng.random() < 0.7, width), width
    if name == "GroupNorm":
        groups = rng.choice([g for g in range(1, width + 1) if width % g == 0])
        return kind(groups, width, eps=rng.choice([1e-5, 1e-2])), width
    if name == "PReLU":
        return kind(width, shared=rng.random() < 0.3, initial=rng.uniform(lowest_slope, 1.5)), width
    if name == "Clip":
        return kind(rng.uniform(-1.5, 0.5), rng.uniform(0.6, 1.5)), width
    if name == "CELU":
        return kind(rng.choice([1.0, rng.uniform(0.1, 2.0)])), width
    if name == "LeakyReLU":
        return kind(rng.choice([0.0, 0.01, rng.uniform(lowest_slope, 1.5)])), width
    if name == "ELU":
        return kind(rng.choice([0.0, 1.0, rng.uniform(0.1, 2.0)])), width
    if name == "Dropout":
        return kind(rng.choice([0.0, 0.3, 0.6])), width
    return kind(), width


def random_layers(names, width, rng, lowest_slope=0.0):
    """Return layers of these names one after the other."""
    layers = []
    for name in names:
        layer, width = random_layer(name, width, rng, lowest_slope)
        layers += [Flatten(), layer] if name in IMAGES and layers else [layer]
    return layers


def with_random_numbers(model, rng):
    """Return the network with other numbers in all its parameters and buffers than at the start."""
    for layer in model.layers:
        for name, value in {**layer.parameters(), **layer.buffers()}.items():
            if value and not isinstance(value[0], list):  # matrices are random as they are
                value[:] = [rng.gauss(0, 1) for _ in value]
            if name.endswith("running_variance"):
                value[:] = [abs(v) + 0.01 for v in value]
    return model


def random_image_network(rng):
    """Return a network of layers for images, and some between them, with random numbers in all."""
    while True:
        names = [rng.choice([*IMAGES, "ReLU", "Tanh", "Softmax", "BatchNorm", "Dropout"])]
        names += [rng.choice(IMAGES) for _ in range(rng.randint(0, 3))]
        names.insert(rng.randrange(3), rng.choice(CONVOLUTIONS))
        layers, width = [], rng.choice([12, 16, 24, 36, 48])
        for name in names:
            layer, width = random_layer(name, width, rng)
            shape = getattr(layer, "shape", None)
            layers += [KINDS["Reshape"](shape), layer] if shape else [layer]
            if name in CONVOLUTIONS and rng.random() < 0.5:
                norm = KINDS[f"BatchNorm{'1D' if name == 'Conv1D' else '2D'}"](layer.out_shape)
                layers += [norm, KINDS["ReLU"]()]
        if width < 100:
            break
    layers += [KINDS["Dense"](width, 3)] if rng.random() < 0.7 else []
    return with_random_numbers(Sequential(*layers, seed=rng), rng)


MIXING = [
    *("RNN", "LSTM", "GRU") * 2, "Positions", "LastStep", "MeanSteps", "MaxSteps", "Residual",
    "MultiHeadAttention",
]  # fmt: skip
MOST_STEPS = 6


def random_mixing_layer(name, width, rng, whole=False):
    """Return a layer that mixes steps of so many columns, at random, and its own columns.

    whole: whether it has to give a row for each step
    """
    kind = KINDS[name]
    if name == "Positions":
        return kind(MOST_STEPS, width), width
    if name == "MultiHeadAttention":
        heads = rng.choice([n for n in range(1, width + 1) if width % n == 0])
        return kind(width, heads, causal=True, bias=rng.random() < 0.5), width
    if name == "Residual":
        inside = [rng.choice(["RMSNorm", "BatchNorm", "GRU", "LSTM", "Tanh", "Residual", "GELU"])]
        layers, columns = random_sequence_layers(inside, width, rng, whole=True)
        layers += [KINDS["Dense"](columns, width)] if columns != width or rng.random() < 0.3 else []
        return kind(*layers), width
    if name in ("LastStep", "MeanSteps", "MaxSteps"):
        return kind(), width
    steps = "all" if whole else rng.choice(["all", "all", "last"])
    options = {
        "RNN": {"activation": rng.choice(["tanh", "relu"])},
        "LSTM": {"cell": rng.random() < 0.7},
        "GRU": {"reset_after": rng.random() < 0.5},
    }[name]
    units = width if rng.random() < 0.3 else rng.randint(1, 5)
    return kind(width, units, steps, bias=rng.random() < 0.8, **options), units


def random_sequence_layers(names, width, rng, whole=False):
    """Return layers of these names, one after another, and the columns of the last one."""
    layers = []
    for name in names:
        if name in MIXING:
            layer, width = random_mixing_layer(name, width, rng, whole)
        else:
            layer, width = random_layer(name, width, rng)
        layers.append(layer)
    return layers, width


def random_sequence_network(rng):
    """Return a network of sequences, with random numbers in all of its layers."""
    names = [rng.choice([*MIXING, *BETWEEN, "Dense"]) for _ in range(rng.randint(1, 5))]
    names.insert(rng.randrange(2), rng.choice(MIXING[:6]))
    if "MultiHeadAttention" in names:
        names.insert(0, "Positions")  # says how many steps there are at most
    width = rng.randint(1, 4)
    first = [KINDS["Embedding"](5, width)] if rng.random() < 0.3 else []
    first += [] if first or names[0] in MIXING[:6] else [KINDS["Dense"](width, width)]
    layers, _ = random_sequence_layers(names, width, rng)
    return with_random_numbers(Sequential(*first, *layers, seed=rng.randrange(2**32)), rng)


def random_sequences(model, rng, count):
    """Return sequences that the network takes."""
    kinds = getattr(model.layers[0], "kinds", 0)
    lengths = [rng.randint(1, MOST_STEPS) for _ in range(count)]
    if kinds:
        return [[rng.randrange(kinds) for _ in range(n)] for n in lengths]
    return [[[rng.gauss(0, 1) for _ in range(model.inputs)] for _ in range(n)] for n in lengths]
