"""Convolution and pooling as machine code: random trainings, predictions, and what is refused.

That no buffer is left is in test_native_system.py, Arm in test_native_encoders.py.
"""

from __future__ import annotations

import random

import pytest
from image_cases import draw_image_case
from random_networks import random_image_network
from wide_cases import check_closely

import tinynn as nn
from tinynn.engines.native.convolution import ConvPasses
from tinynn.engines.native.engine import ENGINE as NATIVE, _unknown_here
from tinynn.engines.native.images import Geometry, Span, spans_of
from tinynn.engines.native.pooling import PoolPasses
from tinynn.engines.plans import layer_plans

pytestmark = pytest.mark.skipif(bool(NATIVE.unavailable()), reason=f"{NATIVE.unavailable()}")


@pytest.mark.parametrize("part", range(4))
def test_random_trainings_are_those_of_lists(part):
    seeds = range(10 * part, 10 * part + 10)
    compared = sum(
        check_closely(NATIVE, draw_image_case(random.Random(seed).choice)) for seed in seeds
    )
    assert compared >= 9


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_many_random_trainings_are_those_of_lists(part):
    seeds = range(1000 + 50 * part, 1050 + 50 * part)
    compared = sum(
        check_closely(NATIVE, draw_image_case(random.Random(seed).choice)) for seed in seeds
    )
    assert compared >= 45


def test_compiled_networks_predict_what_the_network_does():
    rng, compared = random.Random(2), 0
    for _ in range(60):
        model = random_image_network(rng)
        if _unknown_here(model):
            continue
        rows = [[rng.gauss(0, 1) for _ in range(model.inputs)] for _ in range(3)]
        predict = nn.compile(model, engine="native")
        for row, wanted in zip(predict.rows(rows), model.predict(rows)):
            assert row == pytest.approx(wanted, rel=1e-9, abs=1e-9), model
        compared += 1
    assert compared > 5


def test_an_image_as_large_as_digits_have():
    """28 x 28 pixels: windows of 49 panels, filters of two, and a stride."""
    rng = random.Random(1)
    X = [[rng.random() for _ in range(784)] for _ in range(4)]
    T = [[float(j == i % 10) for j in range(10)] for i in range(4)]
    found = []
    for engine in ("lists", "native"):
        model = nn.Sequential(
            nn.Conv2D((1, 28, 28), 20, 3, padding="same"), nn.ReLU(), nn.MaxPool2D((20, 28, 28), 4),
            nn.Conv2D((20, 7, 7), 17, 3, stride=2), nn.Tanh(), nn.AveragePool2D((17, 3, 3), 3),
            nn.Flatten(), nn.Dense(17, 10), nn.Softmax(), seed=2,
        )  # fmt: skip
        nn.fit(model, X, T, loss="ce", optimizer=nn.Adam(0.01), epochs=2, batch_size=3,
               shuffle=False, engine=engine)  # fmt: skip
        found.append([v for p in model.parameters() for row in p.rows() for v in row])
    assert found[1] == pytest.approx(found[0], rel=1e-9, abs=1e-9)


def test_frozen_weights_stay():
    rng = random.Random(1)
    X, T = [[rng.random() for _ in range(16)] for _ in range(6)], [[1.0], [0.0]] * 3
    for frozen in ("W", "b"):
        found = []
        for engine in ("lists", "native"):
            model = nn.Sequential(
                nn.Conv2D((1, 4, 4), 3, 2), nn.Tanh(), nn.Conv2D((3, 3, 3), 2, 2), nn.Flatten(),
                nn.Dense(8, 1), seed=1,
            )  # fmt: skip
            model.layers[2].frozen = frozen
            before = model.state()[f"2.{frozen}"]
            nn.fit(model, X, T, epochs=3, batch_size=2, shuffle=False, engine=engine)
            assert model.state()[f"2.{frozen}"] == before
            found.append(model.predict(X))
        for a, b in zip(*found):
            assert b == pytest.approx(a, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (nn.AveragePool2D((2, 4, 4), 3, padding=1, count_padding=False),
         "has windows of different sizes"),
    ],
)  # fmt: skip
def test_what_has_no_machine_code(layer, why):
    model = nn.Sequential(layer, nn.Flatten(), nn.Dense(layer.build(32, random.Random()), 1))
    X, T = [[1.0] * 32, [2.0] * 32], [[1.0], [0.0]]
    for call in (lambda: nn.fit(model, X, T, engine="native"), lambda: nn.compile(model, "native")):
        with pytest.raises(nn.EngineError) as caught:
            call()
        assert str(caught.value) == (
            f"the native engine, set by engine='native', cannot be used: layer 0, {layer!r}, {why}"
        )


def test_what_a_listing_says():
    model = nn.Sequential(
        nn.Conv2D((1, 4, 4), 3, 2), nn.MaxPool2D((3, 3, 3), 3), nn.Flatten(), nn.Dense(3, 1)
    )
    listed = nn.source(model, engine="native")
    assert "; forward through Conv 1x4x4 -> 3x3x3: z = W^T P + b" in listed
    assert "; backward through MaxPool 3x3x3 -> 3x1x1" in listed
    assert "; backward through Conv 1x4x4 -> 3x3x3: dW^T = d P^T" in listed


