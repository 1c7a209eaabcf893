"""Networks of sequences as machine code: random trainings, and what is refused.

That no buffer is left is in test_native_system.py, Arm in test_native_encoders.py, WebAssembly in
test_native_wasm.py; the smallest GPT's published losses are in test_sequences.py.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, strategies as st
from sequence_cases import draw_sequence_case
from wide_cases import check_closely

import tinynn as nn
from tinynn.engines.contract import Recipe
from tinynn.engines.native.attention import AttentionPasses
from tinynn.engines.native.engine import ENGINE as NATIVE
from tinynn.engines.native.numbers import with_gaps, without_gaps
from tinynn.engines.native.recurrence import RecurrentPasses
from tinynn.engines.native.sequences import SummaryPasses, TablePasses
from tinynn.formulas.caches import forget

pytestmark = pytest.mark.skipif(bool(NATIVE.unavailable()), reason=f"{NATIVE.unavailable()}")

LINES = [[0, 1, 2], [3, 4], [2, 2, 1, 0], [1]]
NEXT = [[1, 2, 3], [4, 0], [2, 1, 0, 3], [4]]


def reader(*layers, **settings):
    """Return a network of five kinds of steps, with these layers between."""
    return nn.Sequential(nn.Embedding(5, 8), *layers, nn.Dense(8, 5), **{"seed": 1, **settings})


def fitted(model, engine, **settings):
    """Return the history of a training on two sequences at a time."""
    options = {"loss": nn.CategoricalCrossEntropy(from_logits=True), "epochs": 3, "batch_size": 2}
    return nn.fit(model, LINES, NEXT, engine=engine, **{**options, **settings})


@pytest.mark.parametrize("part", range(4))
def test_random_trainings_are_those_of_lists(part):
    seeds = range(12 * part, 12 * part + 12)
    compared = sum(
        check_closely(NATIVE, draw_sequence_case(random.Random(seed).choice)) for seed in seeds
    )
    assert compared >= 10


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_many_random_trainings_are_those_of_lists(part):
    seeds = range(2000 + 40 * part, 2040 + 40 * part)
    compared = sum(
        check_closely(NATIVE, draw_sequence_case(random.Random(seed).choice)) for seed in seeds
    )
    assert compared >= 36


def test_fit_takes_validation_weights_and_dropout():
    found = []
    for engine in ("lists", "native"):
        model = reader(nn.Positions(4, 8), nn.GRU(8, 8), nn.Dropout(0.3))
        history = fitted(
            model, engine, optimizer="adam", sample_weight=[1.0, 0.0, 2.0, 0.5],
            validation=(LINES[:2], NEXT[:2]), metrics=[nn.metrics.accuracy],
        )  # fmt: skip
        assert history.engine == engine
        outputs = [y for row in model.predict(LINES)[2] for y in row]
        found.append([*history.loss, *history.validation_loss, *outputs])
    assert found[1] == pytest.approx(found[0], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("frozen", "optimizer"),
    [(["0.query.W", "1.W"], "sgd"), (["0.query.W", "1.b"], "adam"), (["0.key.b"], "rmsprop")],
)
def test_frozen_weights_stay_inside_others_too(frozen, optimizer):
    found = []
    for engine in ("lists", "native"):
        model = reader(nn.Residual(nn.MultiHeadAttention(8, 2), nn.Dense(8, 8)))
        model.layers[1].frozen = frozen
        before = model.state()
        fitted(model, engine, optimizer=optimizer)
        after = model.state()
        assert all(after[f"1.{name}"] == before[f"1.{name}"] for name in frozen)
        found.append([v for p in model.parameters() for row in p.rows() for v in row])
    assert found[1] == pytest.approx(found[0], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("letter", ["W", "U", "b", "c"])
def test_frozen_weights_of_a_recurrent_layer_stay(letter):
    found = []
    for engine in ("lists", "native"):
        model = reader(nn.GRU(8, 8))
        model.layers[1].frozen = letter
        fitted(model, engine, optimizer="adam")
        found.append([v for p in model.parameters() for row in p.rows() for v in row])
    assert found[1] == pytest.approx(found[0], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_loss_that_is_not_finite_is_that_of_lists(batch):
    said = []
    for engine in ("lists", "native"):
        model = reader(nn.RNN(8, 8, activation="relu"))
        with pytest.raises(nn.DivergenceError) as caught:
            fitted(model, engine, optimizer=nn.SGD(1e30), batch_size=batch, epochs=9)
        said.append(str(caught.value))
    assert said[1] == said[0]


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (nn.GRU(8, 8, reset_after=False), "has no way back in its code"),
        (nn.LSTM(8, 8, truncate=3), "goes back 3 steps, and its code goes back all"),
        (nn.GroupNorm(2, columns=8), "normalizes parts of a row, and its vectors do not"),
        (nn.BatchNorm(8), "is known to it only in networks of rows"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_what_has_no_machine_code(layer, why, inside):
    columns = getattr(layer, "units", 8)
    layers = [layer, nn.Dense(columns, 8)]
    model = reader(nn.Residual(*layers)) if inside else reader(*layers)
    with pytest.raises(nn.EngineError) as caught:
        fitted(model, "native")
    where = f"layer 0 of layer 1, {layer!r}" if inside else f"layer 1, {layer!r}"
    assert str(caught.value) == (
        f"the native engine, set by engine='native', cannot be used: {where}, {why}"
    )


@given(st.data())
def test_gaps_are_zeros_up_to_whole_vectors(data):
    """Of each group of rows, and of columns."""
    sizes = [data.draw(st.integers(1, 9)) for _ in range(2)]
    together = [data.draw(st.sampled_from([0, size])) for size in sizes]
    rows, columns = (size * data.draw(st.integers(1, 3)) for size in sizes)
    M = [[1.0 + columns * i + j for j in range(columns)] for i in range(rows)]
    found = with_gaps(M, *together)
    assert len(found) == rows // sizes[0] * (-(-together[0] // 4) * 4 or sizes[0])
    assert {len(row) for row in found} == {
        columns // sizes[1] * (-(-together[1] // 4) * 4 or sizes[1])
    }
    assert [x for row in found for x in row if x] == [x for row in M for x in row]
    assert without_gaps(found, *together) == M
    if together[1]:
        whole = -(-together[1] // 4) * 4
        assert not any(any(row[k::whole]) for row in found for k in range(together[1], whole))


def test_steps_after_a_summary_have_no_machine_code():
    model = nn.Sequential(nn.LSTM(2, 4, steps="last"), nn.RNN(4, 4), nn.Dense(4, 1))
    recipe = Recipe(model, nn.MeanSquaredError(), nn.SGD())
    assert NATIVE.refuses(recipe, 1) == (
        "layer 1, RNN(4, 4), comes after one that makes one row of a sequence"
    )


def test_what_a_listing_says():
    listed = nn.source(reader(nn.MultiHeadAttention(8, 2), nn.LSTM(8, 8)), engine="native")
    assert listed.startswith("; Embedding, Dense 8 -> 8, ")
    assert listed.splitlines()[0].endswith("batches of 1 sequence of 4 steps")
    assert "; forward through Attention: A = softmax(q k^T / sqrt(d)), y = A v" in listed
    assert "; backward through LSTM: from the last step to the first" in listed


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (AttentionPasses, "_program"), (AttentionPasses, "_mixtures"), (TablePasses, "backward"),
        (SummaryPasses, "backward"), (RecurrentPasses, "_zeros"), (RecurrentPasses, "_keep"),
    ],
)  # fmt: skip
def test_a_kernel_that_does_nothing_is_not_used(monkeypatch, kind, name):
    """The comparison with the lesson finds it before the training begins."""
    monkeypatch.setattr(kind, name, lambda self, *arguments, **others: None)
    forget()
    try:
        model = nn.Sequential(
            nn.Embedding(5, 8), nn.MultiHeadAttention(8, 2), nn.LSTM(8, 8), nn.MeanSteps(),
            nn.Dense(8, 2), nn.Softmax(),
        )  # fmt: skip
        with pytest.raises(nn.EngineError, match="it differs from the lesson in Sequential"):
            nn.fit(model, LINES, [0, 1, 0, 1], loss="ce", epochs=1, engine="native")
    finally:
        monkeypatch.undo()
        forget()
