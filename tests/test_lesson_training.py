"""The loop on one page: it is what `fit` does with the lists engine, to the last bit."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.errors import DivergenceError
from tinynn.lesson.losses import by_name
from tinynn.lesson.training import train

OPTIMIZERS = [
    lambda: nn.SGD(0.1), lambda: nn.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda: nn.Adagrad(0.1), lambda: nn.RMSprop(0.01, momentum=0.5, centered=True),
    lambda: nn.Adam(0.01, amsgrad=True), lambda: nn.AdamW(0.01, decay_biases=False),
    lambda: nn.SGD(nn.schedules.Exponential(0.1, gamma=0.9)),
]  # fmt: skip
ENDS = {"mse": [], "mae": [], "huber": [], "bce": [nn.Sigmoid], "ce": [nn.Softmax]}
BETWEEN = [nn.Tanh, nn.ReLU, nn.GELU, nn.SiLU, nn.LayerNorm, nn.Softmax, nn.Linear]


@given(
    st.integers(0, 2**32),
    st.sampled_from(sorted(ENDS)),
    st.sampled_from(OPTIMIZERS),
    st.integers(1, 9),
    st.sampled_from(BETWEEN),
)
def test_the_loop_is_what_fit_does(seed, loss, optimizer, batch_size, between):
    rng = random.Random(seed)
    X = [[rng.uniform(-1.0, 1.0) for _ in range(3)] for _ in range(7)]
    T = [[float(j == rng.randrange(2)) for j in range(2)] for _ in X]
    if loss == "ce":
        T = [[t[0], 1.0 - t[0]] for t in T]

    def network():
        last = [kind() for kind in ENDS[loss]]
        return nn.Sequential(nn.Dense(3, 4), between(), nn.Dense(4, 2), *last, seed=seed)

    plain, fitted = network(), network()
    losses = train(plain, X, T, by_name(loss), optimizer(), epochs=3, batch_size=batch_size)
    history = nn.fit(
        fitted, X, T, loss=loss, optimizer=optimizer(), epochs=3, batch_size=batch_size,
        shuffle=False, engine="lists",
    )  # fmt: skip
    assert plain.state() == fitted.state()
    assert losses == pytest.approx(history.loss, rel=1e-12)


def test_a_loss_that_is_not_finite_ends_the_loop():
    model = nn.Sequential(nn.Dense(1, 1, weights=[[1e200]]))
    with pytest.raises(DivergenceError) as error:
        train(model, [[1e200]], [[0.0]], by_name("mse"), nn.SGD(0.1))
    assert str(error.value) == "the loss became inf"