@pytest.mark.parametrize(
    ("kind", "name"),
    [(ConvPasses, "_add"), (ConvPasses, "_sum_filters"), (PoolPasses, "_window_backward")],
)
def test_a_wrong_kernel_is_not_used(monkeypatch, kind, name):
    """The comparison with the lesson finds it before the training begins."""
    from tinynn.engines import agreement
    from tinynn.formulas.caches import forget

    right = getattr(kind, name)

    def wrong(self, *arguments):
        right(self, *arguments)
        right(self, *arguments)

    monkeypatch.setattr(kind, name, wrong)
    forget()
    model = nn.Sequential(
        nn.Conv2D((1, 4, 4), 3, 2), nn.MaxPool2D((3, 3, 3), 2, 1), nn.Conv2D((3, 2, 2), 2, 2),
        nn.Flatten(), nn.Dense(2, 1),
    )  # fmt: skip
    with pytest.raises(nn.EngineError, match="it differs from the lesson in"):
        nn.fit(model, [[0.1 * k for k in range(16)]], [[1.0]], engine="native")
    monkeypatch.undo()
    forget()
    assert not agreement._found


def test_spans_lie_side_by_side():
    assert spans_of([]) == []
    assert spans_of([(0, 64), (8, 72), (24, 80), (32, 96)]) == [
        Span(0, 64, 2), Span(24, 80, 1), Span(32, 96, 1),
    ]  # fmt: skip


def test_windows_of_a_padded_image():
    model = nn.Sequential(nn.Conv2D((2, 3, 4), 1, 2, stride=(2, 1), padding=((1, 0), (0, 2))))
    (plan,) = layer_plans(model.layers, 24)
    geometry = Geometry.of(plan.image)
    assert (geometry.height, geometry.width, geometry.places) == (4, 6, 10)
    assert geometry.starts()[:6] == [0, 8, 16, 24, 32, 8 * 12]
    assert geometry.inside() == [Span(0, 48, 4), Span(32, 96, 4), Span(64, 144, 4)]


@pytest.mark.slow
def test_digits_are_learned_as_by_pytorch():
    """Handwritten digits, 8 x 8: the same weights and rows give the same losses and answers."""
    torch = pytest.importorskip("torch")
    data = pytest.importorskip("sklearn.datasets").load_digits()
    M, n, size = torch.nn, 1400, 32
    X, T = (data.data / 16.0).tolist(), nn.one_hot(data.target.tolist())

    def network():
        return nn.Sequential(
            nn.Conv2D((1, 8, 8), 8, 3, padding=1), nn.ReLU(), nn.MaxPool2D((8, 8, 8), 2),
            nn.Conv2D((8, 4, 4), 16, 3, padding=1), nn.ReLU(), nn.MaxPool2D((16, 4, 4), 2),
            nn.Flatten(), nn.Dense(64, 10), nn.Softmax(), seed=1,
        )  # fmt: skip

    module = M.Sequential(
        M.Conv2d(1, 8, 3, padding=1), M.ReLU(), M.MaxPool2d(2), M.Conv2d(8, 16, 3, padding=1),
        M.ReLU(), M.MaxPool2d(2), M.Flatten(), M.Linear(64, 10),
    ).double()  # fmt: skip
    model = network()
    with torch.no_grad():
        for k in (0, 3, 7):
            weight = torch.tensor(model.layers[k].W, dtype=torch.float64).T
            module[k].weight.copy_(weight.reshape(module[k].weight.shape))
            module[k].bias.zero_()
    images = torch.tensor(X, dtype=torch.float64).reshape(-1, 1, 8, 8)
    classes = torch.tensor(data.target)
    optimizer, losses = torch.optim.Adam(module.parameters(), lr=0.005), []
    for _ in range(12):
        total = 0.0
        for i in range(0, n, size):
            part = slice(i, min(i + size, n))
            optimizer.zero_grad()
            loss = M.functional.cross_entropy(module(images[part]), classes[part])
            loss.backward()
            optimizer.step()
            total += loss.item() * (part.stop - i)
        losses.append(total / n)
    settings = {"loss": "ce", "batch_size": size, "shuffle": False}
    history = nn.fit(
        model, X[:n], T[:n], optimizer=nn.Adam(0.005), epochs=12, engine="native", **settings
    )
    assert history.loss == pytest.approx(losses, rel=1e-9)
    plain = network()
    history = nn.fit(
        plain, X[:n], T[:n], optimizer=nn.Adam(0.005), epochs=1, engine="lists", **settings
    )
    assert history.loss == pytest.approx(losses[:1], rel=1e-9)
    answers = [max(range(10), key=row.__getitem__) for row in model.predict(X[n:])]
    assert answers == module(images[n:]).argmax(1).tolist()
    right = sum(a == b for a, b in zip(answers, data.target[n:].tolist()))
    assert right > 0.85 * len(answers)  # writers that none of the first rows are by
