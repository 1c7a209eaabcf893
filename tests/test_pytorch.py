"""With equal start, data, order and settings, trainings end with PyTorch's weights.

The table golden/training.json, made by golden/make_training.py, needs no PyTorch here; the tests at
the end compare with PyTorch itself where it is installed.
"""

from __future__ import annotations

import itertools
import json

import pytest
from golden_tables import load_maker, load_table

import tinynn as nn
from tinynn import schedules

TABLE = load_table("training")
TOLERANCE = 1e-9


MAKER = load_maker("training")


def network(case, start):
    """Return the network that the case describes, with these weights at its Dense layers."""
    left = list(start)
    layers = []
    for name, *arguments in case["layers"]:
        if name == "Dense":
            W, b = left.pop(0)
            layers.append(nn.Dense(*arguments[:2], weights=W, bias=False if b is None else b))
        else:
            layers.append(getattr(nn, name)(*arguments))
    return nn.Sequential(*layers)


def train(case, start, data, engine="lists"):
    """Return the network and the history of the training that the case describes."""
    X, T, weights = data
    name, settings = case["optimizer"]
    if case["schedule"]:
        kind, schedule = case["schedule"]
        settings = {**settings, "learning_rate": getattr(schedules, kind)(**schedule)}
    kind, loss_settings = case["loss"]
    model = network(case, start)
    history = nn.fit(
        model, X, T, loss=getattr(nn, kind)(**loss_settings),
        optimizer=getattr(nn, name)(**settings), epochs=case["epochs"],
        batch_size=case["batch_size"], shuffle=False, sample_weight=weights,
        clip_norm=case["clip_norm"], clip_value=case["clip_value"],
        engine=engine,
    )  # fmt: skip
    return model, history


def farthest(model, weights):
    """Return by how much the network's farthest number differs, and its name."""
    worst = (0.0, "")
    for name, wanted in weights.items():
        i, letter = name.split(".")
        found = getattr(model.layers[int(i)], letter)
        if not isinstance(found[0], list):
            found, wanted = [found], [wanted]
        assert [len(row) for row in found] == [len(row) for row in wanted], name
        for row, wanted_row in zip(found, wanted):
            for x, y in zip(row, wanted_row):
                worst = max(worst, (abs(x - y) / max(1.0, abs(y)), name))
    return worst


def label(case):
    settings = ",".join(f"{key}={value}" for key, value in case["optimizer"][1].items())
    layers = "-".join(layer[0] for layer in case["layers"] if layer[0] != "Dense")
    return f"{case['optimizer'][0]}({settings})-{case['loss'][0]}-{layers}-{case['batch_size']}"


@pytest.mark.parametrize("case", TABLE["cases"], ids=label)
def test_weights_equal_pytorchs_table(case):
    model, history = train(case, case["start"], case["data"])
    distance, name = farthest(model, case["weights"])
    assert distance <= TOLERANCE, name
    assert history.loss[-1] == pytest.approx(case["last_loss"], rel=TOLERANCE)


@pytest.mark.parametrize("case", TABLE["cases"][::3], ids=label)
def test_the_engine_that_is_chosen_gives_them_too(case):
    model, history = train(case, case["start"], case["data"], engine="auto")
    distance, name = farthest(model, case["weights"])
    assert distance <= TOLERANCE, (name, history.engine_reason)


def test_the_table_covers_what_it_says():
    cases = TABLE["cases"]
    described = [{key: case[key] for key in MAKER.base()} for case in cases]
    assert described == json.loads(json.dumps(MAKER.CASES))
    hidden = {(json.dumps(c["optimizer"]), c["layers"][1][0]) for c in MAKER.grid()}
    assert len(hidden) >= 7 * len(MAKER.OPTIMIZERS)
    pairs = {(json.dumps(c["loss"]), c["layers"][1][0]) for c in MAKER.grid()}
    assert len(pairs) == len(MAKER.LOSSES) * len(MAKER.ACTIVATIONS)
    assert {c["start"] == cases[0]["start"] for c in cases[:126]} == {True}


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("optimizer", ["SGD", {"learning_rate": 0.1001}]),
        ("optimizer", ["SGD", {"learning_rate": 0.1, "weight_decay": 1e-6}]),
        ("loss", ["Huber", {"delta": 0.5}]),
        ("clip_value", 0.05),
        ("epochs", 99),
        ("batch_size", 6),
    ],
)
def test_the_comparison_sees_a_small_difference(key, change):
    case = TABLE["cases"][0]
    model, _ = train({**case, key: change}, case["start"], case["data"])
    assert farthest(model, case["weights"])[0] > 1e-7


@pytest.mark.parametrize("case", TABLE["cases"][::5], ids=label)
def test_no_training_in_the_table_is_chaotic(case):
    model, _ = train(case, MAKER.shaken(case["start"]), case["data"])
    assert farthest(model, case["weights"])[0] <= TOLERANCE / 10


# --- where PyTorch is: ---


def compare_live(case, seed):
    """Compare one training with PyTorch's; return whether it could be compared."""
    pytest.importorskip("torch")
    start, data = MAKER.start(case, seed), MAKER.data(case, seed)
    made = MAKER.torch_training(case, seed)
    model, history = train(case, start, data)
    distance, name = farthest(model, made["weights"])
    if distance > TOLERANCE:
        other, _ = train(case, MAKER.shaken(start), data)
        shaken = {parameter.name: parameter.value for parameter in other.parameters()}
        if farthest(model, shaken)[0] > TOLERANCE / 10:
            return False
    assert distance <= TOLERANCE, name
    assert history.loss[-1] == pytest.approx(made["last_loss"], rel=TOLERANCE)
    return True


@pytest.mark.parametrize("case", MAKER.CASES[::60], ids=label)
def test_pytorch_still_gives_the_table(case):
    assert compare_live(case, 0)


@pytest.mark.slow
@pytest.mark.parametrize("loss", MAKER.LOSSES, ids=lambda loss: f"{loss[0]}{loss[1] or ''}")
@pytest.mark.parametrize("activation", MAKER.ACTIVATIONS, ids=lambda activation: activation[0])
def test_every_optimizer_with_every_loss_and_activation_equals_pytorch(activation, loss):
    """All 18 x 7 x 8 of them, each with its own data and start, batches, weights and clipping."""
    name, settings, end = loss
    layers = [["Dense", 4, 5], activation, ["Dense", 5, 3], *end]
    options = itertools.cycle(itertools.product((None, 3), (False, True), (None, 0.1)))
    compared = []
    for seed, (optimizer, (size, weighted, clip)) in enumerate(zip(MAKER.OPTIMIZERS, options), 1):
        case = MAKER.base(
            layers=layers, loss=[name, settings], optimizer=list(optimizer), batch_size=size,
            epochs=100 if size is None else 34, weighted=weighted, clip_norm=clip,
        )  # fmt: skip
        compared.append(compare_live(case, seed))
    assert sum(compared) >= len(compared) - 2
